/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * x509_leaf - what a server's certificate says, whoever signed it and whatever its key is.
 */
#ifndef FARLAN_X509_LEAF_H
#define FARLAN_X509_LEAF_H

#include "common/io/x509.h"

#define X509_LEAF_MAX_BYTES 16384
#define X509_LEAF_HOSTS_MAX 100

struct x509_leaf {
	int64_t not_after; /* Unix seconds */
	size_t n_hosts;	   /* X509_LEAF_HOSTS_MAX of them at most */
	char hosts[X509_LEAF_HOSTS_MAX]
		  [URL_HOST_SIZE]; /* names (with "*.") and numeric addresses */
};

/** x509_leaf_read() - Return: 0; -EBADMSG. */
int x509_leaf_read(struct x509_leaf *leaf, const uint8_t *der, size_t len)
	__attribute__((warn_unused_result));
/** x509_leaf_read_pem() - the first certificate of @pem. Return: 0; -EBADMSG; -ENOMEM. */
int x509_leaf_read_pem(struct x509_leaf *leaf, const char *pem, size_t len)
	__attribute__((warn_unused_result));
/** x509_leaf_names() - is it good for @host? A wildcard stands for one whole label (RFC 6125
 * section 6.4.3). */
bool x509_leaf_names(const struct x509_leaf *leaf, const char *host);

#endif
