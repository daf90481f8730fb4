/* SPDX-License-Identifier: GPL-3.0-or-later */
/* export and import. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "accessd/accessctl_transfer.h"

#define PASSWORD_LETTERS 20 /* 100 bits */

/* --- export ---------------------------------------------------------------------------------- */

static void print_json(const struct register_now *r, unsigned int kinds)
{
	json_t *all = json_object(), *item;
	const char *key;

	for (int k = 0; k < TRANSFER_KINDS; k++) {
		json_t *list;

		if (!(kinds & (1u << k)))
			continue;
		list = json_array();
		json_object_foreach (r->items[k], key, item) {
			json_array_append(list, item);
		}
		json_object_set_new(all, transfer_list_name((enum transfer_kind)k), list);
	}
	ctl_print_json(all);
	json_decref(all);
}

static void print_line(char *line)
{
	if (!line)
		abort();
	fputs(line, stdout);
	free(line);
}

static void print_csv(const struct register_now *r, unsigned int kinds)
{
	const char *key;
	json_t *item;

	print_line(transfer_csv_header(kinds));
	for (int k = 0; k < TRANSFER_KINDS; k++) {
		if (!(kinds & (1u << k)))
			continue;
		json_object_foreach (r->items[k], key, item) {
			print_line(transfer_csv(kinds, (enum transfer_kind)k, item));
		}
	}
}

/* Which kinds the words name; none: all. */
static int take_kinds(const struct accessctl *a, unsigned int *kinds)
{
	enum transfer_kind k;
	const char *word;

	*kinds = 0;
	for (size_t i = 0; (word = accessctl_word(a, i)); i++) {
		if (strcmp(word, "all") == 0)
			*kinds = TRANSFER_ALL;
		else if (transfer_kind_find(&k, word))
			*kinds |= 1u << k;
		else
			return accessctl_usage(a,
					       "%s: folders, groups, users, devices, "
					       "permissions or all",
					       word);
	}
	if (*kinds == 0)
		*kinds = TRANSFER_ALL;
	return 0;
}

static int export(struct accessctl *a)
{
	struct register_now r;
	unsigned int kinds;
	int rc = take_kinds(a, &kinds);

	if (rc)
		return rc;
	if (a->json && accessctl_flag(a, "--csv"))
		return accessctl_usage(a, "either --json or --csv");
	rc = register_read(&r, a, kinds, false);
	if (rc == CTL_OK && accessctl_flag(a, "--csv"))
		print_csv(&r, kinds);
	else if (rc == CTL_OK)
		print_json(&r, kinds);
	register_free(&r);
	return rc;
}

/* --- import ---------------------------------------------------------------------------------- */

struct importing {
	struct accessctl *a;
	struct register_file file;
	struct register_now now;
	struct register_plan plan;
	json_t *done; /* steps, for --json */
	FILE *secrets;
	const char *secrets_name;
	size_t added, changed, removed;
};

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

static bool is_new_member(const json_t *step)
{
	return strcmp(text_of(step, "do"), "add") == 0 &&
	       (strcmp(text_of(step, "kind"), "device") == 0 ||
		strcmp(text_of(step, "kind"), "user") == 0);
}

/* --- invitations and first passwords --- */

static bool write_line(struct importing *im, const char *const *cells, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char field[CSV_FIELD_SIZE(1024)];

		csv_field(field, sizeof(field), cells[i]);
		fprintf(im->secrets, "%s%s", i ? "," : "", field);
	}
	fputs("\r\n", im->secrets);
	/* It is not to be lost with what comes after it. */
	return fflush(im->secrets) == 0;
}

static int cannot_write(const struct importing *im)
{
	fprintf(stderr, "accessctl: %s: %s\n", im->secrets_name, strerror(errno));
	return CTL_FAILED;
}

static int open_secrets(struct importing *im, const char *name)
{
	static const char *const header[] = {"kind",	   "name",     "uid",
					     "invitation", "password", "expires"};
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	im->secrets_name = name;
	im->secrets = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (!im->secrets) {
		if (fd >= 0)
			close(fd);
		return cannot_write(im);
	}
	return write_line(im, header, 6) ? CTL_OK : cannot_write(im);
}

static int close_secrets(struct importing *im, int rc)
{
	bool ok;

	if (!im->secrets)
		return rc;
	ok = fflush(im->secrets) == 0 && fsync(fileno(im->secrets)) == 0;
	ok = fclose(im->secrets) == 0 && ok;
	return ok ? rc : cannot_write(im);
}

/* What somebody needs who is new must not be lost: there is a place for it before the first one is
 * made. */
static int find_place(struct importing *im)
{
	const char *name = accessctl_text(im->a, "--invitations");
	size_t n = 0, i;
	json_t *step;

	json_array_foreach (im->plan.steps, i, step) {
		n += is_new_member(step);
	}
	if (n == 0)
		return CTL_OK;
	if (name)
		return open_secrets(im, name);
	if (im->a->json)
		return CTL_OK;
	return accessctl_usage(im->a,
			       "%zu new devices and users get invitations: say with --invitations "
			       "FILE where to write them, or take them from --json",
			       n);
}

