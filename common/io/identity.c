/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/identity.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io/ca_link.h"
#include "common/io/file.h"
#include "common/pure/rpcmsg.h"
#include "common/pure/text.h"

#define IDENTITY_VERSION 1
#define IDENTITY_MAX_BYTES (32u << 10)

static int file_path(char path[PATH_MAX], const char *state_dir)
{
	int n = snprintf(path, PATH_MAX, "%s/%s", state_dir, IDENTITY_FILE);

	return n > 0 && n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* --- reading --------------------------------------------------------------------------------- */

static bool get_cert(const json_t *o, const char *key, struct x509_cert *cert)
{
	return rpc_bytes(o, key, cert->der, sizeof(cert->der), &cert->len) && cert->len > 0;
}

/* The same servers in the same order? */
static bool same_urls(const struct url *a, size_t n_a, const struct url *b, size_t n_b)
{
	char text_a[URL_TEXT_SIZE], text_b[URL_TEXT_SIZE];

	for (size_t i = 0; n_a == n_b && i < n_a; i++) {
		url_format(&a[i], text_a);
		url_format(&b[i], text_b);
		if (strcmp(text_a, text_b) != 0)
			return false;
	}
	return n_a == n_b;
}

int identity_take_urls(struct identity *id, const json_t *list, bool *changed)
{
	struct url urls[IDENTITY_URLS_MAX];
	size_t n = json_array_size(list);

	if (n < 1 || n > IDENTITY_URLS_MAX)
		return -EBADMSG;
	memset(urls, 0, sizeof(urls));
	for (size_t i = 0; i < n; i++) {
		const char *text = json_string_value(json_array_get(list, i));

		if (!text || url_parse(&urls[i], text) != 0)
			return -EBADMSG;
	}
	*changed |= !same_urls(urls, n, id->urls, id->n_urls);
	memcpy(id->urls, urls, sizeof(urls));
	id->n_urls = n;
	return 0;
}

static bool get_token_key(const json_t *o, struct token_key *key)
{
	char kid[TOKEN_KID_SIZE];
	size_t n;

	if (!rpc_bytes(o, "public", key->public, sizeof(key->public), &n) ||
	    n != sizeof(key->public) || !rpc_str_max(o, "kid", key->kid, sizeof(key->kid)))
		return false;
	token_kid(kid, key->public);
	return strcmp(kid, key->kid) == 0;
}

int identity_take_token_keys(struct identity *id, const json_t *list, bool *changed)
{
	struct token_key keys[IDENTITY_TOKEN_KEYS_MAX];
	size_t n = json_array_size(list);

	if (n < 1 || n > IDENTITY_TOKEN_KEYS_MAX)
		return -EBADMSG;
	memset(keys, 0, sizeof(keys));
	for (size_t i = 0; i < n; i++) {
		if (!get_token_key(json_array_get(list, i), &keys[i]))
			return -EBADMSG;
	}
	*changed |= n != id->n_token_keys || memcmp(keys, id->token_keys, sizeof(keys)) != 0;
	memcpy(id->token_keys, keys, sizeof(keys));
	id->n_token_keys = n;
	return 0;
}

int identity_take_links(struct identity *id, const json_t *list)
{
	struct x509_cert last;
	int rc = ca_links_follow(&id->ca, list, &last);

	if (rc == 0)
		id->ca = last;
	return rc;
}

static bool is_ca(const struct x509_cert *cert)
{
	struct x509_info info;

	return x509_parse(&info, cert->der, cert->len) == 0 && info.is_ca;
}

int identity_take_formers(struct identity *id, const json_t *list)
{
	struct x509_cert formers[IDENTITY_FORMERS_MAX];
	size_t n = json_array_size(list);

	if (n > IDENTITY_FORMERS_MAX || (list && !json_is_array(list)))
		return -EBADMSG;
	memset(formers, 0, sizeof(formers));
	for (size_t i = 0; i < n; i++) {
		if (!get_cert(json_array_get(list, i), "ca", &formers[i]) || !is_ca(&formers[i]))
			return -EBADMSG;
	}
	memcpy(id->formers, formers, sizeof(formers));
	id->n_formers = n;
	return 0;
}

static bool get_relay(const json_t *o, struct identity *id)
{
	const json_t *keys = json_object_get(o, "token_keys");
	bool changed = false;

	if (json_object_get(o, "outer_cert") && !get_cert(o, "outer_cert", &id->outer_cert))
		return false;
	return !keys || identity_take_token_keys(id, keys, &changed) == 0;
}

static bool key_hash(const struct identity *id, uint8_t hash[X509_SPKI_SHA256_BYTES])
{
	uint8_t spki[128];
	size_t len;

	if (x509_spki(&id->key, spki, sizeof(spki), &len) != 0)
		return false;
	x509_sha256(spki, len, hash);
	return true;
}

const struct x509_cert *identity_outer_ca(const struct identity *id, const struct x509_cert *cert)
{
	if (x509_verify(cert->der, cert->len, &id->ca, false) == 0)
		return &id->ca;
	for (size_t i = 0; i < id->n_formers; i++) {
		if (x509_verify(cert->der, cert->len, &id->formers[i], false) == 0)
			return &id->formers[i];
	}
	return NULL;
}

/* Dates are not looked at: time may be unknown. */
const char *identity_check_cert(const struct identity *id, const struct x509_cert *cert, bool own)
{
	uint8_t hash[X509_SPKI_SHA256_BYTES];
	struct x509_info info;

	if (x509_parse(&info, cert->der, cert->len) != 0 || !key_hash(id, hash))
		return "a certificate that cannot be read";
	if (memcmp(hash, info.spki_sha256, sizeof(hash)) != 0)
		return "a certificate for another key";
	if (own && (!info.has_ident || !ident_equal(&info.id, &id->id)))
		return "a certificate for somebody else";
	if (own ? x509_verify(cert->der, cert->len, &id->ca, false) != 0
		: !identity_outer_ca(id, cert))
		return "a certificate of another domain";
	return NULL;
}

static bool decode(struct identity *id, const json_t *o)
{
	bool changed = false; /* all of it is */
	const char *uri;
	int64_t version;

	return rpc_int(o, "version", IDENTITY_VERSION, IDENTITY_VERSION, &version) &&
	       rpc_str(o, "uri", &uri) && ident_parse(&id->id, uri, strlen(uri)) == 0 &&
	       rpc_str_max(o, "name", id->name, sizeof(id->name)) && text_name_ok(id->name) &&
	       rpc_bytes(o, "key", id->key.der, sizeof(id->key.der), &id->key.len) &&
	       get_cert(o, "cert", &id->cert) && get_cert(o, "ca", &id->ca) &&
	       identity_take_urls(id, json_object_get(o, "urls"), &changed) == 0 &&
	       identity_take_formers(id, json_object_get(o, "former_cas")) == 0 &&
	       get_relay(o, id) && !identity_check_cert(id, &id->cert, true);
}

static int check_mode(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return -errno;
	return st.st_mode & (S_IRWXG | S_IRWXO) ? -EPERM : 0;
}

int identity_load(struct identity *id, const char *state_dir)
{
	char path[PATH_MAX];
	uint8_t *bytes = NULL;
	size_t n = 0;
	json_t *o;
	int rc = file_path(path, state_dir);

	memset(id, 0, sizeof(*id));
	if (rc == 0)
		rc = check_mode(path);
	if (rc == 0)
		rc = file_read(path, IDENTITY_MAX_BYTES, &bytes, &n);
	if (rc)
		return rc;
	o = json_loadb((const char *)bytes, n, JSON_REJECT_DUPLICATES, NULL);
	if (!decode(id, o)) {
		identity_wipe(id);
		rc = -EBADMSG;
	}
	json_decref(o);
	explicit_bzero(bytes, n);
	free(bytes);
	return rc;
}

/* --- writing --------------------------------------------------------------------------------- */

static json_t *encode_urls(const struct identity *id)
{
	json_t *list = json_array();
	char text[URL_TEXT_SIZE];

	for (size_t i = 0; i < id->n_urls; i++) {
		url_format(&id->urls[i], text);
		if (json_array_append_new(list, json_string(text))) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *encode_token_keys(const struct identity *id)
{
	json_t *list = json_array();

	for (size_t i = 0; i < id->n_token_keys; i++) {
		const struct token_key *k = &id->token_keys[i];

		if (json_array_append_new(
			    list, json_pack("{s:s, s:o}", "kid", k->kid, "public",
					    rpc_json_bytes(k->public, sizeof(k->public))))) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *encode_formers(const struct identity *id)
{
	json_t *list = json_array();

	for (size_t i = 0; i < id->n_formers; i++) {
		const struct x509_cert *ca = &id->formers[i];

		if (json_array_append_new(
			    list, json_pack("{s:o}", "ca", rpc_json_bytes(ca->der, ca->len)))) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *encode(const struct identity *id)
{
	char uri[IDENT_URI_SIZE];
	json_t *o;
	int bad = 0;

	ident_format(&id->id, uri);
	o = json_pack("{s:i, s:s, s:s, s:o, s:o, s:o, s:o}", "version", IDENTITY_VERSION, "uri",
		      uri, "name", id->name, "key", rpc_json_bytes(id->key.der, id->key.len),
		      "cert", rpc_json_bytes(id->cert.der, id->cert.len), "ca",
		      rpc_json_bytes(id->ca.der, id->ca.len), "urls", encode_urls(id));
	if (id->n_formers > 0)
		bad |= json_object_set_new(o, "former_cas", encode_formers(id));
	if (id->outer_cert.len > 0)
		bad |= json_object_set_new(o, "outer_cert",
					   rpc_json_bytes(id->outer_cert.der, id->outer_cert.len));
	if (id->n_token_keys > 0)
		bad |= json_object_set_new(o, "token_keys", encode_token_keys(id));
	if (bad) {
		json_decref(o);
		return NULL;
	}
	return o;
}

int identity_save(const struct identity *id, const char *state_dir)
{
	char path[PATH_MAX];
	json_t *o;
	char *text;
	int rc = file_path(path, state_dir);

	if (rc == 0)
		rc = file_mkdirs(state_dir, 0700);
	if (rc)
		return rc;
	o = encode(id);
	text = o ? json_dumps(o, JSON_INDENT(1)) : NULL;
	json_decref(o);
	if (!text)
		return -ENOMEM;
	rc = file_replace(path, text, strlen(text), 0600);
	explicit_bzero(text, strlen(text));
	free(text);
	return rc;
}

int identity_forget(const char *state_dir)
{
	char path[PATH_MAX];
	int rc = file_path(path, state_dir);

	if (rc)
		return rc;
	return unlink(path) == 0 ? 0 : -errno;
}

void identity_wipe(struct identity *id)
{
	explicit_bzero(id, sizeof(*id));
}
