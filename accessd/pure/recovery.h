/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * recovery - codes that stand in once for a second factor that was lost: 80 bits each, written as
 * "k5qm-3xzt-a7wd-h2be". Pure.
 */
#ifndef FARLAN_RECOVERY_H
#define FARLAN_RECOVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECOVERY_BYTES 10
#define RECOVERY_TEXT_SIZE 20
#define RECOVERY_PLAIN_SIZE 17

/** recovery_format() - for people. */
void recovery_format(const uint8_t bytes[RECOVERY_BYTES], char out[RECOVERY_TEXT_SIZE]);

/** recovery_plain() - a code as somebody typed it, of either kind: without spaces and '-', in
 * capitals. @out_size: what is longer becomes "". */
void recovery_plain(const char *typed, char *out, size_t out_size);

/** recovery_is() - is that, plain, a recovery code? */
bool recovery_is(const char *plain);

#endif
