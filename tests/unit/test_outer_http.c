/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The outer layer's HTTP: requests and answers, hostile ones, and those of other programs. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/unit/outer_rig.h"

/* --- HTTP --- */

static void takes_a_request_byte_by_byte(void **state)
{
	static const char text[] = REQUEST;

	raw_shake(&raw);
	for (size_t i = 0; i + 1 < sizeof(text); i++) {
		assert_false(s.requested);
		raw_say(&raw, text + i, 1);
		if (i % 16 == 0)
			turn();
	}
	assert_true(wait_for(s.requested, 1000));
	assert_true(wait_for(strstr(raw.got, "101"), 1000));
	end_scene();
	raw_close(&raw);
}

/* Everything in one record: request, "ready", data. */
static void takes_an_eager_client(void **state)
{
	char text[600];
	static const uint8_t ready[] = {0x81, 0x85, 0,	  0, 0, 0, 'r', 'e', 'a', 'd',
					'y',  0x82, 0x82, 0, 0, 0, 0,	'h', 'i'};
	size_t n = sizeof(REQUEST) - 1;

	memcpy(text, REQUEST, n);
	memcpy(text + n, ready, sizeof(ready));
	raw_shake(&raw);
	raw_say(&raw, text, n + sizeof(ready));
	assert_true(wait_for(s.got == 2, 1000));
	assert_string_equal(s.first, "hi");
	end_scene();
	raw_close(&raw);
}

static void expect_answer(const char *request, size_t n, const char *status)
{
	memset(&s.opened, 0, sizeof(s) - offsetof(struct end, opened));
	raw_shake(&raw);
	raw_say(&raw, request, n);
	if (!wait_for(raw.eof, 3000))
		fail_msg("no end: %d %s / %.40s", raw.read, raw.got, request);
	assert_int_equal(raw.read, -EPIPE); /* close_notify, not only FIN */
	assert_says(raw.got, status);
	assert_says(raw.got, "Content-Length: ");
	raw_close(&raw);
	assert_closed(&s, "answered ");
}

static void answers_requests_that_are_no_upgrade(void **state)
{
	static const char get[] = "GET /v1/probe HTTP/1.1\r\nHost: localhost\r\n\r\n";
	static const char no_protocol[] = REQUEST_START "\r\n";
	static const char foreign[] =
		REQUEST_START "Sec-WebSocket-Protocol: chat, farlan.10\r\n\r\n";
	static const char response[] = "HTTP/1.1 200 OK\r\n\r\n";

	s.respond = 200;
	expect_answer(get, sizeof(get) - 1, "HTTP/1.1 200 Said So\r\n");
	assert_true(s.requested);
	expect_answer(REQUEST, sizeof(REQUEST) - 1, "HTTP/1.1 200 Said So\r\n");
	s.respond = 503;
	expect_answer(REQUEST, sizeof(REQUEST) - 1, "HTTP/1.1 503 ");
	s.respond = 0;
	expect_answer(get, sizeof(get) - 1, "HTTP/1.1 426 Upgrade Required\r\n");
	expect_answer(no_protocol, sizeof(no_protocol) - 1, "HTTP/1.1 426 ");
	expect_answer(foreign, sizeof(foreign) - 1, "HTTP/1.1 426 ");
	s.ignore_request = true;
	expect_answer(get, sizeof(get) - 1, "HTTP/1.1 404 Not Found\r\n");
	expect_answer("NONSENSE\r\n\r\n", 12, "HTTP/1.1 400 ");
	expect_answer("\x01\x02zzzzzzzzzzzzzz", 16, "HTTP/1.1 400 ");
	memset(&s, 0, sizeof(s));
	raw_shake(&raw);
	raw_text(&raw, response);
	assert_closed(&s, "not a request");
	raw_close(&raw);
}

