/* SPDX-License-Identifier: GPL-3.0-or-later */
/* init, status, doctor. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "accessd/accessctl.h"
#include "accessd/pure/duration.h"
#include "common/io/server_doctor.h"

#define CERT_SIZE 600

static int init(struct accessctl *a)
{
	const char *domain = accessctl_text(a, "--domain"), *problem, *ca;
	json_t *result = accessctl_ask(
		a, "init",
		json_pack("{s:s, s:O}", "domain", domain, "urls", accessctl_list(a, "--url")));

	if (!result)
		return CTL_FAILED;
	if (a->json)
		ctl_print_json(result);
	else if (rpc_str(result, "ca_sha256", &ca))
		printf("domain %s is ready, its CA is %s\n", domain, ca);
	if (rpc_str(result, "problem", &problem))
		fprintf(stderr,
			"accessctl: accessd does not listen yet: %s; see its log, then start it "
			"anew\n",
			problem);
	accessctl_shared_host(result);
	json_decref(result);
	return CTL_OK;
}

/* --- status --- */

static void print_number(const json_t *o, const char *label, const char *key)
{
	int64_t n;

	if (rpc_int(o, key, 0, INT64_MAX, &n))
		printf("%-16s%" PRId64 "\n", label, n);
}

static void print_domain(const json_t *o)
{
	char urls[ACCESSCTL_CELL_SIZE], cert[CERT_SIZE];

	int64_t n = 0;

	if (!json_object_get(o, "domain")) {
		(void)!rpc_int(o, "domains", 0, INT64_MAX, &n); /* absent: none */
		if (n > 1)
			printf("domains         %" PRId64 ": accessctl domain list\n", n);
		else
			puts("domain          none yet: run accessctl init");
		return;
	}
	accessctl_cell_list(o, "urls", urls);
	printf("domain          %s\n", accessctl_cell(o, "domain"));
	printf("addresses       %s\n", urls);
	printf("CA              %s\n", accessctl_cell(o, "ca_sha256"));
	ctl_certificate(cert, sizeof(cert), o);
	printf("certificate     %s\n", cert);
	if (json_object_get(o, "ca_problem"))
		printf("                %s\n", accessctl_cell(o, "ca_problem"));
	print_number(o, "connections", "connections");
	print_number(o, "devices online", "devices_online");
	print_number(o, "users online", "users_online");
	print_number(o, "relays online", "relays_online");
	print_number(o, "sessions", "sessions");
}

static void print_status(const json_t *o)
{
	char uptime[DURATION_TEXT_SIZE], metrics[ACCESSCTL_CELL_SIZE];
	int64_t seconds = 0;

	(void)!rpc_int(o, "uptime_s", 0, INT64_MAX, &seconds); /* absent: 0 s */
	duration_format(seconds, uptime);
	printf("accessd         %s, up %s\n", accessctl_cell(o, "version"), uptime);
	if (json_object_get(o, "disk_problem"))
		printf("Disk            %s\n", accessctl_cell(o, "disk_problem"));
	printf("listening       %s\n",
	       json_is_true(json_object_get(o, "listening")) ? accessctl_cell(o, "listen") : "no");
	ctl_metrics(metrics, sizeof(metrics), o);
	if (metrics[0])
		printf("metrics         %s\n", metrics);
	print_domain(o);
}

static int status(struct accessctl *a)
{
	json_t *result = accessctl_ask(a, NULL, NULL);

	if (!result)
		return CTL_FAILED;
	if (a->json)
		ctl_print_json(result);
	else
		print_status(result);
	json_decref(result);
	return CTL_OK;
}

static int doctor(struct accessctl *a)
{
	struct server_doctor_options o = {.json = a->json,
					  .domain = a->domain,
					  .idle = accessctl_flag(a, "--idle"),
					  .urls = accessctl_list(a, "--url")};

	if (a->remote)
		return accessctl_usage(a, "doctor looks at the server's host: run it there");
	return server_doctor_run(a->ctl, &o);
}

static const struct accessctl_option INIT_OPTIONS[] = {
	{"--domain", "NAME", ACCESSCTL_TEXT | ACCESSCTL_NEEDED, "the domain's name"},
	{"--url", "URL", ACCESSCTL_URLS | ACCESSCTL_NEEDED,
	 "where the server is reached: https://HOST[:PORT]"},
	{NULL, NULL, 0, NULL},
};

static const struct accessctl_option DOCTOR_OPTIONS[] = {
	{"--idle", NULL, ACCESSCTL_FLAG, "hold a connection idle for a minute, too"},
	{"--url", "URL", ACCESSCTL_URLS, "look at these; else at those of the domain"},
	{NULL, NULL, 0, NULL},
};

const struct accessctl_command ACCESSCTL_SERVER[] = {
	{.words = "init",
	 .options = INIT_OPTIONS,
	 .help = "Make a domain: its CA, keys and server addresses",
	 .more = "A server may have several (accessctl domain list); each has its own CA,\n"
		 "members and relays, and sees nothing of the others.\n",
	 .examples = "init --domain lab.example --url https://as1.lab.example\n",
	 .run = init},
	{.words = "status",
	 .help = "What is served, and who is there",
	 .examples = "status\n"
		     "status --json\n",
	 .run = status},
	{.words = "doctor",
	 .options = DOCTOR_OPTIONS,
	 .help = "Is the server published well?",
	 .examples = "doctor\n"
		     "doctor --idle --url https://as1.lab.example\n",
	 .run = doctor},
	{.words = NULL},
};
