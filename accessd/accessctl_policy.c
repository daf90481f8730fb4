/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy. */
#include "accessd/accessctl.h"

const struct accessctl_command ACCESSCTL_POLICY[] = {
	{.words = NULL},
};
