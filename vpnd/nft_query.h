/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * nft_query - what this host's packet filter does with packets that are forwarded, by nfnetlink.
 */
#ifndef FARLAN_NFT_QUERY_H
#define FARLAN_NFT_QUERY_H

#include <stddef.h>

/**
 * nft_forward_drops() - is there a base chain for forwarded packets (nftables, or iptables-nft)
 * whose policy is to drop? Docker sets one. Blocks for the kernel's answer.
 * @out: which, "ip filter FORWARD".
 * Return: 0 none; -EEXIST; -errno, e.g. no permission, or no such part of the kernel.
 */
int nft_forward_drops(char *out, size_t size) __attribute__((warn_unused_result));

#endif
