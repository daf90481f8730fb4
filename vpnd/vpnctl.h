/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * vpnctl - what its files share.
 */
#ifndef FARLAN_VPND_VPNCTL_H
#define FARLAN_VPND_VPNCTL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/io/ctl.h"
#include "common/pure/invite.h"

#define VPNCTL_SOCKET "/run/farlan/vpnd.sock"
#define VPNCTL_TIMEOUT_MS 10000
#define VPNCTL_CONNECT_TIMEOUT_MS 30000
#define VPNCTL_ENROLL_TIMEOUT_MS 90000 /* every server and port of the invitation may be tried */
#define VPNCTL_DOCTOR_TIMEOUT_MS 40000
#define VPNCTL_URLS_MAX 8
#define VPNCTL_TEXT_SIZE 64
#define VPNCTL_ERROR_SIZE 512

struct vpnctl_args {
	const char *socket; /* NULL: not given */
	const char *file;   /* enroll --file, login --invite: FILE; "-": standard input */
	const char *name;   /* the command's argument: DEVICE or USER; NULL: none */
	bool json;
	bool measure;	  /* relays --measure */
	const char *from; /* trace --from; NULL: not given */
	/* capture */
	char *const *words; /* of the filter */
	int n_words;
	const char *write; /* -w; NULL: not given */
	bool text;
	int64_t count, seconds, snap; /* 0: not given */
	bool hosts;		      /* dns --hosts */
	const char *reason;	      /* connect, reject, lock --reason; NULL: not given */
	const char *save;	      /* sessions --save; NULL: not given */
	/* doctor --url, as often as given */
	size_t n_urls;
	const char *urls[VPNCTL_URLS_MAX];
};

/* Commands. Return: an exit code. */
int vpnctl_enroll(struct ctl *c, const struct vpnctl_args *args);
int vpnctl_login(struct ctl *c, const struct vpnctl_args *args);
int vpnctl_passwd(struct ctl *c, const struct vpnctl_args *args);
int vpnctl_totp(struct ctl *c, const struct vpnctl_args *args);
int vpnctl_recovery_codes(struct ctl *c, const struct vpnctl_args *args);
int vpnctl_connect(struct ctl *c, const struct vpnctl_args *args);
int vpnctl_disconnect(struct ctl *c, const struct vpnctl_args *args);
int vpnctl_devices(struct ctl *c, const struct vpnctl_args *args);
int vpnctl_approvals(struct ctl *c, const struct vpnctl_args *args);
int vpnctl_approve(struct ctl *c, const struct vpnctl_args *args);
int vpnctl_reject(struct ctl *c, const struct vpnctl_args *args);
int vpnctl_relays(struct ctl *c, const struct vpnctl_args *args);
int vpnctl_dns(struct ctl *c, const struct vpnctl_args *args);
int vpnctl_routes(struct ctl *c, const struct vpnctl_args *args);
int vpnctl_sessions(struct ctl *c, const struct vpnctl_args *args);
int vpnctl_status(struct ctl *c, const struct vpnctl_args *args);
int vpnctl_lock(struct ctl *c, const struct vpnctl_args *args);
int vpnctl_unlock(struct ctl *c, const struct vpnctl_args *args);
int vpnctl_trace(struct ctl *c, const struct vpnctl_args *args);
int vpnctl_capture(struct ctl *c, const struct vpnctl_args *args);
int vpnctl_doctor(struct ctl *c, const struct vpnctl_args *args);

struct vpnctl_answer {
	json_t *result;
	char error[VPNCTL_ERROR_SIZE]; /* in the daemon's words */
};

/*
 * What is measured while a connect runs: bars below all that was printed, drawn anew with each
 * result; a line for each where stdout is no terminal.
 */
struct vpnctl_live {
	const char *peer;
	bool terminal;
	size_t lines; /* drawn */
	json_t *last; /* what vpnd said last of the relays */
};
void vpnctl_live_begin(struct vpnctl_live *live, const char *peer);
void vpnctl_live_end(struct vpnctl_live *live);
/** vpnctl_live_clear() - before something else is printed; vpnctl_live_draw() after it. */
void vpnctl_live_clear(struct vpnctl_live *live);
void vpnctl_live_draw(struct vpnctl_live *live);
/** vpnctl_live_take() - vpnd's answer or notification `relays`. */
void vpnctl_live_take(struct vpnctl_live *live, const json_t *answer);
/** vpnctl_live_follow() - on a terminal, for some seconds at most: until all is measured and the
 * session goes by the nearest relay. */
void vpnctl_live_follow(struct vpnctl_live *live, struct ctl *c);

/**
 * vpnctl_try() - ctl_call() that prints steps on stdout as they come, unless @json.
 * Control characters in the result are replaced. @params: taken.
 * Return: 0 and answer->result, caller owns; the code of ctl_call() and answer->error.
 */
int vpnctl_try(struct ctl *c, const char *method, json_t *params, int timeout_ms, bool json,
	       struct vpnctl_answer *answer);
#define VPNCTL_INVITATION_SIZE (INVITE_TEXT_SIZE + 64) /* with line ends */
/** vpnctl_complain() - say that @what could not be read. Return: @err. */
int vpnctl_complain(const char *what, int err);
/** vpnctl_read_invitation() - from @file; NULL or "-" is standard input, or the terminal. Return:
 * 0; -errno, said. */
int vpnctl_read_invitation(const char *file, char *out, size_t size);

/** vpnctl_try_live() - the same; notifications about relays are drawn by @live. */
int vpnctl_try_live(struct ctl *c, const char *method, json_t *params, int timeout_ms, bool json,
		    struct vpnctl_live *live, struct vpnctl_answer *answer);
/** vpnctl_clean() - replace control characters in all strings of @v. */
void vpnctl_clean(json_t *v);
/** vpnctl_explain() - what went wrong and what to do, on stderr. */
void vpnctl_explain(const char *method, int code, const char *error);
/** vpnctl_ask() - both. Return: 0 and *result, caller owns; a code, explained. */
int vpnctl_ask(struct ctl *c, const char *method, json_t *params, int timeout_ms, bool json,
	       json_t **result);

/* Members for people: "" or 0 where absent or of another type. */
const char *vpnctl_text(const json_t *o, const char *key);
int64_t vpnctl_int(const json_t *o, const char *key);
/** vpnctl_list() - the strings of an array, with ", " between them, cut to fit. Return: @out. */
const char *vpnctl_list(const json_t *o, const char *key, char *out, size_t out_size);
/** vpnctl_lans() - a peer's `lans`, "192.168.1.0/24 is here 100.80.17.0/24" where `virtual` says
 * so; and what else stands there. Return: @out. */
const char *vpnctl_lans(const json_t *o, char *out, size_t out_size);
/** vpnctl_duration() - "12 s", "3 min", "2 h 5 min", "4 d 1 h". Return: @out. */
const char *vpnctl_duration(char out[VPNCTL_TEXT_SIZE], int64_t s);

#endif
