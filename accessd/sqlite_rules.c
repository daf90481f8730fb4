/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/sqlite_core.h"

#define TEXT_SIZE (RULES_MAX * RULE_TEXT_SIZE + 1)

/* --- one text for all: a rule in each line --- */

static void to_text(const struct rules *rules, char out[TEXT_SIZE])
{
	char *at = out;

	out[0] = '\0';
	for (size_t i = 0; i < rules->n; i++) {
		rule_format(&rules->at[i], at);
		at += strlen(at);
		*at++ = '\n';
		*at = '\0';
	}
}

/* Cuts @text up. */
static bool from_text(struct rules *rules, char *text)
{
	*rules = (struct rules){.present = true};
	while (*text) {
		size_t n = strcspn(text, "\n");
		bool more = text[n] == '\n';

		text[n] = '\0';
		if (rules->n == RULES_MAX || rule_parse(&rules->at[rules->n], text) != 0)
			return false;
		rules->n++;
		text += n + more;
	}
	return true;
}

char *rules_to_text(const struct rules *rules)
{
	char *text = malloc(TEXT_SIZE);

	if (text)
		to_text(rules, text);
	return text;
}

int col_rules(sqlite3_stmt *st, int i, struct rules *rules)
{
	char *text;
	int rc = 0;

	*rules = (struct rules){.present = false};
	if (sqlite3_column_type(st, i) == SQLITE_NULL)
		return 0;
	text = malloc(TEXT_SIZE);
	if (!text)
		return -EIO;
	if (!col_text(st, i, text, TEXT_SIZE) || !from_text(rules, text))
		rc = col_damaged("rules");
	free(text);
	return rc;
}

/* --- rows --- */

int store_rules_of(struct store *s, int64_t device, struct rules *rules)
{
	sqlite3_stmt *st;
	int rc = sql_first(s, &st, "SELECT rules FROM member WHERE id = ?", ARGS(INT(device)));

	if (rc)
		return rc;
	rc = col_rules(st, 0, rules);
	sql_close(st);
	return rc;
}

int store_rules_set(struct store *s, int64_t device, const struct rules *rules)
{
	char *text = rules_to_text(rules);
	int rc;

	if (!text)
		return -EIO;
	rc = sql_change(s, "UPDATE member SET rules = ? WHERE id = ?",
			ARGS(rules->present ? TEXT(text) : NOTHING, INT(device)));
	free(text);
	return rc;
}