static int keep_secrets(struct importing *im, const json_t *step, const json_t *result,
			const char *password)
{
	time_t expires = (time_t)json_integer_value(json_object_get(result, "expires"));
	char when[32] = "";
	struct tm tm;

	if (gmtime_r(&expires, &tm))
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	{
		const char *cells[] = {text_of(step, "kind"),
				       text_of(step, "name"),
				       text_of(result, "uid"),
				       text_of(result, "invitation"),
				       password,
				       when};

		if (im->secrets && !write_line(im, cells, 6))
			return cannot_write(im);
	}
	return CTL_OK;
}

/* A user signs in with it once, and has to choose his own then. */
static void make_password(char out[PASSWORD_LETTERS + 1])
{
	static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789"; /* 32 */
	unsigned char bytes[PASSWORD_LETTERS];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		abort();
	for (size_t i = 0; i < PASSWORD_LETTERS; i++)
		out[i] = letters[bytes[i] % 32];
	out[PASSWORD_LETTERS] = '\0';
	explicit_bzero(bytes, sizeof(bytes));
}

/* --- doing it --- */

static void count(struct importing *im, const json_t *step)
{
	const char *what = text_of(step, "do");

	im->added += strcmp(what, "add") == 0;
	im->changed += strcmp(what, "change") == 0;
	im->removed += strcmp(what, "remove") == 0;
}

static void print_step(const json_t *step)
{
	const char *what = text_of(step, "do");
	const json_t *changes = json_object_get(step, "changes"), *c;
	size_t i;

	printf("%c %s %s",
	       *what == 'a'   ? '+'
	       : *what == 'r' ? '-'
			      : '~',
	       text_of(step, "kind"), text_of(step, "name"));
	json_array_foreach (changes, i, c) {
		printf("%s %s", i ? ";" : ":", json_string_value(c));
	}
	putchar('\n');
}

/* @result: of its first call, NULL: none was made. */
static void conclude_step(struct importing *im, const json_t *step, json_t *result,
			  const char *password)
{
	json_t *o;

	count(im, step);
	if (!im->a->json) {
		print_step(step);
		return;
	}
	o = json_pack("{s:s, s:s, s:s, s:s, s:O}", "do", text_of(step, "do"), "kind",
		      text_of(step, "kind"), "name", text_of(step, "name"), "where",
		      text_of(step, "where"), "changes", json_object_get(step, "changes"));
	if (is_new_member(step) && result) {
		json_object_update_missing(o, result);
		if (password[0])
			json_object_set_new(o, "password", json_string(password));
	}
	json_array_append_new(im->done, o);
}

static int stopped(const json_t *step, const char *error)
{
	fprintf(stderr,
		"%s: %s %s: %s\n"
		"accessctl: stopped here; what was done stays, and the same import goes on from "
		"there\n",
		text_of(step, "where"), text_of(step, "kind"), text_of(step, "name"), error);
	return CTL_FAILED;
}

static json_t *params_of(const struct importing *im, const json_t *step, const json_t *call,
			 char password[PASSWORD_LETTERS + 1])
{
	json_t *params = json_incref(json_object_get(call, "params"));
	int64_t expires_s = accessctl_number(im->a, "--expires");
	const char *method = text_of(call, "method");

	if (!is_new_member(step) || !strstr(method, ".add") ||
	    strchr(method, '.') != strrchr(method, '.'))
		return params;
	if (expires_s)
		json_object_set_new(params, "expires_s", json_integer(expires_s));
	if (strcmp(method, "user.add") == 0) {
		make_password(password);
		json_object_set_new(params, "password", json_string(password));
	}
	return params;
}

static int do_step(struct importing *im, const json_t *step)
{
	char error[ACCESSCTL_ERROR_SIZE], password[PASSWORD_LETTERS + 1] = "";
	const json_t *calls = json_object_get(step, "calls"), *call;
	json_t *first = NULL;
	int rc = CTL_OK;
	size_t i;

	json_array_foreach (calls, i, call) {
		json_t *result = NULL;

		if (accessctl_call(im->a, text_of(call, "method"),
				   params_of(im, step, call, password), ACCESSCTL_TIMEOUT_MS,
				   &result, error) != 0)
			rc = stopped(step, error);
		else if (i == 0 && is_new_member(step))
			rc = keep_secrets(im, step, result, password);
		if (i == 0)
			first = json_incref(result);
		json_decref(result);
		if (rc)
			break;
	}
	if (rc == CTL_OK)
		conclude_step(im, step, first, password);
	explicit_bzero(password, sizeof(password));
	json_decref(first);
	return rc;
}

static int do_all(struct importing *im)
{
	bool dry_run = accessctl_flag(im->a, "--dry-run");
	int rc = dry_run ? CTL_OK : find_place(im);
	json_t *step;
	size_t i;

	json_array_foreach (im->plan.steps, i, step) {
		if (rc == CTL_OK && dry_run)
			conclude_step(im, step, NULL, "");
		else if (rc == CTL_OK)
			rc = do_step(im, step);
	}
	return close_secrets(im, rc);
}

