/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rpc_tally - how often which request was answered how. Methods are those that are offered; all
 * others count as one, so that a peer cannot make the list grow.
 */
#ifndef FARLAN_RPC_TALLY_H
#define FARLAN_RPC_TALLY_H

#include <stddef.h>
#include <stdint.h>

#define RPC_TALLY_METHODS 32 /* the last one: all others */
#define RPC_TALLY_OTHER (RPC_TALLY_METHODS - 1)
#define RPC_TALLY_OPEN 8 /* requests of a peer that wait for our answer; beyond: "other" */

enum rpc_result {
	RPC_RESULT_OK,
	RPC_RESULT_DENIED,
	RPC_RESULT_NOT_FOUND,
	RPC_RESULT_CONFLICT,
	RPC_RESULT_UNAVAILABLE,
	RPC_RESULT_EXPIRED,
	RPC_RESULT_MALFORMED, /* parameters, unknown method, out of turn */
	RPC_RESULT_INTERNAL,
	RPC_RESULT_NOTIFICATION, /* nothing is answered */
	RPC_RESULTS
};

struct rpc_tally {
	uint64_t n[RPC_TALLY_METHODS][RPC_RESULTS];
};

/* One peer's requests under way. All zero: none. */
struct rpc_tally_open {
	int64_t id[RPC_TALLY_OPEN]; /* 0: free */
	uint8_t method[RPC_TALLY_OPEN];
};

/** rpc_tally_asked() - a request, or with @id 0 a notification, is handed to method @method. */
void rpc_tally_asked(struct rpc_tally *t, struct rpc_tally_open *open, int64_t id, size_t method);
/** rpc_tally_answered() - @code: of the error, 0: a result. */
void rpc_tally_answered(struct rpc_tally *t, struct rpc_tally_open *open, int64_t id, int code);

/** rpc_result_name() - "ok", "denied", ... */
const char *rpc_result_name(enum rpc_result r);

#endif
