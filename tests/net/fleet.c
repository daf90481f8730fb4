/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fleet - what an Access Server with many devices goes through when it is killed and started again.
 * For scripts/bench and many.bats; in a network namespace of its own, where all of 10.0.0.0/8 is
 * this host's.
 *
 *   fleet FILE SECONDS DOWN_MS ACCESSD ARGUMENT...
 *
 * FILE is of fleet_enrol. Each of its members is a real control connection: both layers of TLS,
 * hello, keep-alives, and vpnd's own way of coming back (access_link). They come from many
 * addresses; a tenth of the devices is behind a single one. What makes them a vpnd, packets and
 * sessions, is not there: a device says yes to every grant.
 *
 * ACCESSD, and the process that measures, run before all else on this machine (SCHED_RR): in truth
 * the devices, which are in processes of their own, are on other machines. Those that managers ask
 * for are in the process that measures.
 *
 *   1. ACCESSD is started; all come, as fast as they are let in; it is idle: what they cost
 *   2. for some seconds managers ask for sessions with devices that are there: `quiet`
 *   3. it is killed (SIGKILL), started again DOWN_MS later; all come back, at most SECONDS later;
 *      meanwhile managers ask as before: `busy`
 *
 * Prints names and values.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/io/access_link.h"
#include "common/io/file.h"
#include "common/io/log.h"
#include "tests/net/fleet.h"
#include "tests/net/process.h"

#define TICK_MS 5
#define AT_ONCE 32	 /* of a process, of those that come for the first time */
#define OF_PROCESS 2500	 /* devices */
#define PROCESSES_MAX 24 /* and the one that has relay and managers */
#define ASKED_FOR_MAX 50 /* devices */
#define OF_ADDRESS 40	 /* devices behind one address, but for the tenth behind a single one */
#define ASK_EACH_MS 25	 /* a request for a session */
#define QUIET_MS 3000	 /* measured */
#define SETTLE_MS 2500	 /* buffers are given back after 2 s */
#define REPORT_MS 10000	 /* a relay's */
#define ANSWER_MS 15000
#define ASKED_MAX 100000
#define SECONDS_MAX 1200
#define FILES 65536

enum phase { COMING, SETTLING, QUIET, DOWN, BACK, RESTING };

struct fleet;

struct member {
	struct fleet *fleet;
	struct seat *seat;
	struct identity identity;
	struct dial_memory memory;
	struct access_link *link;
	struct in_addr source;
	bool asking;
	uint64_t asked_us;
};

/* What all processes know of each other. */
struct seat {
	_Atomic bool online;
	_Atomic uint64_t back_ms;
};

struct shared {
	_Atomic bool may_come;
	_Atomic uint64_t start_ms;
	struct process {
		_Atomic size_t n_online;
		_Atomic uint32_t hellos[SECONDS_MAX]; /* in each second since the start */
	} process[PROCESSES_MAX];
	struct seat seats[FLEET_MAX + FLEET_MAX + FLEET_RELAYS];
};

struct latencies {
	size_t n, n_refused;
	double ms[ASKED_MAX];
};

/* A process: its members, and in the first one what is measured. */
struct fleet {
	uv_loop_t loop;
	uv_timer_t tick;
	struct fleet_header head;
	struct shared *shared;
	struct process *process;
	size_t first, n, n_opened, n_all, n_processes;
	struct member **at; /* its own */
	char **program;
	pid_t pid;
	enum phase phase;
	uint64_t phase_ms, asked_ms, reported_ms, limit_ms, down_ms;
	bool starting; /* and it does not listen yet */
	struct latencies quiet, busy;
	struct latencies *asking; /* where an answer counts; NULL: nowhere */
	double cpu_begin_s;
};

static struct in_addr source; /* of the connection that is made next */

/* In the place of the library's: each member has its own address. */
int connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr = source};
	int on = 1;

	if (source.s_addr &&
	    (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) != 0 ||
	     bind(fd, (struct sockaddr *)&from, sizeof(from)) != 0))
		return -1;
	return (int)syscall(SYS_connect, fd, addr, len);
}

static uint64_t now_us(void)
{
	return uv_hrtime() / 1000;
}

static double ms_since(uint64_t us)
{
	return (double)(now_us() - us) / 1000;
}

/* The daemon */

