/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/display.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define NO_CHAR UINT32_MAX

struct range {
	uint32_t first, last;
};

static int in_ranges(uint32_t c, const struct range *r, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (c >= r[i].first && c <= r[i].last)
			return 1;
	}
	return 0;
}

#define IN(c, ranges) in_ranges(c, ranges, sizeof(ranges) / sizeof((ranges)[0]))

/* One code point (RFC 3629), or NO_CHAR for a byte of what is none. Return: its bytes. */
static size_t next_char(const char *text, uint32_t *c)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *p = (const unsigned char *)text;
	size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc0 ? 2 : 1;

	*c = n == 1 ? p[0] : p[0] & (0xffu >> (n + 1));
	if (p[0] >= 0xf8 || (p[0] >= 0x80 && n == 1))
		*c = NO_CHAR;
	for (size_t i = 1; i < n && *c != NO_CHAR; i++)
		*c = (p[i] & 0xc0) == 0x80 ? *c << 6 | (p[i] & 0x3fu) : NO_CHAR;
	if (*c == NO_CHAR || *c < least[n] || *c > 0x10ffff || (*c >= 0xd800 && *c <= 0xdfff)) {
		*c = NO_CHAR;
		return 1;
	}
	return n;
}

static int steers(uint32_t c)
{
	static const struct range ranges[] = {
		{0, 0x1f},	  {0x7f, 0x9f},	    {0x61c, 0x61c},   {0x200e, 0x200f},
		{0x2028, 0x202e}, {0x2066, 0x2069}, {0xfff9, 0xfffb},
	};

	return c == NO_CHAR || IN(c, ranges);
}

static size_t char_width(uint32_t c)
{
	static const struct range none[] = {
		{0x300, 0x36f},	  {0x483, 0x489},   {0x591, 0x5bd},	{0x610, 0x61a},
		{0x64b, 0x65f},	  {0x93c, 0x93c},   {0x94d, 0x94d},	{0xe31, 0xe31},
		{0xe34, 0xe3a},	  {0xe47, 0xe4e},   {0x1ab0, 0x1aff},	{0x1dc0, 0x1dff},
		{0x200b, 0x200d}, {0x2060, 0x2064}, {0x20d0, 0x20ff},	{0xfe00, 0xfe0f},
		{0xfe20, 0xfe2f}, {0xfeff, 0xfeff}, {0xe0100, 0xe01ef},
	};
	static const struct range two[] = {
		{0x1100, 0x115f},   {0x231a, 0x231b},	{0x2e80, 0x303e},   {0x3041, 0xa4cf},
		{0xa960, 0xa97c},   {0xac00, 0xd7a3},	{0xf900, 0xfaff},   {0xfe30, 0xfe6f},
		{0xff00, 0xff60},   {0xffe0, 0xffe6},	{0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff},
		{0x1f900, 0x1faff}, {0x20000, 0x3fffd},
	};

	if (c < 0x300 || steers(c))
		return 1;
	return IN(c, none) ? 0 : IN(c, two) ? 2 : 1;
}

size_t display_width(const char *text)
{
	size_t width = 0;
	uint32_t c;

	while (*text) {
		text += next_char(text, &c);
		width += char_width(c);
	}
	return width;
}

char *display_clean(const char *text)
{
	char *out = malloc(strlen(text) + 1), *at = out;
	uint32_t c;

	while (out && *text) {
		size_t n = next_char(text, &c);

		if (steers(c)) {
			*at++ = '?';
		} else {
			memcpy(at, text, n);
			at += n;
		}
		text += n;
	}
	if (out)
		*at = '\0';
	return out;
}

size_t display_cut(const char *text, size_t columns, const char *mark, int *is_cut)
{
	size_t room = display_width(mark), used = 0, bytes = 0;
	uint32_t c;

	*is_cut = display_width(text) > columns;
	if (!*is_cut)
		return strlen(text);
	room = columns > room ? columns - room : 0;
	while (text[bytes]) {
		size_t n = next_char(text + bytes, &c);

		used += char_width(c);
		if (used > room)
			break;
		bytes += n;
	}
	return bytes;
}
