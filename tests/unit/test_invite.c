/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/hash.h>

#include <stdio.h>

#include "common/pure/invite.h"
#include "common/pure/text.h"

/* Computed apart from the code: Python's struct, hashlib and base64. */
static const char GOLDEN[] =
	"farlan-device-AQEAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eH_Dx8vP09fb3-Pn6-_z9_v"
	"8CMgg2AhZodHRwczovL2FjY2Vzcy5leGFtcGxlGmh0dHBzOi8vW2ZkMDA6OjFdOjU5MzUvZmFyUcxOVQ";

static struct invite sample(void)
{
	struct invite v = {.kind = IDENT_DEVICE, .expires = 2210000040, .n_urls = 2};

	for (size_t i = 0; i < sizeof(v.ca_sha256); i++)
		v.ca_sha256[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(v.secret); i++)
		v.secret[i] = (uint8_t)(0xf0 + i);
	assert_int_equal(url_parse(&v.urls[0], "https://access.example"), 0);
	assert_int_equal(url_parse(&v.urls[1], "https://[fd00::1]:5935/far"), 0);
	return v;
}

static void assert_same(const struct invite *a, const struct invite *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_memory_equal(a->ca_sha256, b->ca_sha256, sizeof(a->ca_sha256));
	assert_memory_equal(a->secret, b->secret, sizeof(a->secret));
	assert_int_equal(a->expires, b->expires);
	assert_int_equal(a->n_urls, b->n_urls);
	assert_memory_equal(a->urls, b->urls, a->n_urls * sizeof(a->urls[0]));
}

static void golden_text(void **state)
{
	struct invite v = sample(), got;
	char text[INVITE_TEXT_SIZE];

	(void)state;
	assert_int_equal(invite_encode(&v, text), 0);
	assert_string_equal(text, GOLDEN);
	assert_int_equal(invite_decode(&got, GOLDEN), 0);
	assert_same(&got, &v);
}

static void kinds(void **state)
{
	static const struct {
		enum ident_kind kind;
		const char *prefix;
	} t[] = {
		{IDENT_DEVICE, "farlan-device-"},
		{IDENT_USER, "farlan-user-"},
		{IDENT_RELAY, "farlan-relay-"},
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct invite v = sample(), got;
		char text[INVITE_TEXT_SIZE];

		v.kind = t[i].kind;
		assert_int_equal(invite_encode(&v, text), 0);
		assert_memory_equal(text, t[i].prefix, strlen(t[i].prefix));
		assert_int_equal(invite_decode(&got, text), 0);
		assert_same(&got, &v);
	}
}

static void white_space_is_ignored(void **state)
{
	struct invite v = sample(), got;
	char text[2 * INVITE_TEXT_SIZE] = " \t\r\n";
	size_t n = 4;

	(void)state;
	for (size_t i = 0; i < strlen(GOLDEN); i++) {
		text[n++] = GOLDEN[i];
		if (i % 20 == 19) {
			memcpy(text + n, "\r\n  ", 4);
			n += 4;
		}
	}
	strcpy(text + n, "\n");
	assert_int_equal(invite_decode(&got, text), 0);
	assert_same(&got, &v);
}

static void not_an_invitation(void **state)
{
	static const char *const bad[] = {"",
					  " ",
					  "farlan",
					  "farlan-",
					  "farlan-device",
					  "farlan-access-AA",
					  "farlan-thing-AA",
					  "Farlan-device-AA",
					  "farlan--AA",
					  "hello",
					  "farlan-deviceAA",
					  "https://access.example",
					  "farlan-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-AA"};
	struct invite got = {.n_urls = 77};
	char *text = malloc(INVITE_TEXT_SIZE + 1);

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(invite_decode(&got, bad[i]), -EINVAL);
	memset(text, 'A', INVITE_TEXT_SIZE);
	text[INVITE_TEXT_SIZE] = '\0';
	memcpy(text, "farlan-user-", 12);
	assert_int_equal(invite_decode(&got, text), -EINVAL);
	text[INVITE_TEXT_SIZE - 1] = '\0';
	assert_int_equal(invite_decode(&got, text), -EBADMSG);
	free(text);
	assert_int_equal(got.n_urls, 77);
}

static void every_truncation_is_damage(void **state)
{
	struct invite got;

	(void)state;
	for (size_t len = strlen("farlan-device-"); len < strlen(GOLDEN); len++) {
		char *text = exact_copy(GOLDEN, len + 1);

		text[len] = '\0';
		assert_int_equal(invite_decode(&got, text), -EBADMSG);
		free(text);
	}
}

static void every_changed_character_is_damage(void **state)
{
	struct invite got;
	char text[sizeof(GOLDEN)];

	(void)state;
	for (size_t i = strlen("farlan-device-"); i < strlen(GOLDEN); i++) {
		memcpy(text, GOLDEN, sizeof(GOLDEN));
		text[i] = text[i] == 'A' ? 'B' : 'A';
		assert_int_equal(invite_decode(&got, text), -EBADMSG);
	}
}

/* The check is no secret: a forger makes it fit. @at: byte that takes @value. */
static int forge(size_t at, uint8_t value, size_t cut, const char *kind)
{
	uint8_t bytes[500], digest[32];
	char text[INVITE_TEXT_SIZE];
	struct invite got;
	size_t n, head = (size_t)snprintf(text, sizeof(text), "farlan-%s-", kind);

	assert_int_equal(
		text_b64url_decode(bytes, sizeof(bytes), &n, GOLDEN + 14, strlen(GOLDEN) - 14), 0);
	n -= 4 + cut;
	bytes[at] = value;
	assert_int_equal(wc_Sha256Hash(bytes, (word32)n, digest), 0);
	memcpy(bytes + n, digest, 4);
	assert_int_equal(text_b64url_encode(text + head, sizeof(text) - head, bytes, n + 4), 0);
	return invite_decode(&got, text);
}

