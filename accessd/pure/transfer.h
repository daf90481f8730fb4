/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * transfer - the register as a file: what accessctl export writes and import reads. Pure.
 *
 *   item   one folder, group, user, device or permission, as a JSON object
 *   field  a member of it, or a cell of a spreadsheet
 *
 * An item in its one spelling has its members in the order of the table of fields, and each value
 * as accessd would write it; so two of them can be compared. What an item does not say is to stay
 * as it is. In a spreadsheet lists are words with blanks between them, rules have "; " between
 * them, an empty cell says nothing and "none" says that there is none.
 */
#ifndef FARLAN_TRANSFER_H
#define FARLAN_TRANSFER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/pure/csv.h"

/* In the order in which they are made: each may name those before it. */
enum transfer_kind {
	TRANSFER_FOLDER,
	TRANSFER_GROUP,
	TRANSFER_USER,
	TRANSFER_DEVICE,
	TRANSFER_PERMISSION
};
#define TRANSFER_KINDS (TRANSFER_PERMISSION + 1)
#define TRANSFER_DEPTH_MAX 16 /* of folders */

#define TRANSFER_ERROR_SIZE 256
#define TRANSFER_KEY_SIZE 1200

/** transfer_kind_name() - "device"; transfer_list_name() - "devices", the member of a document. */
const char *transfer_kind_name(enum transfer_kind k);
const char *transfer_list_name(enum transfer_kind k);
/** transfer_kind_find() - by either name. Return: false: there is none. */
bool transfer_kind_find(enum transfer_kind *k, const char *name);

/**
 * transfer_item() - @raw in its one spelling. Return: a new object; NULL, and @error says in words
 * what is wrong with which field.
 */
json_t *transfer_item(enum transfer_kind k, json_t *raw, char error[TRANSFER_ERROR_SIZE]);
/** transfer_key() - what tells an item from others of its kind: "site1", "/italy". */
void transfer_key(enum transfer_kind k, const json_t *item, char out[TRANSFER_KEY_SIZE]);
/** transfer_path_ok() - "/", or names behind a '/' each. */
bool transfer_path_ok(const char *path);

/** transfer_until_format(), transfer_until_parse() - the end of an account in Unix seconds as
 * "2027-03-31T18:00:00Z"; 0 as "none". Return: 0; -EINVAL. */
#define TRANSFER_UNTIL_SIZE 32
void transfer_until_format(int64_t until, char out[TRANSFER_UNTIL_SIZE]);
int transfer_until_parse(int64_t *until, const char *text) __attribute__((warn_unused_result));

/* --- spreadsheets --- */

/* Which columns hold what; the first row says it. */
struct transfer_header {
	size_t n;
	int fields[CSV_FIELDS_MAX]; /* -1: the kind */
};

/** transfer_header() - Return: 0; -EINVAL, said in @error. */
int transfer_header(struct transfer_header *h, const struct csv_row *row,
		    char error[TRANSFER_ERROR_SIZE]) __attribute__((warn_unused_result));
/** transfer_row() - a raw item of a row. Return: a new object; NULL, said in @error. */
json_t *transfer_row(const struct transfer_header *h, const struct csv_row *row,
		     enum transfer_kind *k, char error[TRANSFER_ERROR_SIZE]);

/** transfer_csv_header() - the columns that items of @kinds (a bit for each) need, with CR LF.
 * transfer_csv() - an item in these columns. Return: from malloc(); NULL: no memory. */
char *transfer_csv_header(unsigned int kinds);
char *transfer_csv(unsigned int kinds, enum transfer_kind k, const json_t *item);
/** transfer_cell() - the text of one field's value, before it is quoted. @v NULL: "". Return: the
 * same. */
char *transfer_cell(const char *field, const json_t *v);

#endif
