/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "common/io/opt.h"

struct conf {
	char name[16];
	bool on;
	long limit;
	struct opt_ports ports;
	struct opt_listens listen;
	struct opt_prefixes lans;
	struct opt_lans far;
	char proxy[256];
	char folder[32];
};

#define FIELD(m) .offset = offsetof(struct conf, m), .size = sizeof(((struct conf *)0)->m)
#define TYPE(t) .parse = opt_parse_##t, .print = opt_print_##t

static const struct opt table[] = {
	{.section = "relay",
	 .key = "name",
	 TYPE(string),
	 FIELD(name),
	 .dflt = "rs",
	 .help = "its name"},
	{.section = "relay",
	 .key = "enabled",
	 TYPE(bool),
	 FIELD(on),
	 .dflt = "yes",
	 .help = "on or off"},
	{.section = "relay",
	 .key = "limit",
	 TYPE(int),
	 FIELD(limit),
	 .dflt = "10",
	 .min = -5,
	 .max = 100,
	 .help = "how many"},
	{.section = "net",
	 .key = "ports",
	 TYPE(ports),
	 FIELD(ports),
	 .dflt = "443, 80",
	 .help = "ports to try"},
	{.section = "net", .key = "listen", TYPE(listen), FIELD(listen), .help = "where to listen"},
	{.section = "net",
	 .key = "folder",
	 .parse = opt_parse_path,
	 .print = opt_print_string,
	 FIELD(folder),
	 .max = 12,
	 .dflt = "/run",
	 .help = "where"},
	{.section = "net", .key = "lans", TYPE(prefixes), FIELD(lans), .help = "networks"},
	{.section = "net", .key = "far", TYPE(lans), FIELD(far), .help = "far ones"},
	{.section = "net", .key = "proxy", TYPE(string), FIELD(proxy), .help = "HTTP proxy"},
};
#define N (sizeof(table) / sizeof(table[0]))

static char path[] = "/tmp/farlan-opt-XXXXXX";
static struct conf conf;
static char error[OPT_ERROR_SIZE];
static char logged[65536];

/* Standard error or output goes into a file meanwhile. */
static FILE *captured;
static int saved;

static void capture_begin(int fd)
{
	fflush(NULL);
	captured = tmpfile();
	assert_non_null(captured);
	saved = dup(fd);
	assert_true(dup2(fileno(captured), fd) >= 0);
}

static void capture_end(int fd)
{
	ssize_t n;

	fflush(NULL);
	dup2(saved, fd);
	close(saved);
	n = pread(fileno(captured), logged, sizeof(logged) - 1, 0);
	fclose(captured);
	assert_true(n >= 0);
	logged[n] = '\0';
}

static int load_bytes(const char *text, size_t n)
{
	int r;

	memset(&conf, 0xa5, sizeof(conf));
	assert_int_equal(file_replace(path, text, n, 0600), 0);
	capture_begin(STDERR_FILENO);
	r = opt_load(path, table, N, &conf, error);
	capture_end(STDERR_FILENO);
	return r;
}

static int load(const char *text)
{
	return load_bytes(text, strlen(text));
}

/* @want without the path in front. */
static void check_refused(const char *text, const char *want)
{
	assert_int_equal(load(text), -EINVAL);
	assert_int_equal(strncmp(error, path, strlen(path)), 0);
	assert_string_equal(error + strlen(path), want);
	assert_int_equal(strncmp(logged, "<3>", 3), 0);
	assert_int_equal(strncmp(logged + 3, error, strlen(error)), 0);
}

static void check_accepted(const char *text)
{
	int r = load(text);

	assert_string_equal(error, "");
	assert_string_equal(logged, "");
	assert_int_equal(r, 0);
}

static void defaults(void **state)
{
	(void)state;
	check_accepted("");
	assert_string_equal(conf.name, "rs");
	assert_true(conf.on);
	assert_int_equal(conf.limit, 10);
	assert_int_equal(conf.ports.n, 2);
	assert_int_equal(conf.ports.port[0], 443);
	assert_int_equal(conf.ports.port[1], 80);
	assert_int_equal(conf.listen.n, 0);
	assert_int_equal(conf.lans.n, 0);
	assert_string_equal(conf.proxy, "");
}

