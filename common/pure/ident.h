/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ident - who somebody is: farlan://DOMAIN/KIND/UID. Pure.
 */
#ifndef FARLAN_IDENT_H
#define FARLAN_IDENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IDENT_DOMAIN_SIZE 64
#define IDENT_UID_BYTES 16
#define IDENT_UID_SIZE (2 * IDENT_UID_BYTES + 1) /* lower-case hex and NUL */
#define IDENT_URI_SIZE 128

enum ident_kind { IDENT_DEVICE = 1, IDENT_USER, IDENT_ACCESS, IDENT_RELAY };

struct ident {
	char domain[IDENT_DOMAIN_SIZE];
	enum ident_kind kind;
	char uid[IDENT_UID_SIZE];
};

/**
 * ident_parse() - exact form only: lower case, one spelling.
 * @len: characters of @uri (need not be NUL-terminated).   Return: 0; -EINVAL.
 */
int ident_parse(struct ident *id, const char *uri, size_t len) __attribute__((warn_unused_result));
void ident_format(const struct ident *id, char out[IDENT_URI_SIZE]);
bool ident_equal(const struct ident *a, const struct ident *b);
/** ident_uid_ok() - 32 lower-case hex digits and nothing else? */
bool ident_uid_ok(const char *uid);
/** ident_kind_name() - "device", "user", "access", "relay". */
const char *ident_kind_name(enum ident_kind kind);
/** ident_kind_parse() - Return: 0; -EINVAL. */
int ident_kind_parse(enum ident_kind *kind, const char *name) __attribute__((warn_unused_result));

#endif
