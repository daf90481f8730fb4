/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * sntp - questions to time servers, their answers, and what to make of several. Pure.
 * Source: RFC 4330; RFC 5905 sections 7.3 and 7.4; the question says nothing of this host
 * (draft-ietf-ntp-data-minimization).
 */
#ifndef FARLAN_SNTP_H
#define FARLAN_SNTP_H

#include <stddef.h>
#include <stdint.h>

#define SNTP_BYTES 48	    /* without extensions, which are not looked at */
#define SNTP_MAX_BYTES 1024 /* of an answer that is taken */
#define SNTP_SERVERS_MAX 8
#define SNTP_STRATUM_MAX 15
#define SNTP_DISTANCE_MAX_MS 3000 /* root delay / 2 + dispersion: how unsure the server is */
#define SNTP_AGREE_MS 2500	  /* from the median, in which servers agree */
/* Beyond the floor; a server that says more is wrong, whoever is right. */
#define SNTP_AHEAD_MAX_S (INT64_C(30) * 365 * 86400)

enum sntp_kiss {
	SNTP_KISS_NONE,
	SNTP_KISS_RATE, /* asked too often */
	SNTP_KISS_DENY	/* DENY, RSTR: never again; others that ask to go away, too */
};

struct sntp_answer {
	int64_t time_ms;     /* when the server sent it: Unix milliseconds */
	int64_t hold_ms;     /* between question and answer at the server */
	enum sntp_kiss kiss; /* with -EACCES */
};

/** sntp_encode() - @cookie: 64 random bits in place of a time; the answer must bring them back. */
void sntp_encode(uint8_t out[SNTP_BYTES], uint64_t cookie);

/**
 * sntp_decode() - @floor_s: it is later than this; of the eras of 136 years, the one is meant that
 * is nearest.
 * Return: 0; -EBADMSG no answer of a server; -EKEYREJECTED to another question; -EACCES a kiss of
 * death: a->kiss alone is set; -ENODATA the server does not know itself; -ERANGE before the floor
 * or far behind it.
 */
int sntp_decode(struct sntp_answer *a, const uint8_t *bytes, size_t n, uint64_t cookie,
		int64_t floor_s) __attribute__((warn_unused_result));

/** sntp_now_ms() - what time it is, @trip_ms after the question was sent. */
int64_t sntp_now_ms(const struct sntp_answer *a, int64_t trip_ms);

/**
 * sntp_choose() - the median of what @n of @asked servers said, if most of those agree with it, and
 * half of all have said something. @times: at the same moment; sorted by this.
 * Return: 0; -EAGAIN they do not agree.
 */
int sntp_choose(int64_t *times_ms, size_t n, size_t asked, int64_t *chosen_ms)
	__attribute__((warn_unused_result));

#endif
