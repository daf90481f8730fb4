/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/port_seen.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/pure/http.h"

#define GREETING "farlan "
#define BODY_NEEDED 64	 /* bytes of a body that tell who it is */
#define CHUNK_LINE_MAX 8 /* bytes: the size of a chunk that holds a greeting */

/* --- reading --- */

static void take_word(char *out, size_t size, const char *at, size_t len, size_t *used)
{
	size_t n = 0;

	while (n < len && at[n] > ' ' && at[n] < 0x7f)
		n++;
	finding_clean(out, size, at, n);
	*used = n;
}

static bool begins(const char *body, size_t len)
{
	return len >= strlen(GREETING) && memcmp(body, GREETING, strlen(GREETING)) == 0;
}

/* "farlan PROGRAM VERSION"; in chunks, the first one has it whole, behind a line with its size. */
static bool take_greeting(struct port_seen *s, const char *body, size_t len)
{
	const char *line = memchr(body, '\n', len);
	size_t used;

	if (!begins(body, len) && line && line - body < CHUNK_LINE_MAX) {
		len -= (size_t)(line + 1 - body);
		body = line + 1;
	}
	if (!begins(body, len))
		return false;
	body += strlen(GREETING);
	len -= strlen(GREETING);
	take_word(s->program, sizeof(s->program), body, len, &used);
	if (used < len && body[used] == ' ')
		take_word(s->version, sizeof(s->version), body + used + 1, len - used - 1, &used);
	return s->program[0] != '\0';
}

static void take_header(char *out, size_t size, const struct http_head *h, const char *name)
{
	const struct http_str *value = http_header(h, name);

	if (value)
		finding_clean(out, size, value->at, value->len);
}

static int take_http(struct port_seen *s, const struct http_head *h, const char *body, size_t len,
		     bool end)
{
	bool more = !end && len < BODY_NEEDED && !memchr(body, '\n', len);

	if (h->status == 200 && more)
		return -EAGAIN;
	if (h->status == 200 && take_greeting(s, body, len)) {
		s->who = PORT_FARLAN;
		return 0;
	}
	s->who = PORT_HTTP;
	s->status = h->status;
	take_header(s->location, sizeof(s->location), h, "Location");
	take_header(s->server, sizeof(s->server), h, "Server");
	return 0;
}

static int take_other(struct port_seen *s, const uint8_t *bytes, size_t len)
{
	const char *text = (const char *)bytes;
	size_t n = 0;

	s->who = PORT_OTHER;
	while (n < len && text[n] != '\r' && text[n] != '\n')
		n++;
	finding_clean(s->first, sizeof(s->first), text, n);
	return 0;
}

int port_seen_take(struct port_seen *s, const uint8_t *bytes, size_t len, bool end)
{
	struct http_head head;
	size_t used;
	int r;

	if (len == 0) {
		if (!end)
			return -EAGAIN;
		s->who = s->tls ? PORT_TLS : PORT_NOBODY;
		return 0;
	}
	r = http_head_decode(bytes, len, &head, &used);
	if (r == -EAGAIN && !end && len < PORT_ANSWER_MAX_BYTES)
		return -EAGAIN;
	if (r != 0 || head.is_request)
		return take_other(s, bytes, len);
	return take_http(s, &head, (const char *)bytes + used, len - used, end);
}

/* --- judging --- */

bool port_seen_good(const struct port_seen *s)
{
	return s->tcp == PORT_OPEN && s->who == PORT_FARLAN;
}

bool port_seen_portal(const struct port_seen *s)
{
	bool redirect = s->status >= 300 && s->status < 400 && s->location[0];

	return s->tcp == PORT_OPEN && s->who == PORT_HTTP && !s->tls &&
	       (redirect || s->status == 511); /* RFC 6585 section 6 */
}

bool port_seen_stuck(const struct port_seen *s)
{
	return s->tcp == PORT_OPEN && s->silent &&
	       (s->who == PORT_NOBODY || (s->who == PORT_TLS && s->tls));
}

/* --- saying --- */

static void say_certificate(const struct port_seen *s, char *out, size_t size)
{
	if (!s->tls && s->who == PORT_TLS)
		snprintf(out, size, "TLS does not come about: %s", s->problem);
	else if (!s->tls)
		snprintf(out, size, "without TLS");
	else if (s->verified)
		snprintf(out, size, "%s, certificate verified", s->tls_version);
	else
		snprintf(out, size, "%s, certificate of \"%s\" by \"%s\" not verified: %s",
			 s->tls_version, s->subject, s->issuer, s->problem);
}

static void say_closed(const struct port_seen *s, bool six, struct finding *f)
{
	unsigned int seconds = (s->ms + 500) / 1000;

	switch (s->tcp) {
	case PORT_OPEN:
		break;
	case PORT_REFUSED:
		finding_say(f, FINDING_WARNING,
			    "refused: a firewall rejects it, or nothing listens there");
		break;
	case PORT_NO_ANSWER:
		finding_say(f, FINDING_WARNING, "dropped: no answer within %u s", seconds);
		break;
	case PORT_NO_WAY:
		finding_say(f, six ? FINDING_SKIPPED : FINDING_WARNING,
			    six ? "no way there: there is no IPv6 here"
				: "no way there (no route)");
		break;
	case PORT_FORBIDDEN:
		finding_say(f, FINDING_WARNING, "this host's own firewall does not let it out");
		finding_todo(f, "allow it in this host's firewall (output)");
		break;
	case PORT_ERROR:
		finding_say(f, FINDING_WARNING, "%s", strerror(s->error));
		break;
	}
}

static void say_http(const struct port_seen *s, struct finding *f)
{
	char certificate[400];

	say_certificate(s, certificate, sizeof(certificate));
	if (s->location[0])
		finding_say(f, FINDING_WARNING, "something else answers: HTTP %d, leads to %s (%s)",
			    s->status, s->location, certificate);
	else
		finding_say(f, FINDING_WARNING, "something else answers: HTTP %d%s%s (%s)",
			    s->status, s->server[0] ? " from " : "", s->server, certificate);
}

static void say_nobody(const struct port_seen *s, struct finding *f)
{
	if (s->cut)
		finding_say(f, FINDING_WARNING,
			    "opened, then cut at the first bytes%s%s: a firewall looks into "
			    "connections there",
			    s->problem[0] ? ": " : "", s->problem);
	else
		finding_say(f, FINDING_WARNING,
			    "opened, then silence within %u s: large packets may be lost, or a "
			    "firewall looks into connections there",
			    (s->ms + 500) / 1000);
}

void port_seen_say(const struct port_seen *s, bool six, struct finding *f)
{
	char certificate[400];

	f->ms = s->ms;
	if (s->tcp != PORT_OPEN) {
		say_closed(s, six, f);
		return;
	}
	say_certificate(s, certificate, sizeof(certificate));
	switch (s->who) {
	case PORT_NOBODY:
		say_nobody(s, f);
		break;
	case PORT_FARLAN:
		finding_say(f, FINDING_OK, "%s %s (%s)", s->program, s->version, certificate);
		break;
	case PORT_HTTP:
		say_http(s, f);
		break;
	case PORT_TLS:
		finding_say(f, FINDING_WARNING, "something else answers%s (%s)",
			    s->silent ? ", and falls silent" : "", certificate);
		break;
	case PORT_OTHER:
		finding_say(f, FINDING_WARNING, "something else answers: \"%s\"", s->first);
		break;
	}
}
