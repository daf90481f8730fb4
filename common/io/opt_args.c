/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "common/io/opt.h"

#if defined(__has_include)
#if __has_include(<wolfssl/version.h>)
#include <wolfssl/version.h>
#endif
#endif

#ifndef LIBWOLFSSL_VERSION_STRING
#define LIBWOLFSSL_VERSION_STRING "unknown"
#endif
#ifndef FARLAN_VERSION
#define FARLAN_VERSION "0.0.0"
#endif

enum { OPT_HELP = 'h', OPT_VERSION = 256 };

static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'}, {"check", no_argument, NULL, 'n'},
	{"verbose", no_argument, NULL, 'v'},	  {"version", no_argument, NULL, OPT_VERSION},
	{"help", no_argument, NULL, OPT_HELP},	  {NULL, 0, NULL, 0},
};

static void print_usage(FILE *to, const char *name)
{
	fprintf(to, "usage: %s [-c FILE] [-n] [-v] [--version] [--help]\n", name);
}

static void print_table(const struct opt_program *p)
{
	size_t i;

	for (i = 0; i < p->n; i++) {
		const struct opt *o = &p->table[i];

		if (i == 0 || strcmp(o->section, p->table[i - 1].section) != 0)
			printf("\n[%s]\n", o->section);
		printf("  %s = %s%s\n      %s\n", o->key, o->dflt ? o->dflt : "",
		       o->required ? "(required)" : "", o->help);
	}
}

static void print_help(const struct opt_program *p)
{
	printf("%s - %s\n", p->name, p->what_it_is);
	print_usage(stdout, p->name);
	printf("\n"
	       "  -c, --config FILE  configuration (default %s)\n"
	       "  -n, --check        check the configuration, print it as it takes effect, exit\n"
	       "  -v, --verbose      debug messages, too\n"
	       "      --version      print the version, exit\n"
	       "  -h, --help         print this, exit\n",
	       p->default_config);
	if (p->table && p->n > 0) {
		printf("\nOptions of the configuration file, with their defaults:\n");
		print_table(p);
	}
}

/* Return: true: exit with *exit_code. */
static bool take_option(struct opt_args *a, int c, const struct opt_program *p, int *exit_code)
{
	*exit_code = 0;
	switch (c) {
	case 'c':
		a->config = optarg;
		a->config_given = true;
		return false;
	case 'n':
		a->check_only = true;
		return false;
	case 'v':
		a->verbose++;
		return false;
	case OPT_HELP:
		print_help(p);
		return true;
	case OPT_VERSION:
		printf("%s %s (wolfSSL %s)\n", p->name, FARLAN_VERSION, LIBWOLFSSL_VERSION_STRING);
		return true;
	default: /* getopt has said what is wrong */
		print_usage(stderr, p->name);
		*exit_code = 2;
		return true;
	}
}

bool opt_args_parse_for(struct opt_args *a, int argc, char **argv,
			const struct opt_program *program, int *exit_code)
{
	int c;

	*a = (struct opt_args){.config = program->default_config};
	optind = 0; /* from the beginning, also when called again */
	while ((c = getopt_long(argc, argv, "c:nvh", long_options, NULL)) != -1) {
		if (take_option(a, c, program, exit_code))
			return false;
	}
	if (optind < argc) {
		fprintf(stderr, "%s: unexpected argument \"%s\"\n", program->name, argv[optind]);
		print_usage(stderr, program->name);
		*exit_code = 2;
		return false;
	}
	return true;
}

/* NOLINTNEXTLINE(readability-function-size): opt_args_parse_for() has the structure */
bool opt_args_parse(struct opt_args *a, int argc, char **argv, const char *program,
		    const char *what_it_is, const char *default_config, int *exit_code)
{
	const struct opt_program p = {
		.name = program, .what_it_is = what_it_is, .default_config = default_config};

	return opt_args_parse_for(a, argc, argv, &p, exit_code);
}
