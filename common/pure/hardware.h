/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hardware - what tells one machine from another, and stays when its disk is wiped. Only hashes of
 * it leave the machine. Pure.
 */
#ifndef FARLAN_HARDWARE_H
#define FARLAN_HARDWARE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HARDWARE_MARKS_MAX 8 /* of one machine */
#define HARDWARE_MARK_BYTES 32
#define HARDWARE_VALUE_SIZE 128
#define HARDWARE_TEXT_SIZE (HARDWARE_VALUE_SIZE + 64)

/* Each a SHA-256 of hardware_text(). */
struct hardware {
	size_t n;
	uint8_t marks[HARDWARE_MARKS_MAX][HARDWARE_MARK_BYTES];
};

/**
 * hardware_value() - what firmware, or a file, says of the machine: without white space at the
 * ends, in lower case. Return: false: it says nothing: empty, too long, or what makers leave there
 * who fill in nothing, which thousands of machines have.
 */
bool hardware_value(const void *bytes, size_t len, char value[HARDWARE_VALUE_SIZE]);
/** hardware_mac_ok() - one that a maker gave: six bytes in @mac, neither a group's nor made up. */
bool hardware_mac_ok(const uint8_t mac[6]);
/** hardware_text() - what is hashed: "farlan-hardware/1 KIND VALUE". Return: its length. */
size_t hardware_text(const char *kind, const char *value, char out[HARDWARE_TEXT_SIZE]);
/** hardware_add() - once each; what is beyond HARDWARE_MARKS_MAX is left out. */
void hardware_add(struct hardware *h, const uint8_t mark[HARDWARE_MARK_BYTES]);
/** hardware_decode() - from a peer: an array of marks in base64; NULL: it says nothing. Return: 0;
 * -EBADMSG. */
int hardware_decode(struct hardware *h, const json_t *list) __attribute__((warn_unused_result));

#endif
