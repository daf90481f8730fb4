/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/undo_journal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define WORDS_MAX 4

static bool is_word(const char *s, size_t size)
{
	size_t n = strnlen(s, size);

	if (n == 0 || n == size)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s[i] <= ' ' || s[i] > '~')
			return false;
	}
	return true;
}

bool undo_value_ok(const char *value)
{
	return is_word(value, UNDO_VALUE_SIZE);
}

bool undo_path_ok(const char *path)
{
	return is_word(path, UNDO_PATH_SIZE) && strncmp(path, "net/", 4) == 0 &&
	       !strstr(path, "/../") && !strstr(path, "//") && path[strlen(path) - 1] != '/' &&
	       path[strlen(path) - 1] != '.';
}

static int append(char *out, size_t out_size, size_t *len, const char *line)
{
	size_t n = strlen(line);

	if (n > out_size - *len)
		return -ENOSPC;
	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): a line of a file, no string */
	memcpy(out + *len, line, n);
	*len += n;
	return 0;
}

int undo_journal_encode(char *out, size_t out_size, size_t *len, const char *where,
			const struct undo_entry *entries, size_t n)
{
	char line[UNDO_LINE_MAX_BYTES + 1];
	int err;

	*len = 0;
	snprintf(line, sizeof(line), "farlan-undo 1 %s\n", where);
	err = append(out, out_size, len, line);
	for (size_t i = 0; i < n && !err; i++) {
		const struct undo_entry *e = &entries[i];

		if (e->keep)
			snprintf(line, sizeof(line), "keep %s %s\n", e->path, e->old);
		else
			snprintf(line, sizeof(line), "set %s %s %s\n", e->path, e->old, e->set);
		err = append(out, out_size, len, line);
	}
	return err;
}

/* Split @line in place at single spaces; 0 words for too many. */
static size_t split(char *line, char *words[WORDS_MAX])
{
	size_t n = 0;

	for (char *at = line; at; n++) {
		if (n == WORDS_MAX)
			return 0;
		words[n] = strsep(&at, " ");
	}
	return n;
}

static bool decode_entry(struct undo_entry *e, char *line)
{
	char *words[WORDS_MAX];
	size_t n = split(line, words);
	bool keep = n == 3 && strcmp(words[0], "keep") == 0;

	if (!keep && !(n == 4 && strcmp(words[0], "set") == 0))
		return false;
	if (!undo_path_ok(words[1]) || !undo_value_ok(words[2]))
		return false;
	if (!keep && !undo_value_ok(words[3]))
		return false;
	memset(e, 0, sizeof(*e));
	e->keep = keep;
	snprintf(e->path, sizeof(e->path), "%s", words[1]); /* they fit: checked above */
	snprintf(e->old, sizeof(e->old), "%s", words[2]);
	snprintf(e->set, sizeof(e->set), "%s", keep ? "" : words[3]);
	return true;
}

static bool decode_head(char where[UNDO_WHERE_SIZE], char *line)
{
	char *words[WORDS_MAX];

	if (split(line, words) != 3 || strcmp(words[0], "farlan-undo") != 0 ||
	    strcmp(words[1], "1") != 0 || !is_word(words[2], UNDO_WHERE_SIZE))
		return false;
	snprintf(where, UNDO_WHERE_SIZE, "%s", words[2]);
	return true;
}

/* The next whole line, copied to @line; false at the end. A line that is too long becomes "". */
static bool next_line(const char **at, const char *end, char line[UNDO_LINE_MAX_BYTES + 1])
{
	const char *stop = memchr(*at, '\n', (size_t)(end - *at));
	size_t n;

	if (!stop)
		return false;
	n = (size_t)(stop - *at);
	if (n > UNDO_LINE_MAX_BYTES)
		n = 0;
	memcpy(line, *at, n);
	line[n] = '\0';
	*at = stop + 1;
	return true;
}

int undo_journal_decode(const char *text, size_t len, char where[UNDO_WHERE_SIZE],
			struct undo_entry *entries, size_t max, size_t *n)
{
	const char *at = text, *end = text + len;
	char line[UNDO_LINE_MAX_BYTES + 1];
	bool bad = false;

	*n = 0;
	where[0] = '\0';
	if (!next_line(&at, end, line) || !decode_head(where, line))
		return -EBADMSG;
	while (next_line(&at, end, line)) {
		if (*n < max && decode_entry(&entries[*n], line))
			(*n)++;
		else
			bad = true;
	}
	return bad || at != end ? -EBADMSG : 0;
}