static void print_sum(struct importing *im, int rc)
{
	bool dry_run = accessctl_flag(im->a, "--dry-run");
	size_t n = im->added + im->changed + im->removed;

	if (im->a->json) {
		json_t *o = json_pack("{s:b, s:b, s:I, s:I, s:I, s:I, s:O}", "dry_run", dry_run,
				      "complete", rc == CTL_OK, "added", (json_int_t)im->added,
				      "changed", (json_int_t)im->changed, "removed",
				      (json_int_t)im->removed, "same", (json_int_t)im->plan.same,
				      "steps", im->done);

		ctl_print_json(o);
		json_decref(o);
	} else if (n == 0 && rc == CTL_OK) {
		printf("nothing to do: all %zu are as the file says\n", im->plan.same);
	} else {
		printf("%s%zu added, %zu changed, %zu removed, %zu as they were\n",
		       dry_run ? "would be: " : "", im->added, im->changed, im->removed,
		       im->plan.same);
	}
}

/* What is to be known of accessd: the kinds of the file, and what those name. */
static int read_now(struct importing *im)
{
	unsigned int kinds = register_kinds(&im->file), more = kinds;

	if (kinds & ~(1u << TRANSFER_FOLDER))
		more |= 1u << TRANSFER_FOLDER;
	if (kinds & (1u << TRANSFER_USER | 1u << TRANSFER_PERMISSION))
		more |= 1u << TRANSFER_GROUP;
	if (kinds & (1u << TRANSFER_GROUP | 1u << TRANSFER_PERMISSION))
		more |= 1u << TRANSFER_USER; /* who is in a group that goes */
	if (kinds & (1u << TRANSFER_PERMISSION))
		more |= 1u << TRANSFER_DEVICE;
	return register_read(&im->now, im->a, more, !(kinds & (1u << TRANSFER_DEVICE)));
}

static int import(struct accessctl *a)
{
	struct importing im = {.a = a, .done = json_array()};
	bool prune = accessctl_flag(a, "--prune");
	int rc;

	if (prune && !accessctl_flag(a, "--yes") && !accessctl_flag(a, "--dry-run"))
		rc = accessctl_usage(a, "--prune removes what the file does not have; look at it "
					"with --dry-run, then say it with --yes");
	else
		rc = register_file_read(&im.file, accessctl_word(a, 0));
	if (rc == CTL_OK)
		rc = read_now(&im);
	if (rc == CTL_OK)
		rc = register_plan_make(&im.plan, &im.now, &im.file, prune);
	if (rc == CTL_OK) {
		rc = do_all(&im);
		if (rc != CTL_USAGE)
			print_sum(&im, rc);
	}
	register_plan_free(&im.plan);
	register_free(&im.now);
	register_file_free(&im.file);
	json_decref(im.done);
	return rc;
}

/* --- the commands --- */

static const struct accessctl_option EXPORT_OPTIONS[] = {
	{"--csv", NULL, ACCESSCTL_FLAG, "a table for spreadsheets; else JSON"},
	{NULL, NULL, 0, NULL},
};

static const struct accessctl_option IMPORT_OPTIONS[] = {
	{"--dry-run", NULL, ACCESSCTL_FLAG, "only say what would be done"},
	{"--invitations", "FILE", ACCESSCTL_TEXT,
	 "a new file for invitations and first passwords of those added"},
	{"--expires", "TIME", ACCESSCTL_DURATION, "how long these invitations are good: 30m, 7d"},
	{"--prune", NULL, ACCESSCTL_FLAG, "remove what the file does not have"},
	{"--yes", NULL, ACCESSCTL_FLAG, "yes, remove it"},
	{NULL, NULL, 0, NULL},
};

const struct accessctl_command ACCESSCTL_TRANSFER[] = {
	{.words = "export",
	 .operands = "[folders|groups|users|devices|permissions|all...]",
	 .options = EXPORT_OPTIONS,
	 .help = "Devices, users and all that is said of them",
	 .more = "In the form that import takes. Without keys, passwords and invitations; without\n"
		 "those that are revoked.\n",
	 .examples = "export >register.json\n"
		     "export devices --csv >devices.csv\n",
	 .run = export},
	{.words = "import",
	 .operands = "FILE",
	 .options = IMPORT_OPTIONS,
	 .help = "Add and change devices, users and the rest",
	 .more = "FILE is JSON or CSV as export writes it, - is standard input. All of it is "
		 "checked\n"
		 "first; then it is done line by line: + added, ~ changed, - removed. What the "
		 "file\n"
		 "does not say stays as it is. Once more changes nothing.\n",
	 .examples = "import devices.csv --dry-run\n"
		     "import devices.csv --invitations new.csv --expires 30d\n"
		     "import register.json --prune --yes\n",
	 .run = import},
	{.words = NULL},
};