static void good_file(void **state)
{
	char text[100];

	(void)state;
	check_accepted("\xef\xbb\xbf# comment\r\n"
		       "; another = one\n"
		       "   # an indented comment\n"
		       " \t\n"
		       "[relay] ; behind a heading\n"
		       "name=site1\r\n"
		       "enabled = no # off for now\n"
		       "[net]\n"
		       "ports = 5935 ;last\n"
		       "listen = 443, 192.0.2.1:80,[2001:DB8::1]:5935\n"
		       "lans = 192.168.101.0/24, fd00:1::/64 , 10.1.2.3\n"
		       "proxy = http://a:b#c;d=e@h:3128\n"
		       "[relay]\n"
		       "limit = -5");
	assert_string_equal(conf.name, "site1");
	assert_false(conf.on);
	assert_int_equal(conf.limit, -5);
	assert_int_equal(conf.ports.n, 1);
	assert_int_equal(conf.ports.port[0], 5935);
	assert_int_equal(conf.listen.n, 3);
	assert_int_equal(conf.listen.at[0].addr.family, 0);
	assert_int_equal(conf.listen.at[0].port, 443);
	assert_int_equal(conf.listen.at[1].addr.family, 4);
	assert_memory_equal(conf.listen.at[1].addr.bytes, "\xc0\0\x02\x01", 4);
	assert_int_equal(conf.listen.at[2].addr.family, 6);
	assert_int_equal(conf.listen.at[2].port, 5935);
	assert_int_equal(conf.lans.n, 3);
	prefix_format(&conf.lans.at[0], text);
	assert_string_equal(text, "192.168.101.0/24");
	prefix_format(&conf.lans.at[2], text);
	assert_string_equal(text, "10.1.2.3/32");
	assert_string_equal(conf.proxy, "http://a:b#c;d=e@h:3128");
	check_accepted("[net]\nlisten =\nlans = # none\nproxy = ;none\n");
	assert_int_equal(conf.listen.n + conf.lans.n, 0);
	assert_string_equal(conf.proxy, "");
}

static void lines_that_are_refused(void **state)
{
	(void)state;
	check_refused("[relay]\nnmae = x\n",
		      ":2: unknown key \"nmae\" in [relay]; did you mean \"name\"?");
	check_refused("[relay]\nenable = yes\n",
		      ":2: unknown key \"enable\" in [relay]; did you mean \"enabled\"?");
	check_refused("[relay]\nports = 1\n",
		      ":2: unknown key \"ports\" in [relay]; it belongs in [net]");
	check_refused("[relay]\n\n\nzzzzzz = 1\n", ":4: unknown key \"zzzzzz\" in [relay]");
	check_refused("# c\n[rely]\nname = x\n",
		      ":2: unknown section [rely]; did you mean [relay]?");
	check_refused("[something]\nx\n  y\n", ":1: unknown section [something]");
	check_refused("[RELAY]\n", ":1: unknown section [RELAY]");
	check_refused("[relay\nname = x\n", ":1: expected [SECTION] and nothing else");
	check_refused("[relay] name = x\n", ":1: expected [SECTION] and nothing else");
	check_refused("name = x\n", ":1: a key before the first [SECTION]");
	check_refused("[relay]\nname\n", ":2: expected KEY = VALUE");
	check_refused("[relay]\nname: x\n", ":2: expected KEY = VALUE");
	check_refused("[relay]\n= x\n", ":2: expected KEY = VALUE");
	check_refused("[relay]\nname ; = x\n", ":2: expected KEY = VALUE");
	check_refused("[relay]\nname = a\n  limit = 3\n",
		      ":3: the line is indented; a value has one line, that begins with its key");
	check_refused("[relay]\nname = a\n\n\tb\n",
		      ":4: the line is indented; a value has one line, that begins with its key");
	check_refused("[relay]\nname = a\n[net]\n[relay]\nname = a\n",
		      ":5: name was given in line 2 already");
	check_refused("[relay]\nname = a\x1b[31m\n", ":2: a control character in the line");
	check_refused("[relay]\nname = a\rb\n", ":2: a control character in the line");
	assert_int_equal(load_bytes("[relay]\nname = a\0b\n", 19), -EINVAL);
	assert_string_equal(error + strlen(path), ":2: a control character in the line");
}