static bool listens(const struct fleet *f)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(443)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok;

	if (fd < 0 || inet_pton(AF_INET, f->head.url.host, &to.sin_addr) != 1)
		die("not an IPv4 address: ", f->head.url.host);
	source.s_addr = 0;
	ok = connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0;
	close(fd);
	return ok;
}

/* Before all that is not so urgent, if this is allowed. */
static void go_first(pid_t pid)
{
	const struct sched_param p = {.sched_priority = 1};

	(void)sched_setscheduler(pid, SCHED_RR, &p);
}

static void start_daemon(struct fleet *f)
{
	if (posix_spawn(&f->pid, f->program[0], NULL, NULL, f->program, environ) != 0)
		die("cannot start ", f->program[0]);
	go_first(f->pid);
	f->shared->start_ms = clock_mono_ms();
	f->starting = true;
}

static void kill_daemon(struct fleet *f)
{
	kill(f->pid, SIGKILL);
	waitpid(f->pid, NULL, 0);
}

/* Return: true once it listens. */
static bool daemon_is_there(struct fleet *f, const char *name)
{
	if (!f->starting)
		return true;
	if (waitpid(f->pid, NULL, WNOHANG) == f->pid)
		die("it has ended: ", f->program[0]);
	if (!listens(f))
		return false;
	printf("%s_ms %llu\n", name, (unsigned long long)(clock_mono_ms() - f->shared->start_ms));
	f->starting = false;
	return true;
}

/* Members */

static void on_grant(struct rpc *rpc, int64_t id, const json_t *params)
{
	(void)params;
	rpc_reply(rpc, id, json_pack("{s:b}", "rules", 1));
}

static const struct rpc_method METHODS[] = {{"session.grant", on_grant}};

static void count_hello(struct member *m)
{
	struct fleet *f = m->fleet;
	uint64_t now_ms = clock_mono_ms(), second = (now_ms - f->shared->start_ms) / 1000;

	m->seat->back_ms = now_ms;
	m->seat->online = true;
	f->process->n_online++;
	if (second < SECONDS_MAX)
		f->process->hellos[second]++;
}

static void on_hello(void *arg, const json_t *result, int code, const char *message)
{
	struct member *m = arg;

	if (code == RPC_CLOSED)
		return;
	if (result)
		count_hello(m);
	else
		access_link_lost(m->link, message);
}

static void on_online(struct access_link *l)
{
	struct member *m = access_link_arg(l);

	if (rpc_request(access_link_rpc(l), "hello",
			json_pack("{s:s, s:[], s:[], s:[]}", "version", "fleet", "sessions",
				  "waiting", "lans"),
			ANSWER_MS, on_hello, m) != 0)
		access_link_lost(l, "hello could not be sent");
}

static void on_offline(struct access_link *l, const char *reason)
{
	struct member *m = access_link_arg(l);

	(void)reason;
	m->fleet->process->n_online -= m->seat->online;
	m->seat->online = false;
	m->asking = false;
}

static void on_closed(struct access_link *l)
{
	(void)l;
}

static const struct access_link_callbacks callbacks = {
	.on_online = on_online, .on_offline = on_offline, .on_closed = on_closed};

/* A member is about to dial. */
static int before_dial(void *arg, const char *host, const struct sockaddr_storage *addr)
{
	const struct member *m = arg;

	(void)host;
	(void)addr;
	source = m->source;
	return 0;
}

static void open_link(struct member *m)
{
	static const struct opt_ports ports = {.n = 3, .port = {443, 80, 5935}};
	static const struct opt_trust trust = {.domain = true};
	struct access_link_config config = {.identity = &m->identity,
					    .ports = &ports,
					    .memory = &m->memory,
					    .trust = &trust,
					    .methods = METHODS,
					    .n_methods = 1};

	if (access_link_open(&m->link, &m->fleet->loop, &config, &callbacks, m) != 0)
		die("out of memory", "");
}

/* Who is where: the first tenth behind 10.1.0.1, the others some to an address. */
static struct in_addr address_of(const struct fleet *f, size_t i)
{
	uint32_t host = 0x0a010001;

	if (i >= f->n_all / 10)
		host = 0x0a020001 + (uint32_t)(i / OF_ADDRESS);
	return (struct in_addr){.s_addr = htonl(host)};
}

