/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * receipt_files - a receipt as files that openssl(1) can check (docs/audit.md, "Checked without
 * Farlan"):
 *
 *   NAME.txt  what was signed     NAME.sig  the signature (DER)     NAME.pem  the certificate
 */
#ifndef FARLAN_RECEIPT_FILES_H
#define FARLAN_RECEIPT_FILES_H

#include "common/io/receipt.h"

/** receipt_save() - into @dir, which is made if it is not there. Files of these names are replaced.
 * Return: 0; -errno. */
int receipt_save(const char *dir, const char *name, const struct receipt *x)
	__attribute__((warn_unused_result));
/** receipt_save_cert() - a certificate alone, as NAME.pem. Return: 0; -errno. */
int receipt_save_cert(const char *dir, const char *name, const struct x509_cert *cert)
	__attribute__((warn_unused_result));

#endif
