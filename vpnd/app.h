/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * app - what vpnd is made of, and how the pieces are joined. The files of vpnd that join them
 * share this structure; the pieces themselves do not know it:
 *
 *   app.c        start, stop, identity
 *   sessions.c   grants -> sessions -> slots of the plane
 *   limits.c     when sessions end by themselves
 *   approvals.c  sessions that wait for approval, and who gives it
 *   accounting.c what sessions carried; receipts.c: the same, signed
 *   access.c     what is said with the Access Server
 *   rules.c      the rules of sessions: taken, shown
 *   lock.c       the red button; signs.c: what the host shows of vpnd
 *   captures.c   packets for vpnctl capture; trace.c: what would become of one
 *   relays.c     the ways to the relays: measured, told, shown
 *   names.c      the names of what is connected, and who is told of them
 *   routes.c     servers stay outside of the tunnel; what is set on the host
 *   control.c    what vpnctl asks; enrolment.c: its enroll and login; status.c: its status
 *   figures.c    what a Prometheus gets
 *   doctor*.c    what stands in the way here
 */
#ifndef FARLAN_VPND_APP_H
#define FARLAN_VPND_APP_H

#include "common/io/access_link.h"
#include "common/io/enrol.h"
#include "common/io/local.h"
#include "common/io/log.h"
#include "common/io/metrics.h"
#include "common/io/reporter.h"
#include "common/io/sntp_client.h"
#include "vpnd/config.h"
#include "vpnd/hook.h"
#include "vpnd/lock_input.h"
#include "vpnd/plane.h"
#include "vpnd/pure/limits.h"
#include "vpnd/pure/lock_kept.h"
#include "vpnd/pure/relay_table.h"
#include "vpnd/session.h"

/* Why rules did not let a packet pass. */
enum rules_drop { RULES_REFUSED, RULES_STRAY, RULES_UNREADABLE, RULES_DROPS };

/* What sessions have carried and dropped. */
struct app_traffic {
	uint64_t bytes_in, bytes_out, packets_in, packets_out;
	uint64_t drops[SESSION_DROPS], gate[GATE_RESULTS], malformed, not_taken, too_big;
	uint64_t lend[LEND_DROPS];
	uint64_t rules[RULES_DROPS];
	uint64_t marked, paths_ready, paths_failed, paths_lost;
	struct histo delays;
};

#define APP_ERRORS_MAX 8
#define APP_ENDED_MAX 128    /* sessions that are remembered as ended */
#define APP_UNSURE_MAX 64    /* devices whose session may have been granted, unheard */
#define APP_CONNECT_MS 25000 /* vpnctl connect waits this long for the device */
#define APP_ENROLLED_MS 5000 /* vpnctl enroll and login wait this long for the first connection */
#define APP_DISCONNECTED "disconnected" /* the reason when a person here ends a session */
#define APP_TEXT_SIZE 400

/* What paths are made with. Certificates change once in months: older ones are kept as long as a
 * session began with them, or later. */
struct session_contexts {
	struct session_contexts *older;
	struct tls_ctx *outer, *client, *server;
};

/* Somebody at a vpnctl who waits for an answer. */
struct waiter {
	bool waiting;
	uint64_t client; /* local_client_number() */
	int64_t id;
	uint64_t since_ms;
};

struct app_session {
	struct app *app;
	uint16_t slot;
	struct session *session; /* NULL: free */
	struct waiter waiter;
	bool ending;
	int64_t from_ms;		/* Unix time of its beginning */
	uint64_t began_ms, reported_ms; /* clock_mono_ms(): the same; its usage was told */
	struct limits limits;
	const char *cause; /* of its end, for the Access Server: "idle"; NULL: by @reason alone */
};

#define LOCK_WAITERS_MAX 8
#define LOCK_WORDS "locked at the machine"

/* The red button. */
struct lock {
	struct lock_kept by_hand; /* as it counts */
	struct lock_kept wanted;  /* as it is to be on disk, */
	struct lock_kept writing_now;
	bool unreadable;     /* the file was */
	bool writing, again; /* and once more */
	int error;	     /* of writing; 0: none */
	uv_work_t work;
	size_t n_waiters;
	struct waiter waiters[LOCK_WAITERS_MAX];
	struct lock_input *watch; /* NULL: no switch */
	enum lock_input_state input;
	char input_words[LOCK_INPUT_WORDS_SIZE];
	int64_t since_s; /* if locked */
};

/* What the host shows. */
struct signs {
	bool open, begun;
	enum sign shown;
	struct hook *hook; /* NULL: none */
	struct log_limit limit;
};

struct app_error {
	uint64_t at_ms; /* 0: none */
	char text[APP_TEXT_SIZE], todo[160];
};