static struct member *read_member(struct fleet *f, FILE *in, size_t i)
{
	struct member *m = calloc(1, sizeof(*m));
	struct fleet_record r;

	if (!m || fread(&r, sizeof(r), 1, in) != 1)
		die("the file of keys is damaged", "");
	m->fleet = f;
	m->seat = &f->shared->seats[i];
	m->identity.id = r.id;
	snprintf(m->identity.name, sizeof(m->identity.name), "%s", r.name);
	m->identity.key = r.key;
	m->identity.cert = r.cert;
	m->identity.ca = f->head.ca;
	m->identity.urls[0] = f->head.url;
	m->identity.n_urls = 1;
	m->memory.before = before_dial;
	m->memory.before_arg = m;
	m->source = address_of(f, i);
	return m;
}

static FILE *open_keys(struct fleet *f, const char *path)
{
	FILE *in = fopen(path, "r");

	if (!in || fread(&f->head, sizeof(f->head), 1, in) != 1)
		die("cannot read ", path);
	return in;
}

/* Those of this process. */
static void read_members(struct fleet *f, const char *path)
{
	FILE *in = open_keys(f, path);

	f->at = calloc(f->n, sizeof(f->at[0]));
	if (!f->at || fseek(in, (long)(f->first * sizeof(struct fleet_record)), SEEK_CUR) != 0)
		die("cannot read ", path);
	for (size_t i = 0; i < f->n; i++)
		f->at[i] = read_member(f, in, f->first + i);
	fclose(in);
}

static size_t n_online(const struct fleet *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n_processes; i++)
		n += f->shared->process[i].n_online;
	return n;
}

static void open_some(struct fleet *f)
{
	while (f->shared->may_come && f->n_opened < f->n &&
	       f->n_opened - f->process->n_online < AT_ONCE)
		open_link(f->at[f->n_opened++]);
}

/* Requests */

static void count_answer(struct latencies *l, double ms, bool ok)
{
	if (!ok)
		l->n_refused++;
	else if (l->n < ASKED_MAX)
		l->ms[l->n++] = ms;
}

static void on_session(void *arg, const json_t *result, int code, const char *message)
{
	struct member *m = arg;
	struct latencies *l = m->fleet->asking;
	const json_t *grant = json_object_get(result, "grant");

	m->asking = false;
	if (code == RPC_CLOSED)
		return;
	if (!result)
		fprintf(stderr, "fleet: no session: %s\n", message);
	if (l)
		count_answer(l, ms_since(m->asked_us), result != NULL);
	if (grant)
		rpc_notify(access_link_rpc(m->link), "session.close",
			   json_pack("{s:O}", "session", json_object_get(grant, "session")));
}

static size_t random_below(size_t n)
{
	uint32_t random;

	file_random(&random, sizeof(random));
	return random % n;
}

static struct member *pick_manager(const struct fleet *f)
{
	struct member *m = f->at[FLEET_RELAYS + random_below(f->head.n_managers)];

	return m->seat->online && !m->asking ? m : NULL;
}

/* One that is there; NULL: try again. */
static struct member *pick_device(const struct fleet *f)
{
	size_t first = FLEET_RELAYS + f->head.n_managers;
	struct member *m = f->at[first + random_below(f->n - first)];

	return m->seat->online ? m : NULL;
}

static void ask(struct fleet *f, uint64_t now_ms)
{
	struct member *m, *device;

	if (now_ms - f->asked_ms < ASK_EACH_MS)
		return;
	m = pick_manager(f);
	device = pick_device(f);
	if (!m || !device)
		return;
	f->asked_ms = now_ms;
	m->asking = true;
	m->asked_us = now_us();
	if (rpc_request(access_link_rpc(m->link), "session.open",
			json_pack("{s:s}", "device", device->identity.name), ANSWER_MS, on_session,
			m) != 0)
		m->asking = false;
}

static void report(struct fleet *f, uint64_t now_ms)
{
	struct member *relay = f->at[0];

	if (!relay->seat->online ||
	    (now_ms - f->reported_ms < REPORT_MS && f->reported_ms > relay->seat->back_ms))
		return;
	f->reported_ms = now_ms;
	rpc_notify(access_link_rpc(relay->link), "relay.report",
		   json_pack("{s:i, s:i, s:i, s:i, s:i, s:b}", "sessions", 0, "max_sessions", 10000,
			     "bytes_per_s", 0, "capacity", 0, "loop_lag_ms", 0, "draining", 0));
}

