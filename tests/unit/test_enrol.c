/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/enrol.h"

#include <sys/stat.h>

#include "common/io/log.h"
#include "tests/unit/link_fixture.h"

/* How the server answers. */
enum answer {
	GOOD,
	REFUSE,	 /* code 1 */
	HANG_UP, /* before it answers, but after it has signed */
	NOTHING, /* never */
	OTHER_KEY,
	OTHER_UID,  /* uri and certificate name two devices */
	OTHER_KIND, /* both name a user */
	OTHER_DOMAIN,
	OTHER_CA,
	OTHER_OUTER_KEY,
	NO_URLS,
	BAD_URL,
	BAD_CERT,
	NO_NAME,
	NO_TOKEN_KEYS,
	BAD_TOKEN_KEYS,
	EMPTY,
	GARBAGE,
};

static uv_loop_t loop;
static struct fix_ca lab, other;
static struct fix_id access_id, other_access, relay_as_access;
static struct fix_access server;
static struct opt_ports ports;
static struct dial_memory memory;
static struct invite invite;
static struct identity known;
static struct enrol_request request;
static struct enrol *enrol;
static char dir[64], key_path[100], save_dir[64];

static enum answer answer;
static json_t *asked; /* the last request's parameters */
static char asked_method[16];
static uint8_t spki[256];
static size_t spki_len;

static unsigned int done, n_steps;
static bool succeeded;
static unsigned int cancel_in_step; /* its number, from 1 */
static struct identity got;
static int code;
static char message[DIAL_REASON_SIZE], steps[2000];

/* The server */

static struct ident uid_of(enum ident_kind kind, char digit, const char *domain)
{
	struct ident id = {.kind = kind};

	snprintf(id.domain, sizeof(id.domain), "%s", domain);
	memset(id.uid, digit, IDENT_UID_SIZE - 1);
	return id;
}

static void sign(struct x509_cert *cert, const struct ident *id, const struct fix_ca *ca,
		 bool foreign_key)
{
	struct x509_profile profile = {
		.id = id,
		.n_hosts = id ? 0 : 1,
		.hosts = {"relay1.lab"},
		.server = true,
		.client = true,
		.not_before = clock_wall_s() - 60,
		.not_after = clock_wall_s() + DAY_S,
	};
	struct x509_key key;

	file_random(profile.serial, sizeof(profile.serial));
	if (foreign_key) {
		assert_int_equal(x509_key_generate(&key), 0);
		fix_sign(ca, &profile, &key, cert);
	} else {
		assert_int_equal(x509_issue(cert, &profile, spki, spki_len, &ca->cert, &ca->key),
				 0);
	}
}

static json_t *make_token_keys(void)
{
	uint8_t public[32] = {1, 2, 3};
	char kid[TOKEN_KID_SIZE];

	token_kid(kid, public);
	return json_pack("[{s:s, s:o}]", "kid", kid, "public",
			 rpc_json_bytes(public, answer == BAD_TOKEN_KEYS ? 31 : 32));
}

static json_t *make_answer(enum ident_kind kind)
{
	const struct fix_ca *ca = answer == OTHER_CA ? &other : &lab;
	struct ident id = uid_of(
		answer == OTHER_KIND ? (kind == IDENT_USER ? IDENT_DEVICE : IDENT_USER) : kind, '7',
		answer == OTHER_DOMAIN ? "elsewhere" : "lab");
	struct ident in_cert = id;
	struct x509_cert cert, outer;
	char uri[IDENT_URI_SIZE];
	json_t *o;

	if (answer == EMPTY)
		return json_object();
	in_cert.uid[0] = answer == OTHER_UID ? '8' : in_cert.uid[0];
	sign(&cert, &in_cert, ca, answer == OTHER_KEY);
	sign(&outer, NULL, ca, answer == OTHER_OUTER_KEY);
	ident_format(&id, uri);
	if (answer == BAD_CERT)
		cert.der[5] ^= 0xff;
	o = json_pack("{s:s, s:s, s:o, s:o, s:[s]}", "name", "site1", "uri", uri, "cert",
		      rpc_json_bytes(cert.der, cert.len), "ca",
		      rpc_json_bytes(other.cert.der, other.cert.len), "urls",
		      answer == BAD_URL ? "http://as1.lab" : "https://as1.lab");
	if (answer == NO_URLS)
		json_object_set_new(o, "urls", json_array());
	if (answer == NO_NAME)
		json_object_del(o, "name");
	if (kind == IDENT_RELAY) {
		json_object_set_new(o, "outer_cert", rpc_json_bytes(outer.der, outer.len));
		if (answer != NO_TOKEN_KEYS)
			json_object_set_new(o, "token_keys", make_token_keys());
	}
	return o;
}

