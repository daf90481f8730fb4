/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * port_seen - what a port of a server answers, and what to say of it. Pure.
 *
 * Who asks connects, greets by TLS, and asks GET /v1/probe in it; where there is no TLS, the same
 * in clear. What came is put together here.
 */
#ifndef FARLAN_PORT_SEEN_H
#define FARLAN_PORT_SEEN_H

#include "common/pure/finding.h"

enum port_tcp {
	PORT_OPEN,
	PORT_REFUSED,	/* a reset, or an ICMP message that says so */
	PORT_NO_ANSWER, /* dropped on the way, or nobody has the address */
	PORT_NO_WAY,	/* no route here, or a router says that there is none */
	PORT_FORBIDDEN, /* this host's own firewall */
	PORT_ERROR,
};

enum port_who {
	PORT_NOBODY, /* it took the connection and said nothing */
	PORT_FARLAN,
	PORT_HTTP,
	PORT_TLS, /* TLS, with no HTTP in it */
	PORT_OTHER,
};

#define PORT_ANSWER_MAX_BYTES 8192
#define PORT_PROBLEM_SIZE 160

struct port_seen {
	enum port_tcp tcp;
	int error;	    /* errno, if not PORT_OPEN */
	bool tls, verified; /* there was a handshake; its certificate is good for the name */
	bool inspected;	    /* somebody else's certificate, not only a wrong date */
	char problem[PORT_PROBLEM_SIZE]; /* why it is not verified, or TLS did not come about */
	char subject[80], issuer[80];	 /* of its certificate */
	char tls_version[16];
	enum port_who who;
	char program[24], version[24]; /* PORT_FARLAN */
	int status;		       /* PORT_HTTP */
	char location[200], server[64];
	char first[48]; /* PORT_OTHER: how it begins */
	bool cut;	/* PORT_NOBODY: it closed or reset the connection */
	bool silent;	/* it was waited for until the deadline */
	uint32_t connect_ms, ms;
	uint32_t pmtu; /* as the kernel knows it after the answer; 0: unknown */
};

/**
 * port_seen_take() - what came as an answer to GET /v1/probe, or in place of TLS.
 * @end: nothing more will come.
 * Return: 0, @s says who it is; -EAGAIN more is needed.
 */
int port_seen_take(struct port_seen *s, const uint8_t *bytes, size_t len, bool end)
	__attribute__((warn_unused_result));

/** port_seen_good() - one of us. */
bool port_seen_good(const struct port_seen *s);
/** port_seen_portal() - this is how a captive portal answers in the name of others: a redirect, or
 * a page, in clear. */
bool port_seen_portal(const struct port_seen *s);
/** port_seen_stuck() - it is open, and falls silent when packets become large. */
bool port_seen_stuck(const struct port_seen *s);

/** port_seen_say() - state, text and todo of a line about it. @six: an IPv6 address. */
void port_seen_say(const struct port_seen *s, bool six, struct finding *f);

#endif
