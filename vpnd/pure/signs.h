/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * signs - what a host shows of its vpnd: a state, and what it means for light-emitting diodes.
 * Pure.
 *
 *   /sys/class/leds/green/brightness connected session     1 in these states, else 0
 *   /sys/class/leds/red/trigger locked=timer offline=default-on     else none
 */
#ifndef FARLAN_SIGNS_H
#define FARLAN_SIGNS_H

#include <stdbool.h>
#include <stddef.h>

enum sign {
	SIGN_NOT_ENROLLED,
	SIGN_WRONG_DOMAIN, /* the Access Server does not take this identity */
	SIGN_OFFLINE,
	SIGN_CONNECTED,
	SIGN_SESSION,
	SIGN_LOCKED,
	SIGNS
};

#define SIGN_LEDS_MAX 4
#define SIGN_FILE_SIZE 128
#define SIGN_VALUE_SIZE 24

struct sign_led {
	char file[SIGN_FILE_SIZE];
	char values[SIGNS][SIGN_VALUE_SIZE];
};

struct sign_leds {
	size_t n;
	struct sign_led at[SIGN_LEDS_MAX];
};

struct sign_facts {
	bool locked, enrolled, refused, online, session;
};

const char *sign_name(enum sign s); /* "not-enrolled", ... */
/** sign_of() - the one that matters most. */
enum sign sign_of(const struct sign_facts *f);

/** sign_leds_parse() - "FILE STATE[=VALUE]...", with commas; "" is none. Return: NULL, @l is
 * written; or what is wrong, in words. */
const char *sign_leds_parse(struct sign_leds *l, const char *text);
/** sign_leds_format() - the same text, cut to fit. */
void sign_leds_format(const struct sign_leds *l, char *out, size_t out_size);

#endif
