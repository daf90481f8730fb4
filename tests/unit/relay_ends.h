/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * relay_ends - the ends of a session for tests of the relay: a small domain (CA, a relay's
 * certificate, a token key), and clients that send and check a counter stream.
 */
#ifndef FARLAN_TESTS_RELAY_ENDS_H
#define FARLAN_TESTS_RELAY_ENDS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "common/io/outer.h"
#include "common/io/x509.h"
#include "common/pure/token.h"

#define ENDS_RELAY_URI "farlan://lab/relay/0123456789abcdef0123456789abcdef"

struct domain {
	struct x509_key ca_key, relay_key;
	struct x509_cert ca, outer_cert;
	struct ident relay;
	uint8_t secret[PASETO_SECRET_BYTES];
	struct token_key key;
	struct tls_ctx *client, *server; /* outer */
};

void domain_make(struct domain *d);
void domain_free(struct domain *d);

struct claims {
	unsigned int session; /* a number, see domain_session_id() */
	enum token_role role;
	const char *relay;    /* URI; NULL: the domain's relay */
	int64_t from_s, to_s; /* seconds from now */
	uint64_t rate;	      /* bytes a second, 0: none */
	const char *user;     /* NULL: none */
	uint64_t user_rate;
};

void domain_token(const struct domain *d, const struct claims *c, char out[PASETO_TOKEN_SIZE]);
void domain_session_id(unsigned int session, uint8_t id[TOKEN_SESSION_BYTES]);

/* One leg, seen from its far end. */
struct end {
	struct outer *o;		 /* NULL: closed */
	bool open, closed, clean, wrong; /* wrong: a byte that was not the next one */
	bool finish;			 /* when all is sent */
	char reason[OUTER_REASON_SIZE];
	unsigned int hints;
	uint16_t hint_arg; /* of the last one */
	uint8_t tag;	   /* of the stream that it sends */
	uint8_t peer_tag;  /* of the stream that it expects */
	uint64_t goal, sent, received;
	uint64_t noise;
};

/** end_dial() - @headers as in outer_target. */
void end_dial(struct end *e, uv_loop_t *loop, const struct domain *d, uint16_t port,
	      const char *path, const char *headers);
/** end_send() - raise the goal by @n bytes and send as the queue allows. */
void end_send(struct end *e, uint64_t n);
void end_close(struct end *e);

/** ends_byte() - the byte at @at of the stream @tag. */
uint8_t ends_byte(uint8_t tag, uint64_t at);

/* A client by hand: TLS to port, then whatever the test wants to say. Blocks never: step it. */
struct hand {
	int fd;
	bool shaken, eof;
	struct buf in, out;
	struct tls tls;
	char got[2048]; /* plaintext, NUL-terminated */
	size_t n_got;
};

void hand_open(struct hand *h, const struct domain *d, uint16_t port);
/** hand_say() - once shaken. */
void hand_say(struct hand *h, const void *bytes, size_t n);
void hand_step(struct hand *h);
void hand_close(struct hand *h);

#endif
