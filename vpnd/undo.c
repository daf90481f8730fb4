/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/undo.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "vpnd/pure/undo_journal.h"

#define SYSCTL_ROOT "/proc/sys/"

struct setting {
	uint32_t hold;
	char path[UNDO_PATH_SIZE]; /* of the entry; entries move */
};

struct undo {
	char file[PATH_MAX];
	char where[UNDO_WHERE_SIZE];
	uint32_t last_hold;
	size_t n_entries, n_settings, settings_size;
	struct undo_entry entries[UNDO_ENTRIES_MAX]; /* in the order they were made */
	struct setting *settings;
	char text[UNDO_JOURNAL_MAX_BYTES]; /* where the journal is put together */
};

static int sysctl_open(const char *path, int flags, int *fd)
{
	char full[sizeof(SYSCTL_ROOT) + UNDO_PATH_SIZE];

	if (!undo_path_ok(path))
		return -EINVAL;
	snprintf(full, sizeof(full), SYSCTL_ROOT "%s", path);
	*fd = open(full, flags | O_CLOEXEC);
	return *fd < 0 ? -errno : 0;
}

int undo_read(const char *path, char *out, size_t out_size)
{
	ssize_t n;
	int fd, err = sysctl_open(path, O_RDONLY, &fd);

	if (err)
		return err;
	n = read(fd, out, out_size);
	err = n < 0 ? -errno : 0;
	close(fd);
	if (err)
		return err;
	while (n > 0 && out[n - 1] == '\n')
		n--;
	if ((size_t)n >= out_size)
		return -ENOSPC;
	out[n] = '\0';
	return 0;
}

static int sysctl_write(const char *path, const char *value)
{
	ssize_t n;
	int fd, err = sysctl_open(path, O_WRONLY, &fd);

	if (err)
		return err;
	n = write(fd, value, strlen(value));
	err = n < 0 ? -errno : 0;
	close(fd);
	return err;
}

/* One word for this boot and this network namespace: elsewhere the paths mean other things. */
static void find_where(char out[UNDO_WHERE_SIZE])
{
	char boot[40] = "";
	struct stat st = {0};
	uint8_t *bytes;
	size_t n;

	if (file_read("/proc/sys/kernel/random/boot_id", sizeof(boot) - 1, &bytes, &n) == 0) {
		snprintf(boot, sizeof(boot), "%.36s", (const char *)bytes);
		free(bytes);
	}
	if (stat("/proc/self/ns/net", &st) != 0)
		st.st_ino = 0;
	snprintf(out, UNDO_WHERE_SIZE, "boot=%s,net=%llu", boot, (unsigned long long)st.st_ino);
}

/* Nothing to undo is no file. */
static int journal_write(struct undo *u)
{
	size_t len;
	int err;

	if (u->n_entries == 0)
		return unlink(u->file) != 0 && errno != ENOENT ? -errno : 0;
	err = undo_journal_encode(u->text, sizeof(u->text), &len, u->where, u->entries,
				  u->n_entries);
	return err ? err : file_replace(u->file, u->text, len, 0600);
}

/* After a restore: a journal that is too long is corrected by the next start, so go on. */
static void journal_shorten(struct undo *u)
{
	int err = journal_write(u);

	if (err)
		log_warn("cannot write the undo journal file=%s error=%s", u->file, strerror(-err));
}

static void restore(const struct undo_entry *e)
{
	char now[UNDO_VALUE_SIZE];
	int err = undo_read(e->path, now, sizeof(now));

	if (err == -ENOENT)
		return; /* the interface has gone, and its settings with it */
	if (!err && strcmp(now, e->old) == 0)
		return;
	if (!err && !e->keep && strcmp(now, e->set) != 0) {
		log_notice("%s was changed by somebody else and stays value=%s", e->path, now);
		return;
	}
	if (!err)
		err = sysctl_write(e->path, e->old);
	if (err && err != -ENOENT)
		log_error("cannot restore a setting, do it by hand: sysctl -w %s=%s error=%s",
			  e->path, e->old, strerror(-err));
}

/* What a run that was killed has left. */
static void restore_leftovers(struct undo *u, const char *text, size_t len)
{
	char where[UNDO_WHERE_SIZE];
	size_t n;

	if (undo_journal_decode(text, len, where, u->entries, UNDO_ENTRIES_MAX, &n) != 0)
		log_warn("the undo journal is damaged, restoring what can be read file=%s",
			 u->file);
	if (strcmp(where, u->where) != 0) {
		log_notice("dropping an undo journal of another boot or network namespace file=%s",
			   u->file);
		return;
	}
	log_notice("an earlier run did not end in order, restoring its settings count=%zu", n);
	while (n > 0)
		restore(&u->entries[--n]);
}

static int start(struct undo *u)
{
	uint8_t *bytes;
	size_t n;
	int err = file_read(u->file, UNDO_JOURNAL_MAX_BYTES, &bytes, &n);

	if (err == 0) {
		restore_leftovers(u, (const char *)bytes, n);
		free(bytes);
	} else if (err == -EFBIG) {
		log_warn("the undo journal is no journal, removing it file=%s", u->file);
	} else {
		return err == -ENOENT ? 0 : err;
	}
	return journal_write(u);
}

