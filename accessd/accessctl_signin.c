/* SPDX-License-Identifier: GPL-3.0-or-later */
/* what belongs to a user's signing in. */
#include "accessd/accessctl.h"

const struct accessctl_command ACCESSCTL_SIGNIN[] = {
	{.words = NULL},
};