static void accepts_one_of_several_protocols(void **state)
{
	raw_shake(&raw);
	raw_text(&raw, REQUEST_START "Sec-WebSocket-Protocol: chat, farlan.1\r\n\r\n");
	assert_true(wait_for(strstr(raw.got, "\r\n\r\n"), 1000));
	assert_says(raw.got, "HTTP/1.1 101 ");
	end_scene();
	raw_close(&raw);
}

static void refuses_an_oversized_head(void **state)
{
	static char head[9000] = "GET / HTTP/1.1\r\nX: ";

	memset(head + strlen(head), 'a', sizeof(head) - strlen(head));
	expect_answer(head, sizeof(head), "HTTP/1.1 431 ");
	expect_answer(head, 8193, "HTTP/1.1 431 ");
}

static void refuses_garbage_and_plain_http(void **state)
{
	static const char *const first[] = {"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
					    "SSH-2.0-OpenSSH_9.2\r\n",
					    "\x16\x03\x01\xff\xff garbage", "\x80\x2e\x01\x03\x01"};

	for (size_t i = 0; i < 4; i++) {
		int fd = connect_fd();

		memset(&s, 0, sizeof(s));
		accept_end(&s);
		assert_int_equal(send(fd, first[i], strlen(first[i]), 0), strlen(first[i]));
		shutdown(fd, SHUT_WR);
		assert_closed(&s, "");
		print_message("%s\n", s.reason);
		assert_false(s.opened || s.requested || s.clean);
		close(fd);
	}
}

static void sends_its_headers(void **state)
{
	connect_end(&c, "Authorization: Bearer v4.public.abc\r\nFarlan-Generation: 7\r\n");
	raw_start(&raw, accept_fd(), server_ctx);
	assert_true(wait_for(strstr(raw.got, "\r\n\r\n"), 3000));
	assert_says(raw.got, "GET /v1/control HTTP/1.1\r\nHost: localhost\r\n");
	assert_says(raw.got,
		    "\r\nAuthorization: Bearer v4.public.abc\r\nFarlan-Generation: 7\r\n\r\n");
	end_scene();
	raw_close(&raw);
}

static void refuses_a_request_that_is_too_long(void **state)
{
	struct outer_target t = {
		.addr = where, .host = "localhost", .host_header = "localhost", .path = "/"};
	static char headers[5000];
	struct outer *o;

	memset(headers, 'a', sizeof(headers) - 1);
	t.headers = headers;
	assert_int_equal(outer_connect(&o, &loop, client_ctx, &t, &calls, &c), -ENAMETOOLONG);
}

static void a_client_passes_over_other_servers(void **state)
{
	static const struct {
		const char *answer, *why;
	} servers[] = {
		{"HTTP/1.1 404 Not Found\r\nContent-Length: 13\r\n\r\nnothing here\nmore",
		 "server answered 404: nothing here"},
		{"HTTP/1.1 200 OK\r\n\r\n<html>", "server answered 200: <html>"},
		{"HTTP/1.1 503 Busy\r\n\r\nb\x01\xc3x", "server answered 503: b??x"},
		{"HTTP/1.0 302 Found\r\n\r\n", "server answered 302"},
		{"HTTP/1.1 302 Found\r\nLocation: http://login.lab/?u=1\r\n\r\n<html>",
		 "server answered 302, to be sent to \"http://login.lab/?u=1\""},
		{"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\nd\r\nnothing "
		 "here\n\r\n",
		 "server answered 404"},
		{"SSH-2.0-x\r\n\r\n", "not a Farlan server"},
		{"GET / HTTP/1.1\r\n\r\n", "not a Farlan server"},
		{"HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
		 "not a Farlan server"},
	};

	for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++) {
		memset(&c, 0, sizeof(c));
		raw_serve(&raw);
		raw_text(&raw, servers[i].answer);
		assert_closed(&c, servers[i].why);
		assert_false(c.opened);
		raw_close(&raw);
	}
	/* A head that does not end, in one header or in many. */
	for (int many = 0; many < 2; many++) {
		memset(&c, 0, sizeof(c));
		raw_serve(&raw);
		raw_text(&raw, "HTTP/1.1 101 OK\r\nX-A: b");
		for (int i = 0; i < 100 && !c.closed; i++) {
			char kib[1025];

			memset(kib, 'x', 1024);
			kib[1024] = '\0';
			if (many)
				memcpy(kib + 1000, "\r\nX-A: ", 7);
			raw_text(&raw, kib);
			turn();
		}
		assert_closed(&c, "the head of its HTTP answer does not end");
		raw_close(&raw);
	}
	for (int i = 0; i < 3; i++) {
		static const char *const protocols[] = {"", "Sec-WebSocket-Protocol: chat\r\n",
							"Sec-WebSocket-Protocol: farlan.10\r\n"};

		memset(&c, 0, sizeof(c));
		raw_serve(&raw);
		raw_answer_101(&raw, protocols[i]);
		assert_closed(&c, "not a Farlan server");
		assert_false(c.opened);
		raw_close(&raw);
	}
}

