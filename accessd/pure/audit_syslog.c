/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/pure/audit_syslog.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "accessd/pure/events.h"
#include "common/pure/text.h"
#include "common/pure/utc.h"

#define FACILITY 13 /* "log audit" (RFC 5424, table 1) */
#define APP "accessd"
/* There is no enterprise number of ours: this is the one that RFC 5612 keeps free. */
#define SD_ID "farlan@32473"
#define ID_BYTES 16
#define SEQUENCE_ID_MAX INT64_C(2147483647) /* RFC 5424, 7.3.1: then it begins at 1 again */

struct writer {
	char *at;
	size_t n;
	bool full;
};

static void put_bytes(struct writer *w, const void *bytes, size_t n)
{
	if (w->full || w->n + n > AUDIT_SYSLOG_SIZE) {
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

__attribute__((format(printf, 2, 3))) static void putf(struct writer *w, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put(w, text);
}

/* Notice, warning, error. */
static int severity(const struct audit_record *r)
{
	switch (r->result) {
	case AUDIT_OK:
		return 5;
	case AUDIT_REFUSED:
		return 4;
	case AUDIT_FAILED:
		break;
	}
	return 3;
}

/* "device.added ok: host root from local: device press4". */
static void put_sentence(struct writer *w, const struct audit_record *r)
{
	putf(w, "%s %s:", r->event, audit_result_name(r->result));
	if (r->who.kind[0])
		putf(w, " %s %s", r->who.kind, r->who.name[0] ? r->who.name : r->who.uid);
	if (r->from[0])
		putf(w, " from %s", r->from);
	if (r->on.kind[0])
		putf(w, "%s%s %s", r->who.kind[0] || r->from[0] ? ": " : " ", r->on.kind,
		     r->on.name[0] ? r->on.name : r->on.uid);
}

/* --- RFC 5424 -------------------------------------------------------------------------------- */

/* Section 6.3.3. */
static void put_param(struct writer *w, const char *name, const char *value)
{
	if (!value[0])
		return;
	put(w, " ");
	put(w, name);
	put(w, "=\"");
	for (const char *c = value; *c; c++) {
		if (*c == '"' || *c == '\\' || *c == ']')
			put(w, "\\");
		put_bytes(w, c, 1);
	}
	put(w, "\"");
}

static void put_party(struct writer *w, const struct audit_party *p, const char *kind,
		      const char *name, const char *uid)
{
	put_param(w, kind, p->kind);
	put_param(w, name, p->name);
	put_param(w, uid, p->uid);
}

static void put_data(struct writer *w, const struct audit_record *r, const char *hash)
{
	char number[24];

	putf(w, "[timeQuality tzKnown=\"1\" isSynced=\"%d\"]", r->synced);
	putf(w, "[meta sequenceId=\"%lld\"]", (long long)((r->seq - 1) % SEQUENCE_ID_MAX + 1));
	put(w, "[" SD_ID);
	put_param(w, "event", r->event);
	put_param(w, "result", audit_result_name(r->result));
	put_param(w, "kind", audit_kind_name(r->kind));
	put_param(w, "sr", event_sr(r->event));
	snprintf(number, sizeof(number), "%lld", (long long)r->seq);
	put_param(w, "seq", number);
	put_param(w, "domain", r->domain);
	put_party(w, &r->who, "whoKind", "who", "whoUid");
	put_param(w, "from", r->from);
	put_party(w, &r->on, "onKind", "on", "onUid");
	put_param(w, "path", r->path);
	put_param(w, "detail", r->detail);
	put_param(w, "hash", hash);
	put(w, "]");
}

static bool is_ascii(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)text[i] > 0x7e)
			return false;
	}
	return true;
}

