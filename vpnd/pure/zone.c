/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/pure/zone.h"

#include <stdio.h>
#include <string.h>

#define TOP ".farlan"

/* What a name stands for. */
struct found {
	bool exists;
	size_t n;
	struct addr at[2];
};

const char *zone_result_name(enum zone_result r)
{
	switch (r) {
	case ZONE_ANSWERED:
		return "answered";
	case ZONE_NO_DATA:
		return "no_data";
	case ZONE_NO_NAME:
		return "no_name";
	case ZONE_REFUSED:
		return "refused";
	case ZONE_MALFORMED:
		return "malformed";
	case ZONE_RESULTS:
		break;
	}
	return "unknown";
}

void zone_set_domain(struct zone *z, const char *domain)
{
	snprintf(z->apex, sizeof(z->apex), "%.63s%s", domain, domain[0] ? TOP : "");
}

bool zone_can_name(const char *device)
{
	return device[0] && !strstr(device, "..");
}

void zone_name(const struct zone *z, const struct zone_device *d, const char *host,
	       char out[DNS_NAME_SIZE])
{
	snprintf(out, DNS_NAME_SIZE, "%s%s%s.%s", host ? host : "", host ? "." : "", d->name,
		 z->apex);
}

/* Does @name end with @end, at the beginning of a label? *n: characters before that and its dot. */
static bool ends_with(const char *name, size_t name_n, const char *end, size_t *n)
{
	size_t end_n = strlen(end);

	if (name_n <= end_n || name[name_n - end_n - 1] != '.' ||
	    memcmp(name + name_n - end_n, end, end_n) != 0)
		return false;
	*n = name_n - end_n - 1;
	return true;
}

static bool is(const char *name, size_t n, const char *text)
{
	return strlen(text) == n && memcmp(name, text, n) == 0;
}

bool zone_hides(const struct zone *z, const struct zone_device *d, const char *host)
{
	size_t n;

	for (size_t i = 0; i < ZONE_DEVICES_MAX; i++) {
		const struct zone_device *other = z->at[i];

		if (other && ends_with(other->name, strlen(other->name), d->name, &n) &&
		    is(other->name, n, host))
			return true;
	}
	return false;
}

static void add(struct found *f, const struct addr *a)
{
	f->exists = true;
	if (a->family && f->n < 2)
		f->at[f->n++] = *a;
}

static void find_host(const struct zone_device *d, const char *name, size_t n, struct found *f)
{
	for (size_t i = 0; i < d->hosts.n; i++) {
		if (is(name, n, d->hosts.at[i].name))
			add(f, &d->hosts.at[i].addr);
	}
}

/* @name, @n: below the apex. */
static void find(const struct zone *z, const char *name, size_t n, struct found *f)
{
	const struct zone_device *d;
	size_t left;

	for (size_t i = 0; i < ZONE_DEVICES_MAX; i++) {
		d = z->at[i];
		if (d && is(name, n, d->name)) {
			add(f, &d->ipv4);
			add(f, &d->ipv6);
			return;
		}
	}
	for (size_t i = 0; i < ZONE_DEVICES_MAX && f->n == 0; i++) {
		d = z->at[i];
		if (d && ends_with(name, n, d->name, &left))
			find_host(d, name, left, f);
	}
}

/* Something is below it, as below "b" if there is a device "a.b": such a name is there (RFC 8020).
 */
static bool has_below(const struct zone *z, const char *name, size_t n)
{
	char end[DNS_NAME_SIZE];
	size_t left;

	snprintf(end, sizeof(end), "%.*s", (int)n, name);
	for (size_t i = 0; i < ZONE_DEVICES_MAX; i++) {
		if (z->at[i] && ends_with(z->at[i]->name, strlen(z->at[i]->name), end, &left))
			return true;
	}
	return false;
}

/* --- answers --------------------------------------------------------------------------------- */

static enum zone_result nothing(struct dns_reply *r, const struct zone *z, bool exists)
{
	dns_reply_soa(r, z->apex, ZONE_NEGATIVE_TTL_S, false);
	return exists ? ZONE_NO_DATA : ZONE_NO_NAME;
}

static enum zone_result answer_apex(struct dns_reply *r, const struct zone *z)
{
	if (r->q->type != DNS_SOA && r->q->type != DNS_ANY)
		return nothing(r, z, true);
	dns_reply_soa(r, z->apex, ZONE_NEGATIVE_TTL_S, true);
	return ZONE_ANSWERED;
}

