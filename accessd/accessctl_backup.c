/* SPDX-License-Identifier: GPL-3.0-or-later */
/* backup and restore. */
#include "accessd/accessctl.h"

const struct accessctl_command ACCESSCTL_BACKUP[] = {
	{.words = NULL},
};