int audit_syslog(const struct audit_record *r, const uint8_t hash[AUDIT_HASH_BYTES],
		 const struct audit_sender *by, char out[AUDIT_SYSLOG_SIZE], size_t *n)
{
	static const uint8_t bom[] = {0xef, 0xbb, 0xbf}; /* section 6.4 */
	struct writer w = {.at = out};
	char time[UTC_TEXT_SIZE], hex[AUDIT_HASH_HEX], sentence[AUDIT_SYSLOG_SIZE];
	struct writer s = {.at = sentence};

	if (text_hex_encode(hex, sizeof(hex), hash, AUDIT_HASH_BYTES))
		return -EMSGSIZE;
	utc_format(r->time_ms, time);
	putf(&w, "<%d>1 %s %.255s " APP " %ld %.32s ", FACILITY * 8 + severity(r), time,
	     by->host[0] ? by->host : "-", by->pid, r->event[0] ? r->event : "-");
	put_data(&w, r, hex);
	put(&w, " ");
	put_sentence(&s, r);
	if (!is_ascii(sentence, s.n))
		put_bytes(&w, bom, sizeof(bom));
	put_bytes(&w, sentence, s.n);
	*n = w.n;
	return w.full || s.full ? -EMSGSIZE : 0;
}

/* --- the journal ----------------------------------------------------------------------------- */

int audit_message_id(const char *event, char out[AUDIT_MESSAGE_ID_SIZE])
{
	char text[sizeof("farlan-event/1") + AUDIT_EVENT_SIZE];
	uint8_t hash[AUDIT_HASH_BYTES];
	int n = snprintf(text, sizeof(text), "farlan-event/1%c%.32s", '\0', event);

	if (n < 0 || audit_hash(text, (size_t)n, hash) != 0)
		return -EIO;
	return text_hex_encode(out, AUDIT_MESSAGE_ID_SIZE, hash, ID_BYTES) == 0 ? 0 : -EIO;
}

/* Printable texts have no line feed, so the short form is enough. */
static void put_field(struct writer *w, const char *name, const char *value)
{
	if (!value[0])
		return;
	put(w, name);
	put(w, "=");
	put(w, value);
	put(w, "\n");
}

static void put_fields(struct writer *w, const struct audit_record *r, const char *hash)
{
	char time[UTC_TEXT_SIZE];

	utc_format(r->time_ms, time);
	put_field(w, "FARLAN_EVENT", r->event);
	put_field(w, "FARLAN_RESULT", audit_result_name(r->result));
	put_field(w, "FARLAN_KIND", audit_kind_name(r->kind));
	put_field(w, "FARLAN_SR", event_sr(r->event));
	putf(w, "FARLAN_SEQ=%lld\n", (long long)r->seq);
	put_field(w, "FARLAN_TIME", time);
	put_field(w, "FARLAN_CLOCK", r->synced ? "synced" : "unsynced");
	put_field(w, "FARLAN_DOMAIN", r->domain);
	put_field(w, "FARLAN_WHO_KIND", r->who.kind);
	put_field(w, "FARLAN_WHO", r->who.name);
	put_field(w, "FARLAN_WHO_UID", r->who.uid);
	put_field(w, "FARLAN_FROM", r->from);
	put_field(w, "FARLAN_ON_KIND", r->on.kind);
	put_field(w, "FARLAN_ON", r->on.name);
	put_field(w, "FARLAN_ON_UID", r->on.uid);
	put_field(w, "FARLAN_PATH", r->path);
	put_field(w, "FARLAN_DETAIL", r->detail);
	put_field(w, "FARLAN_HASH", hash);
}

int audit_journal(const struct audit_record *r, const uint8_t hash[AUDIT_HASH_BYTES],
		  char out[AUDIT_SYSLOG_SIZE], size_t *n)
{
	char hex[AUDIT_HASH_HEX], id[AUDIT_MESSAGE_ID_SIZE];
	struct writer w = {.at = out};

	if (text_hex_encode(hex, sizeof(hex), hash, AUDIT_HASH_BYTES) ||
	    audit_message_id(r->event, id))
		return -EMSGSIZE;
	put(&w, "MESSAGE=");
	put_sentence(&w, r);
	put(&w, "\n");
	put_field(&w, "MESSAGE_ID", id);
	putf(&w, "PRIORITY=%d\nSYSLOG_FACILITY=%d\n", severity(r), FACILITY);
	put_field(&w, "SYSLOG_IDENTIFIER", APP);
	put_fields(&w, r, hex);
	*n = w.n;
	return w.full ? -EMSGSIZE : 0;
}
