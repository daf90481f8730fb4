/* SPDX-License-Identifier: GPL-3.0-or-later */
/* relayd as a whole, but for main: enrolment, Access Server, local socket. */
#include "tests/unit/pure_test.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io/ctl.h"
#include "common/io/file.h"
#include "common/pure/text.h"
#include "relayd/daemon.h"
#include "tests/unit/fake_access.h"

static struct domain domain;
static struct fake_access access_server;
static struct daemon *relayd;
static uv_loop_t loop;
static uint16_t port;
static char dir[64];

/* The loop */

static void on_wake(uv_timer_t *timer)
{
	(void)timer;
}

static bool run_until(bool (*done)(void *arg), void *arg, uint64_t ms)
{
	uint64_t end = clock_mono_ms() + ms;
	uv_timer_t wake;
	bool ok;

	uv_timer_init(&loop, &wake);
	uv_timer_start(&wake, on_wake, 5, 5);
	while (!(ok = done(arg)) && clock_mono_ms() < end)
		uv_run(&loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&wake, NULL);
	uv_run(&loop, UV_RUN_NOWAIT);
	return ok;
}

static uint16_t free_port(void)
{
	struct sockaddr_in addr = {.sin_family = AF_INET};
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	close(fd);
	return ntohs(addr.sin_port);
}

static void start_relayd(void)
{
	relayd = calloc(1, sizeof(*relayd));
	assert_non_null(relayd);
	conf_defaults(&relayd->conf);
	snprintf(relayd->conf.state, sizeof(relayd->conf.state), "%s/state", dir);
	snprintf(relayd->conf.socket, sizeof(relayd->conf.socket), "%s/sock", dir);
	relayd->conf.listen.n = 1;
	assert_int_equal(addr_parse(&relayd->conf.listen.at[0].addr, "127.0.0.1"), 0);
	relayd->conf.listen.at[0].port = port;
	assert_int_equal(daemon_start(relayd, &loop), 0);
}

static bool all_stopped(void *arg)
{
	(void)arg;
	return !relayd->workers && !relayd->uplink_open;
}

static void stop_relayd(void)
{
	daemon_stop(relayd);
	assert_true(run_until(all_stopped, NULL, 6000));
	daemon_deinit(relayd);
}

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/farlan-relayd-XXXXXX");
	assert_non_null(mkdtemp(dir));
	port = free_port();
	assert_int_equal(uv_loop_init(&loop), 0);
	fake_access_open(&access_server, &loop, &domain);
	start_relayd();
	return 0;
}

static int teardown(void **state)
{
	static const char *const left[] = {"state/" IDENTITY_FILE, "state/enrolling.key",
					   "state/" REPORTER_FILE, "state/reached.json"};
	char path[128];

	(void)state;
	stop_relayd();
	fake_access_close(&access_server);
	free(relayd);
	assert_int_equal(uv_loop_close(&loop), 0);
	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, left[i]);
		(void)unlink(path);
	}
	snprintf(path, sizeof(path), "%s/state", dir);
	return rmdir(path) || rmdir(dir);
}

/* The tool, on a thread of its own, because it blocks. */
struct question {
	pthread_t thread;
	const char *method;
	json_t *params, *result;
	char error[300];
	int code;
	volatile bool done;
	unsigned int notes;
};

static void on_note(void *arg, const char *method, const json_t *params)
{
	struct question *q = arg;

	(void)method;
	(void)params;
	q->notes++;
}

static void *ask_thread(void *arg)
{
	struct question *q = arg;
	char path[100];
	struct ctl *c;

	snprintf(path, sizeof(path), "%s/sock", dir);
	q->code = ctl_open(&c, path, NULL);
	if (q->code == 0) {
		q->code = ctl_call(c, q->method, q->params, 20000, on_note, q, &q->result, q->error,
				   sizeof(q->error));
		ctl_close(c);
	}
	q->done = true;
	return NULL;
}

static bool is_answered(void *arg)
{
	return ((struct question *)arg)->done;
}

static void ask(struct question *q, const char *method, json_t *params)
{
	*q = (struct question){.method = method, .params = params};
	assert_int_equal(pthread_create(&q->thread, NULL, ask_thread, q), 0);
	assert_true(run_until(is_answered, q, 25000));
	pthread_join(q->thread, NULL);
}

