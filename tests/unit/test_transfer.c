/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>

#include "accessd/pure/transfer.h"
#include "tests/unit/pure_test.h"

/* --- csv --- */

/* Rows of fields as "a|b/c|d/". */
static int read_all(const char *bytes, size_t n, char *out, size_t size)
{
	struct csv_row *row = malloc(sizeof(*row));
	char *exact = exact_copy(bytes, n);
	size_t used = 0;
	struct csv c;
	int rc;

	out[0] = '\0';
	csv_init(&c, exact, n);
	while ((rc = csv_read(&c, row)) == 0) {
		for (size_t i = 0; i < row->n; i++)
			used += (size_t)snprintf(out + used, size - used, "%s%s", i ? "|" : "",
						 row->fields[i]);
		used += (size_t)snprintf(out + used, size - used, "/");
	}
	free(exact);
	free(row);
	return rc;
}

static void check_csv(const char *text, int rc, const char *want)
{
	char out[4096];

	assert_int_equal(read_all(text, strlen(text), out, sizeof(out)), rc);
	assert_string_equal(out, want);
}

static void csv_reading(void **state)
{
	check_csv("", -ENOENT, "");
	check_csv("a,b\r\nc,d\r\n", -ENOENT, "a|b/c|d/");
	check_csv("a,b\nc,d", -ENOENT, "a|b/c|d/");
	check_csv("\xef\xbb\xbf"
		  "a,b\n",
		  -ENOENT, "a|b/");
	check_csv("\n\r\na,,b\n\n,\n", -ENOENT, "a||b/|/");
	check_csv("\"a,\"\"b\"\"\r\nc\",d\n", -ENOENT, "a,\"b\"\r\nc|d/");
	check_csv("a;b\nc;d,e\n", -ENOENT, "a|b/c|d,e/");
	check_csv("a\tb\nc\td\n", -ENOENT, "a|b/c|d/");
	check_csv("'=1+1,'x,''-1,\"'@a\"\n", -ENOENT, "=1+1|'x|'-1|@a/");
	check_csv("a,\"b\n", -EBADMSG, "");
	check_csv("a,b\"c\n", -EBADMSG, "");
	check_csv("a,\"b\"c\n", -EBADMSG, "");
	check_csv("ok\nx,y\"\n", -EBADMSG, "ok/");
}

static void csv_lines_are_counted(void **state)
{
	static const char text[] = "a\n\n\"b\nb\"\r\nc\n\"";
	struct csv_row *row = malloc(sizeof(*row));
	struct csv c;

	csv_init(&c, text, sizeof(text) - 1);
	assert_int_equal(csv_read(&c, row), 0);
	assert_int_equal(row->line, 1);
	assert_int_equal(csv_read(&c, row), 0);
	assert_int_equal(row->line, 3);
	assert_int_equal(csv_read(&c, row), 0);
	assert_int_equal(row->line, 5);
	assert_int_equal(csv_read(&c, row), -EBADMSG);
	assert_int_equal(row->line, 6);
	assert_int_equal(csv_read(&c, row), -ENOENT);
	free(row);
}

static void csv_caps(void **state)
{
	char *text = malloc(CSV_ROW_BYTES + 2), out[16];

	memset(text, 'x', CSV_ROW_BYTES + 1);
	assert_int_equal(read_all(text, CSV_ROW_BYTES, out, sizeof(out)), -E2BIG);
	memset(text, ',', CSV_FIELDS_MAX + 1);
	assert_int_equal(read_all(text, CSV_FIELDS_MAX, out, sizeof(out)), -E2BIG);
	assert_int_equal(read_all("a\0b", 3, out, sizeof(out)), -EBADMSG);
	free(text);
}

static void csv_fields_come_back(void **state)
{
	static const char *const texts[] = {
		"",   "plain", "a b", "a,b", "say \"so\"", "l\nl", "=1+1", "+1",  "-1",
		"@x", "\t",    "\rx", "'",   "'=1",	   "''=1", "'x",   "a;b", "\xc3\xa4"};
	struct csv_row *row = malloc(sizeof(*row));
	char field[64];
	struct csv c;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char line[80];
		size_t n = csv_field(field, sizeof(field), texts[i]);

		assert_int_equal(n, strlen(field));
		/* No cell begins with a formula. */
		assert_true(!field[0] || !strchr("=+-@\t\r", field[field[0] == '"']));
		snprintf(line, sizeof(line), "x,%s\r\n", field);
		csv_init(&c, line, strlen(line));
		assert_int_equal(csv_read(&c, row), 0);
		assert_string_equal(row->fields[1], texts[i]);
	}
	assert_int_equal(csv_field(field, 3, "abc"), 0);
	assert_string_equal(field, "");
	free(row);
}

