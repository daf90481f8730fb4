/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/hardware.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/pure/text.h"

/* As they are found in firmware, in lower case. */
static const char *const FILLERS[] = {
	"to be filled by o.e.m.",
	"to be filled by oem",
	"default string",
	"not specified",
	"not applicable",
	"not available",
	"none",
	"n/a",
	"na",
	"unknown",
	"invalid",
	"oem",
	"empty",
	"system serial number",
	"system product name",
	"base board serial number",
	"chassis serial number",
	"serial number",
	"0123456789",
	"123456789",
	"1234567890",
	"12345678",
	"03000200-0400-0500-0006-000700080009", /* boards whose maker set no UUID */
	"12345678-1234-5678-90ab-cddeefaabbcc",
	"fefefefe-fefe-fefe-fefe-fefefefefefe",
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\0';
}

/* "0000", "ffffffff-ffff-...", "......": one character, whatever stands between. */
static bool is_monotonous(const char *value)
{
	char first = '\0';

	for (; *value; value++) {
		if (strchr("-.: _", *value))
			continue;
		if (first && *value != first)
			return false;
		first = *value;
	}
	return true;
}

static bool is_filler(const char *value)
{
	for (size_t i = 0; i < sizeof(FILLERS) / sizeof(FILLERS[0]); i++) {
		if (strcmp(FILLERS[i], value) == 0)
			return true;
	}
	return is_monotonous(value);
}

bool hardware_value(const void *bytes, size_t len, char value[HARDWARE_VALUE_SIZE])
{
	const char *at = bytes;

	while (len > 0 && is_space(at[len - 1]))
		len--;
	for (; len > 0 && is_space(*at); at++)
		len--;
	if (len == 0 || len >= HARDWARE_VALUE_SIZE)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (at[i] < ' ' || at[i] > '~')
			return false;
		value[i] = (char)(at[i] >= 'A' && at[i] <= 'Z' ? at[i] - 'A' + 'a' : at[i]);
	}
	value[len] = '\0';
	return !is_filler(value);
}

bool hardware_mac_ok(const uint8_t mac[6])
{
	static const uint8_t nobody[6] = {0};

	/* IEEE 802: the first bit sent is a group's, the second says who gave it out. */
	return (mac[0] & 3) == 0 && memcmp(mac, nobody, sizeof(nobody)) != 0;
}

size_t hardware_text(const char *kind, const char *value, char out[HARDWARE_TEXT_SIZE])
{
	return (size_t)snprintf(out, HARDWARE_TEXT_SIZE, "farlan-hardware/1 %.40s %.127s", kind,
				value);
}

void hardware_add(struct hardware *h, const uint8_t mark[HARDWARE_MARK_BYTES])
{
	for (size_t i = 0; i < h->n; i++) {
		if (memcmp(h->marks[i], mark, HARDWARE_MARK_BYTES) == 0)
			return;
	}
	if (h->n < HARDWARE_MARKS_MAX)
		memcpy(h->marks[h->n++], mark, HARDWARE_MARK_BYTES);
}

int hardware_decode(struct hardware *h, const json_t *list)
{
	size_t n = json_array_size(list), len;
	uint8_t mark[HARDWARE_MARK_BYTES];

	memset(h, 0, sizeof(*h));
	if (list && (!json_is_array(list) || n > HARDWARE_MARKS_MAX))
		return -EBADMSG;
	for (size_t i = 0; i < n; i++) {
		const char *text = json_string_value(json_array_get(list, i));

		if (!text || text_b64_decode(mark, sizeof(mark), &len, text, strlen(text)) != 0 ||
		    len != sizeof(mark))
			return -EBADMSG;
		hardware_add(h, mark);
	}
	return 0;
}