struct app {
	uv_loop_t *loop;
	struct config config;
	bool enrolled, online, stopping;
	bool refused; /* the Access Server does not take this identity */
	struct lock lock;
	struct signs signs;
	struct identity identity; /* enrolled */
	struct identity *next;	  /* takes its place when all that uses the old one is closed */
	struct session_contexts *contexts; /* of paths; NULL: not enrolled */
	struct access_link *link;
	struct addr ipv4, ipv6; /* tunnel addresses */
	size_t n_lans;		/* device: its LANs in the register */
	struct prefix lans[GRANT_LANS_MAX];
	struct packets *packets;
	struct plane *plane;
	struct local *local;
	struct sntp_client *sntp;	  /* NULL: no time servers */
	struct metrics *metrics;	  /* NULL: none asked for */
	struct app_traffic ended_traffic; /* of sessions that are over */
	struct dial_memory memory;
	struct dial_proxy proxy;
	struct app_session sessions[PLANE_SLOTS_MAX];
	struct relays *relays;
	struct captures *captures;
	struct names *names;
	struct doctor *doctor;	   /* NULL: nobody asked */
	struct reporter *reporter; /* of usage; NULL: not enrolled */
	struct {
		struct reporter *reporter;     /* NULL: not enrolled */
		uint8_t key[GRANT_KEY_BYTES];  /* this end's */
		int64_t number;		       /* of its last record */
		uint8_t last[GRANT_KEY_BYTES]; /* hash of that */
	} receipts;
	uv_timer_t accounting; /* while there are sessions */
	struct enrol *enrol;
	struct waiter enrol_waiter;
	json_t *recovery_codes; /* that came with the sign-in; NULL: none */
	uv_timer_t ticker;	/* while somebody waits for a session */
	uv_timer_t limits;	/* while there are sessions */
	struct approvals *approvals;
	struct app_error errors[APP_ERRORS_MAX];
	size_t next_error;
	char ended[APP_ENDED_MAX][TOKEN_SESSION_SIZE]; /* a ring */
	size_t next_ended;
	char unsure[APP_UNSURE_MAX][GRANT_NAME_SIZE]; /* a ring */
	size_t next_unsure;
};

/** app_start() - @app: all zero. @config: copied. Return: 0; -errno, logged; app_stop() still
 * follows. */
int app_start(struct app *app, uv_loop_t *loop, const struct config *config)
	__attribute__((warn_unused_result));
/** app_stop() - undo everything, close everything; the loop ends by itself. Idempotent. */
void app_stop(struct app *app);
/** app_enrolled() - save a new identity and take it into use. Return: 0; -errno. */
int app_enrolled(struct app *app, const struct identity *id) __attribute__((warn_unused_result));
/** app_renewed() - the same identity with a new certificate: save it and use it from now on.
 * Sessions go on. Return: 0; -errno. */
