/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vpnctl dns: the names that there are now, and how a host's resolver comes to know them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/pure/rpcmsg.h"
#include "vpnd/vpnctl.h"

/* All pages as one answer. Return: NULL, said. */
static json_t *ask_all(struct ctl *c, bool json)
{
	json_t *all = NULL, *page, *names;
	int64_t after = 0;

	while (vpnctl_ask(c, "dns", json_pack("{s:I}", "after", (json_int_t)after),
			  VPNCTL_TIMEOUT_MS, json, &page) == 0) {
		names = json_object_get(page, "names");
		if (!all)
			all = json_incref(page);
		else
			json_array_extend(json_object_get(all, "names"), names);
		if (!rpc_int(page, "after", after + 1, INT32_MAX, &after)) {
			json_decref(page);
			json_object_del(all, "after");
			return all;
		}
		json_decref(page);
	}
	json_decref(all);
	return NULL;
}

/* Lines of /etc/hosts. */
static void print_hosts(const json_t *names)
{
	for (size_t i = 0; i < json_array_size(names); i++) {
		const json_t *o = json_array_get(names, i);

		printf("%s\t%s\n", vpnctl_text(o, "address"), vpnctl_text(o, "name"));
	}
}

static void print_names(const json_t *names)
{
	static const char *const headings[] = {"NAME", "ADDRESS"};
	struct ctl_table *t;

	if (json_array_size(names) == 0) {
		puts("No names: nothing is connected.");
		return;
	}
	t = ctl_table_new(2, headings);
	for (size_t i = 0; i < json_array_size(names); i++) {
		const json_t *o = json_array_get(names, i);
		const char *cells[] = {vpnctl_text(o, "name"), vpnctl_text(o, "address")};

		ctl_table_row(t, cells);
	}
	ctl_table_print(t);
}

static void print_resolved(const json_t *o)
{
	const char *state = vpnctl_text(o, "resolved");

	if (strcmp(state, "knows") == 0)
		puts("systemd-resolved asks there: nothing is to be done.");
	else if (strcmp(state, "telling") == 0)
		puts("systemd-resolved is being told.");
	else if (strcmp(state, "failed") == 0)
		printf("systemd-resolved does not take them: %s.\n",
		       vpnctl_text(o, "resolved_error"));
	else if (strcmp(state, "absent") == 0)
		puts("systemd-resolved does not run here.");
	else if (strcmp(state, "off") == 0)
		puts("systemd-resolved is not told (resolved = no).");
}

/* dnsmasq writes the port behind a '#'. */
static void dnsmasq_form(const char *server, char out[VPNCTL_TEXT_SIZE])
{
	const char *colon = strrchr(server, ':');
	size_t n = colon ? (size_t)(colon - server) : 0;
	bool brackets = n > 2 && server[0] == '[';

	snprintf(out, VPNCTL_TEXT_SIZE, "%.*s#%s", (int)(brackets ? n - 2 : n),
		 brackets ? server + 1 : server, colon ? colon + 1 : "");
}

static void print_ways(const json_t *o)
{
	const char *domain = vpnctl_text(o, "domain"), *server = vpnctl_text(o, "server"),
		   *tun = vpnctl_text(o, "tun");
	char dnsmasq[VPNCTL_TEXT_SIZE];

	dnsmasq_form(server, dnsmasq);
	printf("\nFor other resolvers of this host, once:\n"
	       "  dnsmasq, also that of NetworkManager (a line in /etc/dnsmasq.d/farlan.conf or\n"
	       "  /etc/NetworkManager/dnsmasq.d/farlan.conf; the second if it has "
	       "stop-dns-rebind):\n"
	       "    server=/%s/%s\n"
	       "    rebind-domain-ok=/%s/\n",
	       domain, dnsmasq, domain);
	printf("  systemd-resolved by hand, as long as %s is there:\n"
	       "    resolvectl domain %s '~%s'; resolvectl dns %s %s\n",
	       tun, tun, domain, tun, server);
	printf("  /etc/resolv.conf alone: dns = 127.70.0.1:53 in vpnd's configuration, then, as "
	       "its\n"
	       "  first line (what is not known there is asked of the next one):\n"
	       "    nameserver 127.70.0.1\n"
	       "  no resolver, for /etc/hosts:\n"
	       "    vpnctl dns --hosts\n");
}

static void print_page(const json_t *o)
{
	const char *domain = vpnctl_text(o, "domain"), *listen = vpnctl_text(o, "listen");

	print_names(json_object_get(o, "names"));
	putchar('\n');
	if (!domain[0]) {
		puts("Not signed in yet: run vpnctl login.");
		return;
	}
	if (!listen[0]) {
		puts("Nobody is told by DNS (dns = no); for /etc/hosts: vpnctl dns --hosts.");
		return;
	}
	if (!json_is_true(json_object_get(o, "listening"))) {
		printf("Names below %s are not answered: %s cannot be had, vpnd's log says why.\n",
		       domain, listen);
		return;
	}
	printf("Names below %s are answered at %s.\n", domain, listen);
	print_resolved(o);
	if (strcmp(vpnctl_text(o, "resolved"), "knows") != 0)
		print_ways(o);
}

int vpnctl_dns(struct ctl *c, const struct vpnctl_args *args)
{
	json_t *o = ask_all(c, args->json);

	if (!o)
		return CTL_FAILED;
	if (args->json)
		ctl_print_json(o);
	else if (args->hosts)
		print_hosts(json_object_get(o, "names"));
	else
		print_page(o);
	json_decref(o);
	return CTL_OK;
}
