/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * opt_internal - what the files with parsers of options share; nobody else includes it.
 */
#ifndef FARLAN_OPT_INTERNAL_H
#define FARLAN_OPT_INTERNAL_H

#include "common/io/opt.h"

#define OPT_ITEM_SIZE 130 /* one item of a list; unix:PATH is the longest */

/** opt_words() - what is wrong; valid until the next call in this thread. */
const char *opt_words(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/** opt_put() - append to a text that is cut if it does not fit. */
void opt_put(char *out, size_t out_size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/** opt_list() - give each item to @add, which says what is wrong with it or NULL. Return: what is
 * wrong, or NULL. */
const char *opt_list(const char *value, bool may_be_empty, void *all,
		     const char *(*add)(void *all, const char *item));
bool opt_port(const char *text, uint16_t *port);
/** opt_addr_port() - "ADDRESS:PORT" or "[ADDRESS]:PORT". Changes @item. */
bool opt_addr_port(struct opt_listen *l, char *item);

#endif
