/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * csv - tables as spreadsheets write and read them (RFC 4180). Pure.
 *
 * Read: lines end in CR LF or LF, a byte order mark before the first one is skipped, empty lines
 * are, too. Where the first line has no comma, a semicolon or tab separates, as spreadsheets have
 * it in some countries. Written: always commas and CR LF. What a spreadsheet would take for a
 * formula (it begins with = + - @, a tab or CR) has an apostrophe before it, which is taken away
 * again.
 */
#ifndef FARLAN_CSV_H
#define FARLAN_CSV_H

#include <stddef.h>

#define CSV_FIELDS_MAX 32
#define CSV_ROW_BYTES 65536 /* of all fields of a row, each with a NUL */

struct csv {
	const char *at, *end;
	char separator;
	size_t line; /* the next one, from 1 */
};

struct csv_row {
	size_t line; /* where it begins */
	size_t n;
	const char *fields[CSV_FIELDS_MAX]; /* into text */
	char text[CSV_ROW_BYTES];
};

/** csv_init() - @bytes: borrowed as long as rows are read. */
void csv_init(struct csv *c, const char *bytes, size_t n);
/**
 * csv_read() - the next row that is not empty. Return: 0; -ENOENT there is none; -EBADMSG a quote
 * where none may be, one that does not end, or a NUL; -E2BIG too many fields, or too long. After an
 * error row->line is set, and nothing more can be read.
 */
int csv_read(struct csv *c, struct csv_row *row) __attribute__((warn_unused_result));

/** csv_field() - @text as a field. @out_size: CSV_FIELD_SIZE(strlen(text)) is always enough.
 * Return: its length; 0 and an empty @out if it does not fit. */
#define CSV_FIELD_SIZE(n) (2 * (n) + 4)
size_t csv_field(char *out, size_t out_size, const char *text);

#endif
