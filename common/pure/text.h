/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * text - base64url (RFC 4648 section 5, no padding), base64 (section 4, padded), hex, names.
 */
#ifndef FARLAN_TEXT_H
#define FARLAN_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that the text of n bytes needs, the closing NUL included. */
#define TEXT_B64URL_SIZE(n) (((n)*4 + 2) / 3 + 1)
#define TEXT_B64_SIZE(n) (((n) + 2) / 3 * 4 + 1)
#define TEXT_HEX_SIZE(n) ((n)*2 + 1)

#define TEXT_NAME_MAX 63 /* characters of a name or domain */

/**
 * text_b64url_encode() - @n bytes as base64url without padding, NUL-terminated.
 * @out_size: at least TEXT_B64URL_SIZE(n).   Return: 0; -ENOSPC.
 */
int text_b64url_encode(char *out, size_t out_size, const void *bytes, size_t n)
	__attribute__((warn_unused_result));

/**
 * text_b64url_decode() - strict: no padding, no white space, unused bits zero.
 * @text_len: characters of @text (need not be NUL-terminated).
 * @n: set to the number of bytes written.
 * Return: 0; -EBADMSG or -ENOSPC, nothing written.
 */
int text_b64url_decode(void *out, size_t out_size, size_t *n, const char *text, size_t text_len)
	__attribute__((warn_unused_result));

/** text_b64_encode(), text_b64_decode() - the same for padded standard base64. */
int text_b64_encode(char *out, size_t out_size, const void *bytes, size_t n)
	__attribute__((warn_unused_result));
int text_b64_decode(void *out, size_t out_size, size_t *n, const char *text, size_t text_len)
	__attribute__((warn_unused_result));

/** text_hex_encode() - lower case, NUL-terminated. Return: 0; -ENOSPC. */
int text_hex_encode(char *out, size_t out_size, const void *bytes, size_t n)
	__attribute__((warn_unused_result));

/** text_hex_decode() - exactly @n bytes from exactly 2*@n hex digits of either case. Return: 0;
 * -EBADMSG. */
int text_hex_decode(void *out, size_t n, const char *text, size_t text_len)
	__attribute__((warn_unused_result));

/**
 * text_name_ok() - may @s name a device, user or relay? 1 to 63 characters of
 * a-z, 0-9, '-', '.', '_', beginning and ending with a letter or digit.
 */
bool text_name_ok(const char *s);

/**
 * text_domain_ok() - may @s name a domain? Dotted labels (RFC 1123), lower case,
 * 1 to 63 characters in all.
 */
bool text_domain_ok(const char *s);

/** text_equal_ct() - compare secrets of equal length in constant time. */
bool text_equal_ct(const void *a, const void *b, size_t n);

#endif
