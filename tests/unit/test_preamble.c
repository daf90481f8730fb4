/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is said before anything else: the host's clock is in some year, the Access Server says what
 * time it is, and its certificate is judged by that.
 */
#include "common/io/preamble.h"

#include "common/io/access_link.h"
#include "common/io/log.h"
#include "tests/unit/link_fixture.h"

#define IN_1970_MS INT64_C(60000)
#define IN_2040_MS INT64_C(2209000000000)

enum lie { TRUTH, NO_METHOD, OTHER_KEY, OTHER_CA, OTHER_NONCE, OTHER_TIME, SHORT, SILENT, REFUSED };

static uv_loop_t loop;
static struct fix_ca lab, other;
static struct fix_id device, access_id, expired, future;
static struct identity identity;
static struct opt_ports ports;
static struct dial_memory memory;
static struct fix_access server;
static struct access_link *link_;
static uint8_t secret[64], public[32], other_secret[64], other_public[32];
static char state_dir[64];

static int64_t host_ms, said_ms, set_ms;
static int set_result;
static enum lie lie;
static unsigned int online, closed, asked, said_bye, sets;

/* The host. */

static int64_t host_now(void)
{
	return host_ms * 1000;
}

static int host_set(int64_t now_ms)
{
	sets++;
	set_ms = now_ms;
	return set_result;
}

/* The server. */

static void do_time(struct rpc *rpc, int64_t id, const json_t *params)
{
	uint8_t nonce[STAMP_NONCE_BYTES], sig[SIGNATURE_BYTES], text[STAMP_KEY_TEXT_MAX_BYTES];
	uint8_t key_sig[X509_SIGNATURE_MAX_BYTES];
	size_t n;

	asked++;
	assert_true(rpc_bytes(params, "nonce", nonce, sizeof(nonce), &n));
	assert_int_equal(n, sizeof(nonce));
	if (lie == SILENT)
		return;
	if (lie == NO_METHOD || lie == REFUSED) {
		rpc_reject(rpc, id, lie == REFUSED ? RPC_UNAVAILABLE : RPC_NO_METHOD, "no");
		return;
	}
	assert_int_equal(x509_sign(lie == OTHER_CA ? &other.key : &lab.key, text,
				   stamp_key_text(text, "lab", public), key_sig, &n),
			 0);
	if (lie == OTHER_NONCE)
		nonce[0] ^= 1;
	assert_int_equal(stamp_sign(sig, lie == OTHER_KEY ? other_secret : secret, "lab", nonce,
				    said_ms + (lie == OTHER_TIME)),
			 0);
	rpc_reply(rpc, id,
		  json_pack("{s:I, s:o, s:o, s:o}", "time_ms", (json_int_t)said_ms, "public",
			    rpc_json_bytes(public, sizeof(public)), "key_sig",
			    rpc_json_bytes(key_sig, n), "sig",
			    rpc_json_bytes(sig, lie == SHORT ? 63 : 64)));
}

static const struct rpc_method server_methods[] = {{"time.get", do_time}};

/* The client. */

static void do_bye(struct rpc *rpc, int64_t id, const json_t *params)
{
	said_bye++;
}

static const struct rpc_method methods[] = {{"bye", do_bye}};

static void on_online(struct access_link *l)
{
	online++;
}

static void on_offline(struct access_link *l, const char *why)
{
}

static void on_closed(struct access_link *l)
{
	closed++;
	link_ = NULL;
}

static const struct access_link_callbacks calls = {
	.on_online = on_online,
	.on_offline = on_offline,
	.on_closed = on_closed,
};

static const char *last_error(void)
{
	static struct access_link_status s;

	access_link_status(link_, &s);
	return s.last_error;
}

static void boot(int64_t at_ms, bool set_system)
{
	host_ms = at_ms;
	clock_open(state_dir, set_system);
}

static void start(const struct fix_id *server_id)
{
	struct access_link_config config = {
		.identity = &identity,
		.ports = &ports,
		.memory = &memory,
		.methods = methods,
		.n_methods = 1,
	};

	fix_access_open(&server, &loop, 0, &lab, server_id);
	ports = (struct opt_ports){.n = 1, .port = {server.port}};
	assert_int_equal(access_link_open(&link_, &loop, &config, &calls, NULL), 0);
}

static struct clock_status status(void)
{
	struct clock_status s;

	clock_status(&s);
	return s;
}

static bool near(int64_t a, int64_t b)
{
	return llabs(a - b) < 20000;
}

static void refused_with(const char *words)
{
	assert_true(wait_for(strstr(last_error(), words), 5000));
	assert_int_equal(online, 0);
}

static int64_t true_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000;
}

static char *clock_file(char path[100])
{
	snprintf(path, 100, "%s/" CLOCK_FILE, state_dir);
	return path;
}