static void values_that_are_refused(void **state)
{
	(void)state;
	check_refused("[relay]\nname = 1234567890123456\n", ":2: name: longer than 15 characters");
	check_refused("[relay]\nenabled = true\n", ":2: enabled: \"true\" is neither yes nor no");
	check_refused("[relay]\nenabled =\n", ":2: enabled: \"\" is neither yes nor no");
	check_refused("[relay]\nlimit = 101\n",
		      ":2: limit: \"101\" is not a number from -5 to 100");
	check_refused("[relay]\nlimit = -6\n", ":2: limit: \"-6\" is not a number from -5 to 100");
	check_refused("[relay]\nlimit = 5x\n", ":2: limit: \"5x\" is not a number from -5 to 100");
	check_refused("[relay]\nlimit = +5\n", ":2: limit: \"+5\" is not a number from -5 to 100");
	check_refused("[relay]\nlimit = -\n", ":2: limit: \"-\" is not a number from -5 to 100");
	check_refused("[relay]\nlimit = 99999999999999999999\n",
		      ":2: limit: \"99999999999999999999\" is not a number from -5 to 100");
	check_refused("[net]\nports = 443, 0\n", ":2: ports: \"0\" is not a port from 1 to 65535");
	check_refused("[net]\nports = 65536\n",
		      ":2: ports: \"65536\" is not a port from 1 to 65535");
	check_refused("[net]\nports = 80, 80\n", ":2: ports: port 80 stands there twice");
	check_refused("[net]\nports = 80,\n", ":2: ports: expected items separated by commas");
	check_refused("[net]\nports =\n", ":2: ports: expected items separated by commas");
	check_refused("[net]\nports = 1,2,3,4,5,6,7,8,9\n", ":2: ports: more than 8 ports");
	check_refused("[net]\nlisten = 443,, 80\n",
		      ":2: listen: expected items separated by commas");
	check_refused("[net]\nlisten = 443, 443\n", ":2: listen: \"443\" stands there twice");
	check_refused("[net]\nlisten = host:443\n", ":2: listen: \"host:443\" is neither PORT nor "
						    "ADDRESS:PORT nor [ADDRESS]:PORT");
	check_refused("[net]\nlisten = ::1:443\n", ":2: listen: \"::1:443\" is neither PORT nor "
						   "ADDRESS:PORT nor [ADDRESS]:PORT");
	check_refused("[net]\nlisten = [1.2.3.4]:443\n",
		      ":2: listen: \"[1.2.3.4]:443\" is neither PORT nor "
		      "ADDRESS:PORT nor [ADDRESS]:PORT");
	check_refused("[net]\nlisten = 1.2.3.4:\n", ":2: listen: \"1.2.3.4:\" is neither PORT nor "
						    "ADDRESS:PORT nor [ADDRESS]:PORT");
	check_refused("[net]\nlisten = [::1\n", ":2: listen: \"[::1\" is neither PORT nor "
						"ADDRESS:PORT nor [ADDRESS]:PORT");
	check_refused("[net]\nlans = 192.168.1.5/24\n",
		      ":2: lans: \"192.168.1.5/24\" is a host in a network; "
		      "did you mean 192.168.1.0/24?");
	check_refused("[net]\nlans = 0.0.0.0/0\n", ":2: lans: \"0.0.0.0/0\" cannot be a LAN");
	check_refused("[net]\nlans = lan\n",
		      ":2: lans: \"lan\" is not a network such as 192.168.1.0/24 or fd00:1::/64");
	check_refused("[net]\nlans = 10.5.0.0/16 via 192.168.1.9\n",
		      ":2: lans: \"10.5.0.0/16 via 192.168.1.9\" is not a network such as "
		      "192.168.1.0/24 or fd00:1::/64");
	check_refused("[net]\nfar = 10.5.0.0/16 by 192.168.1.9\n",
		      ":2: far: \"10.5.0.0/16 by 192.168.1.9\" is not PREFIX via GATEWAY");
	check_refused("[net]\nfar = 10.5.0.0/16 via\n",
		      ":2: far: \"10.5.0.0/16 via\" is not PREFIX via GATEWAY");
	check_refused("[net]\nfar = 10.5.0.0/16 via x\n",
		      ":2: far: \"x\" is not a gateway's address");
	check_refused("[net]\nfar = 10.5.0.0/16 via fd00::1\n",
		      ":2: far: \"fd00::1\" is not a gateway's address");
	check_refused("[net]\nfar = 10.5.0.0/16 via 127.0.0.1\n",
		      ":2: far: \"127.0.0.1\" is not a gateway's address");
	check_refused("[net]\nfar = 10.5.0.0/16 via 10.5.0.1\n",
		      ":2: far: the gateway 10.5.0.1 lies in the network that it leads to");
	check_refused("[net]\nfar = 10.5.0.1/16 via 192.168.1.9\n",
		      ":2: far: \"10.5.0.1/16\" is a host in a network; did you mean 10.5.0.0/16?");
	check_refused("[net]\nfar = 10.5.0.0/16, 10.5.1.0/24 via 192.168.1.9\n",
		      ":2: far: \"10.5.1.0/24 via 192.168.1.9\" overlaps with one before it");
	check_refused("[net]\nlans = 10.0.0.0/8, 10.1.0.0/16\n",
		      ":2: lans: \"10.1.0.0/16\" overlaps with one before it");
}

