/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/words.h"

#include <stdint.h>
#include <string.h>

/* One character, as strict as RFC 3629: no overlong form, no surrogate, not beyond U+10FFFF.
 * Return: its bytes; 0: malformed. */
static size_t take(const uint8_t *s, uint32_t *c)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

	if (n < 2) {
		*c = s[0];
		return n;
	}
	if (s[0] > 0xf4)
		return 0;
	*c = s[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80) /* the NUL, too */
			return 0;
		*c = *c << 6 | (s[i] & 0x3fu);
	}
	return *c < least[n] || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000) ? 0 : n;
}

static bool is_space(uint32_t c)
{
	return c <= 0x20 || (c >= 0x7f && c <= 0xa0) || c == 0x2028 || c == 0x2029;
}

/* Soft hyphen, zero width, direction marks, embeddings and isolates, byte order mark, tags. */
static bool is_hidden(uint32_t c)
{
	return c == 0xad || c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x202a && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
	       (c >= 0xe0000 && c <= 0xe007f);
}

bool words_clean(char *out, size_t out_size, const char *text)
{
	const uint8_t *s = (const uint8_t *)text;
	size_t used = 0, n;
	bool gap = false, full = false;
	uint32_t c;

	out[0] = '\0';
	for (; *s; s += n) {
		n = take(s, &c);
		if (n == 0) {
			out[0] = '\0';
			return false;
		}
		gap = gap || (is_space(c) && used > 0);
		if (full || is_space(c) || is_hidden(c))
			continue;
		full = used + gap + n >= out_size;
		if (full)
			continue; /* the rest is still looked at */
		if (gap)
			out[used++] = ' ';
		memcpy(out + used, s, n);
		used += n;
		out[used] = '\0';
		gap = false;
	}
	return true;
}
