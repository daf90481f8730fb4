/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * table - how a table fits into a line: which columns are cut, which are left out. Pure.
 */
#ifndef FARLAN_TABLE_H
#define FARLAN_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#define TABLE_GAP 2	 /* columns of the terminal between two cells */
#define TABLE_CELL_MIN 8 /* no cell is cut shorter */

enum table_mark {
	TABLE_PLAIN,  /* may be cut */
	TABLE_WHOLE,  /* is never cut */
	TABLE_NUMBER, /* the same, to the right */
	TABLE_SPARE,  /* may be cut, and left out */
};

struct table_column {
	enum table_mark mark;
	size_t width; /* of its widest cell; afterwards what it gets */
	bool out;     /* is left out */
};

/** table_mark_of() - by the first character of a heading: > number, = whole, - spare. *heading: set
 * behind it. */
enum table_mark table_mark_of(const char **heading);

/**
 * table_fit() - the widest cells are cut first; then the spare columns are left out, from the
 * right.
 * @room: columns of the terminal; 0: no end. Return: false: it does not fit all the same; each row
 * is to be shown as lines of its own.
 */
bool table_fit(struct table_column *at, size_t n, size_t room);

#endif
