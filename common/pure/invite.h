/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * invite - the invitation: one string that brings a newcomer into a domain. Pure.
 *
 *   "farlan-" KIND "-" base64url(bytes), and the bytes are:
 *
 *   version(8) = 1
 *   kind(8), as enum ident_kind
 *   ca_sha256(32 bytes)
 *   secret(16 bytes)
 *   expiry(32 bits), Unix seconds / 60
 *   n_urls(8), n_urls x { length(8), URL }
 *   check(4 bytes)
 *
 * check is the first 4 bytes of SHA-256 over all bytes before it, so that a mistyped or cut
 * string is told from a false one. Source: docs/PROTOCOL.md, "Invitation".
 */
#ifndef FARLAN_INVITE_H
#define FARLAN_INVITE_H

#include "common/pure/ident.h"
#include "common/pure/url.h"

#define INVITE_URLS_MAX 8
#define INVITE_SECRET_BYTES 16
#define INVITE_TEXT_SIZE 2048
#define INVITE_URL_MAX_CHARS 250

struct invite {
	enum ident_kind kind;  /* device, user or relay */
	uint8_t ca_sha256[32]; /* of the domain CA's certificate, DER */
	uint8_t secret[INVITE_SECRET_BYTES];
	int64_t expires; /* Unix seconds, a whole minute */
	size_t n_urls;
	struct url urls[INVITE_URLS_MAX];
};

/**
 * invite_encode() - @in->expires is cut to the minute.
 * Return: 0; -ENOSPC a URL is longer than 250 characters or all are too long together;
 * -EINVAL a kind that is not invited, no URL or too many, a time out of range. Nothing is written
 * on errors.
 */
int invite_encode(const struct invite *in, char out[INVITE_TEXT_SIZE])
	__attribute__((warn_unused_result));

/**
 * invite_decode() - white space around it and within is ignored; @out is written on success only.
 * Return: 0; -EINVAL not an invitation; -EBADMSG damaged (check or structure is wrong).
 */
int invite_decode(struct invite *out, const char *text) __attribute__((warn_unused_result));

#endif