static void expect_state(const char *state)
{
	struct question q;

	ask(&q, "status", NULL);
	assert_int_equal(q.code, 0);
	assert_string_equal(json_string_value(json_object_get(q.result, "state")), state);
	json_decref(q.result);
}

static void enroll(struct question *q, enum ident_kind kind, bool again)
{
	char invitation[INVITE_TEXT_SIZE];

	fake_access_invite(&access_server, kind, invitation);
	ask(q, "enroll", json_pack("{s:s, s:b}", "invitation", invitation, "again", (int)again));
}

static bool is_online(void *arg)
{
	(void)arg;
	return relayd->uplink_open && relayd->uplink.online;
}

static bool is_offline(void *arg)
{
	return !is_online(arg);
}

static void get_online(void)
{
	struct question q;

	enroll(&q, IDENT_RELAY, false);
	assert_int_equal(q.code, 0);
	assert_string_equal(json_string_value(json_object_get(q.result, "name")), "rs1");
	assert_true(q.notes > 0);
	json_decref(q.result);
	assert_true(run_until(is_online, NULL, 5000));
}

/* Legs */

static bool never(void *arg)
{
	(void)arg;
	return false;
}

static bool is_settled(void *arg)
{
	const struct end *e = arg;

	return e->open || e->closed;
}

static bool is_closed(void *arg)
{
	return ((const struct end *)arg)->closed;
}

static bool got_all(void *arg)
{
	const struct end *e = arg;

	return e->received >= 100000;
}

static void dial(struct end *e, const struct domain *d, enum token_role role, uint64_t generation)
{
	char token[PASETO_TOKEN_SIZE], headers[PASETO_TOKEN_SIZE + 100];

	*e = (struct end){0};
	domain_token(d, &(struct claims){.session = 1, .role = role, .from_s = 0, .to_s = 3600},
		     token);
	snprintf(headers, sizeof(headers),
		 "Authorization: Bearer %s\r\nFarlan-Generation: %llu\r\n", token,
		 (unsigned long long)generation);
	end_dial(e, &loop, d, port, "/v1/session", headers);
	assert_true(run_until(is_settled, e, 5000));
}

static void dial_pair(struct end *m, struct end *d, uint64_t generation)
{
	dial(m, &domain, TOKEN_MANAGER, generation);
	dial(d, &domain, TOKEN_DEVICE, generation);
	assert_true(m->open && d->open);
	end_send(m, 100000);
	assert_true(run_until(got_all, d, 5000));
	assert_false(d->wrong);
}

static void close_pair(struct end *m, struct end *d)
{
	end_close(m);
	assert_true(run_until(is_closed, m, 5000));
	assert_true(run_until(is_closed, d, 5000));
}

/* Tests */

static void test_not_enrolled(void **state)
{
	struct question q;

	(void)state;
	expect_state("not-enrolled");
	ask(&q, "sessions", NULL);
	assert_int_equal(json_array_size(json_object_get(q.result, "sessions")), 0);
	json_decref(q.result);
	enroll(&q, IDENT_DEVICE, false);
	assert_int_equal(q.code, RPC_BAD_PARAMS);
	assert_non_null(strstr(q.error, "not for a relay"));
	ask(&q, "enroll", json_pack("{s:s}", "invitation", "farlan-relay-AQQ"));
	assert_int_equal(q.code, RPC_BAD_PARAMS);
	ask(&q, "enroll", NULL);
	assert_int_equal(q.code, RPC_BAD_PARAMS);
	access_server.refuse = true;
	enroll(&q, IDENT_RELAY, false);
	assert_int_equal(q.code, RPC_DENIED);
	assert_string_equal(q.error, "unknown invitation");
	access_server.refuse = false;
	access_server.away = true;
	enroll(&q, IDENT_RELAY, false);
	assert_int_not_equal(q.code, 0);
	expect_state("not-enrolled");
}

static void test_enroll_then_carry(void **state)
{
	struct end m, d;
	struct question q;
	struct stat st;
	char path[128];

	(void)state;
	get_online();
	expect_state("online");
	snprintf(path, sizeof(path), "%s/state/%s", dir, IDENTITY_FILE);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	dial_pair(&m, &d, 1);
	ask(&q, "sessions", NULL);
	assert_int_equal(json_array_size(json_object_get(q.result, "sessions")), 1);
	json_decref(q.result);
	close_pair(&m, &d);
}

