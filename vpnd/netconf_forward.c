/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Forwarding between the TUN and a LAN, by sysctls that undo takes back. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vpnd/netconf_internal.h"
#include "vpnd/undo.h"

#define IPV6_CONF "net/ipv6/conf/"
#define IPV6_CONF_FOLDER "/proc/sys/" IPV6_CONF

static bool has_value(const char *path, const char *want)
{
	char value[UNDO_VALUE_SIZE];

	return undo_read(path, value, sizeof(value)) == 0 && strcmp(value, want) == 0;
}

static int set(struct netconf *nc, uint32_t hold, const char *path, const char *value)
{
	int err = undo_set(nc->undo, hold, path, value);

	if (err == -EROFS)
		return netconf_fail(nc, err,
				    "cannot set %s: /proc/sys is read-only for this "
				    "service (ProtectKernelTunables?)",
				    path);
	if (err)
		return netconf_fail(nc, err, "cannot set %s to %s: %s", path, value,
				    strerror(-err));
	return 0;
}

static int set_both(struct netconf *nc, uint32_t hold, const char *family, const char *ifname,
		    const char *key)
{
	char path[UNDO_PATH_SIZE];
	int err;

	snprintf(path, sizeof(path), "net/%s/conf/%s/%s", family, nc->tun, key);
	err = set(nc, hold, path, "1");
	if (err)
		return err;
	snprintf(path, sizeof(path), "net/%s/conf/%s/%s", family, ifname, key);
	return set(nc, hold, path, "1");
}

int netconf_forward6_two(struct netconf *nc, const char *ifname, uint32_t hold)
{
	return set_both(nc, hold, "ipv6", ifname, "force_forwarding");
}

/*
 * What all.forwarding=1 changes on @ifname besides: forwarding there is written over when it is
 * taken back, and default routes from router advertisements go unless accept_ra is 2.
 * @first: all.forwarding is still 0.
 */
static int prepare_interface(struct netconf *nc, const char *ifname, uint32_t hold, bool first)
{
	char path[UNDO_PATH_SIZE];
	int err = 0;

	snprintf(path, sizeof(path), IPV6_CONF "%.15s/forwarding", ifname);
	if (undo_owns(nc->undo, path) || (first && has_value(path, "1")))
		err = undo_keep(nc->undo, hold, path);
	if (err)
		return netconf_fail(nc, err, "cannot note %s: %s", path, strerror(-err));
	snprintf(path, sizeof(path), IPV6_CONF "%.15s/accept_ra", ifname);
	if (undo_owns(nc->undo, path) || has_value(path, "1"))
		err = set(nc, hold, path, "2");
	return err == -ENOENT ? 0 : err; /* the interface has gone meanwhile */
}

static int prepare_interfaces(struct netconf *nc, uint32_t hold, bool first)
{
	DIR *folder = opendir(IPV6_CONF_FOLDER);
	struct dirent *d;
	int err = 0;

	if (!folder)
		return netconf_fail(nc, -errno, "cannot read " IPV6_CONF_FOLDER);
	while (!err && (d = readdir(folder))) {
		if (d->d_name[0] != '.' && strcmp(d->d_name, "all") != 0)
			err = prepare_interface(nc, d->d_name, hold, first);
	}
	closedir(folder);
	return err;
}

int netconf_forward6_all(struct netconf *nc, uint32_t hold)
{
	static const char all[] = IPV6_CONF "all/forwarding";
	bool first = !undo_owns(nc->undo, all);
	int err;

	if (first && has_value(all, "1"))
		return 0; /* a router already */
	err = prepare_interfaces(nc, hold, first);
	return err ? err : set(nc, hold, all, "1");
}

static int forward6(struct netconf *nc, const char *ifname, uint32_t hold)
{
	char path[UNDO_PATH_SIZE], value[UNDO_VALUE_SIZE];

	snprintf(path, sizeof(path), IPV6_CONF "%s/force_forwarding", nc->tun);
	if (undo_read(path, value, sizeof(value)) == 0)
		return netconf_forward6_two(nc, ifname, hold);
	return netconf_forward6_all(nc, hold);
}

int netconf_forward(struct netconf *nc, const char *ifname, uint8_t family, uint32_t *hold)
{
	int err;

	*hold = undo_hold(nc->undo);
	err = family == 4 ? set_both(nc, *hold, "ipv4", ifname, "forwarding")
			  : forward6(nc, ifname, *hold);
	if (err) {
		undo_release(nc->undo, *hold);
		*hold = 0;
	}
	return err;
}

bool netconf_forwards(const char *ifname, uint8_t family, char *setting, size_t size)
{
	if (family == 4) {
		snprintf(setting, size, "net/ipv4/conf/%s/forwarding", ifname);
		return has_value(setting, "1");
	}
	snprintf(setting, size, IPV6_CONF "%s/force_forwarding", ifname);
	if (has_value(setting, "1"))
		return true;
	snprintf(setting, size, IPV6_CONF "all/forwarding");
	return has_value(setting, "1");
}

void netconf_unforward(struct netconf *nc, uint32_t hold)
{
	if (hold)
		undo_release(nc->undo, hold);
}
