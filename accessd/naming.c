/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The names of hosts behind a device, for the managers that have a session with it. */
#include <stdlib.h>

#include "accessd/sessions_internal.h"

int naming_hosts(struct sessions *ss, const struct store_member *device, struct hosts *h)
{
	size_t n = 0;
	int rc = store_lan_hosts_of(ss->store, device->id, h);

	for (size_t i = 0; rc == 0 && i < h->n; i++) {
		if (lans_have_host(&device->lans, &h->at[i].addr))
			h->at[n++] = h->at[i];
	}
	h->n = rc == 0 ? n : 0;
	return rc;
}

void naming_send(struct sessions *ss, const struct session *x)
{
	struct rpc *rpc = ss->ops->endpoint_rpc(ss->arg, x->row.manager);
	struct hosts *h = rpc ? malloc(sizeof(*h)) : NULL;
	struct store_member device;

	if (h && store_member_get(ss->store, x->row.device_member, &device) == 0 &&
	    naming_hosts(ss, &device, h) == 0)
		rpc_notify(rpc, "session.hosts",
			   json_pack("{s:s, s:o}", "session", x->row.id, "hosts", hosts_encode(h)));
	free(h);
}

void sessions_hosts_changed(struct sessions *ss, int64_t device_member)
{
	for (const struct session *x = ss->list; x; x = x->next) {
		if (x->row.device_member == device_member && x->row.state == STORE_SESSION_LIVE)
			naming_send(ss, x);
	}
}
