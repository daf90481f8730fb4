/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * page - a list in pieces that each fit into one message: as many items as there is room for, and
 * whether there are more. The asker goes on behind the last item that it got. Pure (jansson).
 */
#ifndef FARLAN_PAGE_H
#define FARLAN_PAGE_H

#include <jansson.h>
#include <stdbool.h>

#define PAGE_MAX_BYTES 60000 /* of 65,536 that a message may have */

struct page {
	json_t *items;
	size_t bytes;
	bool more;
};

void page_init(struct page *p);
/** page_add() - takes @item. Return: false: it did not fit, and nothing more will. */
bool page_add(struct page *p, json_t *item);
/** page_result() - {@name: [...], "more": true if there are}; @p is empty then. */
json_t *page_result(struct page *p, const char *name);

#endif
