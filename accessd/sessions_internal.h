/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What sessions.c (which there are), opening.c (how they begin), conditions.c (whether they may),
 * approvals.c (those that wait), grants.c (what each end gets), ruling.c (rules while they run),
 * naming.c (names of hosts), meeting.c (at which relay) and measuring.c (who measures when) share.
 */
#ifndef FARLAN_SESSIONS_INTERNAL_H
#define FARLAN_SESSIONS_INTERNAL_H

#include "accessd/pure/choose.h"
#include "accessd/pure/measured.h"
#include "accessd/pure/settings.h"
#include "accessd/sessions.h"

#define SESSIONS_TICK_MS 500
#define SESSIONS_GUESS_MS 2000 /* for the results that a session did not begin with */
#define SESSIONS_GUESS_MAX_MS                                                                  \
	20000			 /* for an end to measure; then nothing more is expected of it \
				  */
#define SESSIONS_ROUND_MS 120000 /* between two rounds of a running session */
#define SESSIONS_CHANGE_MS 1000	 /* between two lists of one session */
#define SESSIONS_AT_ONCE 32	 /* that get another list, then the loop has its turn */

struct session {
	struct store_session row;
	uint64_t ends_ms; /* by clock_mono_ms(): a step of the system clock changes no session */
	struct session *next;
	int64_t path[2]; /* by role: the relay of this end's packets; 0: none, or it did not say */
	int64_t begins_at;   /* the relay whose sessions it is counted with; 0: none */
	bool guessed;	     /* it began without the results of all relays from both ends, */
	uint64_t guess_ms;   /* then */
	bool has_news;	     /* an end has measured, and nothing was made of it yet */
	bool is_due;	     /* its relays are to be looked at: one of them came or went */
	uint64_t changed_ms; /* its list */
	uint64_t round_ms, next_round_ms; /* round_ms 0: none is running */
	bool has_found;			  /* in this round an end has measured something */
	unsigned int quiet_rounds;	  /* in a row, without that */
	struct choose_history better;
	bool rules_due;	      /* they may be others now */
	uint64_t rules_mark;  /* of those that the device was told last; 0: not known */
	enum event end_event; /* how its end is recorded; EVENT_NONE: as any */
};

/* A wish, and what holds for it. */
struct conditions {
	const struct sessions_manager *manager;
	const struct sessions_wish *wish;
	struct store_member device;
	struct settings of_user, of_device;
	int64_t valid_until;	      /* of the user; 0: for ever */
	char words[RPC_MESSAGE_SIZE]; /* what is wrong */
};

struct sessions {
	uv_loop_t *loop;
	struct store *store;
	struct access *access;
	const struct domain *domain;
	struct relays *relays;
	int64_t life_s;
	uint64_t session_rate, user_rate; /* where the member has none of its own */
	const struct sessions_ops *ops;
	void *arg;
	struct audit *audit;
	struct approvals *approvals;
	struct session *list; /* ordered by id */
	size_t n;
	struct measured_table measured;
	uv_timer_t timer;	/* for the end that comes first */
	uv_timer_t tick;	/* every SESSIONS_TICK_MS */
	uv_timer_t due;		/* when sessions are due */
	uv_timer_t ruling;	/* when their rules are */
	uint64_t opened, ended; /* since the start */
	uint64_t swept_ms;
	unsigned int n_handles;
	bool closing;
};

/** sessions_insert() - a row of the store into the list. Return: NULL out of memory. */
struct session *sessions_insert(struct sessions *ss, const struct store_session *row);
/** sessions_arm() - set the timer for the end that comes first. */
void sessions_arm(struct sessions *ss);
size_t sessions_count_of(const struct sessions *ss, int64_t endpoint);
struct session *sessions_find(const struct sessions *ss, const char *id);
/** sessions_finish() - end and forget @x; tell both ends but @not_endpoint, and the relays. */
void sessions_finish(struct sessions *ss, struct session *x, const char *reason,
		     int64_t not_endpoint);

/** conditions_check() - may a session as in c->wish begin, but for approval? Return: 0 and what
 * holds for it; an RPC code, and c->words. */
int conditions_check(struct sessions *ss, struct conditions *c) __attribute__((warn_unused_result));
bool conditions_must_wait(const struct conditions *c);
/** conditions_row() - what of it belongs into the session's row; started is set. */
void conditions_row(const struct conditions *c, struct store_session *row);
/** conditions_pending() - the wish as it waits: all but its id and client. */
void conditions_pending(const struct conditions *c, int64_t device_endpoint, struct pending *p);

