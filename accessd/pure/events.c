/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/pure/events.h"

static const char *const NAMES[] = {"none",
#define X(id, name, meaning) name,
				    EVENTS(X)
#undef X
};

const char *event_name(enum event e)
{
	return NAMES[e];
}
