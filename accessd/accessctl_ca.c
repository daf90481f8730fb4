/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ca show, ca roll, token-key roll. */
#include <stdio.h>

#include "accessd/accessctl.h"

static int show(struct ctl *c, const struct accessctl_args *a, const char *method, json_t *params)
{
	json_t *result = accessctl_ask(c, method, params);

	if (!result)
		return CTL_FAILED;
	if (a->json)
		ctl_print_json(result);
	else
		accessctl_print_cas(result);
	json_decref(result);
	return CTL_OK;
}

int accessctl_ca_show(struct ctl *c, const struct accessctl_args *a)
{
	return show(c, a, "ca.show", NULL);
}

int accessctl_ca_roll(struct ctl *c, const struct accessctl_args *a)
{
	if (!a->yes && a->compromised)
		return accessctl_usage("this ends all sessions, and every device, user and relay "
				       "then needs a new invitation (reinvite); if that is what is "
				       "wanted, say it with --yes");
	if (!a->yes)
		return accessctl_usage(
			"this makes a new CA for good; devices, users and relays of this version "
			"and later ones follow it by themselves, sessions go on. Copy the state "
			"folder first, then say it with --yes");
	return show(c, a, "ca.roll", json_pack("{s:b}", "compromised", a->compromised));
}

int accessctl_token_key_roll(struct ctl *c, const struct accessctl_args *a)
{
	if (a->compromised)
		return accessctl_usage("--compromised is for ca roll, which makes a new token key, "
				       "too");
	if (!a->yes)
		return accessctl_usage("this makes a new key for relay tokens; sessions go on. Say "
				       "it with --yes");
	return show(c, a, "token-key.roll", NULL);
}
