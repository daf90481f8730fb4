/* SPDX-License-Identifier: GPL-3.0-or-later */
/* what sessions need and when they end. */
#include "accessd/accessctl.h"

const struct accessctl_command ACCESSCTL_CONTROL[] = {
	{.words = NULL},
};
