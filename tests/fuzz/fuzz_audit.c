/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines of an exported audit, and signed records of sessions: what is accepted is written the same
 * again, byte for byte. */
#include <stdlib.h>
#include <string.h>

#include "accessd/pure/audit_csv.h"
#include "accessd/pure/audit_record.h"
#include "accessd/pure/audit_syslog.h"
#include "common/pure/printable.h"
#include "common/pure/session_record.h"

static void check_line(const char *text, size_t n)
{
	static const struct audit_sender by = {.host = "as1", .pid = 1};
	uint8_t claimed[AUDIT_HASH_BYTES], real[AUDIT_HASH_BYTES];
	char again[AUDIT_LINE_SIZE], out[AUDIT_SYSLOG_SIZE], csv[AUDIT_CSV_SIZE];
	struct audit_record r;
	size_t len;

	if (audit_line_decode(&r, claimed, real, text, n) != 0)
		return;
	if (audit_canonical(&r, again, &len) != 0 || audit_line(again, &len, claimed) != 0 ||
	    len != n || memcmp(again, text, n) != 0)
		abort();
	if (audit_syslog(&r, real, &by, out, &len) != 0 ||
	    audit_journal(&r, real, out, &len) != 0 || audit_csv(&r, real, csv) != 0)
		abort();
}

static void check_record(const char *text, size_t n)
{
	char again[SESSION_RECORD_SIZE];
	struct session_record r;
	size_t len;

	if (session_record_decode(&r, text, n) == 0 &&
	    (session_record_encode(&r, again, &len) != 0 || len != n ||
	     memcmp(again, text, n) != 0))
		abort();
}

static void check_printable(const char *text, size_t n)
{
	char out[64];

	printable_copy(out, sizeof(out), text, n);
	if (!printable_ok(out, strlen(out)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_line((const char *)data, size);
	check_record((const char *)data, size);
	check_printable((const char *)data, size);
	return 0;
}
