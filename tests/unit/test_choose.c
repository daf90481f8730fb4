/* SPDX-License-Identifier: GPL-3.0-or-later */
/* At which relay two ends meet: tables of distances, loss, load and wishes. */
#include "tests/unit/pure_test.h"

#include "accessd/pure/choose.h"

#define RELAYS 6
#define MIN_MS UINT64_C(60000)

/* Round trips in ms; 0: unknown, -1: unreachable. */
struct row {
	int64_t id;
	int manager_ms, device_ms;
	uint16_t manager_loss_pm, device_loss_pm;
	unsigned int load;
	size_t sessions;
	unsigned int rank;
	bool pinned, avoided;
};

#define R(id_, manager_ms_, device_ms_, ...)                                               \
	{                                                                                  \
		.id = id_, .manager_ms = manager_ms_, .device_ms = device_ms_, __VA_ARGS__ \
	}

struct table {
	const char *what;
	struct row rows[RELAYS];
	const char *order; /* ids that a session gets, of at most 5 */
};

static struct choose_way way(int ms, uint16_t loss_pm)
{
	if (ms < 0)
		return (struct choose_way){.state = CHOOSE_UNREACHABLE};
	if (ms == 0)
		return (struct choose_way){.state = CHOOSE_UNKNOWN};
	return (struct choose_way){CHOOSE_KNOWN, (uint32_t)ms * 1000, loss_pm};
}

static struct choose_relay relay(const struct row *r)
{
	return (struct choose_relay){
		.id = r->id,
		.manager = way(r->manager_ms, r->manager_loss_pm),
		.device = way(r->device_ms, r->device_loss_pm),
		.load = r->load,
		.sessions = r->sessions,
		.rank = r->rank,
		.pinned = r->pinned,
		.avoided = r->avoided,
	};
}

static const struct table ORDERS[] = {
	{"none", {{0}}, ""},
	{"the least sum, not the nearest to one end",
	 {R('A', 10, 200), R('B', 80, 60), R('C', 60, 90)},
	 "BCA"},
	{"the order that they come in does not matter",
	 {R('C', 60, 90), R('A', 10, 200), R('B', 80, 60)},
	 "BCA"},
	{"five at most",
	 {R('A', 60, 1), R('B', 50, 1), R('C', 40, 1), R('D', 30, 1), R('E', 20, 1), R('F', 10, 1)},
	 "FEDCB"},
	{"unreachable from one end: out", {R('A', -1, 1), R('B', 80, 60), R('C', 1, -1)}, "B"},
	{"unless all are", {R('A', -1, 1), R('B', 80, -1), R('C', -1, -1)}, "ABC"},
	{"out even if the other end does not know", {R('A', -1, 0), R('B', 300, 300)}, "B"},
	{"what is near at one end comes before what nobody knows",
	 {R('A', 0, 0), R('B', 20, 0)},
	 "BA"},
	{"and what is far after it", {R('A', 300, 0), R('B', 0, 0)}, "BA"},
	{"nothing known: by load",
	 {R('A', 0, 0, .load = 300), R('B', 0, 0, .load = 100), R('C', 0, 0, .load = 900)},
	 "BAC"},
	{"nothing known, no load: by sessions",
	 {R('A', 0, 0, .sessions = 3), R('B', 0, 0, .sessions = 1), R('C', 0, 0, .sessions = 2)},
	 "BCA"},
	{"equally near: by sessions",
	 {R('A', 10, 10, .sessions = 3), R('B', 10, 10, .sessions = 2)},
	 "BA"},
	{"equal in all: as they came", {R('B', 10, 10), R('A', 10, 10), R('C', 10, 10)}, "BAC"},
	{"sessions do not outweigh distance",
	 {R('A', 10, 10, .sessions = 900), R('B', 12, 12, .sessions = 0)},
	 "AB"},
	{"loss outweighs some distance",
	 {R('A', 10, 10, .manager_loss_pm = 0, .device_loss_pm = 50), R('B', 15, 15)},
	 "BA"},
	{"the loss of the other end, too",
	 {R('A', 10, 10, .manager_loss_pm = 50, .device_loss_pm = 0), R('B', 15, 15)},
	 "BA"},
	{"but not much of it",
	 {R('A', 10, 10, .manager_loss_pm = 0, .device_loss_pm = 5), R('B', 60, 60)},
	 "AB"},
	{"a full relay is passed over for one that is not far",
	 {R('A', 10, 10, .load = 1000), R('B', 50, 50)},
	 "BA"},
	{"half full is fine", {R('A', 10, 10, .load = 500), R('B', 50, 50)}, "AB"},
	{"pinned goes first, however far", {R('A', 1, 1), R('B', 300, 300, .pinned = true)}, "BA"},
	{"but not if an end cannot reach it", {R('A', 1, 1), R('B', -1, 5, .pinned = true)}, "A"},
	{"nor if it cannot be used", {R('A', 1, 1), R('B', 1, 1, .rank = 1, .pinned = true)}, "AB"},
	{"avoided goes last, however near",
	 {R('A', 1, 1, .avoided = true), R('B', 300, 300), R('C', 0, 0)},
	 "CBA"},
	{"but before one that cannot be used",
	 {R('A', 1, 1, .rank = 2), R('B', 90, 90, .avoided = true)},
	 "BA"},
	{"avoided is better than unreachable", {R('A', 1, 1, .avoided = true), R('B', -1, 1)}, "A"},
	{"rank before distance",
	 {R('A', 1, 1, .rank = 2), R('B', 9, 9, .rank = 1), R('C', 90, 90)},
	 "CBA"},
};

