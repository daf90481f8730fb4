/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/server_doctor.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/io/log.h"
#include "common/io/server_doctor_internal.h"
#include "common/pure/rpcmsg.h"
#include "common/pure/text.h"

#define FACTS_TIMEOUT_MS 5000
#define ERROR_SIZE 512

/* --- what is told --- */

static void print(const struct finding *f)
{
	printf("%-8s %-12s %-36s %s\n", finding_state_name(f->state), f->id, f->subject, f->text);
	if (f->todo[0])
		printf("%21s -> %s\n", "", f->todo);
	fflush(stdout);
}

void server_doctor_tell(struct server_doctor *d, const struct finding *f)
{
	json_t *o = finding_encode(f);

	d->n_failed += f->state == FINDING_FAILED;
	d->n_warnings += f->state == FINDING_WARNING;
	if (!d->options->json)
		print(f);
	if (o)
		json_array_append_new(d->checks, o);
}

static void conclude(const struct server_doctor *d)
{
	bool good = d->n_failed == 0;
	char verdict[100];

	if (good && d->n_warnings == 0)
		snprintf(verdict, sizeof(verdict), "Published as it should be");
	else if (good)
		snprintf(verdict, sizeof(verdict), "It works; %zu thing%s could be better",
			 d->n_warnings, d->n_warnings == 1 ? "" : "s");
	else
		snprintf(verdict, sizeof(verdict), "%zu thing%s to be mended", d->n_failed,
			 d->n_failed == 1 ? " has" : "s have");
	if (d->options->json) {
		json_t *o = json_pack("{s:b, s:s, s:O}", "good", good, "verdict", verdict, "checks",
				      d->checks);

		ctl_print_json(o);
		json_decref(o);
	} else {
		printf("\n%s.\n", verdict);
	}
}

/* --- the run --- */

static void stop(struct server_doctor *d)
{
	if (d->over)
		return;
	d->over = true;
	server_doctor_web_stop(d);
	uv_close((uv_handle_t *)&d->total, NULL);
}

static void on_total(uv_timer_t *timer)
{
	stop(timer->data);
}

/* From the loop: who has come to its end is still on the stack. */
void server_doctor_look(struct server_doctor *d)
{
	if (!d->over && !server_doctor_web_runs(d))
		uv_timer_start(&d->total, on_total, 0, 0);
}

static void run_loop(struct server_doctor *d)
{
	const json_t *urls = json_array_size(d->options->urls) > 0
				     ? d->options->urls
				     : json_object_get(d->facts, "urls");
	uint64_t ms = SERVER_DOCTOR_MS + (d->options->idle ? SERVER_DOCTOR_IDLE_MS : 0);

	uv_timer_init(&d->loop, &d->total);
	d->total.data = d;
	uv_timer_start(&d->total, on_total, ms, 0);
	server_doctor_host(d);
	server_doctor_web_begin(d, urls);
	server_doctor_look(d);
	uv_run(&d->loop, UV_RUN_DEFAULT);
	server_doctor_web_free(d);
}

static void take_facts(struct server_doctor *d)
{
	const char *text;
	size_t n = 0;

	d->program = "?";
	d->path = "/";
	(void)rpc_str(d->facts, "program", &d->program);
	(void)rpc_str(d->facts, "path", &d->path);
	d->access = strcmp(d->program, "accessd") == 0;
	d->has_ca = rpc_str(d->facts, "ca", &text) &&
		    text_b64_decode(d->ca.der, sizeof(d->ca.der), &n, text, strlen(text)) == 0;
	d->ca.len = n;
}

static int run(struct server_doctor *d)
{
	take_facts(d);
	if (tls_global_init() != 0 || uv_loop_init(&d->loop) != 0) {
		fputs("the TLS library or the event loop does not start\n", stderr);
		return CTL_FAILED;
	}
	if (tls_ctx_outer_client(&d->ctx, d->has_ca ? &d->ca : NULL, true) == 0) {
		run_loop(d);
		conclude(d);
		tls_ctx_free(d->ctx);
	} else {
		d->n_failed++;
	}
	(void)uv_loop_close(&d->loop);
	tls_global_deinit();
	return d->n_failed == 0 ? CTL_OK : CTL_FAILED;
}

