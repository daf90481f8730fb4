/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * undo - sysctls that are changed for a while, with a journal, so that each gets its old value
 * back: when its last user lets go, at the end, or at the next start after a kill -9.
 *
 * Words: a *hold* is one user's list of settings; settings of the same file by several holds are
 * counted, and the old value comes back with the last of them. Blocks on the journal (fsync) and on
 * /proc/sys; for start-up and the rare moments when a session begins or ends.
 *
 * The journal belongs on a file system that a reboot empties (/run). It names boot and network
 * namespace; one of another boot or namespace is thrown away.
 */
#ifndef FARLAN_UNDO_H
#define FARLAN_UNDO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vpnd/pure/undo_journal.h"

#define UNDO_SETTINGS_MAX 4096 /* over all holds */

struct undo;

/**
 * undo_open() - first restore what a journal at @file says (a value that is no longer what was set
 * was changed by somebody else since and stays; both is logged), then be ready.
 * A damaged journal is restored as far as it can be read. @file: copied; its folder must exist.
 * Return: 0; -errno the journal can neither be read nor removed, logged.
 */
int undo_open(struct undo **out, const char *file) __attribute__((warn_unused_result));

/** undo_close() - restore everything, remove the journal, free. NULL is allowed. */
void undo_close(struct undo *u);

/** undo_hold() - a new, empty hold: a number that is never 0 and not used again soon. */
uint32_t undo_hold(struct undo *u);

/**
 * undo_set() - for @hold: write @value to /proc/sys/@path. The old value is in the journal, on
 * disk, before the change is made. What already has the value is left alone and not journalled,
 * unless undo set it: then this hold is counted too. A second time for the same hold is nothing.
 * Return: 0; -ENOENT no such setting; -EEXIST set to another value for another hold; -ENOSPC caps;
 * -EINVAL path or value; -errno. On failure nothing is changed.
 */
int undo_set(struct undo *u, uint32_t hold, const char *path, const char *value)
	__attribute__((warn_unused_result));

/**
 * undo_keep() - for @hold: remember the present value and write it back at the end whatever it is
 * then. For what the kernel changes along with another setting (all.forwarding writes to all
 * interfaces): keep these first, then set the other one. Return: as undo_set().
 */
int undo_keep(struct undo *u, uint32_t hold, const char *path) __attribute__((warn_unused_result));

/** undo_owns() - has some hold set @path? */
bool undo_owns(const struct undo *u, const char *path);

/** undo_list() - what is set or kept now; borrowed until the next change. */
const struct undo_entry *undo_list(const struct undo *u, size_t *n);

/** undo_release() - let go all of @hold's settings, the last one first. Unknown holds are nothing.
 */
void undo_release(struct undo *u, uint32_t hold);

/** undo_read() - the value of /proc/sys/@path without its line end. Return: 0; -ENOSPC; -errno. */
int undo_read(const char *path, char *out, size_t out_size) __attribute__((warn_unused_result));

#endif
