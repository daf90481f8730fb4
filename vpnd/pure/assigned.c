/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The file: {"sessions": [{"session": ID, "prefixes": [{"lan": PREFIX, "here": PREFIX}, ...]},
 * ...]}, the newest first.
 */
#include "vpnd/pure/assigned.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/pure/rpcmsg.h"
#include "vpnd/pure/stand_in.h"

static const struct assigned_session *find(const struct assigned *a, const char *id)
{
	for (size_t i = 0; i < a->n; i++) {
		if (strcmp(a->sessions[i].id, id) == 0)
			return &a->sessions[i];
	}
	return NULL;
}

static const struct prefix *here_of(const struct assigned_session *s, const struct prefix *there)
{
	for (size_t i = 0; i < s->n; i++) {
		if (prefix_equal(&s->pairs[i].there, there))
			return &s->pairs[i].here;
	}
	return NULL;
}

const struct prefix *assigned_here(const struct assigned *a, const char *id,
				   const struct prefix *there)
{
	const struct assigned_session *s = find(a, id);

	return s ? here_of(s, there) : NULL;
}

static bool is_everything(const struct prefix *p)
{
	return p->len <= 1;
}

/* Of a wide one others may have a part, but a default route and its halves are one thing. */
static bool is_shared(const struct prefix *a, const struct prefix *b)
{
	if (prefix_is_wide(a) || prefix_is_wide(b))
		return prefix_equal(a, b) ||
		       (is_everything(a) && is_everything(b) && prefix_overlaps(a, b));
	return prefix_overlaps(a, b);
}

static bool has_some(const struct assigned_session *s, const struct prefix *p)
{
	for (size_t i = 0; i < s->n; i++) {
		if (is_shared(&s->pairs[i].here, p))
			return true;
	}
	return false;
}

const struct assigned_session *assigned_holder(const struct assigned *a, const char *id,
					       const struct prefix *p)
{
	for (size_t i = 0; i < a->n; i++) {
		const struct assigned_session *s = &a->sessions[i];

		if (s->waiting && strcmp(s->id, id) != 0 && has_some(s, p))
			return s;
	}
	return NULL;
}

/* Changing */

static void remove_at(struct assigned *a, size_t i)
{
	a->n--;
	memmove(&a->sessions[i], &a->sessions[i + 1], (a->n - i) * sizeof(a->sessions[0]));
}

static size_t least_wanted(const struct assigned *a)
{
	for (size_t i = a->n; i-- > 0;) {
		if (a->sessions[i].waiting)
			return i;
	}
	return a->n - 1;
}

static bool is_same(const struct assigned_session *a, const struct assigned_session *b)
{
	for (size_t i = 0; i < a->n; i++) {
		const struct prefix *here = here_of(b, &a->pairs[i].there);

		if (!here || !prefix_equal(here, &a->pairs[i].here))
			return false;
	}
	return a->n == b->n;
}

bool assigned_put(struct assigned *a, const struct assigned_session *s)
{
	const struct assigned_session *before = find(a, s->id);
	bool news = !before || !is_same(before, s);

	(void)assigned_remove(a, s->id);
	if (a->n == ASSIGNED_MAX)
		remove_at(a, least_wanted(a));
	memmove(&a->sessions[1], &a->sessions[0], a->n * sizeof(a->sessions[0]));
	a->sessions[0] = *s;
	a->n++;
	return news;
}

bool assigned_remove(struct assigned *a, const char *id)
{
	const struct assigned_session *s = find(a, id);

	if (s)
		remove_at(a, (size_t)(s - a->sessions));
	return s != NULL;
}

bool assigned_give_up(struct assigned *a)
{
	size_t before = a->n;

	for (size_t i = a->n; i-- > 0;) {
		if (a->sessions[i].waiting)
			remove_at(a, i);
	}
	return a->n != before;
}

/* The file */

static json_t *session_encode(const struct assigned_session *s)
{
	json_t *list = json_array();
	bool ok = list != NULL;

	for (size_t i = 0; i < s->n && ok; i++)
		ok = json_array_append_new(
			     list, stand_in_encode(&s->pairs[i].there, &s->pairs[i].here)) == 0;
	if (ok)
		return json_pack("{s:s, s:o}", "session", s->id, "prefixes", list);
	json_decref(list);
	return NULL;
}

char *assigned_encode(const struct assigned *a, size_t *len)
{
	json_t *root = json_object(), *list = json_array();
	bool ok = json_object_set_new(root, "sessions", list) == 0;
	char *text;

	for (size_t i = 0; i < a->n && ok; i++)
		ok = json_array_append_new(list, session_encode(&a->sessions[i])) == 0;
	text = ok ? json_dumps(root, JSON_INDENT(1)) : NULL;
	json_decref(root);
	*len = text ? strlen(text) : 0;
	return text;
}

static bool get_session(const json_t *o, struct assigned_session *s)
{
	const json_t *list = json_object_get(o, "prefixes");

	s->waiting = true;
	if (!rpc_str_max(o, "session", s->id, sizeof(s->id)) || !ident_uid_ok(s->id) ||
	    !json_is_array(list) || json_array_size(list) > TRANSLATE_MAX)
		return false;
	for (; s->n < json_array_size(list); s->n++) {
		struct translate_pair pair;

		memset(&pair, 0, sizeof(pair));
		if (!stand_in_decode(json_array_get(list, s->n), &pair.there, &pair.here) ||
		    here_of(s, &pair.there))
			return false;
		s->pairs[s->n] = pair;
	}
	return true;
}

static bool get_sessions(struct assigned *a, const json_t *list)
{
	if (!json_is_array(list) || json_array_size(list) > ASSIGNED_MAX)
		return false;
	for (; a->n < json_array_size(list); a->n++) {
		struct assigned_session *s = &a->sessions[a->n];

		if (!get_session(json_array_get(list, a->n), s) || find(a, s->id))
			return false;
	}
	return true;
}

int assigned_decode(struct assigned *a, const void *json, size_t len)
{
	struct assigned *found = calloc(1, sizeof(*found));
	json_t *root;
	bool ok;

	if (!found)
		return -ENOMEM;
	root = len <= ASSIGNED_FILE_MAX_BYTES ? json_loadb(json, len, JSON_REJECT_DUPLICATES, NULL)
					      : NULL;
	ok = get_sessions(found, json_object_get(root, "sessions"));
	if (ok)
		*a = *found;
	json_decref(root);
	free(found);
	return ok ? 0 : -EBADMSG;
}