int app_renewed(struct app *app, const struct identity *id) __attribute__((warn_unused_result));
/** app_note_error() - for the log and for status; @todo: what to do, may be "". */
void app_note_error(struct app *app, const char *todo, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** app_remember() - keep on disk what worked, if that is news. */
void app_remember(struct app *app);

/** app_parts_closed() - a session or the link has closed: go on with what waited for it. */
void app_parts_closed(struct app *app);

/* sessions.c */

/**
 * sessions_begin() - a grant was given: attach and open. A grant for a running session is nothing
 * new.
 * @waiter: somebody to be told of steps and the outcome; NULL: nobody.
 * Return: 0; -errno and @error in words.
 */
int sessions_begin(struct app *app, struct grant *grant, const struct waiter *waiter,
		   char error[PLANE_ERROR_SIZE]) __attribute__((warn_unused_result));
/** sessions_end() - @tell: accessd does not know yet. */
void sessions_end(struct app_session *as, const char *reason, bool tell);
void sessions_end_all(struct app *app, const char *reason, bool tell);
/** sessions_idle() - there are sessions, and none of them is in use. */
bool sessions_idle(const struct app *app);
/** sessions_find() - by id, or by the peer's name; NULL. */
struct app_session *sessions_find(struct app *app, const char *session);
struct app_session *sessions_find_peer(struct app *app, const char *peer);
bool sessions_any(const struct app *app);
/** sessions_tick() - somebody waits: look after the deadlines. */
void sessions_tick(struct app *app);
/** sessions_step() - tell who waits, with the time since the start. */
void sessions_step(struct app *app, const struct waiter *w, const char *text);
/** sessions_lans() - the peer's, as it calls them; sessions_virtual() - what of the peer's
 * addresses has others here, as status shows it. */
json_t *sessions_lans(const struct app_session *as);
json_t *sessions_virtual(const struct app_session *as);
extern const struct plane_callbacks sessions_plane_calls; /* arg: struct app */

/* accounting.c: call accounting_begin() and _end() for each session, while as->session is there */
void accounting_open(struct app *app);
void accounting_use_identity(struct app *app);
void accounting_begin(struct app_session *as);
void accounting_end(struct app_session *as, const char *reason);
void accounting_close(struct app *app);

/* limits.c */
void limits_open(struct app *app);
void limits_close(struct app *app);
/** limits_start() - a session was opened: as->session is there. */
void limits_start(struct app_session *as);
/** limits_status() - who is there, for what, and when it ends unused, into the session's object. */
void limits_status(const struct app_session *as, json_t *o);

/* approvals.c */
int approvals_open(struct app *app) __attribute__((warn_unused_result));
void approvals_close(struct app *app); /* idempotent */
/**
 * approvals_wait() - the Access Server has said that a session waits for approval.
 * @pending: its answer. @done: once: with the grant (borrowed), or a code and words; never before
 * this returns 0. @w: who waits: with him goes the wish.
 * Return: 0; -EBADMSG; -ENOSPC.
 */
int approvals_wait(struct app *app, const json_t *pending, const struct waiter *w,
		   rpc_answer_fn *done, void *arg) __attribute__((warn_unused_result));
void approvals_offline(struct app *app); /* what waited is lost */
/** approvals_asked() - how many sessions wait for somebody here to approve them. */
size_t approvals_asked(const struct app *app);
void approvals_client_gone(struct app *app, uint64_t client);
void approvals_on_decided(struct rpc *rpc, int64_t id, const json_t *params); /* session.decided */
void approvals_on_asked(struct rpc *rpc, int64_t id, const json_t *params);   /* session.asked */
/** approvals_on_list(), _on_approve(), _on_reject() - vpnctl's. */
void approvals_on_list(struct rpc *rpc, int64_t id, const json_t *params);
void approvals_on_approve(struct rpc *rpc, int64_t id, const json_t *params);
void approvals_on_reject(struct rpc *rpc, int64_t id, const json_t *params);

/* receipts.c: signed records of sessions */
void receipts_use_identity(struct app *app);
void receipts_close(struct app *app);
/** receipts_add() - the session is over; while as->session is there. */
void receipts_add(const struct app_session *as, const char *ended);
void receipts_on_ask(struct rpc *rpc, int64_t id, const json_t *params); /* vpnctl's */

/* access.c */
int access_open(struct app *app) __attribute__((warn_unused_result));
/** access_close_session() - tell accessd that a session is over: now, or when it grants it again.
 * @cause: "idle", or NULL. */
void access_close_session(struct app *app, const char *session, const char *reason,
			  const char *cause);
/** access_tell_path() - which relay the packets of a session take. */
void access_tell_path(struct app *app, const struct session *s);
/** access_set_unsure() - was a connect to @device given up unheard? A grant that comes for it
 * without being asked for is refused then. */
void access_set_unsure(struct app *app, const char *device, bool unsure);

/* rules.c */
void rules_on_change(struct rpc *rpc, int64_t id, const json_t *params); /* session.rules */
/** rules_status() - the session's rules and what they did, into its object. */
void rules_status(const struct app *app, const struct app_session *as, json_t *o);
void rules_drops(const struct app *app, const struct app_session *as, uint64_t counts[RULES_DROPS]);
const char *rules_drop_name(enum rules_drop d);

void trace_on_ask(struct rpc *rpc, int64_t id, const json_t *params); /* trace.c: vpnctl's */

/* captures.c */
int captures_open(struct app *app) __attribute__((warn_unused_result));
void captures_close(struct app *app); /* idempotent */
/** captures_packet() - see plane_callbacks.on_captured; @arg: struct app. */
void captures_packet(void *arg, uint16_t slot, const struct plane_captured *c);
void captures_client_gone(struct app *app, uint64_t client);
void captures_on_start(struct rpc *rpc, int64_t id, const json_t *params);
void captures_on_read(struct rpc *rpc, int64_t id, const json_t *params);
void captures_on_stop(struct rpc *rpc, int64_t id, const json_t *params);

/* relays.c */
int relays_open(struct app *app) __attribute__((warn_unused_result));
void relays_close(struct app *app); /* idempotent */
/** relays_begin() - somebody is about to connect: measure what is not known. */
void relays_begin(struct app *app);
/** relays_watch() - tell @w what is measured, as it comes in, while it waits for @device. */
void relays_watch(struct app *app, const struct waiter *w, const char *device);
void relays_unwatch(struct app *app, const struct waiter *w);
void relays_on_hello(struct app *app, const json_t *hello);
/** relays_verify() - measure_verify(). */
int relays_verify(struct app *app, const struct identity *id) __attribute__((warn_unused_result));
void relays_on_list(struct rpc *rpc, int64_t id, const json_t *params);
void relays_on_measure(struct rpc *rpc, int64_t id, const json_t *params);
void relays_on_far(struct rpc *rpc, int64_t id, const json_t *params); /* session.measured */
void relays_on_ask(struct rpc *rpc, int64_t id, const json_t *params); /* vpnctl's */
/** relays_take_answer() - to the question relay.list. */
void relays_take_answer(struct app *app, const json_t *result);
const struct relay_table *relays_table(const struct app *app);
/** relays_measure() - begin a round for all of them. Return: does one run? relays_measuring() -
 * does it still? */
bool relays_measure(struct app *app);
bool relays_measuring(const struct app *app);

/* names.c: call names_begin() and _end() for each session */
int names_open(struct app *app) __attribute__((warn_unused_result));
void names_close(struct app *app); /* idempotent */
void names_online(struct app *app);
void names_begin(struct app_session *as, const struct grant *grant);
void names_end(const struct app_session *as);
void names_on_hosts(struct rpc *rpc, int64_t id, const json_t *params); /* session.hosts */
void names_on_ask(struct rpc *rpc, int64_t id, const json_t *params);	/* vpnctl's */
/** names_status() - for a daemon's status: puts "dns" into it. */
void names_status(const struct app *app, json_t *o);
void names_figures(const struct app *app, struct expo *e);
/* routes.c */
/** routes_open() - from now on each server is protected (plane_protect()) before it is dialled. */
void routes_open(struct app *app);
/** routes_protect_resolvers() - and those that names are asked of. Blocks on two small files. */
void routes_protect_resolvers(struct app *app);
/** routes_resolvers() - the name servers of this host, at most @max. Blocks on two small files. */
size_t routes_resolvers(struct addr *out, size_t max);
void routes_on_ask(struct rpc *rpc, int64_t id, const json_t *params); /* vpnctl's */

/* lock.c */
/** lock_open() - after the clock. Who cannot say whether it is locked is locked. Return: 0;
 * -ENOMEM. */
int lock_open(struct app *app) __attribute__((warn_unused_result));
void lock_close(struct app *app); /* idempotent */
bool lock_is(const struct app *app);
/** lock_say() - why, if it is. */
void lock_say(const struct app *app, char *out, size_t out_size);
/** lock_tell() - the Access Server: after hello, and by itself when it changes. */
void lock_tell(struct app *app);
void lock_on_lock(struct rpc *rpc, int64_t id, const json_t *params);	/* vpnctl's */
void lock_on_unlock(struct rpc *rpc, int64_t id, const json_t *params); /* vpnctl's */
/** lock_status() - for a device's status: puts "lock" into it. */
void lock_status(const struct app *app, json_t *o);

/* signs.c */
int signs_open(struct app *app) __attribute__((warn_unused_result));
/** signs_close() - shows the last state. Idempotent. */
void signs_close(struct app *app);
/** signs_update() - something may have changed. */
void signs_update(struct app *app);
/** signs_state() - what is shown. */
const char *signs_state(const struct app *app);

/* doctor.c */
void doctor_on_ask(struct rpc *rpc, int64_t id, const json_t *params); /* vpnctl's */
void doctor_client_gone(struct app *app, uint64_t client);
void doctor_close(struct app *app); /* idempotent */

/* control.c, enrolment.c, status.c */
int control_open(struct app *app) __attribute__((warn_unused_result));
/** control_pass() - what vpnctl asks is for the Access Server to answer. Takes @params. */
void control_pass(struct rpc *rpc, int64_t id, const char *method, json_t *params);
void enrolment_on_enroll(struct rpc *rpc, int64_t id, const json_t *params);
void enrolment_on_login(struct rpc *rpc, int64_t id, const json_t *params);
void enrolment_on_account(struct rpc *rpc, int64_t id, const json_t *params);
void enrolment_stop(struct app *app);
/** enrolment_waits() - is somebody waiting for the new identity to be used? */
bool enrolment_waits(const struct app *app);
/** enrolment_finish() - answer who waits: online, or it has taken long enough. */
void enrolment_finish(struct app *app);
json_t *status_make(struct app *app);

/* figures.c */

/** figures_write() - @arg: struct app. A write function of metrics_config. */
void figures_write(void *arg, struct expo *e);
/** figures_session_ends() - keep what it has counted; before the plane forgets it. */
void figures_session_ends(struct app *app, const struct app_session *as);

#endif
