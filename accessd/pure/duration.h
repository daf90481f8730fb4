/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * duration - spans of time as people write them: "30m", "12h", "7d". Pure.
 */
#ifndef FARLAN_DURATION_H
#define FARLAN_DURATION_H

#include <stddef.h>
#include <stdint.h>

/** duration_parse() - a number and one of m, h, d. Return: 0 and *seconds > 0; -EINVAL; -ERANGE
 * over a year. */
int duration_parse(int64_t *seconds, const char *text) __attribute__((warn_unused_result));

#define DURATION_TEXT_SIZE 32
/** duration_format() - the two largest units that are not zero: "6d 23h", "12m 5s", "0s". */
void duration_format(int64_t seconds, char out[DURATION_TEXT_SIZE]);

#endif
