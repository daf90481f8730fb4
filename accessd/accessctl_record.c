/* SPDX-License-Identifier: GPL-3.0-or-later */
/* session record: what both ends have signed. It is checked here, too, not only by accessd. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "accessd/accessctl_audit.h"
#include "common/io/receipt_files.h"
#include "common/pure/utc.h"

static void print_record(const struct session_record *r, const char *wrong)
{
	char own[IDENT_URI_SIZE], start[UTC_TEXT_SIZE], end[UTC_TEXT_SIZE], device[32], manager[32];

	ident_format(&r->own, own);
	utc_format(r->start_ms, start);
	utc_format(r->end_ms, end);
	ctl_bytes(device, sizeof(device), r->bytes_to_device);
	ctl_bytes(manager, sizeof(manager), r->bytes_to_manager);
	printf("%s %s\n", r->role == TOKEN_DEVICE ? "Device " : "Manager", own);
	printf("  from %s to %s (clock: %s)\n", start, end, session_clock_name(r->clock));
	printf("  to the device %s, to the manager %s\n", device, manager);
	if (r->reason[0])
		printf("  for: %s\n", r->reason);
	printf("  ended: %s\n", r->ended);
	printf("  record %" PRId64 " of this end: signature %s\n", r->number,
	       wrong ? wrong : "good");
}

static int save(const char *dir, const struct receipt *x, const struct session_record *r,
		const struct x509_cert *ca)
{
	char name[TOKEN_SESSION_SIZE + 32];
	int rc;

	snprintf(name, sizeof(name), "%s-%s-%" PRId64, r->session,
		 r->role == TOKEN_DEVICE ? "device" : "manager", r->number);
	rc = receipt_save(dir, name, x);
	if (rc == 0)
		rc = receipt_save_cert(dir, "ca", ca);
	if (rc)
		fprintf(stderr, "accessctl: %s: %s\n", dir, strerror(-rc));
	return rc;
}

/* Return: false: it is false, or could not be saved. */
static bool take(struct accessctl *a, const json_t *o)
{
	const char *dir = accessctl_text(a, "--save"), *wrong;
	struct session_record r = {.number = 0};
	struct x509_cert ca;
	struct receipt x;

	if (receipt_from_json(&x, o) != 0 || !rpc_bytes(o, "ca", ca.der, sizeof(ca.der), &ca.len)) {
		(void)accessctl_strange();
		return false;
	}
	wrong = receipt_check(&x, &r);
	if (!wrong && !receipt_is_by(&x, &ca))
		wrong = "by another CA";
	if (!a->json)
		print_record(&r, wrong);
	if (dir && save(dir, &x, &r, &ca) != 0)
		return false;
	return !wrong;
}

static void print_head(const json_t *o)
{
	printf("Session %s", accessctl_cell(o, "session"));
	if (json_object_get(o, "user"))
		printf(", %s with %s", accessctl_cell(o, "user"), accessctl_cell(o, "device"));
	puts(json_is_true(json_object_get(o, "running")) ? ", runs" : "");
}

int accessctl_session_record(struct accessctl *a)
{
	json_t *o = accessctl_ask(a, NULL, json_pack("{s:s}", "session", accessctl_word(a, 0)));
	const json_t *problems = json_object_get(o, "problems"),
		     *records = json_object_get(o, "records");
	bool good = json_array_size(problems) == 0;

	if (!o)
		return CTL_FAILED;
	if (a->json)
		ctl_print_json(o);
	else
		print_head(o);
	for (size_t i = 0; i < json_array_size(records); i++)
		good = take(a, json_array_get(records, i)) && good;
	for (size_t i = 0; i < json_array_size(problems) && !a->json; i++)
		printf("PROBLEM: %s\n", json_string_value(json_array_get(problems, i)));
	json_decref(o);
	return good ? CTL_OK : CTL_FAILED;
}
