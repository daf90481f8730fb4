/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vpnctl status: a page for people. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "vpnd/vpnctl.h"

#define LIST_SIZE 1024
#define ENDPOINT_SIZE 320

/* "label      value", nothing without a value. */
static void line(const char *label, const char *value)
{
	if (value[0])
		printf("  %-12s %s\n", label, value);
}

static void list_line(const json_t *o, const char *label, const char *key)
{
	char text[LIST_SIZE];

	line(label, vpnctl_list(o, key, text, sizeof(text)));
}

/* "203.0.113.10:443", "[2001:db8::1]:443", "203.0.113.10", "port 443 by proxy proxy.lab:3128", ""
 */
static const char *endpoint(char out[ENDPOINT_SIZE], const json_t *o, const char *address_key,
			    const char *port_key)
{
	const char *address = vpnctl_text(o, address_key), *proxy = vpnctl_text(o, "proxy");
	int64_t port = vpnctl_int(o, port_key);
	bool v6 = strchr(address, ':') != NULL;

	if (proxy[0])
		snprintf(out, ENDPOINT_SIZE, "port %" PRId64 " by proxy %s", port, proxy);
	else if (!address[0] || port == 0)
		snprintf(out, ENDPOINT_SIZE, "%s", address);
	else
		snprintf(out, ENDPOINT_SIZE, "%s%s%s:%" PRId64, v6 ? "[" : "", address,
			 v6 ? "]" : "", port);
	return out;
}

static const char *state_words(const json_t *s)
{
	static const char *const words[][2] = {
		{"not-enrolled", "not enrolled: vpnctl enroll (device) or vpnctl login (manager)"},
		{"connecting", "connecting to the Access Server"},
		{"online", "online"},
	};
	const char *state = vpnctl_text(s, "state");

	if (strcmp(state, "offline") == 0)
		return json_object_get(s, "retry_in_s")
			       ? "offline: the Access Server cannot be reached"
			       : "offline: given up, see the last errors";
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i][0], state) == 0)
			return words[i][1];
	}
	return state;
}

static void print_server(const json_t *s)
{
	char at[ENDPOINT_SIZE], since[VPNCTL_TEXT_SIZE], text[LIST_SIZE];

	if (!json_is_object(s))
		return;
	endpoint(at, s, "address", "port");
	snprintf(text, sizeof(text), "%s%s%s, for %s", vpnctl_text(s, "name"), at[0] ? " " : "", at,
		 vpnctl_duration(since, vpnctl_int(s, "since_s")));
	line("Server", text);
	snprintf(text, sizeof(text), "%s %s", vpnctl_text(s, "tls"), vpnctl_text(s, "cipher"));
	line("Encryption", text[0] == ' ' ? text + 1 : text);
	if (vpnctl_text(s, "inspection")[0])
		line("Inspection", vpnctl_text(s, "inspection"));
	else
		line("Certificate", vpnctl_text(s, "outer"));
}

static void print_dns(const json_t *d)
{
	const char *listen = vpnctl_text(d, "listen");
	bool knows = strcmp(vpnctl_text(d, "resolved"), "knows") == 0;
	char text[LIST_SIZE];

	if (!listen[0] || !vpnctl_text(d, "domain")[0])
		return;
	snprintf(text, sizeof(text), "%" PRId64 " below %s, %s %s%s", vpnctl_int(d, "count"),
		 vpnctl_text(d, "domain"),
		 json_is_true(json_object_get(d, "listening")) ? "answered at"
							       : "not answered (see the log) at",
		 listen, knows ? ", systemd-resolved knows" : "");
	line("Names", text);
}

/* "192.168.1.250 on eth0", or what stands in the way. */
static void print_lent(const json_t *s)
{
	const json_t *lent = json_object_get(s, "lent");
	char text[LIST_SIZE];

	for (size_t i = 0; i < json_array_size(lent); i++) {
		const json_t *one = json_array_get(lent, i);
		const char *address = vpnctl_text(one, "address");

		snprintf(text, sizeof(text), "%s on %s%s", address[0] ? address : "none",
			 vpnctl_text(one, "interface"),
			 address[0] ? ""
			 : strcmp(vpnctl_text(one, "state"), "looking") == 0
				 ? ", looking for one"
				 : ", managers are routed");
		line(i ? "" : "Borrowed", text);
	}
	if (json_array_size(lent) == 0)
		return;
	snprintf(text, sizeof(text), "%" PRId64, vpnctl_int(s, "lent_flows"));
	line("Flows", text);
}

static void print_lock(const json_t *lock)
{
	const char *input = vpnctl_text(lock, "input");
	char text[LIST_SIZE];

	if (json_is_true(json_object_get(lock, "locked"))) {
		printf("  %-12s %s; no session is taken\n", "LOCKED", vpnctl_text(lock, "why"));
		if (json_is_true(json_object_get(lock, "by_hand")))
			printf("  %-12s vpnctl unlock takes it back\n", "");
	}
	if (!input[0])
		return;
	snprintf(text, sizeof(text), "%s%s%s", input,
		 vpnctl_text(lock, "input_problem")[0] ? ": " : "",
		 vpnctl_text(lock, "input_problem"));
	line("Lock switch", text);
}

