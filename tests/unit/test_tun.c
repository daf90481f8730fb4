/* SPDX-License-Identifier: GPL-3.0-or-later */
/* In a network namespace of its own; skipped where that is not permitted. Links are set by ioctl.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_tun.h>

#include <cmocka.h>

#include "vpnd/tun.h"

#define NAME "tuntest0"
#define OURS "10.77.0.1"  /* on the device, /24 */
#define THEIRS 0x0a4d0002 /* 10.77.0.2 */

static const struct vnet plain;

struct seen {
	struct vnet v;
	unsigned int readable, gone, closed;
	int gone_err;
	bool drain;
	size_t packets, last_len;
	uint8_t last[2048];
};

static void on_readable(struct tun *t)
{
	struct seen *s = tun_arg(t);

	s->readable++;
	while (s->drain && tun_read(t, &s->v, s->last, sizeof(s->last), &s->last_len) == 0)
		s->packets++;
}

static void on_gone(struct tun *t, int err)
{
	struct seen *s = tun_arg(t);

	s->gone++;
	s->gone_err = err;
}

static void on_closed(struct tun *t)
{
	struct seen *s = tun_arg(t);

	s->closed++;
}

static const struct tun_callbacks callbacks = {on_readable, on_gone, on_closed};
static uv_loop_t loop;

static void new_namespace(void)
{
	int fd;

	if (unshare(CLONE_NEWNET) != 0)
		skip();
	fd = open("/dev/net/tun", O_RDWR);
	if (fd < 0)
		skip();
	close(fd);
	/* No router solicitations among the packets that are counted. */
	fd = open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY);
	if (fd >= 0) {
		assert_int_equal(write(fd, "1", 1), 1);
		close(fd);
	}
	assert_int_equal(uv_loop_init(&loop), 0);
}

static void on_enough(uv_timer_t *timer)
{
	uv_stop(timer->loop);
}

static void on_timer_closed(uv_handle_t *timer)
{
	free(timer);
}

static void run_ms(uint64_t ms)
{
	uv_timer_t *timer = malloc(sizeof(*timer));

	assert_non_null(timer);
	uv_timer_init(&loop, timer);
	uv_timer_start(timer, on_enough, ms, 0);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)timer, on_timer_closed);
}

static struct tun *open_tun(struct seen *s)
{
	struct tun *t;

	memset(s, 0, sizeof(*s));
	s->drain = true;
	assert_int_equal(tun_open(&t, &loop, NAME, false, &callbacks, s), 0);
	assert_string_equal(tun_name(t), NAME);
	return t;
}

static void close_all(struct tun *t, struct seen *s)
{
	tun_close(t);
	tun_close(t);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(s->closed, 1);
	assert_int_equal(uv_loop_close(&loop), 0);
	assert_int_equal(if_nametoindex(NAME), 0);
}

static void link_set(bool up)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq ifr = {0};
	struct sockaddr_in sin = {.sin_family = AF_INET};

	strcpy(ifr.ifr_name, NAME);
	if (up) {
		inet_pton(AF_INET, OURS, &sin.sin_addr);
		memcpy(&ifr.ifr_addr, &sin, sizeof(sin));
		assert_int_equal(ioctl(fd, SIOCSIFADDR, &ifr), 0);
		inet_pton(AF_INET, "255.255.255.0", &sin.sin_addr);
		memcpy(&ifr.ifr_netmask, &sin, sizeof(sin));
		assert_int_equal(ioctl(fd, SIOCSIFNETMASK, &ifr), 0);
	}
	ifr.ifr_flags = up ? IFF_UP : 0;
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &ifr), 0);
	close(fd);
}

static int udp_socket(void)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(5000)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
	return fd;
}

static void udp_send(int fd, const char *text)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(5000), .sin_addr.s_addr = htonl(THEIRS)};

	assert_int_equal(sendto(fd, text, strlen(text), 0, (struct sockaddr *)&to, sizeof(to)),
			 strlen(text));
}

/* Send the packet that was read back where it came from: addresses swapped, sums stay right. */
static void turn_around(struct seen *s)
{
	uint8_t address[4];

	memcpy(address, s->last + 12, 4);
	memcpy(s->last + 12, s->last + 16, 4);
	memcpy(s->last + 16, address, 4);
}

static void test_packets_both_ways(void **state)
{
	struct seen s;
	struct tun *t;
	char text[16] = "";
	int fd;

	(void)state;
	new_namespace();
	t = open_tun(&s);
	link_set(true);
	fd = udp_socket();
	udp_send(fd, "hello");
	run_ms(50);
	assert_int_equal(s.packets, 1);
	assert_int_equal(s.last_len, 20 + 8 + 5);
	assert_memory_equal(s.last + 28, "hello", 5);
	turn_around(&s);
	assert_int_equal(tun_write(t, &plain, s.last, s.last_len), 0);
	assert_int_equal(recv(fd, text, sizeof(text), 0), 5);
	assert_string_equal(text, "hello");
	assert_int_equal(tun_counters(t)->packets_read, 1);
	assert_int_equal(tun_counters(t)->bytes_read, 33);
	assert_int_equal(tun_counters(t)->packets_written, 1);
	assert_int_equal(tun_counters(t)->bytes_written, 33);
	close(fd);
	close_all(t, &s);
}

