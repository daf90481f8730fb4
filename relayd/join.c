/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "relayd/join.h"

#include <errno.h>

void join_wait(struct leg *l)
{
	outer_pause(l->outer);
}

void join_start(struct leg *a, struct leg *b)
{
	a->other = b;
	b->other = a;
	/* The one that waited first: what it sent is older. */
	outer_resume(b->outer);
	outer_resume(a->outer);
}

size_t join_data(struct leg *l, const uint8_t *bytes, size_t n)
{
	struct leg *to = l->other;
	int r;

	if (l->closing)
		return 0;
	if (!to) { /* outer.h forbids it; rather an end than a hole in the stream */
		leg_close(l, "it sent while it waited");
		return 0;
	}
	r = outer_send(to->outer, bytes, n);
	if (r == -EPIPE) /* it is closing; when it has closed this leg is finished, too */
		return 0;
	if (r) {
		leg_close(to, "its queue overflowed");
		leg_close(l, "the other end's queue overflowed");
		return 0;
	}
	if (!l->stalled && outer_queued(to->outer) > OUTER_QUEUE_HIGH_BYTES) {
		l->stalled = true;
		outer_pause(l->outer);
	}
	return n;
}

void join_drained(struct leg *l)
{
	struct leg *from = l->other;

	if (!from || !from->stalled)
		return;
	from->stalled = false;
	outer_resume(from->outer);
}

struct leg *join_end(struct leg *l)
{
	struct leg *other = l->other;

	l->other = NULL;
	if (other)
		other->other = NULL;
	return other;
}
