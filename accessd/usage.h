/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * usage - what members say that they have carried, into the store. They may say it twice, late, or
 * of sessions that are none of theirs.
 */
#ifndef FARLAN_ACCESSD_USAGE_H
#define FARLAN_ACCESSD_USAGE_H

#include <jansson.h>

#include "accessd/store.h"

struct usage_reporter {
	int64_t domain, member;
	enum ident_kind kind;
	const char *uid, *name;
};

/**
 * usage_take() - @records: an array from @by. What is malformed, of a session that is gone or of
 * somebody else's is left out and logged: to refuse it would bring it again and again.
 * Return: 0: nothing of it needs to come again; -EIO; -EBADMSG it is no array.
 */
int usage_take(struct store *s, const struct usage_reporter *by, const json_t *records)
	__attribute__((warn_unused_result));

#endif