/* --- items --- */

static void check_item(enum transfer_kind k, const char *raw, const char *want)
{
	char error[TRANSFER_ERROR_SIZE];
	json_t *in = json_loads(raw, JSON_DECODE_ANY, NULL), *out;
	char *text;

	assert_non_null(in);
	out = transfer_item(k, in, error);
	if (!out)
		print_error("%s: %s\n", raw, error);
	assert_non_null(out);
	text = json_dumps(out, JSON_COMPACT);
	assert_string_equal(text, want);
	free(text);
	json_decref(out);
	json_decref(in);
}

static void check_refused(enum transfer_kind k, const char *raw, const char *why)
{
	char error[TRANSFER_ERROR_SIZE];
	json_t *in = json_loads(raw, JSON_DECODE_ANY, NULL);

	assert_non_null(in);
	assert_null(transfer_item(k, in, error));
	if (!strstr(error, why))
		print_error("%s: %s\n", raw, error);
	assert_non_null(strstr(error, why));
	json_decref(in);
}

static void one_spelling(void **state)
{
	check_item(TRANSFER_FOLDER, "{\"path\":\"/italy/plant3\"}", "{\"path\":\"/italy/plant3\"}");
	check_item(TRANSFER_GROUP, "{\"folder\":\"/\",\"name\":\"service\"}",
		   "{\"name\":\"service\",\"folder\":\"/\"}");
	check_item(TRANSFER_USER,
		   "{\"rate\":\"10mbit\",\"groups\":[\"b\",\"a\"],\"name\":\"anna\"}",
		   "{\"name\":\"anna\",\"groups\":[\"a\",\"b\"],\"rate\":\"10mbit\"}");
	check_item(TRANSFER_DEVICE,
		   "{\"hosts\":[{\"address\":\"10.0.0.2\",\"name\":\"plc2\"},"
		   "{\"name\":\"plc1\",\"address\":\"10.0.0.1\"}],\"name\":\"d\","
		   "\"rules\":[\"allow in 10.0.0.1/32 tcp/102\"],\"lans\":[\"10.0.0.0/24\"]}",
		   "{\"name\":\"d\",\"lans\":[\"10.0.0.0/24\"],\"rules\":[\"allow in 10.0.0.1/32 "
		   "tcp/102\"],\"hosts\":[{\"name\":\"plc1\",\"address\":\"10.0.0.1\"},{\"name\":"
		   "\"plc2\",\"address\":\"10.0.0.2\"}]}");
	check_item(TRANSFER_DEVICE, "{\"name\":\"d\",\"rules\":null}",
		   "{\"name\":\"d\",\"rules\":null}");
	check_item(TRANSFER_PERMISSION,
		   "{\"effect\":\"allow\",\"group\":\"everyone\",\"permission\":\"connect\","
		   "\"folder\":\"/\"}",
		   "{\"folder\":\"/\",\"group\":\"everyone\",\"permission\":\"connect\",\"effect\":"
		   "\"allow\"}");
}

