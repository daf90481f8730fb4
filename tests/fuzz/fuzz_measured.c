/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What endpoints measure and relays report: what is accepted keeps to its ranges. */
#include <stdlib.h>
#include <string.h>

#include "accessd/pure/health.h"
#include "accessd/pure/measured.h"

static void check_way(const struct measured_way *way)
{
	json_t *o = json_object();

	if (way->failed
		    ? strlen(way->why) >= MEASURED_WHY_SIZE
		    : way->rtt_us < 1 || way->rtt_us > MEASURED_RTT_MAX_US || way->loss_pm > 1000)
		abort();
	measured_put(o, way);
	if (json_object_size(o) != (way->failed ? 1 : 2))
		abort();
	json_decref(o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *o = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	struct health_report report;
	struct measured m;

	if (measured_decode(&m, o) == 0) {
		if (m.n > MEASURED_RELAYS_MAX)
			abort();
		for (size_t i = 0; i < m.n; i++)
			check_way(&m.at[i].way);
	}
	if (health_decode(&report, o) == 0 && health_load(&report) > 1000)
		abort();
	json_decref(o);
	return 0;
}
