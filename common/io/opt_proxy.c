/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "common/io/opt.h"

const char *opt_parse_proxy(const struct opt *o, const char *value, void *field)
{
	struct opt_proxy *p = field;

	(void)o;
	memset(p, 0, sizeof(*p));
	if (!value[0])
		p->from = OPT_PROXY_ENVIRONMENT;
	else if (strcmp(value, "none") == 0)
		p->from = OPT_PROXY_NONE;
	else
		p->from = OPT_PROXY_GIVEN;
	return p->from == OPT_PROXY_GIVEN ? proxy_parse(&p->to, value) : NULL;
}

void opt_print_proxy(const struct opt *o, const void *field, char *out, size_t out_size)
{
	const struct opt_proxy *p = field;
	char text[PROXY_TEXT_SIZE] = "";

	(void)o;
	if (p->from == OPT_PROXY_GIVEN)
		proxy_format(&p->to, text);
	snprintf(out, out_size, "%s", p->from == OPT_PROXY_NONE ? "none" : text);
}

const char *opt_parse_no_proxy(const struct opt *o, const char *value, void *field)
{
	(void)o;
	return proxy_except_parse(field, value);
}

void opt_print_no_proxy(const struct opt *o, const void *field, char *out, size_t out_size)
{
	(void)o;
	proxy_except_format(field, out, out_size);
}

bool opt_proxy_is_secret(const void *field)
{
	const struct opt_proxy *p = field;

	return p->to.password[0] != '\0';
}
