/* SPDX-License-Identifier: GPL-3.0-or-later */
/* audit verify: of accessd's database, or of an export. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/accessctl_audit.h"
#include "accessd/pure/audit_chain.h"
#include "common/pure/text.h"

#define REST_TIMEOUT_MS (30 * 60 * 1000)

/* A number and a hash that were written down once. */
struct mark {
	bool given, seen;
	int64_t seq;
	uint8_t hash[AUDIT_HASH_BYTES];
};

static int parse_mark(struct accessctl *a, struct mark *m)
{
	const char *text = accessctl_text(a, "--head"), *colon = text ? strchr(text, ':') : NULL;
	char *end;

	*m = (struct mark){.given = text != NULL};
	if (!text)
		return CTL_OK;
	errno = 0;
	m->seq = strtoll(text, &end, 10);
	if (errno || !colon || end != colon || m->seq < 1 || m->seq > AUDIT_SEQ_MAX ||
	    text_hex_decode(m->hash, sizeof(m->hash), colon + 1, strlen(colon + 1)) != 0)
		return accessctl_usage(a, "%s: not what audit head prints", text);
	return CTL_OK;
}

static int broken(int64_t seq, const char *why)
{
	printf("BROKEN at record %lld: %s\n", (long long)seq, why);
	return CTL_FAILED;
}

/* --- accessd's ------------------------------------------------------------------------------- */

static const char *const SUMS[] = {"records", "sessions", "checkpoints", "other_checkpoints",
				   "backwards"};
#define N_SUMS (sizeof(SUMS) / sizeof(SUMS[0]))

static void add_up(json_t *sum, const json_t *piece)
{
	int64_t a, b;

	for (size_t i = 0; i < N_SUMS; i++) {
		a = b = 0;
		(void)!rpc_int(sum, SUMS[i], 0, INT64_MAX, &a);
		(void)!rpc_int(piece, SUMS[i], 0, INT64_MAX, &b);
		json_object_set_new(sum, SUMS[i], json_integer(a + b));
	}
	json_object_set(sum, "seq", json_object_get(piece, "seq"));
	json_object_set(sum, "hash", json_object_get(piece, "hash"));
	if (json_object_get(piece, "fault"))
		json_object_set(sum, "fault", json_object_get(piece, "fault"));
}

static int64_t number_of(const json_t *o, const char *key)
{
	int64_t v = 0;

	(void)!rpc_int(o, key, 0, INT64_MAX, &v);
	return v;
}

static json_t *params_of(const struct accessctl *a)
{
	json_t *params = json_object();

	if (accessctl_flag(a, "--server"))
		json_object_set_new(params, "server", json_true());
	return params;
}

/* Indexes, and what ends have signed: a question that may take minutes. Return: 0; -1, said. */
static int check_rest(struct accessctl *a, json_t *sum)
{
	char error[ACCESSCTL_ERROR_SIZE];
	json_t *params = params_of(a), *piece = NULL;

	json_object_set_new(params, "rest", json_true());
	json_object_set(params, "after_seq", json_object_get(sum, "seq"));
	json_object_set(params, "hash", json_object_get(sum, "hash"));
	if (accessctl_call(a, "audit.verify", params, REST_TIMEOUT_MS, &piece, error) != 0) {
		fprintf(stderr, "accessctl: %s\n", error);
		return -1;
	}
	json_object_set(sum, "lost", json_object_get(piece, "lost"));
	if (json_object_get(piece, "fault"))
		json_object_set(sum, "fault", json_object_get(piece, "fault"));
	json_decref(piece);
	return 0;
}

/* All pieces. Return: their sum; NULL, said. */
static json_t *check_all(struct accessctl *a)
{
	json_t *sum = json_object(), *piece;
	bool more = true;

	while (more) {
		json_t *params = params_of(a);

		if (json_object_get(sum, "seq")) {
			json_object_set(params, "after_seq", json_object_get(sum, "seq"));
			json_object_set(params, "hash", json_object_get(sum, "hash"));
		}
		piece = accessctl_ask(a, "audit.verify", params);
		if (!piece) {
			json_decref(sum);
			return NULL;
		}
		add_up(sum, piece);
		more = json_is_true(json_object_get(piece, "more"));
		json_decref(piece);
	}
	if (!json_object_get(sum, "fault") && check_rest(a, sum) != 0) {
		json_decref(sum);
		return NULL;
	}
	return sum;
}

