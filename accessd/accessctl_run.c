/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Running a command whose line was taken apart. */
#include <stdio.h>
#include <string.h>

#include "accessd/accessctl.h"

/* One of "DEVICE NAME [ADDRESS] RULE...". */
struct operand {
	const char *at;
	int len;
	bool optional, many;
};

/* Return: false: there is no other. */
static bool next_operand(const char **text, struct operand *o)
{
	*text += strspn(*text, " ");
	o->at = *text;
	o->len = (int)strcspn(*text, " ");
	*text += o->len;
	if (o->len == 0)
		return false;
	o->many = strstr(o->at, "...") && strstr(o->at, "...") < o->at + o->len;
	o->optional = o->at[0] == '[';
	return true;
}

/* Are there as many words as there should? Return: 0; CTL_USAGE. */
static int check_words(const struct accessctl *a)
{
	const char *operands = a->command->operands ? a->command->operands : "";
	struct operand o = {0};
	size_t n = 0;

	while (next_operand(&operands, &o)) {
		if (!accessctl_word(a, n) && !o.optional)
			return accessctl_usage(a, "%s: %.*s is missing", a->command->words,
					       (int)strcspn(o.at, ". "), o.at);
		if (o.many)
			return 0;
		n++;
	}
	if (accessctl_word(a, n))
		return accessctl_usage(a, "%s is one word too many", accessctl_word(a, n));
	return 0;
}

static int check_needed(const struct accessctl *a)
{
	const struct accessctl_option *o = a->command->options;

	for (size_t i = 0; o && o[i].name; i++) {
		const struct accessctl_value *v = &a->values[i];

		if ((o[i].kind & ACCESSCTL_NEEDED) &&
		    (!v->given || (v->list && json_array_size(v->list) == 0)))
			return accessctl_usage(a, "%s is missing", o[i].name);
	}
	return 0;
}

static int run_command(struct accessctl *a)
{
	int rc = check_words(a);

	if (rc == 0)
		rc = check_needed(a);
	if (rc)
		return rc;
	if (!a->command->alone && accessctl_connect(a) != 0)
		return CTL_NO_DAEMON;
	rc = a->command->run(a);
	ctl_close(a->ctl);
	return rc;
}

int accessctl_run(struct accessctl *a)
{
	if (a->help)
		return accessctl_help(a->words, a->n_words);
	if (a->version) {
		puts("accessctl " FARLAN_VERSION);
		return CTL_OK;
	}
	if (a->n_words == 0)
		return accessctl_usage(a, "no command");
	return a->command ? run_command(a) : accessctl_unknown(a->words, a->n_words);
}