/* Nothing is said to somebody who ends the TLS on the way, if that is not wanted. */
static void a_client_may_refuse_who_sits_between(void **state)
{
	struct tls_ctx *mine = client_ctx;

	assert_int_equal(tls_ctx_outer_client(&client_ctx, NULL, false), 0);
	tls_ctx_refuse_inspection(client_ctx);
	connect_end(&c, "Authorization: Bearer secret\r\n");
	accept_end(&s);
	assert_closed(&c, "refused (inspection = refuse)");
	assert_says(c.reason, "TLS is inspected or ended on the way");
	assert_true(wait_for(s.closed, 2000));
	assert_false(s.requested);
	tls_ctx_free(client_ctx);
	client_ctx = mine;
}

static void a_client_refuses_what_is_no_tls(void **state)
{
	static const char *const first[] = {"HTTP/1.1 400 Bad Request\r\n\r\n",
					    "220 mail ESMTP\r\n", ""};

	for (size_t i = 0; i < 3; i++) {
		int fd;

		memset(&c, 0, sizeof(c));
		connect_end(&c, "");
		fd = accept_fd();
		turn_for(20);
		if (first[i][0])
			assert_true(send(fd, first[i], strlen(first[i]), 0) > 0);
		close(fd); /* with its hello unread: a reset follows */
		assert_closed(&c, "");
		print_message("%s\n", c.reason);
		assert_false(c.opened);
	}
}

static void a_server_that_speaks_first_does_no_harm(void **state)
{
	raw_serve(&raw);
	raw_answer_101(&raw, "Sec-WebSocket-Protocol: farlan.1\r\n");
	raw_frame(&raw, WS_BINARY, "too early", 9, false);
	assert_true(wait_for(c.opened && c.got == 9, 1000));
	assert_true(wait_for(raw.n >= 11, 1000));
	assert_int_equal((uint8_t)raw.got[0], 0x81); /* its "ready", masked */
	assert_int_equal((uint8_t)raw.got[1], 0x85);
	end_scene();
	raw_close(&raw);
}

/* --- other programs --- */

static bool have(const char *program)
{
	char command[100];

	snprintf(command, sizeof(command), "command -v %s >/dev/null 2>&1", program);
	return system(command) == 0; // NOLINT(cert-env33-c): a test's own words
}

/* Accept one connection for @s as soon as it comes. */
static bool accept_when_there(void)
{
	struct pollfd p = {.fd = listener, .events = POLLIN};

	turn();
	if (poll(&p, 1, 0) != 1)
		return false;
	accept_end(&s);
	return true;
}

static void run_and_read(const char *command, char *out, size_t size)
{
	FILE *f = popen(command, "r"); // NOLINT(cert-env33-c)
	size_t n = 0;
	ssize_t part;
	int fd;

	assert_non_null(f);
	fd = fileno(f);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	assert_true(wait_for(accept_when_there(), 10000));
	for (;;) {
		part = read(fd, out + n, size - 1 - n);
		if (part == 0)
			break;
		if (part > 0)
			n += (size_t)part;
		turn();
	}
	out[n] = '\0';
	pclose(f);
}

