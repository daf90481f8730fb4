/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * disk - how full the disk under the database is, and whether it can be written at all.
 */
#ifndef FARLAN_DISK_H
#define FARLAN_DISK_H

#include <jansson.h>
#include <uv.h>

#include "accessd/store.h"

#define DISK_LOOK_MS 10000
#define DISK_LOW_PERCENT 80  /* used: warned of */
#define DISK_WELL_PERCENT 75 /* then it is well again */
#define DISK_WORDS_SIZE 160

struct disk {
	uv_timer_t timer;
	const char *dir;     /* borrowed */
	struct store *store; /* borrowed */
	uint64_t total_bytes, free_bytes;
	unsigned int used_percent;
	bool low, open;
};

/** disk_open() - look now, and every DISK_LOOK_MS. */
void disk_open(struct disk *d, uv_loop_t *loop, const char *dir, struct store *store);
/** disk_close() - idempotent. */
void disk_close(struct disk *d);

/** disk_problem() - in words, with what to do; NULL: all is well. */
const char *disk_problem(const struct disk *d, char words[DISK_WORDS_SIZE]);
/** disk_status() - for status: disk_free_bytes, disk_used_percent and, if there is one,
 * disk_problem. */
void disk_status(const struct disk *d, json_t *o);

#endif