static void take_request(struct rpc *rpc, int64_t id, const json_t *params, const char *method)
{
	struct fix_conn *c = rpc->arg;
	enum ident_kind kind = IDENT_USER;
	uint8_t csr[X509_CSR_MAX_BYTES];
	const char *text;
	size_t n;

	json_decref(asked);
	asked = json_deep_copy(params);
	snprintf(asked_method, sizeof(asked_method), "%s", method);
	assert_true(rpc_bytes(params, "csr", csr, sizeof(csr), &n));
	assert_int_equal(x509_csr_check(csr, n, spki, sizeof(spki), &spki_len), 0);
	if (rpc_str(params, "kind", &text))
		assert_int_equal(ident_kind_parse(&kind, text), 0);
	if (answer == REFUSE)
		rpc_reject(rpc, id, RPC_DENIED, "invitation was already used\x1b[2J");
	else if (answer == HANG_UP)
		inner_close(c->inner, "lost");
	else if (answer == GARBAGE)
		assert_int_equal(inner_send(c->inner, "\0\0\0\2{]", 6), 0);
	else if (answer != NOTHING)
		rpc_reply(rpc, id, make_answer(kind));
}

static void do_enrol(struct rpc *rpc, int64_t id, const json_t *params)
{
	take_request(rpc, id, params, "enrol");
}

static void do_login(struct rpc *rpc, int64_t id, const json_t *params)
{
	take_request(rpc, id, params, "login");
}

static const struct rpc_method methods[] = {{"enrol", do_enrol}, {"login", do_login}};

/* The newcomer */

static void on_step(void *arg, const char *what)
{
	assert_string_equal(arg, "arg");
	assert_int_equal(done, 0);
	n_steps++;
	if (strlen(steps) + strlen(what) + 2 < sizeof(steps))
		strcat(strcat(steps, what), "\n");
	if (n_steps == cancel_in_step)
		enrol_cancel(enrol);
}

static void on_done(void *arg, const struct identity *identity, int error, const char *text)
{
	struct stat st;

	assert_string_equal(arg, "arg");
	assert_int_equal(done, 0);
	done++;
	succeeded = identity != NULL;
	if (identity) {
		got = *identity;
		assert_int_equal(identity_save(identity, save_dir), 0);
		assert_int_equal(stat(key_path, &st),
				 request.pending_key_path ? 0 : -1); /* until it is safe */
	} else {
		code = error;
		snprintf(message, sizeof(message), "%s", text);
	}
}

static const struct enrol_callbacks calls = {.on_step = on_step, .on_done = on_done};

