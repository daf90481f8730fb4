/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/pure/weak.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/pure/weak_internal.h"

#define NAME_MIN 3  /* shorter names are found in everything */
#define OTHER_MIN 6 /* letters beside a name that make a password of it */
#define RUN_MIN 3   /* keys in a row */

/* --- what people do with a word --------------------------------------------------------------- */

static char letter_for(char c)
{
	static const char from[] = "0134578@$!|+", to[] = "oieastbasilt";
	const char *at = strchr(from, c);

	return at && c ? to[at - from] : c;
}

void weak_plain(const char *password, char *out)
{
	size_t n = strlen(password), from = 0, at = 0;

	while (n > 0 && !isalpha((unsigned char)password[n - 1]) &&
	       (unsigned char)password[n - 1] < 0x80)
		n--;
	while (from < n && !isalpha((unsigned char)password[from]) &&
	       (unsigned char)password[from] < 0x80)
		from++;
	for (size_t i = from; i < n; i++)
		out[at++] = letter_for((char)tolower((unsigned char)password[i]));
	out[at] = '\0';
}

/* --- the list --------------------------------------------------------------------------------- */

static int compare(const void *key, const void *item)
{
	return strcmp(key, *(const char *const *)item);
}

static bool is_listed(const char *word)
{
	return bsearch(word, WEAK_LIST, WEAK_LIST_N, sizeof(WEAK_LIST[0]), compare) != NULL;
}

/* One word of the list, or two without anything between them, or by one mark. */
static bool is_common(const char *plain)
{
	char head[WEAK_MAX_BYTES + 1];
	size_t n = strlen(plain);

	if (is_listed(plain))
		return true;
	for (size_t i = 1; i < n; i++) {
		const char *tail = plain + i;

		memcpy(head, plain, i);
		head[i] = '\0';
		if (!is_listed(head))
			continue;
		while (*tail && !isalpha((unsigned char)*tail))
			tail++;
		if (is_listed(tail))
			return true;
	}
	return false;
}

/* --- names ------------------------------------------------------------------------------------ */

/* Is there a name in it, and less than a few other letters? */
static bool is_of_name(const char *lower, const char *name, size_t name_len)
{
	size_t other = 0;
	bool found = false;

	if (name_len < NAME_MIN)
		return false;
	while (*lower) {
		if (strncmp(lower, name, name_len) == 0) {
			found = true;
			lower += name_len;
			continue;
		}
		other += !isdigit((unsigned char)*lower) && !ispunct((unsigned char)*lower);
		lower++;
	}
	return found && other < OTHER_MIN;
}

/* Each label of a dotted name, too. */
static bool is_of_names(const char *lower, const char *names)
{
	if (is_of_name(lower, names, strlen(names)))
		return true;
	while (*names) {
		size_t n = strcspn(names, ".-_");

		if (is_of_name(lower, names, n))
			return true;
		names += n + (names[n] != '\0');
	}
	return false;
}

/* --- rows and repetitions ----------------------------------------------------------------------
 */

static bool follows(char a, char b)
{
	static const char *const rows[] = {"1234567890",
					   "qwertyuiop",
					   "asdfghjkl",
					   "zxcvbnm",
					   "qwertzuiop",
					   "yxcvbnm",
					   "azertyuiop",
					   "qsdfghjklm",
					   "wxcvbn",
					   "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
					   "abcdefghijklmnopqrstuvwxyz",
					   "0123456789"};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (const char *r = rows[i]; r[0] && r[1]; r++) {
			if ((r[0] == a && r[1] == b) || (r[0] == b && r[1] == a))
				return true;
		}
	}
	return false;
}

/* Nothing but runs of neighbouring keys. */
static bool is_rows(const char *lower)
{
	size_t run = 1, loose = 0;

	for (size_t i = 1; lower[i]; i++) {
		if (follows(lower[i - 1], lower[i])) {
			run++;
			continue;
		}
		loose += run < RUN_MIN ? run : 0;
		run = 1;
	}
	loose += run < RUN_MIN ? run : 0;
	return loose <= 2;
}

/* Of at most four characters, over and over. */
static bool is_repeated(const char *lower)
{
	size_t n = strlen(lower);

	for (size_t unit = 1; unit <= 4 && unit < n; unit++) {
		size_t same = 0;

		while (same < n && lower[same] == lower[same % unit])
			same++;
		if (n - same <= 1)
			return true;
	}
	return false;
}

/* --- all together ------------------------------------------------------------------------------
 */

enum weak weak_check(const char *password, const struct weak_context *x)
{
	char lower[WEAK_MAX_BYTES + 1], plain[WEAK_MAX_BYTES + 1];
	size_t n = strlen(password);
	enum weak found = WEAK_NOT;

	if (n < x->min_bytes)
		return WEAK_SHORT;
	if (n > WEAK_MAX_BYTES)
		return WEAK_NOT;
	for (size_t i = 0; i <= n; i++)
		lower[i] = (char)tolower((unsigned char)password[i]);
	weak_plain(password, plain);
	if (is_common(plain))
		found = WEAK_COMMON;
	else if (is_of_names(lower, x->user) || is_of_names(lower, x->domain))
		found = WEAK_NAME;
	else if (is_rows(lower))
		found = WEAK_KEYS;
	else if (is_repeated(lower))
		found = WEAK_REPEATED;
	explicit_bzero(lower, sizeof(lower));
	explicit_bzero(plain, sizeof(plain));
	return found;
}

const char *weak_words(enum weak w)
{
	switch (w) {
	case WEAK_NOT:
		return "it is not weak";
	case WEAK_SHORT:
		return "it is too short";
	case WEAK_COMMON:
		return "it is one that many people have";
	case WEAK_NAME:
		return "it is little more than a name that everybody here knows";
	case WEAK_KEYS:
		return "it is a row of keys";
	case WEAK_REPEATED:
		return "it is the same over and over";
	}
	return "it is weak";
}
