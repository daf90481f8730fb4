/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hammer - a flood of handshakes against a relay.
 *
 *   hammer ADDRESS:PORT RATE SECONDS [HEADER-LINE...]
 *       so many times a second (1 to 5000): connect, TLS, GET /v1/session with the given lines;
 *       prints how often it was tried, and how often it was let in (101)
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <uv.h>

#include "common/io/log.h"
#include "common/io/outer.h"
#include "tests/net/process.h"

#define TICK_MS 10
#define AT_ONCE 1000
#define HEADERS_SIZE 2000

struct hammer {
	uv_loop_t loop;
	uv_timer_t tick, end;
	struct tls_ctx *tls;
	struct outer_target target;
	char headers[HEADERS_SIZE];
	unsigned long rate, tried, let_in, open;
	uint64_t begin_ms;
};

static void on_open(struct outer *o)
{
	struct hammer *h = outer_arg(o);

	h->let_in++;
	outer_close(o, "seen");
}

static void on_data(struct outer *o, const uint8_t *bytes, size_t n)
{
	(void)o;
	(void)bytes;
	(void)n;
}

static void on_closed(struct outer *o, bool clean, const char *reason)
{
	struct hammer *h = outer_arg(o);

	(void)clean;
	log_debug("%s", reason);
	h->open--;
}

static const struct outer_callbacks callbacks = {
	.on_open = on_open, .on_data = on_data, .on_closed = on_closed};

/* What is due by now, in small pieces: the rate holds though the timer is late. */
static void on_tick(uv_timer_t *timer)
{
	struct hammer *h = timer->data;
	uint64_t due = (uv_now(&h->loop) - h->begin_ms) * h->rate / 1000;
	struct outer *o;

	while (h->tried < due) {
		h->tried++;
		if (h->open < AT_ONCE &&
		    outer_connect(&o, &h->loop, h->tls, &h->target, &callbacks, h) == 0)
			h->open++;
	}
}

static void on_end(uv_timer_t *timer)
{
	struct hammer *h = timer->data;

	uv_close((uv_handle_t *)&h->tick, NULL);
	uv_close((uv_handle_t *)&h->end, NULL); /* the rest ends by itself */
}

static void take_address(struct hammer *h, char *text)
{
	struct sockaddr_in addr = {.sin_family = AF_INET};
	char *colon = strchr(text, ':');

	if (!colon)
		die("not ADDRESS:PORT: ", text);
	*colon = '\0';
	addr.sin_port = htons((uint16_t)number(colon + 1, 1, 65535));
	if (inet_pton(AF_INET, text, &addr.sin_addr) != 1)
		die("not an IPv4 address: ", text);
	memcpy(&h->target.addr, &addr, sizeof(addr));
}

int main(int argc, char **argv)
{
	static struct hammer h;
	size_t n = 0;

	if (argc < 4)
		die("hammer ADDRESS:PORT RATE SECONDS [HEADER-LINE...]", "");
	log_init(getenv("HAMMER_VERBOSE") ? LOG_DEBUG : LOG_WARN);
	take_address(&h, argv[1]);
	h.rate = number(argv[2], 1, 5000);
	for (int i = 4; i < argc && n < sizeof(h.headers); i++)
		n += (size_t)snprintf(h.headers + n, sizeof(h.headers) - n, "%s\r\n", argv[i]);
	h.target.host = h.target.host_header = "hammer.invalid";
	h.target.path = "/v1/session";
	h.target.headers = h.headers;
	if (n >= sizeof(h.headers) || tls_global_init() != 0 ||
	    tls_ctx_outer_client(&h.tls, NULL, false) != 0 || uv_loop_init(&h.loop) != 0)
		die("it does not start", "");
	uv_timer_init(&h.loop, &h.tick);
	uv_timer_init(&h.loop, &h.end);
	h.tick.data = h.end.data = &h;
	h.begin_ms = uv_now(&h.loop);
	uv_timer_start(&h.tick, on_tick, TICK_MS, TICK_MS);
	uv_timer_start(&h.end, on_end, number(argv[3], 1, 600) * 1000, 0);
	uv_run(&h.loop, UV_RUN_DEFAULT);
	printf("tried %lu\nlet-in %lu\n", h.tried, h.let_in);
	return uv_loop_close(&h.loop) != 0;
}
