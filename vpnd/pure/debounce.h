/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * debounce - what a switch says counts when it has said so for a while. Pure.
 */
#ifndef FARLAN_DEBOUNCE_H
#define FARLAN_DEBOUNCE_H

#include <stdbool.h>
#include <stdint.h>

#define DEBOUNCE_MS 50

struct debounce {
	bool begun, waits;
	int value; /* that counts */
	int next;  /* while it waits: what was said last, */
	uint64_t since_ms;
};

/** debounce_take() - @d: all zero at first; the first value counts at once. Return: does another
 * one count from now on? */
bool debounce_take(struct debounce *d, int value, uint64_t now_ms);

#endif
