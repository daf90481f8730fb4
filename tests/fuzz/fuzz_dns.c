/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whatever is asked: the answer is no longer than it may be, is of this question, and comes apart
 * into as many records as it says. */
#include <stdlib.h>
#include <string.h>

#include "vpnd/pure/zone.h"

static struct zone zone;
static struct zone_device device = {
	.name = "site1",
	.ipv4 = {4, {100, 64, 0, 3}},
	.ipv6 = {6, {0xfd, [15] = 3}},
	.n_lans = 1,
	.lans = {{{4, {192, 168, 1}}, 24}},
	.hosts = {.n = 2,
		  .at = {{"plc1", {4, {192, 168, 1, 10}}}, {"hmi", {6, {0xfd, 0x64, [15] = 1}}}}},
};

static bool skip_name(struct rd *r)
{
	const uint8_t *label;
	uint8_t n;

	while (rd_u8(r, &n)) {
		if (n == 0)
			return true;
		if (n >= 0xc0)
			return rd_u8(r, &n);
		if (!rd_bytes(r, &label, n))
			return false;
	}
	return false;
}

static bool skip_record(struct rd *r)
{
	const uint8_t *rest;
	uint16_t n;

	return skip_name(r) && rd_bytes(r, &rest, 8) && rd_u16(r, &n) && rd_bytes(r, &rest, n);
}

static void check(const struct dns_query *q, const uint8_t *out, size_t n)
{
	struct rd r = rd_init(out, n);
	uint16_t id, flags, questions, answers, authority, additional;
	const uint8_t *question;

	if (!rd_u16(&r, &id) || !rd_u16(&r, &flags) || !rd_u16(&r, &questions) ||
	    !rd_u16(&r, &answers) || !rd_u16(&r, &authority) || !rd_u16(&r, &additional) ||
	    id != q->id || !(flags & 0x8000) || questions != (q->question_bytes > 0) ||
	    additional != q->edns || !rd_bytes(&r, &question, q->question_bytes) ||
	    memcmp(question, q->question, q->question_bytes) != 0)
		abort();
	for (uint32_t i = 0; i < (uint32_t)answers + authority + additional; i++) {
		if (!skip_record(&r))
			abort();
	}
	if (r.left != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t out[UINT16_MAX];
	struct dns_query q;
	size_t n;

	zone_set_domain(&zone, "acme");
	zone.at[0] = &device;
	if (dns_query_decode(&q, data, size) != 0)
		return 0;
	for (int tcp = 0; tcp < 2; tcp++) {
		(void)zone_answer(&zone, &q, tcp, out, sizeof(out), &n);
		if (n > dns_reply_limit(&q, tcp))
			abort();
		check(&q, out, n);
	}
	return 0;
}
