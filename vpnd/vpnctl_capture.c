/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vpnctl capture: the tunnel's packets into a file, or a line for each. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/pure/ip.h"
#include "common/pure/rpcmsg.h"
#include "vpnd/pure/capture_ring.h"
#include "vpnd/pure/filter.h"
#include "vpnd/pure/l4.h"
#include "vpnd/pure/pcapng.h"
#include "vpnd/vpnctl.h"

#define STREAM_BYTES (256u << 10) /* more than a record and an answer */
#define SLOTS_MAX 64

struct output {
	FILE *file;
	bool text;
	int64_t left; /* packets; negative: without end */
	bool known[SLOTS_MAX];
	char peer[SLOTS_MAX][CAPTURE_NAME_MAX + 1];
	uint64_t packets, dropped;
	uint64_t matched; /* all that the filter has let through, lost ones too */
	size_t n;	  /* bytes of the stream */
	uint8_t stream[STREAM_BYTES];
	uint8_t block[PCAPNG_PACKET_EXTRA_BYTES + CAPTURE_KEPT_MAX_BYTES];
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	(void)number;
	interrupted = 1;
}

/* --- a line for people --- */

static void print_end(FILE *f, const struct addr *a, const struct l4 *l4, uint16_t port)
{
	char text[ADDR_TEXT_SIZE];

	addr_format(a, text);
	if (l4->kind == L4_PORTS)
		fprintf(f, a->family == 6 ? "[%s]:%u" : "%s:%u", text, port);
	else
		fputs(text, f);
}

static void print_flags(FILE *f, uint8_t flags)
{
	static const char *const names[] = {"FIN", "SYN", "RST", "PSH", "ACK"};
	bool any = false;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (flags & (1 << i)) {
			fprintf(f, "%s%s", any ? "," : " ", names[i]);
			any = true;
		}
	}
}

static void print_protocol(FILE *f, const struct l4 *l4)
{
	switch (l4->protocol) {
	case L4_TCP:
		fputs(" tcp", f);
		print_flags(f, l4->tcp_flags);
		break;
	case L4_UDP:
		fputs(" udp", f);
		break;
	case L4_ICMP:
	case L4_ICMPV6:
		fprintf(f, " icmp %s",
			l4->kind == L4_ERROR  ? "error"
			: l4->kind != L4_ECHO ? ""
			: l4->request	      ? "echo request"
					      : "echo reply");
		break;
	default:
		fprintf(f, " protocol %u", l4->protocol);
	}
	if (l4->fragment)
		fprintf(f, " fragment at %u", l4->offset);
}

static void print_time(FILE *f, uint64_t us)
{
	time_t s = (time_t)(us / 1000000);
	char text[16] = "";
	struct tm tm;

	if (localtime_r(&s, &tm))
		strftime(text, sizeof(text), "%H:%M:%S", &tm);
	fprintf(f, "%s.%06u ", text, (unsigned int)(us % 1000000));
}

static void print_packet(struct output *o, const struct capture_record *r)
{
	struct ip_info ip;
	struct l4 l4;

	print_time(o->file, r->time_us);
	fprintf(o->file, "%s %s ", o->peer[r->slot], r->in ? "in " : "out");
	if (r->kept < r->len || ip_parse(r->bytes, r->kept, &ip) != 0) {
		fprintf(o->file, "%" PRIu32 " bytes, cut\n", r->len);
		return;
	}
	l4_parse(r->bytes, r->kept, &l4);
	print_end(o->file, &ip.src, &l4, l4.src);
	fputs(" > ", o->file);
	print_end(o->file, &ip.dst, &l4, l4.dst);
	print_protocol(o->file, &l4);
	fprintf(o->file, " %" PRIu32 " bytes", r->len);
	if (r->gso_size)
		fprintf(o->file, " (in segments of %u)", r->gso_size);
	fputs(r->denied ? ", denied by rules\n" : "\n", o->file);
}

/* --- a file --- */

static void put(struct output *o, size_t n)
{
	(void)!fwrite(o->block, 1, n, o->file); /* ferror() tells */
}

static void comment_of(const struct output *o, const struct capture_record *r,
		       char out[PCAPNG_TEXT_MAX])
{
	char segments[64] = "";

	if (r->gso_size)
		snprintf(segments, sizeof(segments), "; super-packet, in segments of %u bytes",
			 r->gso_size);
	snprintf(out, PCAPNG_TEXT_MAX, "session with %s%s%s%s", o->peer[r->slot],
		 r->denied ? "; denied by rules" : "", segments,
		 r->unfinished ? "; transport checksum not finished" : "");
}

static void write_packet(struct output *o, const struct capture_record *r)
{
	char comment[PCAPNG_TEXT_MAX];
	struct pcapng_packet p = {
		.time_us = r->time_us,
		.in = r->in,
		.len = r->len,
		.kept = r->kept,
		.bytes = r->bytes,
		.comment = comment,
	};

	comment_of(o, r, comment);
	put(o, pcapng_packet(o->block, &p));
}

/* tcpdump wants all of a file's interfaces alike, and one at least: there is one, the TUN device.
 */
static void write_head(struct output *o, const char *tun, uint32_t snap)
{
	put(o, pcapng_section(o->block, "vpnctl " FARLAN_VERSION));
	put(o, pcapng_interface(o->block, tun, "sessions of vpnd; comments say which one", snap));
}

