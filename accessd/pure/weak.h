/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * weak - passwords that somebody who guesses tries first. Pure.
 *
 * In the spirit of NIST SP 800-63B section 5.1.1.2: a least length and a list of what is common,
 * with what people make of it (capitals, digits behind it, 4 for a); no rules of composition.
 */
#ifndef FARLAN_WEAK_H
#define FARLAN_WEAK_H

#include <stdbool.h>
#include <stddef.h>

#define WEAK_MAX_BYTES 256

enum weak {
	WEAK_NOT,
	WEAK_SHORT,
	WEAK_COMMON,   /* in the list, or made of it */
	WEAK_NAME,     /* the user's or the domain's name, and little else */
	WEAK_KEYS,     /* a row of the keyboard or of the alphabet */
	WEAK_REPEATED, /* the same over and over */
};

struct weak_context {
	const char *user, *domain;
	size_t min_bytes;
};

/** weak_check() - @password: text, at most WEAK_MAX_BYTES; what is longer is not weak. */
enum weak weak_check(const char *password, const struct weak_context *x);

/** weak_words() - why, for a person: "it is a password that many people have". */
const char *weak_words(enum weak w);

/** weak_plain() - what is compared with lists: lower case, digits and marks at both ends taken off,
 * and letters for the digits and marks that stand for them. @out: as large as @password. */
void weak_plain(const char *password, char *out);

#endif
