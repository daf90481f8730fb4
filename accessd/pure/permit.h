/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * permit - what somebody may do where, by rules, and why. Pure.
 *
 *   place       a folder, or a device in a folder
 *   rule        allows or denies one permission at one place to one user or group
 *   step        a rule that speaks of the user and the place that are asked about
 *   distance    of a step: 0 at the place itself, 1 where that stands, and so on up to the root
 *
 * The heaviest step decides: the nearest; of these the one for the user himself, before those for
 * his groups; of these a denial, before what allows. No step: denied. What allows somebody to
 * administer is a step for all other permissions, too, but not for connect: nobody is let into
 * machines because he keeps the register. Where a heavier one denies him to administer, it is not.
 */
#ifndef FARLAN_PERMIT_H
#define FARLAN_PERMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum permission {
	PERMIT_ADMINISTER,	 /* all below but connect, and permissions themselves */
	PERMIT_USERS,		 /* users and groups */
	PERMIT_DEVICES,		 /* folders and devices */
	PERMIT_INSTALL,		 /* invitations of devices */
	PERMIT_CONNECT,		 /* sessions with a device */
	PERMIT_FIREWALL,	 /* what sessions may do */
	PERMIT_VIEW_CONNECTIONS, /* who was where */
	PERMIT_VIEW_OPERATIONS,	 /* who changed what */
};

#define PERMISSIONS (PERMIT_VIEW_OPERATIONS + 1)

/** permit_name() - "administer", "manage-users" ... */
const char *permit_name(enum permission p);
/** permit_parse() - the same back. Return: false: there is none of this name. */
bool permit_parse(enum permission *p, const char *name);

struct permit_rule {
	int64_t subject; /* a user, or */
	bool is_group;
	int64_t folder, device; /* where: one of them is 0 */
	enum permission what;
	bool allow;
};

/* Why a step decides, or does not. */
enum permit_why {
	PERMIT_DECIDES,
	PERMIT_AGREES,	     /* weighs the same, and says the same */
	PERMIT_FARTHER,	     /* a nearer one decides */
	PERMIT_AFTER_USER,   /* one for the user himself decides */
	PERMIT_AFTER_DENIAL, /* a denial at the same place decides */
	PERMIT_OTHER_RIGHT,  /* denies to administer: says nothing of other permissions */
	PERMIT_OVERRULED,    /* allows to administer, but a heavier one denies that */
};

struct permit_step {
	struct permit_rule rule;
	unsigned int distance;
	enum permit_why why;
};

#define PERMIT_STEPS_MAX 64

/* The answer, and what it comes from: the heaviest first. */
struct permit_answer {
	bool allowed;
	bool decided; /* by a step; false: nothing was said */
	size_t n;
	struct permit_step steps[PERMIT_STEPS_MAX];
	bool more; /* there were others, which weigh less than these */
};

/**
 * permit_add() - a step, in any order; of more than fit the lightest is left out. Only rules about
 * @what or about PERMIT_ADMINISTER are to be given.
 */
void permit_add(struct permit_answer *a, const struct permit_rule *rule, unsigned int distance);
/** permit_decide() - when all steps were added: who wins, and why the others do not. */
void permit_decide(struct permit_answer *a, enum permission what);

/** permit_heavier() - does step @a outweigh @b, whatever they allow to do? */
bool permit_heavier(const struct permit_step *a, const struct permit_step *b);
/** permit_implies() - is what allows to administer a step for @what, too? */
bool permit_implies(enum permission what);

#endif
