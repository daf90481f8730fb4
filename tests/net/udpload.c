/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * udpload - UDP packets at a rate, and how many arrive.
 *
 *   udpload sink PORT                           count, and answer questions about the count
 *   udpload send HOST PORT RATE SECONDS BYTES   RATE packets a second of BYTES payload; prints
 *                                               sent, received, pps (received) and loss (percent)
 *
 * A packet begins with the number of its run, so that stragglers of an earlier one do not count.
 * One of 8 bytes is a question; the answer is the run and its count. Batches of sendmmsg() and
 * recvmmsg() keep the yardstick cheaper than what it measures.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 32
#define PACKET_MAX 1472
#define QUESTION_BYTES 8
#define BUFFER_BYTES (4 << 20)
#define TURN_NS 100000 /* between batches: short queues, few wake-ups */
#define SETTLE_US 300000

struct answer {
	uint64_t run, count;
};

__attribute__((noreturn)) static void die(const char *what)
{
	fprintf(stderr, "udpload: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static uint64_t number(const char *text, uint64_t max)
{
	char *end;
	unsigned long long n = strtoull(text, &end, 10);

	if (end == text || *end || n < 1 || n > max) {
		fprintf(stderr, "udpload: not a number from 1 to %llu: %s\n",
			(unsigned long long)max, text);
		exit(2);
	}
	return n;
}

static int open_socket(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), bytes = BUFFER_BYTES;

	if (fd < 0)
		die("socket");
	/* As root past the system's limit; without the right, what is allowed. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) != 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	return fd;
}

/* Sink */

/* A packet of a run that is not the current one begins a new count. */
static void take(int fd, struct answer *seen, const uint8_t *bytes, size_t n,
		 const struct sockaddr_in *from)
{
	uint64_t run;

	if (n < sizeof(run))
		return;
	memcpy(&run, bytes, sizeof(run));
	if (run != seen->run)
		*seen = (struct answer){.run = run};
	if (n != QUESTION_BYTES) {
		seen->count++;
		return;
	}
	(void)sendto(fd, seen, sizeof(*seen), 0, (const struct sockaddr *)from, sizeof(*from));
}

__attribute__((noreturn)) static void sink_main(uint16_t port)
{
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(port)};
	static uint8_t bytes[BATCH][PACKET_MAX];
	struct sockaddr_in from[BATCH];
	struct mmsghdr msgs[BATCH];
	struct iovec parts[BATCH];
	struct answer seen = {0};
	int fd = open_socket();

	if (bind(fd, (struct sockaddr *)&here, sizeof(here)) != 0)
		die("bind");
	for (;;) {
		int n;

		for (int i = 0; i < BATCH; i++) {
			parts[i] = (struct iovec){.iov_base = bytes[i], .iov_len = PACKET_MAX};
			msgs[i] = (struct mmsghdr){.msg_hdr = {.msg_name = &from[i],
							       .msg_namelen = sizeof(from[i]),
							       .msg_iov = &parts[i],
							       .msg_iovlen = 1}};
		}
		n = recvmmsg(fd, msgs, BATCH, MSG_WAITFORONE, NULL);
		if (n < 0 && errno != EINTR && errno != ECONNREFUSED)
			die("recvmmsg");
		for (int i = 0; i < n; i++)
			take(fd, &seen, bytes[i], msgs[i].msg_len, &from[i]);
	}
}

/* Send */

/* Return: how many packets were sent. */
static uint64_t send_at_rate(int fd, uint64_t run, uint64_t rate, uint64_t seconds, size_t size)
{
	static uint8_t bytes[PACKET_MAX];
	struct mmsghdr msgs[BATCH];
	struct iovec part = {.iov_base = bytes, .iov_len = size};
	int64_t begin = now_ns(), end = begin + (int64_t)seconds * 1000000000;
	uint64_t sent = 0;

	memcpy(bytes, &run, sizeof(run));
	for (int i = 0; i < BATCH; i++)
		msgs[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}};
	for (int64_t now = begin; now < end; now = now_ns()) {
		uint64_t due = (uint64_t)(now - begin) * rate / 1000000000 + 1;
		unsigned int want = due - sent > BATCH ? BATCH : (unsigned int)(due - sent);
		int n = want ? sendmmsg(fd, msgs, want, 0) : 0;

		if (n < 0 && errno != EAGAIN && errno != ENOBUFS && errno != ECONNREFUSED)
			die("sendmmsg");
		sent += n > 0 ? (uint64_t)n : 0;
		if (want < BATCH)
			(void)clock_nanosleep(CLOCK_MONOTONIC, 0,
					      &(struct timespec){.tv_nsec = TURN_NS}, NULL);
	}
	return sent;
}

/* Return: the sink's count of @run; 0 if it does not answer. */
static uint64_t ask(int fd, uint64_t run)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct answer a;

	for (int i = 0; i < 10; i++) {
		(void)send(fd, &run, QUESTION_BYTES, 0);
		while (poll(&p, 1, 300) > 0)
			if (recv(fd, &a, sizeof(a), 0) == sizeof(a) && a.run == run)
				return a.count;
	}
	return 0;
}

static int send_main(char **argv)
{
	struct sockaddr_in there = {.sin_family = AF_INET,
				    .sin_port = htons((uint16_t)number(argv[1], 65535))};
	uint64_t rate = number(argv[2], 10000000), seconds = number(argv[3], 3600), run, sent, got;
	size_t size = number(argv[4], PACKET_MAX);
	int fd = open_socket();

	if (size <= QUESTION_BYTES || inet_pton(AF_INET, argv[0], &there.sin_addr) != 1) {
		fprintf(stderr, "udpload: an IPv4 address, and more than %d bytes\n",
			QUESTION_BYTES);
		return 2;
	}
	if (connect(fd, (struct sockaddr *)&there, sizeof(there)) != 0)
		die("connect");
	if (getrandom(&run, sizeof(run), 0) != sizeof(run))
		die("getrandom");
	sent = send_at_rate(fd, run, rate, seconds, size);
	usleep(SETTLE_US);
	got = ask(fd, run);
	printf("sent %llu\nreceived %llu\npps %llu\nloss %.3f\n", (unsigned long long)sent,
	       (unsigned long long)got, (unsigned long long)(got / seconds),
	       sent ? 100.0 * (double)(sent - (got < sent ? got : sent)) / (double)sent : 100.0);
	close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "sink") == 0)
		sink_main((uint16_t)number(argv[2], 65535));
	if (argc == 7 && strcmp(argv[1], "send") == 0)
		return send_main(argv + 2);
	fputs("usage: udpload sink PORT\n"
	      "       udpload send HOST PORT RATE SECONDS BYTES\n",
	      stderr);
	return 2;
}
