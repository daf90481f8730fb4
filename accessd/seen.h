/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * seen - when members were seen last, written in batches: after a failure of the network
 * thousands come back within seconds, and each write waits for the disk.
 */
#ifndef FARLAN_SEEN_H
#define FARLAN_SEEN_H

#include "accessd/store.h"

#define SEEN_MAX 512

struct seen {
	struct store *store;
	size_t n;
	struct seen_entry {
		int64_t member, when;
		char version[STORE_VERSION_SIZE], address[STORE_ADDRESS_SIZE];
	} entries[SEEN_MAX];
};

void seen_init(struct seen *s, struct store *store);
void seen_note(struct seen *s, int64_t member, int64_t now, const char *version,
	       const char *address);
void seen_flush(struct seen *s);

#endif
