/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A server's certificate from files, of openssl(1): read anew when they change; and what clients
 * trust. */
#include "common/io/certs.h"

#include <stdlib.h>

#include "common/io/outer.h"
#include "common/io/x509_leaf.h"
#include "common/pure/expiry.h"
#include "tests/unit/tls_fixture.h"

static uv_loop_t loop;
static char dir[] = "/tmp/farlan-certs-XXXXXX";
static struct fix_ca domain;
static struct x509_cert own;
static struct certs *certs;
static int news;

static void shell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void shell(const char *fmt, ...)
{
	char line[3000];
	va_list ap;
	int n = snprintf(line, sizeof(line), "cd %s && { ", dir);

	va_start(ap, fmt);
	n += vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
	va_end(ap);
	snprintf(line + n, sizeof(line) - (size_t)n, "; } >/dev/null 2>&1");
	assert_int_equal(system(line), 0); /* NOLINT(cert-env33-c) */
}

/* NAME.pem: a chain of leaf and CA; NAME.key. */
static void sign(const char *name, const char *key, int days, const char *names)
{
	shell("openssl genpkey -algorithm %s -out %s.key && "
	      "openssl req -new -key %s.key -subj / -out csr && "
	      "echo subjectAltName=%s >ext && "
	      "openssl x509 -req -in csr -CA ca.pem -CAkey ca.key -CAcreateserial -days %d "
	      "-extfile ext -out leaf && cat leaf ca.pem >%s.pem",
	      key, name, name, names, days, name);
}

#define EC "EC -pkeyopt ec_paramgen_curve:P-256"
#define RSA "RSA -pkeyopt rsa_keygen_bits:2048"

static int group_up(void **state)
{
	struct x509_key key;

	(void)state;
	assert_int_equal(tls_global_init(), 0);
	assert_non_null(mkdtemp(dir));
	fix_ca_make(&domain, "lab");
	assert_int_equal(x509_key_generate(&key), 0);
	fix_host_cert(&domain, "as.example.org,192.0.2.1", &key, &own);
	shell("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 "
	      "-subj /CN=Public -keyout ca.key -out ca.pem");
	sign("rsa", RSA, 90, "DNS:as.example.org,IP:192.0.2.1");
	sign("ec", EC, 5, "DNS:*.example.org,IP:192.0.2.1");
	sign("strange", EC, 90, "DNS:www.example.org");
	certs_times.poll_ms = 20;
	return 0;
}

static int group_down(void **state)
{
	(void)state;
	shell("rm -r %s", dir);
	tls_global_deinit();
	return 0;
}

static void on_new(void *arg)
{
	(void)arg;
	news++;
}

static void begin(void)
{
	char chain[100], key[100];
	struct certs_config config = {.chain = chain, .key = key, .on_new = on_new};

	snprintf(chain, sizeof(chain), "%s/live.pem", dir);
	snprintf(key, sizeof(key), "%s/live.key", dir);
	news = 0;
	assert_int_equal(uv_loop_init(&loop), 0);
	assert_int_equal(certs_open(&certs, &loop, &config), 0);
	certs_watch(certs, &own, &domain.cert);
}

static void end(void)
{
	certs_close(certs);
	fix_loop_end(&loop);
	certs_free(certs);
}

/* As certbot does it: links that point elsewhere. */
static void live(const char *chain, const char *key)
{
	shell("ln -sfn %s.pem live.pem && ln -sfn %s.key live.key", chain, key);
}

static void turn_until_news(int n)
{
	for (int i = 0; i < 500 && news < n; i++)
		fix_run(&loop, NULL, 10);
	assert_int_equal(news, n);
}

static void status_says(const char *key, const char *part)
{
	json_t *o = json_object();
	const char *text;

	certs_status(certs, o);
	text = json_string_value(json_object_get(json_object_get(o, "certificate"), key));
	if (!strstr(text, part) || (!part[0] && text[0]))
		print_error("%s: \"%s\", not \"%s\"\n", key, text, part);
	assert_true(part[0] ? strstr(text, part) != NULL : text[0] == '\0');
	json_decref(o);
}

static int days_left(void)
{
	return (int)((certs_not_after(certs) - clock_wall_s() + 43200) / 86400);
}

static void renewed_while_running(void **state)
{
	const struct tls_ctx *first;

	(void)state;
	live("rsa", "rsa");
	begin();
	first = certs_tls(certs);
	assert_non_null(first);
	assert_int_equal(days_left(), 90);
	status_says("problem", "");
	status_says("missing", "");

	/* Half of it is there: the old one stays. */
	shell("ln -sfn ec.pem live.pem");
	fix_run(&loop, NULL, 100);
	assert_ptr_equal(certs_tls(certs), first);
	assert_int_equal(news, 0);
	status_says("problem", "key");
	shell("head -c 300 ec.pem >half.pem && ln -sfn half.pem live.pem && ln -sfn ec.key "
	      "live.key");
	fix_run(&loop, NULL, 100);
	assert_ptr_equal(certs_tls(certs), first);
	status_says("problem", "is it a PEM file");
	shell("rm live.key");
	fix_run(&loop, NULL, 100);
	assert_ptr_equal(certs_tls(certs), first);
	assert_int_equal(days_left(), 90);
	/* Nobody writes into it: whoever opened it would wait for ever. */
	shell("mkfifo fifo && ln -sfn fifo live.pem && ln -sfn ec.key live.key");
	fix_run(&loop, NULL, 100);
	assert_ptr_equal(certs_tls(certs), first);
	status_says("problem", "not a file");

	live("ec", "ec");
	turn_until_news(1);
	assert_ptr_not_equal(certs_tls(certs), first);
	assert_int_equal(days_left(), 5);
	status_says("problem", "");
	status_says("missing", "");
	/* Written in place, and the same again. */
	shell("rm live.pem live.key && cat strange.pem >live.pem && cat strange.key >live.key");
	turn_until_news(2);
	status_says("missing", "as.example.org");
	status_says("missing", "192.0.2.1");
	fix_run(&loop, NULL, 100);
	certs_check(certs);
	certs_check(certs);
	fix_run(&loop, NULL, 100);
	assert_int_equal(news, 2);
	end();
}

