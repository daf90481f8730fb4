/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses of servers: what is taken is within its caps, and something that a server can have. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/pure/told.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *o = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	static struct told t;
	int r = told_decode(&t, o);

	json_decref(o);
	if (r != 0 && r != -ENOENT && r != -EBADMSG)
		abort();
	if (r != 0)
		return 0;
	if (t.n > TOLD_ADDRS_MAX || t.n_hosts > TOLD_URLS_MAX)
		abort();
	for (size_t i = 0; i < t.n; i++) {
		if (addr_is_martian(&t.addrs[i]))
			abort();
	}
	for (size_t i = 0; i < t.n_hosts; i++) {
		if (!t.hosts[i][0] || !memchr(t.hosts[i], '\0', URL_HOST_SIZE))
			abort();
	}
	return 0;
}
