/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Accept: any value yields one of the two forms, reads only what it was given, and ends; and any
 * label yields one line. */
#include <stdlib.h>
#include <string.h>

#include "common/pure/expo.h"

static void choose(const uint8_t *data, size_t size)
{
	static const char name[] = "Accept";
	char *value = malloc(size + 1); /* exact, but for an empty one */
	struct http_head h = {.n_headers = 1};
	enum expo_format f;

	if (!value)
		return;
	if (size > 0)
		memcpy(value, data, size);
	h.headers[0].name = (struct http_str){name, sizeof(name) - 1};
	h.headers[0].value = (struct http_str){value + 1, size > 0 ? size - 1 : 0};
	f = expo_choose(&h);
	if (f != EXPO_PROMETHEUS && f != EXPO_OPENMETRICS)
		abort();
	free(value);
}

static void write_label(const uint8_t *data, size_t size)
{
	static const struct expo_family family = {"x", NULL, "help", EXPO_GAUGE};
	char *text = malloc(size + 1);
	struct expo_label label = {"l", text};
	struct expo e;
	struct buf out;
	size_t lines = 0;

	if (!text)
		return;
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	buf_init(&out, 1u << 20);
	expo_begin(&e, &out, EXPO_OPENMETRICS);
	expo_family(&e, &family);
	expo_sample(&e, 1, &label, 1);
	if (expo_end(&e) == 0) {
		for (size_t i = 0; i < buf_len(&out); i++)
			lines += buf_data(&out)[i] == '\n';
		if (lines != 4)
			abort();
	}
	buf_deinit(&out);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	choose(data, size);
	write_label(data, size);
	return 0;
}
