/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * window - a time of the week, by a clock that is a fixed time ahead of UTC: "mon-fri 08:00-17:00
 * +02:00". Pure. Source: docs/PROTOCOL.md, "Rules".
 *
 * A window that ends before it begins goes over midnight and belongs to the day on which it begins.
 * There is no daylight saving: small hosts do not know when it begins, and a rule must mean the
 * same at both ends.
 */
#ifndef FARLAN_WINDOW_H
#define FARLAN_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#define WINDOW_TEXT_SIZE 48 /* "mon,wed,fri,sun 08:00-17:00 +02:00" */

struct window {
	uint8_t days;		   /* bit 0: Monday; none: at all times */
	uint16_t from_min, to_min; /* of the day, 0..1439 and 1..1440 */
	int16_t offset_min;	   /* how far its clock is ahead of UTC */
};

/** window_parse() - DAYS HH:MM-HH:MM +HH:MM, single spaces; DAYS: "daily", or days and spans of
 * them with commas, "fri-mon" too. Return: 0; -EINVAL. */
int window_parse(struct window *w, const char *text) __attribute__((warn_unused_result));
/** window_format() - one spelling, which window_parse() takes. @w: has days. */
void window_format(const struct window *w, char out[WINDOW_TEXT_SIZE]);
bool window_equal(const struct window *a, const struct window *b);
/** window_holds() - at this Unix time? */
bool window_holds(const struct window *w, int64_t unix_s);

#endif
