/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Loops on threads of their own. */
#include "tests/unit/pure_test.h"

#include <pthread.h>

#include "common/io/worker.h"

#define TASKS 1000

static struct worker *worker;
static pthread_t ran_on;
static unsigned int order[TASKS], n_ran;

static int setup(void **state)
{
	(void)state;
	n_ran = 0;
	return worker_start(&worker, "a-name-that-is-longer-than-fits");
}

static int teardown(void **state)
{
	(void)state;
	worker_stop(worker);
	return 0;
}

static void note_thread(void *arg)
{
	ran_on = pthread_self();
	*(bool *)arg = true;
}

static void test_a_call_runs_on_its_thread_and_is_waited_for(void **state)
{
	bool done = false;

	(void)state;
	worker_call(worker, note_thread, &done);
	assert_true(done);
	assert_false(pthread_equal(ran_on, pthread_self()));
}

static void note_order(void *arg)
{
	order[n_ran++] = *(unsigned int *)arg;
}

static void test_tasks_run_in_their_order_and_before_the_end(void **state)
{
	static struct worker_task tasks[TASKS];
	static unsigned int numbers[TASKS];

	(void)state;
	for (unsigned int i = 0; i < TASKS; i++) {
		numbers[i] = i;
		tasks[i] = (struct worker_task){.run = note_order, .arg = &numbers[i]};
		worker_post(worker, &tasks[i]);
	}
	worker_stop(worker);
	worker = NULL;
	assert_int_equal(n_ran, TASKS);
	for (unsigned int i = 0; i < TASKS; i++)
		assert_int_equal(order[i], i);
}

/* Objects of its loop live and end on its thread. */
static void on_timer(uv_timer_t *timer)
{
	note_thread(timer->data);
	uv_close((uv_handle_t *)timer, NULL);
}

static uv_timer_t a_timer;

static void start_timer(void *arg)
{
	uv_timer_init(worker_loop(worker), &a_timer);
	a_timer.data = arg;
	uv_timer_start(&a_timer, on_timer, 20, 0);
}

static void test_the_end_waits_for_what_is_open_on_the_loop(void **state)
{
	static bool done;

	(void)state;
	worker_call(worker, start_timer, &done);
	worker_stop(worker);
	worker = NULL;
	assert_true(done);
	assert_false(pthread_equal(ran_on, pthread_self()));
}

/* A task that frees its own memory, as one that travels with an object may. */
static void free_it(void *arg)
{
	free(arg);
}

static void test_a_task_may_free_itself(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++) {
		struct worker_task *t = malloc(sizeof(*t));

		assert_non_null(t);
		*t = (struct worker_task){.run = free_it, .arg = t};
		worker_post(worker, t);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_call_runs_on_its_thread_and_is_waited_for),
		TEST(test_tasks_run_in_their_order_and_before_the_end),
		TEST(test_the_end_waits_for_what_is_open_on_the_loop),
		TEST(test_a_task_may_free_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