static void test_restart_needs_no_invitation(void **state)
{
	(void)state;
	get_online();
	stop_relayd();
	free(relayd);
	start_relayd();
	assert_true(run_until(is_online, NULL, 5000));
	assert_int_equal(access_server.enrolled, 1);
	assert_int_equal(access_server.hellos, 2);
}

static void test_session_end(void **state)
{
	char id[TOKEN_SESSION_SIZE];
	uint8_t bytes[TOKEN_SESSION_BYTES];
	struct end m, d;

	(void)state;
	get_online();
	dial_pair(&m, &d, 1);
	domain_session_id(1, bytes);
	assert_int_equal(text_hex_encode(id, sizeof(id), bytes, sizeof(bytes)), 0);
	fake_access_notify(&access_server, "session.end", json_pack("{s:s}", "session", "rubbish"));
	fake_access_notify(&access_server, "session.end",
			   json_pack("{s:s, s:s}", "session", id, "reason", "over\x01"));
	assert_true(run_until(is_closed, &m, 1000));
	assert_true(run_until(is_closed, &d, 1000));
	dial(&m, &domain, TOKEN_MANAGER, 2);
	assert_non_null(strstr(m.reason, "403"));
}

static void look_for_key(struct relay *r, void *arg)
{
	bool *has = arg;

	*has &= memcmp(&r->config.token_keys[0], &domain.key, sizeof(domain.key)) == 0;
}

static bool has_new_key(void *arg)
{
	bool has = true;

	(void)arg;
	workers_ask_all(relayd->workers, look_for_key, &has);
	return has;
}

static bool has_reported(void *arg)
{
	return access_server.reports >= *(const unsigned int *)arg;
}

/* A loop that was held up says so. */
static void test_report(void **state)
{
	struct end m, d;
	unsigned int n = 1;

	(void)state;
	relayd->conf.capacity = 12500000;
	get_online();
	assert_true(run_until(has_reported, &n, 5000));
	assert_int_equal(access_server.report.sessions, 0);
	assert_int_equal(access_server.report.max_sessions, relayd->conf.max_sessions);
	assert_int_equal(access_server.report.bytes_per_s, 0);
	assert_int_equal(access_server.report.capacity, 12500000);
	assert_false(access_server.report.draining);
	dial_pair(&m, &d, 1);
	usleep(700000);
	uplink_report_now(&relayd->uplink);
	n = access_server.reports + 1;
	assert_true(run_until(has_reported, &n, 5000));
	assert_int_equal(access_server.report.sessions, 1);
	assert_true(access_server.report.bytes_per_s > 0);
	assert_in_range(access_server.report.loop_lag_ms, 150, 60000);
	fake_access_notify(&access_server, "relay.drain", json_pack("{s:b}", "drain", 1));
	fake_access_notify(&access_server, "relay.drain", NULL);
	close_pair(&m, &d);
	expect_state("online");
}

static void test_new_token_keys_are_used_and_kept(void **state)
{
	struct domain old = domain;
	struct end e;
	struct identity id;

	(void)state;
	get_online();
	assert_int_equal(x509_ed25519_generate(domain.secret, domain.key.public), 0);
	fake_access_notify(&access_server, "relay.keys",
			   json_pack("{s:o}", "token_keys", fake_access_keys(&access_server)));
	/* The key id is not the new key's: refused as a whole. */
	(void)run_until(has_new_key, NULL, 200);
	assert_false(has_new_key(NULL));
	token_kid(domain.key.kid, domain.key.public);
	fake_access_notify(&access_server, "relay.keys",
			   json_pack("{s:o}", "token_keys", fake_access_keys(&access_server)));
	assert_true(run_until(has_new_key, NULL, 2000));
	dial(&e, &old, TOKEN_MANAGER, 1);
	assert_non_null(strstr(e.reason, "401"));
	dial(&e, &domain, TOKEN_MANAGER, 1);
	assert_true(e.open);
	end_close(&e);
	assert_true(run_until(is_closed, &e, 1000));
	assert_int_equal(identity_load(&id, relayd->conf.state), 0);
	assert_memory_equal(&id.token_keys[0], &domain.key, sizeof(domain.key));
}

static bool has_usages(void *arg)
{
	return access_server.usages >= *(const unsigned int *)arg;
}