static void orders(void **state)
{
	for (size_t t = 0; t < sizeof(ORDERS) / sizeof(ORDERS[0]); t++) {
		struct choose_relay relays[RELAYS];
		char got[RELAYS + 1] = "";
		size_t n = 0;

		for (; n < RELAYS && ORDERS[t].rows[n].id; n++)
			relays[n] = relay(&ORDERS[t].rows[n]);
		n = choose_order(relays, n, 5);
		for (size_t i = 0; i < n; i++)
			got[i] = (char)relays[i].id;
		if (strcmp(got, ORDERS[t].order) != 0)
			fail_msg("%s: %s, not %s", ORDERS[t].what, got, ORDERS[t].order);
	}
}

static void costs(void **state)
{
	struct choose_relay r = relay(&(struct row)R(1, 20, 30));
	uint64_t before;

	assert_int_equal(choose_cost(&r), 50000);
	r.device.loss_pm = 10;
	assert_true(choose_cost(&r) > 50000);
	r = relay(&(struct row)R(1, 0, 30));
	assert_int_equal(choose_cost(&r), CHOOSE_ASSUMED_US + 30000);
	r = relay(&(struct row)R(1, -1, 30));
	assert_true(choose_cost(&r) == UINT64_MAX);
	/* More load never costs less, and the worst that a peer can say does not overflow. */
	r = relay(&(struct row)R(1, 60000, 60000, .manager_loss_pm = 1000, .device_loss_pm = 1000));
	before = choose_cost(&r);
	for (r.load = 1; r.load <= CHOOSE_LOAD_MAX; r.load++) {
		assert_true(choose_cost(&r) > before);
		before = choose_cost(&r);
	}
	assert_true(before < UINT64_C(10000000000));
}

/* --- moving ---------------------------------------------------------------------------------- */

struct moving {
	const char *what;
	struct row best, current; /* current.id 0: none may be used */
	enum choose_event event;
	bool moves;
};

static const struct moving AT_ONCE[] = {
	{"the same one", R(1, 10, 10), R(1, 10, 10), CHOOSE_FIRST, false},
	{"its relay may not be used", R(1, 10, 10), {0}, CHOOSE_CHANGE, true},
	{"the same, and nothing is known", R(1, 0, 0), {0}, CHOOSE_CHANGE, true},
	{"first results", R(1, 80, 60), R(2, 10, 200), CHOOSE_FIRST, true},
	{"first results, a little better", R(1, 80, 60), R(2, 60, 90), CHOOSE_FIRST, true},
	{"first results, hardly better", R(1, 80, 60), R(2, 80, 64), CHOOSE_FIRST, false},
	{"first results, best only half known", R(1, 80, 0), R(2, 300, 300), CHOOSE_FIRST, false},
	{"first results, current only half known", R(1, 1, 1), R(2, 300, 0), CHOOSE_FIRST, false},
	{"first results, the guess cannot be reached", R(1, 90, 90), R(2, -1, 5), CHOOSE_FIRST,
	 true},
	{"measured again, much better", R(1, 10, 10), R(2, 200, 200), CHOOSE_ROUND, false},
	{"another one came", R(1, 10, 10), R(2, 200, 200), CHOOSE_CHANGE, false},
	{"another one was pinned", R(1, 300, 300, .pinned = true), R(2, 1, 1), CHOOSE_CHANGE, true},
	{"but cannot be used", R(1, 1, 1, .rank = 1, .pinned = true), R(2, 9, 9), CHOOSE_CHANGE,
	 false},
	{"but not reached", R(1, -1, 1, .pinned = true), R(2, 9, 9), CHOOSE_CHANGE, false},
	{"this one was avoided", R(1, 300, 300), R(2, 1, 1, .avoided = true), CHOOSE_CHANGE, true},
	{"both are avoided", R(1, 1, 1, .avoided = true), R(2, 300, 300, .avoided = true),
	 CHOOSE_CHANGE, false},
	{"this one is pinned, and cannot be used any more", R(1, 1, 1),
	 R(2, 90, 90, .rank = 2, .pinned = true), CHOOSE_FIRST, false},
};