static void refused_items(void **state)
{
	check_refused(TRANSFER_DEVICE, "[]", "an object is needed");
	check_refused(TRANSFER_DEVICE, "{}", "name is missing");
	check_refused(TRANSFER_DEVICE, "{\"name\":\"Robert'); DROP TABLE member;--\"}", "name: a");
	check_refused(TRANSFER_DEVICE, "{\"name\":\"%s%n\"}", "name: a name has 1 to 63");
	check_refused(TRANSFER_DEVICE, "{\"name\":7}", "name: a name");
	check_refused(TRANSFER_DEVICE, "{\"name\":\"d\",\"lan\":[]}", "a device has no member lan");
	check_refused(TRANSFER_DEVICE, "{\"name\":\"d\",\"groups\":[]}",
		      "a device has no member g");
	check_refused(TRANSFER_DEVICE, "{\"name\":\"d\",\"lans\":[\"10.0.0.0/33\"]}", "lans: ");
	check_refused(TRANSFER_DEVICE, "{\"name\":\"d\",\"lans\":\"10.0.0.0/8\"}", "lans: a list");
	check_refused(TRANSFER_DEVICE, "{\"name\":\"d\",\"rate\":\"3\"}", "rate: a rate is");
	check_refused(TRANSFER_DEVICE, "{\"name\":\"d\",\"rules\":[\"deny\",\"maybe\"]}",
		      "rules: number 2 is no rule");
	check_refused(TRANSFER_DEVICE, "{\"name\":\"d\",\"hosts\":[{\"name\":\"x\"}]}", "hosts: ");
	check_refused(TRANSFER_USER, "{\"name\":\"a\",\"groups\":[\"x\",\"x\"]}", "each once");
	check_refused(TRANSFER_USER, "{\"name\":\"a\",\"valid_until\":\"2027-02-30T00:00:00Z\"}",
		      "valid_until: a time like");
	check_refused(TRANSFER_USER, "{\"name\":\"a\",\"valid_until\":\"2027-03-31T18:00:00.5Z\"}",
		      "valid_until: a time like");
	check_refused(TRANSFER_USER, "{\"name\":\"a\",\"password\":\"secret\"}",
		      "no member password");
	check_refused(TRANSFER_FOLDER, "{\"path\":\"italy\"}", "path: a folder is written");
	check_refused(TRANSFER_FOLDER, "{\"path\":\"/italy/\"}", "path: a folder is written");
	check_refused(TRANSFER_FOLDER, "{\"path\":\"/../x\"}", "path: a folder is written");
	check_refused(TRANSFER_FOLDER, "{\"path\":\"/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a\"}",
		      "at most 16 deep");
	check_refused(TRANSFER_PERMISSION, "{\"permission\":\"connect\",\"effect\":\"allow\"}",
		      "either user or group");
	check_refused(TRANSFER_PERMISSION,
		      "{\"user\":\"a\",\"permission\":\"connect\",\"effect\":\"allow\","
		      "\"folder\":\"/\",\"device\":\"d\"}",
		      "either folder or device");
	check_refused(TRANSFER_PERMISSION,
		      "{\"user\":\"a\",\"permission\":\"fly\",\"effect\":\"allow\"}",
		      "permission: there is no such permission");
}

static void long_values(void **state)
{
	json_t *raw = json_object(), *list = json_array();
	char error[TRANSFER_ERROR_SIZE], *big = malloc(1 << 20);

	memset(big, 'x', (1 << 20) - 1);
	big[(1 << 20) - 1] = '\0';
	json_object_set_new(raw, "name", json_string(big));
	assert_null(transfer_item(TRANSFER_DEVICE, raw, error));
	json_object_set_new(raw, "name", json_string("d"));
	json_object_set_new(raw, big, json_null());
	assert_null(transfer_item(TRANSFER_DEVICE, raw, error));
	json_object_del(raw, big);
	for (int i = 0; i < 1000; i++)
		json_array_append_new(list, json_string("allow"));
	json_object_set_new(raw, "rules", list);
	assert_null(transfer_item(TRANSFER_DEVICE, raw, error));
	assert_string_equal(error, "rules: a list of up to 256 rules");
	json_decref(raw);
	free(big);
}

/* --- spreadsheets --- */

static const struct {
	enum transfer_kind kind;
	const char *item;
} SAMPLES[] = {
	{TRANSFER_FOLDER, "{\"path\":\"/italy\"}"},
	{TRANSFER_GROUP, "{\"name\":\"none\",\"folder\":\"/italy\"}"},
	{TRANSFER_USER,
	 "{\"name\":\"anna\",\"folder\":\"/\",\"groups\":[\"none\"],\"rate\":\"none\"}"},
	{TRANSFER_USER, "{\"name\":\"bert\",\"folder\":\"/\",\"groups\":[\"a\",\"none\"]}"},
	{TRANSFER_USER,
	 "{\"name\":\"carl\",\"groups\":[],\"valid_until\":\"2027-03-31T18:00:00Z\"}"},
	{TRANSFER_DEVICE,
	 "{\"name\":\"d1\",\"folder\":\"/\",\"lans\":[],\"rate\":\"10mbit\",\"rules\":"
	 "null,\"hosts\":[]}"},
	{TRANSFER_DEVICE,
	 "{\"name\":\"d2\",\"folder\":\"/italy\",\"lans\":[\"10.0.0.0/24\",\"fd00::/64\"],\"rate\":"
	 "\"none\",\"rules\":[\"allow in 10.0.0.1/32 tcp/102\",\"deny\"],\"hosts\":[{\"name\":"
	 "\"plc1\",\"address\":\"10.0.0.1\"},{\"name\":\"plc1\",\"address\":\"fd00::1\"}]}"},
	{TRANSFER_DEVICE, "{\"name\":\"d3\",\"rules\":[]}"},
	{TRANSFER_PERMISSION, "{\"folder\":\"/italy\",\"user\":\"anna\",\"permission\":\"connect\","
			      "\"effect\":\"deny\"}"},
	{TRANSFER_PERMISSION, "{\"group\":\"everyone\",\"device\":\"d1\",\"permission\":"
			      "\"administer\",\"effect\":\"allow\"}"},
};

