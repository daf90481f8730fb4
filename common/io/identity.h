/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * identity - what enrolment left on this machine: the signed identity, in one file
 * (identity.json, 0600, replaced atomically) in the daemon's state folder.
 */
#ifndef FARLAN_IDENTITY_H
#define FARLAN_IDENTITY_H

#include <jansson.h>

#include "common/io/x509.h"
#include "common/pure/token.h"
#include "common/pure/url.h"

#define IDENTITY_FILE "identity.json"
#define IDENTITY_URLS_MAX 8
#define IDENTITY_TOKEN_KEYS_MAX 2
#define IDENTITY_NAME_SIZE 64
#define IDENTITY_FORMERS_MAX 8

struct identity {
	struct ident id;
	char name[IDENTITY_NAME_SIZE];
	struct x509_key key;
	struct x509_cert cert; /* the identity */
	struct x509_cert ca;   /* the domain CA */
	/* CAs that the domain had, the newest last: what servers show outside may be by one. */
	size_t n_formers;
	struct x509_cert formers[IDENTITY_FORMERS_MAX];
	size_t n_urls; /* Access Servers */
	struct url urls[IDENTITY_URLS_MAX];
	/* Relay Servers only: */
	struct x509_cert outer_cert; /* for the same key; len 0: none */
	size_t n_token_keys;
	struct token_key token_keys[IDENTITY_TOKEN_KEYS_MAX];
};

/** identity_load() - Return: 0; -ENOENT not enrolled; -EBADMSG damaged; -EPERM readable by others;
 * -errno. */
int identity_load(struct identity *id, const char *state_dir) __attribute__((warn_unused_result));

/** identity_save() - Return: 0; -errno. */
int identity_save(const struct identity *id, const char *state_dir)
	__attribute__((warn_unused_result));

/** identity_forget() - remove the file. Return: 0; -errno. */
int identity_forget(const char *state_dir) __attribute__((warn_unused_result));

/**
 * identity_take_urls(), identity_take_token_keys() - from a message of the Access Server: the lists
 * "urls" and "token_keys". @id is changed whole or not at all.
 * @changed: set if it is news, else left alone.   Return: 0; -EBADMSG.
 */
int identity_take_urls(struct identity *id, const json_t *list, bool *changed)
	__attribute__((warn_unused_result));
int identity_take_token_keys(struct identity *id, const json_t *list, bool *changed)
	__attribute__((warn_unused_result));

/**
 * identity_take_links() - follow the links in a message of the Access Server from the CA that is
 * trusted to the domain's CA of today (ca_link.h). @id is changed whole or not at all, and its
 * certificate is not looked at.   Return: 0; -EBADMSG; -EKEYREJECTED.
 */
int identity_take_links(struct identity *id, const json_t *list)
	__attribute__((warn_unused_result));

/** identity_take_formers() - a message's list "former_cas"; absent: none. @id is changed whole or
 * not at all.   Return: 0; -EBADMSG. */
int identity_take_formers(struct identity *id, const json_t *list)
	__attribute__((warn_unused_result));
/** identity_outer_ca() - which of its CAs, of today or before, an outer certificate is by. NULL. */
const struct x509_cert *identity_outer_ca(const struct identity *id, const struct x509_cert *cert);

/** identity_check_cert() - is a certificate for the identity's key? @own: and for itself, and by
 * its CA; else an outer one. Return: NULL, or what is wrong, in words behind "the server's answer
 * holds". */
const char *identity_check_cert(const struct identity *id, const struct x509_cert *cert, bool own);

void identity_wipe(struct identity *id);

#endif
