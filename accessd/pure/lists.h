/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lists - prefixes and URLs in the two forms that accessd meets: JSON arrays on the wire, one
 * text with spaces in the store. Pure (jansson).
 */
#ifndef FARLAN_LISTS_H
#define FARLAN_LISTS_H

#include <jansson.h>

#include "common/pure/addr.h"
#include "common/pure/url.h"

#define LISTS_LANS_MAX 16
#define LISTS_URLS_MAX 8
#define LISTS_LANS_TEXT_SIZE (LISTS_LANS_MAX * PREFIX_TEXT_SIZE + 1)
#define LISTS_URLS_TEXT_SIZE (LISTS_URLS_MAX * (URL_TEXT_SIZE + 1) + 1)
#define LISTS_ERROR_SIZE 160

struct lans {
	size_t n;
	struct prefix at[LISTS_LANS_MAX];
};

struct urls {
	size_t n;
	struct url at[LISTS_URLS_MAX];
};

/**
 * lans_from_json() - an array of routable prefixes without overlaps; NULL is an empty one.
 * @error: what is wrong, in words.   Return: 0; -EINVAL.
 */
int lans_from_json(struct lans *l, const json_t *array, char error[LISTS_ERROR_SIZE])
	__attribute__((warn_unused_result));
/** lans_of_device_from_json() - the same for what is behind a device: it may be wide, too, up to
 * 0.0.0.0/0 (prefix_reachable()). */
int lans_of_device_from_json(struct lans *l, const json_t *array, char error[LISTS_ERROR_SIZE])
	__attribute__((warn_unused_result));
json_t *lans_to_json(const struct lans *l);
/** lans_have_host() - may a host of one of these have this address? */
bool lans_have_host(const struct lans *l, const struct addr *a);
void lans_to_text(const struct lans *l, char out[LISTS_LANS_TEXT_SIZE]);
int lans_from_text(struct lans *l, const char *text) __attribute__((warn_unused_result));

/** urls_from_json() - 1 to @max server addresses. Return: 0; -EINVAL. */
int urls_from_json(struct urls *u, const json_t *array, size_t max, char error[LISTS_ERROR_SIZE])
	__attribute__((warn_unused_result));
json_t *urls_to_json(const struct urls *u);
void urls_to_text(const struct urls *u, char out[LISTS_URLS_TEXT_SIZE]);
int urls_from_text(struct urls *u, const char *text) __attribute__((warn_unused_result));

#endif
