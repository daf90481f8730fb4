/* SPDX-License-Identifier: GPL-3.0-or-later */
/* domain, device release. */
#include "accessd/accessctl.h"

const struct accessctl_command ACCESSCTL_DOMAIN[] = {
	{.words = NULL},
};
