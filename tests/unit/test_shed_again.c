/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A leg that dies soon after it has shed its outer layer is dialled again, and keeps it then. */
#include "relayd/relay.h"
#include "tests/unit/session_rig.h"
#include "vpnd/session.h"

#define DAY_MS ((uint64_t)24 * 3600 * 1000)

struct side {
	struct session *s;
	unsigned int ups;
	bool up, closed;
};

static struct side m, d;
static struct dial_memory m_memory, d_memory;

static void on_step(struct session *s, const char *text)
{
	(void)s;
	(void)text;
}

static void on_up(struct session *s)
{
	struct side *e = session_arg(s);

	e->up = true;
	e->ups++;
}

static void on_down(struct session *s, const char *reason)
{
	(void)reason;
	((struct side *)session_arg(s))->up = false;
}

static void on_path(struct session *s)
{
	(void)s;
}

static void on_packet(struct session *s, const struct vnet *v, uint8_t *packet, size_t n)
{
	(void)s;
	(void)v;
	(void)packet;
	(void)n;
}

static void on_over(struct session *s, const char *reason)
{
	(void)s;
	(void)reason;
}

static void on_closed(struct session *s)
{
	((struct side *)session_arg(s))->closed = true;
}

static const struct session_callbacks calls = {
	.on_step = on_step,
	.on_up = on_up,
	.on_down = on_down,
	.on_path = on_path,
	.on_packet = on_packet,
	.on_over = on_over,
	.on_closed = on_closed,
};

static void open_side(struct side *e, enum token_role role, struct dial_memory *memory)
{
	struct session_config config = {
		.loop = &rig.loop,
		.outer_ctx = rig.outer,
		.inner_client_ctx = rig.manager.client,
		.inner_server_ctx = rig.device.server,
		.ports = &rig.ports,
		.memory = memory,
		.shed = true,
	};
	struct grant g;

	*e = (struct side){0};
	rig_grant(&g, role, 1);
	assert_int_equal(session_open(&e->s, &config, &g, &calls, e), 0);
}

static bool both_up(void *arg)
{
	unsigned int ups = *(unsigned int *)arg;

	return m.up && d.up && m.ups >= ups && d.ups >= ups;
}

static bool wait_up(unsigned int ups)
{
	return rig_run(both_up, NULL, &ups, 10000);
}

static bool is_shed(const struct side *e)
{
	struct session_status st;

	session_status(e->s, &st);
	return st.path.shed;
}

static bool both_shed(void *arg)
{
	(void)arg;
	return m.up && d.up && is_shed(&m) && is_shed(&d);
}

static bool both_closed(void *arg)
{
	(void)arg;
	return m.closed && d.closed;
}

static void open_both(void)
{
	open_side(&m, TOKEN_MANAGER, &m_memory);
	open_side(&d, TOKEN_DEVICE, &d_memory);
	assert_true(wait_up(1));
}

static void end_both(void)
{
	session_end(m.s, "end of the test");
	session_end(d.s, "end of the test");
	assert_true(rig_run(both_closed, NULL, NULL, 6000));
}

static size_t n_sealed(const struct dial_memory *memory)
{
	size_t n = 0;

	for (size_t i = 0; i < DIAL_SEALED_MAX; i++)
		n += memory->sealed[i].until_ms != 0;
	return n;
}

static void a_young_death_is_remembered(void **state)
{
	open_both();
	assert_true(rig_run(both_shed, NULL, NULL, 5000));
	assert_int_equal(rig_relay_cut(0, TOKEN_MANAGER), 1);
	assert_true(wait_up(2));
	rig_run_for(200);
	assert_false(is_shed(&m));
	assert_int_equal(n_sealed(&m_memory), 1);
	end_both();
	/* Of this relay from this network, in other sessions, too. */
	rig.session++;
	open_both();
	rig_run_for(200);
	assert_false(is_shed(&m));
	end_both();
	/* A day later it is tried again. */
	memset(m_memory.sealed, 0, sizeof(m_memory.sealed));
	memset(d_memory.sealed, 0, sizeof(d_memory.sealed));
	rig.session++;
	open_both();
	assert_true(rig_run(both_shed, NULL, NULL, 5000));
	end_both();
}

static void an_end_in_order_is_none(void **state)
{
	open_both();
	assert_true(rig_run(both_shed, NULL, NULL, 5000));
	end_both();
	assert_int_equal(n_sealed(&m_memory), 0);
	assert_int_equal(n_sealed(&d_memory), 0);
}

static void one_that_kept_its_layers_says_nothing(void **state)
{
	rig.relays[0].relay->config.shed = false;
	open_both();
	assert_int_equal(rig_relay_cut(0, TOKEN_MANAGER), 1);
	assert_true(wait_up(2));
	assert_int_equal(n_sealed(&m_memory), 0);
	end_both();
}

/* --- the memory --- */

static struct sockaddr_storage from(uint8_t last)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_storage ss = {0};

	in.sin_addr.s_addr = htonl(0xc0000200u | last);
	memcpy(&ss, &in, sizeof(in));
	return ss;
}

static void memory_of_a_day(void **state)
{
	struct sockaddr_storage home = from(1), work = from(2);
	struct dial_memory memory = {.n = 0};

	assert_false(dial_is_sealed(&memory, "rs1", &home, 5));
	dial_remember_sealed(&memory, "rs1", &home, 5);
	assert_true(dial_is_sealed(&memory, "rs1", &home, 5));
	assert_false(dial_is_sealed(&memory, "rs1", &work, 5));
	assert_false(dial_is_sealed(&memory, "rs2", &home, 5));
	assert_true(dial_is_sealed(&memory, "rs1", &home, 4 + DAY_MS));
	assert_false(dial_is_sealed(&memory, "rs1", &home, 5 + DAY_MS));
	dial_remember_sealed(&memory, "rs1", &home, 100);
	assert_int_equal(n_sealed(&memory), 1);
	assert_true(dial_is_sealed(&memory, "rs1", &home, 99 + DAY_MS));
	assert_false(memory.changed);
	dial_remember_sealed(NULL, "rs1", &home, 1);
	assert_false(dial_is_sealed(NULL, "rs1", &home, 1));
}

static void memory_that_is_full(void **state)
{
	struct dial_memory memory = {.n = 0};
	struct sockaddr_storage ss;

	for (uint8_t i = 0; i < DIAL_SEALED_MAX + 3; i++) {
		ss = from(i);
		dial_remember_sealed(&memory, "rs1", &ss, 1000u + i);
	}
	for (uint8_t i = 0; i < DIAL_SEALED_MAX + 3; i++) {
		ss = from(i);
		assert_int_equal(dial_is_sealed(&memory, "rs1", &ss, 2000), i >= 3);
	}
}

static int set_up(void **state)
{
	int r = rig_setup(state);

	memset(&m_memory, 0, sizeof(m_memory));
	memset(&d_memory, 0, sizeof(d_memory));
	rig.relays[0].relay->config.shed = true;
	return r;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, rig_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_young_death_is_remembered),	     TEST(an_end_in_order_is_none),
		TEST(one_that_kept_its_layers_says_nothing), cmocka_unit_test(memory_of_a_day),
		cmocka_unit_test(memory_that_is_full),
	};

	log_init(LOG_WARN);
	return cmocka_run_group_tests_name("shed_again", tests, rig_group_setup,
					   rig_group_teardown);
}
