/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * undo_journal - the text of undo's file. Pure.
 *
 *     farlan-undo 1 WHERE
 *     set net/ipv4/conf/eth0/forwarding 0 1
 *     keep net/ipv6/conf/eth1/forwarding 1
 *
 * Path, old value, value that was set; in the order in which they were made.
 */
#ifndef FARLAN_UNDO_JOURNAL_H
#define FARLAN_UNDO_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNDO_ENTRIES_MAX 512 /* files that are changed at one time */
#define UNDO_PATH_SIZE 128   /* below /proc/sys: "net/ipv4/conf/eth0/forwarding" */
#define UNDO_VALUE_SIZE 64   /* without line end */
#define UNDO_WHERE_SIZE 80   /* a word that names boot and network namespace */
#define UNDO_LINE_MAX_BYTES (5 + UNDO_PATH_SIZE + 2 * UNDO_VALUE_SIZE)
#define UNDO_JOURNAL_MAX_BYTES ((UNDO_ENTRIES_MAX + 1UL) * UNDO_LINE_MAX_BYTES)

struct undo_entry {
	char path[UNDO_PATH_SIZE];
	char old[UNDO_VALUE_SIZE];
	char set[UNDO_VALUE_SIZE]; /* what undo wrote; empty if keep */
	bool keep;
	uint32_t refs; /* holds; not in the journal */
};

/** undo_path_ok() - below net/, no dot-dot component, no white space or control characters? */
bool undo_path_ok(const char *path);
/** undo_value_ok() - one printable word that fits? */
bool undo_value_ok(const char *value);

/**
 * undo_journal_encode() - @where: one word.
 * @len: bytes written to @out, no NUL.   Return: 0; -ENOSPC.
 */
int undo_journal_encode(char *out, size_t out_size, size_t *len, const char *where,
			const struct undo_entry *entries, size_t n)
	__attribute__((warn_unused_result));

/**
 * undo_journal_decode() - @entries: room for @max. Bad lines, lines over @max and a last line
 * without its end are left out.
 * @where, @n: set always; where is "" if the first line cannot be read, then n is 0.
 * Return: 0; -EBADMSG something was left out.
 */
int undo_journal_decode(const char *text, size_t len, char where[UNDO_WHERE_SIZE],
			struct undo_entry *entries, size_t max, size_t *n)
	__attribute__((warn_unused_result));

#endif
