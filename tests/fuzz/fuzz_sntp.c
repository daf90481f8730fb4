/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whatever a time server says: what is taken lies where a time can lie. */
#include <errno.h>
#include <stdlib.h>

#include "common/pure/bytes.h"
#include "common/pure/owntime.h"
#include "common/pure/sntp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_init(data, size);
	uint64_t cookie = 0;
	struct sntp_answer a;
	int rc;

	/* The question's cookie comes back, else nothing else is looked at. */
	if (size >= 32) {
		r = rd_init(data + 24, 8);
		(void)rd_u64(&r, &cookie);
	}
	rc = sntp_decode(&a, data, size, cookie, OWNTIME_RELEASED_S);
	if (rc != 0) {
		if ((rc == -EACCES) != (a.kiss != SNTP_KISS_NONE) || a.time_ms != 0)
			abort();
		return 0;
	}
	if (a.time_ms / 1000 < OWNTIME_RELEASED_S ||
	    a.time_ms / 1000 > OWNTIME_RELEASED_S + SNTP_AHEAD_MAX_S || a.hold_ms < 0)
		abort();
	return 0;
}
