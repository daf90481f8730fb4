/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was cleaned is clean: again it stays the same, fits, and is one line. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/pure/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), once[WORDS_SIZE], again[WORDS_SIZE];

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	if (words_clean(once, sizeof(once), text)) {
		if (!words_clean(again, sizeof(again), once) || strcmp(once, again) != 0)
			abort();
		for (const char *c = once; *c; c++) {
			if ((unsigned char)*c < 0x20 || *c == 0x7f)
				abort();
		}
	} else if (once[0]) {
		abort();
	}
	free(text);
	return 0;
}
