/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * proxy - which HTTP proxy is used, and for which hosts it is not. Pure.
 */
#ifndef FARLAN_PROXY_H
#define FARLAN_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/pure/addr.h"
#include "common/pure/url.h"

#define PROXY_LOGIN_SIZE 128 /* user name, password; with NUL */
#define PROXY_HOST_PORT_SIZE (URL_HOST_SIZE + 10)
#define PROXY_TEXT_SIZE (URL_HOST_SIZE + 3 * PROXY_LOGIN_SIZE + 40)
#define PROXY_EXCEPT_MAX 64

struct proxy {
	char host[URL_HOST_SIZE]; /* lower case, or an address without brackets; "": none */
	uint16_t port;
	/* "": none was given; percent-decoded. A user without a password is possible. */
	char user[PROXY_LOGIN_SIZE], password[PROXY_LOGIN_SIZE];
};

/**
 * proxy_parse() - "http://[USER[:PASSWORD]@]HOST[:PORT]", the scheme may be left out, a closing
 * slash may be there; without PORT it is 80. User and password are percent-encoded (RFC 3986).
 * Return: NULL; what is wrong, in words that do not repeat the text: there may be a password in it.
 */
const char *proxy_parse(struct proxy *p, const char *text) __attribute__((warn_unused_result));
/** proxy_format() - as a URL with **** for the password. */
void proxy_format(const struct proxy *p, char out[PROXY_TEXT_SIZE]);
/** proxy_host_port() - "proxy.example.org:3128", "[2001:db8::1]:3128"; of any host. */
void proxy_host_port(const char *host, uint16_t port, char out[PROXY_HOST_PORT_SIZE]);
void proxy_wipe(struct proxy *p);

/* no_proxy: hosts that are reached directly. */
struct proxy_except {
	size_t n;
	struct proxy_exception {
		uint16_t port; /* 0: every one */
		bool is_name;
		char name[URL_HOST_SIZE]; /* without leading dot; "": every host */
		struct prefix prefix;	  /* no name */
	} at[PROXY_EXCEPT_MAX];
};

/**
 * proxy_except_parse() - a list with commas or blanks between: a name, with or without a leading
 * dot or "*." (it and what is below it), "*" (all), an address, a prefix; each may have :PORT
 * behind (IPv6 in brackets then).
 * What is not understood is left out. Return: NULL; what was left out, in words that are valid
 * until the next call in this thread.
 */
const char *proxy_except_parse(struct proxy_except *e, const char *text)
	__attribute__((warn_unused_result));
/** proxy_except_format() - cut to fit. */
void proxy_except_format(const struct proxy_except *e, char *out, size_t out_size);
/** proxy_excepts() - is @host (as of url.h) reached directly on @port? */
bool proxy_excepts(const struct proxy_except *e, const char *host, uint16_t port);

#endif
