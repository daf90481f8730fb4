/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/pure_test.h"

#include <stdio.h>

#include "common/pure/grant.h"

#define UID_A "00112233445566778899aabbccddeeff"
#define UID_B "ffeeddccbbaa99887766554433221100"
#define PEER                                                                                \
	"{\"name\":\"press-7\",\"uri\":\"farlan://plant.example/device/" UID_B "\","        \
	"\"key\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\",\"ipv4\":\"100.64.0.2\"," \
	"\"ipv6\":\"fd00::2\",\"lans\":[\"192.168.1.0/24\",\"fd00:1::/64\"]}"
#define RELAY                                                                      \
	"{\"name\":\"r1\",\"uid\":\"" UID_A "\",\"urls\":[\"https://r1.example\"," \
	"\"https://[2001:db8::1]:5935/far\"],\"token\":\"v4.public.AA-_.Zg\"}"
#define GRANT(session, serial, epoch, role, peer, lans, life, relays)                       \
	"{\"session\":" session ",\"serial\":" serial ",\"epoch\":" epoch ",\"role\":" role \
	",\"peer\":" peer ",\"lans\":" lans ",\"life_s\":" life ",\"relays\":" relays "}"
#define SESSION "\"" UID_A "\""
#define MANAGER "\"manager\""
#define LANS "[\"10.1.0.0/16\"]"
#define GOLDEN GRANT(SESSION, "7", "4294967295", MANAGER, PEER, LANS, "86400", "[" RELAY "]")

