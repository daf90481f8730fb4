/* SPDX-License-Identifier: GPL-3.0-or-later */
/* import and export. */
#include "accessd/accessctl.h"

const struct accessctl_command ACCESSCTL_TRANSFER[] = {
	{.words = NULL},
};
