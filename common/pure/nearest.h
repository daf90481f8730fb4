/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * nearest - which word is meant by one that was mistyped. Pure.
 */
#ifndef FARLAN_NEAREST_H
#define FARLAN_NEAREST_H

#include <stddef.h>

#define NEAREST_MAX 64 /* bytes that are looked at; longer words are near to nothing */

/** nearest_distance() - letters to change, insert, leave out, or swap with the next one, to make @b
 * of @a (Damerau's distance, restricted). Return: NEAREST_MAX if one of them is too long. */
size_t nearest_distance(const char *a, const char *b);

/** nearest_limit() - the distance up to which @word may be a mistyped one: a third of its letters,
 * at least 1, at most 4. */
size_t nearest_limit(const char *word);

#endif
