/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/intake.h"

#include "accessd/clients_internal.h"
#include "common/io/file.h"

#define URGENCY_EXPECTED 2 /* it comes when it was told to; below: somebody waits */
#define URGENCY_USUAL 3	   /* if nothing is said */

/* RFC 9218 section 4.1: `Priority: u=0` to `u=7`. */
static int urgency_of(const struct http_head *head)
{
	const struct http_str *p = http_header(head, "Priority");

	if (!p || p->len < 3 || p->at[0] != 'u' || p->at[1] != '=' || p->at[2] < '0' ||
	    p->at[2] > '7')
		return URGENCY_USUAL;
	return p->at[2] - '0';
}

/* A part of the time, whatever a handshake costs this machine and however long its rounds are. */
static uint64_t part_us(struct intake *in, uint64_t now_us)
{
	uint64_t part = (now_us - in->stepped_us) * INTAKE_PART_PERCENT / 100;

	in->stepped_us = now_us;
	if (part < INTAKE_PART_MIN_US)
		return INTAKE_PART_MIN_US;
	return part < INTAKE_PART_MAX_US ? part : INTAKE_PART_MAX_US;
}

/* Its client gives up before all is done. */
static bool is_too_late(const struct client *c)
{
	return clock_mono_ms() - c->heard_ms > INTAKE_PATIENCE_MS;
}

static void on_step(uv_timer_t *timer)
{
	struct intake *in = timer->data;
	uint64_t now = clock_mono_us(), end = now + part_us(in, now);
	struct client *c;

	while ((c = TAILQ_FIRST(&in->line)) && clock_mono_us() < end) {
		intake_forget(in, c);
		if (is_too_late(c))
			outer_close(c->outer, "too many connections come at once");
		else
			outer_resume(c->outer);
	}
	in->at_rest = in->n == 0;
	if (in->at_rest)
		uv_timer_stop(timer);
}

void intake_open(struct intake *in, uv_loop_t *loop, uint32_t per_s)
{
	TAILQ_INIT(&in->line);
	uv_timer_init(loop, &in->timer);
	in->timer.data = in;
	pace_init(&in->inner, per_s);
	pace_init(&in->urgent, per_s / 2 + 1);
	pace_init(&in->booked, per_s);
	in->at_rest = true;
}

void intake_close(struct intake *in, uv_close_cb closed)
{
	uv_close((uv_handle_t *)&in->timer, closed);
}

void intake_arrive(struct intake *in, struct client *c)
{
	outer_pause(c->outer);
	c->in_line = true;
	TAILQ_INSERT_TAIL(&in->line, c, line);
	in->n++;
	if (in->at_rest)
		uv_timer_start(&in->timer, on_step, 0, INTAKE_STEP_MS);
	in->at_rest = false;
}

void intake_forget(struct intake *in, struct client *c)
{
	if (!c->in_line)
		return;
	c->in_line = false;
	TAILQ_REMOVE(&in->line, c, line);
	in->n--;
}

bool intake_admits(struct intake *in, const struct http_head *head)
{
	int urgency = urgency_of(head);
	uint64_t now = clock_mono_us();

	if (urgency < URGENCY_EXPECTED && pace_take(&in->urgent, now, INTAKE_BURST_MS))
		return true;
	return pace_take(&in->inner, now,
			 urgency <= URGENCY_EXPECTED ? INTAKE_EXPECTED_MS : INTAKE_BURST_MS);
}

uint32_t intake_later_s(struct intake *in)
{
	uint64_t now = clock_mono_us();
	uint32_t random;

	in->told++;
	if (pace_booked_us(&in->booked, now) < INTAKE_BOOK_MAX_S * UINT64_C(1000000))
		return 1 + (uint32_t)(pace_book(&in->booked, now) / 1000000);
	/* Somebody asks without end: no places are kept, and nobody is sent away for longer. */
	file_random(&random, sizeof(random));
	return INTAKE_BOOK_MAX_S / 2 + random % (INTAKE_BOOK_MAX_S / 2);
}
