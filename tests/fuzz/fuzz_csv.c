/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A spreadsheet: what is accepted comes back the same when it is written and read again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/pure/transfer.h"

static void check_field(const char *text)
{
	size_t size = CSV_FIELD_SIZE(strlen(text)) + 2;
	struct csv_row *row = malloc(sizeof(*row));
	char *line = malloc(size);
	struct csv c;

	memcpy(line, "x,", 2);
	csv_field(line + 2, size - 2, text);
	csv_init(&c, line, strlen(line));
	if (csv_read(&c, row) != 0 || row->n != 2 || strcmp(row->fields[1], text) != 0)
		abort();
	free(line);
	free(row);
}

static void check_item(enum transfer_kind k, json_t *raw)
{
	char error[TRANSFER_ERROR_SIZE], key[TRANSFER_KEY_SIZE], *line;
	json_t *item = transfer_item(k, raw, error), *again;

	if (!item)
		return;
	again = transfer_item(k, item, error);
	if (!again || !json_equal(item, again))
		abort();
	transfer_key(k, item, key);
	line = transfer_csv(1u << k, k, item);
	free(line);
	json_decref(again);
	json_decref(item);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct csv_row *row = malloc(sizeof(*row));
	char *bytes = malloc(size ? size : 1), error[TRANSFER_ERROR_SIZE];
	struct transfer_header h;
	bool named = false;
	struct csv c;

	memcpy(bytes, data, size);
	csv_init(&c, bytes, size);
	while (csv_read(&c, row) == 0) {
		enum transfer_kind k;
		json_t *raw;

		for (size_t i = 0; i < row->n; i++)
			check_field(row->fields[i]);
		if (!named) {
			named = true;
			if (transfer_header(&h, row, error) != 0)
				break;
			continue;
		}
		raw = transfer_row(&h, row, &k, error);
		if (raw)
			check_item(k, raw);
		json_decref(raw);
	}
	free(bytes);
	free(row);
	return 0;
}
