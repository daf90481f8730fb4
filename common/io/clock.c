/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "common/pure/rpcmsg.h"

#define FILE_MAX_BYTES 4096
#define FOLLOW_SYSTEM INT64_MIN
#define SET_FROM_MS 1000 /* the host's clock is left alone when it is off by less */
#define TELL_FROM_MS 5000

/* What other threads read. */
static _Atomic int64_t ahead_ms = FOLLOW_SYSTEM;

/* One process has one time. */
static struct {
	struct owntime own;
	char path[PATH_MAX];
	bool open, set_system;
	int set_error;
} clk = {.own = {.state = OWNTIME_SYSTEM, .floor_s = OWNTIME_RELEASED_S}};

uint64_t clock_mono_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t clock_mono_ms(void)
{
	return clock_mono_us() / 1000;
}

static int64_t real_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int real_set(int64_t now_ms)
{
	struct timespec t = {.tv_sec = (time_t)(now_ms / 1000),
			     .tv_nsec = (long)(now_ms % 1000) * 1000000};

	return clock_settime(CLOCK_REALTIME, &t) == 0 ? 0 : -errno;
}

struct clock_host clock_host = {.now_us = real_now_us, .set = real_set};

static int64_t system_ms(void)
{
	return clock_host.now_us() / 1000;
}

int64_t clock_wall_us(void)
{
	int64_t ahead = atomic_load_explicit(&ahead_ms, memory_order_relaxed);

	return ahead == FOLLOW_SYSTEM ? clock_host.now_us()
				      : (int64_t)clock_mono_us() + ahead * 1000;
}

int64_t clock_wall_ms(void)
{
	return clock_wall_us() / 1000;
}

int64_t clock_wall_s(void)
{
	return clock_wall_ms() / 1000;
}

bool clock_is_synced(void)
{
	struct timex t = {.modes = 0}; /* asks only */
	int state = adjtimex(&t);

	return state >= 0 && state != TIME_ERROR && !(t.status & STA_UNSYNC);
}

static void publish(void)
{
	int64_t ahead = clk.own.state == OWNTIME_SYSTEM ? FOLLOW_SYSTEM : clk.own.ahead_ms;

	atomic_store_explicit(&ahead_ms, ahead, memory_order_relaxed);
}

/* --- the floor on disk ------------------------------------------------------------------------ */

/* Return: the floor, 0 if there is none. */
static int64_t load_floor(void)
{
	json_error_t error;
	int64_t floor = 0;
	uint8_t *bytes;
	json_t *o;
	size_t n;
	int r = file_read(clk.path, FILE_MAX_BYTES, &bytes, &n);

	if (r == -ENOENT)
		return 0;
	o = r == 0 ? json_loadb((const char *)bytes, n, JSON_REJECT_DUPLICATES, &error) : NULL;
	if (!rpc_int(o, "floor", 0, OWNTIME_END_S, &floor))
		log_warn("the time that was last known cannot be read path=\"%s\"", clk.path);
	json_decref(o);
	if (r == 0)
		free(bytes);
	return floor;
}

static void save_floor(void)
{
	char text[64];
	int n, r;

	if (!clk.open || !owntime_to_save(&clk.own))
		return;
	n = snprintf(text, sizeof(text), "{\"floor\": %" PRId64 "}\n", clk.own.floor_s);
	r = file_replace(clk.path, text, (size_t)n, 0600);
	if (r != 0)
		log_warn("the time that is known now is not kept path=\"%s\" error=\"%s\"",
			 clk.path, strerror(-r));
}

void clock_open(const char *state_dir, bool set_system)
{
	int n = snprintf(clk.path, sizeof(clk.path), "%s/%s", state_dir, CLOCK_FILE);

	clk.open = n > 0 && n < (int)sizeof(clk.path);
	clk.set_system = set_system;
	clk.set_error = 0;
	owntime_init(&clk.own, clk.open ? load_floor() : 0, system_ms(), (int64_t)clock_mono_ms());
	publish();
	if (clk.own.state == OWNTIME_UNKNOWN)
		log_warn("this host's clock cannot be right, it has been later: the Access Server "
			 "will say what time it is");
}

/* --- learning ----------------------------------------------------------------------------------
 */

/* A failure is told once: it does not change while this process runs. */
static void set_system_clock(int64_t off_ms)
{
	int r;

	if (!clk.set_system || clk.set_error || llabs(off_ms) < SET_FROM_MS)
		return;
	r = clock_host.set(clock_wall_ms());
	if (r == 0) {
		log_notice("this host's clock was set: it was off by %" PRId64 " s", off_ms / 1000);
		return;
	}
	clk.set_error = -r;
	log_warn("this host's clock could not be set error=\"%s\": set-clock needs the right to "
		 "(CAP_SYS_TIME)",
		 strerror(-r));
}

int clock_take_signed(int64_t time_ms, uint64_t trip_ms)
{
	bool first = clk.own.state != OWNTIME_SIGNED;
	int64_t off_ms;
	int r = owntime_take_signed(&clk.own, time_ms, (int64_t)trip_ms, (int64_t)clock_mono_ms());

	if (r != 0)
		return r;
	publish();
	off_ms = system_ms() - clock_wall_ms();
	if (first && llabs(off_ms) >= TELL_FROM_MS)
		log_warn("this host's clock is %" PRId64 " s %s: the Access Server's time is used",
			 (int64_t)llabs(off_ms) / 1000, off_ms < 0 ? "behind" : "ahead");
	save_floor();
	set_system_clock(off_ms);
	return 0;
}

int clock_take_sntp(int64_t time_ms)
{
	int r = owntime_take_sntp(&clk.own, time_ms, (int64_t)clock_mono_ms());

	if (r == 0)
		publish();
	return r;
}

void clock_status(struct clock_status *s)
{
	*s = (struct clock_status){
		.state = clk.own.state,
		.doubtful = owntime_is_doubtful(&clk.own, system_ms()),
		.system_ahead_ms = system_ms() - clock_wall_ms(),
		.floor_s = clk.own.floor_s,
		.set_system = clk.set_system,
		.set_error = clk.set_error,
	};
}

json_t *clock_json(void)
{
	struct clock_status s;
	json_t *o;

	clock_status(&s);
	o = json_pack("{s:s, s:I, s:I, s:I, s:b}", "state", owntime_state_name(s.state), "now_s",
		      (json_int_t)clock_wall_s(), "system_ahead_ms", (json_int_t)s.system_ahead_ms,
		      "floor_s", (json_int_t)s.floor_s, "set_clock", s.set_system);
	if (o && s.set_error)
		json_object_set_new(o, "problem", json_string(strerror(s.set_error)));
	return o;
}
