/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which machines are the domain's, and letting one go. */
#include <errno.h>

#include "accessd/admin_internal.h"
#include "accessd/store_hardware.h"
#include "common/io/log.h"

/* The device itself may have been removed long ago. */
void admin_on_device_release(struct ask *q, const json_t *params)
{
	char name[STORE_NAME_SIZE];
	int rc;

	if (!admin_ready(q) || !admin_name(q, params, name))
		return;
	ask_about(q, "device", name);
	rc = store_hardware_release(q->realm->store, q->realm->domain.row.id, name);
	if (rc == -ENOENT) {
		ask_reject(q, RPC_NOT_FOUND, "no machine is bound by a device of this name: %s",
			   name);
	} else if (rc) {
		admin_failed(q, rc);
	} else {
		log_notice("released device=%s domain=%s", name, q->realm->domain.row.name);
		ask_reply(q, json_object());
	}
}

void admin_hardware_put(const struct realm *r, const char *device, json_t *o)
{
	struct store_hardware x;

	if (store_hardware_of(r->store, r->domain.row.id, device, &x) == 0)
		json_object_set_new(o, "bound",
				    json_pack("{s:I, s:I}", "since", (json_int_t)x.since, "marks",
					      (json_int_t)x.marks));
}
