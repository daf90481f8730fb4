/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/stand_in.h"

#include "common/pure/rpcmsg.h"

json_t *stand_in_encode(const struct prefix *lan, const struct prefix *here)
{
	char lan_text[PREFIX_TEXT_SIZE], here_text[PREFIX_TEXT_SIZE];

	prefix_format(lan, lan_text);
	prefix_format(here, here_text);
	return json_pack("{s:s, s:s}", "lan", lan_text, "here", here_text);
}

static bool get(const json_t *o, const char *key, struct prefix *p)
{
	char text[PREFIX_TEXT_SIZE];

	return rpc_str_max(o, key, text, sizeof(text)) && prefix_parse(p, text) == 0 &&
	       prefix_reachable(p);
}

bool stand_in_decode(const json_t *o, struct prefix *lan, struct prefix *here)
{
	return get(o, "lan", lan) && get(o, "here", here) &&
	       lan->addr.family == here->addr.family && lan->len == here->len;
}