static void curl_can_probe(void **state)
{
	char command[200], text[1000];

	if (!have("curl"))
		skip();
	s.respond = 200;
	snprintf(command, sizeof(command),
		 "curl -sS -m 5 -k -i --noproxy '*' https://127.0.0.1:%u/v1/probe 2>&1",
		 fix_port(&where));
	run_and_read(command, text, sizeof(text));
	assert_says(text, "HTTP/1.1 200 Said So");
	assert_says(text, "\r\n\r\nfarlan test 0.1\n");
	assert_closed(&s, "answered 200");
	assert_true(s.clean);
}

static void python_can_talk(void **state)
{
	static const char script[] =
		"import socket,ssl,sys\n"
		"c=ssl.create_default_context();c.check_hostname=False;c.verify_mode=ssl.CERT_"
		"NONE\n"
		"s=c.wrap_socket(socket.create_connection((\"127.0.0.1\",int(sys.argv[1])),5))\n"
		"s.sendall(b\"GET /v1/control HTTP/1.1\\r\\nHost: x\\r\\nupgrade: WebSocket\\r\\n"
		"connection: keep-alive, upgrade\\r\\nsec-websocket-version: 13\\r\\n"
		"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\\r\\nsec-websocket-protocol: "
		"farlan.1\\r\\n\\r\\n\")\n"
		"h=b\"\"\n"
		"while not h.endswith(b\"\\r\\n\\r\\n\"): h+=s.recv(1)\n"
		"m=lambda op,b: bytes([0x80|op,0x80|len(b),9,8,7,6])+bytes(x^(9,8,7,6)[i%4] for "
		"i,x in enumerate(b))\n"
		"s.sendall(m(1,b\"ready\")+m(2,b\"from python\")+m(9,b\"p\")+m(8,b\"\"))\n"
		"d=b\"\"\n"
		"while True:\n"
		"  x=s.recv(100)\n"
		"  if not x: break\n"
		"  d+=x\n"
		"print(h.split(b\"\\r\\n\")[0].decode(),d.hex(),s.version())\n";
	char command[2500], text[1000];

	if (!have("python3"))
		skip();
	snprintf(command, sizeof(command), "python3 -c '%s' %u 2>&1", script, fix_port(&where));
	run_and_read(command, text, sizeof(text));
	assert_says(text, "HTTP/1.1 101 Switching Protocols 8a0170880203e8 TLSv1.3");
	assert_string_equal(s.first, "from python");
	assert_closed(&s, "closed by peer");
	assert_true(s.clean);
}

/* A chain by another hand: root, CA between, RSA leaf; served by openssl. */
static const char make_chain[] =
	"cd %s && exec >/dev/null 2>&1 && "
	"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout r.key -out "
	"r.pem -subj /CN=root -days 2 && "
	"openssl req -newkey rsa:2048 -nodes -keyout i.key -out i.csr -subj /CN=between && "
	"printf 'basicConstraints=critical,CA:TRUE\\nkeyUsage=keyCertSign\\n' >i.ext && "
	"openssl x509 -req -in i.csr -CA r.pem -CAkey r.key -CAcreateserial -days 2 -extfile i.ext "
	"-out i.pem && "
	"openssl req -newkey rsa:2048 -nodes -keyout l.key -out l.csr -subj /CN=leaf && "
	"printf 'subjectAltName=DNS:localhost\\n' >l.ext && "
	"openssl x509 -req -in l.csr -CA i.pem -CAkey i.key -CAcreateserial -days 2 -extfile l.ext "
	"-out l.pem && "
	"openssl x509 -in r.pem -outform DER -out r.der";

