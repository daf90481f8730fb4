/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * conf - relayd.conf.
 */
#ifndef FARLAN_RELAYD_CONF_H
#define FARLAN_RELAYD_CONF_H

#include "common/io/opt.h"

#define CONF_FILE "/etc/farlan/relayd.conf"
#define CONF_PATH_SIZE 100 /* fits into sockaddr_un */

struct conf {
	char state[CONF_PATH_SIZE];
	char socket[CONF_PATH_SIZE];
	struct opt_listens listen;
	struct opt_ports ports;
	struct opt_proxy proxy;
	struct proxy_except no_proxy;
	bool refuse_inspection;
	long max_sessions;
	uint64_t capacity; /* bytes a second, 0: not said */
	long workers;	   /* 0: one for each core */
	struct opt_listens metrics;
	uint64_t rate; /* bytes a second, 0: no limit */
	bool shed;
	long drain_s;
	bool set_clock; /* of this host, by signed time */
	struct opt_servers ntp;
};

/** conf_program() - what relayd says of itself. */
const struct opt_program *conf_program(void);
void conf_defaults(struct conf *c);
/**
 * conf_fit_sessions() - with @files open files: no more sessions than fit, beside what else is
 * open. The others are answered with 503, so that their ends try another relay; without a file left
 * nobody would be answered. Return: max_sessions was lowered.
 */
bool conf_fit_sessions(struct conf *c, size_t files);
/** conf_workers() - how many there are to be on this machine. */
unsigned int conf_workers(const struct conf *c);
/** conf_listen_text() - the `listen` option as it would stand in the file. */
void conf_listen_text(const struct conf *c, char *out, size_t out_size);

#endif
