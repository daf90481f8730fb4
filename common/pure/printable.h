/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * printable - texts of other people, made fit to be kept and shown: valid UTF-8 without anything
 * that moves a cursor, ends a line or turns the direction of writing. Pure.
 */
#ifndef FARLAN_PRINTABLE_H
#define FARLAN_PRINTABLE_H

#include <stdbool.h>
#include <stddef.h>

/** printable_copy() - what does not fit is cut between characters, what may not stand there becomes
 * '?'. @n: bytes of @text. Return: @out. */
const char *printable_copy(char *out, size_t out_size, const char *text, size_t n);

/** printable_ok() - would a copy be the same? */
bool printable_ok(const char *text, size_t n);

#endif
