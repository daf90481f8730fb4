/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What tells one machine from another, and what does not. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io/x509.h"
#include "vpnd/hardware.h"

static char root[64];

/* --- pure ------------------------------------------------------------------------------------ */

static void values(void **state)
{
	static const struct {
		const char *text, *value; /* value NULL: it says nothing */
	} cases[] = {
		{" 4C4C4544-0051 \n", "4c4c4544-0051"},
		{"PF2ABCDE", "pf2abcde"},
		{"", NULL},
		{" \n", NULL},
		{"To Be Filled By O.E.M.", NULL},
		{"Default string", NULL},
		{"00000000-0000-0000-0000-000000000000", NULL},
		{"FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", NULL},
		{"0", NULL},
		{"........", NULL},
		{"03000200-0400-0500-0006-000700080009", NULL},
		{"System Serial Number", NULL},
		{"ser\x01ial", NULL},
		{"s\xc3\xa9rie", NULL},
	};
	char value[HARDWARE_VALUE_SIZE], longer[HARDWARE_VALUE_SIZE + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool says = hardware_value(cases[i].text, strlen(cases[i].text), value);

		if (says != (cases[i].value != NULL))
			fail_msg("\"%s\"", cases[i].text);
		if (says)
			assert_string_equal(value, cases[i].value);
	}
	assert_true(hardware_value("1000a\0", 6, value)); /* a device tree's ends with NUL */
	assert_string_equal(value, "1000a");
	memset(longer, 'a', sizeof(longer));
	longer[0] = 'b';
	assert_false(hardware_value(longer, HARDWARE_VALUE_SIZE, value));
	assert_true(hardware_value(longer, HARDWARE_VALUE_SIZE - 1, value));
}

static void macs(void **state)
{
	(void)state;
	assert_true(hardware_mac_ok((const uint8_t[6]){0x00, 0x0a, 0x35, 1, 2, 3}));
	assert_false(hardware_mac_ok((const uint8_t[6]){0x02, 0x42, 0xac, 1, 2, 3})); /* made up */
	assert_false(hardware_mac_ok((const uint8_t[6]){0x01, 0x00, 0x5e, 1, 2, 3})); /* a group */
	assert_false(hardware_mac_ok((const uint8_t[6]){0}));
}

static void marks(void **state)
{
	uint8_t mark[HARDWARE_MARK_BYTES] = {0};
	struct hardware h = {.n = 0};

	(void)state;
	for (uint8_t i = 0; i < 20; i++) {
		mark[0] = i / 2;
		hardware_add(&h, mark);
	}
	assert_int_equal(h.n, HARDWARE_MARKS_MAX);
	assert_int_equal(h.marks[1][0], 1);
}

