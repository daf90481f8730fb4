/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * verdict - can Farlan come up in this network, and if not, what has to be allowed? From what was
 * seen of each way. Pure.
 */
#ifndef FARLAN_VERDICT_H
#define FARLAN_VERDICT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VERDICT_TEXT_SIZE 640
#define VERDICT_WAYS_MAX 512
#define VERDICT_PORTS_MAX 8

/* One port at one address of a server or relay. */
struct verdict_way {
	const char *name; /* borrowed: "as1.lab" */
	bool access;	  /* an Access Server; else a relay */
	bool both;	  /* a relay that has an Access Server behind it */
	bool good;	  /* one of ours answered */
	bool portal;	  /* answered like a captive portal */
	bool proxy;	  /* by the HTTP proxy */
	uint16_t port;
};

struct verdict_in {
	size_t n;
	const struct verdict_way *ways;
	const char *portal_url; /* where it leads; "" unknown */
	size_t n_ports;
	uint16_t ports[VERDICT_PORTS_MAX]; /* that are tried, in order */
	bool no_names;			   /* no name could be resolved, and no address is known */
	/* TLS to this host is opened on the way, which is not wanted here; NULL: it is not, or may
	 * be. Ways that are so are not good. */
	const char *inspected;
	uint32_t passes; /* packets that are larger vanish; 0: none do */
	/* What else stands in the way, in words; NULL: nothing. */
	const char *obstacle;
};

struct verdict {
	bool up;
	char text[VERDICT_TEXT_SIZE]; /* one line */
};

/** verdict_decide() - @allow: as for allow_text(), names what to allow. */
void verdict_decide(const struct verdict_in *in, const json_t *allow, struct verdict *v);

/**
 * allow_text() - for the customer's IT, ready to be mailed. @allow: [{name, addresses: [...],
 * ports:
 * [...], protocol, why}]. Return: from malloc; NULL no memory.
 */
char *allow_text(const json_t *allow);

#endif
