/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dial - reach a server: resolve its names, try its ports in order, staggered (the next try
 * starts after 250 ms or when one failed; RFC 8305), the first whose WebSocket upgrade
 * succeeds wins. What worked is remembered and tried first, and where names fail, instead.
 *
 * Through an HTTP proxy the same ports are tried; only the proxy's name is resolved here, the
 * servers' names are its business. What the proxy does not serve (no_proxy) is dialled directly.
 */
#ifndef FARLAN_DIAL_H
#define FARLAN_DIAL_H

#include <jansson.h>

#include "common/io/opt.h"
#include "common/io/outer.h"
#include "common/pure/tries.h"
#include "common/pure/url.h"

#define DIAL_STAGGER_MS 250
#define DIAL_PATIENCE_MS 1500
#define DIAL_TOTAL_MS 20000
#define DIAL_URLS_MAX TRIES_HOSTS_MAX
#define DIAL_REASON_SIZE 600
#define DIAL_ADDR_SIZE 56     /* "[IPv6]:port" */
#define DIAL_PROXIED "proxy " /* before the host, in the memory */

/* What holds; only tests set other ones. */
extern struct dial_times {
	uint32_t stagger_ms, total_ms;
} dial_times;

struct dial;

/* The proxy of a daemon. */
#define DIAL_REFUSED_MS 600000
struct dial_proxy {
	struct outer_proxy use; /* use.to.host "": none */
	struct proxy_except except;
	/* It refused our password: so long it is not said again, because accounts get locked. */
	uint64_t refused_until_ms; /* CLOCK_BOOTTIME; 0: it did not */
	char refused[OUTER_REASON_SIZE];
};

/*
 * What is remembered of hosts, for when names fail: the addresses and ports that worked, the
 * addresses that the Access Server told. And what a restart forgets: where a connection died soon
 * after it had shed its outer layer; who asked to be left alone for a while; whose outer layer was
 * reached and nothing behind it. Owned by the daemon.
 */
#define DIAL_MEMORY_MAX 64 /* hosts */
#define DIAL_WORKED_MAX 4  /* of a host, the newest first */
#define DIAL_TOLD_MAX 8
#define DIAL_WORKED_S ((int64_t)90 * 24 * 3600) /* older ones go when another one works */
#define DIAL_SEALED_MAX 16
#define DIAL_SEALED_MS ((uint64_t)24 * 3600 * 1000)
#define DIAL_RESTS_MAX 16
#define DIAL_REST_MAX_S 3600
#define DIAL_POOR_MS 60000
struct dial_memory {
	struct dial_proxy *proxy; /* borrowed; NULL: none */
	/* Called before a connection is made to @addr, and once with NULL before names are looked
	 * up; -errno: this address cannot be reached. NULL: nobody wants to know. It stands here
	 * because all dials of a daemon share it. */
	int (*before)(void *arg, const char *host, const struct sockaddr_storage *addr);
	void *before_arg;
	bool changed; /* since it was loaded or saved */
	size_t n;
	struct dial_host { /* in the order of what worked: the last one last */
		/* Through a proxy: DIAL_PROXIED PROXY HOST, with the proxy's addresses and the
		 * server's ports. */
		char name[URL_HOST_SIZE];
		size_t n_worked, n_told;
		struct dial_worked {
			struct addr addr;
			uint16_t port;
			int64_t at_s; /* to the day */
		} worked[DIAL_WORKED_MAX];
		struct addr told[DIAL_TOLD_MAX];
	} hosts[DIAL_MEMORY_MAX];
	struct dial_sealed {
		char host[URL_HOST_SIZE];
		struct sockaddr_storage from; /* our address there says which network; no port */
		uint64_t until_ms;	      /* CLOCK_BOOTTIME; 0: unused */
	} sealed[DIAL_SEALED_MAX];
	struct dial_rest {
		char host[URL_HOST_SIZE];
		uint64_t until_ms, poor_until_ms; /* CLOCK_BOOTTIME */
	} rests[DIAL_RESTS_MAX];
};

struct dial_target {
	size_t n_urls;
	struct url urls[DIAL_URLS_MAX];
	struct opt_ports ports; /* for URLs without a port */
	const char *path;	/* "/v1/control"; appended to the URL's path */
	const char *headers;
	bool shed; /* offer to shed the outer layer */
	/* The URLs are servers of which one is as good as another: the one that worked last, then
	 * the others by chance; those that asked to be left alone are (dial_rest()). Else one after
	 * the other. */
	bool any;
	/* Not NULL: a probe (outer.h); must be a literal. A try that is connected delays the next
	 * one by DIAL_PATIENCE_MS, because each further handshake costs what the probe may cost. */
	const char *probe;
};

