/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * store_realms - the domains that one server serves.
 */
#ifndef FARLAN_STORE_REALMS_H
#define FARLAN_STORE_REALMS_H

#include "accessd/store.h"

/** store_domain_get() - -ENOENT: there is none with this id. */
int store_domain_get(struct store *s, int64_t id, struct store_domain *d)
	__attribute__((warn_unused_result));
/** store_domain_ids() - of all, in the order in which they were made. @n: how many there are,
 * perhaps more than @max. */
int store_domain_ids(struct store *s, int64_t *ids, size_t max, size_t *n)
	__attribute__((warn_unused_result));
/** store_domain_set_urls() - with the outer certificate, which is for their hosts. */
int store_domain_set_urls(struct store *s, const struct store_domain *d)
	__attribute__((warn_unused_result));
/** store_domain_remove() - with all that it has but its audit. */
int store_domain_remove(struct store *s, int64_t id) __attribute__((warn_unused_result));

#endif
