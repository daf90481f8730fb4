/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What domain.c (issuing, creation) and domain_roll.c (new CAs and token keys) share. */
#ifndef FARLAN_DOMAIN_INTERNAL_H
#define FARLAN_DOMAIN_INTERNAL_H

#include "accessd/domain.h"

/* Who signs. */
struct domain_ca {
	const struct x509_cert *cert;
	const struct x509_key *key;
};

int domain_sign(const struct domain_ca *by, struct x509_profile *p, const struct public_key *key,
		int64_t now, int64_t not_after, struct x509_cert *cert)
	__attribute__((warn_unused_result));
int domain_sign_ident(const struct domain_ca *by, const struct ident *id,
		      const struct public_key *key, int64_t now, int64_t not_after,
		      struct x509_cert *cert) __attribute__((warn_unused_result));
/** domain_own_key() - this server's identity and public key. */
int domain_own_key(const struct store_domain *row, struct ident *id, struct public_key *key)
	__attribute__((warn_unused_result));
/** domain_issue_access() - its identity, by the domain's CA. domain_issue_own() - its outer
 * certificate, too; @d NULL: no former CA counts any more. */
int domain_issue_access(struct store_domain *row, int64_t now) __attribute__((warn_unused_result));
int domain_issue_own(const struct domain *d, struct store_domain *row, int64_t now)
	__attribute__((warn_unused_result));
/** domain_oldest() - the oldest CA that an outer certificate may be by; NULL: the domain's own. */
const struct store_former *domain_oldest(const struct domain *d, int64_t now);
/** domain_issue_formers() - and by each CA before, as far as they live. */
void domain_issue_formers(struct domain *d, int64_t now);
int domain_load_formers(struct domain *d, struct store *s, int64_t now)
	__attribute__((warn_unused_result));
/** domain_derive() - what follows from row and formers. Return: 0; -EIO. */
int domain_derive(struct domain *d) __attribute__((warn_unused_result));

#endif
