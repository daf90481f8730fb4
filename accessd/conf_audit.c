/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "accessd/conf.h"

#define SYSLOG_SOCKET "/dev/log"
#define SYSLOG_PORT 514

const char *conf_parse_full(const struct opt *o, const char *value, void *field)
{
	bool *continues = field;

	(void)o;
	if (strcmp(value, "refuse") != 0 && strcmp(value, "continue") != 0)
		return "it is neither refuse nor continue";
	*continues = value[0] == 'c';
	return NULL;
}

void conf_print_full(const struct opt *o, const void *field, char *out, size_t out_size)
{
	const bool *continues = field;

	(void)o;
	snprintf(out, out_size, "%s", *continues ? "continue" : "refuse");
}

static const char *parse_unix(const char *path, struct conf_syslog *s)
{
	if (path[0] != '/' || strlen(path) >= sizeof(s->path))
		return "unix: needs a path that begins with /, of at most 107 characters";
	s->way = CONF_UNIX;
	snprintf(s->path, sizeof(s->path), "%s", path);
	return NULL;
}

/* HOST[:PORT], as in the list of time servers. */
static const char *parse_host(const struct opt *o, const char *value, struct conf_syslog *s)
{
	struct opt_servers servers;
	const char *why = opt_parse_servers(o, value, &servers);

	if (why)
		return why;
	if (servers.n != 1)
		return "exactly one host is needed";
	s->at = servers.at[0];
	if (!s->at.port)
		s->at.port = SYSLOG_PORT;
	return NULL;
}

const char *conf_parse_syslog(const struct opt *o, const char *value, void *field)
{
	struct conf_syslog s = {.way = CONF_NOWHERE};
	const char *why = NULL;

	if (strcmp(value, "unix") == 0)
		why = parse_unix(SYSLOG_SOCKET, &s);
	else if (strncmp(value, "unix:", 5) == 0)
		why = parse_unix(value + 5, &s);
	else if (strncmp(value, "udp ", 4) == 0 || strncmp(value, "tcp ", 4) == 0) {
		s.way = value[0] == 'u' ? CONF_UDP : CONF_TCP;
		why = parse_host(o, value + 4, &s);
	} else if (value[0]) {
		why = "it is none of unix, unix:PATH, udp HOST[:PORT] and tcp HOST[:PORT]";
	}
	if (!why)
		*(struct conf_syslog *)field = s;
	return why;
}

void conf_print_syslog(const struct opt *o, const void *field, char *out, size_t out_size)
{
	const struct conf_syslog *s = field;
	const char *way = s->way == CONF_UDP ? "udp" : "tcp";
	bool v6 = strchr(s->at.host, ':') != NULL;

	(void)o;
	if (s->way == CONF_NOWHERE)
		snprintf(out, out_size, "%s", "");
	else if (s->way == CONF_UNIX)
		snprintf(out, out_size, "unix:%s", s->path);
	else
		snprintf(out, out_size, "%s %s%s%s:%u", way, v6 ? "[" : "", s->at.host,
			 v6 ? "]" : "", s->at.port);
}