static void a_forged_check_does_not_help(void **state)
{
	(void)state;
	assert_int_equal(forge(0, 1, 0, "device"), 0);
	assert_int_equal(forge(0, 1, 0, "user"), -EBADMSG);   /* the kind within differs */
	assert_int_equal(forge(0, 2, 0, "device"), -EBADMSG); /* version */
	assert_int_equal(forge(1, 2, 0, "device"), -EBADMSG);
	assert_int_equal(forge(1, 2, 0, "user"), 0);
	assert_int_equal(forge(54, 0, 0, "device"), -EBADMSG); /* n_urls */
	assert_int_equal(forge(54, 1, 0, "device"), -EBADMSG); /* bytes left over */
	assert_int_equal(forge(54, 3, 0, "device"), -EBADMSG);
	assert_int_equal(forge(54, 9, 0, "device"), -EBADMSG);
	assert_int_equal(forge(55, 255, 0, "device"), -EBADMSG); /* length of the first URL */
	assert_int_equal(forge(56, 'f', 0, "device"), -EBADMSG); /* fttps:// */
	assert_int_equal(forge(60, 0, 0, "device"), -EBADMSG);
	for (size_t cut = 1; cut < 100; cut++)
		assert_int_equal(forge(0, 1, cut, "device"), -EBADMSG);
}

static void limits_of_encoding(void **state)
{
	char out[INVITE_TEXT_SIZE] = "untouched";
	struct invite v = sample(), got;

	(void)state;
	v.kind = IDENT_ACCESS;
	assert_int_equal(invite_encode(&v, out), -EINVAL);
	v = sample();
	v.n_urls = 0;
	assert_int_equal(invite_encode(&v, out), -EINVAL);
	v.n_urls = INVITE_URLS_MAX + 1;
	assert_int_equal(invite_encode(&v, out), -EINVAL);
	v = sample();
	v.expires = -60;
	assert_int_equal(invite_encode(&v, out), -EINVAL);
	v.expires = (INT64_C(1) << 32) * 60;
	assert_int_equal(invite_encode(&v, out), -EINVAL);
	assert_string_equal(out, "untouched");
	v.expires -= 1;
	assert_int_equal(invite_encode(&v, out), 0);
	assert_int_equal(invite_decode(&got, out), 0);
	assert_true(got.expires == INT64_C(0xffffffff) * 60);
}

static void long_urls(void **state)
{
	struct invite v = sample(), got;
	char url[400] = "https://";
	char out[INVITE_TEXT_SIZE] = "untouched";

	(void)state;
	for (size_t i = 8; i < 251; i++)
		url[i] = i % 50 == 40 ? '.' : 'a';
	url[250] = '\0';
	assert_int_equal(url_parse(&v.urls[0], url), 0);
	v.n_urls = 1;
	assert_int_equal(invite_encode(&v, out), 0);
	assert_int_equal(invite_decode(&got, out), 0);
	assert_same(&got, &v);
	strcpy(url + 250, "a");
	assert_int_equal(url_parse(&v.urls[0], url), 0);
	strcpy(out, "untouched");
	assert_int_equal(invite_encode(&v, out), -ENOSPC);
	url[250] = '\0';
	v.n_urls = INVITE_URLS_MAX;
	for (size_t i = 0; i < INVITE_URLS_MAX; i++)
		assert_int_equal(url_parse(&v.urls[i], url), 0);
	assert_int_equal(invite_encode(&v, out), -ENOSPC);
	assert_string_equal(out, "untouched");
	v.n_urls = 5;
	assert_int_equal(invite_encode(&v, out), 0);
	assert_int_equal(invite_decode(&got, out), 0);
	assert_same(&got, &v);
}

/* One URL of 250 characters, made 251 long by hand. */
static void long_urls_are_not_decoded(void **state)
{
	char url[251] = "https://", text[INVITE_TEXT_SIZE];
	uint8_t bytes[500], digest[32];
	struct invite v = sample();
	size_t n;

	(void)state;
	for (size_t i = 8; i < 250; i++)
		url[i] = i % 50 == 40 ? '.' : 'a';
	assert_int_equal(url_parse(&v.urls[0], url), 0);
	v.n_urls = 1;
	assert_int_equal(invite_encode(&v, text), 0);
	assert_int_equal(text_b64url_decode(bytes, sizeof(bytes), &n, text + 14, strlen(text) - 14),
			 0);
	assert_int_equal(n, 56 + 250 + 4);
	assert_int_equal(bytes[55], 250);
	bytes[55] = 251;
	bytes[56 + 250] = 'a';
	assert_int_equal(wc_Sha256Hash(bytes, 56 + 251, digest), 0);
	memcpy(bytes + 56 + 251, digest, 4);
	assert_int_equal(text_b64url_encode(text + 14, sizeof(text) - 14, bytes, 56 + 251 + 4), 0);
	assert_int_equal(invite_decode(&v, text), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_text),
		cmocka_unit_test(kinds),
		cmocka_unit_test(white_space_is_ignored),
		cmocka_unit_test(not_an_invitation),
		cmocka_unit_test(every_truncation_is_damage),
		cmocka_unit_test(every_changed_character_is_damage),
		cmocka_unit_test(a_forged_check_does_not_help),
		cmocka_unit_test(limits_of_encoding),
		cmocka_unit_test(long_urls),
		cmocka_unit_test(long_urls_are_not_decoded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
