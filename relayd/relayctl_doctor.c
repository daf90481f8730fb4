/* SPDX-License-Identifier: GPL-3.0-or-later */
/* relayctl doctor: relayd as the world sees it. */
#include "common/io/server_doctor.h"
#include "relayd/relayctl.h"

int relayctl_doctor(struct ctl *c, const struct relayctl_args *args)
{
	struct server_doctor_options o = {
		.json = args->json, .idle = args->idle, .urls = args->urls};

	return server_doctor_run(c, &o);
}
