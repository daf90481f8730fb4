/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* --- text that grows up to its room --- */

static void add(struct verdict *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(struct verdict *v, const char *fmt, ...)
{
	size_t used = strlen(v->text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(v->text + used, sizeof(v->text) - used, fmt, ap);
	va_end(ap);
}

/* --- ports --- */

static bool serves(const struct verdict_way *w, bool access)
{
	return w->both || w->access == access;
}

static bool good_by(const struct verdict_in *in, bool access, uint16_t port, bool proxy)
{
	for (size_t i = 0; i < in->n; i++) {
		const struct verdict_way *w = &in->ways[i];

		if (w->good && serves(w, access) && w->port == port && w->proxy == proxy)
			return true;
	}
	return false;
}

static bool any(const struct verdict_in *in, bool access, bool good)
{
	for (size_t i = 0; i < in->n; i++) {
		if (serves(&in->ways[i], access) && (in->ways[i].good || !good))
			return true;
	}
	return false;
}

/* Something works, and all of it by the proxy. */
static bool by_proxy(const struct verdict_in *in)
{
	bool good = false;

	for (size_t i = 0; i < in->n; i++) {
		if (in->ways[i].good && !in->ways[i].proxy)
			return false;
		good |= in->ways[i].good;
	}
	return good;
}

static bool any_portal(const struct verdict_in *in)
{
	for (size_t i = 0; i < in->n; i++) {
		if (in->ways[i].portal)
			return true;
	}
	return false;
}

/* Which of the ports work for @access. Return: a set of bits, as of in->ports. */
static unsigned int ports_of(const struct verdict_in *in, bool access, bool proxy)
{
	unsigned int set = 0;

	for (size_t i = 0; i < in->n_ports; i++) {
		if (good_by(in, access, in->ports[i], proxy))
			set |= 1u << i;
	}
	return set;
}

static void add_ports(struct verdict *v, const struct verdict_in *in, unsigned int set)
{
	const char *between = "";

	for (size_t i = 0; i < in->n_ports; i++) {
		if (!(set & 1u << i))
			continue;
		add(v, "%s%u", between, in->ports[i]);
		between = ", ";
	}
}

static unsigned int bits(unsigned int set)
{
	unsigned int n = 0;

	for (; set; set &= set - 1)
		n++;
	return n;
}

static void add_by(struct verdict *v, const struct verdict_in *in, unsigned int set)
{
	add(v, "port%s ", bits(set) > 1 ? "s" : "");
	add_ports(v, in, set);
	if (bits(set) < in->n_ports)
		add(v, " only");
}

static void say_up(struct verdict *v, const struct verdict_in *in)
{
	bool proxy = by_proxy(in), relays = any(in, false, true);
	unsigned int access = ports_of(in, true, proxy), relay = ports_of(in, false, proxy);

	v->up = true;
	add(v, "Farlan can come up here%s", proxy ? ", through the proxy" : "");
	if (!relays || access == relay) {
		add(v, ": by ");
		add_by(v, in, access);
	} else {
		add(v, ": the Access Server by ");
		add_by(v, in, access);
		add(v, ", the relays by ");
		add_by(v, in, relay);
	}
	if (!relays)
		add(v,
		    "; relays need the same ports, which ones there are is told after signing in");
}

/* --- what to allow --- */

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

/* "(203.0.113.6, 2001:db8:a:1::2)" */
static void add_addresses(struct verdict *v, const json_t *entry)
{
	const json_t *list = json_object_get(entry, "addresses"), *item;
	size_t i;

	if (json_array_size(list) == 0)
		return;
	add(v, " (");
	json_array_foreach (list, i, item) {
		add(v, "%s%s", i ? ", " : "", json_string_value(item));
	}
	add(v, ")");
}

static bool is_of(const json_t *entry, bool access, bool relays)
{
	const char *why = text_of(entry, "why");

	return (access && strncmp(why, "Access Server", 13) == 0) ||
	       (relays && strstr(why, "Relay Server"));
}

static void add_wanted(struct verdict *v, const struct verdict_in *in, const json_t *allow,
		       bool relays_only)
{
	const char *between = "";
	const json_t *entry;
	size_t i;

	add(v, "allow outbound TCP ");
	for (size_t p = 0; p < in->n_ports; p++)
		add(v, "%s%u", p == 0 ? "" : " or ", in->ports[p]);
	add(v, " to ");
	json_array_foreach (allow, i, entry) {
		if (!is_of(entry, !relays_only, true))
			continue;
		add(v, "%s%s", between, text_of(entry, "name"));
		add_addresses(v, entry);
		between = ", ";
	}
}

void verdict_decide(const struct verdict_in *in, const json_t *allow, struct verdict *v)
{
	bool access = any(in, true, true);
	bool relays = !any(in, false, false) || any(in, false, true);

	*v = (struct verdict){.up = false};
	if (in->obstacle) {
		add(v, "Farlan cannot come up here: %s", in->obstacle);
	} else if (in->passes) {
		add(v,
		    "Farlan cannot come up here: packets of more than %u bytes vanish on the way; "
		    "let ICMP \"fragmentation needed\" (ICMPv6 \"packet too big\") pass, or limit "
		    "the MSS at the router",
		    in->passes);
	} else if (access && relays) {
		say_up(v, in);
	} else if (in->inspected) {
		add(v,
		    "Farlan may not come up here: TLS to %s is opened on the way, and inspection = "
		    "refuse; exempt it from TLS inspection",
		    in->inspected);
	} else if (any_portal(in)) {
		add(v,
		    "Farlan cannot come up here yet: a captive portal is in the way: open %s in a "
		    "browser in this network and sign in",
		    in->portal_url && in->portal_url[0] ? in->portal_url : "any http:// page");
	} else if (in->no_names) {
		add(v,
		    "Farlan cannot come up here: no server's name can be resolved; allow DNS to a "
		    "name server that answers, then ");
		add_wanted(v, in, allow, false);
	} else {
		add(v, access ? "Farlan can sign in here, but reaches no relay: "
			      : "Farlan cannot come up here: ");
		add_wanted(v, in, allow, access);
	}
}