/** approvals_open() - and deny what waited when accessd ended. Return: 0; -ENOMEM. */
int approvals_open(struct sessions *ss) __attribute__((warn_unused_result));
void approvals_close(struct sessions *ss);
/** approvals_ask() - let a wish wait, and answer @to that it does. @p: gets its id. Return: 0; an
 * RPC code, and @words. */
int approvals_ask(struct sessions *ss, struct pending *p, const struct sessions_asker *to,
		  const char **words) __attribute__((warn_unused_result));
/** opening_begin_approved() - a wish that was approved: begin, if it may still be as it was asked.
 */
void opening_begin_approved(struct sessions *ss, const struct sessions_manager *manager,
			    const struct pending *p, const struct sessions_asker *to);

/** sessions_record() - into the audit: what became of a session. @why: may be "". Return: see
 * audit_note(). */
int sessions_record(struct sessions *ss, const struct store_session *row, enum event event,
		    const char *why) __attribute__((warn_unused_result));
/** sessions_record_refused() - one that could not begin, in c->words. */
void sessions_record_refused(struct sessions *ss, const struct conditions *c);
/** sessions_keep() - the row as it is now and the audit's record of that, both or none. Return: 0;
 * -EIO. */
int sessions_keep(struct sessions *ss, const struct store_session *row, enum event event,
		  const char *why) __attribute__((warn_unused_result));

/**
 * grants_make() - this session's grant for one end. Return: 0 and a new object; -ENOENT an end or
 * all relays are gone; -E2BIG, -EPROTO the device cannot keep its rules: grants_words(); -EIO.
 */
int grants_make(struct sessions *ss, struct session *x, enum token_role role, json_t **grant)
	__attribute__((warn_unused_result));
/** grants_words() - for people, of -E2BIG and -EPROTO. */
const char *grants_words(int rc);
/** grants_send_relays() - the list, to the ends that are online. */
void grants_send_relays(struct sessions *ss, const struct session *x, int64_t endpoint);
/** ruling_kept() - does the device that answered so keep the rules of the session? A version that
 * knows none would let everything pass. */
bool ruling_kept(struct sessions *ss, const struct session *x, const json_t *answer);
#define GRANTS_DEVICE_OLD "the device's vpnd is too old to keep its rules: update it"
#define GRANTS_DEVICE_NO_WINDOWS \
	"the device's vpnd is too old for rules with times of the week: update it"
/** ruling_trouble() - why the session may not be with these rules (policies_rules() gave @rc);
 * NULL: it may. */
const char *ruling_trouble(struct sessions *ss, const struct session *x, int rc,
			   const struct rules *rules);
/** ruling_for_old() - for a manager that does not know windows, and only shows them. */
void ruling_for_old(struct rules *rules);
/** ruling_said() - the device is told these now. */
void ruling_said(struct session *x, const struct rules *rules);
/** ruling_due() - look soon whether its rules are others now. @again: tell both ends anyway. */
void ruling_due(struct sessions *ss, struct session *x, bool again);
/** grants_resend() - to an end that does not know the session (any more): with the next epoch. */
void grants_resend(struct sessions *ss, struct session *x, enum token_role role);

/** naming_hosts() - those behind a device that have names and lie in its LANs now. Return: 0; -EIO
 * (none). */
int naming_hosts(struct sessions *ss, const struct store_member *device, struct hosts *h)
	__attribute__((warn_unused_result));
/** naming_send() - those of the session's device, to its manager. */
void naming_send(struct sessions *ss, const struct session *x);

/**
 * meeting_choose() - the relays of a session that begins, into @row (manager, device and
 * device_member are set). *guessed: not all has been measured. Return: 0, also with none; -EIO.
 */
int meeting_choose(struct sessions *ss, struct store_session *row, bool *guessed)
	__attribute__((warn_unused_result));
/** meeting_count() - @x begins at another relay now, or (@over) nowhere any more. */
void meeting_count(struct sessions *ss, struct session *x, bool over);
/** meeting_look() - is there a better list for @x? It may end: then nothing of it is left. */
void meeting_look(struct sessions *ss, struct session *x, enum choose_event event);
/** meeting_due() - look at it soon, because relays came or went. */
void meeting_due(struct sessions *ss, struct session *x);

/** measuring_begin() - ask both ends of a new session for what is missing, tell the manager what is
 * known. */
void measuring_begin(struct sessions *ss, struct session *x);
/** measuring_lacks() - a result of this endpoint is missing for a relay that can be used. */
bool measuring_lacks(const struct sessions *ss, int64_t endpoint);
/** measuring_tick() - what is to be asked, and made of what came. May end @x. */
void measuring_tick(struct sessions *ss, struct session *x, uint64_t now);

#endif
