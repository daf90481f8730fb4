/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/text.h"

#include <errno.h>
#include <string.h>

/* The two alphabets of RFC 4648 differ in the last two characters and in padding. */
struct b64 {
	char c62, c63;
	bool pad;
};

static const struct b64 B64 = {'+', '/', true};
static const struct b64 B64URL = {'-', '_', false};

static char digit_of(const struct b64 *b, uint32_t v)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

	v &= 63;
	if (v == 62)
		return b->c62;
	return v == 63 ? b->c63 : digits[v];
}

/* 0..63, or 64 for a character outside the alphabet. */
static uint32_t value_of(const struct b64 *b, char c)
{
	if (c >= 'A' && c <= 'Z')
		return (uint32_t)(c - 'A');
	if (c >= 'a' && c <= 'z')
		return (uint32_t)(c - 'a') + 26;
	if (c >= '0' && c <= '9')
		return (uint32_t)(c - '0') + 52;
	if (c == b->c62)
		return 62;
	return c == b->c63 ? 63 : 64;
}

/* The 1 or 2 bytes that three-byte groups leave over. */
static char *encode_rest(const struct b64 *b, char *out, const uint8_t *p, size_t n)
{
	uint32_t v = (uint32_t)p[0] << 16;

	if (n == 2)
		v |= (uint32_t)p[1] << 8;
	*out++ = digit_of(b, v >> 18);
	*out++ = digit_of(b, v >> 12);
	if (n == 2)
		*out++ = digit_of(b, v >> 6);
	else if (b->pad)
		*out++ = '=';
	if (b->pad)
		*out++ = '=';
	return out;
}

static void encode(const struct b64 *b, char *out, const uint8_t *p, size_t n)
{
	for (; n >= 3; p += 3, n -= 3) {
		uint32_t v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];

		*out++ = digit_of(b, v >> 18);
		*out++ = digit_of(b, v >> 12);
		*out++ = digit_of(b, v >> 6);
		*out++ = digit_of(b, v);
	}
	if (n > 0)
		out = encode_rest(b, out, p, n);
	*out = '\0';
}

int text_b64url_encode(char *out, size_t out_size, const void *bytes, size_t n)
{
	if (n > SIZE_MAX / 8 || out_size < TEXT_B64URL_SIZE(n))
		return -ENOSPC;
	encode(&B64URL, out, bytes, n);
	return 0;
}

int text_b64_encode(char *out, size_t out_size, const void *bytes, size_t n)
{
	if (n > SIZE_MAX / 8 || out_size < TEXT_B64_SIZE(n))
		return -ENOSPC;
	encode(&B64, out, bytes, n);
	return 0;
}

/* One spelling for each value: digits only, no lone digit, unused bits zero. */
static bool digits_ok(const struct b64 *b, const char *text, size_t len)
{
	static const uint32_t unused[4] = {0, 0, 15, 3};

	if (len % 4 == 1)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (value_of(b, text[i]) > 63)
			return false;
	}
	return len == 0 || (value_of(b, text[len - 1]) & unused[len % 4]) == 0;
}

static void decode_digits(const struct b64 *b, uint8_t *out, const char *text, size_t len)
{
	uint32_t v = 0;

	for (size_t i = 0; i < len; i++) {
		v = v << 6 | value_of(b, text[i]);
		if (i % 4 != 0)
			*out++ = (uint8_t)(v >> (6 - 2 * (i % 4)));
	}
}

/* Checked whole before the first byte is written. @len is without padding. */
static int decode(const struct b64 *b, void *out, size_t out_size, size_t *n, const char *text,
		  size_t len)
{
	size_t bytes = len / 4 * 3 + (len % 4 ? len % 4 - 1 : 0);

	if (!digits_ok(b, text, len))
		return -EBADMSG;
	if (bytes > out_size)
		return -ENOSPC;
	decode_digits(b, out, text, len);
	*n = bytes;
	return 0;
}

int text_b64url_decode(void *out, size_t out_size, size_t *n, const char *text, size_t text_len)
{
	return decode(&B64URL, out, out_size, n, text, text_len);
}

int text_b64_decode(void *out, size_t out_size, size_t *n, const char *text, size_t text_len)
{
	size_t len = text_len;

	if (text_len % 4 != 0)
		return -EBADMSG;
	if (len > 0 && text[len - 1] == '=')
		len--;
	if (len < text_len && text[len - 1] == '=')
		len--;
	return decode(&B64, out, out_size, n, text, len);
}

int text_hex_encode(char *out, size_t out_size, const void *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = bytes;

	if (n > SIZE_MAX / 4 || out_size < TEXT_HEX_SIZE(n))
		return -ENOSPC;
	for (size_t i = 0; i < n; i++) {
		*out++ = digits[p[i] >> 4];
		*out++ = digits[p[i] & 15];
	}
	*out = '\0';
	return 0;
}

/* 0..15, or 16 for anything else. */
static uint32_t hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return (uint32_t)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (uint32_t)(c - 'a') + 10;
	return c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A') + 10 : 16;
}

int text_hex_decode(void *out, size_t n, const char *text, size_t text_len)
{
	uint8_t *p = out;

	if (text_len % 2 != 0 || text_len / 2 != n)
		return -EBADMSG;
	for (size_t i = 0; i < text_len; i++) {
		if (hex_value(text[i]) > 15)
			return -EBADMSG;
	}
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(hex_value(text[2 * i]) << 4 | hex_value(text[2 * i + 1]));
	return 0;
}

static bool alnum_lower(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool text_name_ok(const char *s)
{
	size_t n = strnlen(s, TEXT_NAME_MAX + 1);

	if (n < 1 || n > TEXT_NAME_MAX || !alnum_lower(s[0]) || !alnum_lower(s[n - 1]))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!alnum_lower(s[i]) && s[i] != '-' && s[i] != '.' && s[i] != '_')
			return false;
	}
	return true;
}

bool text_domain_ok(const char *s)
{
	size_t n = strnlen(s, TEXT_NAME_MAX + 1);

	if (n < 1 || n > TEXT_NAME_MAX || !alnum_lower(s[0]) || !alnum_lower(s[n - 1]))
		return false;
	for (size_t i = 1; i < n; i++) {
		if (!alnum_lower(s[i]) && s[i] != '-' && s[i] != '.')
			return false;
		/* A label neither begins nor ends with '-', and is not empty. */
		if ((s[i] == '.' && !alnum_lower(s[i - 1])) || (s[i] == '-' && s[i - 1] == '.'))
			return false;
	}
	return true;
}

bool text_equal_ct(const void *a, const void *b, size_t n)
{
	const volatile uint8_t *x = a, *y = b;
	uint8_t diff = 0;

	for (size_t i = 0; i < n; i++)
		diff = (uint8_t)(diff | (x[i] ^ y[i]));
	return diff == 0;
}