static void paths(void **state)
{
	(void)state;
	check_accepted("[net]\nfolder = /var/lib/f12\n");
	assert_string_equal(conf.folder, "/var/lib/f12");
	check_refused("[net]\nfolder = /var/lib/f123\n", ":2: folder: longer than 12 characters");
	check_refused("[net]\nfolder = lib/f\n",
		      ":2: folder: \"lib/f\" is not a path that begins with /");
	check_refused("[net]\nfolder =\n", ":2: folder: \"\" is not a path that begins with /");
}

/* inih alone would cut at 199 bytes without a word. */
static void long_lines(void **state)
{
	char text[400] = "[net]\nproxy = ";
	size_t n = strlen(text);

	(void)state;
	memset(text + n, 'x', 191); /* 8 + 191 */
	memcpy(text + n + 191, "\n[relay]\nname = y\n", sizeof("\n[relay]\nname = y\n"));
	check_accepted(text);
	assert_int_equal(strlen(conf.proxy), 191);
	assert_string_equal(conf.name, "y");
	memset(text + n, 'x', 192);
	memcpy(text + n + 192, "\n[relay]\nname = y\n", sizeof("\n[relay]\nname = y\n"));
	check_refused(text, ":2: the line is too long: 200 bytes, at most 199");
	memset(text + n, 'x', 300);
	text[n + 300] = '\0';
	check_refused(text, ":2: the line is too long: 308 bytes, at most 199");
	text[6] = '#';
	check_refused(text, ":2: the line is too long: 308 bytes, at most 199");
}

static void all_errors_are_logged(void **state)
{
	char want[500], many[2000];
	size_t lines = 0, n = (size_t)snprintf(many, sizeof(many), "[relay]\n");

	(void)state;
	check_refused("[relay]\nlimit = x\nfoo = 1\n[net]\nports = 1\n x\n",
		      ":2: limit: \"x\" is not a number from -5 to 100");
	snprintf(want, sizeof(want),
		 "<3>%s:2: limit: \"x\" is not a number from -5 to 100\n"
		 "<3>%s:3: unknown key \"foo\" in [relay]\n"
		 "<3>%s:6: the line is indented; a value has one line, that begins with its key\n",
		 path, path, path);
	assert_string_equal(logged, want);
	for (int i = 0; i < 200; i++)
		n += (size_t)snprintf(many + n, sizeof(many) - n, "foo = 1\n");
	assert_int_equal(load(many), -EINVAL);
	for (const char *at = logged; *at; at++)
		lines += *at == '\n';
	assert_int_equal(lines, 50);
}

static void required(void **state)
{
	static const struct opt need[] = {{.section = "relay",
					   .key = "name",
					   TYPE(string),
					   FIELD(name),
					   .required = true,
					   .help = "its name"}};
	char want[200];

	(void)state;
	assert_int_equal(file_replace(path, "[relay]\n", 8, 0600), 0);
	capture_begin(STDERR_FILENO);
	assert_int_equal(opt_load(path, need, 1, &conf, error), -EINVAL);
	capture_end(STDERR_FILENO);
	snprintf(want, sizeof(want), "%s: name is missing in [relay]: its name", path);
	assert_string_equal(error, want);
	assert_int_equal(file_replace(path, "[relay]\nname = a\n", 17, 0600), 0);
	assert_int_equal(opt_load(path, need, 1, &conf, error), 0);
	assert_string_equal(conf.name, "a");
}

