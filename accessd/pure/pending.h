/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pending - sessions that wait for somebody's approval: who asked, for which device, who has to say
 * yes, until when. Each wish is decided once: the first word that decides it takes it out. Pure.
 *
 *   asked -> approved | rejected | unanswered | withdrawn
 */
#ifndef FARLAN_PENDING_H
#define FARLAN_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accessd/pure/settings.h"
#include "common/pure/words.h"

#define PENDING_MAX 256		/* in all */
#define PENDING_OF_USER_MAX 4	/* all of his PCs together */
#define PENDING_OF_DEVICE_MAX 8 /* so that a flood hides nobody */
#define PENDING_ID_SIZE 13	/* hex, with NUL */
#define PENDING_NAME_SIZE 64

struct pending {
	char id[PENDING_ID_SIZE];
	int64_t user, manager;		 /* who asks: member and endpoint */
	int64_t device, device_endpoint; /* for what, likewise */
	char user_name[PENDING_NAME_SIZE], device_name[PENDING_NAME_SIZE];
	char from[PENDING_NAME_SIZE]; /* the user's address */
	char reason[WORDS_SIZE];
	enum setting_approve mode;
	char approvers[PENDING_NAME_SIZE]; /* a group; "": who may administer the device */
	uint64_t deadline_ms;
	uint64_t client; /* the connection that it was asked by */
	bool has_person, has_machine;
	char approved_by[WORDS_SIZE]; /* "bert", "the machine", "bert and the machine" */
};

/* Whose word it is. */
struct pending_voice {
	bool is_machine;
	int64_t device_endpoint;      /* of the machine */
	int64_t user;		      /* of the person; 0: the host's administrator */
	char name[PENDING_NAME_SIZE]; /* of the person */
};

struct pending_table {
	size_t n;
	struct pending at[PENDING_MAX]; /* no order */
};

/** pending_add() - copied. Return: 0; -EEXIST this PC waits for this device already, or the id is
 * taken; -EDQUOT too many of the user; -EBUSY too many for the device; -ENOSPC. */
int pending_add(struct pending_table *t, const struct pending *p)
	__attribute__((warn_unused_result));
const struct pending *pending_find(const struct pending_table *t, const char *id);

/** pending_wants() - does the wish wait for such a voice? Whether it may speak is not asked. */
bool pending_wants(const struct pending *p, bool is_machine);

enum pending_outcome {
	PENDING_GONE,	 /* no such wish, or another machine's: it was decided, or never there */
	PENDING_SELF,	 /* nobody approves what he asked for himself */
	PENDING_UNASKED, /* this kind of voice is not asked, or has spoken already */
	PENDING_MORE,	 /* taken; another one has to approve, too */
	PENDING_DONE,	 /* decided: *out, and it is out of the table */
};
/** pending_approve() - @voice may speak, by its rights; see above what comes of it. @out: the wish
 * as it is then, but for PENDING_GONE. */
enum pending_outcome pending_approve(struct pending_table *t, const char *id,
				     const struct pending_voice *voice, struct pending *out);
/** pending_reject() - likewise; one is enough, and who asked may not. */
enum pending_outcome pending_reject(struct pending_table *t, const char *id,
				    const struct pending_voice *voice, struct pending *out);

/* Those that end otherwise. Each takes one out: call again until there is none. */
bool pending_take_overdue(struct pending_table *t, uint64_t now_ms, struct pending *out);
bool pending_take_of_client(struct pending_table *t, uint64_t client, const char *id,
			    struct pending *out); /* @id: NULL: any */
bool pending_take_of_member(struct pending_table *t, int64_t member, struct pending *out);
bool pending_take_any(struct pending_table *t, struct pending *out);
/** pending_next_ms() - when the first one is overdue; UINT64_MAX: there is none. */
uint64_t pending_next_ms(const struct pending_table *t);

#endif
