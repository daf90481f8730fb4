/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ca_link - one domain CA says which one comes after it: "who trusts me may trust this one". Links
 * are kept for ever and have no dates, so who was away for years follows them one by one.
 * Frozen: clients of any age follow them. Source: docs/PROTOCOL.md, section 3.1.
 */
#ifndef FARLAN_CA_LINK_H
#define FARLAN_CA_LINK_H

#include <jansson.h>

#include "common/io/x509.h"

#define CA_LINKS_MAX 16 /* in a row */

/* A signature, by a CA's key. */
struct ca_link {
	size_t len;
	uint8_t der[X509_SIGNATURE_MAX_BYTES];
};

/** ca_link_make() - the CA @from (with @key) names its successor @to. Return: 0; -EIO. */
int ca_link_make(struct ca_link *link, const struct x509_cert *from, const struct x509_key *key,
		 const struct x509_cert *to) __attribute__((warn_unused_result));

/** ca_link_check() - is @link the word of CA @from for the CA @to? Return: 0; -EKEYREJECTED. */
int ca_link_check(const struct ca_link *link, const struct x509_cert *from,
		  const struct x509_cert *to) __attribute__((warn_unused_result));

/** ca_link_to_json() - one of a list: the successor, and the word for it. NULL: no memory. */
json_t *ca_link_to_json(const struct ca_link *link, const struct x509_cert *to);

/**
 * ca_links_follow() - go from the CA @from along the list, from the peer.
 * @out: the last CA of the list; @from if the list is empty or absent. Set on success only.
 * Return: 0; -EBADMSG malformed; -EKEYREJECTED a link is not the word of the CA before it.
 */
int ca_links_follow(const struct x509_cert *from, const json_t *list, struct x509_cert *out)
	__attribute__((warn_unused_result));

#endif
