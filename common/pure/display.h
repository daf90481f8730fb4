/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * display - text as a terminal shows it: how many columns it takes, nothing in it that steers.
 * Text is UTF-8; what is none, control characters (also C1, U+0080 to U+009F) and those that turn
 * the direction of writing (UAX 9) are shown as '?', so that no name can show as another. Pure.
 */
#ifndef FARLAN_DISPLAY_H
#define FARLAN_DISPLAY_H

#include <stddef.h>

/** display_width() - in columns, as display_clean() writes it. By the common ranges of Unicode's
 * East Asian Width (UAX 11); characters that combine take none. */
size_t display_width(const char *text);

/** display_clean() - Return: a copy from malloc(); NULL: no memory. */
char *display_clean(const char *text);

/**
 * display_cut() - of clean @text as much as fits into @columns with @mark behind it; all of it, if
 * that fits. @mark: "…", or "~" where that cannot be shown. Return: bytes of @text to be shown;
 * *is_cut: is the mark to follow?
 */
size_t display_cut(const char *text, size_t columns, const char *mark, int *is_cut);

#endif
