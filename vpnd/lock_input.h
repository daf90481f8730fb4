/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lock_input - a switch at the machine, as a file that holds 0 or 1: the value file of a GPIO
 * line, or one that another program writes. Looked at when the kernel says that it has changed,
 * and a few times a second all the same.
 */
#ifndef FARLAN_LOCK_INPUT_H
#define FARLAN_LOCK_INPUT_H

#include <stdbool.h>
#include <uv.h>

#define LOCK_INPUT_LOOK_MS 250 /* at least so often */
#define LOCK_INPUT_WORDS_SIZE 200

enum lock_input_state { LOCK_INPUT_OFF, LOCK_INPUT_ON, LOCK_INPUT_BROKEN };

struct lock_input;

/* It is in another state. The first call comes before lock_input_open() returns. @words: of a
 * broken one, why. */
typedef void lock_input_fn(void *arg, enum lock_input_state state, const char *words);

/** lock_input_open() - @path: copied. @inverted: 0 is on. Return: 0; -ENOMEM. */
int lock_input_open(struct lock_input **out, uv_loop_t *loop, const char *path, bool inverted,
		    lock_input_fn *fn, void *arg) __attribute__((warn_unused_result));
/** lock_input_close() - no callback any more; memory goes with the last handle. NULL is nothing. */
void lock_input_close(struct lock_input *in);

#endif