/* Each join once: while accessd is there, while it is away, and with a restart in between. */
static void test_usage_arrives(void **state)
{
	struct end m, d;
	unsigned int n = 1;

	get_online();
	dial_pair(&m, &d, 1);
	close_pair(&m, &d);
	assert_true(run_until(has_usages, &n, 5000));
	assert_true(access_server.usage.bytes_to_device == 100000 && access_server.usage.over);
	fake_access_leave(&access_server);
	assert_true(run_until(is_offline, NULL, 2000));
	dial_pair(&m, &d, 2);
	close_pair(&m, &d);
	dial_pair(&m, &d, 3); /* ends with the process */
	stop_relayd();
	free(relayd);
	access_server.away = false;
	start_relayd();
	n = 3;
	assert_true(run_until(has_usages, &n, 5000));
	assert_true(run_until(is_online, NULL, 5000));
	stop_relayd();
	free(relayd);
	start_relayd();
	assert_true(run_until(is_online, NULL, 5000));
	(void)run_until(never, NULL, 500);
	assert_int_equal(access_server.usages, 3);
}

static void test_runs_on_without_accessd(void **state)
{
	struct end m, d, m2, d2;

	(void)state;
	get_online();
	dial_pair(&m, &d, 1);
	fake_access_leave(&access_server);
	assert_true(run_until(is_offline, NULL, 5000));
	end_send(&d, 100000);
	assert_true(run_until(got_all, &m, 5000)); /* old pairs */
	close_pair(&m, &d);
	dial_pair(&m2, &d2, 2); /* and new ones */
	close_pair(&m2, &d2);
	access_server.away = false;
	assert_true(run_until(is_online, NULL, 20000)); /* and it comes back by itself */
	expect_state("online");
}

static void test_bye_for_good(void **state)
{
	struct question q;
	struct end m, d;

	(void)state;
	get_online();
	dial_pair(&m, &d, 1);
	fake_access_notify(&access_server, "bye",
			   json_pack("{s:s, s:b}", "reason", "removed", "retry", 0));
	assert_true(run_until(is_offline, NULL, 8000));
	ask(&q, "status", NULL);
	assert_string_equal(json_string_value(json_object_get(q.result, "state")), "offline");
	assert_true(json_is_true(json_object_get(q.result, "removed")));
	assert_string_equal(json_string_value(json_object_get(q.result, "problem")), "removed");
	json_decref(q.result);
	/* It carries nothing any more: the sessions find another relay. */
	assert_true(run_until(is_closed, &m, 5000));
	assert_true(run_until(is_closed, &d, 5000));
	dial(&m, &domain, TOKEN_MANAGER, 2);
	assert_true(run_until(is_closed, &m, 5000));
	assert_int_equal(access_server.hellos, 1);
}

static void test_enroll_again(void **state)
{
	struct question q;
	struct end m, d;

	(void)state;
	get_online();
	dial_pair(&m, &d, 1);
	enroll(&q, IDENT_RELAY, false);
	assert_int_equal(q.code, RPC_BAD_PARAMS);
	assert_non_null(strstr(q.error, "--again"));
	access_server.name = "rs2";
	enroll(&q, IDENT_RELAY, true);
	assert_int_equal(q.code, 0);
	assert_string_equal(json_string_value(json_object_get(q.result, "name")), "rs2");
	json_decref(q.result);
	assert_true(run_until(is_closed, &m, 5000));
	assert_true(run_until(is_closed, &d, 5000));
	assert_true(run_until(is_online, NULL, 8000));
	assert_string_equal(relayd->identity.name, "rs2");
	dial_pair(&m, &d, 1); /* a new relay has seen no generations */
	close_pair(&m, &d);
}

static void test_sessions_fit_the_open_files(void **state)
{
	struct conf c = {.max_sessions = 10000};

	(void)state;
	assert_false(conf_fit_sessions(&c, 262144));
	assert_int_equal(c.max_sessions, 10000);
	assert_true(conf_fit_sessions(&c, 20000));
	assert_int_equal(c.max_sessions, 9900);
	assert_true(conf_fit_sessions(&c, 1024));
	assert_int_equal(c.max_sessions, 412);
	assert_true(conf_fit_sessions(&c, 256));
	assert_int_equal(c.max_sessions, 64);
}

static bool status_is_draining(const char *why)
{
	struct question q;
	const char *got = "";
	bool draining;

	ask(&q, "status", NULL);
	assert_int_equal(q.code, 0);
	draining = json_is_true(json_object_get(q.result, "draining"));
	(void)rpc_str(q.result, "draining_why", &got);
	assert_string_equal(got, why);
	json_decref(q.result);
	return draining;
}

