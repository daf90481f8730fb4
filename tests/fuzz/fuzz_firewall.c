/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packets through one firewall: a byte (direction, time), a length, the packet, and so on. What is
 * told before is what happens; what is refused can be answered or not, but never wrongly. */
#include <stdlib.h>
#include <string.h>

#include "vpnd/pure/firewall.h"
#include "vpnd/pure/refuse.h"

static void require(int ok)
{
	if (!ok)
		abort();
}

/* A new session each time. */
static void begin(struct firewall *fw)
{
	static const char *const texts[] = {"deny in tcp/22", "allow in tcp/1-30000",
					    "allow out udp", "allow icmp"};
	static struct rules rules;

	rules.present = true;
	rules.n = sizeof(texts) / sizeof(texts[0]);
	for (size_t i = 0; i < rules.n; i++)
		require(rule_parse(&rules.at[i], texts[i]) == 0);
	firewall_begin(fw, 0, 0);
	firewall_set_rules(fw, 0, &rules);
}

static void one(struct firewall *fw, enum rule_direction direction, const uint8_t *bytes, size_t n,
		uint64_t now_ms)
{
	static const struct addr from4 = {4, {100, 64, 0, 1}}, from6 = {6, {0xfd, 1}};
	struct firewall_decision before, d;
	uint8_t answer[REFUSE_MAX_BYTES];
	size_t m;
	struct ip_info ip;
	struct firewall_packet p = {0, direction, &ip, bytes, n};

	if (ip_parse(bytes, n, &ip) != 0)
		return;
	before = firewall_explain(fw, &p, now_ms);
	d = firewall_check(fw, &p, now_ms);
	require(before.verdict == d.verdict && before.why == d.why && before.rule == d.rule);
	require(d.why != FIREWALL_RULE || d.rule < firewall_rules(fw, 0)->n);
	if (refuse_onward(answer, &m, bytes, n) == 0)
		require(ip_parse(answer, m, &ip) == 0);
	if (d.verdict == FIREWALL_REFUSE &&
	    refuse_answer(answer, &n, bytes, n, ip.src.family == 4 ? &from4 : &from6) == 0)
		require(ip_parse(answer, n, &ip) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t key[2] = {1, 2};
	static struct firewall *fw;
	uint64_t now_ms = 1000;

	if (!fw)
		fw = firewall_new(key);
	begin(fw);
	while (size >= 2) {
		enum rule_direction direction = data[0] & 1 ? RULE_IN : RULE_OUT;
		size_t n = data[1];

		now_ms += (uint64_t)(data[0] >> 1) * 1000;
		data += 2;
		size -= 2;
		n = n < size ? n : size;
		one(fw, direction, data, n, now_ms);
		data += n;
		size -= n;
	}
	return 0;
}
