/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hello - whom a TLS client wants to speak to, read from the first thing that it says (RFC 8446
 * section 4.1.2), before there is an engine that could answer: which domain's it has to be depends
 * on that. Pure.
 */
#ifndef FARLAN_HELLO_H
#define FARLAN_HELLO_H

#include <stddef.h>

#define HELLO_NAME_SIZE 64 /* longer names are none of ours */

/**
 * hello_server_name() - the host name in server_name (RFC 6066 section 3).
 * @in: what came so far, from the first byte of the connection on; borrowed.
 * Return: 0; -EAGAIN its first record is not whole yet; -ENOENT it says none, or one of ours
 * cannot be it (too long, not printable, a ClientHello in several records).
 */
int hello_server_name(const void *in, size_t len, char name[HELLO_NAME_SIZE])
	__attribute__((warn_unused_result));

#endif
