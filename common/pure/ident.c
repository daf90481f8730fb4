/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/ident.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/pure/text.h"

#define SCHEME "farlan://"

static const struct {
	enum ident_kind kind;
	const char *name;
} KINDS[] = {
	{IDENT_DEVICE, "device"},
	{IDENT_USER, "user"},
	{IDENT_ACCESS, "access"},
	{IDENT_RELAY, "relay"},
};

#define N_KINDS (sizeof(KINDS) / sizeof(KINDS[0]))

const char *ident_kind_name(enum ident_kind kind)
{
	for (size_t i = 0; i < N_KINDS; i++) {
		if (KINDS[i].kind == kind)
			return KINDS[i].name;
	}
	return "unknown";
}

int ident_kind_parse(enum ident_kind *kind, const char *name)
{
	for (size_t i = 0; i < N_KINDS; i++) {
		if (strcmp(KINDS[i].name, name) == 0) {
			*kind = KINDS[i].kind;
			return 0;
		}
	}
	return -EINVAL;
}

bool ident_uid_ok(const char *uid)
{
	size_t n = 0;

	while ((uid[n] >= '0' && uid[n] <= '9') || (uid[n] >= 'a' && uid[n] <= 'f')) {
		if (++n == IDENT_UID_SIZE)
			return false;
	}
	return uid[n] == '\0' && n == IDENT_UID_SIZE - 1;
}

/* Copy up to @end or to the end of the string; the cut piece must fit into @out. */
static const char *cut(char *out, size_t out_size, const char *s, char end)
{
	const char *stop = strchrnul(s, end);
	size_t n = (size_t)(stop - s);

	if (n >= out_size)
		return NULL;
	memcpy(out, s, n);
	out[n] = '\0';
	return *stop == end && end != '\0' ? stop + 1 : stop;
}

static int parse_text(struct ident *id, const char *text)
{
	char kind[8];
	const char *at = text;

	if (strncmp(at, SCHEME, strlen(SCHEME)) != 0)
		return -EINVAL;
	at = cut(id->domain, sizeof(id->domain), at + strlen(SCHEME), '/');
	if (at)
		at = cut(kind, sizeof(kind), at, '/');
	if (at)
		at = cut(id->uid, sizeof(id->uid), at, '\0');
	if (!at || !text_domain_ok(id->domain) || !ident_uid_ok(id->uid))
		return -EINVAL;
	return ident_kind_parse(&id->kind, kind);
}

int ident_parse(struct ident *id, const char *uri, size_t len)
{
	char text[IDENT_URI_SIZE];
	struct ident found = {.kind = IDENT_DEVICE};

	/* A NUL inside would hide what stands behind it. */
	if (len >= sizeof(text) || memchr(uri, '\0', len))
		return -EINVAL;
	memcpy(text, uri, len);
	text[len] = '\0';
	if (parse_text(&found, text) != 0)
		return -EINVAL;
	*id = found;
	return 0;
}

void ident_format(const struct ident *id, char out[IDENT_URI_SIZE])
{
	snprintf(out, IDENT_URI_SIZE, SCHEME "%s/%s/%s", id->domain, ident_kind_name(id->kind),
		 id->uid);
}

bool ident_equal(const struct ident *a, const struct ident *b)
{
	return a->kind == b->kind && strcmp(a->domain, b->domain) == 0 &&
	       strcmp(a->uid, b->uid) == 0;
}
