/* SPDX-License-Identifier: GPL-3.0-or-later */
/* folder, group, permission, can. */
#include "accessd/accessctl.h"

const struct accessctl_command ACCESSCTL_PERMIT[] = {
	{.words = NULL},
};
