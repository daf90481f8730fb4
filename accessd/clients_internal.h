/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What clients.c (connections), front.c (whose they are), timing.c and renewing.c (what even a
 * wrong date may ask), control.c, control_relays.c and control_sessions.c (members' methods) and
 * newcomer.c (enrolment) share. */
#ifndef FARLAN_CLIENTS_INTERNAL_H
#define FARLAN_CLIENTS_INTERNAL_H

#include "accessd/clients.h"
#include "accessd/intake.h"
#include "accessd/pure/origins.h"
#include "accessd/seen.h"
#include "common/io/inner.h"
#include "common/io/log.h"
#include "common/io/rpc.h"

#define CLIENTS_BUCKETS 4096
#define CLIENTS_LOG_BURST 20 /* lines of one kind in 10 s */
#define CLIENTS_ASKING_PLACES 256

/* To who trusts a CA that was stolen. */
#define CLIENTS_DEAD_CA                                                              \
	"the domain has a new CA, and the one that this identity comes from counts " \
	"no more: ask the administrator for a new invitation"

enum client_state {
	CLIENT_OUTER,
	CLIENT_INNER,
	CLIENT_ENROL,
	CLIENT_HELLO,
	CLIENT_ONLINE,
	CLIENT_CLOSING
};

struct client {
	struct clients *owner; /* the front's, until its hello has named a domain */
	uint64_t number;       /* never used twice: what answers come back to */
	enum client_state state;
	int own_anchor, anchor;	     /* our CA then, and which one it trusts: domain.h */
	bool outer_done, inner_done; /* handshakes: counted */
	bool is_known;		     /* has shown a member's certificate */
	bool out_of_date;	     /* which has expired or is not valid yet, and that alone */
	/* What refuses it is said when it asks for more than the time: its dates, or ours, may be
	 * wrong, and it does not believe a word before it knows. */
	bool is_refused;
	struct refusal refusal;
	struct outer *outer; /* until the inner layer takes it */
	struct inner *inner;
	struct rpc rpc;
	char address[STORE_ADDRESS_SIZE]; /* "192.0.2.1:4711" */
	uint8_t source[16];		  /* what counts as one address */
	const char *later;	/* there is no room for it, and why; it hears that, and no more */
	struct clients *hinted; /* the only domain with the host that it asks; NULL */
	bool by_proxy;	 /* of a trusted proxy that has not said whose it is: counts in all only */
	bool is_counted; /* in clients.origins */
	bool in_line;
	TAILQ_ENTRY(client) line; /* in_line */
	uint64_t deadline_ms, heard_ms;
	unsigned enrol_requests, n_times, n_renewals; /* questions of a kind */
	bool has_rpc, is_local;
	bool is_served;	     /* got what it came for: its end is no news */
	uint64_t expires_ms; /* of a user's sign-in; 0: never */

	/* From HELLO on. */
	int64_t member, endpoint;
	enum ident_kind kind;
	char name[STORE_NAME_SIZE], version[STORE_VERSION_SIZE];
	struct ident id;
	uint8_t key_sha256[X509_SPKI_SHA256_BYTES];
	struct lans lans;   /* a manager's */
	bool knows_windows; /* of rules */

	uint64_t reported_ms; /* a relay's last report on this connection; 0: none */
	uint64_t list_told;   /* the last clients_tell_relays() that it heard */
	uint64_t window_ms;   /* notifications that count are counted from here on */
	unsigned int n_measured, n_paths, n_locks;

	struct client *prev, *next;	 /* all */
	struct client *next_by_number;	 /* all */
	struct client *next_by_endpoint; /* online */
	struct client *next_by_member;	 /* online */
	struct client *next_relay;	 /* online relays */
};

/* One layer's own side: the front's outer, a domain's inner. Certificates change once in months, so
 * nothing is freed before the end. */
struct contexts {
	struct contexts *older;
	struct tls_ctx *tls;
	int anchor; /* of the domain's own CA then */
};

/* Requests for administration of late. */
struct clients_asking {
	uint64_t since_ms;
	unsigned int n;
};

struct clients {
	uv_loop_t *loop;
	struct clients *front; /* itself, if it is the front */
	struct clients *domains,
		*next; /* the front's: those that are served; and those that were */
	struct clients *gone;
	struct store *store;
	struct audit *audit;
	struct access *access;
	const struct admission *admission;
	struct passwords *passwords;
	struct signin *signin;
	struct sessions *sessions;
	struct relays *relays;
	const struct opt_prefixes *proxies;
	const struct certs *certs;
	struct contexts
		*contexts; /* those in use, then those that older connections were made from */
	struct client *all, *by_number[CLIENTS_BUCKETS], *by_endpoint[CLIENTS_BUCKETS],
		*by_member[CLIENTS_BUCKETS], *online_relays;
	uint64_t last_number;
	size_t n;			  /* in the list */
	size_t n_all, n_unknown, n_later; /* the front's: of all domains, and its own */
	struct origins origins; /* the front's: of unknown ones that count for their address */
	struct intake intake;	/* the front's */
	uv_timer_t tick;
	unsigned int handles; /* not closed yet */
	uint64_t ticks, lists;
	struct seen seen;
	struct log_limit full_limit, refused_limit, broken_limit, clock_limit;
	/* Since the start. */
	uint64_t outer_ok, outer_failed, inner_ok, inner_failed, refused_full, refused_member;
	struct clients_asking asking[CLIENTS_ASKING_PLACES]; /* by member */
	void (*admin)(void *arg, const struct clients_asker *by, const char *method,
		      const json_t *params);
	void *admin_arg;
	struct rpc_tally members_tally, newcomers_tally; /* by the methods of their ops */
	bool closing, ended;
};

struct client *client_by_number(const struct clients *cs, uint64_t number);
struct client *client_by_endpoint(const struct clients *cs, int64_t endpoint);
void client_link(struct clients *cs, struct client *c);
/** client_move() - from the front to a domain. */
void client_move(struct client *c, struct clients *to);
/** client_count() - for its address, or not any more. */
void client_count(struct client *c, bool counts);
/** client_set_known() - it has shown a member's certificate. */
void client_set_known(struct client *c);
/** client_gone() - its transport has closed: free it. */
void client_gone(struct client *c, const char *reason);
/** client_set_closing() - counts as offline from now on, and that is logged; the transport is the
 * caller's to close. */
void client_set_closing(struct client *c, const char *reason);
/** client_set_expiry() - @expires: Unix seconds, 0: never. */
void client_set_expiry(struct client *c, int64_t expires);
/** client_end() - with `bye`; counts as offline from now on. Idempotent. */
void client_end(struct client *c, const char *reason, bool retry);
/** client_set_online() - hello was accepted. */
void client_set_online(struct client *c);

/* Of the front. */
/** front_choose() - whose client it is that names @anchor ("": none), or asked the only host of a
 * domain. NULL: nobody's. */
struct clients *front_choose(const struct clients *front, const char *anchor,
			     struct clients *hinted);
/** front_hint() - the only domain that has this host. NULL. */
struct clients *front_hint(const struct clients *front, struct http_str host);
/** front_has_path() - is it before the path in a URL of a domain? */
bool front_has_path(const struct clients *front, struct http_str path);
/** front_use_certs() - of the outer layer, anew. Return: 0; -ENOMEM; -EIO. */
int front_use_certs(struct clients *front) __attribute__((warn_unused_result));
/** front_add() - a domain is served; front_remove() - it is not any more. */
void front_add(struct clients *front, struct clients *cs);
void front_remove(struct clients *front, struct clients *cs);
/** front_ended() - everything of a domain, or of the front, is closed. */
void front_ended(struct clients *front);

/* For the audit (noting.c). */
/** client_note() - a member, known by its name, did @event, or failed to (then @reason says why).
 * At once. Return: as audit_note(). */
int client_note(struct client *c, enum event event, enum audit_result result, const char *reason);
/** client_note_presence() - it has come, or (@reason) gone. */
void client_note_presence(struct client *c, const char *reason);
/** client_note_refused() - a stranger was refused. @who: "user anna", if it said so. */
void client_note_refused(struct client *c, enum event event, const char *who,
			 const struct refusal *why);
/** client_note_foreign() - the machine of @x is another domain's: told there, too; neither hears
 * which the other one is. */
void client_note_foreign(struct client *c, const struct admitted *x);
/** client_admits() - what @x is when the store's next change is committed gets an identity from
 * @c: recorded as @event with it. @a: the caller's, while that may happen. */
struct admitting {
	struct client *c;
	const struct admitted *x;
	enum event event;
};
void client_admits(struct admitting *a);
/** client_admitted() - it may not happen any more. */
void client_admitted(const struct admitting *a);

/* Signing in (signin_try.c). */
enum signin_what { SIGNIN_LOGIN, SIGNIN_PASSWORD, SIGNIN_TOTP, SIGNIN_RECOVERY };
struct asked;
/** client_sign_in() - the request is answered later. @l: as admission_login_begin() left it;
 * copied, as is @asked. */
void client_sign_in(struct client *c, int64_t id, enum signin_what what, const struct login *l,
		    const struct asked *asked);
/** client_granted() - it got an identity: answer, and end what it puts an end to. @codes: new
 * recovery codes, or NULL; borrowed. */
void client_granted(struct client *c, int64_t id, const char *what, const struct admitted *x,
		    json_t *codes);
/** control_on_account() - account (control_account.c). */
void control_on_account(struct rpc *rpc, int64_t id, const json_t *params);

extern const struct rpc_ops CONTROL_OPS, NEWCOMER_OPS;
int client_send(struct rpc *rpc, const void *bytes, size_t n);
/** control_on_time() - for newcomers and members (timing.c). */
void control_on_time(struct rpc *rpc, int64_t id, const json_t *params);
/** control_is_refused() - by its certificate? Then the request is answered, and the connection
 * ended. */
bool control_is_refused(struct client *c, int64_t id);
/** control_on_admin() - admin (control_admin.c). */
void control_on_admin(struct rpc *rpc, int64_t id, const json_t *params);
/** control_on_renew() - identity.renew (renewing.c). */
void control_on_renew(struct rpc *rpc, int64_t id, const json_t *params);
/** control_is_due() - should it renew, because it trusts a CA that the domain had before? */
bool control_is_due(const struct client *c);
/* Notifications of members (control_relays.c). */
void control_on_report(struct rpc *rpc, int64_t id, const json_t *params);
void control_on_measured(struct rpc *rpc, int64_t id, const json_t *params);
void control_on_path(struct rpc *rpc, int64_t id, const json_t *params);
/** control_is_within() - no more than @max of a kind, which @n counts, in 10 s. */
bool control_is_within(struct client *c, unsigned int *n, unsigned int max);
/** control_on_lock() - lock.state: a device says whether it is locked (control_lock.c). */
void control_on_lock(struct rpc *rpc, int64_t id, const json_t *params);
void control_on_relay_list(struct rpc *rpc, int64_t id, const json_t *params);
/** control_is_allowed() - said hello, and may do this? Else the request is answered. */
bool control_is_allowed(struct client *c, int64_t id, bool managers_only);
/* control_sessions.c: of sessions_ops, and methods. */
bool control_session_answer(void *arg, const struct sessions_asker *to, const json_t *result,
			    int code, const char *message);
void control_each_user(void *arg, void (*fn)(void *arg, int64_t user, struct rpc *rpc),
		       void *fn_arg);
/** control_tell_asked() - a member has said hello: what waits for its approval. */
void control_tell_asked(struct client *c);
bool control_session_manager(void *arg, uint64_t client, struct sessions_manager *m);
void control_on_session_open(struct rpc *rpc, int64_t id, const json_t *params);
void control_on_session_close(struct rpc *rpc, int64_t id, const json_t *params);
void control_on_session_approvals(struct rpc *rpc, int64_t id, const json_t *params);
void control_on_session_approve(struct rpc *rpc, int64_t id, const json_t *params);
void control_on_session_reject(struct rpc *rpc, int64_t id, const json_t *params);
void control_on_session_withdraw(struct rpc *rpc, int64_t id, const json_t *params);

#endif
