/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/receipt_files.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "common/io/file.h"
#include "common/pure/text.h"

#define PEM_LINE 64 /* RFC 7468, section 2 */
#define BEGIN "-----BEGIN CERTIFICATE-----\n"
#define END "-----END CERTIFICATE-----\n"
#define PEM_SIZE (TEXT_B64_SIZE(X509_CERT_MAX_BYTES) * 2 + sizeof(BEGIN) + sizeof(END))
#define PUBLIC_MODE 0644

static int save(const char *dir, const char *name, const char *end, const void *bytes, size_t n)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%s%s", dir, name, end) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	return file_replace(path, bytes, n, PUBLIC_MODE);
}

int receipt_save_cert(const char *dir, const char *name, const struct x509_cert *cert)
{
	char base64[TEXT_B64_SIZE(X509_CERT_MAX_BYTES)], pem[PEM_SIZE];
	size_t n = sizeof(BEGIN) - 1, len;
	int rc = text_b64_encode(base64, sizeof(base64), cert->der, cert->len);

	if (rc == 0)
		rc = file_mkdirs(dir, 0755);
	if (rc)
		return rc;
	memcpy(pem, BEGIN, n);
	len = strlen(base64);
	for (size_t at = 0; at < len; at += PEM_LINE) {
		size_t part = len - at < PEM_LINE ? len - at : PEM_LINE;

		memcpy(pem + n, base64 + at, part);
		n += part;
		pem[n++] = '\n';
	}
	memcpy(pem + n, END, sizeof(END) - 1);
	return save(dir, name, ".pem", pem, n + sizeof(END) - 1);
}

int receipt_save(const char *dir, const char *name, const struct receipt *x)
{
	int rc = receipt_save_cert(dir, name, &x->cert); /* makes the folder */

	if (rc == 0)
		rc = save(dir, name, ".txt", x->text, x->text_len);
	if (rc == 0)
		rc = save(dir, name, ".sig", x->signature, x->signature_len);
	return rc;
}
