/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "common/pure/rpcmsg.h"

#define FILE_MAX_FACTOR 4 /* a file is never longer than so many times max_bytes */
#define FILE_SLACK \
	((size_t)65536) /* of lines that are not needed any more, before it is written anew */
#define LOG_BURST 2
#define OWNER_SIZE 512

/* A record, as its line. */
struct entry {
	TAILQ_ENTRY(entry) list;
	int64_t seq;
	uint64_t key;
	size_t len; /* of line, with its end */
	char line[];
};

TAILQ_HEAD(entries, entry);

/* What the thread pool writes; one at a time. */
struct job {
	uv_work_t work;
	char *path;
	bool anew; /* the file consists of these lines from now on; else they are appended */
	char *bytes;
	size_t n;
	size_t at; /* appended here: what stands behind is torn */
	int error;
};

struct spool {
	uv_loop_t *loop;
	char *path, *owner;
	size_t max_bytes;
	bool keeps;
	struct entries entries;
	size_t n, bytes;
	int64_t next, acked;
	struct {
		char *at;
		size_t n;
	} pending;	   /* lines that the file does not have yet */
	size_t file_bytes; /* what of the file is good */
	bool anew;	   /* the file has to be written as a whole */
	bool busy, closing;
	struct job job;
	uv_mutex_t lock; /* of job_ended */
	uv_cond_t ended;
	bool job_ended;
	uint64_t lost;
	struct log_limit error_limit, lost_limit;
};

/* --- entries --------------------------------------------------------------------------------- */

static void drop(struct spool *s, struct entry *e)
{
	TAILQ_REMOVE(&s->entries, e, list);
	s->n--;
	s->bytes -= e->len;
	free(e);
}

/* There is at most one. */
static void drop_older(struct spool *s, uint64_t key)
{
	struct entry *e;

	TAILQ_FOREACH (e, &s->entries, list) {
		if (key && e->key == key) {
			drop(s, e);
			return;
		}
	}
}

static void keep_cap(struct spool *s)
{
	while (s->bytes > s->max_bytes && s->n > 1) {
		bool arrived = TAILQ_FIRST(&s->entries)->seq <= s->acked;

		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not follow the list */
		drop(s, TAILQ_FIRST(&s->entries));
		if (arrived)
			continue;
		s->lost++;
		if (log_allowed(&s->lost_limit, LOG_BURST))
			log_warn("the oldest record is given up: too many wait path=%s records=%zu",
				 s->path, s->n);
	}
}

static struct entry *append(struct spool *s, const char *line, size_t len, int64_t seq,
			    uint64_t key)
{
	struct entry *e = malloc(sizeof(*e) + len + 1);

	if (!e)
		return NULL;
	e->seq = seq;
	e->key = key;
	e->len = len + 1;
	memcpy(e->line, line, len);
	e->line[len] = '\n';
	drop_older(s, key);
	TAILQ_INSERT_TAIL(&s->entries, e, list);
	s->n++;
	s->bytes += e->len;
	keep_cap(s);
	return e;
}

static void forget_acked(struct spool *s)
{
	struct entry *e;

	if (s->keeps)
		return;
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): as above */
	while ((e = TAILQ_FIRST(&s->entries)) && e->seq <= s->acked)
		drop(s, e);
}

/* --- writing --------------------------------------------------------------------------------- */

static void write_next(struct spool *s);

static int write_at(int fd, const char *bytes, size_t n, size_t at)
{
	while (n > 0) {
		ssize_t r = pwrite(fd, bytes, n, (off_t)at);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		bytes += r;
		n -= (size_t)r;
		at += (size_t)r;
	}
	return 0;
}

