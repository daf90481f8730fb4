/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/pure/audit_csv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/pure/text.h"
#include "common/pure/utc.h"

#define HEADER                                                                                 \
	"seq,domain,time,clock,kind,event,result,who_kind,who,who_uid,from,on_kind,on,on_uid," \
	"folder,path,detail,hash\r\n"

struct writer {
	char *at;
	size_t n;
	bool full;
};

static void put_char(struct writer *w, char c)
{
	if (w->n + 1 >= AUDIT_CSV_SIZE)
		w->full = true;
	else
		w->at[w->n++] = c;
}

/* What needs it stands in quotes, its own ones twice. */
static void put_field(struct writer *w, const char *text)
{
	bool formula = text[0] && strchr("=+-@\t\r", text[0]),
	     quotes = formula || strpbrk(text, ",\"\r\n") != NULL;

	if (w->n > 0)
		put_char(w, ',');
	if (quotes)
		put_char(w, '"');
	if (formula)
		put_char(w, '\'');
	for (const char *c = text; *c; c++) {
		if (*c == '"')
			put_char(w, '"');
		put_char(w, *c);
	}
	if (quotes)
		put_char(w, '"');
}

static void put_number(struct writer *w, int64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)n);
	put_field(w, text);
}

static void put_party(struct writer *w, const struct audit_party *p)
{
	put_field(w, p->kind);
	put_field(w, p->name);
	put_field(w, p->uid);
}

const char *audit_csv_header(void)
{
	return HEADER;
}

int audit_csv(const struct audit_record *r, const uint8_t hash[AUDIT_HASH_BYTES],
	      char out[AUDIT_CSV_SIZE])
{
	struct writer w = {.at = out};
	char time[UTC_TEXT_SIZE], hex[AUDIT_HASH_HEX];

	if (text_hex_encode(hex, sizeof(hex), hash, AUDIT_HASH_BYTES))
		return -EMSGSIZE;
	utc_format(r->time_ms, time);
	put_number(&w, r->seq);
	put_field(&w, r->domain);
	put_field(&w, time);
	put_field(&w, r->synced ? "synced" : "unsynced");
	put_field(&w, audit_kind_name(r->kind));
	put_field(&w, r->event);
	put_field(&w, audit_result_name(r->result));
	put_party(&w, &r->who);
	put_field(&w, r->from);
	put_party(&w, &r->on);
	put_number(&w, r->folder);
	put_field(&w, r->path);
	put_field(&w, r->detail);
	put_field(&w, hex);
	put_char(&w, '\r');
	put_char(&w, '\n');
	out[w.n] = '\0';
	return w.full ? -EMSGSIZE : 0;
}
