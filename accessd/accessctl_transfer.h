/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What export and import share.
 *
 *   register  what accessd has: accessctl_register.c
 *   file      what is wanted: accessctl_file.c
 *   plan      the steps from one to the other: accessctl_plan.c
 *
 * Import is made of the same requests as single commands: so who imports needs the same
 * permissions, each change is in the audit, and takes effect in running sessions like any other.
 */
#ifndef FARLAN_ACCESSCTL_TRANSFER_H
#define FARLAN_ACCESSCTL_TRANSFER_H

#include "accessd/accessctl.h"
#include "accessd/pure/transfer.h"

#define TRANSFER_ALL ((1u << TRANSFER_KINDS) - 1)

/* Items by their keys; a list is an object {key: item}. */
struct register_now {
	json_t *items[TRANSFER_KINDS];
	json_t *revoked; /* {"device site1": true}: those that are not exported */
};

/**
 * register_read() - the kinds in @kinds; of devices in @plain only what device.list tells, with
 * neither rules nor hosts. Return: an exit code, said; register_free() follows in any case.
 */
int register_read(struct register_now *r, struct accessctl *a, unsigned int kinds, bool plain)
	__attribute__((warn_unused_result));
void register_free(struct register_now *r);

/* What a file says. */
struct register_file {
	json_t *items[TRANSFER_KINDS]; /* {key: item}, in the order of the file; NULL: not there */
	json_t *where[TRANSFER_KINDS]; /* {key: "devices.csv:7"} */
};

/** register_file_read() - all of it is checked. @name: "-" is standard input. Return: the same. */
int register_file_read(struct register_file *f, const char *name)
	__attribute__((warn_unused_result));
void register_file_free(struct register_file *f);

/*
 * A step: {"do": "add|change|remove", "kind", "name", "where", "changes": ["rate: none -> 10mbit"],
 * "calls": [{"method", "params"}]}.
 */
struct register_plan {
	json_t *steps;
	size_t same; /* items that are as they should be */
};

/** register_plan_make() - @prune: what the file does not have, of the kinds that it has, is
 * removed. Return: an exit code: CTL_FAILED, said, if something is wrong. */
int register_plan_make(struct register_plan *p, const struct register_now *now,
		       const struct register_file *f, bool prune)
	__attribute__((warn_unused_result));
void register_plan_free(struct register_plan *p);

/** register_kinds() - a bit for each kind that the file has. */
unsigned int register_kinds(const struct register_file *f);

#endif
