/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * store_backup - copies of the database as a whole, and what a file says of itself.
 */
#ifndef FARLAN_STORE_BACKUP_H
#define FARLAN_STORE_BACKUP_H

#include "accessd/store.h"

#define STORE_DB_FILE "accessd.db" /* in the folder of the state */

/**
 * store_copy() - all as it is at one moment, into a new file (0600) that is on disk when this
 * returns. By a view of its own (store_reader()), on any thread: nobody waits for it meanwhile.
 * Return: 0; -EEXIST; -ENOSPC; -EIO.
 */
int store_copy(struct store *reader, const char *path) __attribute__((warn_unused_result));

/** store_version_of() - which step of the schema it is at; newer than *known: of a newer accessd.
 * Return: 0; -EIO, also if it is no database. */
int store_version_of(struct store *s, int *version, int *known) __attribute__((warn_unused_result));
/** store_sound() - are all pages, rows and indexes as they should be? @words: what is wrong.
 * Return: 0; -EBADMSG; -EIO. */
int store_sound(struct store *s, char words[STORE_REASON_SIZE]) __attribute__((warn_unused_result));
/** store_references() - do all that are named exist? *table: one that names what is not there.
 * Return: 0; -EBADMSG; -EIO. */
int store_references(struct store *s, char table[STORE_NAME_SIZE])
	__attribute__((warn_unused_result));
/** store_end_sessions() - all that run, without telling anybody: after a backup was restored. */
int store_end_sessions(struct store *s, int64_t now, const char *reason)
	__attribute__((warn_unused_result));

#endif