int undo_open(struct undo **out, const char *file)
{
	struct undo *u = calloc(1, sizeof(*u));
	int err;

	*out = NULL;
	if (!u)
		return -ENOMEM;
	if (strlen(file) >= sizeof(u->file)) {
		free(u);
		return -ENAMETOOLONG;
	}
	memcpy(u->file, file, strlen(file) + 1);
	find_where(u->where);
	err = start(u);
	if (err) {
		log_error("cannot use the undo journal file=%s error=%s", file, strerror(-err));
		free(u);
		return err;
	}
	*out = u;
	return 0;
}

void undo_close(struct undo *u)
{
	if (!u)
		return;
	while (u->n_entries > 0)
		restore(&u->entries[--u->n_entries]);
	journal_shorten(u);
	free(u->settings);
	free(u);
}

uint32_t undo_hold(struct undo *u)
{
	if (++u->last_hold == 0)
		u->last_hold = 1;
	return u->last_hold;
}

static struct undo_entry *find_entry(struct undo *u, const char *path)
{
	for (size_t i = 0; i < u->n_entries; i++) {
		if (strcmp(u->entries[i].path, path) == 0)
			return &u->entries[i];
	}
	return NULL;
}

bool undo_owns(const struct undo *u, const char *path)
{
	for (size_t i = 0; i < u->n_entries; i++) {
		if (strcmp(u->entries[i].path, path) == 0)
			return true;
	}
	return false;
}

const struct undo_entry *undo_list(const struct undo *u, size_t *n)
{
	*n = u->n_entries;
	return u->entries;
}

static bool has_setting(const struct undo *u, uint32_t hold, const char *path)
{
	for (size_t i = 0; i < u->n_settings; i++) {
		if (u->settings[i].hold == hold && strcmp(u->settings[i].path, path) == 0)
			return true;
	}
	return false;
}

static int make_room(struct undo *u)
{
	size_t size = u->settings_size ? u->settings_size * 2 : 16;
	struct setting *settings;

	if (u->n_settings == UNDO_SETTINGS_MAX)
		return -ENOSPC;
	if (u->n_settings < u->settings_size)
		return 0;
	settings = realloc(u->settings, size * sizeof(*settings));
	if (!settings)
		return -ENOMEM;
	u->settings = settings;
	u->settings_size = size;
	return 0;
}

/* Room was made before. */
static void count(struct undo *u, uint32_t hold, struct undo_entry *e)
{
	struct setting *s = &u->settings[u->n_settings++];

	s->hold = hold;
	memcpy(s->path, e->path, sizeof(s->path));
	e->refs++;
}

/* The journal first, on disk, then the change (@value NULL: none, the value is only kept). */
static int add_entry(struct undo *u, uint32_t hold, const char *path, const char *old,
		     const char *value)
{
	struct undo_entry *e = &u->entries[u->n_entries];
	int err;

	if (u->n_entries == UNDO_ENTRIES_MAX)
		return -ENOSPC;
	*e = (struct undo_entry){.keep = !value};
	snprintf(e->path, sizeof(e->path), "%s", path);
	snprintf(e->old, sizeof(e->old), "%s", old);
	snprintf(e->set, sizeof(e->set), "%s", value ? value : "");
	u->n_entries++;
	err = journal_write(u);
	if (!err && value)
		err = sysctl_write(path, value);
	if (err) {
		u->n_entries--;
		journal_shorten(u);
		return err;
	}
	count(u, hold, e);
	return 0;
}

int undo_set(struct undo *u, uint32_t hold, const char *path, const char *value)
{
	char now[UNDO_VALUE_SIZE];
	struct undo_entry *e;
	int err;

	if (!undo_path_ok(path) || !undo_value_ok(value))
		return -EINVAL;
	err = undo_read(path, now, sizeof(now));
	if (!err)
		err = make_room(u);
	if (err)
		return err;
	e = find_entry(u, path);
	if (!e && strcmp(now, value) == 0)
		return 0;
	if (!e)
		return undo_value_ok(now) ? add_entry(u, hold, path, now, value) : -EINVAL;
	if (e->keep || strcmp(e->set, value) != 0)
		return -EEXIST;
	err = strcmp(now, value) != 0 ? sysctl_write(path, value) : 0;
	if (!err && !has_setting(u, hold, path))
		count(u, hold, e);
	return err;
}

int undo_keep(struct undo *u, uint32_t hold, const char *path)
{
	char now[UNDO_VALUE_SIZE];
	struct undo_entry *e;
	int err;

	if (!undo_path_ok(path))
		return -EINVAL;
	err = undo_read(path, now, sizeof(now));
	if (!err)
		err = make_room(u);
	if (err)
		return err;
	e = find_entry(u, path);
	if (!e)
		return undo_value_ok(now) ? add_entry(u, hold, path, now, NULL) : -EINVAL;
	if (!has_setting(u, hold, path))
		count(u, hold, e);
	return 0;
}

static void drop_setting(struct undo *u, size_t at)
{
	struct undo_entry *e = find_entry(u, u->settings[at].path);

	u->n_settings--;
	memmove(&u->settings[at], &u->settings[at + 1],
		(u->n_settings - at) * sizeof(u->settings[0]));
	if (!e || --e->refs > 0)
		return;
	restore(e);
	u->n_entries--;
	memmove(e, e + 1, (size_t)(&u->entries[u->n_entries] - e) * sizeof(*e));
}

void undo_release(struct undo *u, uint32_t hold)
{
	bool dropped = false;

	for (size_t i = u->n_settings; i-- > 0;) {
		if (u->settings[i].hold == hold) {
			drop_setting(u, i);
			dropped = true;
		}
	}
	if (dropped)
		journal_shorten(u);
}
