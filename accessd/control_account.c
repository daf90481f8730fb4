/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What users who are signed in change about how they sign in (docs/PROTOCOL.md, 4.1). */
#include <stdio.h>
#include <string.h>

#include "accessd/clients_internal.h"
#include "accessd/signin_internal.h"

static bool find_what(const json_t *params, enum signin_what *what)
{
	static const struct {
		const char *name;
		enum signin_what what;
	} of[] = {
		{"password", SIGNIN_PASSWORD},
		{"totp", SIGNIN_TOTP},
		{"recovery-codes", SIGNIN_RECOVERY},
	};
	const char *name;

	for (size_t i = 0; rpc_str(params, "what", &name) && i < sizeof(of) / sizeof(of[0]); i++) {
		if (strcmp(name, of[i].name) == 0) {
			*what = of[i].what;
			return true;
		}
	}
	return false;
}

/* The password again: who sits at the PC now need not be who has signed in. */
void control_on_account(struct rpc *rpc, int64_t id, const json_t *params)
{
	struct client *c = rpc->arg;
	struct login l = {.known = true, .member = c->member, .pc = c->endpoint};
	struct asked asked = {.dialogue = false};
	enum signin_what what;
	const char *wrong;

	if (!control_is_allowed(c, id, true))
		return;
	wrong = find_what(params, &what) ? asked_decode(&asked, params)
					 : "what is password, totp or recovery-codes";
	asked.dialogue = true;
	snprintf(l.user, sizeof(l.user), "%s", c->name);
	if (wrong)
		rpc_reject(rpc, id, RPC_BAD_PARAMS, "%s", wrong);
	else if (id == 0 || store_password_get(c->owner->store, c->member, &l.password) != 0)
		rpc_reject(rpc, id, RPC_INTERNAL,
			   "the server cannot do this now; its log says why");
	else
		client_sign_in(c, id, what, &l, &asked);
	explicit_bzero(&asked, sizeof(asked));
	explicit_bzero(&l, sizeof(l));
}
