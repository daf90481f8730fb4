/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * store - what accessd remembers. The one interface to a database; store_sqlite*.c is behind it.
 *
 *   domain    one organisation: its CA, keys and server addresses
 *   member    a device, a user or a relay of a domain
 *   endpoint  a key of a member, with tunnel addresses: one for a device or relay, one per PC for a
 * user invite    an invitation's secret, as SHA-256 only session   one manager endpoint joined to
 * one device endpoint
 *
 * Everything that returned 0 outside a transaction is on disk. All functions return 0 or
 * -errno: -ENOENT no such row, -EEXIST it would be there twice, -EBUSY something needs what was
 * to be removed, -EIO the database (logged).
 * Calls block for a moment; one thread.
 */
#ifndef FARLAN_STORE_H
#define FARLAN_STORE_H

#include "accessd/pure/lists.h"
#include "accessd/pure/pool.h"
#include "common/io/ca_link.h"
#include "common/pure/grant.h"
#include "common/pure/rules.h"
#include "common/pure/token.h"
#include "common/pure/usage.h"

#define STORE_NAME_SIZE 64
#define STORE_ADDRESS_SIZE 64 /* of a peer, with port */
#define STORE_VERSION_SIZE 32
#define STORE_REASON_SIZE 128
#define STORE_HASH_BYTES 32
#define STORE_ISSUER_SIZE 17
#define STORE_FORMERS_MAX CA_LINKS_MAX

struct store;

/** store_open() - open or create the database in @dir (made 0700 if absent) and bring it up to
 * date. */
int store_open(struct store **out, const char *dir) __attribute__((warn_unused_result));
void store_close(struct store *s);

/** store_trouble() - why the last change could not be written, in words; NULL: it was. */
const char *store_trouble(const struct store *s);

/* Several changes as one. Not nested; after a failure inside, only store_rollback() counts. */
int store_begin(struct store *s) __attribute__((warn_unused_result));
int store_commit(struct store *s) __attribute__((warn_unused_result));
void store_rollback(struct store *s);
bool store_in_transaction(const struct store *s);
/** store_doom() - the transaction that is open shall fail, whoever commits it. */
void store_doom(struct store *s);
/* A part of the transaction that is open, which is kept, or taken back alone. Not nested. */
int store_part_begin(struct store *s) __attribute__((warn_unused_result));
int store_part_end(struct store *s, bool keep) __attribute__((warn_unused_result));

/* Return: 0; -errno: what it would witness must not be. */
typedef int store_witness_fn(void *arg);
/**
 * store_witness() - @fn is called once, within the next transaction that changes something and
 * before it is committed; what it writes is committed with it, and if it fails nothing is. Takes
 * the place of another one; @fn NULL: nobody.
 */
void store_witness(struct store *s, store_witness_fn *fn, void *arg);

/** store_reader() - a second view of the same database, for another thread: it only reads, and sees
 * what was committed. To be given to store_close(). Return: 0; -ENOMEM; -EIO. */
int store_reader(struct store **out, const char *path) __attribute__((warn_unused_result));
/** store_path() - for store_reader(). */
const char *store_path(const struct store *s);

/** store_purge() - forget what nobody asks for any more: ended sessions with their usage after
 * @history_s, the rest as the source says. */
int store_purge(struct store *s, int64_t now, int64_t history_s)
	__attribute__((warn_unused_result));

/* --- domain --- */

/* The token key beside the one that signs: it is told to relays before it signs, and they take
 * what it signed until that is too old. */
enum store_token_use { STORE_TOKEN_NONE, STORE_TOKEN_NEXT, STORE_TOKEN_LAST };

struct store_token {
	enum store_token_use use;
	int64_t since;							  /* Unix seconds */
	uint8_t secret[PASETO_SECRET_BYTES], public[PASETO_PUBLIC_BYTES]; /* secret: of the next */
};

