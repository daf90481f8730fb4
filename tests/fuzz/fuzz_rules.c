/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The text of a rule: what is accepted comes back the same. */
#include <stdlib.h>
#include <string.h>

#include "common/pure/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), again[RULE_TEXT_SIZE];
	struct rule r, back;

	memcpy(text, data, size);
	text[size] = '\0';
	if (rule_parse(&r, text) == 0) {
		rule_format(&r, again);
		if (rule_parse(&back, again) != 0 || !rule_equal(&r, &back))
			abort();
	}
	free(text);
	return 0;
}
