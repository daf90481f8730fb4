/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The names of hosts behind a device. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accessd/admin_internal.h"
#include "common/io/log.h"
#include "common/pure/text.h"

static bool find_device(struct ask *q, const json_t *params, struct store_member *m)
{
	char name[STORE_NAME_SIZE];

	if (!admin_ready(q))
		return false;
	if (rpc_str_max(params, "device", name, sizeof(name)) && text_name_ok(name))
		return admin_find_as(q, name, IDENT_DEVICE, m);
	ask_reject(q, RPC_BAD_PARAMS, "device: the name of a device is needed");
	return false;
}

static bool get_label(struct ask *q, const json_t *params, char name[HOSTS_LABEL_SIZE])
{
	const char *text;

	if (rpc_str(params, "name", &text) && hosts_label(name, text) == 0)
		return true;
	ask_reject(q, RPC_BAD_PARAMS,
		   "a host's name has 1 to 63 letters, digits and '-', with a letter or digit at "
		   "both ends");
	return false;
}

static bool get_address(struct ask *q, const json_t *params, const struct store_member *device,
			struct addr *a)
{
	const char *text = "";
	char shown[ADDR_TEXT_SIZE];

	if (!rpc_str(params, "address", &text) || addr_parse(a, text) != 0) {
		ask_reject(q, RPC_BAD_PARAMS, "address: an IPv4 or IPv6 address is needed");
		return false;
	}
	if (lans_have_host(&device->lans, a))
		return true;
	addr_format(a, shown);
	ask_reject(q, RPC_CONFLICT, "%s is no host's address in a LAN of %s", shown, device->name);
	return false;
}

/* --- in DNS, the device "plc1.press" and the host "plc1" of a device "press" are one name --- */

bool admin_name_clear(struct ask *q, const char *name)
{
	const struct realm *r = q->realm;
	const char *dot = strchr(name, '.');
	char host[STORE_NAME_SIZE];
	struct store_member device;
	int rc;

	if (!dot)
		return true;
	snprintf(host, sizeof(host), "%.*s", (int)(dot - name), name);
	rc = store_member_by_name(r->store, r->domain.row.id, IDENT_DEVICE, dot + 1, &device);
	if (rc == 0)
		rc = store_lan_host_named(r->store, device.id, host);
	if (rc == 0)
		ask_reject(q, RPC_CONFLICT,
			   "the device %s has a host %s: names of both would be the same",
			   device.name, host);
	else if (rc != -ENOENT)
		admin_failed(q, rc);
	return rc == -ENOENT;
}

/* The same the other way round. */
static bool host_name_clear(struct ask *q, const struct store_member *device, const char *host)
{
	const struct realm *r = q->realm;
	char name[HOSTS_LABEL_SIZE + STORE_NAME_SIZE];
	struct store_member other;
	int rc;

	snprintf(name, sizeof(name), "%s.%s", host, device->name);
	rc = store_member_by_name(r->store, r->domain.row.id, IDENT_DEVICE, name, &other);
	if (rc == 0)
		ask_reject(q, RPC_CONFLICT, "there is a device %s: names of both would be the same",
			   name);
	else if (rc != -ENOENT)
		admin_failed(q, rc);
	return rc == -ENOENT;
}

/* --- methods --- */

void admin_on_host_add(struct ask *q, const json_t *params)
{
	struct realm *r = q->realm;
	struct store_member device;
	char text[ADDR_TEXT_SIZE];
	struct host h;
	int rc;

	if (!find_device(q, params, &device) || !get_label(q, params, h.name) ||
	    !get_address(q, params, &device, &h.addr) || !host_name_clear(q, &device, h.name))
		return;
	rc = store_lan_host_add(r->store, device.id, &h);
	if (rc == -EEXIST) {
		ask_reject(q, RPC_CONFLICT, "%s has an IPv%u address already: remove it first",
			   h.name, h.addr.family);
	} else if (rc == -ENOSPC) {
		ask_reject(q, RPC_UNAVAILABLE, "a device may have %d of them", HOSTS_MAX);
	} else if (rc) {
		admin_failed(q, rc);
	} else {
		addr_format(&h.addr, text);
		log_notice("host named device=%s name=%s address=%s", device.name, h.name, text);
		sessions_hosts_changed(r->sessions, device.id);
		ask_reply(q, json_object());
	}
}

void admin_on_host_remove(struct ask *q, const json_t *params)
{
	struct realm *r = q->realm;
	struct store_member device;
	char name[HOSTS_LABEL_SIZE];
	int rc;

	if (!find_device(q, params, &device) || !get_label(q, params, name))
		return;
	rc = store_lan_host_remove(r->store, device.id, name);
	if (rc == -ENOENT) {
		ask_reject(q, RPC_NOT_FOUND, "no such host of %s: %s", device.name, name);
	} else if (rc) {
		admin_failed(q, rc);
	} else {
		log_notice("host named no more device=%s name=%s", device.name, name);
		sessions_hosts_changed(r->sessions, device.id);
		ask_reply(q, json_object());
	}
}

/* HOSTS_MAX of the longest fit into one message. */
void admin_on_host_list(struct ask *q, const json_t *params)
{
	const struct realm *r = q->realm;
	struct store_member device;
	struct hosts *h;
	json_t *list;
	int rc;

	if (!find_device(q, params, &device))
		return;
	h = malloc(sizeof(*h));
	rc = h ? store_lan_hosts_of(r->store, device.id, h) : -ENOMEM;
	list = rc == 0 ? hosts_encode(h) : NULL;
	for (size_t i = 0; i < json_array_size(list); i++)
		json_object_set_new(json_array_get(list, i), "reachable",
				    json_boolean(lans_have_host(&device.lans, &h->at[i].addr)));
	if (list)
		ask_reply(q, json_pack("{s:o}", "hosts", list));
	else
		admin_failed(q, rc);
	free(h);
}