static enum zone_result answer_below(struct dns_reply *r, const struct zone *z, const char *name,
				     size_t n)
{
	struct found f = {.n = 0};
	bool any = r->q->type == DNS_ANY, said = false;

	find(z, name, n, &f);
	if (!f.exists)
		return nothing(r, z, has_below(z, name, n));
	if (any) {
		dns_reply_minimal(r, ZONE_TTL_S);
		return ZONE_ANSWERED;
	}
	for (size_t i = 0; i < f.n; i++) {
		if (r->q->type != (f.at[i].family == 4 ? DNS_A : DNS_AAAA))
			continue;
		dns_reply_addr(r, &f.at[i], ZONE_TTL_S);
		said = true;
	}
	return said ? ZONE_ANSWERED : nothing(r, z, true);
}

/* --- the names of an address ----------------------------------------------------------------- */

static bool is_behind(const struct zone_device *d, const struct addr *a)
{
	for (size_t i = 0; i < d->n_lans; i++) {
		if (prefix_contains(&d->lans[i], a))
			return true;
	}
	return false;
}

/* Return: how many it is said to have, all in all. */
static size_t add_names(struct dns_reply *r, const struct zone *z, const struct zone_device *d,
			const struct addr *a, size_t n)
{
	bool said = r->q->type == DNS_PTR;
	char name[DNS_NAME_SIZE];

	if (addr_equal(&d->ipv4, a) || addr_equal(&d->ipv6, a)) {
		zone_name(z, d, NULL, name);
		if (said)
			dns_reply_ptr(r, name, ZONE_TTL_S);
		n++;
	}
	for (size_t i = 0; i < d->hosts.n && n < ZONE_NAMES_MAX; i++) {
		if (!addr_equal(&d->hosts.at[i].addr, a) || zone_hides(z, d, d->hosts.at[i].name))
			continue;
		zone_name(z, d, d->hosts.at[i].name, name);
		if (said)
			dns_reply_ptr(r, name, ZONE_TTL_S);
		n++;
	}
	return n;
}

/* No SOA with what is not there: nobody is to remember it, the zone is not ours as a whole. */
static enum zone_result answer_reverse(struct dns_reply *r, const struct zone *z,
				       const struct addr *a)
{
	bool known = false;
	size_t n = 0;

	for (size_t i = 0; i < ZONE_DEVICES_MAX; i++) {
		if (!z->at[i])
			continue;
		known = known || is_behind(z->at[i], a);
		n = add_names(r, z, z->at[i], a, n);
	}
	if (n == 0)
		return known ? ZONE_NO_NAME : ZONE_REFUSED;
	if (r->q->type == DNS_ANY)
		dns_reply_minimal(r, ZONE_TTL_S);
	return r->q->type == DNS_PTR || r->q->type == DNS_ANY ? ZONE_ANSWERED : ZONE_NO_DATA;
}

/* --- all together ---------------------------------------------------------------------------- */

static enum zone_result answer(struct dns_reply *r, const struct zone *z)
{
	const struct dns_query *q = r->q;
	size_t n = strlen(q->name);
	struct addr a;

	if (q->wrong != DNS_NOERROR)
		return ZONE_MALFORMED;
	if (!z->apex[0] || q->class != DNS_CLASS_IN || q->type == DNS_AXFR || q->type == DNS_IXFR)
		return ZONE_REFUSED;
	if (is(q->name, n, z->apex))
		return answer_apex(r, z);
	if (ends_with(q->name, n, z->apex, &n))
		return answer_below(r, z, q->name, n);
	return dns_reverse(&a, q->name) == 0 ? answer_reverse(r, z, &a) : ZONE_REFUSED;
}

enum zone_result zone_answer(const struct zone *z, const struct dns_query *q, bool tcp,
			     uint8_t *out, size_t size, size_t *n)
{
	static const enum dns_rcode rcodes[ZONE_RESULTS] = {
		[ZONE_NO_NAME] = DNS_NXDOMAIN, [ZONE_REFUSED] = DNS_REFUSED};
	size_t limit = dns_reply_limit(q, tcp);
	enum zone_result result;
	struct dns_reply r;

	dns_reply_begin(&r, q, out, limit < size ? limit : size);
	result = answer(&r, z);
	*n = dns_reply_end(&r, result == ZONE_MALFORMED ? q->wrong : rcodes[result]);
	return result;
}
