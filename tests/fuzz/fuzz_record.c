/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where records end: byte 0 is the size of the pieces. In one piece and in many, the same
 * boundaries must be found and the same verdict be given; and what is a raw record is a record.
 */
#include <errno.h>
#include <stdlib.h>

#include "common/pure/record.h"

struct result {
	uint64_t boundaries; /* a hash of their places */
	size_t passed;
	int verdict;
};

static struct result run(const uint8_t *data, size_t size, size_t piece)
{
	struct result r = {.boundaries = 1};
	struct record_follow f = {0};
	size_t used;

	while (r.passed < size && r.verdict == 0) {
		size_t part = size - r.passed < piece ? size - r.passed : piece;

		r.verdict = record_follow(&f, data + r.passed, part, &used);
		if (used == 0 || used > part)
			abort();
		r.passed += used;
		if (r.verdict == 0 && record_at_boundary(&f))
			r.boundaries = r.boundaries * 31 + r.passed;
	}
	return r;
}

static void check_raw(const uint8_t *data, size_t size)
{
	struct record_follow f = {0}, bare = {.bare = true};
	enum record_kind kind;
	size_t total, used;
	int r = record_raw_decode(data, size, &kind, &total);

	if ((r == -EAGAIN) != (size < RECORD_HEADER_BYTES))
		abort();
	if (r != 0)
		return;
	if (total < RECORD_HEADER_BYTES + 1 ||
	    total > RECORD_HEADER_BYTES + RECORD_BODY_MAX_BYTES ||
	    (kind == RECORD_HINT) != (total <= RECORD_HEADER_BYTES + RECORD_HINT_MAX_BYTES))
		abort();
	if (record_follow(&f, data, size, &used) != 0 || used != (size < total ? size : total))
		abort();
	if ((record_follow(&bare, data, size, &used) == 0) != (kind == RECORD_DATA))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct result a, b;

	if (size < 2)
		return 0;
	a = run(data + 1, size - 1, size);
	b = run(data + 1, size - 1, (size_t)data[0] % 31 + 1);
	if (a.verdict != b.verdict || a.boundaries != b.boundaries || a.passed != b.passed)
		abort();
	check_raw(data + 1, size - 1);
	return 0;
}