/* Figures */

static int by_size(const void *a, const void *b)
{
	double x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

static void show_latencies(struct latencies *l, const char *name)
{
	qsort(l->ms, l->n, sizeof(l->ms[0]), by_size);
	printf("%s_requests %zu\n%s_refused %zu\n", name, l->n, name, l->n_refused);
	if (l->n > 0)
		printf("%s_p50_ms %.2f\n%s_p99_ms %.2f\n%s_max_ms %.2f\n", name, l->ms[l->n / 2],
		       name, l->ms[l->n * 99 / 100], name, l->ms[l->n - 1]);
}

static size_t hellos_in(const struct fleet *f, size_t second)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n_processes; i++)
		n += f->shared->process[i].hellos[second];
	return n;
}

/* The mean is over the time from the first that is back to the last. */
static void show_seconds(const struct fleet *f, const char *name)
{
	size_t end = (size_t)((clock_mono_ms() - f->shared->start_ms) / 1000) + 1;
	size_t most = 0, sum = 0, first = 0;

	while (first + 1 < end && hellos_in(f, first) == 0)
		first++;
	fprintf(stderr, "fleet: %s, hellos a second, from second %zu on:", name, first);
	for (size_t i = first; i < end && i < SECONDS_MAX; i++) {
		size_t n = hellos_in(f, i);

		most = n > most ? n : most;
		sum += n;
		fprintf(stderr, " %zu", n);
	}
	fprintf(stderr, "\n");
	printf("%s_mean_per_s %.1f\n%s_most_per_s %zu\n", name, (double)sum / (double)(end - first),
	       name, most);
}

static double managers_back_s(const struct fleet *f)
{
	uint64_t last = f->shared->start_ms;

	for (size_t i = 0; i < f->head.n_managers; i++) {
		uint64_t back_ms = f->shared->seats[FLEET_RELAYS + i].back_ms;

		last = back_ms > last ? back_ms : last;
	}
	return (double)(last - f->shared->start_ms) / 1000;
}

static void show_back(struct fleet *f, const char *name)
{
	printf("%s_s %.2f\n%s_managers_s %.2f\n", name,
	       (double)(clock_mono_ms() - f->shared->start_ms) / 1000, name, managers_back_s(f));
	printf("%s_cpu_s %.2f\n%s_waited_s %.2f\n", name, process_cpu_s(f->pid) - f->cpu_begin_s,
	       name, process_waited_s(f->pid));
	show_seconds(f, name);
}

static void show_memory(const struct fleet *f, const char *name)
{
	printf("%s_rss_kb %ld\n%s_peak_kb %ld\n", name, process_rss_kb(f->pid), name,
	       process_peak_kb(f->pid));
}

/* Phases */

static void enter(struct fleet *f, enum phase phase, uint64_t now_ms)
{
	f->phase = phase;
	f->phase_ms = now_ms;
	f->asking = phase == QUIET ? &f->quiet : phase == BACK ? &f->busy : NULL;
}

static void begin(struct fleet *f, enum phase phase, uint64_t now_ms)
{
	for (size_t i = 0; i < f->n_processes; i++)
		memset(f->shared->process[i].hellos, 0, sizeof(f->shared->process[i].hellos));
	f->cpu_begin_s = 0;
	start_daemon(f);
	enter(f, phase, now_ms);
}

static void come(struct fleet *f, uint64_t now_ms)
{
	if (!daemon_is_there(f, "start"))
		return;
	f->shared->may_come = true;
	if (n_online(f) < f->n_all)
		return;
	show_back(f, "first");
	enter(f, SETTLING, now_ms);
}

static void be_down(struct fleet *f, uint64_t now_ms)
{
	if (n_online(f) > 0)
		return; /* until all know */
	if (now_ms - f->phase_ms >= f->down_ms)
		begin(f, BACK, now_ms);
}

static void come_back(struct fleet *f, uint64_t now_ms)
{
	if (!daemon_is_there(f, "restart"))
		return;
	ask(f, now_ms);
	if (n_online(f) < f->n_all)
		return;
	show_back(f, "back");
	show_latencies(&f->busy, "busy");
	enter(f, RESTING, now_ms);
}

