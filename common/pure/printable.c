/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/printable.h"

#include <stdint.h>
#include <string.h>

/* Bytes of a character by its first one; 0: none begins so. */
static size_t length_of(uint8_t first)
{
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first <= 0xdf)
		return 2;
	if (first >= 0xe0 && first <= 0xef)
		return 3;
	return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

/* Controls (C0, DEL, C1), line and paragraph separators, and what turns the direction of writing
 * (UAX #9: LRM, RLM, ALM, embeddings, overrides, isolates), so that no text looks like another. */
static bool is_shown(uint32_t c)
{
	if (c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x61c || c == 0xfeff)
		return false;
	return !(c >= 0x200b && c <= 0x200f) && !(c >= 0x2028 && c <= 0x202e) &&
	       !(c >= 0x2066 && c <= 0x2069);
}

/* RFC 3629: shortest form, no surrogates, up to U+10FFFF. Return: its length; 0: not one that may
 * stand there. */
static size_t take(const uint8_t *at, size_t left)
{
	static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = length_of(at[0]);
	uint32_t c;

	if (n == 0 || n > left)
		return 0;
	c = n == 1 ? at[0] : at[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (at[i] & 0x3fu);
	}
	if (c < least[n] || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
		return 0;
	return is_shown(c) ? n : 0;
}

const char *printable_copy(char *out, size_t out_size, const char *text, size_t n)
{
	const uint8_t *at = (const uint8_t *)text;
	size_t used = 0, i = 0;

	if (out_size == 0)
		return "";
	while (i < n) {
		size_t len = take(at + i, n - i);

		if (used + (len ? len : 1) >= out_size)
			break;
		if (len)
			memcpy(out + used, at + i, len);
		else
			out[used] = '?';
		used += len ? len : 1;
		i += len ? len : 1;
	}
	out[used] = '\0';
	return out;
}

bool printable_ok(const char *text, size_t n)
{
	const uint8_t *at = (const uint8_t *)text;

	for (size_t i = 0, len; i < n; i += len) {
		len = take(at + i, n - i);
		if (len == 0)
			return false;
	}
	return true;
}
