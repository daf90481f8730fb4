/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/pure/audit_record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/hash.h>

#include "common/pure/printable.h"
#include "common/pure/rpcmsg.h"
#include "common/pure/text.h"
#include "common/pure/utc.h"

#define HASH_BEGIN ",\"hash\":\""
#define HASH_END "\"}"
/* What a line has behind its canonical form, less the brace that it replaces. */
#define HASH_LEN (sizeof(HASH_BEGIN) - 1 + AUDIT_HASH_HEX - 1 + sizeof(HASH_END) - 1)

static const char *const KINDS[] = {"operation", "connection"};
static const char *const RESULTS[AUDIT_RESULTS] = {"ok", "refused", "failed"};

const char *audit_kind_name(enum audit_kind kind)
{
	return KINDS[kind];
}

const char *audit_result_name(enum audit_result result)
{
	return RESULTS[result];
}

static int find(const char *const *names, size_t n, const char *name, size_t *at)
{
	for (*at = 0; *at < n; ++*at) {
		if (strcmp(names[*at], name) == 0)
			return 0;
	}
	return -EINVAL;
}

int audit_kind_parse(enum audit_kind *kind, const char *name)
{
	size_t i;

	if (find(KINDS, 2, name, &i))
		return -EINVAL;
	*kind = (enum audit_kind)i;
	return 0;
}

int audit_result_parse(enum audit_result *result, const char *name)
{
	size_t i;

	if (find(RESULTS, AUDIT_RESULTS, name, &i))
		return -EINVAL;
	*result = (enum audit_result)i;
	return 0;
}

/* --- writing --------------------------------------------------------------------------------- */

/* One byte is kept for the NUL. Sticky: once something did not fit, nothing more is written. */
struct writer {
	char *at;
	size_t n, size;
	bool full;
};

static void put_bytes(struct writer *w, const char *bytes, size_t n)
{
	if (w->full || w->n + n >= w->size) {
		w->full = true;
		return;
	}
	memcpy(w->at + w->n, bytes, n);
	w->n += n;
}

static void put(struct writer *w, const char *text)
{
	put_bytes(w, text, strlen(text));
}

/* Printable text has nothing else that JSON escapes (RFC 8259 section 7). */
static void put_string(struct writer *w, const char *key, const char *text)
{
	put(w, key);
	put(w, "\"");
	for (const char *c = text; *c; c++) {
		if (*c == '"' || *c == '\\')
			put_bytes(w, "\\", 1);
		put_bytes(w, c, 1);
	}
	put(w, "\"");
}

static void put_party(struct writer *w, const char *key, const struct audit_party *p)
{
	put(w, key);
	put_string(w, "{\"kind\":", p->kind);
	put_string(w, ",\"uid\":", p->uid);
	put_string(w, ",\"name\":", p->name);
	put(w, "}");
}

int audit_canonical(const struct audit_record *r, char out[AUDIT_LINE_SIZE], size_t *n)
{
	struct writer w = {.at = out, .size = AUDIT_LINE_SIZE - HASH_LEN};
	char text[AUDIT_HASH_HEX];

	snprintf(text, sizeof(text), "{\"seq\":%lld", (long long)r->seq);
	put(&w, text);
	put_string(&w, ",\"domain\":", r->domain);
	utc_format(r->time_ms, text);
	put_string(&w, ",\"time\":", text);
	put_string(&w, ",\"clock\":", r->synced ? "synced" : "unsynced");
	put_string(&w, ",\"kind\":", KINDS[r->kind]);
	put_string(&w, ",\"event\":", r->event);
	put_string(&w, ",\"result\":", RESULTS[r->result]);
	put_party(&w, ",\"who\":", &r->who);
	put_string(&w, ",\"from\":", r->from);
	put_party(&w, ",\"on\":", &r->on);
	snprintf(text, sizeof(text), ",\"folder\":%lld", (long long)r->folder);
	put(&w, text);
	put_string(&w, ",\"path\":", r->path);
	put(&w, ",\"detail\":");
	put(&w, r->detail);
	if (text_hex_encode(text, sizeof(text), r->prev, sizeof(r->prev)))
		return -EMSGSIZE;
	put_string(&w, ",\"prev\":", text);
	put(&w, "}");
	out[w.n] = '\0';
	*n = w.n;
	return w.full ? -EMSGSIZE : 0;
}

int audit_hash(const char *canonical, size_t n, uint8_t hash[AUDIT_HASH_BYTES])
{
	return wc_Sha256Hash((const uint8_t *)canonical, (word32)n, hash) == 0 ? 0 : -EIO;
}

