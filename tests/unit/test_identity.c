/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io/file.h"
#include "common/io/identity.h"

#define URI "farlan://lab/relay/0123456789abcdef0123456789abcdef"

static char dir[64], path[128];
static struct identity id;

static int setup(void **state)
{
	struct x509_key ca_key;
	struct x509_profile p = {
		.id = &id.id, .client = true, .not_before = 1700000000, .not_after = 1700000001};
	uint8_t spki[128], secret[64];
	size_t len;

	(void)state;
	strcpy(dir, "/tmp/farlan-identity-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/%s", dir, IDENTITY_FILE);
	assert_int_equal(ident_parse(&id.id, URI, strlen(URI)), 0);
	strcpy(id.name, "rs1");
	assert_int_equal(x509_key_generate(&ca_key), 0);
	assert_int_equal(x509_key_generate(&id.key), 0);
	assert_int_equal(x509_ca_make(&id.ca, &ca_key, "lab", 1600000000, 1900000000), 0);
	assert_int_equal(x509_spki(&id.key, spki, sizeof(spki), &len), 0);
	assert_int_equal(x509_issue(&id.cert, &p, spki, len, &id.ca, &ca_key), 0);
	id.outer_cert = id.cert;
	id.n_urls = 2;
	assert_int_equal(url_parse(&id.urls[0], "https://as1.lab"), 0);
	assert_int_equal(url_parse(&id.urls[1], "https://[2001:db8::1]:8443/x"), 0);
	id.n_token_keys = 1;
	assert_int_equal(x509_ed25519_generate(secret, id.token_keys[0].public), 0);
	token_kid(id.token_keys[0].kid, id.token_keys[0].public);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

static void test_round_trip(void **state)
{
	struct identity back;
	struct stat st;

	(void)state;
	assert_int_equal(identity_load(&back, dir), -ENOENT);
	assert_int_equal(identity_save(&id, dir), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(identity_load(&back, dir), 0);
	assert_memory_equal(&back, &id, sizeof(id));
	assert_int_equal(identity_forget(dir), 0);
	assert_int_equal(identity_load(&back, dir), -ENOENT);
	assert_int_equal(identity_forget(dir), -ENOENT);
}

static void test_without_relay_members(void **state)
{
	struct identity device = id, back;

	(void)state;
	memset(&device.outer_cert, 0, sizeof(device.outer_cert));
	memset(device.token_keys, 0, sizeof(device.token_keys));
	device.n_token_keys = 0;
	assert_int_equal(identity_save(&device, dir), 0);
	assert_int_equal(identity_load(&back, dir), 0);
	assert_memory_equal(&back, &device, sizeof(device));
}

static void test_readable_by_others(void **state)
{
	struct identity back;

	(void)state;
	assert_int_equal(identity_save(&id, dir), 0);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(identity_load(&back, dir), -EPERM);
	assert_int_equal(chmod(path, 0604), 0);
	assert_int_equal(identity_load(&back, dir), -EPERM);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(identity_load(&back, dir), 0);
}

/* Parts of two identities do not make one. */
static void test_mixed(void **state)
{
	struct identity mixed = id, back;

	(void)state;
	assert_int_equal(x509_key_generate(&mixed.key), 0);
	assert_int_equal(identity_save(&mixed, dir), 0);
	assert_int_equal(identity_load(&back, dir), -EBADMSG);
	mixed = id;
	mixed.id.uid[0] = 'f';
	assert_int_equal(identity_save(&mixed, dir), 0);
	assert_int_equal(identity_load(&back, dir), -EBADMSG);
	mixed = id;
	mixed.token_keys[0].kid[0] ^= 1;
	assert_int_equal(identity_save(&mixed, dir), 0);
	assert_int_equal(identity_load(&back, dir), -EBADMSG);
}

static void test_damaged(void **state)
{
	struct identity back;
	uint8_t *bytes;
	size_t n;

	(void)state;
	assert_int_equal(identity_save(&id, dir), 0);
	assert_int_equal(file_read(path, 1 << 20, &bytes, &n), 0);
	for (size_t cut = 0; cut + 2 < n; cut += 7) {
		assert_int_equal(file_replace(path, bytes, cut, 0600), 0);
		assert_int_equal(identity_load(&back, dir), -EBADMSG);
	}
	for (size_t i = 0; i < n; i += 101) {
		bytes[i] = (uint8_t)(bytes[i] ^ 0x80); /* not UTF-8 */
		assert_int_equal(file_replace(path, bytes, n, 0600), 0);
		assert_int_equal(identity_load(&back, dir), -EBADMSG);
		bytes[i] = (uint8_t)(bytes[i] ^ 0x80);
	}
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_without_relay_members),
		cmocka_unit_test(test_readable_by_others),
		cmocka_unit_test(test_mixed),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
