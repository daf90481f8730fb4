/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/opt.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/io/file.h"
#include "common/io/log.h"

#define FILE_MAX_BYTES 65536
#define VALUE_SIZE 2048 /* as printed */
#define ERRORS_MAX 50
#define WORD_MAX 64 /* characters of a key that are compared for "did you mean" */

struct loading {
	const char *path;
	const struct opt *table;
	size_t n;
	void *conf;
	char *error; /* OPT_ERROR_SIZE */
	unsigned n_errors;
	const uint8_t *at; /* rest of the file */
	size_t left;
	unsigned line;	 /* number of the current one */
	unsigned *lines; /* per option: where it stood; 0 nowhere */
	bool in_section, skip_section;
};

static void *field_of(const struct opt *o, void *conf)
{
	return (char *)conf + o->offset;
}

void opt_defaults(const struct opt *table, size_t n, void *conf)
{
	size_t i;

	for (i = 0; i < n; i++) {
		const char *wrong = NULL;

		memset(field_of(&table[i], conf), 0, table[i].size);
		if (table[i].dflt)
			wrong = table[i].parse(&table[i], table[i].dflt, field_of(&table[i], conf));
		assert(!wrong);
		(void)wrong;
	}
}

/* --- complaints --- */

/* @line 0: about the file as a whole. The first error goes to the caller, too. */
static void complain_at(struct loading *l, unsigned line, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));

static void complain_at(struct loading *l, unsigned line, const char *fmt, va_list ap)
{
	char words[OPT_ERROR_SIZE - 128], text[OPT_ERROR_SIZE];

	vsnprintf(words, sizeof(words), fmt, ap);
	if (line > 0)
		snprintf(text, sizeof(text), "%s:%u: %s", l->path, line, words);
	else
		snprintf(text, sizeof(text), "%s: %s", l->path, words);
	if (l->n_errors == 0)
		memcpy(l->error, text, sizeof(text));
	if (l->n_errors++ < ERRORS_MAX)
		log_error("%s", text);
}

