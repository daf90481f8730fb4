/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * file - whole small files: read with a cap, replace atomically. Blocks; for start-up and
 * rare writes. Also random bytes from the kernel, and its clocks (clock.h).
 */
#ifndef FARLAN_FILE_H
#define FARLAN_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/io/clock.h"

/**
 * file_read() - the whole file. @bytes: from malloc, a NUL is appended behind @n; caller frees.
 * @max: cap in bytes; as much is allocated.
 * Return: 0; -EFBIG longer than @max; -errno.
 */
int file_read(const char *path, size_t max, uint8_t **bytes, size_t *n)
	__attribute__((warn_unused_result));

/**
 * file_replace() - write a temporary file beside it with @mode, fsync it, rename it over
 * @path, fsync the directory. The old content stays on any failure but that of the last step
 * (the new content stands then, but might not survive a power cut). Return: 0; -errno.
 */
int file_replace(const char *path, const void *bytes, size_t n, mode_t mode)
	__attribute__((warn_unused_result));

/** file_mkdirs() - like mkdir -p; @mode, less the umask, for those it makes. Return: 0; -errno. */
int file_mkdirs(const char *path, mode_t mode) __attribute__((warn_unused_result));

/** file_random() - @n bytes from getrandom(2); aborts if the kernel has none to give. */
void file_random(void *out, size_t n);

#endif