static int free_port(void)
{
	struct sockaddr_storage ss;
	int fd = fix_listen(&ss);

	close(fd);
	return fix_port(&ss);
}

static pid_t start_s_server(const char *dir, int port, const char *version, bool with_chain)
{
	pid_t pid = fork();
	char text[10];

	if (pid != 0)
		return pid;
	snprintf(text, sizeof(text), "%d", port);
	if (chdir(dir) != 0 || !freopen("/dev/null", "w", stdout) ||
	    !freopen("/dev/null", "w", stderr))
		_exit(1);
	if (with_chain)
		execlp("openssl", "openssl", "s_server", "-accept", text, "-cert", "l.pem", "-key",
		       "l.key", "-www", version, "-cert_chain", "i.pem", (char *)NULL);
	else
		execlp("openssl", "openssl", "s_server", "-accept", text, "-cert", "l.pem", "-key",
		       "l.key", "-www", version, (char *)NULL);
	_exit(1);
}

static bool answers(const struct sockaddr_in *a)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = connect(fd, (const struct sockaddr *)a, sizeof(*a)) == 0;

	close(fd);
	if (!ok)
		usleep(20000);
	return ok;
}

static void meet_openssl(const char *dir, const char *option, const char *version, bool with_chain,
			 bool verified)
{
	struct sockaddr_in *a = (struct sockaddr_in *)&where;
	struct tls_ctx *mine = client_ctx;
	struct x509_cert root;
	char path[100];
	uint8_t *der;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/r.der", dir);
	assert_int_equal(file_read(path, sizeof(root.der), &der, &root.len), 0);
	memcpy(root.der, der, root.len);
	free(der);
	memset(&c, 0, sizeof(c));
	a->sin_port = htons((uint16_t)free_port());
	pid = start_s_server(dir, ntohs(a->sin_port), option, with_chain);
	assert_true(wait_for(answers(a), 10000));
	assert_int_equal(tls_ctx_outer_client(&client_ctx, &root, false), 0);
	connect_end(&c, "");
	assert_true(wait_for(c.closed || c.o->state >= OUTER_HTTP, 5000));
	if (c.o) {
		struct outer_stats stats;

		outer_stats(c.o, &stats);
		assert_string_equal(stats.tls_version, version);
		print_message("%s %s\n", version, stats.cipher);
		if (outer_tls_peer(c.o)->verified != verified)
			print_error("%s\n", outer_tls_peer(c.o)->problem);
		assert_int_equal(outer_tls_peer(c.o)->verified, verified);
	}
	assert_closed(&c, "server answered 200");
	tls_ctx_free(client_ctx);
	client_ctx = mine;
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
}

static void meets_other_tls_servers(void **state)
{
	char dir[] = "/tmp/farlan-outer-XXXXXX", command[2000];

	if (!have("openssl"))
		skip();
	assert_non_null(mkdtemp(dir));
	snprintf(command, sizeof(command), make_chain, dir);
	assert_int_equal(system(command), 0); // NOLINT(cert-env33-c)
	meet_openssl(dir, "-tls1_2", "TLSv1.2", true, true);
	meet_openssl(dir, "-tls1_3", "TLSv1.3", true, true);
	meet_openssl(dir, "-tls1_3", "TLSv1.3", false, false);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0); // NOLINT(cert-env33-c)
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		t(takes_a_request_byte_by_byte),
		t(takes_an_eager_client),
		t(answers_requests_that_are_no_upgrade),
		t(accepts_one_of_several_protocols),
		t(refuses_an_oversized_head),
		t(refuses_garbage_and_plain_http),
		t(sends_its_headers),
		t(refuses_a_request_that_is_too_long),
		t(a_client_passes_over_other_servers),
		t(a_client_may_refuse_who_sits_between),
		t(a_client_refuses_what_is_no_tls),
		t(a_server_that_speaks_first_does_no_harm),
		t(curl_can_probe),
		t(python_can_talk),
		t(meets_other_tls_servers),
	};

	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
