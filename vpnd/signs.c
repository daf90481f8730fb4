/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What this host shows of vpnd: diodes, and the administrator's program (docs/admin.md, "The red
 * button").
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io/log.h"
#include "vpnd/app.h"

/* A file that is there, and takes its value at once: sysfs, or an ordinary one. Return: 0; -errno.
 */
static int write_value(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_NONBLOCK | O_CLOEXEC), r = 0;
	char text[SIGN_VALUE_SIZE + 1];
	int n = snprintf(text, sizeof(text), "%s\n", value);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		r = -EINVAL;
	else if (write(fd, text, (size_t)n) != n)
		r = errno ? -errno : -EIO;
	close(fd);
	return r;
}

static void show(struct app *app, enum sign sign)
{
	const struct sign_leds *leds = &app->config.leds;

	for (size_t i = 0; i < leds->n; i++) {
		int r = write_value(leds->at[i].file, leds->at[i].values[sign]);

		if (r != 0 && log_allowed(&app->signs.limit, 3))
			log_warn("led: cannot be written file=%s error=\"%s\"", leds->at[i].file,
				 strerror(-r));
	}
	if (app->signs.hook)
		hook_say(app->signs.hook, sign_name(sign));
}

void signs_update(struct app *app)
{
	struct signs *s = &app->signs;
	struct sign_facts facts = {
		.locked = lock_is(app),
		.enrolled = app->enrolled,
		.refused = app->refused,
		.online = app->online,
	};
	enum sign now;

	if (!s->open)
		return;
	for (size_t i = 0; i < PLANE_SLOTS_MAX; i++)
		facts.session |= app->sessions[i].session && !app->sessions[i].ending;
	now = sign_of(&facts);
	if (s->begun && now == s->shown)
		return;
	s->begun = true;
	s->shown = now;
	show(app, now);
}

int signs_open(struct app *app)
{
	struct signs *s = &app->signs;
	int r = 0;

	if (app->config.hook[0])
		r = hook_open(&s->hook, app->loop, app->config.hook, 0);
	s->open = r == 0;
	signs_update(app);
	return r;
}

/* Nobody lights what vpnd is no more there to know. */
void signs_close(struct app *app)
{
	struct signs *s = &app->signs;
	enum sign last = lock_is(app) ? SIGN_LOCKED : SIGN_OFFLINE;

	if (!s->open)
		return;
	s->open = false;
	hook_close(s->hook);
	s->hook = NULL;
	if (last != s->shown)
		show(app, last);
}

const char *signs_state(const struct app *app)
{
	return sign_name(app->signs.shown);
}