int audit_line(char at[AUDIT_LINE_SIZE], size_t *n, const uint8_t hash[AUDIT_HASH_BYTES])
{
	char hex[AUDIT_HASH_HEX];

	if (*n == 0 || *n - 1 + HASH_LEN >= AUDIT_LINE_SIZE ||
	    text_hex_encode(hex, sizeof(hex), hash, AUDIT_HASH_BYTES))
		return -EMSGSIZE;
	snprintf(at + *n - 1, AUDIT_LINE_SIZE - *n + 1, HASH_BEGIN "%s" HASH_END, hex);
	*n += HASH_LEN - 1;
	return 0;
}

/* --- reading --------------------------------------------------------------------------------- */

static bool take_text(const json_t *o, const char *key, char *out, size_t size)
{
	return rpc_str_max(o, key, out, size) && printable_ok(out, strlen(out));
}

static bool take_party(const json_t *o, const char *key, struct audit_party *p)
{
	const json_t *party = json_object_get(o, key);

	return take_text(party, "kind", p->kind, sizeof(p->kind)) &&
	       take_text(party, "uid", p->uid, sizeof(p->uid)) &&
	       take_text(party, "name", p->name, sizeof(p->name));
}

static bool take_detail(const json_t *o, char out[AUDIT_DETAIL_SIZE])
{
	const json_t *detail = json_object_get(o, "detail");
	size_t n = json_is_object(detail)
			   ? json_dumpb(detail, out, AUDIT_DETAIL_SIZE - 1, JSON_COMPACT)
			   : 0;

	if (n == 0 || n >= AUDIT_DETAIL_SIZE)
		return false;
	out[n] = '\0';
	return true;
}

/* The words of closed sets, the time and the hash. */
static bool take_words(const json_t *o, struct audit_record *r)
{
	const char *clock, *kind, *result, *time, *prev;

	if (!rpc_str(o, "clock", &clock) || !rpc_str(o, "kind", &kind) ||
	    !rpc_str(o, "result", &result) || !rpc_str(o, "time", &time) ||
	    !rpc_str(o, "prev", &prev))
		return false;
	r->synced = strcmp(clock, "synced") == 0;
	return audit_kind_parse(&r->kind, kind) == 0 &&
	       audit_result_parse(&r->result, result) == 0 && utc_parse(&r->time_ms, time) == 0 &&
	       text_hex_decode(r->prev, sizeof(r->prev), prev, strlen(prev)) == 0;
}

static bool take_record(const json_t *o, struct audit_record *r)
{
	return rpc_int(o, "seq", 1, AUDIT_SEQ_MAX, &r->seq) &&
	       take_text(o, "domain", r->domain, sizeof(r->domain)) &&
	       take_text(o, "event", r->event, sizeof(r->event)) && take_words(o, r) &&
	       take_party(o, "who", &r->who) && take_party(o, "on", &r->on) &&
	       take_text(o, "from", r->from, sizeof(r->from)) &&
	       rpc_int(o, "folder", 0, AUDIT_SEQ_MAX, &r->folder) &&
	       take_text(o, "path", r->path, sizeof(r->path)) && take_detail(o, r->detail);
}

/* The same bytes again, line and all? */
static int check_form(const struct audit_record *r, const uint8_t claimed[AUDIT_HASH_BYTES],
		      uint8_t real[AUDIT_HASH_BYTES], const char *line, size_t n)
{
	char again[AUDIT_LINE_SIZE];
	size_t len;
	int rc;

	if (audit_canonical(r, again, &len))
		return -EBADMSG;
	rc = audit_hash(again, len, real);
	if (rc == 0 && (audit_line(again, &len, claimed) || len != n || memcmp(again, line, n)))
		rc = -EBADMSG;
	return rc;
}

int audit_line_decode(struct audit_record *r, uint8_t claimed[AUDIT_HASH_BYTES],
		      uint8_t real[AUDIT_HASH_BYTES], const char *line, size_t n)
{
	json_t *o = n < AUDIT_LINE_SIZE ? json_loadb(line, n, JSON_REJECT_DUPLICATES, NULL) : NULL;
	struct audit_record *got = calloc(1, sizeof(*got));
	const char *hash;
	int rc = -EBADMSG;

	if (got && rpc_str(o, "hash", &hash) &&
	    text_hex_decode(claimed, AUDIT_HASH_BYTES, hash, strlen(hash)) == 0 &&
	    take_record(o, got))
		rc = check_form(got, claimed, real, line, n);
	if (rc == 0)
		*r = *got;
	free(got);
	json_decref(o);
	return rc;
}