static int set_up(void **state)
{
	char path[100];

	online = closed = asked = said_bye = sets = 0;
	set_result = 0;
	lie = TRUTH;
	memset(&server, 0, sizeof(server));
	memset(&memory, 0, sizeof(memory));
	access_link_times.retry_base_ms = 50;
	access_link_times.retry_max_ms = 100;
	server.ops.methods = server_methods;
	server.ops.n_methods = 1;
	unlink(clock_file(path));
	said_ms = true_now_ms();
	assert_int_equal(uv_loop_init(&loop), 0);
	return 0;
}

static int tear_down(void **state)
{
	if (link_)
		access_link_close(link_);
	if (server.set)
		fix_access_close(&server);
	assert_true(wait_for(!link_, 7000));
	fix_loop_end(&loop);
	return 0;
}

static void any_year_is_good_enough(void **state)
{
	static const int64_t years[] = {IN_1970_MS, IN_2040_MS};

	for (size_t i = 0; i < 2; i++) {
		online = 0;
		boot(years[i], false);
		assert_false(near(clock_wall_ms(), said_ms));
		start(&access_id);
		assert_true(wait_for(online == 1, 5000));
		assert_int_equal(status().state, OWNTIME_SIGNED);
		assert_true(near(clock_wall_ms(), said_ms));
		assert_true(near(status().system_ahead_ms, years[i] - said_ms));
		/* Somebody sets it: our time goes on. */
		host_ms = IN_2040_MS;
		assert_true(near(clock_wall_ms(), said_ms));
		assert_int_equal(sets, 0);
		access_link_close(link_);
		assert_true(wait_for(!link_, 5000));
		fix_access_close(&server);
	}
	assert_int_equal(asked, 2);
}

/* Whoever has an old key of the server's, and waits for a router that boots in 1970. */
static void an_expired_server_is_refused(void **state)
{
	boot(true_now_ms() - 100 * INT64_C(86400000), false); /* when it was good */
	start(&expired);
	refused_with("certificate has expired");
	assert_int_equal(status().state, OWNTIME_SIGNED);
}

static void a_server_of_the_future_is_refused(void **state)
{
	boot(IN_2040_MS, false);
	start(&future);
	refused_with("certificate is not valid yet");
}

/* Without the time dates count as ever. */
static void an_older_server_is_judged_by_the_host(void **state)
{
	lie = NO_METHOD;
	boot(true_now_ms(), false);
	start(&access_id);
	assert_true(wait_for(online == 1, 5000));
	assert_int_equal(status().state, OWNTIME_SYSTEM);
	access_link_close(link_);
	assert_true(wait_for(!link_, 5000));
	fix_access_close(&server);
	online = 0;
	boot(IN_2040_MS, false);
	start(&access_id);
	refused_with("certificate has expired");
	lie = REFUSED; /* its own clock is wrong */
	asked = 0;
	assert_true(wait_for(asked >= 2, 5000));
	assert_int_equal(online, 0);
}

static void lies_are_refused(void **state)
{
	static const struct {
		enum lie lie;
		const char *words;
	} cases[] = {{OTHER_KEY, "wrong signature"},
		     {OTHER_CA, "not one of the domain's"},
		     {OTHER_NONCE, "wrong signature"},
		     {OTHER_TIME, "wrong signature"},
		     {SHORT, "malformed"}};

	boot(IN_1970_MS, true);
	start(&access_id);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		lie = cases[i].lie;
		refused_with(cases[i].words);
		assert_int_equal(status().state, OWNTIME_UNKNOWN);
	}
	assert_int_equal(sets, 0);
	lie = TRUTH;
	assert_true(wait_for(online == 1, 5000));
}

/* From a certificate that is not valid nothing is heard before the time is known. */
static void a_bye_counts_only_in_time(void **state)
{
	lie = SILENT;
	boot(true_now_ms() + 100 * INT64_C(86400000), false);
	start(&access_id);
	assert_true(wait_for(asked == 1, 5000));
	rpc_notify(&fix_access_conn(&server)->rpc, "bye", NULL);
	wait_for(false, 200);
	assert_int_equal(said_bye, 0);
	assert_int_equal(online, 0);
	assert_null(access_link_rpc(link_));
	fix_access_cut(&server);
	lie = TRUTH;
	assert_true(wait_for(online == 1 && fix_access_has_conn(&server), 5000));
	rpc_notify(&fix_access_conn(&server)->rpc, "bye", NULL);
	assert_true(wait_for(said_bye == 1, 2000));
}

static void the_floor_is_kept(void **state)
{
	char path[100];
	uint8_t *bytes;
	size_t n;

	boot(IN_1970_MS, false);
	start(&access_id);
	assert_true(wait_for(online == 1, 5000));
	assert_int_equal(file_read(clock_file(path), 100, &bytes, &n), 0);
	free(bytes);
	/* The next start in 1970 knows better. */
	boot(IN_1970_MS, false);
	assert_int_equal(status().state, OWNTIME_UNKNOWN);
	assert_true(near(clock_wall_ms(), said_ms - OWNTIME_SLACK_S * 1000));
	/* And believes nobody who says less. */
	said_ms -= 2 * OWNTIME_SLACK_S * 1000;
	online = 0;
	fix_access_cut(&server);
	refused_with("lies before");
}