static void call(const char *method, bool draining)
{
	struct question q;

	ask(&q, method, NULL);
	assert_int_equal(q.code, 0);
	assert_int_equal(json_is_true(json_object_get(q.result, "draining")), draining);
	json_decref(q.result);
}

static bool accessd_drains(void *arg)
{
	return ((relayd->drain.why & DRAIN_BY_ACCESS) != 0) == *(bool *)arg;
}

static void expect_refused(uint64_t generation)
{
	struct end e;

	dial(&e, &domain, TOKEN_MANAGER, generation);
	assert_true(run_until(is_closed, &e, 5000));
	assert_non_null(strstr(e.reason, "503"));
}

static void test_drain_and_enable(void **state)
{
	bool yes = true, no = false;
	struct end m, d;

	(void)state;
	get_online();
	assert_false(status_is_draining(""));
	dial_pair(&m, &d, 1);
	call("drain", true);
	assert_true(status_is_draining("relayctl drain"));
	expect_refused(2);
	assert_int_equal(m.hints + d.hints, 2);
	assert_int_equal(m.hint_arg, 0); /* no end is known */
	fake_access_notify(&access_server, "relay.drain", json_pack("{s:b}", "drain", 1));
	assert_true(run_until(accessd_drains, &yes, 2000));
	call("enable", true); /* accessd still wants it drained */
	assert_true(status_is_draining("the Access Server"));
	fake_access_notify(&access_server, "relay.drain", json_pack("{s:s}", "drain", "no"));
	fake_access_notify(&access_server, "relay.drain", json_pack("{s:b}", "drain", 0));
	assert_true(run_until(accessd_drains, &no, 2000));
	assert_false(status_is_draining(""));
	close_pair(&m, &d);
	dial_pair(&m, &d, 3);
	close_pair(&m, &d);
}

static volatile sig_atomic_t terms;

static void on_term(int signum)
{
	(void)signum;
	terms++;
}

static bool is_termed(void *arg)
{
	(void)arg;
	return terms > 0;
}

static void test_stopping_waits_for_sessions(void **state)
{
	struct end m, d;

	(void)state;
	signal(SIGTERM, on_term);
	terms = 0;
	assert_false(daemon_linger(relayd)); /* not enrolled: nobody is here */
	get_online();
	assert_false(daemon_linger(relayd));
	dial_pair(&m, &d, 1);
	assert_true(daemon_linger(relayd));
	assert_true(status_is_draining("stopping"));
	expect_refused(2);
	assert_int_equal(m.hints + d.hints, 2);
	assert_in_range(m.hint_arg, 1, 60);
	assert_int_equal(terms, 0);
	close_pair(&m, &d);
	assert_true(run_until(is_termed, NULL, 3000));
	assert_int_equal(terms, 1);
}

static void test_stopping_does_not_wait_for_ever(void **state)
{
	struct end m, d;

	(void)state;
	signal(SIGTERM, on_term);
	terms = 0;
	get_online();
	dial_pair(&m, &d, 1);
	relayd->drain.stop_s = 1;
	assert_true(daemon_linger(relayd));
	assert_true(run_until(is_termed, NULL, 5000));
	assert_false(m.closed || d.closed);
	stop_relayd(); /* as the signal would */
	assert_true(run_until(is_closed, &m, 5000));
	assert_true(run_until(is_closed, &d, 5000));
	free(relayd);
	start_relayd();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static int group_setup(void **state)
{
	(void)state;
	log_init(getenv("LOUD") ? LOG_DEBUG : LOG_ERROR);
	assert_int_equal(tls_global_init(), 0);
	domain_make(&domain);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	domain_free(&domain);
	tls_global_deinit();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_not_enrolled),
		TEST(test_enroll_then_carry),
		TEST(test_restart_needs_no_invitation),
		TEST(test_session_end),
		TEST(test_report),
		TEST(test_new_token_keys_are_used_and_kept),
		TEST(test_usage_arrives),
		TEST(test_runs_on_without_accessd),
		TEST(test_bye_for_good),
		TEST(test_enroll_again),
		cmocka_unit_test(test_sessions_fit_the_open_files),
		TEST(test_drain_and_enable),
		TEST(test_stopping_waits_for_sessions),
		TEST(test_stopping_does_not_wait_for_ever),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
