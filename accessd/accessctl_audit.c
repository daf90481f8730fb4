/* SPDX-License-Identifier: GPL-3.0-or-later */
/* audit. */
#include "accessd/accessctl.h"

const struct accessctl_command ACCESSCTL_AUDIT[] = {
	{.words = NULL},
};