/* What SNTP says raises no floor, and gives way. */
static void sntp_gives_way(void **state)
{
	char path[100];
	uint8_t *bytes;
	size_t n;

	boot(IN_1970_MS, true);
	assert_int_equal(clock_take_sntp(IN_2040_MS), 0);
	assert_int_equal(status().state, OWNTIME_SNTP);
	assert_true(near(clock_wall_ms(), IN_2040_MS));
	assert_int_equal(file_read(clock_file(path), 100, &bytes, &n), -ENOENT);
	assert_int_equal(sets, 0);
	start(&access_id);
	assert_true(wait_for(online == 1, 5000));
	assert_true(near(clock_wall_ms(), said_ms));
	assert_int_equal(clock_take_sntp(IN_2040_MS), -EALREADY);
	assert_true(near(clock_wall_ms(), said_ms));
	assert_int_equal(sets, 1);
}

static void the_host_is_set_when_wanted(void **state)
{
	boot(IN_1970_MS, true);
	start(&access_id);
	assert_true(wait_for(online == 1, 5000));
	assert_int_equal(sets, 1);
	assert_true(near(set_ms, said_ms));
	/* Right already: left alone. */
	host_ms = clock_wall_ms();
	fix_access_cut(&server);
	assert_true(wait_for(online == 2, 5000));
	assert_int_equal(sets, 1);
}

/* A right that is missing is told once. */
static void the_host_cannot_be_set(void **state)
{
	set_result = -EPERM;
	boot(IN_1970_MS, true);
	start(&access_id);
	assert_true(wait_for(online == 1, 5000));
	fix_access_cut(&server);
	assert_true(wait_for(online == 2, 5000));
	assert_int_equal(sets, 1);
	assert_int_equal(status().set_error, EPERM);
}

static void damaged_floors_count_as_none(void **state)
{
	static const char *const files[] = {"",
					    "{",
					    "[]",
					    "{\"floor\": -5}",
					    "{\"floor\": \"x\"}",
					    "{\"floor\": 9999999999999999}"};
	char path[100];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		assert_int_equal(file_replace(clock_file(path), files[i], strlen(files[i]), 0600),
				 0);
		boot(true_now_ms(), false);
		assert_true(status().floor_s == OWNTIME_RELEASED_S);
		assert_int_equal(status().state, OWNTIME_SYSTEM);
	}
}

static int group_set_up(void **state)
{
	struct fix_ca *cas[] = {&lab, &other};

	log_init(LOG_ERROR);
	snprintf(state_dir, sizeof(state_dir), "/tmp/farlan-clock-%d", getpid());
	assert_int_equal(file_mkdirs(state_dir, 0700), 0);
	assert_int_equal(tls_global_init(), 0);
	for (size_t i = 0; i < 2; i++)
		fix_ca_make(cas[i], "lab");
	/* The CA is older than all that is tried. */
	assert_int_equal(x509_ca_make(&lab.cert, &lab.key, "lab", clock_wall_s() - 400 * DAY_S,
				      clock_wall_s() + 4000 * DAY_S),
			 0);
	fix_id_make(&device, &lab, IDENT_DEVICE, '1');
	fix_id_make(&access_id, &lab, IDENT_ACCESS, 'a');
	fix_id_make_dated(&expired, &lab, IDENT_ACCESS, 'a', -200 * DAY_S, -50 * DAY_S);
	fix_id_make_dated(&future, &lab, IDENT_ACCESS, 'a', 50 * DAY_S, 3000 * DAY_S);
	assert_int_equal(x509_ed25519_generate(secret, public), 0);
	assert_int_equal(x509_ed25519_generate(other_secret, other_public), 0);
	identity.id = device.id;
	identity.key = device.key;
	identity.cert = device.cert;
	identity.ca = lab.cert;
	identity.n_urls = 1;
	clock_host.now_us = host_now;
	clock_host.set = host_set;
	return url_parse(&identity.urls[0], "https://127.0.0.1");
}

static int group_tear_down(void **state)
{
	char path[100];

	unlink(clock_file(path));
	rmdir(state_dir);
	tls_global_deinit();
	uv_library_shutdown();
	return 0;
}

#define t(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		t(any_year_is_good_enough),
		t(an_expired_server_is_refused),
		t(a_server_of_the_future_is_refused),
		t(an_older_server_is_judged_by_the_host),
		t(lies_are_refused),
		t(a_bye_counts_only_in_time),
		t(the_floor_is_kept),
		t(sntp_gives_way),
		t(the_host_is_set_when_wanted),
		t(the_host_cannot_be_set),
		t(damaged_floors_count_as_none),
	};

	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
