/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * backup - the database is handed out while it is in use: a copy of one moment is made beside it,
 * read in pieces by whoever asked, and removed. One at a time.
 */
#ifndef FARLAN_BACKUP_H
#define FARLAN_BACKUP_H

#include <uv.h>

#include "accessd/store.h"

#define BACKUP_PIECE_BYTES 32768
#define BACKUP_IDLE_MS 60000 /* then the copy is removed */
#define BACKUP_SHA256_BYTES 32

struct backup;

struct backup_info {
	uint64_t number; /* to ask by */
	int64_t bytes;
	uint8_t sha256[BACKUP_SHA256_BYTES];
};

/** backup_open() - a copy that an earlier run has left is removed. Return: 0; -ENOMEM. */
int backup_open(struct backup **out, uv_loop_t *loop, struct store *s)
	__attribute__((warn_unused_result));
/** backup_close() - the memory goes with the last handle, or when the copy that is being made is
 * there. NULL is allowed. */
void backup_close(struct backup *b);

/**
 * backup_make() - @done: once, never before this returns; after backup_close() with -ECANCELED.
 * @info: if @error is 0. Return: 0; -EBUSY another one is under way; -ENOMEM.
 */
int backup_make(struct backup *b,
		void (*done)(void *arg, int error, const struct backup_info *info), void *arg)
	__attribute__((warn_unused_result));
/** backup_read() - at @offset. *n: 0 at the end. Return: 0; -ENOENT no such copy; -EIO. */
int backup_read(struct backup *b, uint64_t number, int64_t offset,
		uint8_t bytes[BACKUP_PIECE_BYTES], size_t *n) __attribute__((warn_unused_result));
/** backup_drop() - it is not needed any more. */
void backup_drop(struct backup *b, uint64_t number);

#endif