static int decode(struct grant *g, const char *text)
{
	json_t *o = json_loads(text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
	int r;

	if (!o)
		fail_msg("not JSON: %s", text);
	r = grant_decode(g, o);
	json_decref(o);
	return r;
}

static char *encode(const struct grant *g)
{
	json_t *o = grant_encode(g);
	char *text = json_dumps(o, JSON_COMPACT);

	assert_non_null(text);
	json_decref(o);
	return text;
}

static void golden_text(void **state)
{
	struct grant g;
	char text[PREFIX_TEXT_SIZE], *again;

	(void)state;
	assert_int_equal(decode(&g, GOLDEN), 0);
	assert_string_equal(g.session, UID_A);
	assert_int_equal(g.serial, 7);
	assert_true(g.epoch == UINT32_MAX);
	assert_int_equal(g.role, TOKEN_MANAGER);
	assert_string_equal(g.peer_name, "press-7");
	assert_string_equal(g.peer.domain, "plant.example");
	assert_int_equal(g.peer.kind, IDENT_DEVICE);
	assert_string_equal(g.peer.uid, UID_B);
	for (size_t i = 0; i < GRANT_KEY_BYTES; i++)
		assert_int_equal(g.peer_key[i], i);
	assert_int_equal(g.life_s, 86400);
	addr_format(&g.peer_ipv4, text);
	assert_string_equal(text, "100.64.0.2");
	addr_format(&g.peer_ipv6, text);
	assert_string_equal(text, "fd00::2");
	assert_int_equal(g.n_own_lans, 1);
	prefix_format(&g.own_lans[0], text);
	assert_string_equal(text, "10.1.0.0/16");
	assert_int_equal(g.n_peer_lans, 2);
	prefix_format(&g.peer_lans[1], text);
	assert_string_equal(text, "fd00:1::/64");
	assert_int_equal(g.n_relays, 1);
	assert_string_equal(g.relays[0].name, "r1");
	assert_string_equal(g.relays[0].uid, UID_A);
	assert_int_equal(g.relays[0].n_urls, 2);
	assert_string_equal(g.relays[0].urls[1].host, "2001:db8::1");
	assert_int_equal(g.relays[0].urls[1].port, 5935);
	assert_string_equal(g.relays[0].token, "v4.public.AA-_.Zg");
	again = encode(&g);
	assert_string_equal(again, GOLDEN);
	free(again);
}

/* The other role, everything at its cap. */
static void largest_round_trips(void **state)
{
	struct grant g, got;
	char *text;

	(void)state;
	memset(&g, 0, sizeof(g));
	assert_int_equal(decode(&g, GOLDEN), 0);
	g.role = TOKEN_DEVICE;
	g.peer.kind = IDENT_USER;
	g.peer_ipv4 = (struct addr){.family = 0};
	memset(g.peer_name, 'n', GRANT_NAME_SIZE - 1);
	g.n_own_lans = GRANT_LANS_MAX;
	g.n_peer_lans = GRANT_LANS_MAX;
	for (size_t i = 0; i < GRANT_LANS_MAX; i++) {
		struct addr a = {4, {10, (uint8_t)i}};

		g.own_lans[i] = prefix_of(&a, 16);
		a.bytes[0] = 11;
		g.peer_lans[i] = prefix_of(&a, 24);
	}
	g.n_relays = GRANT_RELAYS_MAX;
	for (size_t i = 0; i < GRANT_RELAYS_MAX; i++) {
		g.relays[i] = g.relays[0];
		g.relays[i].name[1] = (char)('0' + i);
		g.relays[i].n_urls = GRANT_URLS_MAX;
		for (size_t j = 0; j < GRANT_URLS_MAX; j++)
			g.relays[i].urls[j] = g.relays[0].urls[j % 2];
		memset(g.relays[i].token, 't', PASETO_TOKEN_SIZE - 1);
		g.relays[i].token[PASETO_TOKEN_SIZE - 1] = '\0';
	}
	text = encode(&g);
	memset(&got, 0x5a, sizeof(got));
	assert_int_equal(decode(&got, text), 0);
	assert_memory_equal(&got, &g, sizeof(g));
	free(text);
}

static void rules_round_trip(void **state)
{
	struct grant g, got;
	char *text;

	(void)state;
	memset(&g, 0, sizeof(g));
	assert_int_equal(decode(&g, GOLDEN), 0);
	assert_false(g.rules.present);
	g.rules.present = true;
	for (size_t i = 0; i < 2; i++) { /* without any, then as many as may be */
		text = encode(&g);
		memset(&got, 0x5a, sizeof(got));
		assert_int_equal(decode(&got, text), 0);
		assert_memory_equal(&got, &g, sizeof(g));
		assert_true(strlen(text) < 65536);
		free(text);
		while (g.rules.n < RULES_MAX)
			assert_int_equal(
				rule_parse(&g.rules.at[g.rules.n++],
					   "allow out fd00:1111:2222:3333:4444:5555:6666:7777/128 "
					   "tcp/10000-65535"),
				0);
	}
}

static void control_round_trips(void **state)
{
	struct grant g, got;
	char *text;

	(void)state;
	memset(&g, 0, sizeof(g));
	assert_int_equal(decode(&g, GOLDEN), 0);
	assert_int_equal(g.idle_s, 0);
	assert_string_equal(g.reason, "");
	g.idle_s = GRANT_LIFE_MAX_S;
	memset(g.reason, 'r', WORDS_MAX_BYTES);
	memset(g.from, 'f', GRANT_FROM_SIZE - 1);
	memset(g.approved_by, 'a', WORDS_MAX_BYTES);
	text = encode(&g);
	memset(&got, 0x5a, sizeof(got));
	assert_int_equal(decode(&got, text), 0);
	assert_memory_equal(&got, &g, sizeof(g));
	free(text);
}

static json_t *golden(void)
{
	json_t *o = json_loads(GOLDEN, 0, NULL);

	assert_non_null(o);
	return o;
}

/* Take @o as it is now: it must be refused, and nothing written. */
static void refuse(json_t *o)
{
	static struct grant g, before;

	memset(&g, 0x5a, sizeof(g));
	before = g;
	assert_int_equal(grant_decode(&g, o), -EBADMSG);
	assert_memory_equal(&g, &before, sizeof(g));
	json_decref(o);
}

/* Where in the grant: of the grant itself, its peer, its first relay. */
enum place { TOP, IN_PEER, IN_RELAY };

static json_t *at(json_t *o, enum place place)
{
	switch (place) {
	case IN_PEER:
		return json_object_get(o, "peer");
	case IN_RELAY:
		return json_array_get(json_object_get(o, "relays"), 0);
	case TOP:
		break;
	}
	return o;
}

static void every_member_is_required(void **state)
{
	static const struct {
		enum place place;
		const char *key;
	} t[] = {
		{TOP, "session"},   {TOP, "serial"},   {TOP, "epoch"},	   {TOP, "role"},
		{TOP, "peer"},	    {TOP, "lans"},     {TOP, "life_s"},	   {TOP, "relays"},
		{IN_PEER, "name"},  {IN_PEER, "uri"},  {IN_PEER, "key"},   {IN_PEER, "lans"},
		{IN_RELAY, "name"}, {IN_RELAY, "uid"}, {IN_RELAY, "urls"}, {IN_RELAY, "token"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		json_t *o = golden();

		assert_int_equal(json_object_del(at(o, t[i].place), t[i].key), 0);
		refuse(o);
		o = golden();
		assert_int_equal(json_object_set_new(at(o, t[i].place), t[i].key, json_null()), 0);
		refuse(o);
		o = golden();
		assert_int_equal(json_object_set_new(at(o, t[i].place), t[i].key, json_real(1.0)),
				 0);
		refuse(o);
	}
}

static void bad_values(void **state)
{
	static const struct {
		enum place place;
		const char *key, *value;
	} t[] = {
		{TOP, "session", "\"\""},
		{TOP, "session", "\"00112233445566778899AABBCCDDEEFF\""},
		{TOP, "session", "\"" UID_A "0\""},
		{TOP, "serial", "-1"},
		{TOP, "serial", "4294967296"},
		{TOP, "epoch", "-1"},
		{TOP, "epoch", "4294967296"},
		{TOP, "role", "\"device\""}, /* does not fit the peer, a device */
		{TOP, "role", "\"relay\""},
		{TOP, "role", "0"},
		{TOP, "life_s", "0"},
		{TOP, "life_s", "-1"},
		{TOP, "life_s", "86401"},
		{TOP, "idle_s", "0"},
		{TOP, "idle_s", "86401"},
		{TOP, "idle_s", "\"none\""},
		{TOP, "reason", "1"},
		{TOP, "reason", "\"two\\nlines\""},
		{TOP, "reason", "\" x\""},
		{TOP, "from", "\"\\u202e\""},
		{TOP, "approved_by", "[]"},
		{TOP, "lans", "{}"},
		{TOP, "lans", "[1]"},
		{TOP, "lans", "[\"10.1.0.1/16\"]"},
		{TOP, "lans", "[\"0.0.0.0/0\"]"},
		{TOP, "lans", "[\"127.0.0.0/8\"]"},
		{TOP, "lans", "[\"10.0.0.0/8\",\"\"]"},
		{TOP, "relays", "[]"},
		{TOP, "relays", "{}"},
		{TOP, "relays", "[1]"},
		{TOP, "peer", "[]"},
		{TOP, "rules", "{}"},
		{TOP, "rules", "\"allow\""},
		{TOP, "rules", "[\"allow\", 1]"},
		{TOP, "rules", "[\"allow sctp\"]"},
		{IN_PEER, "name", "\"\""},
		{IN_PEER, "name", "\"a b\""},
		{IN_PEER, "uri", "\"farlan://plant.example/user/" UID_B "\""},
		{IN_PEER, "uri", "\"farlan://plant.example/relay/" UID_B "\""},
		{IN_PEER, "uri", "\"\""},
		{IN_PEER, "key", "\"\""},
		{IN_PEER, "key", "\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==\""},
		{IN_PEER, "key", "\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g\""},
		{IN_PEER, "ipv4", "\"fd00::2\""},
		{IN_PEER, "ipv6", "\"10.0.0.1\""},
		{IN_PEER, "ipv4", "null"},
		{IN_PEER, "ipv4", "\"10.0.0.1/32\""},
		{IN_PEER, "ipv4", "\"127.0.0.1\""},
		{IN_PEER, "ipv4", "\"0.0.0.0\""},
		{IN_PEER, "ipv4", "\"224.0.0.1\""},
		{IN_PEER, "ipv6", "\"::1\""},
		{IN_PEER, "lans", "[\"169.254.0.0/16\"]"},
		{IN_RELAY, "name", "\"-\""},
		{IN_RELAY, "uid", "\"x\""},
		{IN_RELAY, "urls", "[]"},
		{IN_RELAY, "urls", "[1]"},
		{IN_RELAY, "urls", "[\"http://r\"]"},
		{IN_RELAY, "urls", "\"https://r\""},
		{IN_RELAY, "urls",
		 "[\"https://r\",\"https://r\",\"https://r\",\"https://r\",\"https://r\"]"},
		{IN_RELAY, "token", "\"\""},
		{IN_RELAY, "token", "\"a b\""},
		{IN_RELAY, "token", "\"a\\r\\nX: y\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		json_t *o = golden(), *value = json_loads(t[i].value, JSON_DECODE_ANY, NULL);

		assert_int_equal(json_object_set_new(at(o, t[i].place), t[i].key, value), 0);
		refuse(o);
	}
}

/* What is behind a device may be everything; what a manager announces may not. */
static void wide_lans_are_behind_devices(void **state)
{
	json_t *o = golden();
	struct grant g;

	(void)state;
	json_object_set_new(at(o, IN_PEER), "lans", json_pack("[s, s]", "0.0.0.0/0", "::/0"));
	assert_int_equal(grant_decode(&g, o), 0);
	assert_int_equal(g.n_peer_lans, 2);
	json_object_set_new(at(o, IN_PEER), "lans", json_pack("[s]", "127.0.0.0/8"));
	refuse(o);
	o = golden();
	json_object_set_new(o, "lans", json_pack("[s]", "0.0.0.0/0"));
	refuse(o);
}

static void too_many(void **state)
{
	json_t *o = golden(), *list = json_object_get(o, "relays");
	char token[PASETO_TOKEN_SIZE + 1];

	(void)state;
	while (json_array_size(list) <= GRANT_RELAYS_MAX)
		assert_int_equal(json_array_append(list, json_array_get(list, 0)), 0);
	refuse(o);
	o = golden();
	list = json_object_get(o, "lans");
	while (json_array_size(list) <= GRANT_LANS_MAX)
		assert_int_equal(json_array_append(list, json_array_get(list, 0)), 0);
	refuse(o);
	o = golden();
	memset(token, 't', PASETO_TOKEN_SIZE);
	token[PASETO_TOKEN_SIZE] = '\0';
	json_object_set_new(at(o, IN_RELAY), "token", json_string(token));
	refuse(o);
	o = golden();
	token[GRANT_NAME_SIZE] = '\0';
	json_object_set_new(at(o, IN_PEER), "name", json_string(token));
	refuse(o);
}

static void one_tunnel_address_is_enough(void **state)
{
	struct grant g;
	json_t *o = golden();

	(void)state;
	json_object_del(at(o, IN_PEER), "ipv4");
	assert_int_equal(grant_decode(&g, o), 0);
	assert_int_equal(g.peer_ipv4.family, 0);
	assert_int_equal(g.peer_ipv6.family, 6);
	json_object_del(at(o, IN_PEER), "ipv6");
	refuse(o);
	o = golden();
	json_object_del(at(o, IN_PEER), "ipv6");
	assert_int_equal(grant_decode(&g, o), 0);
	assert_int_equal(g.peer_ipv4.family, 4);
	assert_int_equal(g.peer_ipv6.family, 0);
	json_decref(o);
}

static void unknown_members_are_ignored(void **state)
{
	struct grant g;
	json_t *o = golden();

	(void)state;
	for (int place = TOP; place <= IN_RELAY; place++)
		json_object_set_new(at(o, (enum place)place), "later", json_array());
	assert_int_equal(grant_decode(&g, o), 0);
	json_decref(o);
	assert_int_equal(grant_decode(&g, NULL), -EBADMSG);
	assert_int_equal(decode(&g, "[]"), -EBADMSG);
	assert_int_equal(decode(&g, "\"x\""), -EBADMSG);
}

/* As session.relays brings it. */
static void relays_alone(void **state)
{
	static struct grant_relay relays[GRANT_RELAYS_MAX];
	struct grant g;
	json_t *list;
	size_t n = 0;

	(void)state;
	assert_int_equal(decode(&g, GOLDEN), 0);
	list = grant_relays_encode(g.relays, g.n_relays);
	assert_int_equal(grant_relays_decode(relays, &n, list), 0);
	assert_int_equal(n, 1);
	assert_string_equal(relays[0].uid, g.relays[0].uid);
	assert_string_equal(relays[0].token, g.relays[0].token);
	assert_int_equal(relays[0].n_urls, 2);
	while (json_array_size(list) <= GRANT_RELAYS_MAX)
		json_array_append(list, json_array_get(list, 0));
	assert_int_equal(grant_relays_decode(relays, &n, list), -EBADMSG);
	json_array_clear(list);
	assert_int_equal(grant_relays_decode(relays, &n, list), -EBADMSG);
	assert_int_equal(grant_relays_decode(relays, &n, NULL), -EBADMSG);
	json_decref(list);
}

/* For a manager: those behind the device that have names. */
static void hosts(void **state)
{
	static struct grant g, got;
	json_t *o = golden();
	char *text;

	(void)state;
	json_object_set_new(o, "hosts",
			    json_pack("[{s:s, s:s}]", "name", "plc1", "address", "192.168.1.10"));
	assert_int_equal(grant_decode(&g, o), 0);
	assert_int_equal(g.hosts.n, 1);
	assert_string_equal(g.hosts.at[0].name, "plc1");
	text = encode(&g);
	assert_int_equal(decode(&got, text), 0);
	assert_memory_equal(&got, &g, sizeof(g));
	free(text);
	json_object_set_new(o, "hosts", json_pack("[{s:s}]", "name", "plc1"));
	refuse(o);
	o = golden();
	json_object_set_new(o, "hosts", json_null());
	refuse(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_text),
		cmocka_unit_test(rules_round_trip),
		cmocka_unit_test(control_round_trips),
		cmocka_unit_test(largest_round_trips),
		cmocka_unit_test(every_member_is_required),
		cmocka_unit_test(bad_values),
		cmocka_unit_test(wide_lans_are_behind_devices),
		cmocka_unit_test(too_many),
		cmocka_unit_test(one_tunnel_address_is_enough),
		cmocka_unit_test(unknown_members_are_ignored),
		cmocka_unit_test(relays_alone),
		cmocka_unit_test(hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
