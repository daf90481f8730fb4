/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/debounce.h"

bool debounce_take(struct debounce *d, int value, uint64_t now_ms)
{
	if (!d->begun) {
		*d = (struct debounce){.begun = true, .value = value};
		return true;
	}
	if (value == d->value) {
		d->waits = false;
		return false;
	}
	if (!d->waits || d->next != value) {
		d->waits = true;
		d->next = value;
		d->since_ms = now_ms;
		return false;
	}
	if (now_ms - d->since_ms < DEBOUNCE_MS)
		return false;
	d->value = value;
	d->waits = false;
	return true;
}