int server_doctor_run(struct ctl *c, const struct server_doctor_options *o)
{
	struct server_doctor *d = calloc(1, sizeof(*d));
	json_t *params = NULL;
	char error[ERROR_SIZE];
	int code = CTL_FAILED;

	if (!d)
		abort();
	d->options = o;
	d->checks = json_array();
	if (o->domain)
		params = json_pack("{s:s}", "in_domain", o->domain);
	if (ctl_call(c, "doctor", params, FACTS_TIMEOUT_MS, NULL, NULL, &d->facts, error,
		     sizeof(error)) != 0)
		fprintf(stderr, "%s: %s\n", program_invocation_short_name, error);
	else
		code = run(d);
	json_decref(d->facts);
	json_decref(d->checks);
	free(d);
	return code;
}

/* --- as a command of the daemon's program --- */

bool server_doctor_asked(int argc, char **argv)
{
	return argc > 1 && strcmp(argv[1], "doctor") == 0;
}

struct command {
	const char *config;
	bool config_given, help;
	struct server_doctor_options options;
	json_t *urls;
};

static void help(const char *name)
{
	printf("usage: %s doctor [-c FILE] [--idle] [--url https://HOST]... [--json]\n"
	       "\n"
	       "Looks at the running %s as the world sees it: names, ports, certificates, whether\n"
	       "a WebSocket passes, this host; and says what to mend. Exit code: 0 it works, 1\n"
	       "something has to be mended, 2 wrong usage, 3 %s cannot be reached.\n"
	       "\n"
	       "      --idle   hold a connection idle for a minute, too: is it cut on the way?\n"
	       "      --url    look at this, in the place of the URLs that it is known by\n"
	       "      --json   as JSON\n",
	       name, name, name);
}

/* Return: 0; an exit code. */
static int parse(struct command *cmd, int argc, char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'}, {"idle", no_argument, NULL, 'i'},
		{"url", required_argument, NULL, 'u'},	  {"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},	  {NULL, 0, NULL, 0},
	};
	struct url url;
	int o;

	optind = 0;
	while ((o = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		if (o == 'c') {
			cmd->config = optarg;
			cmd->config_given = true;
		} else if (o == 'i') {
			cmd->options.idle = true;
		} else if (o == 'j') {
			cmd->options.json = true;
		} else if (o == 'h') {
			cmd->help = true;
		} else if (o == 'u' && url_parse(&url, optarg) == 0) {
			json_array_append_new(cmd->urls, json_string(optarg));
		} else {
			if (o == 'u')
				fprintf(stderr, "%s is no https://HOST[:PORT][/PATH]\n", optarg);
			return CTL_USAGE;
		}
	}
	return optind < argc ? CTL_USAGE : 0;
}

static int load(const struct opt_program *p, const struct command *cmd, void *conf)
{
	char error[OPT_ERROR_SIZE];
	int r = opt_load(cmd->config, p->table, p->n, conf, error);

	if (r == -ENOENT && !cmd->config_given) {
		opt_defaults(p->table, p->n, conf);
		return 0;
	}
	if (r != 0 && r != -EINVAL)
		fprintf(stderr, "%s: %s\n", p->name, error);
	return r;
}

static int ask(const struct opt_program *p, const struct command *cmd, const char *socket)
{
	struct ctl *c;
	int code;

	if (ctl_open(&c, socket, socket) != 0) {
		fprintf(stderr,
			"%s: start it: systemctl enable --now %s; why it ended: journalctl "
			"-u %s\n",
			p->name, p->name, p->name);
		return CTL_NO_DAEMON;
	}
	code = server_doctor_run(c, &cmd->options);
	ctl_close(c);
	return code;
}

int server_doctor_main(const struct opt_program *p, void *conf, const char *socket, int argc,
		       char **argv)
{
	struct command cmd = {.config = p->default_config, .urls = json_array()};
	int code;

	log_init(LOG_WARN);
	cmd.options.urls = cmd.urls;
	code = parse(&cmd, argc - 1, argv + 1);
	if (code == 0 && cmd.help)
		help(p->name);
	else if (code != 0)
		fprintf(stderr, "see %s doctor --help\n", p->name);
	else if (load(p, &cmd, conf) != 0)
		code = CTL_USAGE;
	else
		code = ask(p, &cmd, socket);
	json_decref(cmd.urls);
	return ctl_finish(p->name, code);
}