/* Return: true at the end. */
static bool step(struct fleet *f, uint64_t now_ms)
{
	uint64_t passed_ms = now_ms - f->phase_ms;

	report(f, now_ms);
	switch (f->phase) {
	case COMING:
		come(f, now_ms);
		break;
	case SETTLING:
		if (passed_ms < SETTLE_MS)
			break;
		show_memory(f, "idle");
		enter(f, QUIET, now_ms);
		break;
	case QUIET:
		ask(f, now_ms);
		if (passed_ms < QUIET_MS)
			break;
		show_latencies(&f->quiet, "quiet");
		enter(f, DOWN, now_ms);
		kill_daemon(f);
		break;
	case DOWN:
		be_down(f, now_ms);
		break;
	case BACK:
		come_back(f, now_ms);
		break;
	case RESTING:
		if (passed_ms < SETTLE_MS)
			break;
		show_memory(f, "after");
		return true;
	}
	if (f->phase != RESTING && passed_ms > f->limit_ms) {
		fprintf(stderr, "fleet: %zu of %zu are there\n", n_online(f), f->n_all);
		show_seconds(f, "late");
		show_latencies(&f->busy, "busy");
		fflush(stdout);
		kill_daemon(f);
		die("it took too long", "");
	}
	return false;
}

static void on_tick(uv_timer_t *timer)
{
	struct fleet *f = timer->data;

	open_some(f);
	if (f->program && step(f, clock_mono_ms()))
		uv_stop(&f->loop);
	fflush(stdout);
}

/* As in accessd.service, or as many as this machine allows. */
static void raise_file_limit(const struct fleet *f)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0)
		die("no limit of open files: ", strerror(errno));
	r.rlim_cur = r.rlim_max < FILES ? r.rlim_max : FILES;
	if (f->n_all + 100 > r.rlim_cur || setrlimit(RLIMIT_NOFILE, &r) != 0)
		die("not so many open files are allowed here", "");
}

static void run(struct fleet *f, const char *path)
{
	read_members(f, path);
	if (tls_global_init() != 0 || uv_loop_init(&f->loop) != 0)
		die("out of memory", "");
	if (f->program)
		begin(f, COMING, clock_mono_ms());
	uv_timer_init(&f->loop, &f->tick);
	f->tick.data = f;
	uv_timer_start(&f->tick, on_tick, 0, TICK_MS);
	uv_run(&f->loop, UV_RUN_DEFAULT);
}

static void run_devices(struct fleet *f, const char *path)
{
	f->program = NULL;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		die("it would not end: ", strerror(errno));
	run(f, path);
	exit(1);
}

/* The further processes have the other devices, and end with the first one. */
static void split(const struct fleet *f, const char *path)
{
	struct fleet part = *f;

	part.first = f->n;
	for (size_t i = 1; i < f->n_processes; i++) {
		size_t rest = f->n_all - part.first;
		pid_t pid;

		part.process = &f->shared->process[i];
		part.n = rest < OF_PROCESS ? rest : OF_PROCESS;
		pid = fork();
		if (pid < 0)
			die("no process: ", strerror(errno));
		if (pid == 0)
			run_devices(&part, path);
		part.first += part.n;
	}
}

static struct shared *share(void)
{
	void *at = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		die("out of memory", "");
	return at;
}

int main(int argc, char **argv)
{
	static struct fleet f;

	log_init(LOG_ERROR);
	if (argc < 5) {
		fputs("usage: fleet FILE SECONDS DOWN_MS ACCESSD ARGUMENT...\n", stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	fclose(open_keys(&f, argv[1]));
	f.limit_ms = 1000 * number(argv[2], 1, SECONDS_MAX);
	f.down_ms = number(argv[3], 0, 60000);
	f.program = argv + 4;
	f.n_all = FLEET_RELAYS + f.head.n_managers + f.head.n_devices;
	f.n = FLEET_RELAYS + f.head.n_managers +
	      (f.head.n_devices < ASKED_FOR_MAX ? f.head.n_devices : ASKED_FOR_MAX);
	f.n_processes = 1 + (f.n_all - f.n + OF_PROCESS - 1) / OF_PROCESS;
	raise_file_limit(&f);
	f.shared = share();
	f.process = &f.shared->process[0];
	split(&f, argv[1]);
	go_first(0);
	run(&f, argv[1]);
	kill_daemon(&f);
	return 0;
}
