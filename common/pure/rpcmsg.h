/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * rpcmsg - JSON-RPC 2.0 messages: strict decoding, and building. Pure (jansson).
 * Batches are not used. Ids are positive integers. Source: docs/PROTOCOL.md, "Control messages".
 */
#ifndef FARLAN_RPCMSG_H
#define FARLAN_RPCMSG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RPC_METHOD_SIZE 64
#define RPC_DEPTH_MAX 16 /* nesting; deeper is refused */

/* Error codes: the standard's, then ours. */
enum rpc_code {
	RPC_PARSE = -32700,
	RPC_INVALID_REQUEST = -32600,
	RPC_NO_METHOD = -32601,
	RPC_BAD_PARAMS = -32602,
	RPC_INTERNAL = -32603,
	RPC_DENIED = 1,	     /* not allowed, false secret or password */
	RPC_NOT_FOUND = 2,   /* no such device, user, relay, session */
	RPC_CONFLICT = 3,    /* exists, is in use, overlaps */
	RPC_UNAVAILABLE = 4, /* not online, no relay, not enrolled */
	RPC_EXPIRED = 5,
	RPC_TIMEOUT = 6, /* made up locally: no answer in time */
	RPC_CLOSED = 7,	 /* made up locally: connection closed before the answer */
	RPC_REASON = 10, /* session.open: say what for, or that nothing is to be said */
};

enum rpc_kind { RPC_REQUEST, RPC_NOTIFICATION, RPC_RESULT, RPC_ERROR };

struct rpcmsg {
	enum rpc_kind kind;
	int64_t id;		      /* request, result, error; an error's id may be 0 (null) */
	char method[RPC_METHOD_SIZE]; /* request, notification */
	json_t *params;	     /* request, notification: an object, or NULL; borrowed from root */
	json_t *result;	     /* result; borrowed from root */
	int code;	     /* error */
	const char *message; /* error; borrowed from root */
	json_t *root;	     /* owned; rpcmsg_deinit() */
};

/**
 * rpcmsg_decode() - one message. Duplicate members, invalid UTF-8, NUL in strings, trailing
 * bytes, deep nesting and wrong member types are refused; unknown members are ignored.
 * Return: 0 and @m is to be given to rpcmsg_deinit(); -EBADMSG; -ENOMEM.
 */
int rpcmsg_decode(struct rpcmsg *m, const void *json, size_t len)
	__attribute__((warn_unused_result));
void rpcmsg_deinit(struct rpcmsg *m);

/**
 * rpcmsg_request(), ... - the message as compact JSON text, from malloc, *len without the NUL.
 * @params, @result: taken (also on failure); NULL params are left out, a NULL result is {}.
 * Return: the text, caller frees; NULL out of memory.
 */
char *rpcmsg_request(int64_t id, const char *method, json_t *params, size_t *len);
char *rpcmsg_notification(const char *method, json_t *params, size_t *len);
char *rpcmsg_result(int64_t id, json_t *result, size_t *len);
char *rpcmsg_error(int64_t id, int code, const char *message, size_t *len);

/* Members of params; each returns false if absent or of the wrong type or out of range. */
bool rpc_str(const json_t *o, const char *key, const char **v); /* any string */
bool rpc_str_max(const json_t *o, const char *key, char *out,
		 size_t out_size); /* copied; must fit */
bool rpc_int(const json_t *o, const char *key, int64_t min, int64_t max, int64_t *v);
bool rpc_bool(const json_t *o, const char *key, bool *v);
/** rpc_bytes() - padded base64 string to at most @size bytes. */
bool rpc_bytes(const json_t *o, const char *key, uint8_t *out, size_t size, size_t *n);
/** rpc_json_bytes() - a new JSON string: padded base64 of @n bytes; NULL out of memory. */
json_t *rpc_json_bytes(const void *bytes, size_t n);

#endif
