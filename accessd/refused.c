/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A list of passwords that are refused, beside the one that is built in: one in a line, compared
 * without case, and without digits and marks at the ends. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/pure/weak.h"
#include "accessd/signin_internal.h"
#include "common/io/file.h"

#define FILE_MAX ((size_t)16 << 20)

struct refused {
	char *text;
	const char **at; /* in order */
	size_t n;
};

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static size_t count_lines(const char *text, size_t len)
{
	size_t n = 1;

	for (size_t i = 0; i < len; i++)
		n += text[i] == '\n';
	return n;
}

static void split(struct refused *r, size_t len)
{
	char *line = r->text, *end = r->text + len;

	while (line < end) {
		size_t n = strcspn(line, "\r\n");
		char *next = line + n + (line + n < end);

		line[n] = '\0';
		for (char *c = line; *c; c++)
			*c = (char)tolower((unsigned char)*c);
		if (n > 0 && n <= WEAK_MAX_BYTES)
			r->at[r->n++] = line;
		line = next;
	}
	qsort(r->at, r->n, sizeof(r->at[0]), compare);
}

int refused_load(struct refused **out, const char *path)
{
	struct refused *r = calloc(1, sizeof(*r));
	uint8_t *bytes;
	size_t len;
	int rc;

	if (!r)
		return -ENOMEM;
	rc = file_read(path, FILE_MAX, &bytes, &len);
	if (rc) {
		free(r);
		return rc;
	}
	r->text = (char *)bytes;
	r->at = calloc(count_lines(r->text, len), sizeof(r->at[0]));
	if (!r->at) {
		refused_free(r);
		return -ENOMEM;
	}
	split(r, len);
	*out = r;
	return 0;
}

void refused_free(struct refused *r)
{
	if (!r)
		return;
	free(r->text);
	free(r->at);
	free(r);
}

static bool is_listed(const struct refused *r, const char *word)
{
	return bsearch(&word, r->at, r->n, sizeof(r->at[0]), compare) != NULL;
}

bool refused_has(const struct refused *r, const char *password)
{
	char word[WEAK_MAX_BYTES + 1];
	size_t n = strlen(password);
	bool found;

	if (n > WEAK_MAX_BYTES)
		return false;
	for (size_t i = 0; i <= n; i++)
		word[i] = (char)tolower((unsigned char)password[i]);
	found = is_listed(r, word);
	weak_plain(password, word);
	found = found || (word[0] && is_listed(r, word));
	explicit_bzero(word, sizeof(word));
	return found;
}
