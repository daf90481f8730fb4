/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * admission - who becomes and stays a member: invitations, enrolment, sign-in, and whether a
 * key that comes by is let in. All names and UIDs are decided here; a request gives only a key.
 */
#ifndef FARLAN_ADMISSION_H
#define FARLAN_ADMISSION_H

#include "accessd/domain.h"
#include "accessd/store_hardware.h"
#include "common/pure/rpcmsg.h"

#define ADMISSION_MESSAGE_SIZE 160
#define ADMISSION_USER_KEYS_MAX 32 /* PCs of one user */

struct admission {
	struct store *store;
	const struct domain *domain; /* borrowed */
	int64_t login_s;	     /* life of a user's certificate */
	int64_t identity_s;	     /* of a device's or relay's */
};

/* Why not: an RPC code and words. code 0: granted. */
struct refusal {
	int code;
	char message[ADMISSION_MESSAGE_SIZE];
};

/* An identity that was given out. */
struct admitted {
	struct store_member member;
	struct store_endpoint endpoint;
	bool key_replaced;	     /* the endpoint had another key before: that one is dead now */
	int64_t removed_endpoint;    /* a user's oldest PC that had to make room, or 0 */
	struct x509_cert outer_cert; /* relays */
	/* Refused, because the machine is another domain's (domain 0: not so): never to be told to
	 * who asked. */
	struct store_hardware foreign;
};

/* --- members, as accessctl asks for them --- */

/**
 * admission_add() - a new member with its endpoint, and its invitation.
 * @m: kind, name, lans, urls are given; the rest is filled in. @invitation: the text.
 * Return: 0; -EEXIST the name is taken; -ENOSPC no address is left; -EIO.
 */
int admission_add(const struct admission *a, struct store_member *m,
		  const struct store_password *password, int64_t now, int64_t expires,
		  char invitation[INVITE_TEXT_SIZE]) __attribute__((warn_unused_result));
/** admission_reinvite() - a new invitation; older ones that were not used yet are void. */
int admission_reinvite(const struct admission *a, struct store_member *m, int64_t now,
		       int64_t expires, char invitation[INVITE_TEXT_SIZE])
	__attribute__((warn_unused_result));
/** admission_revoke() - its keys and invitations count no more, from now on and for ever. */
int admission_revoke(const struct admission *a, struct store_member *m)
	__attribute__((warn_unused_result));

/* --- newcomers --- */

/* What a newcomer brings. All borrowed. */
struct admission_request {
	enum ident_kind kind;
	const char *user;      /* login; may be NULL with a secret */
	const uint8_t *secret; /* INVITE_SECRET_BYTES; login: may be NULL with a user */
	const uint8_t *csr;
	size_t csr_len;
	const struct hardware
		*hardware; /* device: which machine it says it is; NULL: it does not */
	int64_t now;	   /* Unix seconds */
};

/**
 * admission_enrol() - a device or relay with an invitation's secret and a request for its key.
 * Return: true, *out is set; false, *why is.
 */
bool admission_enrol(const struct admission *a, const struct admission_request *r,
		     struct admitted *out, struct refusal *why);

/* A sign-in between its two halves; the password is checked in between. */
struct login {
	bool known; /* there is such a user; else the password is checked in vain */
	bool has_secret;
	char user[STORE_NAME_SIZE];
	int64_t member;
	struct store_password password; /* known */
	int64_t invite;			/* has_secret */
	int64_t pc;			/* the user's endpoint whose key this is already; 0: none */
	uint8_t secret_sha256[STORE_HASH_BYTES];
	struct public_key key;
	/* What else is stored with the identity, or neither is. May be NULL. Set before
	 * admission_login_end(). */
	int (*settle)(void *arg);
	void *settle_arg;
};

/**
 * admission_login_begin() - a user.
 * Return: true; false, *why is set: a false secret is told at once, a false name never.
 */
bool admission_login_begin(const struct admission *a, const struct admission_request *r,
			   struct login *l, struct refusal *why);
/** admission_login_end() - @password_ok: what came out. Everything is looked at again: time has
 * passed. */
bool admission_login_end(const struct admission *a, const struct login *l, bool password_ok,
			 int64_t now, struct admitted *out, struct refusal *why);

/** admission_answer() - what a newcomer gets who trusts @anchor (docs/PROTOCOL.md, 4.1), and who
 * renews (4.8). */
json_t *admission_answer(const struct admission *a, const struct admitted *x, int anchor);

/* --- members that come by --- */

struct known {
	struct store_member member;
	struct store_endpoint endpoint;
};

/** admission_check() - may this identity with this key have a control connection? */
bool admission_check(const struct admission *a, const struct ident *id,
		     const uint8_t key_sha256[X509_SPKI_SHA256_BYTES], int64_t now,
		     struct known *out, struct refusal *why);

/**
 * admission_renew() - a new certificate for a device or relay and the key that it has, whatever the
 * dates of the old one are. Again and again, if it asks: an answer may be lost.
 * @id, @key_sha256: of the certificate that it has shown. Return: true; false, *why.
 */
bool admission_renew(const struct admission *a, const struct ident *id,
		     const uint8_t key_sha256[X509_SPKI_SHA256_BYTES],
		     const struct admission_request *r, struct admitted *out, struct refusal *why);

#endif