struct store_domain {
	int64_t id;
	char name[IDENT_DOMAIN_SIZE];
	int64_t created;
	struct urls urls;
	struct x509_key ca_key;
	struct x509_cert ca;
	uint8_t token_secret[PASETO_SECRET_BYTES], token_public[PASETO_PUBLIC_BYTES];
	struct store_token other_token;
	char access_uid[IDENT_UID_SIZE]; /* this server's own identity */
	struct x509_key access_key;
	struct x509_cert access_cert, outer_cert;
	uint8_t ula[POOL_ULA_BYTES];
};

int store_domain_add(struct store *s, struct store_domain *d)
	__attribute__((warn_unused_result)); /* sets id */
/** store_domain_first() - -ENOENT: none yet. */
int store_domain_first(struct store *s, struct store_domain *d) __attribute__((warn_unused_result));
int store_domain_set_certs(struct store *s, const struct store_domain *d)
	__attribute__((warn_unused_result));

/** store_domain_set_ca() - CA and own certificates; store_domain_set_tokens() - both token keys. */
int store_domain_set_ca(struct store *s, const struct store_domain *d)
	__attribute__((warn_unused_result));
int store_domain_set_tokens(struct store *s, const struct store_domain *d)
	__attribute__((warn_unused_result));

/* A CA that the domain had. It is kept, with its key, for who was away meanwhile. */
struct store_former {
	struct x509_key key;
	struct x509_cert ca;
	struct ca_link link; /* its word for the next one; len 0: it gave none */
};

int store_former_add(struct store *s, int64_t domain, const struct store_former *f)
	__attribute__((warn_unused_result));
/** store_former_unlink() - nobody may come from any of them any more. */
int store_former_unlink(struct store *s, int64_t domain) __attribute__((warn_unused_result));
/** store_formers() - all, the oldest first. */
int store_formers(struct store *s, int64_t domain, struct store_former at[STORE_FORMERS_MAX],
		  size_t *n) __attribute__((warn_unused_result));
/** store_issuers() - how many devices and relays have a certificate by which CA. */
int store_issuers(struct store *s, int64_t domain,
		  void (*fn)(void *arg, const char *issuer, uint64_t members), void *arg)
	__attribute__((warn_unused_result));

/* --- settings of a folder, or (folder 0) of the whole domain --- */

#define STORE_KEY_SIZE 32
#define STORE_VALUE_SIZE 256

/** store_setting_set() - @value NULL takes it back. Return: 0 also if there was none; -EIO. */
int store_setting_set(struct store *s, int64_t domain, int64_t folder, const char *key,
		      const char *value) __attribute__((warn_unused_result));
/** store_setting_get() - of just this folder. Return: 0; -ENOENT it has none; -EIO. */
int store_setting_get(struct store *s, int64_t domain, int64_t folder, const char *key,
		      char value[STORE_VALUE_SIZE]) __attribute__((warn_unused_result));
/** store_setting_each() - of just this folder, by key. */
int store_setting_each(struct store *s, int64_t domain, int64_t folder,
		       bool (*fn)(void *arg, const char *key, const char *value), void *arg)
	__attribute__((warn_unused_result));

/* --- members --- */

enum store_state { STORE_INVITED, STORE_ENROLLED, STORE_REVOKED };
#define STORE_STATES 3
#define STORE_KINDS (IDENT_RELAY + 1) /* by enum ident_kind */

struct store_member {
	int64_t id, domain;
	enum ident_kind kind;
	char uid[IDENT_UID_SIZE];
	char name[STORE_NAME_SIZE];
	enum store_state state;
	int64_t created, last_seen;				       /* last_seen 0: never */
	char version[STORE_VERSION_SIZE], address[STORE_ADDRESS_SIZE]; /* when it was seen last */
	struct lans lans;					       /* device */
	struct urls urls;					       /* relay */
	bool drained;						       /* relay */
	/* Bytes a second, 0: none. Device: of each session; user: of all sessions together. */
	uint64_t rate;
	int64_t valid_until; /* of a user who is added; afterwards: store_account_get() */
	int64_t folder;	     /* where it stands in the tree; store_member_add(): 0 is the root */
};

