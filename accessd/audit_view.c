/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/audit_view.h"

#include <errno.h>
#include <stdlib.h>

#include "accessd/store_tree.h"

struct making {
	const struct ask *q;
	enum permission what;
	json_t *folders, *shown, *hidden;
};

static bool take_folder(void *arg, const struct store_folder *f)
{
	struct making *m = arg;
	const struct permit_place at = {.folder = f->id};

	if (!ask_may(m->q, m->what, &at))
		return true;
	json_array_append_new(m->folders, json_integer(f->id));
	if (f->parent == 0) /* and what stands nowhere: relays, the domain itself */
		json_array_append_new(m->folders, json_integer(0));
	return true;
}

/* A device that a rule names: what holds for it, whatever holds for its folder. */
static void take_device(struct making *m, int64_t device)
{
	struct store_member x;
	bool may = ask_may_device(m->q, m->what, device);

	if (store_member_get(m->q->app->store, device, &x) == 0)
		json_array_append_new(may ? m->shown : m->hidden, json_string(x.uid));
}

static int make(struct making *m)
{
	const struct permit_map *map = access_map(m->q->realm->access);
	const struct permit_rule *rules;
	int64_t last = 0;
	size_t n;
	int rc;

	if (!map)
		return -EIO;
	rc = store_folder_each(m->q->app->store, m->q->realm->domain.row.id, take_folder, m);
	rules = permit_map_rules(map, &n); /* by place: those of a device are neighbours */
	for (size_t i = 0; i < n && rc == 0; i++) {
		if (rules[i].device && rules[i].device != last)
			take_device(m, rules[i].device);
		last = rules[i].device ? rules[i].device : last;
	}
	return rc;
}

int audit_view_make(struct audit_view *v, const struct ask *q, enum permission what)
{
	struct making m = {.q = q, .what = what};
	int rc = 0;

	*v = (struct audit_view){.folders = NULL};
	if (ask_is_host(q))
		return 0;
	if (!q->realm)
		return -EIO;
	m.folders = json_array();
	m.shown = json_array();
	m.hidden = json_array();
	rc = make(&m);
	v->folders = json_dumps(m.folders, JSON_COMPACT);
	v->shown = json_dumps(m.shown, JSON_COMPACT);
	v->hidden = json_dumps(m.hidden, JSON_COMPACT);
	json_decref(m.folders);
	json_decref(m.shown);
	json_decref(m.hidden);
	if (rc == 0 && (!v->folders || !v->shown || !v->hidden))
		rc = -ENOMEM;
	if (rc)
		audit_view_deinit(v);
	return rc;
}

void audit_view_deinit(struct audit_view *v)
{
	free(v->folders);
	free(v->shown);
	free(v->hidden);
	*v = (struct audit_view){.folders = NULL};
}