/* Is the record that was marked still there? Return: an exit code. */
static int check_mark(struct accessctl *a, const struct mark *m)
{
	json_t *o = json_pack("{s:I, s:b, s:i, s:b}", "after_seq", (json_int_t)(m->seq - 1),
			      "oldest_first", 1, "n", 1, "server", accessctl_flag(a, "--server")),
	       *page = accessctl_ask(a, "audit.list", o);
	const json_t *item = json_array_get(json_object_get(page, "records"), 0);
	uint8_t hash[AUDIT_HASH_BYTES];
	struct audit_record r;
	int rc = CTL_FAILED;

	if (!page)
		return CTL_FAILED;
	if (!item || !accessctl_audit_take(item, &r, hash) || r.seq != m->seq)
		rc = broken(m->seq, "it is not there: pruned, or removed");
	else if (memcmp(hash, m->hash, sizeof(hash)) != 0)
		rc = broken(m->seq, "it is not the one of --head");
	else
		rc = CTL_OK;
	json_decref(page);
	return rc;
}

static void print_sum(const json_t *o)
{
	printf("Good: %lld records, up to %lld:%s\n", (long long)number_of(o, "records"),
	       (long long)number_of(o, "seq"), accessctl_cell(o, "hash"));
	printf("  %lld checkpoints signed by the server's key of today, %lld by an earlier one\n",
	       (long long)number_of(o, "checkpoints"),
	       (long long)number_of(o, "other_checkpoints"));
	printf("  %lld session records, signed by their ends; %lld more were made and never came\n",
	       (long long)number_of(o, "sessions"), (long long)number_of(o, "lost"));
	if (number_of(o, "backwards") > 0)
		printf("  the clock stepped back before %lld records: their order counts, not "
		       "their times\n",
		       (long long)number_of(o, "backwards"));
}

static int verify_database(struct accessctl *a, const struct mark *m)
{
	json_t *sum = check_all(a);
	const json_t *fault = json_object_get(sum, "fault");
	int rc = CTL_OK;

	if (!sum)
		return CTL_FAILED;
	if (a->json)
		ctl_print_json(sum);
	if (fault)
		rc = a->json ? CTL_FAILED
			     : broken(number_of(fault, "seq"), accessctl_cell(fault, "why"));
	else if (m->given)
		rc = check_mark(a, m);
	if (rc == CTL_OK && !a->json)
		print_sum(sum);
	json_decref(sum);
	return rc;
}

/* --- an export ------------------------------------------------------------------------------- */

struct reading {
	struct audit_chain chain;
	struct mark *mark;
	bool begun;
	int64_t first;
};

static int take_line(struct reading *in, const char *line, size_t n)
{
	uint8_t claimed[AUDIT_HASH_BYTES], real[AUDIT_HASH_BYTES];
	struct audit_record r;
	enum audit_fault f;

	if (audit_line_decode(&r, claimed, real, line, n) != 0)
		return broken(in->chain.seq + 1, "the line is no record");
	if (!in->begun) {
		audit_chain_init(&in->chain, r.seq - 1, r.prev);
		in->first = r.seq;
		in->begun = true;
	}
	f = audit_chain_take(&in->chain, &r, claimed);
	if (f != AUDIT_SOUND)
		return broken(r.seq, audit_fault_words(f));
	if (in->mark->given && r.seq == in->mark->seq) {
		if (memcmp(claimed, in->mark->hash, sizeof(claimed)) != 0)
			return broken(r.seq, "it is not the one of --head");
		in->mark->seen = true;
	}
	return CTL_OK;
}

static int take_lines(struct reading *in, FILE *f)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t n;
	int rc = CTL_OK;

	while (rc == CTL_OK && (n = getline(&line, &size, f)) > 0) {
		if (line[n - 1] == '\n')
			n--;
		rc = take_line(in, line, (size_t)n);
	}
	free(line);
	return rc;
}

static int verify_file(const char *path, struct mark *m)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	struct reading in = {.mark = m};
	char hex[AUDIT_HASH_HEX];
	int rc;

	if (!f) {
		fprintf(stderr, "accessctl: %s: %s\n", path, strerror(errno));
		return CTL_FAILED;
	}
	rc = take_lines(&in, f);
	if (f != stdin)
		(void)fclose(f);
	if (rc == CTL_OK && in.chain.records == 0) {
		fputs("accessctl: there is no record in this file\n", stderr);
		rc = CTL_FAILED;
	}
	if (rc == CTL_OK && m->given && !m->seen)
		rc = broken(m->seq, "it is not in this file");
	if (rc != CTL_OK || text_hex_encode(hex, sizeof(hex), in.chain.hash, AUDIT_HASH_BYTES) != 0)
		return CTL_FAILED;
	printf("Good: records %lld to %lld, up to hash %s\n", (long long)in.first,
	       (long long)in.chain.seq, hex);
	if (in.first > 1)
		puts("  what came before them is not in this file");
	return CTL_OK;
}

int accessctl_audit_verify(struct accessctl *a)
{
	const char *file = accessctl_text(a, "--file");
	struct mark m;
	int rc = parse_mark(a, &m);

	if (rc != CTL_OK)
		return rc;
	return file ? verify_file(file, &m) : verify_database(a, &m);
}
