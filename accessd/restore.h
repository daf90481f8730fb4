/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * restore - a backup is looked at, and put in the place of the database. Without accessd: by a
 * program of its own, which may block.
 */
#ifndef FARLAN_RESTORE_H
#define FARLAN_RESTORE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RESTORE_WORDS_SIZE 300
#define RESTORE_MARK "restored" /* in the folder of the state: accessd records it at its start */

/* What was looked at: once for each. */
typedef void restore_said_fn(void *arg, const char *check, bool ok, const char *words);

/**
 * restore_verify() - is the file a backup that can be restored? It is looked at in a copy in @dir,
 * a folder that is there and whose content is of this user alone; nothing of it stays. Return: 0;
 * -EBADMSG it is not, @said tells why; -errno it could not be looked at, said, too.
 */
int restore_verify(const char *file, const char *dir, restore_said_fn *said, void *arg)
	__attribute__((warn_unused_result));

/**
 * restore_install() - the same, and then it takes the place of the database in @state; what was
 * there is kept as "accessd.db.before-YYYYMMDDTHHMMSSZ". Sessions that run in it are ended.
 * @kept: set to where the old one is; "": there was none.
 * Return: as above; -EBUSY accessd is running. All is as it was then.
 */
int restore_install(const char *file, const char *state, restore_said_fn *said, void *arg,
		    char kept[PATH_MAX]) __attribute__((warn_unused_result));

#endif
