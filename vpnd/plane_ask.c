/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the kernel knows of ways that have to do with us. */
#include <stdio.h>

#include "vpnd/plane_internal.h"

int plane_way_outside(struct plane *pl, const struct addr *to, char interface[16],
		      struct addr *gateway)
{
	struct netconf_way way;
	int r = netconf_way_outside(pl->netconf, to, &way);

	if (r != 0)
		return r;
	snprintf(interface, NETCONF_NAME_SIZE, "%s", way.link.ifindex ? way.link.name : "lo");
	*gateway = way.gateway;
	return 0;
}

int plane_lan_at(struct plane *pl, const struct prefix *lan, char interface[16])
{
	struct netconf_link link;
	int r = netconf_find_lan(pl->netconf, lan, &link);

	if (r == 0)
		snprintf(interface, NETCONF_NAME_SIZE, "%s", link.name);
	return r;
}
