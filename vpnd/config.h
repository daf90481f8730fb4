/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * config - what vpnd's configuration file says.
 */
#ifndef FARLAN_VPND_CONFIG_H
#define FARLAN_VPND_CONFIG_H

#include "common/io/opt.h"
#include "common/pure/token.h"
#include "vpnd/plane.h"
#include "vpnd/pure/signs.h"
#include "vpnd/tun.h"

#define CONFIG_FILE "/etc/farlan/vpnd.conf"
#define CONFIG_PATH_SIZE 200

struct config {
	enum token_role role;
	char state[CONFIG_PATH_SIZE];  /* folder: identity, what worked last */
	char socket[CONFIG_PATH_SIZE]; /* for vpnctl; the undo journal lies beside it */
	char tun[TUN_NAME_SIZE];
	/* manager: networks here that devices may reach; device: those behind gateways */
	struct opt_lans lans;
	struct opt_prefixes virtual; /* pools of virtual prefixes */
	struct opt_ports ports;
	struct opt_proxy proxy;
	struct proxy_except no_proxy;
	bool refuse_inspection;
	struct opt_trust trust;
	struct opt_listens metrics;
	long mtu;		      /* of the TUN device */
	struct opt_listens dns;	      /* manager: where names are answered; none: nowhere */
	bool resolved;		      /* tell systemd-resolved of it */
	bool shed;		      /* shed the outer layer of session connections */
	bool offload;		      /* super-packets through the TUN device */
	enum plane_lan_mode lan_mode; /* device */
	struct lendable_pool lend;    /* device: what may be lent */
	bool set_clock;		      /* of this host, by signed time */
	struct opt_servers ntp;
	bool allow_overlap;		    /* a peer's LAN may take what this host has */
	char hardware_id[CONFIG_PATH_SIZE]; /* device: auto, none, or a file */
	char lock_input[CONFIG_PATH_SIZE];  /* device: a switch that locks; "": none */
	bool lock_inverted;
	struct sign_leds leds;
	char hook[CONFIG_PATH_SIZE]; /* program that is told of states; "": none */
};

extern const struct opt config_table[]; /* of struct config */
extern const size_t config_table_n;

/** config_check() - what goes beyond one option. Return: NULL; what is wrong, in words. */
const char *config_check(const void *conf) __attribute__((warn_unused_result));

#endif
