/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * siphash - SipHash-1-3 (Aumasson, Bernstein 2012) for tables whose keys a peer can choose: without
 * the key nobody makes them collide. Pure.
 */
#ifndef FARLAN_SIPHASH_H
#define FARLAN_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/** siphash_words() - of @n words as they lie in memory. The number of words is no part of the hash:
 * use one for each table. */
uint64_t siphash_words(const uint64_t *words, size_t n, const uint64_t key[2]);

#endif
