/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/pure/pending.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct pending *find(struct pending_table *t, const char *id)
{
	for (size_t i = 0; i < t->n; i++) {
		if (strcmp(t->at[i].id, id) == 0)
			return &t->at[i];
	}
	return NULL;
}

const struct pending *pending_find(const struct pending_table *t, const char *id)
{
	for (size_t i = 0; i < t->n; i++) {
		if (strcmp(t->at[i].id, id) == 0)
			return &t->at[i];
	}
	return NULL;
}

int pending_add(struct pending_table *t, const struct pending *p)
{
	size_t of_user = 0, of_device = 0;

	for (size_t i = 0; i < t->n; i++) {
		const struct pending *o = &t->at[i];

		if ((o->manager == p->manager && o->device == p->device) ||
		    strcmp(o->id, p->id) == 0)
			return -EEXIST;
		of_user += o->user == p->user;
		of_device += o->device == p->device;
	}
	if (of_user >= PENDING_OF_USER_MAX)
		return -EDQUOT;
	if (of_device >= PENDING_OF_DEVICE_MAX)
		return -EBUSY;
	if (t->n >= PENDING_MAX)
		return -ENOSPC;
	t->at[t->n++] = *p;
	return 0;
}

static void take_out(struct pending_table *t, struct pending *p, struct pending *out)
{
	*out = *p;
	*p = t->at[--t->n];
	memset(&t->at[t->n], 0, sizeof(t->at[t->n]));
}

bool pending_wants(const struct pending *p, bool is_machine)
{
	switch (p->mode) {
	case APPROVE_NONE:
		return false;
	case APPROVE_PERSON:
		return !is_machine && !p->has_person;
	case APPROVE_MACHINE:
		return is_machine && !p->has_machine;
	case APPROVE_EITHER:
	case APPROVE_BOTH:
		return is_machine ? !p->has_machine : !p->has_person;
	}
	return false;
}

static bool is_decided(const struct pending *p)
{
	return p->mode == APPROVE_BOTH ? p->has_person && p->has_machine
				       : p->has_person || p->has_machine;
}

/* May it be heard at all? PENDING_MORE: yes. */
static enum pending_outcome hear(struct pending *p, const struct pending_voice *v)
{
	if (!p || (v->is_machine && p->device_endpoint != v->device_endpoint))
		return PENDING_GONE;
	if (!v->is_machine && v->user == p->user)
		return PENDING_SELF;
	return pending_wants(p, v->is_machine) ? PENDING_MORE : PENDING_UNASKED;
}

static void note(struct pending *p, const struct pending_voice *v)
{
	size_t used = strlen(p->approved_by);

	snprintf(p->approved_by + used, sizeof(p->approved_by) - used, "%s%s",
		 used > 0 ? " and " : "", v->is_machine ? "the machine" : v->name);
	if (v->is_machine)
		p->has_machine = true;
	else
		p->has_person = true;
}

enum pending_outcome pending_approve(struct pending_table *t, const char *id,
				     const struct pending_voice *voice, struct pending *out)
{
	struct pending *p = find(t, id);
	enum pending_outcome outcome = hear(p, voice);

	if (outcome == PENDING_GONE)
		return outcome;
	if (outcome == PENDING_MORE) {
		note(p, voice);
		if (is_decided(p)) {
			take_out(t, p, out);
			return PENDING_DONE;
		}
	}
	*out = *p;
	return outcome;
}

enum pending_outcome pending_reject(struct pending_table *t, const char *id,
				    const struct pending_voice *voice, struct pending *out)
{
	struct pending *p = find(t, id);
	enum pending_outcome outcome = hear(p, voice);

	if (outcome == PENDING_GONE)
		return outcome;
	if (outcome == PENDING_MORE) {
		take_out(t, p, out);
		return PENDING_DONE;
	}
	*out = *p;
	return outcome;
}

bool pending_take_overdue(struct pending_table *t, uint64_t now_ms, struct pending *out)
{
	for (size_t i = 0; i < t->n; i++) {
		if (t->at[i].deadline_ms <= now_ms) {
			take_out(t, &t->at[i], out);
			return true;
		}
	}
	return false;
}

bool pending_take_of_client(struct pending_table *t, uint64_t client, const char *id,
			    struct pending *out)
{
	for (size_t i = 0; i < t->n; i++) {
		if (t->at[i].client == client && (!id || strcmp(t->at[i].id, id) == 0)) {
			take_out(t, &t->at[i], out);
			return true;
		}
	}
	return false;
}

bool pending_take_of_member(struct pending_table *t, int64_t member, struct pending *out)
{
	for (size_t i = 0; i < t->n; i++) {
		if (t->at[i].user == member || t->at[i].device == member) {
			take_out(t, &t->at[i], out);
			return true;
		}
	}
	return false;
}

bool pending_take_any(struct pending_table *t, struct pending *out)
{
	if (t->n == 0)
		return false;
	take_out(t, &t->at[0], out);
	return true;
}

uint64_t pending_next_ms(const struct pending_table *t)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < t->n; i++) {
		if (t->at[i].deadline_ms < next)
			next = t->at[i].deadline_ms;
	}
	return next;
}
