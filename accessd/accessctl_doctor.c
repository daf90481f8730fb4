/* SPDX-License-Identifier: GPL-3.0-or-later */
/* accessctl doctor: accessd as the world sees it. */
#include "accessd/accessctl.h"
#include "common/io/server_doctor.h"

int accessctl_doctor(struct ctl *c, const struct accessctl_args *a)
{
	struct server_doctor_options o = {.json = a->json, .idle = a->idle, .urls = a->urls};

	return server_doctor_run(c, &o);
}
