/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The fields of the register's items: what transfer.c and transfer_csv.c share. */
#ifndef FARLAN_TRANSFER_FIELDS_H
#define FARLAN_TRANSFER_FIELDS_H

#include "accessd/pure/transfer.h"

/* As a cell. */
enum transfer_form { TRANSFER_TEXT, TRANSFER_WORDS, TRANSFER_RULES, TRANSFER_HOSTS };

struct transfer_field {
	const char *name;
	unsigned int kinds, needed; /* a bit for each kind that has it, cannot be without it */
	enum transfer_form form;
	/* In its one spelling; NULL: @error says what it should be. */
	json_t *(*take)(const json_t *v, char error[TRANSFER_ERROR_SIZE]);
};

extern const struct transfer_field TRANSFER_FIELDS[];
extern const size_t TRANSFER_FIELDS_N;

#endif
