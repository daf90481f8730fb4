/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A file with devices, users ...: JSON or a spreadsheet, checked as a whole. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/accessctl_transfer.h"
#include "common/pure/display.h"

#define BYTES_MAX (64u << 20)
#define ERRORS_MAX 20
#define PLACE_SIZE 320

struct parsing {
	struct register_file *f;
	const char *name; /* of the file */
	size_t errors;
};

static void complain(struct parsing *p, const char *place, const char *words)
{
	char *clean = display_clean(words);

	if (++p->errors <= ERRORS_MAX)
		fprintf(stderr, "%s: %s\n", place, clean ? clean : "");
	else if (p->errors == ERRORS_MAX + 1)
		fprintf(stderr, "%s: ... and more\n", p->name);
	free(clean);
}

static void add(struct parsing *p, enum transfer_kind k, json_t *raw, const char *place)
{
	char error[TRANSFER_ERROR_SIZE], key[TRANSFER_KEY_SIZE], words[TRANSFER_ERROR_SIZE];
	json_t *item = transfer_item(k, raw, error);
	const char *first;

	if (!item) {
		complain(p, place, error);
		return;
	}
	if (!p->f->items[k]) {
		p->f->items[k] = json_object();
		p->f->where[k] = json_object();
	}
	transfer_key(k, item, key);
	first = json_string_value(json_object_get(p->f->where[k], key));
	if (first) {
		snprintf(words, sizeof(words), "this %s is there already: %s",
			 transfer_kind_name(k), first);
		complain(p, place, words);
		json_decref(item);
	} else if (k == TRANSFER_FOLDER && strcmp(key, "/") == 0) {
		json_decref(item); /* always there */
	} else {
		json_object_set_new(p->f->items[k], key, item);
		json_object_set_new(p->f->where[k], key, json_string(place));
	}
}

/* --- JSON --- */

static void take_list(struct parsing *p, enum transfer_kind k, const json_t *list)
{
	char place[PLACE_SIZE];

	if (!p->f->items[k]) {
		p->f->items[k] = json_object();
		p->f->where[k] = json_object();
	}
	snprintf(place, sizeof(place), "%.256s: %s", p->name, transfer_list_name(k));
	if (!json_is_array(list))
		complain(p, place, "a list is needed");
	for (size_t i = 0; i < json_array_size(list); i++) {
		snprintf(place, sizeof(place), "%.256s: %s[%zu]", p->name, transfer_list_name(k),
			 i);
		add(p, k, json_array_get(list, i), place);
	}
}

static void take_json(struct parsing *p, const char *bytes, size_t n)
{
	json_error_t e;
	json_t *o = json_loadb(bytes, n, JSON_REJECT_DUPLICATES, &e), *list;
	char place[PLACE_SIZE];
	enum transfer_kind k;
	const char *key;

	if (!json_is_object(o)) {
		snprintf(place, sizeof(place), "%.256s:%d", p->name, o ? 1 : e.line);
		complain(p, place,
			 o ? "an object with lists is needed, as export writes it" : e.text);
		json_decref(o);
		return;
	}
	json_object_foreach (o, key, list) {
		if (transfer_kind_find(&k, key) && strcmp(key, transfer_list_name(k)) == 0)
			take_list(p, k, list);
		else
			complain(p, p->name,
				 "an object may have folders, groups, users, devices and "
				 "permissions");
	}
	json_decref(o);
}

/* --- spreadsheets --- */

static void complain_csv(struct parsing *p, const char *place, int rc)
{
	complain(p, place,
		 rc == -E2BIG ? "too many cells, or too long"
			      : "a quotation mark where none may be, or one that does not end");
}

static void take_csv(struct parsing *p, const char *bytes, size_t n)
{
	struct csv_row *row = malloc(sizeof(*row));
	char error[TRANSFER_ERROR_SIZE], place[PLACE_SIZE];
	struct transfer_header h;
	bool named = false;
	struct csv c;
	int rc = 0;

	if (!row)
		abort();
	csv_init(&c, bytes, n);
	while (rc == 0 && (rc = csv_read(&c, row)) == 0) {
		enum transfer_kind k;
		json_t *raw;

		snprintf(place, sizeof(place), "%.256s:%zu", p->name, row->line);
		if (!named) {
			named = true;
			rc = transfer_header(&h, row, error);
			if (rc)
				complain(p, place, error);
			continue;
		}
		raw = transfer_row(&h, row, &k, error);
		if (raw)
			add(p, k, raw, place);
		else
			complain(p, place, error);
		json_decref(raw);
	}
	if (rc == -EBADMSG || rc == -E2BIG) {
		snprintf(place, sizeof(place), "%.256s:%zu", p->name, row->line);
		complain_csv(p, place, rc);
	}
	free(row);
}

/* --- the file --- */

static char *read_stream(FILE *f, size_t *n)
{
	size_t size = 1 << 16, got;
	char *bytes = malloc(size), *more;

	*n = 0;
	while (bytes && (got = fread(bytes + *n, 1, size - *n, f)) > 0) {
		*n += got;
		if (*n < size)
			continue;
		size *= 2;
		errno = EFBIG;
		more = size <= BYTES_MAX ? realloc(bytes, size) : NULL;
		if (!more)
			free(bytes);
		bytes = more;
	}
	if (bytes && ferror(f)) {
		free(bytes);
		bytes = NULL;
	}
	return bytes;
}

static char *read_bytes(const char *name, size_t *n)
{
	bool is_stdin = strcmp(name, "-") == 0;
	FILE *f = is_stdin ? stdin : fopen(name, "re");
	char *bytes = f ? read_stream(f, n) : NULL;

	if (!bytes)
		fprintf(stderr, "accessctl: %s: %s\n", name, strerror(errno));
	if (f && !is_stdin)
		fclose(f);
	return bytes;
}

static bool is_json(const char *bytes, size_t n)
{
	while (n > 0 && strchr(" \t\r\n", *bytes)) {
		bytes++;
		n--;
	}
	return n > 0 && (*bytes == '{' || *bytes == '[');
}

int register_file_read(struct register_file *f, const char *name)
{
	struct parsing p = {.f = f, .name = strcmp(name, "-") == 0 ? "standard input" : name};
	size_t n, mark; /* a byte order mark before all */
	char *bytes;

	memset(f, 0, sizeof(*f));
	bytes = read_bytes(name, &n);
	if (!bytes)
		return CTL_FAILED;
	mark = n >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	if (is_json(bytes + mark, n - mark))
		take_json(&p, bytes + mark, n - mark);
	else
		take_csv(&p, bytes, n);
	free(bytes);
	if (p.errors == 0)
		return CTL_OK;
	fputs("accessctl: nothing was changed\n", stderr);
	return CTL_FAILED;
}

void register_file_free(struct register_file *f)
{
	for (int k = 0; k < TRANSFER_KINDS; k++) {
		json_decref(f->items[k]);
		json_decref(f->where[k]);
	}
}

unsigned int register_kinds(const struct register_file *f)
{
	unsigned int kinds = 0;

	for (int k = 0; k < TRANSFER_KINDS; k++)
		kinds |= f->items[k] ? 1u << k : 0;
	return kinds;
}