int store_member_add(struct store *s, struct store_member *m)
	__attribute__((warn_unused_result)); /* sets id */
int store_member_get(struct store *s, int64_t id, struct store_member *m)
	__attribute__((warn_unused_result));
int store_member_by_name(struct store *s, int64_t domain, enum ident_kind kind, const char *name,
			 struct store_member *m) __attribute__((warn_unused_result));
int store_member_by_uid(struct store *s, int64_t domain, enum ident_kind kind, const char *uid,
			struct store_member *m) __attribute__((warn_unused_result));
struct store_counts {
	uint64_t members[STORE_KINDS][STORE_STATES];
};
int store_member_count(struct store *s, int64_t domain, struct store_counts *n)
	__attribute__((warn_unused_result));
/**
 * store_member_each() - those whose names come behind @after, in order, until @fn returns false.
 * @fn may not change the store.
 */
int store_member_each(struct store *s, int64_t domain, enum ident_kind kind, const char *after,
		      bool (*fn)(void *arg, const struct store_member *m), void *arg)
	__attribute__((warn_unused_result));
int store_member_set_state(struct store *s, int64_t id, enum store_state state)
	__attribute__((warn_unused_result));
int store_member_set_lans(struct store *s, int64_t id, const struct lans *lans)
	__attribute__((warn_unused_result));
/** store_member_set_drained() - a relay is to carry nothing, or is as usual again. */
int store_member_set_drained(struct store *s, int64_t id, bool drained)
	__attribute__((warn_unused_result));
int store_member_set_rate(struct store *s, int64_t id, uint64_t rate)
	__attribute__((warn_unused_result));
int store_member_seen(struct store *s, int64_t id, int64_t now, const char *version,
		      const char *address) __attribute__((warn_unused_result));
/** store_member_remove() - with its endpoints, invitations and password; sessions stay as history.
 */
int store_member_remove(struct store *s, int64_t id) __attribute__((warn_unused_result));

/* --- wishes: which relays a device's sessions are to take --- */

#define STORE_WISHES_MAX 64 /* of one device */

enum store_wish { STORE_WISH_NONE, STORE_WISH_PIN, STORE_WISH_AVOID };

struct store_wishes {
	size_t n;
	struct {
		int64_t relay; /* member */
		enum store_wish wish;
	} at[STORE_WISHES_MAX];
};

/** store_wish_set() - STORE_WISH_NONE takes it back. A pin takes the place of an older pin. Return:
 * 0 also if there was none; -ENOSPC STORE_WISHES_MAX; -EIO. */
int store_wish_set(struct store *s, int64_t device, int64_t relay, enum store_wish wish)
	__attribute__((warn_unused_result));
/** store_wish_unpin() - whichever it is. -ENOENT: none. */
int store_wish_unpin(struct store *s, int64_t device) __attribute__((warn_unused_result));
int store_wishes_of(struct store *s, int64_t device, struct store_wishes *w)
	__attribute__((warn_unused_result));

/* --- rules: what sessions with a device may do --- */

/** store_rules_of() - an ordered list; not present: there is none. */
int store_rules_of(struct store *s, int64_t device, struct rules *rules)
	__attribute__((warn_unused_result));
int store_rules_set(struct store *s, int64_t device, const struct rules *rules)
	__attribute__((warn_unused_result));

/* --- hosts behind a device that have names (not to be taken for an endpoint's host number) --- */

/** store_lan_hosts_of() - by name. */
int store_lan_hosts_of(struct store *s, int64_t device, struct hosts *h)
	__attribute__((warn_unused_result));
/** store_lan_host_add() - -EEXIST it has an address of this kind; -ENOSPC HOSTS_MAX. */
int store_lan_host_add(struct store *s, int64_t device, const struct host *h)
	__attribute__((warn_unused_result));
/** store_lan_host_named() - does the device have one of this name? Return: 0; -ENOENT; -EIO. */
int store_lan_host_named(struct store *s, int64_t device, const char *name)
	__attribute__((warn_unused_result));
