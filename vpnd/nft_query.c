/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/nft_query.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>

struct asked {
	char *out;
	size_t size;
	bool found;
};

static const char *family_name(uint8_t family)
{
	switch (family) {
	case NFPROTO_IPV4:
		return "ip";
	case NFPROTO_IPV6:
		return "ip6";
	case NFPROTO_INET:
		return "inet";
	default:
		return NULL; /* bridges and devices forward no IP */
	}
}

static uint32_t number(struct nlattr *a)
{
	return a && nla_len(a) >= 4 ? ntohl(nla_get_u32(a)) : UINT32_MAX;
}

static int on_chain(struct nl_msg *msg, void *arg)
{
	struct nlmsghdr *h = nlmsg_hdr(msg);
	const struct nfgenmsg *g = nlmsg_data(h);
	struct nlattr *chain[NFTA_CHAIN_MAX + 1], *hook[NFTA_HOOK_MAX + 1];
	struct asked *a = arg;
	const char *family = family_name(g->nfgen_family);

	if (a->found || !family || nlmsg_parse(h, sizeof(*g), chain, NFTA_CHAIN_MAX, NULL) < 0 ||
	    !chain[NFTA_CHAIN_HOOK] || !chain[NFTA_CHAIN_TABLE] || !chain[NFTA_CHAIN_NAME] ||
	    nla_parse_nested(hook, NFTA_HOOK_MAX, chain[NFTA_CHAIN_HOOK], NULL) < 0)
		return NL_OK;
	if (number(hook[NFTA_HOOK_HOOKNUM]) != NF_INET_FORWARD ||
	    number(chain[NFTA_CHAIN_POLICY]) != NF_DROP)
		return NL_OK;
	a->found = true;
	snprintf(a->out, a->size, "%s %s %s", family, nla_get_string(chain[NFTA_CHAIN_TABLE]),
		 nla_get_string(chain[NFTA_CHAIN_NAME]));
	return NL_OK;
}

static int ask(struct nl_sock *sock, struct asked *a)
{
	struct nfgenmsg g = {.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0};
	struct nl_msg *msg = nlmsg_alloc_simple((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETCHAIN,
						NLM_F_REQUEST | NLM_F_DUMP);
	int r;

	if (!msg)
		return -ENOMEM;
	r = nlmsg_append(msg, &g, sizeof(g), NLMSG_ALIGNTO);
	if (r >= 0)
		r = nl_send_auto(sock, msg);
	nlmsg_free(msg);
	if (r < 0)
		return -EIO;
	nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, on_chain, a);
	return nl_recvmsgs_default(sock) < 0 ? -EIO : 0;
}

int nft_forward_drops(char *out, size_t size)
{
	struct nl_sock *sock = nl_socket_alloc();
	struct asked a = {.out = out, .size = size};
	int r;

	if (!sock)
		return -ENOMEM;
	r = nl_connect(sock, NETLINK_NETFILTER) < 0 ? -EIO : ask(sock, &a);
	nl_socket_free(sock);
	if (r != 0)
		return r;
	return a.found ? -EEXIST : 0;
}