static int set_up(void **state)
{
	done = n_steps = 0;
	succeeded = false;
	cancel_in_step = 0;
	answer = GOOD;
	steps[0] = message[0] = '\0';
	memset(&server, 0, sizeof(server));
	memset(&memory, 0, sizeof(memory));
	assert_int_equal(uv_loop_init(&loop), 0);
	server.ops.methods = methods;
	server.ops.n_methods = 2;
	fix_access_open(&server, &loop, 0, &lab, &access_id);
	ports = (struct opt_ports){.n = 1, .port = {server.port}};
	memset(&invite, 0, sizeof(invite));
	invite.kind = IDENT_DEVICE;
	invite.n_urls = 1;
	assert_int_equal(url_parse(&invite.urls[0], "https://127.0.0.1"), 0);
	x509_sha256(lab.cert.der, lab.cert.len, invite.ca_sha256);
	memset(invite.secret, 0x5a, sizeof(invite.secret));
	strcpy(dir, "/tmp/farlan-enrol-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(save_dir, sizeof(save_dir), "%s", dir);
	snprintf(key_path, sizeof(key_path), "%s/pending.key", dir);
	request = (struct enrol_request){
		.invite = &invite,
		.pending_key_path = key_path,
		.kind = IDENT_DEVICE,
		.ports = &ports,
		.memory = &memory,
		.version = "0.1.0",
	};
	return 0;
}

static int tear_down(void **state)
{
	char path[120];

	if (server.set)
		fix_access_close(&server);
	json_decref(asked);
	asked = NULL;
	fix_loop_end(&loop);
	unlink(key_path);
	snprintf(path, sizeof(path), "%s/" IDENTITY_FILE, save_dir);
	unlink(path);
	return rmdir(dir);
}

static void start(void)
{
	assert_int_equal(enrol_start(&enrol, &loop, &request, &calls, (void *)(uintptr_t) "arg"),
			 0);
	assert_int_equal(done + n_steps, 0);
}

static void expect_success(void)
{
	start();
	assert_true(wait_for(done, 5000));
	if (!succeeded)
		print_error("%s\n", message);
	assert_true(succeeded);
	assert_int_equal(access(key_path, F_OK), -1);
	assert_string_equal(got.id.domain, "lab");
	assert_string_equal(got.name, "site1");
	assert_int_equal(got.n_urls, 1);
	assert_string_equal(got.urls[0].host, "as1.lab");
	assert_int_equal(got.ca.len, lab.cert.len);
	assert_memory_equal(got.ca.der, lab.cert.der,
			    lab.cert.len); /* the pinned one, not the one in the answer */
	assert_int_equal(x509_verify(got.cert.der, got.cert.len, &got.ca, true), 0);
}

static void expect_failure(int want, const char *why)
{
	start();
	assert_true(wait_for(done, 5000));
	assert_false(succeeded);
	if (!strstr(message, why))
		print_error("\"%s\" does not say \"%s\"\n", message, why);
	assert_non_null(strstr(message, why));
	assert_int_equal(code, want);
}

static void again(void)
{
	tear_down(NULL);
	set_up(NULL);
}

static void a_device_enrols(void **state)
{
	uint8_t secret[16];
	size_t n;

	expect_success();
	assert_int_equal(got.id.kind, IDENT_DEVICE);
	assert_string_equal(asked_method, "enrol");
	assert_true(rpc_bytes(asked, "secret", secret, sizeof(secret), &n));
	assert_memory_equal(secret, invite.secret, 16);
	assert_string_equal(json_string_value(json_object_get(asked, "kind")), "device");
	assert_string_equal(json_string_value(json_object_get(asked, "version")), "0.1.0");
	assert_int_equal(json_object_size(asked), 4);
	assert_non_null(strstr(steps, "connected to 127.0.0.1:"));
	assert_non_null(strstr(steps, "server authenticated, domain lab"));
	assert_true(wait_for(server.closed == 1, 2000));
	assert_int_equal(server.clean, 1);
}

static void a_relay_enrols(void **state)
{
	request.kind = invite.kind = IDENT_RELAY;
	expect_success();
	assert_int_equal(got.id.kind, IDENT_RELAY);
	assert_int_equal(got.n_token_keys, 1);
	assert_memory_equal(got.token_keys[0].public, ((uint8_t[32]){1, 2, 3}), 32);
	assert_true(got.outer_cert.len > 100);
}

static void a_user_signs_in_the_first_time(void **state)
{
	request.kind = invite.kind = IDENT_USER;
	request.password = "correct horse";
	request.pending_key_path = NULL;
	expect_success();
	assert_string_equal(asked_method, "login");
	assert_string_equal(json_string_value(json_object_get(asked, "password")), "correct horse");
	assert_non_null(json_object_get(asked, "secret"));
	assert_null(json_object_get(asked, "user"));
	assert_null(json_object_get(asked, "kind"));
}

static void a_user_signs_in_again(void **state)
{
	request.kind = IDENT_USER;
	request.invite = NULL;
	request.identity = &known;
	request.user = "anna";
	request.password = "correct horse";
	request.pending_key_path = NULL;
	expect_success();
	assert_string_equal(json_string_value(json_object_get(asked, "user")), "anna");
	assert_null(json_object_get(asked, "secret"));
}

static void a_known_domain_is_checked(void **state)
{
	fix_access_close(&server);
	wait_for(false, 20);
	memset(&server, 0, sizeof(server));
	fix_access_open(&server, &loop, ports.port[0], &other, &other_access);
	request.kind = IDENT_USER;
	request.invite = NULL;
	request.identity = &known;
	request.user = "anna";
	request.password = "secret to nobody else";
	expect_failure(RPC_UNAVAILABLE, "not signed by the domain CA");
	assert_null(asked);
}

static void a_wrong_ca_gets_no_secret(void **state)
{
	invite.ca_sha256[0] ^= 1;
	expect_failure(RPC_UNAVAILABLE, "another fingerprint");
	assert_null(asked);
	assert_int_equal(server.ready, 0);
	assert_int_equal(access(key_path, F_OK), 0); /* for the next attempt */
}

static void another_kind_of_server_gets_no_secret(void **state)
{
	fix_access_close(&server);
	wait_for(false, 20);
	memset(&server, 0, sizeof(server));
	fix_access_open(&server, &loop, ports.port[0], &lab, &relay_as_access);
	expect_failure(RPC_UNAVAILABLE, "another kind");
	assert_null(asked);
}

static void a_refusal_comes_in_words(void **state)
{
	answer = REFUSE;
	expect_failure(RPC_DENIED, "invitation was already used");
	assert_null(strchr(message, '\x1b'));
}

static void believes_no_false_answer(void **state)
{
	static const struct {
		enum answer answer;
		enum ident_kind kind;
		const char *why;
	} cases[] = {
		{OTHER_KEY, IDENT_DEVICE, "another key"},
		{OTHER_UID, IDENT_DEVICE, "somebody else"},
		{OTHER_KIND, IDENT_DEVICE, "malformed"},
		{OTHER_DOMAIN, IDENT_DEVICE, "another domain"},
		{OTHER_CA, IDENT_DEVICE, "another domain"},
		{NO_URLS, IDENT_DEVICE, "malformed"},
		{BAD_URL, IDENT_DEVICE, "malformed"},
		{BAD_CERT, IDENT_DEVICE, "cannot be read"},
		{NO_NAME, IDENT_DEVICE, "malformed"},
		{EMPTY, IDENT_DEVICE, "malformed"},
		{NO_TOKEN_KEYS, IDENT_RELAY, "malformed"},
		{BAD_TOKEN_KEYS, IDENT_RELAY, "malformed"},
		{OTHER_OUTER_KEY, IDENT_RELAY, "another key"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		again();
		answer = cases[i].answer;
		request.kind = invite.kind = cases[i].kind;
		expect_failure(RPC_DENIED, cases[i].why);
		assert_int_equal(access(key_path, F_OK), 0);
	}
}

static void a_server_that_talks_nonsense(void **state)
{
	answer = GARBAGE;
	expect_failure(RPC_INTERNAL, "malformed message");
}

static void the_pending_key_is_used_again(void **state)
{
	uint8_t first[256];
	size_t first_len;
	struct stat st;

	answer = HANG_UP;
	expect_failure(RPC_UNAVAILABLE, "closed");
	assert_int_equal(stat(key_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	memcpy(first, spki, spki_len);
	first_len = spki_len;
	done = 0;
	n_steps = 0;
	answer = GOOD;
	expect_success();
	assert_int_equal(spki_len, first_len);
	assert_memory_equal(spki, first, spki_len);
}

static void a_damaged_pending_key_is_replaced(void **state)
{
	assert_int_equal(file_replace(key_path, "rubbish", 7, 0600), 0);
	expect_success();
}

static void an_unwritable_key_file_is_an_error(void **state)
{
	request.pending_key_path = "/nonexistent/pending.key";
	assert_int_equal(enrol_start(&enrol, &loop, &request, &calls, (void *)(uintptr_t) "arg"),
			 -ENOENT);
}

static void refuses_bad_requests(void **state)
{
	char much[2000];

	memset(much, 'x', sizeof(much) - 1);
	much[sizeof(much) - 1] = '\0';
	request.user = much;
	assert_int_equal(enrol_start(&enrol, &loop, &request, &calls, NULL), -E2BIG);
	request.user = NULL;
	request.password = much;
	assert_int_equal(enrol_start(&enrol, &loop, &request, &calls, NULL), -E2BIG);
	request.password = NULL;
	request.invite = NULL;
	assert_int_equal(enrol_start(&enrol, &loop, &request, &calls, NULL), -EINVAL);
	assert_int_equal(access(key_path, F_OK), -1);
}

static void nobody_there(void **state)
{
	fix_access_close(&server);
	wait_for(false, 20);
	expect_failure(RPC_UNAVAILABLE, "refused");
	assert_int_equal(access(key_path, F_OK), 0);
}

static void can_be_cancelled_at_any_moment(void **state)
{
	answer = NOTHING;
	for (unsigned int turns = 0; turns < 50; turns++) {
		n_steps = 0;
		start();
		for (unsigned int i = 0; i < turns; i++) {
			uv_run(&loop, UV_RUN_NOWAIT);
			usleep(150);
		}
		enrol_cancel(enrol);
		enrol_cancel(enrol);
		wait_for(false, 3);
		assert_int_equal(done, 0);
	}
	assert_non_null(asked);
}

static void can_be_cancelled_in_a_step(void **state)
{
	for (cancel_in_step = 1; cancel_in_step <= 2; cancel_in_step++) {
		n_steps = 0;
		start();
		wait_for(false, 200);
		assert_int_equal(done, 0);
		assert_int_equal(n_steps, cancel_in_step);
		assert_null(asked);
	}
}

static int group_set_up(void **state)
{
	log_init(LOG_ERROR);
	assert_int_equal(tls_global_init(), 0);
	fix_ca_make(&lab, "lab");
	fix_ca_make(&other, "lab");
	fix_id_make(&access_id, &lab, IDENT_ACCESS, 'a');
	fix_id_make(&other_access, &other, IDENT_ACCESS, 'a');
	fix_id_make(&relay_as_access, &lab, IDENT_RELAY, 'a');
	known.id = uid_of(IDENT_USER, '7', "lab");
	known.ca = lab.cert;
	known.n_urls = 1;
	return url_parse(&known.urls[0], "https://127.0.0.1");
}

static int group_tear_down(void **state)
{
	tls_global_deinit();
	uv_library_shutdown();
	return 0;
}

#define t(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		t(a_device_enrols),
		t(a_relay_enrols),
		t(a_user_signs_in_the_first_time),
		t(a_user_signs_in_again),
		t(a_known_domain_is_checked),
		t(a_wrong_ca_gets_no_secret),
		t(another_kind_of_server_gets_no_secret),
		t(a_refusal_comes_in_words),
		t(believes_no_false_answer),
		t(a_server_that_talks_nonsense),
		t(the_pending_key_is_used_again),
		t(a_damaged_pending_key_is_replaced),
		t(an_unwritable_key_file_is_an_error),
		t(refuses_bad_requests),
		t(nobody_there),
		t(can_be_cancelled_at_any_moment),
		t(can_be_cancelled_in_a_step),
	};

	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
