/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * WebSocket frames: byte 0 is the role, byte 1 the size of the pieces. In one piece and in many,
 * the same payload must come out and the same verdict be given.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/pure/ws.h"

struct result {
	uint8_t *bytes; /* all payload, each event that is not binary preceded by its opcode */
	size_t len;
	int verdict;
};

static void add(struct result *r, const struct ws_event *ev)
{
	if (ev->op != WS_BINARY)
		r->bytes[r->len++] = (uint8_t)ev->op;
	if (ev->len > 0)
		memcpy(r->bytes + r->len, ev->payload, ev->len);
	r->len += ev->len;
}

static struct result run(const uint8_t *data, size_t size, enum ws_role self, size_t piece)
{
	struct result r = {.bytes = malloc(size + 1), .verdict = -EAGAIN};
	uint8_t *in = malloc(size + 1);
	size_t from = 0, to = 0, used;
	struct ws_event ev;
	struct ws_rx rx;

	memcpy(in, data, size);
	ws_rx_init(&rx, self);
	while (to < size && r.verdict == -EAGAIN) {
		to = size - to < piece ? size : to + piece;
		while ((r.verdict = ws_rx_step(&rx, in + from, to - from, &ev, &used)) == 0) {
			if (used == 0 || used > to - from)
				abort();
			add(&r, &ev);
			from += used;
		}
		if (r.verdict == -EAGAIN)
			from += used;
	}
	free(in);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct result a, b;
	enum ws_role self;

	if (size < 3)
		return 0;
	self = data[0] & 1 ? WS_SERVER : WS_CLIENT;
	a = run(data + 2, size - 2, self, size);
	b = run(data + 2, size - 2, self, (size_t)data[1] % 31 + 1);
	if (a.verdict != b.verdict || a.len != b.len || memcmp(a.bytes, b.bytes, a.len) != 0)
		abort();
	free(a.bytes);
	free(b.bytes);
	return 0;
}