static void complain(struct loading *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void complain(struct loading *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain_at(l, l->line, fmt, ap);
	va_end(ap);
}

static void complain_whole(struct loading *l, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void complain_whole(struct loading *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain_at(l, 0, fmt, ap);
	va_end(ap);
}

/* Levenshtein's distance: letters to insert, to delete or to replace. */
static size_t word_distance(const char *a, const char *b)
{
	size_t row[WORD_MAX + 1], n = strlen(b), i, j;

	if (strlen(a) > WORD_MAX || n > WORD_MAX)
		return SIZE_MAX;
	for (j = 0; j <= n; j++)
		row[j] = j;
	for (i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (j = 1; j <= n; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			best = row[j] + 1 < best ? row[j] + 1 : best;
			row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
		}
	}
	return row[n];
}

/* Near enough for a slip of the fingers? Lowers *@best when nearer than what was found before. */
static bool is_nearer(const char *word, const char *known, size_t *best)
{
	size_t d = word_distance(word, known), most = strlen(known) / 3 + 1;

	if (d > most || d >= *best)
		return false;
	*best = d;
	return true;
}

static const char *nearest_section(const struct loading *l, const char *section)
{
	const char *found = NULL;
	size_t i, best = SIZE_MAX;

	for (i = 0; i < l->n; i++) {
		if (is_nearer(section, l->table[i].section, &best))
			found = l->table[i].section;
	}
	return found;
}

/* In this section first; the same key in another section, too. */
static const struct opt *nearest_option(const struct loading *l, const char *section,
					const char *key)
{
	const struct opt *found = NULL;
	size_t i, best = SIZE_MAX;

	for (i = 0; i < l->n; i++) {
		if (strcmp(l->table[i].section, section) == 0 &&
		    is_nearer(key, l->table[i].key, &best))
			found = &l->table[i];
	}
	for (i = 0; i < l->n && best > 0; i++) {
		if (strcmp(l->table[i].key, key) == 0 && is_nearer(key, l->table[i].key, &best))
			found = &l->table[i];
	}
	return found;
}

static void complain_unknown(struct loading *l, const char *section, const char *key)
{
	const struct opt *o = nearest_option(l, section, key);

	if (!o)
		complain(l, "unknown key \"%s\" in [%s]", key, section);
	else if (strcmp(o->section, section) == 0)
		complain(l, "unknown key \"%s\" in [%s]; did you mean \"%s\"?", key, section,
			 o->key);
	else
		complain(l, "unknown key \"%s\" in [%s]; it belongs in [%s]", key, section,
			 o->section);
}

/* --- lines, checked before inih sees them --- */

static bool section_known(const struct loading *l, const char *section)
{
	size_t i;

	for (i = 0; i < l->n; i++) {
		if (strcmp(l->table[i].section, section) == 0)
			return true;
	}
	return false;
}

static bool is_blank(const char *s)
{
	return s[strspn(s, " \t")] == '\0';
}

/* inih knows ';' after white space; '#' is treated alike here. */
static void cut_comment(char *line)
{
	char *at;

	for (at = line + 1; *at; at++) {
		if ((*at == '#' || *at == ';') && (at[-1] == ' ' || at[-1] == '\t')) {
			*at = '\0';
			return;
		}
	}
}

static bool check_heading(struct loading *l, const char *line)
{
	const char *end = strchr(line, ']'), *near;
	char section[WORD_MAX];

	l->in_section = true;
	l->skip_section = true; /* errors in a section that is not known would say nothing new */
	if (!end || !is_blank(end + 1)) {
		complain(l, "expected [SECTION] and nothing else");
		return false;
	}
	snprintf(section, sizeof(section), "%.*s", (int)(end - line - 1), line + 1);
	if (section_known(l, section)) {
		l->skip_section = false;
		return true;
	}
	near = nearest_section(l, section);
	if (near)
		complain(l, "unknown section [%s]; did you mean [%s]?", section, near);
	else
		complain(l, "unknown section [%s]", section);
	return false;
}

static bool check_assignment(struct loading *l, const char *line)
{
	size_t key = strcspn(line, "=:");

	if (l->skip_section)
		return false;
	if (line[key] != '=' || is_blank(line) || key == 0)
		complain(l, "expected KEY = VALUE");
	else if (!l->in_section)
		complain(l, "a key before the first [SECTION]");
	else
		return true;
	return false;
}

static bool check_characters(struct loading *l, const uint8_t *at, size_t n, size_t max)
{
	size_t i;

	if (n > max) {
		complain(l, "the line is too long: %zu bytes, at most %zu", n, max);
		return false;
	}
	for (i = 0; i < n; i++) {
		if ((at[i] < 0x20 && at[i] != '\t') || at[i] == 0x7f) {
			complain(l, "a control character in the line");
			return false;
		}
	}
	return true;
}

/* May inih have this line? It comments on nothing that passes here. */
static bool check_line(struct loading *l, char *line)
{
	size_t indent = strspn(line, " \t");

	if (line[indent] == '\0' || line[indent] == '#' || line[indent] == ';')
		return false;
	if (indent > 0) {
		if (!l->skip_section)
			complain(l,
				 "the line is indented; a value has one line, that begins with its "
				 "key");
		return false;
	}
	cut_comment(line);
	return line[0] == '[' ? check_heading(l, line) : check_assignment(l, line);
}

/* The next line without its end, or NULL. */
static const uint8_t *take_line(struct loading *l, size_t *n)
{
	const uint8_t *line = l->at, *end;

	if (l->left == 0)
		return NULL;
	end = memchr(line, '\n', l->left);
	*n = end ? (size_t)(end - line) : l->left;
	l->at += *n + (end != NULL);
	l->left -= *n + (end != NULL);
	l->line++;
	if (*n > 0 && line[*n - 1] == '\r')
		--*n;
	if (l->line == 1 && *n >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
		line += 3;
		*n -= 3;
	}
	return line;
}

/* inih's reader, in the manner of fgets(); bad lines reach it as empty ones. */
static char *read_line(char *out, int size, void *stream)
{
	struct loading *l = stream;
	size_t n = 0, max = (size_t)size - 1;
	const uint8_t *line = take_line(l, &n);

	if (!line)
		return NULL;
	out[0] = '\0';
	if (!check_characters(l, line, n, max))
		return out;
	memcpy(out, line, n);
	out[n] = '\0';
	if (!check_line(l, out))
		out[0] = '\0';
	return out;
}

/* inih's handler: 1 is success. Errors are counted by complain(). */
static int on_value(void *user, const char *section, const char *key, const char *value)
{
	struct loading *l = user;
	const char *wrong;
	size_t i;

	for (i = 0; i < l->n; i++) {
		if (strcmp(l->table[i].section, section) == 0 && strcmp(l->table[i].key, key) == 0)
			break;
	}
	if (i == l->n) {
		complain_unknown(l, section, key);
		return 1;
	}
	if (l->lines[i] != 0) {
		complain(l, "%s was given in line %u already", key, l->lines[i]);
		return 1;
	}
	l->lines[i] = l->line;
	wrong = l->table[i].parse(&l->table[i], value, field_of(&l->table[i], l->conf));
	if (wrong)
		complain(l, "%s: %s", key, wrong);
	return 1;
}

/* --- files --- */

static void check_required(struct loading *l)
{
	size_t i;

	for (i = 0; i < l->n; i++) {
		if (l->table[i].required && l->lines[i] == 0)
			complain_whole(l, "%s is missing in [%s]: %s", l->table[i].key,
				       l->table[i].section, l->table[i].help);
	}
}

/* A group may be that of those who administer it. */
static void check_secrets(const struct loading *l)
{
	struct stat st;

	for (size_t i = 0; i < l->n; i++) {
		const struct opt *o = &l->table[i];

		if (o->is_secret && o->is_secret(field_of(o, l->conf)) && stat(l->path, &st) == 0 &&
		    (st.st_mode & S_IROTH))
			log_warn("%s holds a password (%s) and everybody may read it: chmod 640",
				 l->path, o->key);
	}
}

static int parse_file(struct loading *l)
{
	int r;

	opt_defaults(l->table, l->n, l->conf);
	r = ini_parse_stream(read_line, l, on_value, l);
	if (r != 0 && l->n_errors == 0)
		complain_whole(l, "line %d cannot be understood", r);
	check_required(l);
	return l->n_errors == 0 ? 0 : -EINVAL;
}

static const char *read_error(int error)
{
	return error == -EFBIG ? "longer than 65536 bytes" : strerror(-error);
}

int opt_load(const char *path, const struct opt *table, size_t n, void *conf,
	     char error[OPT_ERROR_SIZE])
{
	struct loading l = {.path = path, .table = table, .n = n, .conf = conf, .error = error};
	uint8_t *bytes;
	int r;

	error[0] = '\0';
	r = file_read(path, FILE_MAX_BYTES, &bytes, &l.left);
	if (r != 0) {
		snprintf(error, OPT_ERROR_SIZE, "%s: %s", path, read_error(r));
		return r;
	}
	l.at = bytes;
	l.lines = calloc(n + 1, sizeof(*l.lines));
	if (!l.lines)
		abort();
	r = parse_file(&l);
	if (r == 0)
		check_secrets(&l);
	free(l.lines);
	explicit_bzero(bytes, (size_t)(l.at - bytes));
	free(bytes);
	return r;
}

void opt_print(const struct opt *table, size_t n, const void *conf)
{
	char value[VALUE_SIZE];
	size_t i;

	for (i = 0; i < n; i++) {
		if (i == 0 || strcmp(table[i].section, table[i - 1].section) != 0)
			printf("%s[%s]\n", i > 0 ? "\n" : "", table[i].section);
		table[i].print(&table[i], (const char *)conf + table[i].offset, value,
			       sizeof(value));
		printf("# %s\n%s = %s\n", table[i].help, table[i].key, value);
	}
}