/** store_lan_host_remove() - with all its addresses. */
int store_lan_host_remove(struct store *s, int64_t device, const char *name)
	__attribute__((warn_unused_result));

/* --- passwords --- */

struct store_password {
	uint32_t cost, block, parallel; /* scrypt: log2 N, r, p */
	uint8_t salt[16];
	uint8_t hash[STORE_HASH_BYTES];
	bool must_change; /* at the next sign-in */
};

int store_password_set(struct store *s, int64_t member, const struct store_password *p)
	__attribute__((warn_unused_result));
int store_password_get(struct store *s, int64_t member, struct store_password *p)
	__attribute__((warn_unused_result));

/* --- endpoints --- */

struct store_endpoint {
	int64_t id, domain, member;
	uint32_t host; /* 0: none (relays) */
	bool has_key;
	uint8_t key_sha256[X509_SPKI_SHA256_BYTES];
	int64_t expires;		/* of a user's login; 0: never */
	struct x509_cert cert;		/* the identity that was issued last; len 0: none */
	char issuer[STORE_ISSUER_SIZE]; /* of cert: the CA's KEYID; "": the domain's first one */
};

/** store_host_free() - the lowest host that no endpoint of the domain has. -ENOSPC. */
int store_host_free(struct store *s, int64_t domain, uint32_t *host)
	__attribute__((warn_unused_result));
int store_endpoint_add(struct store *s, struct store_endpoint *e)
	__attribute__((warn_unused_result)); /* sets id */
int store_endpoint_get(struct store *s, int64_t id, struct store_endpoint *e)
	__attribute__((warn_unused_result));
/** store_endpoint_of() - the member's endpoint with the lowest id: the only one of a device or
 * relay. */
int store_endpoint_of(struct store *s, int64_t member, struct store_endpoint *e)
	__attribute__((warn_unused_result));
int store_endpoint_by_key(struct store *s, int64_t member,
			  const uint8_t key_sha256[X509_SPKI_SHA256_BYTES],
			  struct store_endpoint *e) __attribute__((warn_unused_result));
/** store_endpoint_set_key() - key, expiry and certificate of @e. */
int store_endpoint_set_key(struct store *s, const struct store_endpoint *e)
	__attribute__((warn_unused_result));
/** store_endpoint_oldest() - of more than @keep endpoints of a member the one that expires first.
 * -ENOENT: not more. */
int store_endpoint_oldest(struct store *s, int64_t member, uint32_t keep, int64_t *id)
	__attribute__((warn_unused_result));
int store_endpoint_remove(struct store *s, int64_t id) __attribute__((warn_unused_result));

/* --- invitations --- */

enum store_invite_state {
	STORE_INVITE_OPEN,
	STORE_INVITE_REDEEMED, /* a key got its identity; the same key may ask again */
	STORE_INVITE_USED,     /* that identity has come by */
	STORE_INVITE_REPLACED, /* by a newer one, or withdrawn */
};

struct store_invite {
	int64_t id, member;
	uint8_t secret_sha256[STORE_HASH_BYTES];
	int64_t created, expires;
	enum store_invite_state state;
	uint8_t key_sha256[X509_SPKI_SHA256_BYTES]; /* from STORE_INVITE_REDEEMED on */
};

int store_invite_add(struct store *s, struct store_invite *i)
	__attribute__((warn_unused_result)); /* sets id */
int store_invite_by_secret(struct store *s, const uint8_t secret_sha256[STORE_HASH_BYTES],
			   struct store_invite *i) __attribute__((warn_unused_result));
int store_invite_redeem(struct store *s, int64_t id,
			const uint8_t key_sha256[X509_SPKI_SHA256_BYTES])
	__attribute__((warn_unused_result));
/** store_invite_used() - the identity that an invitation gave to this key was used. 0 also if there
 * is none. */
int store_invite_used(struct store *s, int64_t member,
		      const uint8_t key_sha256[X509_SPKI_SHA256_BYTES])
	__attribute__((warn_unused_result));
