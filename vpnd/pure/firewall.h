/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * firewall - which packets of a session the rules of its grant let pass. Pure. After the gate: the
 * addresses are those of the session. Source: docs/PROTOCOL.md, "Rules".
 *
 *   packet that begins something   rules, first match; allowed: its flow is remembered
 *   packet of a known flow         passes, while the rules allow what began the flow: after a
 * change of rules each flow is asked about again with its next packet ICMP error passes if it
 * quotes a packet of such a flow, to whom has sent it later fragment                 passes after
 * its first one has; before that it is dropped unreadable                     a transport header
 * that is not all there, that a fragment would write over, or behind too many extension headers:
 * dropped
 *
 * Without rules everything passes, and flows are remembered: rules that come later ask about them.
 *
 * When flows were forgotten (a new process, a new session, a full table): what comes from the
 * machine's side and begins nothing by itself, where rules allow its other direction, is an answer
 * and takes the flow up again; what comes from the manager's side is asked about as new, or waits.
 * Who began it shows in TCP always; of the rest answers are believed as long after the session's
 * beginning only as a flow from before it would be remembered.
 */
#ifndef FARLAN_FIREWALL_H
#define FARLAN_FIREWALL_H

#include "common/pure/ip.h"
#include "common/pure/rules.h"
#include "vpnd/pure/flow_table.h"

struct firewall;

enum firewall_verdict {
	FIREWALL_PASS,
	FIREWALL_REFUSE, /* and tell the sender */
	FIREWALL_DROP,	 /* in silence */
};

enum firewall_why {
	FIREWALL_NO_RULES, /* there is no list */
	FIREWALL_RULE,
	FIREWALL_DEFAULT, /* no rule fits */
	FIREWALL_FLOW,	  /* it belongs to a known flow */
	FIREWALL_QUOTES,  /* an ICMP error about one, or about what rules allow */
	FIREWALL_FRAGMENT,
	FIREWALL_STRAY, /* an answer or a later fragment of nothing that is known */
	FIREWALL_UNREADABLE,
};

struct firewall_packet {
	uint16_t slot;
	enum rule_direction direction; /* RULE_IN or RULE_OUT */
	const struct ip_info *ip;
	const uint8_t *bytes;
	size_t n;
};

struct firewall_decision {
	enum firewall_verdict verdict;
	enum firewall_why why;
	size_t rule; /* FIREWALL_RULE: its index */
	bool cut;    /* it does not pass, and belongs to a flow that has passed by other rules */
	bool is_use; /* it passes, and is of a flow that the manager's side began; only of
			firewall_check() */
};

struct firewall_counters {
	uint64_t
		hits[RULES_MAX]; /* packets that a rule has decided: those of known flows are not */
	uint64_t by_default;	 /* the same, where no rule fits */
	uint64_t refused, stray, unreadable; /* packets that did not pass */
	uint64_t opened, evicted;	     /* flows; the latter in favour of this session's */
};

/** firewall_new() - @key: random. Return: NULL out of memory. */
struct firewall *firewall_new(const uint64_t key[2]);
void firewall_free(struct firewall *fw); /* NULL is nothing */

/** firewall_begin() - a new session in @slot, without rules: nothing of an earlier one is left. */
void firewall_begin(struct firewall *fw, uint16_t slot, uint64_t now_ms);
/** firewall_set_rules() - copied; from the next packet on, as of the time that was said last. A
 * rule that was there before keeps its count. */
void firewall_set_rules(struct firewall *fw, uint16_t slot, const struct rules *rules);

/** firewall_set_time() - what time it is: windows of rules open and close, and flows that run are
 * asked about again with their next packet. Return: are there windows? Then call it again when the
 * next minute begins. */
bool firewall_set_time(struct firewall *fw, const struct rules_time *now);
/** firewall_is_open() - does a rule count now? */
bool firewall_is_open(const struct firewall *fw, uint16_t slot, size_t rule);

/** firewall_check() - may it pass? Flows and counters go on. */
struct firewall_decision firewall_check(struct firewall *fw, const struct firewall_packet *p,
					uint64_t now_ms);
/** firewall_explain() - what firewall_check() would say; nothing changes. */
struct firewall_decision firewall_explain(const struct firewall *fw,
					  const struct firewall_packet *p, uint64_t now_ms);

const struct rules *firewall_rules(const struct firewall *fw, uint16_t slot);
const struct firewall_counters *firewall_counters(const struct firewall *fw, uint16_t slot);
/** firewall_flows() - how many are known; looks at all of the table. */
size_t firewall_flows(const struct firewall *fw, uint16_t slot, uint64_t now_ms);

const char *firewall_why_text(enum firewall_why why);

#endif
