/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rules - what a session may do behind a device: an ordered list, the first rule that fits decides.
 * Pure (jansson). Source: docs/PROTOCOL.md, "Rules".
 *
 *   ACTION [DIRECTION] [PREFIX] [PROTOCOL[/PORT[-PORT]]] [DAYS HH:MM-HH:MM +HH:MM]
 *   allow in 192.168.1.10/32 tcp/102     the manager's side may connect to this port
 *   allow out tcp/443                    hosts at the machine may do so on the manager's side
 *   allow in udp mon-fri 08:00-17:00 +02:00     only then: window.h
 *   deny                                 nothing else
 *
 * A list that is there denies what none of its rules allows; without a list nothing is asked of it.
 * What is left out of a rule is anything.
 */
#ifndef FARLAN_RULES_H
#define FARLAN_RULES_H

#include <jansson.h>

#include "common/pure/addr.h"
#include "common/pure/window.h"

#define RULES_MAX 256
#define RULE_TEXT_SIZE 144  /* "allow out PREFIX icmp/65535-65535 WINDOW" */
#define RULES_NONE SIZE_MAX /* no rule fits */

enum rule_direction {
	RULE_BOTH,
	RULE_IN,  /* begun on the manager's side, towards the machine's LAN */
	RULE_OUT, /* begun on the machine's LAN */
};

enum rule_protocol { RULE_ANY, RULE_TCP, RULE_UDP, RULE_ICMP /* and ICMPv6 */ };

struct rule {
	bool allow;
	enum rule_direction direction;
	enum rule_protocol protocol;
	struct prefix prefix;	     /* of the machine's side; family 0: any */
	uint16_t from_port, to_port; /* the destination's; both 0: any */
	struct window when;	     /* no days: at all times */
};

struct rules {
	bool present; /* there is a list */
	size_t n;
	struct rule at[RULES_MAX];
};

/* Rules that do not count now, a bit each: rules_close(). */
struct rules_closed {
	uint64_t bits[RULES_MAX / 64];
};

/* What is asked: a packet that begins something. */
struct rule_question {
	enum rule_direction direction;	   /* RULE_IN or RULE_OUT */
	enum rule_protocol protocol;	   /* RULE_ANY: another one */
	const struct addr *near;	   /* the address on the machine's side */
	uint16_t port;			   /* the destination's; 0: it has none */
	const struct rules_closed *closed; /* NULL: all rules count */
};

/* What time it is. */
struct rules_time {
	bool known;
	int64_t unix_s;
};

/** rule_parse() - single spaces, in this order, nothing else. Return: 0; -EINVAL. */
int rule_parse(struct rule *r, const char *text) __attribute__((warn_unused_result));
/** rule_format() - one spelling, which rule_parse() takes. */
void rule_format(const struct rule *r, char out[RULE_TEXT_SIZE]);
bool rule_equal(const struct rule *a, const struct rule *b);

/** rules_find() - the first rule that fits. Return: its index; RULES_NONE: the default counts. */
size_t rules_find(const struct rules *rs, const struct rule_question *q);
/** rules_allow() - what follows from that; @found: the index or RULES_NONE. */
bool rules_allow(const struct rules *rs, const struct rule_question *q, size_t *found);

/** rules_windowed() - does one of them hold at times only? */
bool rules_windowed(const struct rules *rs);
/** rules_close() - which rules do not count then: those outside of their window. While the time is
 * not known no window allows anything, and each denies. */
void rules_close(const struct rules *rs, const struct rules_time *now, struct rules_closed *closed);
bool rules_is_closed(const struct rules_closed *closed, size_t rule); /* @closed: may be NULL */

/** rules_insert() - before the rule at @at; at or behind the end: as the last one. Return: 0;
 * -ENOSPC RULES_MAX. */
int rules_insert(struct rules *rs, size_t at, const struct rule *r)
	__attribute__((warn_unused_result));
/** rules_remove() - an empty list stays a list. Return: 0; -ENOENT. */
int rules_remove(struct rules *rs, size_t at) __attribute__((warn_unused_result));

/** rules_encode() - a new array of strings; NULL out of memory or no list. */
json_t *rules_encode(const struct rules *rs);
/** rules_decode() - NULL or null is no list. @rs is written whole or not at all. Return: 0;
 * -EBADMSG. */
int rules_decode(struct rules *rs, const json_t *list) __attribute__((warn_unused_result));

#endif