static void files(void **state)
{
	char *big = calloc(1, 65537);

	(void)state;
	assert_non_null(big);
	assert_int_equal(opt_load("/nowhere/x.conf", table, N, &conf, error), -ENOENT);
	assert_string_equal(error, "/nowhere/x.conf: No such file or directory");
	assert_int_equal(opt_load("/tmp", table, N, &conf, error), -EISDIR);
	assert_string_equal(error, "/tmp: Is a directory");
	memset(big, '\n', 65537);
	assert_int_equal(load_bytes(big, 65536), 0);
	assert_int_equal(load_bytes(big, 65537), -EFBIG);
	assert_string_equal(error + strlen(path), ": longer than 65536 bytes");
	free(big);
}

/* What is printed can be read again, and is the same then. */
static void print_and_read_again(void **state)
{
	static const char want[] =
		"[relay]\n"
		"# its name\nname = site1\n"
		"# on or off\nenabled = no\n"
		"# how many\nlimit = -5\n"
		"\n[net]\n"
		"# ports to try\nports = 5935, 443\n"
		"# where to listen\nlisten = 443, 192.0.2.1:80, [2001:db8::1]:5935\n"
		"# where\nfolder = /run\n"
		"# networks\nlans = 192.168.101.0/24, fd00:1::/64\n"
		"# far ones\nfar = 10.5.0.0/16 via 192.168.1.9, fd01::/64\n"
		"# HTTP proxy\nproxy = \n";
	char first[sizeof(logged)];

	(void)state;
	check_accepted("[relay]\nname = site1\nenabled = no\nlimit = -5\n[net]\nports = 5935,443\n"
		       "listen = 443,192.0.2.1:80,[2001:db8:0::1]:5935\n"
		       "lans = 192.168.101.0/24,fd00:1::/64\n"
		       "far = 10.5.0.0/16   via  192.168.1.9 , fd01::/64\n");
	capture_begin(STDOUT_FILENO);
	opt_print(table, N, &conf);
	capture_end(STDOUT_FILENO);
	assert_string_equal(logged, want);
	memcpy(first, logged, strlen(logged) + 1);
	check_accepted(first);
	capture_begin(STDOUT_FILENO);
	opt_print(table, N, &conf);
	capture_end(STDOUT_FILENO);
	assert_string_equal(logged, first);
}

/* --- the command line --- */

static const struct opt_program program = {.name = "relayd",
					   .what_it_is = "Relay Server",
					   .default_config = "/etc/r.conf",
					   .table = table,
					   .n = N};

static bool args(struct opt_args *a, int *exit_code, int fd, const char *one, const char *two,
		 const char *three)
{
	char words[4][32] = {"relayd"};
	char *argv[5] = {words[0]};
	const char *const given[] = {one, two, three};
	int argc = 1;
	bool r;

	for (size_t i = 0; i < 3 && given[i]; i++) {
		snprintf(words[argc], sizeof(words[0]), "%s", given[i]);
		argv[argc] = words[argc];
		argc++;
	}
	*exit_code = 77;
	capture_begin(fd);
	r = opt_args_parse_for(a, argc, argv, &program, exit_code);
	capture_end(fd);
	if (a->config != program.default_config)
		a->config = strcmp(a->config, "x.conf") == 0 ? "x.conf" : "?";
	return r;
}

