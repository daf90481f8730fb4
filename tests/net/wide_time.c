/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * wide_time - the year 2040 on this machine: times of our own, answers of time servers, dates of
 * certificates. Also built for 32-bit ARM (wide_time.bats). Ends with status 1 at the first thing
 * that is wrong.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/pure/bytes.h"
#include "common/pure/owntime.h"
#include "common/pure/sntp.h"

#define IN_2040_S INT64_C(2209032000) /* 2040-01-01 12:00:00 */
#define UNIX_IN_NTP_S INT64_C(2208988800)

static int bad;

static void check(int good, const char *what)
{
	if (!good)
		printf("wrong: %s\n", what);
	bad |= !good;
}

/* As x509 reads and writes dates, and the kernel is asked for the time. */
static void calendar(void)
{
	time_t t = (time_t)IN_2040_S;
	struct timespec now = {.tv_sec = (time_t)IN_2040_S};
	struct tm tm = {.tm_year = 140, .tm_mon = 0, .tm_mday = 1, .tm_hour = 12};

	check(sizeof(time_t) == 8, "the width of time_t");
	check((int64_t)now.tv_sec == IN_2040_S, "a timespec");
	check((int64_t)timegm(&tm) == IN_2040_S, "timegm");
	check(gmtime_r(&t, &tm) && tm.tm_year == 140 && tm.tm_hour == 12, "gmtime_r");
	check(clock_gettime(CLOCK_REALTIME, &now) == 0 && (int64_t)now.tv_sec > OWNTIME_RELEASED_S,
	      "clock_gettime");
}

static void own(void)
{
	struct owntime o;

	owntime_init(&o, IN_2040_S - OWNTIME_SLACK_S, IN_2040_S * 1000, 500);
	check(o.state == OWNTIME_SYSTEM, "a host's clock in 2040");
	check(owntime_take_signed(&o, IN_2040_S * 1000, 200, 1000) == 0, "a signed time");
	check(owntime_now_ms(&o, 0, 3000) == IN_2040_S * 1000 + 2100, "a time that is carried on");
	owntime_init(&o, 0, INT64_C(-2147483648) * 1000, 500); /* what 2038 becomes */
	check(o.state == OWNTIME_UNKNOWN, "a host's clock in 1901");
	check(owntime_take_sntp(&o, IN_2040_S * 1000, 0) == 0, "a time from servers");
}

static void servers(void)
{
	uint8_t bytes[SNTP_BYTES] = {0x24, 2};
	struct wr w = wr_init(bytes + 24, 24);
	struct sntp_answer a;

	wr_u64(&w, 7);
	for (int i = 0; i < 2; i++)
		wr_u64(&w, (uint64_t)(IN_2040_S + UNIX_IN_NTP_S) << 32 | 0x80000000);
	check(sntp_decode(&a, bytes, sizeof(bytes), 7, OWNTIME_RELEASED_S) == 0 &&
		      a.time_ms == IN_2040_S * 1000 + 500,
	      "era 1");
}

int main(void)
{
	calendar();
	own();
	servers();
	printf("time_t has %zu bits\n", 8 * sizeof(time_t));
	return bad;
}
