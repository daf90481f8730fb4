/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * url - server addresses: https://HOST[:PORT][/PATH] (RFC 3986). Pure.
 */
#ifndef FARLAN_URL_H
#define FARLAN_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define URL_HOST_SIZE 256
#define URL_PATH_SIZE 128
#define URL_TEXT_SIZE (URL_HOST_SIZE + URL_PATH_SIZE + 20)

struct url {
	char host[URL_HOST_SIZE]; /* name in lower case, or an address without brackets */
	bool is_address;	  /* host is a numeric address */
	uint16_t port;		  /* 0: none given, the default ports are tried */
	char path[URL_PATH_SIZE]; /* "" or "/x/y", no closing slash */
};

/**
 * url_parse() - https only; no user part, query, fragment, empty or dot segments. The host is
 * brought to one spelling: lower case, canonical address.   Return: 0; -EINVAL.
 */
int url_parse(struct url *u, const char *text) __attribute__((warn_unused_result));
void url_format(const struct url *u, char out[URL_TEXT_SIZE]);
/**
 * url_host_header() - HOST, or HOST:PORT if @port is not 443; IPv6 addresses in brackets.
 * Return: 0; -ENOSPC.
 */
int url_host_header(const struct url *u, uint16_t port, char *out, size_t out_size)
	__attribute__((warn_unused_result));

#endif
