/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What accessctl can do, in the order of its help. */
#include <string.h>

#include "accessd/accessctl.h"

const struct accessctl_area ACCESSCTL_AREAS[] = {
	{"The server and its domain", ACCESSCTL_SERVER},
	{NULL, ACCESSCTL_DOMAIN},
	{"Devices", ACCESSCTL_DEVICE},
	{NULL, ACCESSCTL_HOST},
	{NULL, ACCESSCTL_RULE},
	{"Users", ACCESSCTL_USER},
	{NULL, ACCESSCTL_SIGNIN},
	{"Folders, groups and permissions", ACCESSCTL_PERMIT},
	{"Firewall policies", ACCESSCTL_POLICY},
	{"Relays", ACCESSCTL_RELAY},
	{"Sessions", ACCESSCTL_SESSION},
	{NULL, ACCESSCTL_CONTROL},
	{"Audit", ACCESSCTL_AUDIT},
	{"Upkeep", ACCESSCTL_CA},
	{NULL, ACCESSCTL_TRANSFER},
	{NULL, ACCESSCTL_BACKUP},
	{NULL, ACCESSCTL_SELF},
	{NULL, ACCESSCTL_COMPLETION},
	{NULL, NULL},
};

bool accessctl_next(struct accessctl_at *at)
{
	if (!at->area) {
		at->area = ACCESSCTL_AREAS;
		at->command = at->area->commands;
	} else {
		at->command++;
	}
	while (!at->command->words) {
		if (!(++at->area)->commands)
			return false;
		at->command = at->area->commands;
	}
	return true;
}

const char *accessctl_behind(const struct accessctl_command *c, const char *const *words,
			     size_t n_words)
{
	const char *at = c->words;

	for (size_t i = 0; i < n_words; i++) {
		size_t len = strlen(words[i]);

		if (strncmp(at, words[i], len) != 0 || (at[len] != ' ' && at[len] != '\0'))
			return NULL;
		at += len + (at[len] == ' ');
	}
	return at;
}

/* How many of @words @phrase consists of; 0: it begins differently. */
static size_t match(const char *phrase, const char *const *words, size_t n_words)
{
	size_t n = 0;

	while (*phrase && n < n_words) {
		size_t len = strcspn(phrase, " ");

		if (strlen(words[n]) != len || memcmp(words[n], phrase, len) != 0)
			return 0;
		phrase += len + (phrase[len] == ' ');
		n++;
	}
	return *phrase ? 0 : n;
}

const struct accessctl_command *accessctl_find(const char *const *words, size_t n_words,
					       size_t *n_fixed)
{
	const struct accessctl_command *best = NULL;

	*n_fixed = 0;
	for (struct accessctl_at at = {0}; accessctl_next(&at);) {
		size_t n = match(at.command->words, words, n_words);

		if (n > *n_fixed) {
			*n_fixed = n;
			best = at.command;
		}
	}
	return best;
}
