/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * utc - times as RFC 3339 writes them: "2026-12-01T02:54:14.123Z", UTC, with milliseconds. Pure.
 */
#ifndef FARLAN_UTC_H
#define FARLAN_UTC_H

#include <stdint.h>

#define UTC_TEXT_SIZE 25
#define UTC_MAX_MS INT64_C(253402300799999) /* the end of 9999 */

/** utc_format() - @ms: Unix milliseconds; what lies before 1970 or after 9999 becomes the nearest
 * of these. */
void utc_format(int64_t ms, char out[UTC_TEXT_SIZE]);

/** utc_parse() - exactly that form. Return: 0; -EINVAL. */
int utc_parse(int64_t *ms, const char *text) __attribute__((warn_unused_result));

#endif