static void decoding(void **state)
{
	static const char one[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
	static const struct {
		const char *json;
		int rc;
		size_t n;
	} cases[] = {
		{"[]", 0, 0},
		{"[\"%s\"]", 0, 1},
		{"[\"%s\", \"%s\"]", 0, 1}, /* once each */
		{"\"%s\"", -EBADMSG, 0},
		{"{\"a\": \"%s\"}", -EBADMSG, 0},
		{"[1]", -EBADMSG, 0},
		{"[null]", -EBADMSG, 0},
		{"[[\"%s\"]]", -EBADMSG, 0},
		{"[\"\"]", -EBADMSG, 0},
		{"[\"AAEC\"]", -EBADMSG, 0},
		{"[\"%s%s\"]", -EBADMSG, 0},
		{"[\"!%s\"]", -EBADMSG, 0},
		{"[1,2,3,4,5,6,7,8,9]", -EBADMSG, 0},
	};
	struct hardware h;
	char text[512];

	(void)state;
	assert_int_equal(hardware_decode(&h, NULL), 0);
	assert_int_equal(h.n, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *at = cases[i].json;
		size_t used = 0;
		json_t *list;

		for (; *at; at++) {
			if (at[0] == '%')
				used += (size_t)snprintf(text + used, sizeof(text) - used, "%s",
							 one),
					at++;
			else
				text[used++] = *at;
		}
		text[used] = '\0';
		list = json_loads(text, JSON_DECODE_ANY, NULL);
		assert_non_null(list);
		if (hardware_decode(&h, list) != cases[i].rc)
			fail_msg("%s", text);
		if (cases[i].rc == 0)
			assert_int_equal(h.n, cases[i].n);
		json_decref(list);
	}
}

/* --- a machine's files ----------------------------------------------------------------------- */

static void put(const char *path, const char *text)
{
	char full[256], command[300];
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", root, path);
	snprintf(command, sizeof(command), "mkdir -p \"$(dirname %s)\"", full);
	assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): of this test */
	f = fopen(full, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void nic(const char *name, const char *bus, const char *mac, const char *assigned)
{
	char path[128], command[400];

	snprintf(command, sizeof(command),
		 "mkdir -p %s/sys/devices/%s/%s && ln -s ../../../devices/%s/%s "
		 "%s/sys/class/net/%s/device",
		 root, bus, name, bus, name, root, name);
	snprintf(path, sizeof(path), "/sys/class/net/%s/address", name);
	put(path, mac);
	snprintf(path, sizeof(path), "/sys/class/net/%s/type", name);
	put(path, "1\n");
	snprintf(path, sizeof(path), "/sys/class/net/%s/addr_assign_type", name);
	put(path, assigned);
	if (bus[0])
		assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): of this test */
}

static bool has(const struct hardware *h, const char *text)
{
	uint8_t mark[HARDWARE_MARK_BYTES];

	x509_sha256(text, strlen(text), mark);
	for (size_t i = 0; i < h->n; i++) {
		if (memcmp(h->marks[i], mark, sizeof(mark)) == 0)
			return true;
	}
	return false;
}

static int setup(void **state)
{
	(void)state;
	snprintf(root, sizeof(root), "/tmp/farlan-hw-XXXXXX");
	return mkdtemp(root) ? 0 : 1;
}

static int teardown(void **state)
{
	char command[100];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", root);
	unsetenv("CREDENTIALS_DIRECTORY");
	return system(command); /* NOLINT(cert-env33-c): of this test */
}

static void reads_a_pc(void **state)
{
	struct hardware h;

	(void)state;
	put("/sys/class/dmi/id/product_uuid", "4C4C4544-0051-3510-8052-B4C04F4A3232\n");
	put("/sys/class/dmi/id/product_serial", "Default string\n");
	put("/sys/class/dmi/id/board_serial", "/5QZ5J22/CN129\n");
	nic("eth1", "pci0000:00", "00:0a:35:00:00:02\n", "0\n");
	nic("eth0", "pci0000:00", "00:0a:35:00:00:01\n", "0\n");
	nic("dongle", "pci0000:00/usb1", "00:0a:35:00:00:03\n", "0\n");
	nic("random", "pci0000:00", "00:0a:35:00:00:04\n", "1\n");
	nic("veth", "", "00:0a:35:00:00:05\n", "0\n");
	hardware_read(&h, "auto", root);
	assert_int_equal(h.n, 4);
	assert_true(has(&h, "farlan-hardware/1 uuid 4c4c4544-0051-3510-8052-b4c04f4a3232"));
	assert_true(has(&h, "farlan-hardware/1 board /5qz5j22/cn129"));
	assert_true(has(&h, "farlan-hardware/1 mac 00:0a:35:00:00:01"));
	assert_true(has(&h, "farlan-hardware/1 mac 00:0a:35:00:00:02"));
}

/* The unit hands over what only root may read. */
static void reads_credentials(void **state)
{
	char dir[128];
	struct hardware h;

	(void)state;
	put("/cred/product_uuid", "4C4C4544-0051-3510-8052-B4C04F4A3232\n");
	put("/sys/firmware/devicetree/base/serial-number", "10000000abcdef01");
	snprintf(dir, sizeof(dir), "%s/cred", root);
	setenv("CREDENTIALS_DIRECTORY", dir, 1);
	hardware_read(&h, "auto", root);
	assert_int_equal(h.n, 2);
	assert_true(has(&h, "farlan-hardware/1 serial 10000000abcdef01"));
	assert_true(has(&h, "farlan-hardware/1 uuid 4c4c4544-0051-3510-8052-b4c04f4a3232"));
}

static void reads_what_it_is_told(void **state)
{
	char path[128];
	struct hardware h;

	(void)state;
	put("/sys/class/dmi/id/product_uuid", "4C4C4544-0051-3510-8052-B4C04F4A3232\n");
	put("/own", "Press 7, hall 2\n");
	snprintf(path, sizeof(path), "%s/own", root);
	hardware_read(&h, path, root);
	assert_int_equal(h.n, 1);
	assert_true(has(&h, "farlan-hardware/1 file press 7, hall 2"));
	hardware_read(&h, "none", root);
	assert_int_equal(h.n, 0);
	hardware_read(&h, "/nosuch/file", root);
	assert_int_equal(h.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),
		cmocka_unit_test(macs),
		cmocka_unit_test(marks),
		cmocka_unit_test(decoding),
		cmocka_unit_test_setup_teardown(reads_a_pc, setup, teardown),
		cmocka_unit_test_setup_teardown(reads_credentials, setup, teardown),
		cmocka_unit_test_setup_teardown(reads_what_it_is_told, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