static void print_self(const json_t *s)
{
	char text[LIST_SIZE], again[VPNCTL_TEXT_SIZE];

	printf("vpnd %s, %s, %s\n", vpnctl_text(s, "version"), vpnctl_text(s, "role"),
	       state_words(s));
	if (vpnctl_text(s, "name")[0]) {
		snprintf(text, sizeof(text), "%s of domain %s", vpnctl_text(s, "name"),
			 vpnctl_text(s, "domain"));
		line("Identity", text);
	}
	line("UID", vpnctl_text(s, "uid"));
	print_lock(json_object_get(s, "lock"));
	line("TUN device", vpnctl_text(s, "tun"));
	list_line(s, "Addresses", "addresses");
	list_line(s, "Own LANs", "lans");
	print_lent(s);
	print_server(json_object_get(s, "server"));
	print_dns(json_object_get(s, "dns"));
	ctl_metrics(text, sizeof(text), s);
	line("Metrics", text);
	ctl_clock(text, sizeof(text), s);
	line("Clock", text);
	if (vpnctl_int(s, "approvals") > 0) {
		snprintf(text, sizeof(text), "%" PRId64 " waiting: vpnctl approvals",
			 vpnctl_int(s, "approvals"));
		line("Approvals", text);
	}
	line("Last error", vpnctl_text(s, "last_error"));
	if (json_is_number(json_object_get(s, "retry_in_s")))
		line("Next try", vpnctl_duration(again, vpnctl_int(s, "retry_in_s")));
}

static void print_path(const json_t *s)
{
	char at[ENDPOINT_SIZE], text[LIST_SIZE];
	const json_t *rtt = json_object_get(s, "rtt_ms");
	int n;

	if (!vpnctl_text(s, "relay")[0])
		return;
	n = snprintf(text, sizeof(text), "%s %s", vpnctl_text(s, "relay"),
		     endpoint(at, s, "relay_address", "relay_port"));
	if (json_is_number(rtt) && n > 0 && (size_t)n < sizeof(text))
		snprintf(text + n, sizeof(text) - (size_t)n, ", round trip %.1f ms",
			 json_number_value(rtt));
	line("Relay", text);
	line("Inspection", vpnctl_text(s, "inspection"));
}

static void print_traffic(const json_t *s)
{
	char in[VPNCTL_TEXT_SIZE], out[VPNCTL_TEXT_SIZE], text[LIST_SIZE];

	ctl_bytes(in, sizeof(in), (uint64_t)vpnctl_int(s, "bytes_in"));
	ctl_bytes(out, sizeof(out), (uint64_t)vpnctl_int(s, "bytes_out"));
	snprintf(text, sizeof(text), "in %s (%" PRId64 " packets), out %s (%" PRId64 " packets)",
		 in, vpnctl_int(s, "packets_in"), out, vpnctl_int(s, "packets_out"));
	line("Traffic", text);
}

/* What the path bears, and what waits for it. */
static void print_queue(const json_t *s)
{
	char rate[VPNCTL_TEXT_SIZE], way[VPNCTL_TEXT_SIZE], waits[VPNCTL_TEXT_SIZE],
		text[LIST_SIZE];
	int64_t marked = vpnctl_int(s, "marked");
	int n;

	if (vpnctl_int(s, "rate_bytes_s") == 0 && vpnctl_int(s, "backlog_bytes") == 0 &&
	    marked == 0)
		return;
	ctl_bytes(rate, sizeof(rate), (uint64_t)vpnctl_int(s, "rate_bytes_s"));
	ctl_bytes(way, sizeof(way), (uint64_t)vpnctl_int(s, "under_way_bytes"));
	ctl_bytes(waits, sizeof(waits), (uint64_t)vpnctl_int(s, "backlog_bytes"));
	n = snprintf(text, sizeof(text), "%s/s measured, %s under way, %s waiting", rate, way,
		     waits);
	if (marked > 0 && n > 0 && (size_t)n < sizeof(text))
		snprintf(text + n, sizeof(text) - (size_t)n, ", %" PRId64 " packets marked (ECN)",
			 marked);
	line("Path", text);
}

static void print_drops(const json_t *s)
{
	json_t *drops = json_object_get(s, "drops");
	char text[LIST_SIZE] = "";
	const char *key;
	json_t *count;
	size_t used = 0;

	json_object_foreach (drops, key, count) {
		int n = 0;

		if (json_integer_value(count) != 0)
			n = snprintf(text + used, sizeof(text) - used, "%s%s %" PRId64,
				     used ? ", " : "", key, (int64_t)json_integer_value(count));
		if (n < 0 || (size_t)n >= sizeof(text) - used)
			break;
		used += (size_t)n;
	}
	line("Dropped", text);
}

