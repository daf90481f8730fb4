/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whose a connection is. All domains share the sockets and their limits; which one a client belongs
 * to is said by its inner hello, as it names the CA that it trusts. Nobody sees anything of a
 * domain whose CA or host he does not know.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/clients_internal.h"
#include "common/pure/addr.h"
#include "common/pure/text.h"

#define ANCHOR_SIZE 20 /* "ca-" and 16 hex digits */
#define KEYID_BYTES 8

/* --- which domain ---------------------------------------------------------------------------- */

static bool names(const char *anchor, const uint8_t ca_sha256[32])
{
	char own[ANCHOR_SIZE] = "ca-";

	/* The size is right. */
	(void)!text_hex_encode(own + 3, sizeof(own) - 3, ca_sha256, KEYID_BYTES);
	return strcmp(own, anchor) == 0;
}

static bool has_anchor(const struct domain *d, const char *anchor)
{
	bool found = names(anchor, d->ca_sha256);

	for (size_t i = 0; i < d->n_formers && !found; i++)
		found = names(anchor, d->formers[i].ca_sha256);
	return found;
}

static const struct urls *urls_of(const struct clients *cs)
{
	return &cs->admission->domain->row.urls;
}

struct clients *front_choose(const struct clients *front, const char *anchor,
			     struct clients *hinted)
{
	struct clients *cs = front->domains;

	while (cs && !has_anchor(cs->admission->domain, anchor))
		cs = cs->next;
	if (cs)
		return cs;
	/* Long before there were several it was enough to come here. */
	if (front->domains && !front->domains->next)
		return front->domains;
	return hinted && !hinted->closing ? hinted : NULL;
}

/* "as1.example.org:8443", "[2001:db8::1]" */
static bool is_host(struct http_str header, const char *host)
{
	struct addr ip;
	bool in_brackets = addr_parse(&ip, host) == 0 && ip.family == 6;
	char text[URL_HOST_SIZE + 3];
	struct http_str name = header;

	snprintf(text, sizeof(text), in_brackets ? "[%s]" : "%s", host);
	if (name.len < strlen(text))
		return false;
	name.len = strlen(text);
	return http_str_is_nocase(name, text) &&
	       (header.len == name.len || header.at[name.len] == ':');
}

static bool has_host(const struct clients *cs, struct http_str header)
{
	const struct urls *urls = urls_of(cs);

	for (size_t i = 0; i < urls->n; i++) {
		if (is_host(header, urls->at[i].host))
			return true;
	}
	return false;
}

struct clients *front_hint(const struct clients *front, struct http_str host)
{
	struct clients *found = NULL;

	for (struct clients *cs = front->domains; cs; cs = cs->next) {
		if (!has_host(cs, host))
			continue;
		if (found)
			return NULL;
		found = cs;
	}
	return found;
}

bool front_has_path(const struct clients *front, struct http_str path)
{
	for (const struct clients *cs = front->domains; cs; cs = cs->next) {
		const struct urls *urls = urls_of(cs);

		for (size_t i = 0; i < urls->n; i++) {
			if (http_str_is(path, urls->at[i].path))
				return true;
		}
	}
	return false;
}

struct rpc *clients_find(const struct clients *front, uint64_t number)
{
	struct client *c = NULL;

	for (const struct clients *cs = front->domains; cs && !c; cs = cs->next)
		c = client_by_number(cs, number);
	return c && c->state == CLIENT_ONLINE ? &c->rpc : NULL;
}

/* --- the outer layer's certificates ---------------------------------------------------------- */

/* Former members know the CA that it is by, newcomers the newest one. */
static void face_of(struct tls_face *face, const struct domain *d)
{
	const struct store_domain *row = &d->row;

	*face = (struct tls_face){.cert = &row->outer_cert,
				  .key = &row->access_key,
				  .ca = domain_outer_ca(d, &row->outer_cert)};
	if (face->ca && face->ca != &row->ca)
		face->newest = &row->ca;
}

/* For who names no host that is known here. */
static int make_outer(struct tls_ctx **outer, const struct domain *d)
{
	struct tls_face face;
	int rc;

	face_of(&face, d);
	rc = tls_ctx_outer_server(outer, face.cert, face.key, face.ca);
	if (rc || !face.newest)
		return rc;
	rc = tls_ctx_outer_show(*outer, face.cert, face.ca, face.newest);
	if (rc) {
		tls_ctx_free(*outer);
		*outer = NULL;
	}
	return rc;
}

static int add_faces(struct tls_ctx *outer, const struct clients *cs)
{
	const struct urls *urls = urls_of(cs);
	struct tls_face face;
	int rc = 0;

	face_of(&face, cs->admission->domain);
	for (size_t i = 0; i < urls->n && rc == 0; i++) {
		face.host = urls->at[i].host;
		rc = tls_ctx_outer_face(outer, &face);
	}
	return rc;
}

int front_use_certs(struct clients *front)
{
	const struct clients *first = front->domains;
	struct contexts *x;
	int rc;

	if (!first)
		return 0;
	x = calloc(1, sizeof(*x));
	if (!x)
		return -ENOMEM;
	rc = make_outer(&x->tls, first->admission->domain);
	for (const struct clients *cs = first; first->next && cs && rc == 0; cs = cs->next)
		rc = add_faces(x->tls, cs);
	if (rc) {
		tls_ctx_free(x->tls);
		free(x);
		return rc;
	}
	x->older = front->contexts;
	front->contexts = x;
	return 0;
}

/* --- life ------------------------------------------------------------------------------------ */

/* In the order in which they were made: the first one's certificate is shown where nobody's is
 * asked for. */
void front_add(struct clients *front, struct clients *cs)
{
	struct clients **at = &front->domains;

	while (*at && (*at)->admission->domain->row.id < cs->admission->domain->row.id)
		at = &(*at)->next;
	cs->next = *at;
	*at = cs;
}

void front_remove(struct clients *front, struct clients *cs)
{
	struct clients **at = &front->domains;

	while (*at && *at != cs)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = cs->next;
	cs->next = front->gone;
	front->gone = cs;
	if (!front->closing && front_use_certs(front) != 0)
		log_error("the certificates outside stay as they were");
}

void front_ended(struct clients *front)
{
	struct clients *next;

	if (!front->ended || front->domains)
		return;
	for (const struct clients *cs = front->gone; cs; cs = cs->next) {
		if (!cs->ended)
			return;
	}
	for (struct clients *cs = front->gone; cs; cs = next) {
		next = cs->next;
		free(cs);
	}
	free(front);
}
