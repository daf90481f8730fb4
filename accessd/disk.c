/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/disk.h"

#include <stdio.h>
#include <sys/statvfs.h>

#include "common/io/log.h"

static void judge(struct disk *d)
{
	unsigned int limit = d->low ? DISK_WELL_PERCENT : DISK_LOW_PERCENT;
	bool low = d->used_percent >= limit;

	if (low == d->low)
		return;
	d->low = low;
	if (low)
		log_warn("the disk of the database is getting full used=%u%% free_mb=%llu dir=%s",
			 d->used_percent, (unsigned long long)(d->free_bytes >> 20), d->dir);
	else
		log_notice("the disk of the database has room again used=%u%%", d->used_percent);
}

static void look(struct disk *d)
{
	struct statvfs v;

	if (statvfs(d->dir, &v) != 0 || v.f_blocks == 0)
		return;
	d->total_bytes = (uint64_t)v.f_blocks * v.f_frsize;
	d->free_bytes = (uint64_t)v.f_bavail * v.f_frsize;
	d->used_percent = (unsigned int)(100 - d->free_bytes * 100 / d->total_bytes);
	judge(d);
}

static void on_timer(uv_timer_t *timer)
{
	look(timer->data);
}

void disk_open(struct disk *d, uv_loop_t *loop, const char *dir, struct store *store)
{
	*d = (struct disk){.dir = dir, .store = store, .open = true};
	uv_timer_init(loop, &d->timer);
	d->timer.data = d;
	uv_timer_start(&d->timer, on_timer, DISK_LOOK_MS, DISK_LOOK_MS);
	look(d);
}

void disk_close(struct disk *d)
{
	if (!d->open)
		return;
	d->open = false;
	uv_close((uv_handle_t *)&d->timer, NULL);
}

const char *disk_problem(const struct disk *d, char words[DISK_WORDS_SIZE])
{
	const char *trouble = d->store ? store_trouble(d->store) : NULL;

	if (trouble)
		snprintf(words, DISK_WORDS_SIZE,
			 "nothing can be written: %s; running sessions go on, nothing new is taken",
			 trouble);
	else if (d->low)
		snprintf(words, DISK_WORDS_SIZE, "%u %% of it is used: make room", d->used_percent);
	else
		return NULL;
	return words;
}

void disk_status(const struct disk *d, json_t *o)
{
	char words[DISK_WORDS_SIZE];

	json_object_set_new(o, "disk_free_bytes", json_integer((json_int_t)d->free_bytes));
	json_object_set_new(o, "disk_used_percent", json_integer(d->used_percent));
	if (disk_problem(d, words))
		json_object_set_new(o, "disk_problem", json_string(words));
}
