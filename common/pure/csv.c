/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/csv.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

struct writer {
	char *at;
	size_t room;
};

void csv_init(struct csv *c, const char *bytes, size_t n)
{
	const char *end;

	if (n >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) {
		bytes += 3;
		n -= 3;
	}
	*c = (struct csv){.at = bytes, .end = bytes + n, .separator = ',', .line = 1};
	end = n > 0 ? memchr(bytes, '\n', n) : NULL;
	n = end ? (size_t)(end - bytes) : n;
	if (n == 0 || memchr(bytes, ',', n))
		return;
	if (memchr(bytes, ';', n))
		c->separator = ';';
	else if (memchr(bytes, '\t', n))
		c->separator = '\t';
}

/* --- reading --- */

/* Does it begin with a formula, perhaps behind apostrophes? */
static bool is_bait(const char *text)
{
	text += strspn(text, "'");
	return *text && strchr("=+-@\t\r", *text);
}

static bool put(struct writer *w, char c)
{
	if (w->room == 0)
		return false;
	*w->at++ = c;
	w->room--;
	return true;
}

static bool at_line_end(const struct csv *c)
{
	return c->at == c->end || *c->at == '\n' ||
	       (*c->at == '\r' && c->at + 1 < c->end && c->at[1] == '\n');
}

static void skip_line_end(struct csv *c)
{
	if (c->at < c->end && *c->at == '\r')
		c->at++;
	if (c->at < c->end) {
		c->at++;
		c->line++;
	}
}

static int read_quoted(struct csv *c, struct writer *w)
{
	for (c->at++; c->at < c->end; c->at++) {
		if (*c->at == '\0')
			return -EBADMSG;
		if (*c->at == '"') {
			if (c->at + 1 == c->end || c->at[1] != '"') {
				c->at++;
				return 0;
			}
			c->at++;
		}
		c->line += *c->at == '\n';
		if (!put(w, *c->at))
			return -E2BIG;
	}
	return -EBADMSG;
}

static int read_plain(struct csv *c, struct writer *w)
{
	for (; !at_line_end(c) && *c->at != c->separator; c->at++) {
		if (*c->at == '"' || *c->at == '\0')
			return -EBADMSG;
		if (!put(w, *c->at))
			return -E2BIG;
	}
	return 0;
}

static int read_field(struct csv *c, struct csv_row *row, struct writer *w)
{
	char *text = w->at;
	int rc;

	if (row->n == CSV_FIELDS_MAX)
		return -E2BIG;
	rc = c->at < c->end && *c->at == '"' ? read_quoted(c, w) : read_plain(c, w);
	if (rc == 0 && !put(w, '\0'))
		rc = -E2BIG;
	if (rc == 0 && !at_line_end(c) && *c->at != c->separator)
		rc = -EBADMSG; /* behind the closing quote */
	if (rc == 0)
		row->fields[row->n++] = *text == '\'' && is_bait(text) ? text + 1 : text;
	return rc;
}

int csv_read(struct csv *c, struct csv_row *row)
{
	struct writer w = {row->text, sizeof(row->text)};
	int rc;

	while (c->at < c->end && at_line_end(c))
		skip_line_end(c);
	row->line = c->line;
	row->n = 0;
	if (c->at == c->end)
		return -ENOENT;
	while ((rc = read_field(c, row, &w)) == 0 && !at_line_end(c))
		c->at++; /* the separator */
	if (rc)
		c->at = c->end;
	else
		skip_line_end(c);
	return rc;
}

/* --- writing --- */

static bool put_all(struct writer *w, const char *text)
{
	bool bait = is_bait(text), quotes = bait || strpbrk(text, ",;\t\"\r\n"), ok = true;

	ok = (!quotes || put(w, '"')) && (!bait || put(w, '\''));
	for (; *text && ok; text++)
		ok = (*text != '"' || put(w, '"')) && put(w, *text);
	return ok && (!quotes || put(w, '"')) && put(w, '\0');
}

size_t csv_field(char *out, size_t out_size, const char *text)
{
	struct writer w = {out, out_size};

	if (put_all(&w, text))
		return (size_t)(w.at - out) - 1;
	if (out_size > 0)
		out[0] = '\0';
	return 0;
}
