/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * accessd_fixture - a domain in a folder of its own, for tests of accessd. Include cmocka before.
 */
#ifndef FARLAN_ACCESSD_FIXTURE_H
#define FARLAN_ACCESSD_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/admission.h"

#define FIXTURE_NOW INT64_C(1800000000)
#define FIXTURE_DAY INT64_C(86400)

struct fixture {
	char dir[64];
	struct store *store;
	struct domain domain;
	struct admission admission;
};

static inline void fixture_dir(char dir[64])
{
	snprintf(dir, 64, "/tmp/farlan-access-XXXXXX");
	assert_non_null(mkdtemp(dir));
}

static inline void fixture_remove(const char *dir)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	assert_int_equal(system(cmd), 0); /* NOLINT(cert-env33-c): a fixed command of this test */
}

static inline void fixture_open(struct fixture *f)
{
	struct urls urls = {.n = 2};

	memset(f, 0, sizeof(*f));
	fixture_dir(f->dir);
	assert_int_equal(store_open(&f->store, f->dir), 0);
	assert_int_equal(url_parse(&urls.at[0], "https://as1.lab.example"), 0);
	assert_int_equal(url_parse(&urls.at[1], "https://192.0.2.1:8443"), 0);
	assert_int_equal(domain_create(&f->domain, f->store, "lab.example", &urls, FIXTURE_NOW), 0);
	f->admission = (struct admission){.store = f->store,
					  .domain = &f->domain,
					  .login_s = FIXTURE_DAY,
					  .identity_s = 300 * FIXTURE_DAY};
}

static inline void fixture_close(struct fixture *f)
{
	store_close(f->store);
	fixture_remove(f->dir);
}

#endif
