/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/policies.h"

#include <errno.h>
#include <stdlib.h>

struct gathering {
	struct policies *p;
	int rc;
};

static bool take(void *arg, const struct store_applied *a)
{
	struct gathering *g = arg;
	struct policies *p = g->p;
	struct policies_list *list;

	if (p->n == POLICY_PARTS_MAX) {
		g->rc = -E2BIG;
		return false;
	}
	list = malloc(sizeof(*list));
	if (!list) {
		g->rc = -EIO;
		return false;
	}
	list->rules = *a->part.rules;
	list->applied = *a;
	list->applied.part.rules = &list->rules;
	p->lists[p->n_lists++] = list;
	p->parts[p->n++] = list->applied.part;
	return true;
}

int policies_gather(struct store *s, int64_t user, int64_t device, struct policies **out)
{
	struct gathering g = {.p = calloc(1, sizeof(*g.p))};
	int rc = g.p ? store_rules_of(s, device, &g.p->own) : -EIO;

	if (rc == 0)
		rc = store_applied_each(s, user, device, take, &g);
	if (rc == 0)
		rc = g.rc;
	if (rc) {
		policies_free(g.p);
		return rc;
	}
	g.p->n = policy_sort(g.p->parts, g.p->n);
	*out = g.p;
	return 0;
}

void policies_free(struct policies *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n_lists; i++)
		free(p->lists[i]);
	free(p);
}

const struct policies_list *policies_list(const struct policies *p, size_t part)
{
	for (size_t i = 0; i < p->n_lists; i++) {
		if (&p->lists[i]->rules == p->parts[part].rules)
			return p->lists[i];
	}
	return NULL;
}

int policies_rules(struct store *s, int64_t user, int64_t device, struct rules *out)
{
	struct policies *p;
	int rc = policies_gather(s, user, device, &p);

	if (rc) {
		out->present = true;
		out->n = 0;
		return rc;
	}
	rc = policy_join(&p->own, p->parts, p->n, out);
	policies_free(p);
	return rc;
}
