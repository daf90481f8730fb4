/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/signs.h"

#include <stdio.h>
#include <string.h>

#define WORD_SIZE (SIGN_FILE_SIZE + SIGN_VALUE_SIZE)

static const char *const names[SIGNS] = {"not-enrolled", "wrong-domain", "offline",
					 "connected",	 "session",	 "locked"};

const char *sign_name(enum sign s)
{
	return names[s];
}

enum sign sign_of(const struct sign_facts *f)
{
	if (f->locked)
		return SIGN_LOCKED;
	if (f->refused)
		return SIGN_WRONG_DOMAIN;
	if (!f->enrolled)
		return SIGN_NOT_ENROLLED;
	if (f->session)
		return SIGN_SESSION;
	return f->online ? SIGN_CONNECTED : SIGN_OFFLINE;
}

/* --- which files show it --- */

/* What is written where the entry does not say: off. */
static const char *off_of(const char *file)
{
	static const char trigger[] = "/trigger";
	size_t n = strlen(file), t = sizeof(trigger) - 1;

	return n > t && strcmp(file + n - t, trigger) == 0 ? "none" : "0";
}

/* The next word, up to a space or comma. Return: false, it is too long. */
static bool next_word(const char **text, char out[WORD_SIZE])
{
	size_t n;

	*text += strspn(*text, " ");
	n = strcspn(*text, " ,");
	if (n >= WORD_SIZE)
		return false;
	memcpy(out, *text, n);
	out[n] = '\0';
	*text += n;
	*text += strspn(*text, " ");
	return true;
}

static const char *take_file(struct sign_led *led, const char *word)
{
	if (word[0] != '/')
		return "led: a FILE must begin with /";
	if (strlen(word) >= SIGN_FILE_SIZE)
		return "led: the name of a FILE is too long";
	snprintf(led->file, sizeof(led->file), "%.*s", SIGN_FILE_SIZE - 1, word);
	for (size_t i = 0; i < SIGNS; i++)
		snprintf(led->values[i], SIGN_VALUE_SIZE, "%s", off_of(led->file));
	return NULL;
}

static const char *take_state(struct sign_led *led, char *word)
{
	char *value = strchr(word, '=');

	if (value)
		*value++ = '\0';
	if (value && (!value[0] || strlen(value) >= SIGN_VALUE_SIZE))
		return "led: what is written has 1 to 23 characters";
	for (size_t i = 0; i < SIGNS; i++) {
		if (strcmp(word, names[i]) != 0)
			continue;
		snprintf(led->values[i], SIGN_VALUE_SIZE, "%s", value ? value : "1");
		return NULL;
	}
	return "led: a state is not-enrolled, wrong-domain, offline, connected, session or locked";
}

static const char *take_led(struct sign_led *led, const char **text)
{
	static const char too_long[] = "led: a word is too long";
	char word[WORD_SIZE];
	const char *wrong = next_word(text, word) ? take_file(led, word) : too_long;

	if (!wrong && (!**text || **text == ','))
		wrong = "led: FILE, then the states in which it is on";
	while (!wrong && **text && **text != ',')
		wrong = next_word(text, word) ? take_state(led, word) : too_long;
	return wrong;
}

const char *sign_leds_parse(struct sign_leds *l, const char *text)
{
	struct sign_leds found = {.n = 0};
	const char *wrong = NULL;

	while (!wrong && *text) {
		if (found.n == SIGN_LEDS_MAX)
			return "led: at most 4 files";
		wrong = take_led(&found.at[found.n++], &text);
		if (!wrong && *text == ',' && !*++text)
			wrong = "led: nothing behind the comma";
	}
	if (!wrong)
		*l = found;
	return wrong;
}

static void append(char *out, size_t out_size, const char *a, const char *b, const char *c)
{
	size_t used = strlen(out);

	snprintf(out + used, out_size - used, "%s%s%s", a, b, c);
}

void sign_leds_format(const struct sign_leds *l, char *out, size_t out_size)
{
	out[0] = '\0';
	for (size_t i = 0; i < l->n; i++) {
		const struct sign_led *led = &l->at[i];

		append(out, out_size, i ? ", " : "", led->file, "");
		for (size_t s = 0; s < SIGNS; s++) {
			bool one = strcmp(led->values[s], "1") == 0;

			if (strcmp(led->values[s], off_of(led->file)) == 0)
				continue;
			append(out, out_size, " ", names[s], one ? "" : "=");
			append(out, out_size, one ? "" : led->values[s], "", "");
		}
	}
}