static void test_pause_and_resume(void **state)
{
	struct seen s;
	struct tun *t;
	int fd;

	(void)state;
	new_namespace();
	t = open_tun(&s);
	link_set(true);
	fd = udp_socket();
	tun_pause(t);
	tun_pause(t);
	udp_send(fd, "one");
	run_ms(30);
	assert_int_equal(s.readable, 0);
	tun_resume(t);
	tun_resume(t);
	run_ms(30);
	assert_int_equal(s.packets, 1);
	close(fd);
	close_all(t, &s);
}

/* What is not read is reported again: a reader may take some and come back. */
static void test_level_triggered(void **state)
{
	struct seen s;
	struct tun *t;
	int fd;

	(void)state;
	new_namespace();
	t = open_tun(&s);
	link_set(true);
	fd = udp_socket();
	udp_send(fd, "one");
	s.drain = false;
	for (int i = 0; i < 5; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
	assert_true(s.readable > 1);
	s.drain = true;
	run_ms(10);
	assert_int_equal(s.packets, 1);
	assert_int_equal(tun_read(t, &s.v, s.last, sizeof(s.last), &s.last_len), -EAGAIN);
	close(fd);
	close_all(t, &s);
}

static void test_bad_packets_are_counted(void **state)
{
	struct seen s;
	struct tun *t;

	(void)state;
	new_namespace();
	t = open_tun(&s);
	link_set(true);
	assert_int_equal(tun_write(t, &plain, "\x10garbage that is no IP packet", 29), -EINVAL);
	assert_int_equal(tun_counters(t)->write_drops, 1);
	assert_int_equal(tun_counters(t)->packets_written, 0);
	close_all(t, &s);
}

/* Down: writes fail, nothing spins, and after up it works again. */
static void test_survives_down_and_up(void **state)
{
	struct seen s;
	struct tun *t;
	int fd;
	unsigned int before;

	(void)state;
	new_namespace();
	t = open_tun(&s);
	link_set(true);
	fd = udp_socket();
	udp_send(fd, "one");
	run_ms(20);
	assert_int_equal(s.packets, 1);
	link_set(false);
	before = s.readable;
	assert_int_equal(tun_write(t, &plain, s.last, s.last_len), -EIO);
	assert_int_equal(tun_counters(t)->write_drops, 1);
	assert_int_equal(tun_read(t, &s.v, s.last, sizeof(s.last), &s.last_len), -EAGAIN);
	run_ms(300);
	assert_true(s.readable - before < 10);
	assert_int_equal(s.gone, 0);
	link_set(true);
	udp_send(fd, "two");
	run_ms(300);
	assert_int_equal(s.packets, 2);
	close(fd);
	close_all(t, &s);
}

static void test_deleted_under_us(void **state)
{
	struct seen s;
	struct tun *t;

	(void)state;
	new_namespace();
	t = open_tun(&s);
	link_set(true);
	assert_int_equal(system("ip link del " NAME), 0); /* NOLINT(cert-env33-c) */
	run_ms(50);
	assert_int_equal(s.gone, 1);
	assert_int_equal(s.gone_err, -EBADFD);
	assert_int_equal(tun_read(t, &s.v, s.last, sizeof(s.last), &s.last_len), -EBADFD);
	assert_int_equal(tun_write(t, &plain, "x", 1), -EBADFD);
	tun_pause(t);
	tun_resume(t);
	run_ms(20);
	assert_int_equal(s.gone, 1);
	close_all(t, &s);
}

static void assert_refused(const char *name, int want)
{
	char text[200];
	struct seen s;
	struct tun *t;
	int err = tun_open(&t, &loop, name, false, &callbacks, &s);

	assert_int_equal(err, want);
	assert_null(t);
	assert_true(strlen(tun_open_error(text, sizeof(text), name, err)) > 20);
}

static void test_names_in_use(void **state)
{
	struct seen s;
	struct tun *t;

	(void)state;
	new_namespace();
	t = open_tun(&s);
	assert_refused(NAME, -EBUSY);
	assert_refused("lo", -EBUSY);
	assert_refused("", -EINVAL);
	assert_refused("a/b", -EINVAL);
	assert_refused("sixteencharacter", -EINVAL);
	close_all(t, &s);
}

static void test_close_at_once(void **state)
{
	struct seen s;

	(void)state;
	new_namespace();
	tun_close(NULL);
	close_all(open_tun(&s), &s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packets_both_ways),
		cmocka_unit_test(test_pause_and_resume),
		cmocka_unit_test(test_level_triggered),
		cmocka_unit_test(test_bad_packets_are_counted),
		cmocka_unit_test(test_survives_down_and_up),
		cmocka_unit_test(test_deleted_under_us),
		cmocka_unit_test(test_names_in_use),
		cmocka_unit_test(test_close_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