struct dial_callbacks {
	/* An open connection; the new owner calls outer_set_callbacks() before it returns. The dial
	 * is over. */
	void (*on_open)(struct dial *d, struct outer *o);
	/* Every try failed; @reason tells each in words. The dial is over. */
	void (*on_failed)(struct dial *d, const char *reason);
	/* For people: a step begins or failed, e.g. "as1.lab 10.0.0.1:443: connection refused". May
	 * be NULL. */
	void (*on_step)(struct dial *d, const char *what);
};

/** dial_start() - @target is copied. Callbacks never come before it returns. Return: 0; -errno. */
int dial_start(struct dial **out, uv_loop_t *loop, const struct tls_ctx *ctx,
	       const struct dial_target *target, struct dial_memory *memory,
	       const struct dial_callbacks *cb, void *arg) __attribute__((warn_unused_result));
/** dial_cancel() - no callback any more; memory goes with the last handle. Not after on_open or
 * on_failed. */
void dial_cancel(struct dial *d);
void *dial_arg(const struct dial *d);

/** dial_remember() - @addr (with port) worked for @host. NULL @m: nothing is kept. */
void dial_remember(struct dial_memory *m, const char *host, const struct sockaddr_storage *addr);
/** dial_tell() - these are all addresses of @host, says the Access Server; at most DIAL_TOLD_MAX
 * count. NULL @m: nothing is kept. */
void dial_tell(struct dial_memory *m, const char *host, const struct addr *addrs, size_t n);
/** dial_tell_all() - the same, of a message of the Access Server: a list of servers or relays
 * (told.h); members that are malformed or say nothing are passed over. */
void dial_tell_all(struct dial_memory *m, const json_t *list);
/** dial_find_host() - NULL: nothing is known of it. */
const struct dial_host *dial_find_host(const struct dial_memory *m, const char *host);
/** dial_rest() - @host asked that nobody comes for @s seconds, at most DIAL_REST_MAX_S; up to a
 * quarter is added by chance. NULL @m: nothing is kept. */
void dial_rest(struct dial_memory *m, const char *host, uint32_t s, uint64_t now_ms);
/** dial_rest_ms() - how long it still is to be left alone; 0: not. */
uint64_t dial_rest_ms(const struct dial_memory *m, const char *host, uint64_t now_ms);
/** dial_mark_poor() - its outer layer was reached, and nothing good behind it: for DIAL_POOR_MS
 * others come first. dial_is_poor() - is that so? */
void dial_mark_poor(struct dial_memory *m, const char *host, uint64_t now_ms);
bool dial_is_poor(const struct dial_memory *m, const char *host, uint64_t now_ms);
/** dial_remember_sealed() - from @from to @host the outer layer stays for DIAL_SEALED_MS. NULL @m:
 * nothing is kept. dial_is_sealed() - is that so? */
void dial_remember_sealed(struct dial_memory *m, const char *host,
			  const struct sockaddr_storage *from, uint64_t now_ms);
bool dial_is_sealed(const struct dial_memory *m, const char *host,
		    const struct sockaddr_storage *from, uint64_t now_ms);
/** dial_memory_load(), dial_memory_save() - keep it in a file; saving what has not changed is
 * nothing. Blocks. Return: 0, also if there is no such file; -EBADMSG; -errno. */
int dial_memory_load(struct dial_memory *m, const char *path) __attribute__((warn_unused_result));
int dial_memory_save(struct dial_memory *m, const char *path) __attribute__((warn_unused_result));
/** dial_memory_recall(), dial_memory_keep() - the same, in a daemon's state folder; what goes wrong
 * is logged. */
void dial_memory_recall(struct dial_memory *m, const char *state_dir);
void dial_memory_keep(struct dial_memory *m, const char *state_dir);
/** dial_wants_port() - would this target's URL number @url be tried on @port? */
bool dial_wants_port(const struct dial_target *t, size_t url, uint16_t port);
/** dial_where() - the server's end of a connection: as dial_addr_format(), or ":443" if only a
 * proxy knows the address. */
void dial_where(const struct outer *o, char out[DIAL_ADDR_SIZE]);
/** dial_proxy_use() - what the configuration says, or the environment (https_proxy, no_proxy, in
 * capitals, too); says in the log which proxy it is. What cannot be used there is logged and left
 * out. dial_proxy_deinit() - wipes the password. */
void dial_proxy_use(struct dial_proxy *p, const struct opt_proxy *conf,
		    const struct proxy_except *except);
void dial_proxy_deinit(struct dial_proxy *p);
/** dial_addr_format() - "192.0.2.1:443" or "[2001:db8::1]:443". */
void dial_addr_format(const struct sockaddr_storage *ss, char out[DIAL_ADDR_SIZE]);

#endif
