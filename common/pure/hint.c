/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/hint.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DRAIN "drain"
#define DRAIN_LEN (sizeof(DRAIN) - 1)
#define DIGITS_MAX 5 /* 65535 */
#define BODY_BYTES (HINT_RECORD_BYTES - RECORD_HEADER_BYTES)

size_t hint_encode_text(const struct hint *h, char out[HINT_TEXT_SIZE])
{
	switch (h->code) {
	case HINT_DRAINING:
		return (size_t)snprintf(out, HINT_TEXT_SIZE, DRAIN " %u", (unsigned int)h->arg);
	}
	out[0] = '\0';
	return 0;
}

/* Decimal, up to 65535. */
static int decode_number(uint16_t *v, const uint8_t *digits, size_t n)
{
	uint32_t found = 0;

	if (n == 0 || n > DIGITS_MAX)
		return -ENOENT;
	for (size_t i = 0; i < n; i++) {
		if (digits[i] < '0' || digits[i] > '9')
			return -ENOENT;
		found = found * 10 + (uint32_t)(digits[i] - '0');
	}
	if (found > UINT16_MAX)
		return -ENOENT;
	*v = (uint16_t)found;
	return 0;
}

int hint_decode_text(struct hint *h, const uint8_t *text, size_t n)
{
	uint16_t arg = 0;

	if (n < DRAIN_LEN || memcmp(text, DRAIN, DRAIN_LEN) != 0)
		return -ENOENT;
	if (n > DRAIN_LEN && (text[DRAIN_LEN] != ' ' ||
			      decode_number(&arg, text + DRAIN_LEN + 1, n - DRAIN_LEN - 1) != 0))
		return -ENOENT;
	*h = (struct hint){.code = HINT_DRAINING, .arg = arg};
	return 0;
}

void hint_encode_record(const struct hint *h, uint8_t out[HINT_RECORD_BYTES])
{
	const uint8_t record[HINT_RECORD_BYTES] = {
		RECORD_TYPE_DATA, 3, 3, 0, BODY_BYTES, (uint8_t)h->code, (uint8_t)(h->arg >> 8),
		(uint8_t)h->arg};

	memcpy(out, record, sizeof(record));
}

int hint_decode_body(struct hint *h, const uint8_t *body, size_t n)
{
	uint16_t arg = 0;

	if (n < 1 || body[0] != HINT_DRAINING)
		return -ENOENT;
	if (n >= BODY_BYTES)
		arg = (uint16_t)(body[1] << 8 | body[2]);
	*h = (struct hint){.code = HINT_DRAINING, .arg = arg};
	return 0;
}
