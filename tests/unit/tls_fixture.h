/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tls_fixture - what the tests of the two layers share: a domain with its identities, and a
 * loop with loopback sockets.
 */
#ifndef FARLAN_TLS_FIXTURE_H
#define FARLAN_TLS_FIXTURE_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "common/io/file.h"
#include "common/io/tls.h"
#include "common/io/x509.h"
#include "tests/unit/pure_test.h"

#define DAY_S 86400

struct fix_ca {
	char domain[IDENT_DOMAIN_SIZE];
	struct x509_key key;
	struct x509_cert cert;
};

struct fix_id {
	struct ident id;
	struct x509_key key;
	struct x509_cert cert;
	uint8_t key_sha256[32];
};

static inline void fix_ca_make(struct fix_ca *ca, const char *domain)
{
	int64_t now = clock_wall_s();

	snprintf(ca->domain, sizeof(ca->domain), "%s", domain);
	assert_int_equal(x509_key_generate(&ca->key), 0);
	assert_int_equal(x509_ca_make(&ca->cert, &ca->key, domain, now - DAY_S, now + 365 * DAY_S),
			 0);
}

/* Certificate by @ca for @key, as @profile says. */
static inline void fix_sign(const struct fix_ca *ca, const struct x509_profile *profile,
			    const struct x509_key *key, struct x509_cert *cert)
{
	uint8_t spki[256];
	size_t n;

	assert_int_equal(x509_spki(key, spki, sizeof(spki), &n), 0);
	assert_int_equal(x509_issue(cert, profile, spki, n, &ca->cert, &ca->key), 0);
}

static inline void fix_key_sha256(const struct x509_key *key, uint8_t out[32])
{
	uint8_t spki[256];
	size_t n;

	assert_int_equal(x509_spki(key, spki, sizeof(spki), &n), 0);
	x509_sha256(spki, n, out);
}

/* An identity of @ca's domain whose UID is 32 times the digit @uid; valid from @from_s to @to_s
 * after now. */
static inline void fix_id_make_dated(struct fix_id *f, const struct fix_ca *ca,
				     enum ident_kind kind, char uid, int64_t from_s, int64_t to_s)
{
	struct x509_profile profile = {
		.id = &f->id,
		.server = true,
		.client = true,
		.not_before = clock_wall_s() + from_s,
		.not_after = clock_wall_s() + to_s,
	};

	memset(&f->id, 0, sizeof(f->id));
	memcpy(f->id.domain, ca->domain, sizeof(f->id.domain));
	f->id.kind = kind;
	memset(f->id.uid, uid, IDENT_UID_SIZE - 1);
	file_random(profile.serial, sizeof(profile.serial));
	assert_int_equal(x509_key_generate(&f->key), 0);
	fix_sign(ca, &profile, &f->key, &f->cert);
	fix_key_sha256(&f->key, f->key_sha256);
}

static inline void fix_id_make(struct fix_id *f, const struct fix_ca *ca, enum ident_kind kind,
			       char uid)
{
	fix_id_make_dated(f, ca, kind, uid, -3600, DAY_S);
}

/* An outer certificate for the given names (comma-separated). */
static inline void fix_host_cert(const struct fix_ca *ca, const char *names,
				 const struct x509_key *key, struct x509_cert *cert)
{
	struct x509_profile profile = {
		.server = true,
		.not_before = clock_wall_s() - 3600,
		.not_after = clock_wall_s() + DAY_S,
	};
	char copy[512], *save = NULL;

	snprintf(copy, sizeof(copy), "%s", names);
	for (char *at = strtok_r(copy, ",", &save); at; at = strtok_r(NULL, ",", &save))
		snprintf(profile.hosts[profile.n_hosts++], sizeof(profile.hosts[0]), "%s", at);
	file_random(profile.serial, sizeof(profile.serial));
	fix_sign(ca, &profile, key, cert);
}

/* A listening socket on 127.0.0.1, any port. */
static inline int fix_listen(struct sockaddr_storage *addr)
{
	struct sockaddr_in *a = (struct sockaddr_in *)addr;
	socklen_t len = sizeof(*a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memset(addr, 0, sizeof(*addr));
	a->sin_family = AF_INET;
	a->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)a, len), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)a, &len), 0);
	return fd;
}

static inline uint16_t fix_port(const struct sockaddr_storage *addr)
{
	return ntohs(((const struct sockaddr_in *)addr)->sin_port);
}

static inline void fix_on_limit(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

/* Run the loop until *@done, or for @ms at most. Return: *@done (a @done of NULL is never). */
static inline bool fix_run(uv_loop_t *loop, const bool *done, unsigned int ms)
{
	bool over = false;
	uv_timer_t timer;

	uv_timer_init(loop, &timer);
	timer.data = &over;
	uv_timer_start(&timer, fix_on_limit, ms, 0);
	while (!over && !(done && *done))
		uv_run(loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(loop, UV_RUN_NOWAIT);
	return done && *done;
}

/* All is closed: run what is left, and the loop must be empty. */
static inline void fix_loop_end(uv_loop_t *loop)
{
	uint64_t until = clock_mono_ms() + 10000;

	while (uv_run(loop, UV_RUN_NOWAIT) != 0 && clock_mono_ms() < until)
		usleep(500);
	assert_int_equal(uv_loop_close(loop), 0);
}

#endif
