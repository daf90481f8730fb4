/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/limits.h"

#include "vpnd/pure/l4.h"

#define TCP_RST 0x04

void limits_begin(struct limits *l, int64_t idle_s, uint64_t now_ms)
{
	*l = (struct limits){.idle_ms = idle_s > 0 ? (uint64_t)idle_s * 1000 : 0,
			     .used_ms = now_ms};
}

uint64_t limits_idle_left_ms(const struct limits *l, uint64_t now_ms)
{
	uint64_t unused = now_ms > l->used_ms ? now_ms - l->used_ms : 0;

	if (l->idle_ms == 0)
		return LIMITS_NEVER;
	return unused < l->idle_ms ? l->idle_ms - unused : 0;
}

enum limits_event limits_look(struct limits *l, bool used, int64_t left_s, uint64_t now_ms)
{
	uint64_t left, warn = l->idle_ms / 2 < LIMITS_WARN_MS ? l->idle_ms / 2 : LIMITS_WARN_MS;

	if (used) {
		l->used_ms = now_ms;
		l->idle_warned = false;
	}
	left = limits_idle_left_ms(l, now_ms);
	if (left == 0)
		return LIMITS_IDLE;
	if (left <= warn && !l->idle_warned) {
		l->idle_warned = true;
		return LIMITS_IDLE_SOON;
	}
	if (left_s <= LIMITS_WARN_MS / 1000 && !l->end_warned) {
		l->end_warned = true;
		return LIMITS_END_SOON;
	}
	return LIMITS_NOTHING;
}

bool limits_is_use(const uint8_t *packet, size_t n)
{
	struct l4 l4;

	l4_parse(packet, n, &l4);
	return l4.kind != L4_ERROR && !(l4.kind == L4_ECHO && !l4.request) &&
	       !(l4.protocol == L4_TCP && (l4.tcp_flags & TCP_RST));
}
