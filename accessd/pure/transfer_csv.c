/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The register as a spreadsheet. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/pure/transfer.h"
#include "accessd/pure/transfer_fields.h"

#define KIND (-1)
#define WORD_SIZE 512

/* --- reading --- */

static int find_field(const char *name, int *field)
{
	*field = KIND;
	if (strcmp(name, "kind") == 0)
		return 0;
	for (size_t i = 0; i < TRANSFER_FIELDS_N; i++) {
		if (strcmp(name, TRANSFER_FIELDS[i].name) == 0) {
			*field = (int)i;
			return 0;
		}
	}
	return -EINVAL;
}

int transfer_header(struct transfer_header *h, const struct csv_row *row,
		    char error[TRANSFER_ERROR_SIZE])
{
	bool has_kind = false;

	h->n = row->n;
	for (size_t i = 0; i < row->n; i++) {
		if (find_field(row->fields[i], &h->fields[i])) {
			snprintf(error, TRANSFER_ERROR_SIZE, "there is no column %.64s",
				 row->fields[i]);
			return -EINVAL;
		}
		for (size_t j = 0; j < i; j++) {
			if (h->fields[j] == h->fields[i]) {
				snprintf(error, TRANSFER_ERROR_SIZE, "column %.64s is there twice",
					 row->fields[i]);
				return -EINVAL;
			}
		}
		has_kind |= h->fields[i] == KIND;
	}
	if (has_kind)
		return 0;
	snprintf(error, TRANSFER_ERROR_SIZE,
		 "the first line has to name the columns, kind among them");
	return -EINVAL;
}

/* Each word between @separators as what @make makes of it; "none": nothing. */
static json_t *split(const char *cell, const char *separators, json_t *(*make)(const char *word))
{
	json_t *out = json_array();
	char word[WORD_SIZE];

	if (strcmp(cell, "none") == 0)
		return out;
	for (cell += strspn(cell, " "); *cell && out; cell += strspn(cell, " ")) {
		size_t n = strcspn(cell, separators);
		json_t *v = NULL;

		if (n < sizeof(word)) {
			memcpy(word, cell, n);
			word[n] = '\0';
			v = make(word);
		}
		if (!v || json_array_append_new(out, v) != 0) {
			json_decref(out);
			return NULL;
		}
		cell += n + (cell[n] != '\0');
	}
	return out;
}

static json_t *make_text(const char *word)
{
	return json_string(word);
}

static json_t *make_host(const char *word)
{
	const char *equals = strchr(word, '=');

	return equals ? json_pack("{s:s%, s:s}", "name", word, (size_t)(equals - word), "address",
				  equals + 1)
		      : NULL;
}

/* NULL: not to be understood, or no UTF-8. */
static json_t *from_cell(enum transfer_form form, const char *cell)
{
	switch (form) {
	case TRANSFER_TEXT:
		return json_string(cell);
	case TRANSFER_WORDS:
		return split(cell, " ", make_text);
	case TRANSFER_RULES:
		if (strcmp(cell, "none") == 0)
			return json_null();
		return strcmp(cell, "empty") == 0 ? json_array() : split(cell, ";", make_text);
	case TRANSFER_HOSTS:
		return split(cell, " ", make_host);
	}
	return NULL;
}

static bool find_kind(const struct transfer_header *h, const struct csv_row *row,
		      enum transfer_kind *k, char error[TRANSFER_ERROR_SIZE])
{
	for (size_t i = 0; i < h->n && i < row->n; i++) {
		if (h->fields[i] != KIND)
			continue;
		if (transfer_kind_find(k, row->fields[i]))
			return true;
		snprintf(error, TRANSFER_ERROR_SIZE,
			 "kind: folder, group, user, device or permission, not %.64s",
			 row->fields[i]);
		return false;
	}
	snprintf(error, TRANSFER_ERROR_SIZE, "the kind is missing");
	return false;
}

json_t *transfer_row(const struct transfer_header *h, const struct csv_row *row,
		     enum transfer_kind *k, char error[TRANSFER_ERROR_SIZE])
{
	json_t *out;

