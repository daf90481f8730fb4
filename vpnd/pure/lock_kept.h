/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lock_kept - the red button as it stands on disk: {"locked": true, "since": Unix seconds,
 * "reason": "..."}. Pure (jansson).
 */
#ifndef FARLAN_LOCK_KEPT_H
#define FARLAN_LOCK_KEPT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define LOCK_REASON_SIZE 121 /* with NUL: an END frame has room for 256 bytes in all */

struct lock_kept {
	bool locked;
	int64_t since_s;
	char reason[LOCK_REASON_SIZE];
};

/** lock_kept_encode() - a new object; NULL out of memory. */
json_t *lock_kept_encode(const struct lock_kept *k);
/** lock_kept_decode() - @k is written whole or not at all. Return: 0; -EBADMSG. */
int lock_kept_decode(struct lock_kept *k, const json_t *o) __attribute__((warn_unused_result));
/** lock_reason_ok() - printable, and no longer than there is room. */
bool lock_reason_ok(const char *reason);

#endif
