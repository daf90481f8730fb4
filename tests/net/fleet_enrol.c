/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fleet_enrol - a domain with many members, as if all had been enrolled: for fleet.
 *
 *   fleet_enrol STATE FILE URL MANAGERS DEVICES
 *
 * The database in STATE (of no accessd that runs) gets a new domain with one relay, so many
 * managers and devices, through accessd's own store; each has a key of its own and a certificate by
 * the domain's CA. FILE gets their keys.
 */
#include <stdio.h>
#include <string.h>

#include "accessd/domain.h"
#include "accessd/store_tree.h"
#include "common/io/file.h"
#include "common/io/log.h"
#include "common/io/tls.h"
#include "tests/net/fleet.h"
#include "tests/net/process.h"

#define DOMAIN_NAME "fleet.test"
#define LIFE_S (30 * DOMAIN_DAY_S)

struct enrolling {
	struct store *store;
	struct domain domain;
	FILE *out;
	uint32_t hosts;
};

static void must(int rc, const char *what)
{
	if (rc != 0)
		die(what, rc < 0 ? strerror(-rc) : "");
}

static struct public_key make_key(struct fleet_record *r)
{
	struct public_key key;

	must(x509_key_generate(&r->key), "no key: ");
	must(x509_spki(&r->key, key.spki, sizeof(key.spki), &key.len), "no public key: ");
	x509_sha256(key.spki, key.len, key.sha256);
	return key;
}

static void add(struct enrolling *e, enum ident_kind kind, const char *name)
{
	int64_t now = clock_wall_s();
	struct store_member m = {
		.domain = e->domain.row.id, .kind = kind, .state = STORE_ENROLLED, .created = now};
	struct store_endpoint x = {.domain = e->domain.row.id, .has_key = true};
	struct fleet_record r = {.name = ""};
	struct public_key key = make_key(&r);

	domain_uid(m.uid);
	snprintf(m.name, sizeof(m.name), "%s", name);
	snprintf(r.name, sizeof(r.name), "%s", name);
	if (kind == IDENT_RELAY)
		m.urls = e->domain.row.urls;
	r.id = domain_ident(&e->domain, kind, m.uid);
	must(domain_issue(&e->domain, &r.id, &key, now, now + LIFE_S, &r.cert), "no certificate: ");
	must(store_member_add(e->store, &m), "the member is not stored: ");
	x.member = m.id;
	x.host = kind == IDENT_RELAY ? 0 : ++e->hosts;
	x.expires = kind == IDENT_USER ? now + LIFE_S : 0;
	x.cert = r.cert;
	memcpy(x.key_sha256, key.sha256, sizeof(x.key_sha256));
	must(store_endpoint_add(e->store, &x), "the endpoint is not stored: ");
	if (fwrite(&r, sizeof(r), 1, e->out) != 1)
		die("the file of keys cannot be written", "");
}

static void add_many(struct enrolling *e, enum ident_kind kind, const char *prefix, size_t n)
{
	char name[FLEET_NAME_SIZE];

	for (size_t i = 1; i <= n; i++) {
		snprintf(name, sizeof(name), "%s%05zu", prefix, i);
		add(e, kind, name);
	}
}

/* As `accessctl permission allow everyone connect /`. */
static void permit(const struct enrolling *e)
{
	int64_t domain = e->domain.row.id;
	struct permit_rule rule = {.is_group = true, .what = PERMIT_CONNECT, .allow = true};
	struct store_folder root;
	struct store_group everyone;

	must(store_folder_find(e->store, domain, "/", &root), "no root: ");
	must(store_group_find(e->store, domain, "everyone", &everyone), "no group: ");
	rule.folder = root.id;
	rule.subject = everyone.id;
	must(store_permission_set(e->store, domain, &rule), "not permitted: ");
}

int main(int argc, char **argv)
{
	static struct enrolling e;
	struct fleet_header head = {.n_managers = 0};
	struct urls urls = {.n = 1};

	log_init(LOG_WARN);
	if (argc != 6) {
		fputs("usage: fleet_enrol STATE FILE URL MANAGERS DEVICES\n", stderr);
		return 2;
	}
	head.n_managers = number(argv[4], 1, FLEET_MAX);
	head.n_devices = number(argv[5], 1, FLEET_MAX);
	must(tls_global_init(), "the TLS library does not start: ");
	must(url_parse(&head.url, argv[3]), "not a URL: ");
	urls.at[0] = head.url;
	must(store_open(&e.store, argv[1]), "the database cannot be opened: ");
	must(domain_create(&e.domain, e.store, DOMAIN_NAME, &urls, clock_wall_s()), "no domain: ");
	head.ca = e.domain.row.ca;
	e.out = fopen(argv[2], "wx");
	if (!e.out || fwrite(&head, sizeof(head), 1, e.out) != 1)
		die("cannot write ", argv[2]);
	must(store_begin(e.store), "no transaction: ");
	permit(&e);
	add_many(&e, IDENT_RELAY, "relay", FLEET_RELAYS);
	add_many(&e, IDENT_USER, "user", head.n_managers);
	add_many(&e, IDENT_DEVICE, "device", head.n_devices);
	must(store_commit(e.store), "not stored: ");
	if (fclose(e.out) != 0)
		die("cannot write ", argv[2]);
	domain_wipe(&e.domain);
	store_close(e.store);
	return 0;
}
