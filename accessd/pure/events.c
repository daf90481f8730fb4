/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/pure/events.h"

#include <string.h>

static const char *const NAMES[] = {"none",
#define X(id, name, meaning) name,
				    EVENTS(X)
#undef X
};

static const char *const MEANINGS[] = {"",
#define X(id, name, meaning) meaning,
				       EVENTS(X)
#undef X
};

/* The first that the name begins with counts. SR 2.8 asks for records of everything else. */
static const struct {
	const char *begins;
	bool connection;
	const char *sr;
} ABOUT[] = {
	/* clang-format off */
	{"session.killed", false, "SR 2.6"},
	{"session.recorded", true, "SR 2.12"},
	{"session.idle", true, "SR 2.5"},
	{"session.expired", true, "SR 2.6"},
	{"session.", true, "SR 1.13"},
	{"signed-in", true, "SR 1.1"},
	{"signin.unlocked", false, "SR 1.11"},
	{"signin.", true, "SR 1.11"},
	{"enrolled", true, "SR 1.2"},
	{"identity.", true, "SR 1.8"},
	{"device.online", true, "SR 1.13"},
	{"device.offline", true, "SR 1.13"},
	{"user.online", true, "SR 1.13"},
	{"user.offline", true, "SR 1.13"},
	{"relay.online", true, "SR 1.13"},
	{"relay.offline", true, "SR 1.13"},
	{"device.rules", false, "SR 5.2"},
	{"device.locked", false, "SR 2.6"},
	{"device.unlocked", false, "SR 2.6"},
	{"device.released", false, "SR 1.2"},
	{"device.foreign", false, "SR 1.2"},
	{"device.claimed", false, "SR 1.2"},
	{"device.", false, "SR 1.4"},
	{"user.password", false, "SR 1.5"},
	{"user.", false, "SR 1.3"},
	{"password.", false, "SR 1.5"},
	{"totp.replayed", true, "SR 1.1"},
	{"totp.", false, "SR 1.5"},
	{"recovery.used", true, "SR 1.1"},
	{"recovery.", false, "SR 1.5"},
	{"group.", false, "SR 1.3"},
	{"folder.", false, "SR 2.1"},
	{"permission.", false, "SR 2.1"},
	{"policy.", false, "SR 5.2"},
	{"relay.", false, "SR 7.6"},
	{"setting.", false, "SR 7.6"},
	{"domain.", false, "SR 7.6"},
	{"ca.", false, "SR 1.8"},
	{"token-key.", false, "SR 1.8"},
	{"audit.gap", false, "SR 2.10"},
	{"audit.filling", false, "SR 2.9"},
	{"audit.exported", false, "SR 6.1"},
	{"audit.", false, "SR 3.9"},
	{"backup.", false, "SR 7.3"},
	{"restored", false, "SR 7.4"},
	{"", false, "SR 2.8"},
	/* clang-format on */
};

const char *event_name(enum event e)
{
	return NAMES[e];
}

const char *event_meaning(enum event e)
{
	return MEANINGS[e];
}

static size_t about(const char *name)
{
	size_t i = 0;

	while (strncmp(name, ABOUT[i].begins, strlen(ABOUT[i].begins)) != 0)
		i++;
	return i;
}

bool event_is_connection(const char *name)
{
	return ABOUT[about(name)].connection;
}

const char *event_sr(const char *name)
{
	return ABOUT[about(name)].sr;
}