static void command_line(void **state)
{
	struct opt_args a;
	int code;

	(void)state;
	assert_true(args(&a, &code, STDERR_FILENO, NULL, NULL, NULL));
	assert_string_equal(a.config, "/etc/r.conf");
	assert_false(a.config_given);
	assert_false(a.check_only);
	assert_int_equal(a.verbose, 0);
	assert_true(args(&a, &code, STDERR_FILENO, "-nv", "-c", "x.conf"));
	assert_true(a.check_only && a.config_given);
	assert_int_equal(a.verbose, 1);
	assert_string_equal(a.config, "x.conf");
	assert_true(args(&a, &code, STDERR_FILENO, "--check", "--config=x.conf", "-v"));
	assert_true(a.check_only && a.config_given);
	assert_string_equal(a.config, "x.conf");
	assert_false(args(&a, &code, STDERR_FILENO, "-x", NULL, NULL));
	assert_int_equal(code, 2);
	assert_non_null(strstr(logged, "usage: relayd [-c FILE] [-n] [-v] [--version] [--help]\n"));
	assert_false(args(&a, &code, STDERR_FILENO, "-n", "file", NULL));
	assert_int_equal(code, 2);
	assert_non_null(strstr(logged, "relayd: unexpected argument \"file\"\n"));
	assert_false(args(&a, &code, STDERR_FILENO, "-c", NULL, NULL));
	assert_int_equal(code, 2);
	assert_false(args(&a, &code, STDOUT_FILENO, "--version", NULL, NULL));
	assert_int_equal(code, 0);
	assert_int_equal(strncmp(logged, "relayd " FARLAN_VERSION " (wolfSSL ",
				 strlen("relayd " FARLAN_VERSION " (wolfSSL ")),
			 0);
	assert_string_equal(strchr(logged, ')'), ")\n");
	assert_false(args(&a, &code, STDOUT_FILENO, "-h", NULL, NULL));
	assert_int_equal(code, 0);
	assert_non_null(strstr(logged, "  -n, --check "));
	assert_false(args(&a, &code, STDOUT_FILENO, "--help", NULL, NULL));
	assert_int_equal(code, 0);
	assert_non_null(strstr(logged, "relayd - Relay Server\nusage: relayd "));
	assert_non_null(strstr(logged, "(default /etc/r.conf)"));
	assert_non_null(strstr(logged, "\n[net]\n  ports = 443, 80\n      ports to try\n"));
}

/* Servers: names and addresses, with a port or without. */
static void servers(void **state)
{
	static const char good[] =
		"time.example.org, 192.0.2.1:1123, 2001:db8::1, [2001:db8::2]:123";
	static const char *const bad[] = {
		"a, a", "https://a", "a/b", "a:0", "a:65536",		"[2001:db8::1",
		"a b",	"u@a",	     ",",   "a,",  "1,2,3,4,5,6,7,8,9", "a:123, A:123",
		"a?b"};
	struct opt_servers all, untouched;
	char text[512];

	(void)state;
	assert_null(opt_parse_servers(NULL, "", &all));
	assert_int_equal(all.n, 0);
	assert_null(opt_parse_servers(NULL, good, &all));
	assert_int_equal(all.n, 4);
	assert_int_equal(all.at[1].port, 1123);
	assert_true(all.at[2].is_address);
	opt_print_servers(NULL, &all, text, sizeof(text));
	assert_string_equal(text, good);
	untouched = all;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (!opt_parse_servers(NULL, bad[i], &all))
			fail_msg("taken: %s", bad[i]);
		assert_memory_equal(&all, &untouched, sizeof(all));
	}
}

static int setup(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd >= 0 ? close(fd) : -1;
}

static int teardown(void **state)
{
	(void)state;
	return unlink(path);
}

/* Options of servers that others stand in front of */

static void entry_round(const char *text, const char *want)
{
	struct opt_listens l;
	char out[600];

	assert_null(opt_parse_entries(NULL, text, &l));
	opt_print_listen(NULL, &l, out, sizeof(out));
	assert_string_equal(out, want);
}

static void entry_refused(const char *text, const char *want)
{
	struct opt_listens l;
	const char *wrong = opt_parse_entries(NULL, text, &l);

	assert_non_null(wrong);
	if (!strstr(wrong, want))
		print_error("%s: %s\n", text, wrong);
	assert_non_null(strstr(wrong, want));
}

/* Is "tls = yes|no" good with these? */
static bool entries_good(const char *text, bool tls)
{
	struct opt_listens l;
	const char *wrong;

	assert_null(opt_parse_entries(NULL, text, &l));
	wrong = opt_check_entries(&l, tls);
	assert_true(!wrong || strstr(wrong, "without TLS on all addresses"));
	return !wrong;
}

