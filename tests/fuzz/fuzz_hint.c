/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is taken for a hint is one: encoded again it says the same, in both forms. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/pure/hint.h"

static void check(const struct hint *h)
{
	uint8_t record[HINT_RECORD_BYTES];
	char text[HINT_TEXT_SIZE];
	struct hint a, b;
	size_t n = hint_encode_text(h, text);

	hint_encode_record(h, record);
	if (n >= sizeof(text) || hint_decode_text(&a, (const uint8_t *)text, n) != 0 ||
	    hint_decode_body(&b, record + RECORD_HEADER_BYTES,
			     sizeof(record) - RECORD_HEADER_BYTES) != 0 ||
	    a.code != h->code || b.code != h->code || a.arg != h->arg || b.arg != h->arg)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hint h;
	int r = hint_decode_text(&h, data, size);

	if (r != 0 && r != -ENOENT)
		abort();
	if (r == 0)
		check(&h);
	r = hint_decode_body(&h, data, size);
	if (r != 0 && r != -ENOENT)
		abort();
	if (r == 0)
		check(&h);
	return 0;
}
