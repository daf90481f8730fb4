/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * backup.make {} -> {number, bytes, sha256}       backup.read {number, offset} -> {bytes}
 * backup.drop {number}
 */
#include <errno.h>
#include <string.h>

#include "accessd/admin_internal.h"
#include "accessd/backup.h"
#include "common/io/log.h"
#include "common/pure/text.h"

static void on_made(void *arg, int error, const struct backup_info *info)
{
	struct ask *q = arg;
	char hex[TEXT_HEX_SIZE(BACKUP_SHA256_BYTES)];

	if (error == -ENOSPC) {
		ask_reject(
			q, RPC_UNAVAILABLE,
			"there is no room for a copy beside the database: it needs as much again");
		return;
	}
	if (error) {
		ask_reject(q, error == -ECANCELED ? RPC_UNAVAILABLE : RPC_INTERNAL,
			   error == -ECANCELED
				   ? "accessd is stopping"
				   : "the copy could not be made; accessd's log says why");
		return;
	}
	(void)!text_hex_encode(hex, sizeof(hex), info->sha256, sizeof(info->sha256));
	log_notice("backup made bytes=%lld sha256=%s", (long long)info->bytes, hex);
	ask_tell(q, "sha256", json_string(hex));
	ask_reply(q, json_pack("{s:I, s:I, s:s}", "number", (json_int_t)info->number, "bytes",
			       (json_int_t)info->bytes, "sha256", hex));
}

void admin_on_backup_make(struct ask *q, const json_t *params)
{
	int rc = backup_make(q->app->backup, on_made, q);

	(void)params;
	if (rc == -EBUSY)
		ask_reject(q, RPC_UNAVAILABLE, "another backup is under way");
	else if (rc)
		admin_failed(q, rc);
}

static bool get_number(struct ask *q, const json_t *params, int64_t *number)
{
	if (rpc_int(params, "number", 1, INT64_MAX, number))
		return true;
	ask_reject(q, RPC_BAD_PARAMS, "number is missing");
	return false;
}

void admin_on_backup_read(struct ask *q, const json_t *params)
{
	static uint8_t bytes[BACKUP_PIECE_BYTES];
	int64_t number, offset;
	size_t n;
	int rc;

	if (!get_number(q, params, &number))
		return;
	if (!rpc_int(params, "offset", 0, INT64_MAX, &offset)) {
		ask_reject(q, RPC_BAD_PARAMS, "offset is missing");
		return;
	}
	rc = backup_read(q->app->backup, (uint64_t)number, offset, bytes, &n);
	if (rc == -ENOENT)
		ask_reject(q, RPC_NOT_FOUND, "this backup is not there any more: begin again");
	else if (rc)
		admin_failed(q, rc);
	else
		ask_reply(q, json_pack("{s:o}", "bytes", rpc_json_bytes(bytes, n)));
	explicit_bzero(bytes, sizeof(bytes));
}

void admin_on_backup_drop(struct ask *q, const json_t *params)
{
	int64_t number;

	if (!get_number(q, params, &number))
		return;
	backup_drop(q->app->backup, (uint64_t)number);
	ask_reply(q, json_object());
}