static void entries(void **state)
{
	struct opt_listens l;

	(void)state;
	entry_round("", "");
	entry_round("443,  80", "443, 80");
	entry_round("443, 127.0.0.1:8080   tls=no,[::1]:8080 tls=yes",
		    "443, 127.0.0.1:8080 tls=no, [::1]:8080 tls=yes");
	entry_round("unix:/run/farlan/front.sock, unix:/x tls=yes",
		    "unix:/run/farlan/front.sock, unix:/x tls=yes");
	entry_refused("unix:x", "begins with /");
	entry_refused("unix:", "begins with /");
	entry_refused("unix:/0123456789012345678901234567890123456789012345678901234567890123456789"
		      "01234567890123456789012345678901234567",
		      "longer than 107");
	entry_refused("443 tls=maybe", "neither tls=yes nor tls=no");
	entry_refused("443 x", "neither tls=yes nor tls=no");
	entry_refused("443 tls=no, 443", "twice");
	entry_refused("unix:/x, unix:/x", "twice");
	entry_refused("host:443", "nor unix:PATH");

	assert_null(opt_parse_entries(NULL, "443, 127.0.0.1:80, unix:/x, unix:/y tls=yes", &l));
	assert_false(opt_entry_is_plain(&l.at[0], true));
	assert_true(opt_entry_is_plain(&l.at[0], false));
	assert_false(opt_entry_is_plain(&l.at[1], true));
	assert_true(opt_entry_is_plain(&l.at[1], false));
	assert_true(opt_entry_is_plain(&l.at[2], true));
	assert_false(opt_entry_is_plain(&l.at[3], false));

	assert_true(entries_good("443, 80, 127.0.0.1:8080 tls=no, unix:/x", true));
	assert_true(entries_good("443 tls=yes, 127.0.0.1:8080, unix:/x", false));
	assert_false(entries_good("443 tls=no", true));
	assert_false(entries_good("443", false));
	assert_false(entries_good("0.0.0.0:443 tls=no", true));
	assert_false(entries_good("[::]:443", false));
}

static void who_stands_in_front(void **state)
{
	struct opt_prefixes p;
	struct opt_access a;
	struct opt_trust t;
	char out[600];

	(void)state;
	assert_null(opt_parse_proxies(NULL, "", &p));
	assert_int_equal(p.n, 0);
	assert_null(opt_parse_proxies(NULL, "127.0.0.1, ::1, 10.0.0.0/8", &p));
	assert_int_equal(p.n, 3);
	assert_non_null(strstr(opt_parse_proxies(NULL, "0.0.0.0/0", &p), "everybody"));
	assert_non_null(strstr(opt_parse_proxies(NULL, "10.0.0.1/8", &p), "host in a network"));
	assert_non_null(strstr(opt_parse_proxies(NULL, "proxy", &p), "neither an address"));

	assert_null(opt_parse_access(NULL, "", &a));
	assert_false(a.given);
	opt_print_access(NULL, &a, out, sizeof(out));
	assert_string_equal(out, "");
	for (int i = 0; i < 3; i++) {
		static const char *const good[] = {"unix:/run/x.sock", "as.example.org:8080",
						   "[2001:db8::1]:8080"};

		assert_null(opt_parse_access(NULL, good[i], &a));
		assert_true(a.given);
		opt_print_access(NULL, &a, out, sizeof(out));
		assert_string_equal(out, good[i]);
	}
	for (int i = 0; i < 5; i++) {
		static const char *const bad[] = {"as.example.org", "unix:x", "as:80/x", "as:0",
						  "a b:80"};

		assert_non_null(opt_parse_access(NULL, bad[i], &a));
	}

	assert_null(opt_parse_trust(NULL, "domain, /etc/a.pem,system", &t));
	assert_true(t.domain && t.system && t.n_files == 1);
	opt_print_trust(NULL, &t, out, sizeof(out));
	assert_string_equal(out, "domain, system, /etc/a.pem");
	assert_null(opt_parse_trust(NULL, "/etc/a.pem", &t));
	assert_false(t.domain || t.system);
	assert_non_null(strstr(opt_parse_trust(NULL, "everybody", &t), "neither domain nor"));
	assert_non_null(opt_parse_trust(NULL, "", &t));
	assert_non_null(strstr(opt_parse_trust(NULL, "/a, /b, /c, /d, /e", &t), "more than 4"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries),
		cmocka_unit_test(who_stands_in_front),
		cmocka_unit_test(defaults),
		cmocka_unit_test(good_file),
		cmocka_unit_test(lines_that_are_refused),
		cmocka_unit_test(values_that_are_refused),
		cmocka_unit_test(paths),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(all_errors_are_logged),
		cmocka_unit_test(required),
		cmocka_unit_test(files),
		cmocka_unit_test(print_and_read_again),
		cmocka_unit_test(servers),
		cmocka_unit_test(command_line),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
