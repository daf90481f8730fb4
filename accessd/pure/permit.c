/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/pure/permit.h"

#include <string.h>

static const char *const NAMES[PERMISSIONS] = {
	[PERMIT_ADMINISTER] = "administer",
	[PERMIT_USERS] = "manage-users",
	[PERMIT_DEVICES] = "manage-devices",
	[PERMIT_INSTALL] = "install-devices",
	[PERMIT_CONNECT] = "connect",
	[PERMIT_FIREWALL] = "set-firewall",
	[PERMIT_VIEW_CONNECTIONS] = "view-connections",
	[PERMIT_VIEW_OPERATIONS] = "view-operations",
};

const char *permit_name(enum permission p)
{
	return NAMES[p];
}

bool permit_parse(enum permission *p, const char *name)
{
	for (size_t i = 0; i < PERMISSIONS; i++) {
		if (strcmp(NAMES[i], name) == 0) {
			*p = (enum permission)i;
			return true;
		}
	}
	return false;
}

bool permit_implies(enum permission what)
{
	return what != PERMIT_CONNECT;
}

/* --- weight ---------------------------------------------------------------------------------- */

/* Less is heavier. */
static int order(const struct permit_step *a, const struct permit_step *b)
{
	if (a->distance != b->distance)
		return a->distance < b->distance ? -1 : 1;
	if (a->rule.is_group != b->rule.is_group)
		return b->rule.is_group ? -1 : 1;
	if (a->rule.allow != b->rule.allow)
		return b->rule.allow ? -1 : 1;
	return 0;
}

bool permit_heavier(const struct permit_step *a, const struct permit_step *b)
{
	return order(a, b) < 0;
}

void permit_add(struct permit_answer *a, const struct permit_rule *rule, unsigned int distance)
{
	struct permit_step step = {.rule = *rule, .distance = distance};
	size_t at = a->n;

	while (at > 0 && permit_heavier(&step, &a->steps[at - 1]))
		at--;
	if (a->n == PERMIT_STEPS_MAX) {
		a->more = true;
		if (at == a->n)
			return;
		a->n--;
	}
	memmove(&a->steps[at + 1], &a->steps[at], (a->n - at) * sizeof(step));
	a->steps[at] = step;
	a->n++;
}

/* --- the decision ---------------------------------------------------------------------------- */

/* The heaviest about @what. */
static const struct permit_step *heaviest(const struct permit_answer *a, enum permission what)
{
	for (size_t i = 0; i < a->n; i++) {
		if (a->steps[i].rule.what == what)
			return &a->steps[i];
	}
	return NULL;
}

static enum permit_why why(const struct permit_step *s, const struct permit_step *winner,
			   const struct permit_step *administers, enum permission what)
{
	if (s->rule.what != what && !s->rule.allow)
		return PERMIT_OTHER_RIGHT;
	if (s->rule.what != what && (!administers || !administers->rule.allow))
		return PERMIT_OVERRULED;
	if (s == winner)
		return PERMIT_DECIDES;
	if (s->distance != winner->distance)
		return PERMIT_FARTHER;
	if (s->rule.is_group != winner->rule.is_group)
		return PERMIT_AFTER_USER;
	return s->rule.allow == winner->rule.allow ? PERMIT_AGREES : PERMIT_AFTER_DENIAL;
}

void permit_decide(struct permit_answer *a, enum permission what)
{
	const struct permit_step *administers = heaviest(a, PERMIT_ADMINISTER);
	const struct permit_step *winner = heaviest(a, what);

	if (permit_implies(what) && administers && administers->rule.allow &&
	    (!winner || permit_heavier(administers, winner)))
		winner = administers;
	a->decided = winner;
	a->allowed = winner && winner->rule.allow;
	for (size_t i = 0; i < a->n; i++)
		a->steps[i].why = why(&a->steps[i], winner, administers, what);
}
