/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an earlier run left: a TUN device of our name that nobody holds, routes on it, proxy
 * entries. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/handlers.h>
#include <netlink/msg.h>
#include <netlink/route/link.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/io/log.h"
#include "vpnd/netconf_internal.h"

/* Take the device. Return: 0; -EBUSY it is not a TUN device or a process has it; -errno. */
static int take(const char name[NETCONF_NAME_SIZE], int *fd)
{
	struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	int err = 0;

	*fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (*fd < 0)
		return -errno;
	memcpy(ifr.ifr_name, name, NETCONF_NAME_SIZE);
	if (ioctl(*fd, TUNSETIFF, &ifr) != 0)
		err = errno == EINVAL ? -EBUSY : -errno;
	if (err)
		close(*fd);
	return err;
}

/* Does the answer name an owner or group? Those are an administrator's devices, made for us. */
static int on_link(struct nl_msg *msg, void *arg)
{
	struct nlattr *link[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1], *tun[IFLA_TUN_MAX + 1];
	bool *owned = arg;

	if (nlmsg_parse(nlmsg_hdr(msg), sizeof(struct ifinfomsg), link, IFLA_MAX, NULL) != 0 ||
	    !link[IFLA_LINKINFO] ||
	    nla_parse_nested(info, IFLA_INFO_MAX, link[IFLA_LINKINFO], NULL) != 0 ||
	    !info[IFLA_INFO_DATA] ||
	    nla_parse_nested(tun, IFLA_TUN_MAX, info[IFLA_INFO_DATA], NULL) != 0)
		return NL_OK;
	*owned = tun[IFLA_TUN_OWNER] || tun[IFLA_TUN_GROUP];
	return NL_OK;
}

static int find_owner(struct netconf *nc, int ifindex, bool *owned)
{
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	struct ifinfomsg ask = {.ifi_family = AF_UNSPEC, .ifi_index = ifindex};
	int nle;

	*owned = true; /* unless it is seen that it is not */
	if (!cb)
		return -ENOMEM;
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_link, owned);
	nle = nl_send_simple(nc->sock, RTM_GETLINK, 0, &ask, sizeof(ask));
	if (nle >= 0)
		nle = nl_recvmsgs(nc->sock, cb);
	if (nle >= 0)
		nle = nl_wait_for_ack(nc->sock);
	nl_cb_put(cb);
	return nle < 0 ? netconf_errno(nle) : 0;
}

/* @fd is the device: it goes with the descriptor once it is not persistent. */
static int clean(struct netconf *nc, int ifindex, int fd)
{
	unsigned int n_routes;
	bool owned;
	int err = netconf_routes_delete(nc, ifindex, &n_routes);

	if (!err)
		err = find_owner(nc, ifindex, &owned);
	if (err)
		return err;
	if (n_routes > 0)
		log_notice("removed routes that an earlier run left on %s count=%u", nc->tun,
			   n_routes);
	if (owned)
		return netconf_fail(nc, -EBUSY,
				    "the TUN device %s was made for a user or group of this host; "
				    "choose another name or remove it: ip link del %s",
				    nc->tun, nc->tun);
	if (ioctl(fd, TUNSETPERSIST, 0) != 0)
		return netconf_fail(nc, -errno, "cannot remove the TUN device %s: %s", nc->tun,
				    strerror(errno));
	log_notice("removed the TUN device %s that an earlier run left", nc->tun);
	return 0;
}

static int clean_device(struct netconf *nc)
{
	int ifindex = (int)if_nametoindex(nc->tun);
	int fd, err;

	if (ifindex == 0)
		return 0; /* and its routes went with it */
	err = take(nc->tun, &fd);
	if (err == -EBUSY)
		return netconf_fail(nc, err,
				    "the name %s belongs to another interface or a running "
				    "program; end that one or choose another name for the TUN",
				    nc->tun);
	if (err)
		return netconf_fail(nc, err, "cannot look at the device %s that is there: %s",
				    nc->tun, strerror(-err));
	err = clean(nc, ifindex, fd);
	close(fd);
	return err;
}

int netconf_cleanup(struct netconf *nc)
{
	int err = clean_device(nc);

	if (!err)
		err = netconf_outside_cleanup(nc);
	return err ? err : netconf_proxies_cleanup(nc);
}
