/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What stood for what: {"virtual": [{"uid": UID, "lan": PREFIX, "here": PREFIX}, ...]}, the last
 * used first.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/pure/rpcmsg.h"
#include "vpnd/pure/stand_in.h"
#include "vpnd/pure/vprefix.h"

static bool is_for(const struct vprefix_entry *e, const char *uid, const struct prefix *lan)
{
	return prefix_equal(&e->lan, lan) && strcmp(e->uid, uid) == 0;
}

const struct vprefix_entry *vprefix_recall(const struct vprefix_memory *m, const char *uid,
					   const struct prefix *lan)
{
	for (size_t i = 0; i < m->n; i++) {
		if (is_for(&m->entries[i], uid, lan))
			return &m->entries[i];
	}
	return NULL;
}

/* Return: how many went. */
static size_t forget(struct vprefix_memory *m, const char *uid, const struct prefix *lan,
		     const struct prefix *here)
{
	size_t kept = 0, before = m->n;

	for (size_t i = 0; i < m->n; i++) {
		const struct vprefix_entry *e = &m->entries[i];

		if (!is_for(e, uid, lan) && !prefix_overlaps(&e->here, here))
			m->entries[kept++] = *e;
	}
	m->n = kept;
	return before - kept;
}

bool vprefix_remember(struct vprefix_memory *m, const char *uid, const struct prefix *lan,
		      const struct prefix *here)
{
	const struct vprefix_entry *known = vprefix_recall(m, uid, lan);
	bool news = !known || !prefix_equal(&known->here, here);
	struct vprefix_entry e = {.lan = *lan, .here = *here};

	memcpy(e.uid, uid, strnlen(uid, sizeof(e.uid) - 1));
	(void)forget(m, e.uid, lan, here);
	if (m->n == VPREFIX_MEMORY_MAX)
		m->n--;
	memmove(&m->entries[1], &m->entries[0], m->n * sizeof(m->entries[0]));
	m->entries[0] = e;
	m->n++;
	return news;
}

/* The file */

static json_t *entry_encode(const struct vprefix_entry *e)
{
	json_t *o = stand_in_encode(&e->lan, &e->here);

	if (json_object_set_new(o, "uid", json_string(e->uid)) == 0)
		return o;
	json_decref(o);
	return NULL;
}

char *vprefix_memory_encode(const struct vprefix_memory *m, size_t *len)
{
	json_t *root = json_object(), *list = json_array();
	bool ok = json_object_set_new(root, "virtual", list) == 0;
	char *text;

	for (size_t i = 0; i < m->n && ok; i++)
		ok = json_array_append_new(list, entry_encode(&m->entries[i])) == 0;
	text = ok ? json_dumps(root, JSON_INDENT(1)) : NULL;
	json_decref(root);
	*len = text ? strlen(text) : 0;
	return text;
}

static bool get_entry(const json_t *o, struct vprefix_entry *e)
{
	return rpc_str_max(o, "uid", e->uid, sizeof(e->uid)) && ident_uid_ok(e->uid) &&
	       stand_in_decode(o, &e->lan, &e->here) && prefix_routable(&e->lan) &&
	       prefix_routable(&e->here);
}

/* Is there nothing yet for the same, and nothing that overlaps? */
static bool is_new(const struct vprefix_memory *m, const struct vprefix_entry *e)
{
	for (size_t i = 0; i < m->n; i++) {
		if (is_for(&m->entries[i], e->uid, &e->lan) ||
		    prefix_overlaps(&m->entries[i].here, &e->here))
			return false;
	}
	return true;
}

static bool get_entries(struct vprefix_memory *m, const json_t *list)
{
	if (!json_is_array(list) || json_array_size(list) > VPREFIX_MEMORY_MAX)
		return false;
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct vprefix_entry e;

		memset(&e, 0, sizeof(e));
		if (!get_entry(json_array_get(list, i), &e) || !is_new(m, &e))
			return false;
		m->entries[m->n++] = e;
	}
	return true;
}

int vprefix_memory_decode(struct vprefix_memory *m, const void *json, size_t len)
{
	struct vprefix_memory *found = calloc(1, sizeof(*found));
	json_t *root;
	bool ok;

	if (!found)
		return -ENOMEM;
	root = len <= VPREFIX_FILE_MAX_BYTES ? json_loadb(json, len, JSON_REJECT_DUPLICATES, NULL)
					     : NULL;
	ok = get_entries(found, json_object_get(root, "virtual"));
	if (ok)
		*m = *found;
	json_decref(root);
	free(found);
	return ok ? 0 : -EBADMSG;
}
