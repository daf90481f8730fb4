/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * x509_words - what anybody's certificate says, for people. Nothing is checked.
 */
#ifndef FARLAN_X509_WORDS_H
#define FARLAN_X509_WORDS_H

#include <stddef.h>
#include <stdint.h>

struct x509_words {
	char subject[80], issuer[80];  /* common name, else organisation, else the first name */
	char hosts[200];	       /* names that it is good for, with ", "; cut to fit */
	int64_t not_before, not_after; /* Unix seconds */
};

/** x509_words_read() - Return: 0; -EBADMSG. */
int x509_words_read(struct x509_words *w, const uint8_t *der, size_t len)
	__attribute__((warn_unused_result));

#endif
