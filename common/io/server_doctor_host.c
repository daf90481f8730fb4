/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What of a server's own host counts: its clock, its congestion control, open files, certificates.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>

#include "common/io/file.h"
#include "common/io/server_doctor_internal.h"
#include "common/pure/rpcmsg.h"

#define DAY_S 86400
#define FILES_ENOUGH 4096
#define CONTROLS "/proc/sys/net/ipv4/tcp_allowed_congestion_control"

static void name(struct finding *f, const char *id, const char *subject)
{
	*f = (struct finding){.state = FINDING_OK};
	snprintf(f->id, sizeof(f->id), "%s", id);
	snprintf(f->subject, sizeof(f->subject), "%s", subject);
}

static void tell_daemon(struct server_doctor *d)
{
	const json_t *ports = json_object_get(d->facts, "ports"), *item;
	bool listening = false;
	const char *version = "?";
	struct finding f;
	size_t i, used;

	(void)rpc_bool(d->facts, "listening", &listening);
	(void)rpc_str(d->facts, "version", &version);
	name(&f, "daemon", d->program);
	if (!listening) {
		finding_say(&f, FINDING_FAILED, "%s listens nowhere", version);
		finding_todo(&f, d->access ? "make the domain: accessctl init; else see its log"
					   : "enrol it: relayctl enroll; else see its log");
	} else {
		finding_say(&f, FINDING_OK,
			    json_array_size(ports) > 0
				    ? "%s, listens on"
				    : "%s, serves who is in front of it by a Unix socket",
			    version);
		json_array_foreach (ports, i, item) {
			used = strlen(f.text);
			snprintf(f.text + used, sizeof(f.text) - used, "%s %lld", i ? "," : "",
				 (long long)json_integer_value(item));
		}
	}
	server_doctor_tell(d, &f);
}

static void tell_clock(struct server_doctor *d)
{
	struct timex t = {.modes = 0};
	struct finding f;
	int state = adjtimex(&t);

	name(&f, "clock", "clock");
	if (state < 0) {
		finding_say(&f, FINDING_SKIPPED, "the kernel does not say whether it is right");
	} else if (state == TIME_ERROR || (t.status & STA_UNSYNC)) {
		finding_say(&f, FINDING_WARNING, "nobody keeps it right");
		finding_todo(&f,
			     "let NTP run here (systemd-timesyncd, chrony): endpoints go by this "
			     "clock");
	} else {
		finding_say(&f, FINDING_OK, "kept right by NTP");
	}
	server_doctor_tell(d, &f);
}

static void tell_control(struct server_doctor *d)
{
	struct finding f;
	uint8_t *text;
	size_t n;
	bool there;

	name(&f, "bbr", "congestion control");
	if (file_read(CONTROLS, 4096, &text, &n) != 0)
		return;
	there = strstr((const char *)text, "bbr") != NULL;
	free(text);
	if (there) {
		finding_say(&f, FINDING_OK, "bbr may be used");
	} else {
		finding_say(&f, FINDING_WARNING,
			    "bbr may not be used, which is worth much where lines lose packets");
		finding_todo(&f,
			     "modprobe tcp_bbr; sysctl -w net.ipv4.tcp_allowed_congestion_control"
			     "=\"reno cubic bbr\" (README, \"A relay\")");
	}
	server_doctor_tell(d, &f);
}

static void tell_files(struct server_doctor *d)
{
	int64_t files = 0;
	struct finding f;

	if (!rpc_int(d->facts, "files", 0, INT64_MAX, &files))
		return;
	name(&f, "files", "open files");
	if (files >= FILES_ENOUGH) {
		finding_say(&f, FINDING_OK, "up to %lld", (long long)files);
	} else {
		finding_say(&f, FINDING_WARNING, "up to %lld only: each connection takes one",
			    (long long)files);
		finding_todo(&f, "LimitNOFILE=65536 in the service's file");
	}
	server_doctor_tell(d, &f);
}

static void tell_expiry(struct server_doctor *d, const json_t *cert)
{
	int64_t not_after = 0, days;
	const char *what = "?";
	struct finding f;

	if (!rpc_str(cert, "name", &what) || !rpc_int(cert, "not_after", 0, INT64_MAX, &not_after))
		return;
	days = (not_after - clock_wall_s()) / DAY_S;
	name(&f, "own", what);
	if (days >= 30) {
		finding_say(&f, FINDING_OK, "good for %lld days", (long long)days);
	} else {
		finding_say(&f, days >= 7 ? FINDING_WARNING : FINDING_FAILED,
			    not_after > clock_wall_s() ? "good for %lld days only"
						       : "has expired, %lld days ago",
			    (long long)(days < 0 ? -days : days));
		finding_todo(&f, "see the clock, and this daemon's log: it renews it by itself");
	}
	server_doctor_tell(d, &f);
}

void server_doctor_host(struct server_doctor *d)
{
	const json_t *certs = json_object_get(d->facts, "certificates"), *item;
	size_t i;

	tell_daemon(d);
	tell_clock(d);
	tell_control(d);
	tell_files(d);
	json_array_foreach (certs, i, item) {
		tell_expiry(d, item);
	}
}
