/* SPDX-License-Identifier: GPL-3.0-or-later */
/* asked - what who signs in sends along (docs/PROTOCOL.md, 4.1). Pure (jansson). */
#ifndef FARLAN_ASKED_H
#define FARLAN_ASKED_H

#include <jansson.h>

#include "accessd/pure/totp.h"

#define ASKED_PASSWORD_MAX 256
#define ASKED_CODE_SIZE 33
#define ASKED_PROOF_BYTES 32

/* A secret that was offered to a user, and that it was: what he sends back with his first code. */
struct asked_ticket {
	uint8_t secret[TOTP_SECRET_BYTES];
	int64_t until; /* Unix seconds */
	uint8_t proof[ASKED_PROOF_BYTES];
};
#define ASKED_TICKET_BYTES (TOTP_SECRET_BYTES + 8 + ASKED_PROOF_BYTES)

/* What a request brings. */
struct asked {
	char password[ASKED_PASSWORD_MAX + 1], new_password[ASKED_PASSWORD_MAX + 1];
	char code[ASKED_CODE_SIZE]; /* plain */
	bool has_code, has_new, has_totp;
	bool dialogue; /* it understands what it is asked for then */
	struct asked_ticket ticket;
	char totp_code[ASKED_CODE_SIZE];
};

/** asked_decode() - Return: NULL; what is wrong, in words. */
const char *asked_decode(struct asked *a, const json_t *params);

#endif