static void write_tail(struct output *o)
{
	struct timespec t;
	uint64_t now_us;

	clock_gettime(CLOCK_REALTIME, &t);
	now_us = (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
	put(o, pcapng_statistics(o->block, 0, now_us, o->matched, o->dropped));
}

/* --- records --- */

static void take_packet(struct output *o, const struct capture_record *r)
{
	if (!o->known[r->slot] || o->left == 0)
		return;
	o->packets++;
	o->left -= o->left > 0;
	if (o->text)
		print_packet(o, r);
	else
		write_packet(o, r);
}

static void take_record(struct output *o, const struct capture_record *r)
{
	if (r->slot >= SLOTS_MAX)
		return;
	switch (r->kind) {
	case CAPTURE_SESSION:
		o->known[r->slot] = true;
		snprintf(o->peer[r->slot], sizeof(o->peer[0]), "%s", r->name);
		break;
	case CAPTURE_PACKET:
		take_packet(o, r);
		break;
	case CAPTURE_END:
		o->matched += r->packets;
		o->dropped += r->dropped;
		break;
	}
}

/* Return: false, that is no stream of records. */
static bool take_stream(struct output *o)
{
	struct capture_record r;
	size_t at = 0, used;
	int e;

	while ((e = capture_record_decode(&r, o->stream + at, o->n - at, &used)) == 0) {
		take_record(o, &r);
		at += used;
	}
	o->n -= at;
	memmove(o->stream, o->stream + at, o->n);
	return e == -EAGAIN;
}

/* --- the conversation --- */

static int fail(const char *what)
{
	fprintf(stderr, "vpnctl: %s\n", what);
	return CTL_FAILED;
}

/* Return: an exit code; *done: nothing more comes. */
static int read_some(struct ctl *c, struct output *o, bool *done)
{
	json_t *result;
	size_t n;

	if (vpnctl_ask(c, "capture.read", NULL, VPNCTL_TIMEOUT_MS, true, &result) != 0)
		return CTL_FAILED;
	if (!rpc_bytes(result, "data", o->stream + o->n, sizeof(o->stream) - o->n, &n) ||
	    !rpc_bool(result, "done", done)) {
		json_decref(result);
		return fail("vpnd answered something else");
	}
	json_decref(result);
	o->n += n;
	if (!take_stream(o))
		return fail("vpnd answered something else");
	fflush(o->file);
	return ferror(o->file) ? fail("it cannot be written") : CTL_OK;
}

static int stop(struct ctl *c)
{
	json_t *result;
	int r = vpnctl_ask(c, "capture.stop", NULL, VPNCTL_TIMEOUT_MS, true, &result);

	if (r == 0)
		json_decref(result);
	return r == 0 ? CTL_OK : CTL_FAILED;
}

static int64_t now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static int run(struct ctl *c, const struct vpnctl_args *args, struct output *o)
{
	int64_t until = args->seconds ? now_s() + args->seconds : INT64_MAX;
	bool stopped = false, done = false;
	int rc = CTL_OK;

	while (rc == CTL_OK && !done) {
		rc = read_some(c, o, &done);
		if (rc != CTL_OK || stopped || !(interrupted || o->left == 0 || now_s() >= until))
			continue;
		rc = stop(c);
		stopped = true;
	}
	return rc;
}

/* --- begin and end --- */

static json_t *params_of(const struct vpnctl_args *args)
{
	char filter[FILTER_TEXT_MAX + 2] = "";
	json_t *params = json_object();

	for (int i = 0; i < args->n_words; i++) {
		size_t used = strlen(filter);

		snprintf(filter + used, sizeof(filter) - used, "%s%s", used ? " " : "",
			 args->words[i]);
	}
	json_object_set_new(params, "filter", json_string(filter));
	if (args->snap)
		json_object_set_new(params, "snap", json_integer(args->snap));
	return params;
}

/* Return: NULL, it was said. */
static FILE *open_output(const struct vpnctl_args *args, bool *text)
{
	FILE *f = stdout;

	*text = args->text || (!args->write && isatty(STDOUT_FILENO));
	if (args->write && strcmp(args->write, "-") != 0)
		f = fopen(args->write, "we");
	if (!f)
		fprintf(stderr, "vpnctl: %s: %s\n", args->write, strerror(errno));
	return f;
}

static struct output *output_new(FILE *file, bool text, const char *tun,
				 const struct vpnctl_args *args)
{
	struct output *o = calloc(1, sizeof(*o));

	if (!o)
		abort();
	o->file = file;
	o->text = text;
	o->left = args->count ? args->count : -1;
	if (!text)
		write_head(o, tun, (uint32_t)args->snap);
	return o;
}

/* Return: an exit code. */
static int capture(struct ctl *c, const struct vpnctl_args *args, FILE *file, bool text,
		   const char *tun)
{
	struct output *o = output_new(file, text, tun, args);
	int rc;

	fflush(file);
	fputs("vpnctl: capturing; Ctrl-C ends it\n", stderr);
	rc = run(c, args, o);
	if (rc == CTL_OK && !text)
		write_tail(o);
	fprintf(stderr, "vpnctl: %" PRIu64 " packets, %" PRIu64 " more were lost\n", o->packets,
		o->dropped);
	free(o);
	return rc;
}

int vpnctl_capture(struct ctl *c, const struct vpnctl_args *args)
{
	const struct sigaction action = {.sa_handler = on_signal};
	json_t *result;
	FILE *file;
	bool text;
	int rc;

	rc = vpnctl_ask(c, "capture.start", params_of(args), VPNCTL_TIMEOUT_MS, true, &result);
	if (rc != 0)
		return rc == RPC_BAD_PARAMS ? CTL_USAGE : CTL_FAILED;
	file = open_output(args, &text);
	if (file) {
		sigaction(SIGINT, &action, NULL);
		sigaction(SIGTERM, &action, NULL);
		rc = capture(c, args, file, text, vpnctl_text(result, "tun"));
	}
	json_decref(result);
	if (!file)
		return CTL_FAILED;
	if (file != stdout && fclose(file) != 0)
		rc = fail("it cannot be written");
	return rc;
}
