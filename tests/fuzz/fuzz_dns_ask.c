/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a name server says, to a question of ours. */
#include <errno.h>
#include <stdlib.h>

#include "common/pure/dns_ask.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t asked[DNS_ASK_MAX_BYTES];
	struct dns_told t;
	size_t n;
	int r;

	if (dns_ask_encode(asked, &n, "as1.lab", 0x1234) != 0)
		abort();
	r = dns_ask_decode(&t, data, size, asked, n);
	if (r != 0 && r != -ENOMSG)
		abort();
	if (r == 0 && (size < 12 || !dns_ask_word(t.rcode)))
		abort();
	return 0;
}
