/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/pure/asked.h"

#include <string.h>

#include "accessd/pure/recovery.h"
#include "common/pure/rpcmsg.h"

static bool take_ticket(struct asked_ticket *t, const json_t *o)
{
	uint8_t bytes[ASKED_TICKET_BYTES];
	uint64_t until = 0;
	size_t n;

	if (!rpc_bytes(o, "ticket", bytes, sizeof(bytes), &n) || n != sizeof(bytes))
		return false;
	memcpy(t->secret, bytes, sizeof(t->secret));
	for (size_t i = 0; i < 8; i++)
		until = until << 8 | bytes[sizeof(t->secret) + i];
	t->until = (int64_t)until;
	memcpy(t->proof, bytes + sizeof(t->secret) + 8, sizeof(t->proof));
	explicit_bzero(bytes, sizeof(bytes));
	return true;
}

static bool take_code(const json_t *o, char out[ASKED_CODE_SIZE])
{
	const char *typed;

	if (!rpc_str(o, "code", &typed))
		return false;
	recovery_plain(typed, out, ASKED_CODE_SIZE);
	return true;
}

const char *asked_decode(struct asked *a, const json_t *params)
{
	const json_t *totp = json_object_get(params, "totp");

	memset(a, 0, sizeof(*a));
	a->has_code = json_object_get(params, "code") != NULL;
	a->has_new = json_object_get(params, "new_password") != NULL;
	a->has_totp = totp != NULL;
	(void)!rpc_bool(params, "dialogue", &a->dialogue); /* an older one does not say so */
	if (!rpc_str_max(params, "password", a->password, sizeof(a->password)))
		return "password, secret or csr is missing or malformed";
	if (a->has_new &&
	    !rpc_str_max(params, "new_password", a->new_password, sizeof(a->new_password)))
		return "the new password is longer than 256 bytes";
	if (a->has_code && !take_code(params, a->code))
		return "code is malformed";
	if (a->has_totp && (!take_ticket(&a->ticket, totp) || !take_code(totp, a->totp_code)))
		return "totp is malformed";
	return NULL;
}
