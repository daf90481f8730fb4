/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * relayctl - what its files share.
 */
#ifndef FARLAN_RELAYD_RELAYCTL_H
#define FARLAN_RELAYD_RELAYCTL_H

#include <stdbool.h>

#include "common/io/ctl.h"

#define RELAYCTL_TIMEOUT_MS 10000
#define RELAYCTL_ENROLL_TIMEOUT_MS 90000

struct relayctl_args {
	const char *socket; /* NULL: not given */
	const char *file;   /* enroll: the invitation is in it; "-": standard input */
	bool json, again;
	bool idle;    /* doctor */
	json_t *urls; /* doctor --url; NULL: none */
};

/* Commands. Return: an exit code. */
int relayctl_status(struct ctl *c, const struct relayctl_args *args);
int relayctl_sessions(struct ctl *c, const struct relayctl_args *args);
int relayctl_drain(struct ctl *c, const struct relayctl_args *args);
int relayctl_enable(struct ctl *c, const struct relayctl_args *args);
int relayctl_doctor(struct ctl *c, const struct relayctl_args *args);
int relayctl_enroll(struct ctl *c, const struct relayctl_args *args);

/** relayctl_ask() - ctl_call() that prints what went wrong. Return: the result, caller owns; NULL.
 */
json_t *relayctl_ask(struct ctl *c, const char *method, json_t *params);

#endif
