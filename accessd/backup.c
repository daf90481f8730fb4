/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/sha256.h>

#include "accessd/reading.h"
#include "accessd/store_backup.h"
#include "common/io/log.h"

#define COPY_ENDING ".copy"

enum backup_state { BACKUP_NONE, BACKUP_MAKING, BACKUP_THERE };

struct backup {
	uv_loop_t *loop;
	struct store *store;
	char path[PATH_MAX];
	enum backup_state state;
	int fd; /* THERE */
	struct backup_info info;
	uint64_t last_number;
	uv_timer_t idle;
	bool closing, idle_closed;
	void (*done)(void *arg, int error, const struct backup_info *info);
	void *arg;
	int rc; /* of making it */
};

static void free_if_done(struct backup *b)
{
	if (b->closing && b->idle_closed && b->state != BACKUP_MAKING)
		free(b);
}

static void on_idle_closed(uv_handle_t *h)
{
	struct backup *b = h->data;

	b->idle_closed = true;
	free_if_done(b);
}

int backup_open(struct backup **out, uv_loop_t *loop, struct store *s)
{
	struct backup *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->loop = loop;
	b->store = s;
	b->fd = -1;
	uv_timer_init(loop, &b->idle);
	b->idle.data = b;
	if (snprintf(b->path, sizeof(b->path), "%s" COPY_ENDING, store_path(s)) >=
	    (int)sizeof(b->path))
		b->path[0] = '\0';
	else
		(void)unlink(b->path);
	*out = b;
	return 0;
}

static void forget(struct backup *b)
{
	if (b->state != BACKUP_THERE)
		return;
	uv_timer_stop(&b->idle);
	close(b->fd);
	b->fd = -1;
	(void)unlink(b->path);
	b->state = BACKUP_NONE;
}

static void on_idle(uv_timer_t *t)
{
	log_warn("a backup was not fetched, its copy is removed");
	forget(t->data);
}

void backup_close(struct backup *b)
{
	void (*done)(void *arg, int error, const struct backup_info *info);

	if (!b || b->closing)
		return;
	b->closing = true;
	forget(b);
	done = b->done;
	b->done = NULL;
	if (done)
		done(b->arg, -ECANCELED, NULL);
	uv_close((uv_handle_t *)&b->idle, on_idle_closed);
}

/* --- making ---------------------------------------------------------------------------------- */

static int hash_file(int fd, struct backup_info *info)
{
	static const size_t size = 1 << 16;
	uint8_t *buf = malloc(size);
	wc_Sha256 sha;
	ssize_t n = -1;
	int rc = buf && wc_InitSha256(&sha) == 0 ? 0 : -EIO;

	info->bytes = 0;
	while (rc == 0 && (n = read(fd, buf, size)) > 0) {
		rc = wc_Sha256Update(&sha, buf, (word32)n) == 0 ? 0 : -EIO;
		info->bytes += n;
	}
	if (rc == 0)
		rc = n == 0 && wc_Sha256Final(&sha, info->sha256) == 0 ? 0 : -EIO;
	if (buf)
		explicit_bzero(buf, size);
	free(buf);
	return rc;
}

/* On a thread of the pool. */
static void copy(struct store *reader, void *work)
{
	struct backup *b = work;

	(void)unlink(b->path);
	b->rc = reader ? store_copy(reader, b->path) : -EIO;
	if (b->rc)
		return;
	b->fd = open(b->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	b->rc = b->fd < 0 ? -EIO : hash_file(b->fd, &b->info);
}

static void on_copied(void *work, int status)
{
	struct backup *b = work;
	void (*done)(void *arg, int error, const struct backup_info *info) = b->done;

	b->done = NULL;
	if (status)
		b->rc = -EIO;
	b->state = b->fd >= 0 ? BACKUP_THERE : BACKUP_NONE;
	if (b->rc || b->closing)
		forget(b);
	else
		uv_timer_start(&b->idle, on_idle, BACKUP_IDLE_MS, 0);
	if (done)
		done(b->arg, b->rc, &b->info);
	free_if_done(b);
}

int backup_make(struct backup *b,
		void (*done)(void *arg, int error, const struct backup_info *info), void *arg)
{
	int rc;

	if (b->state != BACKUP_NONE || b->closing)
		return -EBUSY;
	b->info = (struct backup_info){.number = ++b->last_number};
	rc = b->path[0] ? reading_start(b->loop, b->store, copy, on_copied, b) : -ENOMEM;
	if (rc)
		return rc == -EBUSY ? rc : -ENOMEM;
	b->state = BACKUP_MAKING;
	b->done = done;
	b->arg = arg;
	return 0;
}

/* --- handing out ----------------------------------------------------------------------------- */

int backup_read(struct backup *b, uint64_t number, int64_t offset,
		uint8_t bytes[BACKUP_PIECE_BYTES], size_t *n)
{
	ssize_t r;

	if (b->state != BACKUP_THERE || b->info.number != number || offset < 0)
		return -ENOENT;
	r = pread(b->fd, bytes, BACKUP_PIECE_BYTES, offset);
	if (r < 0)
		return -EIO;
	*n = (size_t)r;
	uv_timer_start(&b->idle, on_idle, BACKUP_IDLE_MS, 0);
	return 0;
}

void backup_drop(struct backup *b, uint64_t number)
{
	if (b->info.number == number)
		forget(b);
}
