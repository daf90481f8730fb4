/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * words - what a person wrote for other people, such as the reason of a session, on one line. Pure.
 */
#ifndef FARLAN_WORDS_H
#define FARLAN_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#define WORDS_MAX_BYTES 200 /* of a reason */
#define WORDS_SIZE (WORDS_MAX_BYTES + 1)

/**
 * words_clean() - @text (UTF-8, RFC 3629) as one line: white space and control characters (C0, DEL,
 * C1, line and paragraph separators) become single spaces, none at the ends; marks that change the
 * direction of writing or show nothing are left out, so that what is read is what stands there.
 * What does not fit into @out_size, with NUL, is cut off between characters. Return: false, and
 * @out is "": it is no UTF-8.
 */
bool words_clean(char *out, size_t out_size, const char *text);

#endif
