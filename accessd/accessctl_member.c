/* SPDX-License-Identifier: GPL-3.0-or-later */
/* init, add, set, reinvite, passwd, revoke, remove. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "accessd/accessctl.h"

#define PASSWORD_SIZE 257 /* what accessd takes */
#define PASSWORD_SHORT 8

int accessctl_init(struct ctl *c, const struct accessctl_args *a)
{
	json_t *result = accessctl_ask(
		c, "init", json_pack("{s:s, s:O}", "domain", a->domain, "urls", a->urls));
	const char *problem, *ca;

	if (!result)
		return CTL_FAILED;
	if (a->json)
		ctl_print_json(result);
	else if (rpc_str(result, "ca_sha256", &ca))
		printf("domain %s is ready, its CA is %s\n", a->domain, ca);
	if (rpc_str(result, "problem", &problem))
		fprintf(stderr,
			"accessctl: accessd does not listen yet: %s; see its log, then start it "
			"anew\n",
			problem);
	json_decref(result);
	return CTL_OK;
}

/* --- invitations ----------------------------------------------------------------------------- */

/* The invitation alone on standard output, so that it can be copied or piped; words beside it. */
static int print_invitation(const struct accessctl_args *a, const json_t *result)
{
	const char *invitation, *name = a->words[2], *group = a->words[0];
	char when[64] = "";
	int64_t expires;
	struct tm tm;
	time_t t;

	if (!rpc_str(result, "invitation", &invitation) ||
	    !rpc_int(result, "expires", 0, INT64_MAX, &expires)) {
		fputs("accessctl: accessd answered something else\n", stderr);
		return CTL_FAILED;
	}
	if (a->json)
		ctl_print_json(result);
	else
		puts(invitation);
	fflush(stdout);
	if (a->qr && !accessctl_qr(invitation))
		fputs("accessctl: the invitation is too long for a QR code\n", stderr);
	t = (time_t)expires;
	if (localtime_r(&t, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M", &tm);
	fprintf(stderr, "Invitation for the %s %s, good once and until %s.\n", group, name, when);
	return CTL_OK;
}

static int invite(struct ctl *c, const struct accessctl_args *a, const char *method, json_t *params)
{
	json_t *result;
	int rc;

	if (a->expires_s)
		json_object_set_new(params, "expires_s", json_integer(a->expires_s));
	result = accessctl_ask(c, method, params);
	if (!result)
		return CTL_FAILED;
	rc = print_invitation(a, result);
	json_decref(result);
	return rc;
}

/* --- passwords ------------------------------------------------------------------------------- */

/* Return: true; false and what is wrong was said. */
static bool read_once(const char *prompt, char password[PASSWORD_SIZE])
{
	int r = ctl_read_secret(prompt, password, PASSWORD_SIZE);

	if (r == 0 && password[0])
		return true;
	if (r == -E2BIG)
		fprintf(stderr, "accessctl: the password is too long: at most %d bytes\n",
			PASSWORD_SIZE - 1);
	else if (r == -EILSEQ)
		fputs("accessctl: the password is not text\n", stderr);
	else
		fputs("accessctl: no password was given\n", stderr);
	return false;
}

static bool read_twice(char password[PASSWORD_SIZE])
{
	char again[PASSWORD_SIZE];
	bool same;

	if (!read_once("Password: ", password))
		return false;
	if (!isatty(STDIN_FILENO))
		return true;
	if (!read_once("Once more: ", again))
		return false;
	same = strcmp(password, again) == 0;
	explicit_bzero(again, sizeof(again));
	if (!same)
		fputs("accessctl: the two are not the same\n", stderr);
	return same;
}

static bool read_password(char password[PASSWORD_SIZE])
{
	if (!read_twice(password))
		return false;
	if (strlen(password) < PASSWORD_SHORT)
		fprintf(stderr,
			"accessctl: warning: a password of less than %d characters is weak\n",
			PASSWORD_SHORT);
	return true;
}

static json_t *with_password(const struct accessctl_args *a)
{
	char password[PASSWORD_SIZE];
	json_t *params = NULL;

	if (read_password(password)) {
		params = json_pack("{s:s, s:s}", "name", a->words[2], "password", password);
		if (!params)
			fputs("accessctl: the password is not UTF-8\n", stderr);
	}
	explicit_bzero(password, sizeof(password));
	return params;
}

int accessctl_passwd(struct ctl *c, const struct accessctl_args *a)
{
	json_t *params = with_password(a),
	       *result = params ? accessctl_ask(c, "user.passwd", params) : NULL;

	json_decref(result);
	return result ? CTL_OK : CTL_FAILED;
}

/* --- members --------------------------------------------------------------------------------- */

static void put_rate(json_t *params, const struct accessctl_args *a)
{
	if (params && a->rate)
		json_object_set_new(params, "rate", json_string(a->rate));
}

int accessctl_add(struct ctl *c, const struct accessctl_args *a)
{
	json_t *params;

	if (strcmp(a->words[0], "user") == 0) {
		params = with_password(a);
		put_rate(params, a);
		return params ? invite(c, a, "user.add", params) : CTL_FAILED;
	}
	params = json_pack("{s:s}", "name", a->words[2]);
	if (strcmp(a->words[0], "relay") == 0) {
		json_object_set(params, "urls", a->urls);
		return invite(c, a, "relay.add", params);
	}
	put_rate(params, a);
	if (a->lans)
		json_object_set(params, "lans", a->lans);
	else
		fputs("accessctl: warning: without --lan nothing behind the device can be "
		      "reached\n",
		      stderr);
	return invite(c, a, "device.add", params);
}

int accessctl_set(struct ctl *c, const struct accessctl_args *a)
{
	bool is_user = strcmp(a->words[0], "user") == 0;
	json_t *params, *result;

	if (!a->lans && !a->rate)
		return accessctl_usage(is_user ? "--rate is missing"
					       : "--lan or --rate is missing");
	params = json_pack("{s:s}", "name", a->words[2]);
	if (a->lans)
		json_object_set(params, "lans", a->lans);
	put_rate(params, a);
	result = accessctl_ask(c, is_user ? "user.set" : "device.set", params);
	json_decref(result);
	return result ? CTL_OK : CTL_FAILED;
}

int accessctl_reinvite(struct ctl *c, const struct accessctl_args *a)
{
	char method[32];

	snprintf(method, sizeof(method), "%s.reinvite", a->words[0]);
	return invite(c, a, method, json_pack("{s:s}", "name", a->words[2]));
}

int accessctl_simple(struct ctl *c, const struct accessctl_args *a)
{
	char method[32];
	json_t *result;

	snprintf(method, sizeof(method), "%s.%s", a->words[0], a->words[1]);
	result = accessctl_ask(c, method, json_pack("{s:s}", "name", a->words[2]));
	json_decref(result);
	return result ? CTL_OK : CTL_FAILED;
}

int accessctl_wish(struct ctl *c, const struct accessctl_args *a)
{
	json_t *params = json_pack("{s:s}", "device", a->words[2]), *result;
	char method[32];

	if (a->n_words > 3)
		json_object_set_new(params, "relay", json_string(a->words[3]));
	snprintf(method, sizeof(method), "relay.%s", a->words[1]);
	result = accessctl_ask(c, method, params);
	json_decref(result);
	return result ? CTL_OK : CTL_FAILED;
}

int accessctl_kill(struct ctl *c, const struct accessctl_args *a)
{
	json_t *result =
		accessctl_ask(c, "session.kill", json_pack("{s:s}", "session", a->words[2]));

	json_decref(result);
	return result ? CTL_OK : CTL_FAILED;
}