/** store_invite_replace() - all invitations of a member that are not used yet. */
int store_invite_replace(struct store *s, int64_t member) __attribute__((warn_unused_result));

/** store_invite_replace_all() - of all members. */
int store_invite_replace_all(struct store *s, int64_t domain) __attribute__((warn_unused_result));

/* --- sessions --- */

enum store_session_state { STORE_SESSION_OPENING, STORE_SESSION_LIVE, STORE_SESSION_ENDED };

struct store_session {
	char id[TOKEN_SESSION_SIZE];
	int64_t domain;
	int64_t manager, device;	    /* endpoints; 0: gone */
	int64_t user_member, device_member; /* 0: gone */
	char user_name[STORE_NAME_SIZE], device_name[STORE_NAME_SIZE];
	struct lans manager_lans;
	uint32_t serial, manager_epoch, device_epoch;
	size_t n_relays;
	int64_t relays[GRANT_RELAYS_MAX]; /* members, in order of preference */
	int64_t started, ends, ended;	  /* ended 0: not yet */
	enum store_session_state state;
	char reason[STORE_REASON_SIZE]; /* of its end */
	/* What the user came for, from where, and who has approved; each may be "". */
	char why[WORDS_SIZE], address[GRANT_FROM_SIZE], approved_by[WORDS_SIZE];
	int64_t idle_s; /* it ends after so long without use; 0: it does not */
};

int store_session_add(struct store *s, const struct store_session *x)
	__attribute__((warn_unused_result));
/** store_session_update() - state, epochs, ended, reason. */
int store_session_update(struct store *s, const struct store_session *x)
	__attribute__((warn_unused_result));
/** store_session_set_relays() - serial and relays. Those that it had before are remembered. */
int store_session_set_relays(struct store *s, const struct store_session *x)
	__attribute__((warn_unused_result));
/** store_session_each() - those that have not ended. @fn returns false to stop, and may not change
 * the store. */
int store_session_each(struct store *s, int64_t domain,
		       bool (*fn)(void *arg, const struct store_session *x), void *arg)
	__attribute__((warn_unused_result));
/** store_session_each_ended() - those that ended before their time, which is not over at @now, and
 * that had @relay in their list once. */
int store_session_each_ended(struct store *s, int64_t domain, int64_t relay, int64_t now,
			     bool (*fn)(void *arg, const struct store_session *x), void *arg)
	__attribute__((warn_unused_result));
int store_session_get(struct store *s, const char *id, struct store_session *x)
	__attribute__((warn_unused_result));

/* Sessions that ran at @since (Unix seconds) or later; "" is anybody. */
struct store_history {
	int64_t domain, since;
	const char *user, *device;
	const char *after; /* the id of the last one that is known; "": from the newest on */
};
/** store_session_history() - the newest first, running ones too; @fn as above. */
int store_session_history(struct store *s, const struct store_history *h,
			  bool (*fn)(void *arg, const struct store_session *x), void *arg)
	__attribute__((warn_unused_result));

/* --- usage --- */

/* Stretches of a session that one reporter may have: a relay has one for each time it joined. */
#define STORE_USAGE_OF_END_MAX 64
#define STORE_USAGE_OF_RELAY_MAX 4096

struct store_usage {
	enum ident_kind kind; /* of the reporter */
	char reporter[IDENT_UID_SIZE];
	char name[STORE_NAME_SIZE];
	struct usage u;
};

/**
 * store_usage_put() - a record; it takes the place of an older one of the same stretch.
 * Return: 0; -EEXIST it, or a newer one, is there; -ENOSPC too many stretches; -EIO, also if there
 * is no such session.
 */
int store_usage_put(struct store *s, const struct store_usage *x)
	__attribute__((warn_unused_result));
/** store_usage_each() - of a session: by kind of reporter, reporter and time. */
int store_usage_each(struct store *s, const char *session,
		     bool (*fn)(void *arg, const struct store_usage *x), void *arg)
	__attribute__((warn_unused_result));

#endif
