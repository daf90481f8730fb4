/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * finding - one line of a doctor: what was looked at, how it is, what to do. Pure (jansson).
 * Source: docs/PROTOCOL.md, section 9: doctor.check.
 */
#ifndef FARLAN_FINDING_H
#define FARLAN_FINDING_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define FINDING_ID_SIZE 24
#define FINDING_SUBJECT_SIZE 160
#define FINDING_TEXT_SIZE 480
#define FINDING_TODO_SIZE 320

enum finding_state {
	FINDING_OK,
	FINDING_WARNING, /* it can work all the same */
	FINDING_FAILED,
	FINDING_SKIPPED, /* could not be looked at, or has no meaning here */
};

struct finding {
	char id[FINDING_ID_SIZE];	    /* what kind: "dns", "port", "server" ... */
	char subject[FINDING_SUBJECT_SIZE]; /* of whom: "as1.lab 203.0.113.6:443" */
	enum finding_state state;
	char text[FINDING_TEXT_SIZE];
	char todo[FINDING_TODO_SIZE]; /* "" nothing */
	uint32_t ms;		      /* how long it took; 0: it does not matter */
};

const char *finding_state_name(enum finding_state s);
/** finding_say(), finding_todo() - write the text and what to do; cut to fit. */
void finding_say(struct finding *f, enum finding_state state, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void finding_todo(struct finding *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** finding_encode() - as in the notification; NULL: no memory, or no UTF-8. */
json_t *finding_encode(const struct finding *f);
/** finding_clean() - copy what a stranger sent: printable ASCII, all else as '?'. */
void finding_clean(char *out, size_t out_size, const char *text, size_t len);

#endif
