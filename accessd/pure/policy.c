/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/pure/policy.h"

#include <errno.h>
#include <string.h>

static bool comes_before(const struct policy_part *a, const struct policy_part *b)
{
	if (a->depth != b->depth)
		return a->depth < b->depth;
	if (a->whom != b->whom)
		return a->whom < b->whom;
	return a->number < b->number;
}

/* Among the first @n. */
static bool is_there(const struct policy_part *parts, size_t n, int64_t policy)
{
	for (size_t i = 0; i < n; i++) {
		if (parts[i].policy == policy)
			return true;
	}
	return false;
}

size_t policy_sort(struct policy_part *parts, size_t n)
{
	size_t stay = 0;

	for (size_t i = 1; i < n; i++) {
		struct policy_part p = parts[i];
		size_t at = i;

		for (; at > 0 && comes_before(&p, &parts[at - 1]); at--)
			parts[at] = parts[at - 1];
		parts[at] = p;
	}
	for (size_t i = 0; i < n; i++) {
		if (!is_there(parts, stay, parts[i].policy))
			parts[stay++] = parts[i];
	}
	return stay;
}

static bool append(struct rules *out, const struct rules *more)
{
	out->present = true;
	if (more->n > RULES_MAX - out->n)
		return false;
	memcpy(&out->at[out->n], more->at, more->n * sizeof(out->at[0]));
	out->n += more->n;
	return true;
}

int policy_join(const struct rules *own, const struct policy_part *parts, size_t n,
		struct rules *out)
{
	bool fits = true;

	out->present = false;
	out->n = 0;
	if (own->present)
		fits = append(out, own);
	for (size_t i = 0; i < n && fits; i++)
		fits = append(out, parts[i].rules);
	if (fits)
		return 0;
	out->n = 0; /* a part of a list could allow what the rest denies */
	return -E2BIG;
}

void policy_source(const struct rules *own, const struct policy_part *parts, size_t n, size_t at,
		   size_t *part, size_t *rule)
{
	*part = POLICY_OWN;
	*rule = at;
	if (own->present) {
		if (at < own->n)
			return;
		*rule -= own->n;
	}
	for (size_t i = 0; i < n; i++) {
		*part = i;
		if (*rule < parts[i].rules->n)
			return;
		*rule -= parts[i].rules->n;
	}
}