static void check_round_trip(unsigned int kinds, enum transfer_kind kind, const char *sample)
{
	struct csv_row *row = malloc(sizeof(*row));
	char error[TRANSFER_ERROR_SIZE], text[4096], *head = transfer_csv_header(kinds), *line;
	json_t *item = json_loads(sample, 0, NULL), *raw, *back;
	struct transfer_header h;
	enum transfer_kind k;
	struct csv c;

	line = transfer_csv(kinds, kind, item);
	snprintf(text, sizeof(text), "%s%s", head, line);
	csv_init(&c, text, strlen(text));
	assert_int_equal(csv_read(&c, row), 0);
	assert_int_equal(transfer_header(&h, row, error), 0);
	assert_int_equal(csv_read(&c, row), 0);
	raw = transfer_row(&h, row, &k, error);
	assert_non_null(raw);
	assert_int_equal(k, kind);
	back = transfer_item(k, raw, error);
	if (!back)
		print_error("%s: %s\n", line, error);
	assert_non_null(back);
	assert_true(json_equal(back, item));
	json_decref(back);
	json_decref(raw);
	json_decref(item);
	free(line);
	free(head);
	free(row);
}

static void rows_come_back(void **state)
{
	for (size_t i = 0; i < sizeof(SAMPLES) / sizeof(SAMPLES[0]); i++) {
		check_round_trip((1u << TRANSFER_KINDS) - 1, SAMPLES[i].kind, SAMPLES[i].item);
		check_round_trip(1u << SAMPLES[i].kind, SAMPLES[i].kind, SAMPLES[i].item);
	}
}

static void check_rows(const char *text, const char *why)
{
	struct csv_row *row = malloc(sizeof(*row));
	char error[TRANSFER_ERROR_SIZE] = "";
	struct transfer_header h;
	enum transfer_kind k;
	struct csv c;
	int rc;

	csv_init(&c, text, strlen(text));
	assert_int_equal(csv_read(&c, row), 0);
	rc = transfer_header(&h, row, error);
	if (rc == 0) {
		assert_int_equal(csv_read(&c, row), 0);
		assert_null(transfer_row(&h, row, &k, error));
	}
	if (!strstr(error, why))
		print_error("%s: %s\n", text, error);
	assert_non_null(strstr(error, why));
	free(row);
}

static void refused_rows(void **state)
{
	check_rows("kind,nam\nx\n", "there is no column nam");
	check_rows("kind,name,name\nx\n", "column name is there twice");
	check_rows("name,folder\nx\n", "kind among them");
	check_rows("kind,name\nrobot,x\n", "not robot");
	check_rows("name,kind\nx\n", "the kind is missing");
	check_rows("kind,name\ndevice,x,surplus\n", "more cells than the first line");
	check_rows("kind,hosts\ndevice,plc1\n", "hosts: cannot be understood");
	check_rows("kind,name\ndevice,\xff\xfe\n", "name: cannot be understood");
}

static void keys(void **state)
{
	json_t *p = json_loads(SAMPLES[9].item, 0, NULL), *d = json_loads(SAMPLES[6].item, 0, NULL);
	char key[TRANSFER_KEY_SIZE];
	enum transfer_kind k;

	transfer_key(TRANSFER_PERMISSION, p, key);
	assert_string_equal(key, "group everyone administer device d1");
	transfer_key(TRANSFER_DEVICE, d, key);
	assert_string_equal(key, "d2");
	assert_true(transfer_kind_find(&k, "devices") && k == TRANSFER_DEVICE);
	assert_true(transfer_kind_find(&k, "permission") && k == TRANSFER_PERMISSION);
	assert_false(transfer_kind_find(&k, "relays"));
	json_decref(d);
	json_decref(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(csv_reading),	cmocka_unit_test(csv_lines_are_counted),
		cmocka_unit_test(csv_caps),	cmocka_unit_test(csv_fields_come_back),
		cmocka_unit_test(one_spelling), cmocka_unit_test(refused_items),
		cmocka_unit_test(long_values),	cmocka_unit_test(rows_come_back),
		cmocka_unit_test(refused_rows), cmocka_unit_test(keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
