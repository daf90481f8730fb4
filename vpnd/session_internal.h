/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * session_internal - what the files of session share; nobody else includes it.
 *
 *   session.c         begin and end, packets, what is known of it
 *   session_search.c  which relays are dialed when; the list of relays; paths that come and go
 *   session_select.c  which path is used; moving to another one
 */
#ifndef FARLAN_SESSION_INTERNAL_H
#define FARLAN_SESSION_INTERNAL_H

#include <sys/queue.h>

#include "common/io/log.h"
#include "common/pure/backoff.h"
#include "vpnd/kept.h"
#include "vpnd/session.h"

#define LEGS_MAX (3 * GRANT_RELAYS_MAX) /* those of former lists end within seconds */
#define UNLISTED SIZE_MAX

/* One relay and the path there. */
struct leg {
	TAILQ_ENTRY(leg) list;
	struct session *session;
	struct grant_relay relay;
	size_t rank;	   /* place in the list; UNLISTED: of a former one, goes with its path */
	struct path *path; /* while there is one */
	bool was_ready;	   /* it has been */
	bool leaving;	   /* path_leave() was called */
	bool suspect;	   /* was lost, or is silent: dialed and chosen last */
	bool draining;	   /* its relay has said so: the same */
	uint32_t select_n; /* of the last SELECT for its path; 0: none */
	struct backoff backoff;
	uint64_t dial_at_ms; /* while there is no path and the search is on; 0: not */
	uint64_t dialed_ms;  /* when its path was */
};

TAILQ_HEAD(leg_list, leg);

/* Why a session that is up searches. */
enum session_move {
	MOVE_NO,
	MOVE_BETTER, /* a relay earlier in the list is there */
	MOVE_AWAY,   /* the one in use is draining, silent or not in the list any more */
};

struct session {
	struct session_config config;
	const struct session_callbacks *cb;
	void *arg;
	struct grant grant; /* relays and serial: the newest list's */
	enum session_state state;
	struct leg_list legs; /* in the order of the list, then those of former lists */
	size_t n_legs;
	struct leg *selected; /* packets are sent there; NULL: none */
	struct leg *asked;    /* manager: SELECT was said, the answer has not come; NULL: none */
	enum session_move move;
	uint64_t move_until_ms;
	uint64_t selected_ms; /* when the selected one was */
	uint64_t hinted_ms;   /* when a hint or silence started a search */
	struct backoff again; /* before a search, while selected paths die young */
	struct backoff hints; /* the same, while hints and silences follow each other closely */
	uint32_t select_n;    /* highest SELECT sent or taken */
	uint32_t dials;	      /* low half of the generation */
	bool held;	      /* packets wait for the timer */
	uv_timer_t search, choose, life, hold;
	unsigned int timers; /* not closed yet */
	uint64_t since_ms, ends_ms;
	uint64_t packets_in, packets_out, bytes_in, bytes_out, drops[SESSION_DROPS];
	uint64_t paths_ready, paths_failed, paths_lost;
	uint64_t moves;		   /* to another relay without a break */
	char told[IDENT_UID_SIZE]; /* relay that on_path told last; "": none */
	char last_reason[PATH_REASON_SIZE];
	struct log_limit failed_limit, hint_limit;
	struct queue queue;
	struct kept kept; /* of TCP, for the next path */
};

static inline bool session_is_manager(const struct session *s)
{
	return s->grant.role == TOKEN_MANAGER;
}

static inline bool leg_ready(const struct leg *l)
{
	return l->path && !l->leaving && path_ready(l->path);
}

/** leg_last() - dialed and chosen after the others. */
static inline bool leg_last(const struct leg *l)
{
	return l->suspect || l->draining;
}

/* session.c */
void session_set_state(struct session *s, enum session_state state, const char *why);
void session_over(struct session *s, const char *reason);
/** session_maybe_free() - a handle or leg has gone. Return: @s is gone, too. */
bool session_maybe_free(struct session *s);
void session_on_packet(struct path *p, const struct vnet *v, uint8_t *packet, size_t n);
void session_on_room(struct path *p);
/** session_keep_queue() - there is no path: keep of what waits what TCP needs. */
void session_keep_queue(struct session *s);

/* session_search.c */
/** search_list() - the session's legs are those of the grant from now on. Return: 0; -ENOSPC too
 * many of former lists are still ending; -ENOMEM. */
int search_list(struct session *s) __attribute__((warn_unused_result));
/** search_begin() - dial what the search wants, in order, from @at_ms on; the last ones last. */
void search_begin(struct session *s, uint64_t at_ms);
/** search_begin_lost() - the selected path was lost: at once, or after a pause if it died young. */
void search_begin_lost(struct session *s);
/** search_begin_hinted() - something that anybody on the way can bring about asks for it: the same,
 * and after a pause if that was so a short time ago. */
void search_begin_hinted(struct session *s);
/** search_again() - this host's network has changed: at once, and what does not get on anew. */
void search_again(struct session *s);
/** search_stop() - nothing is dialed any more. */
void search_stop(struct session *s);
/** search_wants() - is a path there worth having now? */
bool search_wants(const struct session *s, const struct leg *l);
void search_on_timer(uv_timer_t *timer);
/** leg_free() - one of a former list, without a path. */
void leg_free(struct leg *l);

/* session_select.c */
void select_on_choose(uv_timer_t *timer);
void select_on_hold(uv_timer_t *timer);
/** select_on_ready(), select_on_select(), select_on_selected() - see path.h. */
void select_on_ready(struct path *p);
void select_on_select(struct path *p, uint32_t n);
void select_on_selected(struct path *p, uint32_t n);
void select_on_hint(struct path *p, const struct hint *h);
void select_on_silent(struct path *p, bool silent);
/** select_lost() - a leg's path has gone. */
void select_lost(struct session *s, struct leg *l, const char *reason);
/** select_new_list() - the relays in the grant are other ones. */
void select_new_list(struct session *s);
/** select_give_up_move() - nobody has come: everything stays as it is. */
void select_give_up_move(struct session *s);

#endif
