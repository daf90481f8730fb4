/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/publication.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DAY_S 86400
#define KEEPALIVE_S 45 /* endpoints say something after so much silence at the latest */
#define ANSWERED "server answered "

#define TODO_UPGRADE                                                                         \
	"let the Upgrade header pass: nginx: proxy_http_version 1.1; proxy_set_header "      \
	"Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\"; Apache: ProxyPass " \
	"... upgrade=websocket (docs/publish.md)"

/* The status of "server answered 404: nothing here"; 0: none. */
static int status_of(const char *reason, const char **words)
{
	int status;

	*words = "";
	if (strncmp(reason, ANSWERED, strlen(ANSWERED)) != 0)
		return 0;
	status = (int)strtol(reason + strlen(ANSWERED), NULL, 10);
	if (status < 100 || status > 999)
		return 0;
	*words = strchr(reason, ':');
	*words = *words ? *words + 1 : "";
	while (**words == ' ')
		(*words)++;
	return status;
}

/* A relay that asks for a token, or is busy, has understood. */
static bool relay_understood(int status, const char *words)
{
	return (status == 401 && strcmp(words, "no token in the request") == 0) ||
	       (status == 503 && strncmp(words, "the relay ", strlen("the relay ")) == 0);
}

static void say_status(int status, const char *words, struct finding *f)
{
	finding_say(f, FINDING_FAILED, "no WebSocket passes: answered %d%s%.200s", status,
		    words[0] ? ": " : "", words);
	switch (status) {
	case 400:
	case 426:
		finding_todo(f, TODO_UPGRADE);
		break;
	case 404:
		finding_todo(f, "lead the path /v1/ (behind the prefix of the URL, if it has one, "
				"which is to be cut off) to this server");
		break;
	case 401:
	case 403:
	case 407:
		finding_todo(f, "the proxy must not ask for passwords or certificates here");
		break;
	case 502:
	case 503:
	case 504:
		finding_todo(f,
			     "the proxy does not reach this server: correct its upstream address, "
			     "or whether it speaks TLS to it");
		break;
	default:
		finding_todo(f, "lead requests with Upgrade: websocket to this server");
	}
}

void publication_ws_say(const struct publication_ws *w, struct finding *f)
{
	const char *words;
	int status = status_of(w->reason, &words);

	if (w->opened) {
		finding_say(f, FINDING_OK, "a WebSocket passes");
	} else if (!w->access && relay_understood(status, words)) {
		finding_say(f, FINDING_OK, "a request for one passes, and is asked for its token");
	} else if (status != 0) {
		say_status(status, words, f);
	} else {
		finding_say(f, FINDING_FAILED, "no WebSocket passes: %.300s", w->reason);
		finding_todo(f, TODO_UPGRADE);
	}
}

static void date(int64_t when, char out[40])
{
	time_t t = (time_t)when;
	struct tm tm;

	if (!gmtime_r(&t, &tm))
		snprintf(out, 40, "?");
	else
		snprintf(out, 40, "%.4d-%.2d-%.2d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
}

static void say_days(const struct publication_cert *c, int64_t now, struct finding *f)
{
	int64_t days = (c->not_after - now) / DAY_S;
	const char *whose = c->domain_ca ? " (the domain's CA)" : "";
	char text[40];

	date(c->not_after, text);
	if (c->not_after <= now)
		finding_say(f, FINDING_FAILED, "\"%.60s\" by \"%.60s\"%s has expired at %s",
			    c->subject, c->issuer, whose, text);
	else
		finding_say(f,
			    days < 7	? FINDING_FAILED
			    : days < 30 ? FINDING_WARNING
					: FINDING_OK,
			    "\"%.60s\" by \"%.60s\"%s, good until %s, %lld days", c->subject,
			    c->issuer, whose, text, (long long)days);
	if (f->state != FINDING_OK)
		finding_todo(f, "%s",
			     c->domain_ca ? "start the server anew: it renews what it signs itself"
					  : "renew it (certbot renew)");
}

void publication_cert_say(const struct publication_cert *c, int64_t now, struct finding *f)
{
	bool alone = c->n_chain == 1 && strcmp(c->subject, c->issuer) != 0;

	if (c->verified || c->not_after <= now) {
		say_days(c, now, f);
		return;
	}
	finding_say(f, FINDING_WARNING, "\"%.60s\" by \"%.60s\": %.160s", c->subject, c->issuer,
		    c->problem);
	if (strncmp(c->problem, "certificate is not for", 22) == 0)
		finding_todo(f,
			     "use a certificate with this name in it; endpoints work all the same, "
			     "but keep both layers and say so");
	else if (alone)
		finding_todo(f,
			     "the chain may be incomplete: give the server the file with the whole "
			     "chain (certbot: fullchain.pem)");
	else
		finding_todo(f,
			     "endpoints work all the same, but keep both layers and say so; give "
			     "them this CA, or use a public one");
}

void publication_idle_say(uint32_t ms, bool cut, struct finding *f)
{
	uint32_t seconds = (ms + 500) / 1000;

	f->ms = ms;
	if (!cut) {
		finding_say(f, FINDING_OK, "an idle connection is left alone for %u s", seconds);
		return;
	}
	finding_say(f, seconds < KEEPALIVE_S + 10 ? FINDING_FAILED : FINDING_WARNING,
		    "an idle connection is cut after %u s", seconds);
	finding_todo(f, "raise the proxy's idle timeout to an hour: nginx: proxy_read_timeout and "
			"proxy_send_timeout; haproxy: timeout tunnel; Apache: ProxyTimeout");
}