static void at_once(void **state)
{
	for (size_t t = 0; t < sizeof(AT_ONCE) / sizeof(AT_ONCE[0]); t++) {
		const struct moving *m = &AT_ONCE[t];
		struct choose_relay best = relay(&m->best), current = relay(&m->current);
		struct choose_history h = {0};

		if (choose_move(&h, &best, m->current.id ? &current : NULL, m->event, 1000) !=
		    m->moves)
			fail_msg("%s: %s", m->what, m->moves ? "stays" : "moves");
	}
}

/* Another relay, in rounds of so many minutes; its costs in these rounds, in ms to each end. */
#define UNMEASURED 1000000 /* a round without results */

struct course {
	const char *what;
	uint64_t minutes;
	int best_ms[8];
	int moves_in; /* the round that moves, from 1 on; 0: none */
};

static const struct course COURSES[] = {
	/* 100 + 100 ms now */
	{"two minutes apart: over four", 2, {50, 50, 50, 50}, 3},
	{"one minute apart: not before three are over", 1, {50, 50, 50, 50, 50}, 4},
	{"five minutes apart: three in a row all the same", 5, {50, 50, 50}, 3},
	{"a third and a bit", 2, {66, 66, 66}, 3},
	{"not a third", 2, {67, 67, 67, 67, 67, 67, 67, 67}, 0},
	{"once in between it was not better", 2, {50, 50, 90, 50, 50, 50}, 6},
	{"once in between it was not measured", 2, {50, 50, UNMEASURED, 50}, 4},
	{"never for long", 2, {50, 50, 90, 50, 50, 90, 50, 50}, 0},
};

static void steadily(void **state)
{
	struct choose_relay current = relay(&(struct row)R(9, 100, 100));

	for (size_t t = 0; t < sizeof(COURSES) / sizeof(COURSES[0]); t++) {
		struct choose_history h = {0};
		int moved = 0;

		for (int i = 0; i < 8 && COURSES[t].best_ms[i] && !moved; i++) {
			int ms = COURSES[t].best_ms[i] == UNMEASURED ? 0 : COURSES[t].best_ms[i];
			struct choose_relay best = relay(&(struct row)R(1, ms, ms));

			if (choose_move(&h, &best, &current, CHOOSE_ROUND,
					7 + (uint64_t)i * COURSES[t].minutes * MIN_MS))
				moved = i + 1;
		}
		if (moved != COURSES[t].moves_in)
			fail_msg("%s: %d, not %d", COURSES[t].what, moved, COURSES[t].moves_in);
	}
}

/* 10 ms are needed, too, however near both are. */
static void near_ones_stay(void **state)
{
	struct choose_relay current = relay(&(struct row)R(9, 6, 6));
	struct choose_relay best = relay(&(struct row)R(1, 1, 1));
	struct choose_history h = {0};

	for (uint64_t i = 0; i < 10; i++)
		assert_false(choose_move(&h, &best, &current, CHOOSE_ROUND, i * 2 * MIN_MS));
	current.device.rtt_us += 1;
	for (uint64_t i = 0; i < 2; i++)
		assert_false(choose_move(&h, &best, &current, CHOOSE_ROUND, i * 2 * MIN_MS));
	assert_true(choose_move(&h, &best, &current, CHOOSE_ROUND, 4 * MIN_MS));
}

/* Two that are both better, in turns: they beat this one all the time. */
static void rivals_count_together(void **state)
{
	struct choose_relay current = relay(&(struct row)R(9, 100, 100));
	struct choose_relay a = relay(&(struct row)R(1, 20, 20)),
			    b = relay(&(struct row)R(2, 19, 20));
	struct choose_history h = {0};

	assert_false(choose_move(&h, &a, &current, CHOOSE_ROUND, 0));
	assert_false(choose_move(&h, &b, &current, CHOOSE_ROUND, 2 * MIN_MS));
	/* What comes or goes in between changes nothing. */
	assert_false(choose_move(&h, &current, &current, CHOOSE_CHANGE, 3 * MIN_MS));
	assert_true(choose_move(&h, &a, &current, CHOOSE_ROUND, 4 * MIN_MS));
	assert_int_equal(h.rounds, 0);
}

/* The relay in use cannot be reached any more, says a measurement, while packets pass: not at once.
 */
static void unreachable_current(void **state)
{
	struct choose_relay current = relay(&(struct row)R(9, -1, 100));
	struct choose_relay best = relay(&(struct row)R(1, 300, 300));
	struct choose_history h = {0};

	assert_false(choose_move(&h, &best, &current, CHOOSE_ROUND, 0));
	assert_false(choose_move(&h, &best, &current, CHOOSE_ROUND, 2 * MIN_MS));
	assert_true(choose_move(&h, &best, &current, CHOOSE_ROUND, 4 * MIN_MS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(orders),
		cmocka_unit_test(costs),
		cmocka_unit_test(at_once),
		cmocka_unit_test(steadily),
		cmocka_unit_test(near_ones_stay),
		cmocka_unit_test(rivals_count_together),
		cmocka_unit_test(unreachable_current),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
