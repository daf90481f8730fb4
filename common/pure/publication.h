/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * publication - what is to be said of a server as the world sees it. Pure.
 */
#ifndef FARLAN_PUBLICATION_H
#define FARLAN_PUBLICATION_H

#include "common/pure/finding.h"

/* An attempt to open a WebSocket at a server of ours by its public name. */
struct publication_ws {
	bool access;	    /* an Access Server's path; else a relay's, without a token */
	bool opened;	    /* 101, and nothing went wrong behind it */
	const char *reason; /* else: how it ended, as outer says: "server answered 404: ..." */
};

/** publication_ws_say() - does it pass, and if not, what at the proxy is to be mended? */
void publication_ws_say(const struct publication_ws *w, struct finding *f);

/* A certificate that was shown. */
struct publication_cert {
	const char *subject, *issuer;
	bool domain_ca; /* signed by the domain's own */
	bool verified;	/* by the domain's or a known CA, and for the name */
	const char *problem;
	size_t n_chain;	   /* how many came */
	int64_t not_after; /* Unix seconds */
};

/** publication_cert_say() - @now: Unix seconds. */
void publication_cert_say(const struct publication_cert *c, int64_t now, struct finding *f);

/** publication_idle_say() - how long an idle connection was left alone: @ms; @cut: then it was cut.
 */
void publication_idle_say(uint32_t ms, bool cut, struct finding *f);

#endif
