/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * settings - what folders and domains can be set to: a table of keys, their kinds, limits and
 * defaults. A folder has what is set on it, else what the folder above has, and so on; behind the
 * root stands the domain, then the server's configuration. Pure. Source: docs/admin.md.
 */
#ifndef FARLAN_SETTINGS_H
#define FARLAN_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum setting {
	SETTING_REASON,	    /* of a session: enum setting_reason */
	SETTING_APPROVE,    /* enum setting_approve */
	SETTING_APPROVERS,  /* a group; "": who may administer the device */
	SETTING_APPROVE_IN, /* seconds */
	SETTING_IDLE,	    /* seconds; 0: none */
	SETTING_LIMIT,	    /* seconds */
	SETTING_USER_MAX,   /* sessions; 0: none. Of the user's folder */
	SETTING_DEVICE_MAX, /* likewise, of the device's folder */
	SETTING_DOMAIN_MAX, /* likewise */
	SETTING_MFA,	    /* enum setting_needed. Of the user's folder */
	SETTING_HARDWARE,   /* enum setting_needed */
};
#define SETTINGS (SETTING_HARDWARE + 1)

enum setting_reason { REASON_NONE, REASON_ASKED, REASON_REQUIRED };
enum setting_approve {
	APPROVE_NONE,
	APPROVE_PERSON,
	APPROVE_MACHINE,
	APPROVE_EITHER,
	APPROVE_BOTH
};
enum setting_needed { SETTING_OPTIONAL, SETTING_REQUIRED };

#define SETTINGS_TEXT_SIZE 64
#define SETTINGS_LIMIT_MAX_S 86400
#define SETTINGS_APPROVE_IN_MAX_S 900

struct setting_info {
	const char *key;
	bool domain_only; /* a folder cannot have it */
	const char *values, *help;
};
const struct setting_info *settings_info(enum setting s);
/** settings_find() - Return: 0; -ENOENT no such key. */
int settings_find(enum setting *out, const char *key) __attribute__((warn_unused_result));

/* Where a value comes from, if not from a folder (its row, > 0). */
#define SETTINGS_FROM_DOMAIN 0
#define SETTINGS_FROM_SERVER (-1)

struct setting_value {
	int64_t number; /* a word's place in its enum, seconds, a count */
	char text[SETTINGS_TEXT_SIZE];
	int64_t from;
};

/* What holds somewhere. */
struct settings {
	struct setting_value at[SETTINGS];
};

/**
 * settings_parse() - @text as a value of @s, within its limits. @v: all but from.
 * Return: 0; -EINVAL.
 */
int settings_parse(enum setting s, const char *text, struct setting_value *v)
	__attribute__((warn_unused_result));
/** settings_init() - the defaults. @limit_s: of the server's configuration. */
void settings_init(struct settings *all, int64_t limit_s);
/**
 * settings_take() - a value that is set, the nearest first; later ones of the same key change
 * nothing. Return: 0, also for a key that is not known (a newer version's); -EINVAL the value is
 * none: nobody knows what holds then.
 */
int settings_take(struct settings *all, const char *key, const char *text, int64_t from)
	__attribute__((warn_unused_result));

#endif