static int append_file(const struct job *j)
{
	int fd = open(j->path, O_WRONLY | O_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	/* What a failed attempt left behind goes first. */
	r = ftruncate(fd, (off_t)j->at) < 0 ? -errno : write_at(fd, j->bytes, j->n, j->at);
	if (r == 0 && fdatasync(fd) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

static void do_job(struct job *j)
{
	j->error = j->anew ? file_replace(j->path, j->bytes, j->n, 0600) : append_file(j);
}

static void on_work(uv_work_t *work)
{
	struct spool *s = work->data;

	do_job(&s->job);
	uv_mutex_lock(&s->lock);
	s->job_ended = true;
	uv_cond_signal(&s->ended);
	uv_mutex_unlock(&s->lock);
}

static char *header(const struct spool *s, size_t *n)
{
	json_t *o = json_pack("{s:s, s:I}", "owner", s->owner, "acked", (json_int_t)s->acked);
	char *text = json_dumps(o, JSON_COMPACT);

	json_decref(o);
	*n = text ? strlen(text) : 0;
	return text;
}

/* All that is to be kept, as a file. Return: 0; -ENOMEM. */
static int whole(const struct spool *s, struct job *j)
{
	const struct entry *e;
	size_t n, at;
	char *head = header(s, &n);

	j->bytes = head ? malloc(n + 1 + s->bytes) : NULL;
	if (!j->bytes) {
		free(head);
		return -ENOMEM;
	}
	memcpy(j->bytes, head, n);
	free(head);
	j->bytes[n] = '\n';
	at = n + 1;
	TAILQ_FOREACH (e, &s->entries, list) {
		memcpy(j->bytes + at, e->line, e->len);
		at += e->len;
	}
	j->n = at;
	return 0;
}

/* Is there something to write? Then into s->job. */
static bool make_job(struct spool *s)
{
	struct job *j = &s->job;
	size_t dead = s->file_bytes > s->bytes ? s->file_bytes - s->bytes : 0;

	if (!s->anew && s->pending.n == 0)
		return false;
	j->anew = s->anew || dead > FILE_SLACK + s->bytes;
	j->at = s->file_bytes;
	if (!j->anew) {
		j->bytes = s->pending.at;
		j->n = s->pending.n;
		s->pending.at = NULL;
	} else if (whole(s, j) != 0) {
		return false;
	}
	free(s->pending.at);
	s->pending.at = NULL;
	s->pending.n = 0;
	s->anew = false;
	return true;
}

static void job_done(struct spool *s)
{
	struct job *j = &s->job;

	if (j->error) {
		s->anew = true;
		if (log_allowed(&s->error_limit, LOG_BURST))
			log_error("records cannot be written, they stay in memory path=%s "
				  "error=\"%s\": check the disk",
				  s->path, strerror(-j->error));
	} else {
		s->file_bytes = j->anew ? j->n : s->file_bytes + j->n;
	}
	free(j->bytes);
	j->bytes = NULL;
}

static void spool_free(struct spool *s)
{
	while (!TAILQ_EMPTY(&s->entries))
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): as above */
		drop(s, TAILQ_FIRST(&s->entries));
	uv_mutex_destroy(&s->lock);
	uv_cond_destroy(&s->ended);
	free(s->pending.at);
	free(s->path);
	free(s->owner);
	free(s);
}

static void on_written(uv_work_t *work, int status)
{
	struct spool *s = work->data;

	s->busy = false;
	if (s->closing) { /* spool_close() has done the rest */
		spool_free(s);
		return;
	}
	if (status != 0)
		s->job.error = status;
	job_done(s);
	if (!s->job.error) /* else with what comes next */
		write_next(s);
}

/* The job that is under way: to its end, on this thread if it has not begun. */
static void wait_for_job(struct spool *s)
{
	if (!s->busy)
		return;
	if (uv_cancel((uv_req_t *)&s->job.work) == 0) {
		do_job(&s->job);
	} else {
		uv_mutex_lock(&s->lock);
		while (!s->job_ended)
			uv_cond_wait(&s->ended, &s->lock);
		uv_mutex_unlock(&s->lock);
	}
	job_done(s);
}

static void write_next(struct spool *s)
{
	int r;

	if (s->busy || s->closing || !make_job(s))
		return;
	s->job.error = 0;
	s->job_ended = false;
	s->job.work.data = s;
	r = uv_queue_work(s->loop, &s->job.work, on_work, on_written);
	if (r != 0) {
		s->job.error = r;
		job_done(s);
		return;
	}
	s->busy = true;
}

static int put_pending(struct spool *s, const char *line, size_t n)
{
	char *more = realloc(s->pending.at, s->pending.n + n);

	if (!more) {
		s->anew = true;
		return -ENOMEM;
	}
	memcpy(more + s->pending.n, line, n);
	s->pending.at = more;
	s->pending.n += n;
	return 0;
}

/* --- reading --------------------------------------------------------------------------------- */

/* It stands in the line, so that later runs know, too, which record another one replaces. */
static uint64_t key_of(const json_t *o)
{
	int64_t key = 0;

	(void)!rpc_int(o, "key", INT64_MIN, INT64_MAX, &key); /* absent: none */
	return (uint64_t)key;
}

static bool take_header(struct spool *s, const json_t *o)
{
	char owner[OWNER_SIZE];

	if (!rpc_str_max(o, "owner", owner, sizeof(owner)) || strcmp(owner, s->owner) != 0)
		return false;
	return rpc_int(o, "acked", 0, SPOOL_SEQ_MAX, &s->acked);
}

/* Return: false: damaged, left out. */
static bool take_line(struct spool *s, const char *line, size_t len)
{
	json_t *o =
		len <= SPOOL_LINE_MAX ? json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL) : NULL;
	int64_t n;
	bool ok = false;

	if (rpc_int(o, "acked", 0, SPOOL_SEQ_MAX, &n)) {
		s->acked = n > s->acked ? n : s->acked;
		ok = true;
	} else if (rpc_int(o, "seq", 1, SPOOL_SEQ_MAX, &n) && n >= s->next) {
		ok = append(s, line, len, n, key_of(o)) != NULL;
		s->next = n + 1;
	}
	json_decref(o);
	return ok;
}

static void take_lines(struct spool *s, const char *text, size_t n)
{
	const char *end = memchr(text, '\n', n);
	json_t *head = end ? json_loadb(text, (size_t)(end - text), 0, NULL) : NULL;
	size_t damaged = 0;

	s->anew = true;
	if (!take_header(s, head)) {
		log_notice("records of another owner, or damaged ones, are thrown away path=%s",
			   s->path);
		json_decref(head);
		return;
	}
	json_decref(head);
	s->next = s->keeps ? 1 : s->acked + 1; /* what has arrived may be there, too */
	for (const char *at = end + 1; at < text + n; at = end + 1) {
		end = memchr(at, '\n', (size_t)(text + n - at));
		if (!end) { /* torn: the machine or we died while it was written */
			damaged++;
			break;
		}
		damaged += !take_line(s, at, (size_t)(end - at));
	}
	forget_acked(s);
	if (s->next <= s->acked)
		s->next = s->acked + 1;
	if (damaged > 0)
		log_warn("damaged records are left out path=%s n=%zu", s->path, damaged);
}

static void load(struct spool *s)
{
	uint8_t *text;
	size_t n;
	int r = file_read(s->path, FILE_MAX_FACTOR * s->max_bytes + FILE_SLACK * 2, &text, &n);

	if (r != 0) {
		s->anew = true;
		if (r != -ENOENT)
			log_error("records cannot be read, they are given up path=%s error=\"%s\"",
				  s->path, strerror(-r));
		return;
	}
	take_lines(s, (const char *)text, n);
	free(text);
}

/* --- interface ------------------------------------------------------------------------------- */

int spool_open(struct spool **out, uv_loop_t *loop, const struct spool_config *config)
{
	struct spool *s = calloc(1, sizeof(*s));
	uint64_t random;

	if (!s)
		return -ENOMEM;
	TAILQ_INIT(&s->entries);
	if (uv_mutex_init(&s->lock) != 0 || uv_cond_init(&s->ended) != 0)
		abort(); /* memory, at the start */
	s->loop = loop;
	s->max_bytes = config->max_bytes;
	s->keeps = config->keeps;
	s->path = strdup(config->path);
	s->owner = strdup(config->owner);
	if (!s->path || !s->owner) {
		spool_free(s);
		return -ENOMEM;
	}
	load(s);
	if (s->next == 0) { /* half of the numbers are left for what is to come */
		file_random(&random, sizeof(random));
		s->next = 1 + (int64_t)(random % (SPOOL_SEQ_MAX / 2));
		s->acked = s->next - 1;
	}
	s->job.path = s->path;
	*out = s;
	return 0;
}

void spool_close(struct spool *s)
{
	if (!s || s->closing)
		return;
	s->closing = true;
	wait_for_job(s);
	if (make_job(s)) {
		do_job(&s->job);
		job_done(s);
	}
	if (!s->busy)
		spool_free(s);
}

int spool_add(struct spool *s, json_t *record, uint64_t key)
{
	const struct entry *e;
	char *line = NULL;
	size_t n;
	int r = -ENOMEM;

	if (json_object_set_new(record, "seq", json_integer(s->next)) == 0 &&
	    (!key || json_object_set_new(record, "key", json_integer((json_int_t)key)) == 0))
		line = json_dumps(record, JSON_COMPACT);
	json_decref(record);
	n = line ? strlen(line) : 0;
	if (n > SPOOL_LINE_MAX)
		r = -EMSGSIZE;
	else if (line) {
		e = append(s, line, n, s->next, key);
		r = e ? put_pending(s, e->line, e->len) : -ENOMEM;
		s->next++;
		write_next(s);
	}
	free(line);
	return r;
}

json_t *spool_batch(const struct spool *s, size_t n, size_t max_bytes, int64_t *last)
{
	const struct entry *e;
	json_t *list = NULL;
	size_t bytes = 0;

	TAILQ_FOREACH (e, &s->entries, list) {
		json_t *o;

		if (e->seq <= s->acked)
			continue;
		bytes += e->len;
		if (n-- == 0 || (bytes > max_bytes && list))
			break;
		o = json_loadb(e->line, e->len, 0, NULL);
		json_object_del(o, "key");
		if (!list)
			list = json_array();
		if (json_array_append_new(list, o) != 0)
			break;
		*last = e->seq;
	}
	return list;
}

void spool_acked(struct spool *s, int64_t seq)
{
	char line[48];
	int n;

	if (seq <= s->acked || seq >= s->next)
		return;
	s->acked = seq;
	forget_acked(s);
	n = snprintf(line, sizeof(line), "{\"acked\":%lld}\n", (long long)seq);
	if (n > 0)
		(void)put_pending(s, line, (size_t)n); /* else all is written anew */
	write_next(s);
}

void spool_each(const struct spool *s, bool (*fn)(void *arg, const json_t *record, bool arrived),
		void *arg)
{
	const struct entry *e;
	bool more = true;

	TAILQ_FOREACH (e, &s->entries, list) {
		json_t *o = more ? json_loadb(e->line, e->len, 0, NULL) : NULL;

		more = more && fn(arg, o, e->seq <= s->acked);
		json_decref(o);
	}
}

void spool_stats(const struct spool *s, struct spool_stats *st)
{
	const struct entry *e;

	*st = (struct spool_stats){.lost = s->lost,
				   .unwritten = s->anew || s->busy || s->pending.n > 0};
	TAILQ_FOREACH (e, &s->entries, list) {
		if (e->seq <= s->acked)
			continue;
		st->records++;
		st->bytes += e->len;
	}
}
