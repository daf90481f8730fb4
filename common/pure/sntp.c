/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/sntp.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/pure/bytes.h"

#define UNIX_IN_NTP_S INT64_C(2208988800) /* 1970 in seconds since 1900 */
#define MODE_CLIENT 3
#define MODE_SERVER 4
#define VERSION 4
#define TRANSMIT_AT 40
#define LEAP_UNKNOWN 3

/* RFC 5905 section 7.3, as far as it is of use. */
struct header {
	uint8_t first, stratum;
	uint32_t delay, dispersion; /* 16.16 seconds */
	char id[4];
	uint64_t origin, receive, transmit; /* 32.32 seconds since 1900 */
};

void sntp_encode(uint8_t out[SNTP_BYTES], uint64_t cookie)
{
	struct wr w = wr_init(out + TRANSMIT_AT, 8);

	memset(out, 0, SNTP_BYTES);
	out[0] = VERSION << 3 | MODE_CLIENT;
	wr_u64(&w, cookie);
}

static bool read_header(struct header *h, const uint8_t *bytes, size_t n)
{
	struct rd r = rd_init(bytes, n);
	const uint8_t *id, *poll_precision, *reference;
	bool ok;

	if (n < SNTP_BYTES || n > SNTP_MAX_BYTES || n % 4 != 0)
		return false;
	ok = rd_u8(&r, &h->first) && rd_u8(&r, &h->stratum) && rd_bytes(&r, &poll_precision, 2) &&
	     rd_u32(&r, &h->delay) && rd_u32(&r, &h->dispersion) && rd_bytes(&r, &id, 4) &&
	     rd_bytes(&r, &reference, 8) && rd_u64(&r, &h->origin) && rd_u64(&r, &h->receive) &&
	     rd_u64(&r, &h->transmit);
	if (ok)
		memcpy(h->id, id, sizeof(h->id));
	return ok;
}

/* Section 7.4. All of them say that this server does not serve. */
static enum sntp_kiss kiss_of(const struct header *h)
{
	return memcmp(h->id, "RATE", 4) == 0 ? SNTP_KISS_RATE : SNTP_KISS_DENY;
}

static bool is_sure(const struct header *h)
{
	uint64_t distance = (uint64_t)h->delay / 2 + h->dispersion;

	return h->first >> 6 != LEAP_UNKNOWN && h->stratum <= SNTP_STRATUM_MAX &&
	       h->transmit != 0 && h->receive != 0 && distance * 1000 >> 16 <= SNTP_DISTANCE_MAX_MS;
}

/* 32 bits of seconds end in 2036: those are meant that are within 68 years of @near_s. */
static int64_t unix_ms(uint64_t stamp, int64_t near_s)
{
	uint32_t near = (uint32_t)(near_s + UNIX_IN_NTP_S), seconds = (uint32_t)(stamp >> 32);
	int64_t off_s = (int32_t)(seconds - near);

	return (near_s + off_s) * 1000 + (int64_t)((stamp & UINT32_MAX) * 1000 >> 32);
}

int sntp_decode(struct sntp_answer *a, const uint8_t *bytes, size_t n, uint64_t cookie,
		int64_t floor_s)
{
	struct header h;
	int64_t time_ms, hold_ms;

	memset(a, 0, sizeof(*a));
	if (!read_header(&h, bytes, n) || (h.first & 7) != MODE_SERVER ||
	    (h.first >> 3 & 7) != VERSION)
		return -EBADMSG;
	if (h.origin != cookie)
		return -EKEYREJECTED; /* first of all: anybody can send a kiss, too */
	if (h.stratum == 0) {
		a->kiss = kiss_of(&h);
		return -EACCES;
	}
	if (!is_sure(&h))
		return -ENODATA;
	time_ms = unix_ms(h.transmit, floor_s);
	hold_ms = time_ms - unix_ms(h.receive, floor_s);
	if (hold_ms < 0)
		return -ENODATA;
	if (time_ms / 1000 < floor_s || time_ms / 1000 > floor_s + SNTP_AHEAD_MAX_S)
		return -ERANGE;
	a->time_ms = time_ms;
	a->hold_ms = hold_ms;
	return 0;
}

int64_t sntp_now_ms(const struct sntp_answer *a, int64_t trip_ms)
{
	int64_t way_ms = trip_ms - a->hold_ms;

	return a->time_ms + (way_ms > 0 ? way_ms / 2 : 0);
}

static int by_time(const void *a, const void *b)
{
	int64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x < y ? -1 : x > y;
}

int sntp_choose(int64_t *times_ms, size_t n, size_t asked, int64_t *chosen_ms)
{
	int64_t median;
	size_t agree = 0;

	if (n == 0 || n * 2 < asked)
		return -EAGAIN;
	qsort(times_ms, n, sizeof(times_ms[0]), by_time);
	median = times_ms[n / 2];
	for (size_t i = 0; i < n; i++)
		agree += llabs(times_ms[i] - median) <= SNTP_AGREE_MS;
	if (agree * 2 <= n)
		return -EAGAIN;
	*chosen_ms = median;
	return 0;
}
