/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * signin - what makes signing in safe, for all domains of the server: which passwords are taken,
 * who has failed too often, second factors.
 *
 * All that fails without the right password is answered with the same words after the same time.
 */
#ifndef FARLAN_SIGNIN_H
#define FARLAN_SIGNIN_H

#include <jansson.h>

#include "accessd/audit.h"
#include "accessd/password.h"
#include "accessd/store_signin.h"

#define SIGNIN_WRONG "wrong user name or password"

struct signin;

struct signin_config {
	struct store *store; /* these are borrowed */
	struct passwords *passwords;
	struct audit *audit;
	size_t min_bytes;	  /* of a password */
	const char *refused_path; /* a list of more passwords that are refused; "": none */
};

/** signin_open() - Return: 0; -ENOMEM; -EIO; what reading the list returned, logged. */
int signin_open(struct signin **out, const struct signin_config *config)
	__attribute__((warn_unused_result));
void signin_free(struct signin *s);
/** signin_upkeep() - forget failures that are long over. */
void signin_upkeep(struct signin *s);

#define SIGNIN_WORDS_SIZE 128
/** signin_refuses() - may this be the password of a user? @words: why not. */
bool signin_refuses(const struct signin *s, const char *user, const char *domain,
		    const char *password, char words[SIGNIN_WORDS_SIZE]);

/** signin_locked_s() - for how many seconds more a user's account is, or the key of one of his PCs;
 * 0: neither. */
int64_t signin_locked_s(const struct signin *s, int64_t member);
/** signin_unlock() - the account, and the user's PCs. Return: 0; -EIO. */
int signin_unlock(struct signin *s, int64_t member) __attribute__((warn_unused_result));

#endif
