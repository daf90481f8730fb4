/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/reading.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct reading {
	uv_work_t req;
	char *path;
	reading_fn *fn;
	reading_done_fn *done;
	void *work;
};

/* One process has one loop that asks. */
static unsigned int running;

static void on_work(uv_work_t *req)
{
	struct reading *r = req->data;
	struct store *reader = NULL;

	if (store_reader(&reader, r->path) != 0)
		reader = NULL;
	r->fn(reader, r->work);
	store_close(reader);
}

static void on_done(uv_work_t *req, int status)
{
	struct reading *r = req->data;
	reading_done_fn *done = r->done;
	void *work = r->work;

	running--;
	free(r->path);
	free(r);
	done(work, status);
}

int reading_start(uv_loop_t *loop, struct store *s, reading_fn *fn, reading_done_fn *done,
		  void *work)
{
	struct reading *r;
	int rc;

	if (running >= READING_MAX)
		return -EBUSY;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	*r = (struct reading){.path = strdup(store_path(s)), .fn = fn, .done = done, .work = work};
	r->req.data = r;
	rc = r->path ? uv_queue_work(loop, &r->req, on_work, on_done) : -ENOMEM;
	if (rc) {
		free(r->path);
		free(r);
		return rc;
	}
	running++;
	return 0;
}