static void print_rule(size_t number, const json_t *r)
{
	if (json_object_get(r, "hits"))
		printf("  %12zu  %-48s %10" PRId64 " packets%s\n", number, vpnctl_text(r, "rule"),
		       vpnctl_int(r, "hits"),
		       json_is_false(json_object_get(r, "open")) ? ", not at this time" : "");
	else
		printf("  %12zu  %s\n", number, vpnctl_text(r, "rule"));
}

/* Packets of flows that were let through before are not counted again. */
static void print_firewall(const json_t *s)
{
	const json_t *fw = json_object_get(s, "firewall"), *rules = json_object_get(fw, "rules");
	bool here = json_is_true(json_object_get(fw, "here"));
	char text[LIST_SIZE];

	if (!json_is_object(fw))
		return;
	line("Rules", here ? "kept here; in: begun by the peer's side" : "kept by the device");
	for (size_t i = 0; i < json_array_size(rules); i++)
		print_rule(i + 1, json_array_get(rules, i));
	if (!here) {
		printf("  %12s  all else is denied\n", "");
		return;
	}
	printf("  %12s  %-48s %10" PRId64 " packets\n", "", "all else is denied",
	       vpnctl_int(fw, "by_default"));
	snprintf(text, sizeof(text),
		 "%" PRId64 " now, %" PRId64 " begun; refused %" PRId64 " packets",
		 vpnctl_int(fw, "flows"), vpnctl_int(fw, "opened"), vpnctl_int(fw, "refused"));
	line("Flows", text);
}

/* Who is there, for what; and when nobody uses it. */
static void print_control(const json_t *s)
{
	char limit[VPNCTL_TEXT_SIZE], left[VPNCTL_TEXT_SIZE], text[LIST_SIZE];
	int64_t limit_s = vpnctl_int(s, "idle_limit_s"), left_s = vpnctl_int(s, "idle_ends_in_s");

	line("From", vpnctl_text(s, "from"));
	line("Reason", vpnctl_text(s, "reason"));
	line("Approved by", vpnctl_text(s, "approved_by"));
	if (limit_s == 0)
		return;
	if (left_s <= 60 && left_s * 2 <= limit_s)
		snprintf(text, sizeof(text), "NOT USED: ends in %s unless somebody uses it",
			 vpnctl_duration(left, left_s));
	else
		snprintf(text, sizeof(text), "ends when it was not used for %s; now in %s",
			 vpnctl_duration(limit, limit_s), vpnctl_duration(left, left_s));
	line("Use", text);
}

static void print_session(const json_t *s)
{
	char since[VPNCTL_TEXT_SIZE], left[VPNCTL_TEXT_SIZE], lans[LIST_SIZE];

	printf("\nSession with %s: %s for %s, ends in %s\n", vpnctl_text(s, "peer"),
	       vpnctl_text(s, "state"), vpnctl_duration(since, vpnctl_int(s, "since_s")),
	       vpnctl_duration(left, vpnctl_int(s, "expires_in_s")));
	print_control(s);
	line("Peer's LANs", vpnctl_lans(s, lans, sizeof(lans)));
	print_path(s);
	line("Encryption", vpnctl_text(s, "cipher"));
	line("Layers", vpnctl_text(s, "layers"));
	print_traffic(s);
	print_queue(s);
	print_drops(s);
	print_firewall(s);
}

static void print_error(const json_t *e)
{
	char ago[VPNCTL_TEXT_SIZE];

	printf("  %s ago: %s\n", vpnctl_duration(ago, vpnctl_int(e, "ago_s")),
	       vpnctl_text(e, "text"));
	if (vpnctl_text(e, "todo")[0])
		printf("    -> %s\n", vpnctl_text(e, "todo"));
}

static void print_status(const json_t *s)
{
	const json_t *sessions = json_object_get(s, "sessions"),
		     *errors = json_object_get(s, "errors");

	print_self(s);
	if (json_array_size(sessions) == 0 && strcmp(vpnctl_text(s, "state"), "not-enrolled") != 0)
		puts("\nNo sessions.");
	for (size_t i = 0; i < json_array_size(sessions); i++)
		print_session(json_array_get(sessions, i));
	if (json_array_size(errors) > 0)
		puts("\nLast errors");
	for (size_t i = 0; i < json_array_size(errors); i++)
		print_error(json_array_get(errors, i));
}

int vpnctl_status(struct ctl *c, const struct vpnctl_args *args)
{
	json_t *result;

	if (vpnctl_ask(c, "status", NULL, VPNCTL_TIMEOUT_MS, args->json, &result) != 0)
		return CTL_FAILED;
	if (args->json)
		ctl_print_json(result);
	else
		print_status(result);
	json_decref(result);
	return CTL_OK;
}