	error[0] = '\0';
	if (!find_kind(h, row, k, error))
		return NULL;
	out = json_object();
	for (size_t i = 0; i < row->n && out; i++) {
		const struct transfer_field *f;
		bool in_header = i < h->n;

		/* Spreadsheets fill rows up with empty cells. */
		if (row->fields[i][0] == '\0' || (in_header && h->fields[i] == KIND))
			continue;
		f = in_header ? &TRANSFER_FIELDS[h->fields[i]] : NULL;
		if (f && json_object_set_new(out, f->name, from_cell(f->form, row->fields[i])) == 0)
			continue;
		if (f)
			snprintf(error, TRANSFER_ERROR_SIZE, "%s: cannot be understood", f->name);
		else
			snprintf(error, TRANSFER_ERROR_SIZE,
				 "it has more cells than the first line");
		json_decref(out);
		out = NULL;
	}
	return out;
}

/* --- writing --- */

struct text {
	char *at; /* NULL: no memory */
	size_t n, size;
};

static void put(struct text *t, const char *more)
{
	size_t n = strlen(more);

	if (!t->at)
		return;
	if (t->n + n + 1 > t->size) {
		size_t size = 2 * t->size + n;
		char *at = realloc(t->at, size);

		if (!at)
			free(t->at);
		t->at = at;
		t->size = size;
	}
	if (t->at) {
		memcpy(t->at + t->n, more, n + 1);
		t->n += n;
	}
}

static struct text text_new(void)
{
	struct text t = {.at = calloc(1, 256), .size = 256};

	return t;
}

static void put_item(struct text *t, enum transfer_form form, const json_t *v)
{
	const char *address = json_string_value(json_object_get(v, "address"));

	if (form == TRANSFER_HOSTS) {
		put(t, json_string_value(json_object_get(v, "name")));
		put(t, "=");
		put(t, address);
	} else {
		put(t, json_string_value(v));
	}
}

static bool is_none(const json_t *v)
{
	const char *text = json_string_value(v);

	return text && strcmp(text, "none") == 0;
}

static void put_cell(struct text *t, enum transfer_form form, const json_t *v)
{
	size_t n = json_array_size(v);

	if (!v)
		return;
	if (form == TRANSFER_TEXT)
		put(t, json_string_value(v));
	else if (n == 0)
		put(t, form == TRANSFER_RULES && json_is_array(v) ? "empty" : "none");
	else if (n == 1 && form == TRANSFER_WORDS && is_none(json_array_get(v, 0)))
		put(t, " "); /* a group of this name */
	for (size_t i = 0; i < n; i++) {
		put(t, i == 0 ? "" : form == TRANSFER_RULES ? "; " : " ");
		put_item(t, form, json_array_get(v, i));
	}
}

char *transfer_cell(const char *field, const json_t *v)
{
	struct text cell = text_new();
	int i;

	if (find_field(field, &i) == 0 && i != KIND)
		put_cell(&cell, TRANSFER_FIELDS[i].form, v);
	return cell.at;
}

static void put_field(struct text *line, const char *cell)
{
	size_t size = CSV_FIELD_SIZE(strlen(cell));
	char *field = malloc(size);

	if (field) {
		csv_field(field, size, cell);
		put(line, field);
	} else {
		free(line->at);
		line->at = NULL;
	}
	free(field);
}

static bool is_column(unsigned int kinds, size_t field)
{
	return TRANSFER_FIELDS[field].kinds & kinds;
}

char *transfer_csv_header(unsigned int kinds)
{
	struct text line = text_new();

	put(&line, "kind");
	for (size_t i = 0; i < TRANSFER_FIELDS_N; i++) {
		if (!is_column(kinds, i))
			continue;
		put(&line, ",");
		put(&line, TRANSFER_FIELDS[i].name);
	}
	put(&line, "\r\n");
	return line.at;
}

char *transfer_csv(unsigned int kinds, enum transfer_kind k, const json_t *item)
{
	struct text line = text_new();

	put(&line, transfer_kind_name(k));
	for (size_t i = 0; i < TRANSFER_FIELDS_N; i++) {
		const struct transfer_field *f = &TRANSFER_FIELDS[i];
		struct text cell;

		if (!is_column(kinds, i))
			continue;
		cell = text_new();
		put_cell(&cell, f->form, json_object_get(item, f->name));
		put(&line, ",");
		put_field(&line, cell.at ? cell.at : "");
		free(cell.at);
	}
	put(&line, "\r\n");
	return line.at;
}
