/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What who signs in sends along: nothing longer than its field, codes in their plain form alone. */
#include <stdlib.h>
#include <string.h>

#include "accessd/pure/asked.h"
#include "accessd/pure/recovery.h"
#include "accessd/pure/weak.h"

static void check_code(const char *code)
{
	char again[ASKED_CODE_SIZE];

	if (strlen(code) >= ASKED_CODE_SIZE || strchr(code, ' ') || strchr(code, '-'))
		abort();
	recovery_plain(code, again, sizeof(again));
	if (strcmp(code, again) != 0)
		abort();
	(void)recovery_is(code);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct weak_context here = {
		.user = "anna", .domain = "lab.example", .min_bytes = 10};
	json_t *o = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	struct asked a;

	if (!asked_decode(&a, o)) {
		check_code(a.code);
		check_code(a.totp_code);
		(void)weak_words(weak_check(a.password, &here));
		(void)weak_words(weak_check(a.new_password, &here));
	}
	json_decref(o);
	return 0;
}
