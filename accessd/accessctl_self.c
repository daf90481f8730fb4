/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What accessctl tells of itself: help. */
#include "accessd/accessctl.h"

static int help(struct accessctl *a)
{
	return accessctl_help(a->words + a->n_fixed, a->n_words - a->n_fixed);
}

const struct accessctl_command ACCESSCTL_SELF[] = {
	{.words = "help",
	 .operands = "[COMMAND...]",
	 .help = "All commands, those of a group, or one with examples",
	 .examples = "help device\n"
		     "help device add\n",
	 .run = help,
	 .alone = true},
	{.words = NULL},
};
