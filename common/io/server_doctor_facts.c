/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a daemon tells its doctor. */
#include <stdlib.h>
#include <sys/resource.h>

#include "common/io/server_doctor.h"
#include "common/io/x509_words.h"
#include "common/pure/text.h"

static json_t *ports_of(const struct opt_listens *listen)
{
	json_t *list = json_array();

	for (size_t i = 0; i < listen->n; i++) {
		if (listen->at[i].port)
			json_array_append_new(list, json_integer(listen->at[i].port));
	}
	return list;
}

static json_t *certs_of(const struct server_doctor_facts *f)
{
	json_t *list = json_array();
	struct x509_words w;

	for (size_t i = 0; i < f->n_certs; i++) {
		if (f->certs[i].cert->len > 0 &&
		    x509_words_read(&w, f->certs[i].cert->der, f->certs[i].cert->len) == 0)
			json_array_append_new(list,
					      json_pack("{s:s, s:I}", "name", f->certs[i].name,
							"not_after", (json_int_t)w.not_after));
	}
	return list;
}

json_t *server_doctor_facts(const struct server_doctor_facts *f)
{
	json_t *o =
		json_pack("{s:s, s:s, s:s, s:o, s:b, s:o, s:o}", "program", f->program, "version",
			  FARLAN_VERSION, "path", f->path, "urls", f->urls, "listening",
			  f->listening, "ports", ports_of(f->listen), "certificates", certs_of(f));
	char ca[TEXT_B64_SIZE(X509_CERT_MAX_BYTES)];
	struct rlimit limit;

	if (f->ca && f->ca->len > 0 && text_b64_encode(ca, sizeof(ca), f->ca->der, f->ca->len) == 0)
		json_object_set_new(o, "ca", json_string(ca));
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		json_object_set_new(o, "files", json_integer((json_int_t)limit.rlim_cur));
	return o;
}
