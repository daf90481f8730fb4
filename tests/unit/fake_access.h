/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fake_access - an Access Server for one relay, in the test's process: it enrols whoever comes,
 * answers hello, and says what the test wants.
 */
#ifndef FARLAN_TESTS_FAKE_ACCESS_H
#define FARLAN_TESTS_FAKE_ACCESS_H

#include <uv.h>

#include "common/io/inner.h"
#include "common/io/rpc.h"
#include "common/pure/invite.h"
#include "common/pure/usage.h"
#include "tests/unit/relay_ends.h"

struct fake_report {
	int64_t sessions, max_sessions, bytes_per_s, capacity, loop_lag_ms;
	bool draining;
};

struct fake_access {
	uv_loop_t *loop;
	struct domain *domain;
	struct x509_key key;
	struct x509_cert cert, outer_cert;
	struct tls_ctx *outer, *inner;
	uv_poll_t accepting;
	int fd;
	uint16_t port;
	struct fake_conn *conn; /* the last one that said hello */
	unsigned int enrolled, hellos, open;
	unsigned int reports;
	struct fake_report report; /* the last one */
	unsigned int usages;	   /* records that came */
	struct usage usage;	   /* the last one */
	bool away;		   /* connections are closed at once */
	bool refuse;		   /* enrol is answered with an error */
	const char *name;	   /* of the relay */
};

void fake_access_open(struct fake_access *f, uv_loop_t *loop, struct domain *d);
void fake_access_close(struct fake_access *f);
/** fake_access_invite() - an invitation to it. */
void fake_access_invite(const struct fake_access *f, enum ident_kind kind,
			char out[INVITE_TEXT_SIZE]);
/** fake_access_notify() - to the relay that said hello last; @params: taken. */
void fake_access_notify(struct fake_access *f, const char *method, json_t *params);
/** fake_access_leave() - close what is open, take nothing any more. */
void fake_access_leave(struct fake_access *f);
/** fake_access_keys() - the domain's token key as `token_keys`. */
json_t *fake_access_keys(const struct fake_access *f);

#endif