static void none_at_first(void **state)
{
	(void)state;
	shell("rm -f live.pem live.key");
	begin();
	assert_null(certs_tls(certs));
	status_says("problem", "No such file");
	assert_int_equal(days_left(), 1); /* the domain's own */
	live("rsa", "rsa");
	turn_until_news(1);
	assert_non_null(certs_tls(certs));
	end();
}

/* A client's view of it, both in memory. */
static const struct tls_peer *shake(const char *host, const struct opt_trust *trust,
				    struct tls *client)
{
	static struct buf to, from;
	struct tls_ctx *ctx;
	struct tls server;
	int r = -EAGAIN, r2 = -EAGAIN;

	buf_init(&to, 1u << 17);
	buf_init(&from, 1u << 17);
	assert_int_equal(tls_ctx_outer_trusting(&ctx, &domain.cert, trust), 0);
	assert_int_equal(tls_init(client, ctx, &from, &to, host, NULL), 0);
	assert_int_equal(tls_init(&server, certs_tls(certs), &to, &from, NULL, NULL), 0);
	for (int i = 0; i < 10 && (r == -EAGAIN || r2 == -EAGAIN); i++) {
		r = r ? tls_handshake(client) : 0;
		r2 = r2 ? tls_handshake(&server) : 0;
	}
	assert_int_equal(r, 0);
	assert_int_equal(r2, 0);
	tls_deinit(client);
	tls_deinit(&server);
	tls_ctx_free(ctx);
	buf_deinit(&to);
	buf_deinit(&from);
	return tls_peer(client);
}

static void trusted_by(const char *words, const char *host, bool want)
{
	struct opt_trust trust;
	struct tls client;

	assert_null(opt_parse_trust(NULL, words, &trust));
	assert_int_equal(shake(host, &trust, &client)->verified, want);
}

static void what_clients_trust(void **state)
{
	static const char *const pairs[] = {"rsa", "ec"};
	char words[200], more[300];

	(void)state;
	snprintf(words, sizeof(words), "%s/ca.pem", dir);
	snprintf(more, sizeof(more), "domain, /nowhere.pem, %s", words);
	for (int i = 0; i < 2; i++) {
		live(pairs[i], pairs[i]);
		begin();
		trusted_by("domain", "as.example.org", false);
		trusted_by("system", "as.example.org", false);
		trusted_by(words, "as.example.org", true);
		trusted_by(more, "as.example.org", true);
		trusted_by(words, "other.example.com", false);
		end();
	}
}

static void names(void **state)
{
	static struct x509_leaf leaf = {
		.n_hosts = 3, .hosts = {"as.Example.org", "*.example.net", "2001:db8::1"}};

	(void)state;
	assert_true(x509_leaf_names(&leaf, "as.example.org"));
	assert_true(x509_leaf_names(&leaf, "2001:db8::1"));
	assert_true(x509_leaf_names(&leaf, "x.example.net"));
	assert_false(x509_leaf_names(&leaf, "x.y.example.net"));
	assert_false(x509_leaf_names(&leaf, "example.net"));
	assert_false(x509_leaf_names(&leaf, ".example.net"));
	assert_false(x509_leaf_names(&leaf, "example.org"));
	assert_int_equal(x509_leaf_read(&leaf, (const uint8_t *)"0\x80", 2), -EBADMSG);
	assert_int_equal(x509_leaf_read_pem(&leaf, "-----BEGIN", 10), -EBADMSG);
}

static void warned_once_for_each_threshold(void **state)
{
	static const int want[] = {29, 6, 0, -1};
	const int64_t day = 86400, end_of = 1000 * day;
	struct expiry x = {0};
	int days, n = 0;

	(void)state;
	assert_false(expiry_due(&x, 0, &days));
	expiry_set(&x, end_of);
	for (int64_t hour = 0; hour < 50 * 24; hour++) {
		int64_t now = end_of - 45 * day + hour * 3600;

		expiry_set(&x, end_of);
		if (!expiry_due(&x, now, &days))
			continue;
		assert_int_equal(days, want[n++]);
	}
	assert_int_equal(n, 4);
	/* Another one, near its end; and a clock that jumps back and forth. */
	expiry_set(&x, end_of + 3 * day);
	assert_true(expiry_due(&x, end_of, &days));
	assert_int_equal(days, 3);
	assert_false(expiry_due(&x, end_of, &days));
	assert_false(expiry_due(&x, end_of - 40 * day, &days));
	assert_true(expiry_due(&x, end_of, &days));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(renewed_while_running),
		cmocka_unit_test(none_at_first),
		cmocka_unit_test(what_clients_trust),
		cmocka_unit_test(names),
		cmocka_unit_test(warned_once_for_each_threshold),
	};

	return cmocka_run_group_tests(tests, group_up, group_down);
}
