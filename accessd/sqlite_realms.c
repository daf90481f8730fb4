/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which domains there are. */
#include "accessd/store_realms.h"

#include <errno.h>

#include "accessd/sqlite_core.h"

int store_domain_ids(struct store *s, int64_t *ids, size_t max, size_t *n)
{
	sqlite3_stmt *st;
	int rc = sql_open(s, &st, "SELECT id FROM domain ORDER BY id", NULL, 0);

	*n = 0;
	if (rc)
		return rc;
	for (; (rc = sql_step(s, st)) == 0; (*n)++) {
		if (*n < max)
			ids[*n] = sqlite3_column_int64(st, 0);
	}
	sql_close(st);
	return rc == -ENOENT ? 0 : rc;
}

int store_domain_set_urls(struct store *s, const struct store_domain *d)
{
	char urls[LISTS_URLS_TEXT_SIZE];

	urls_to_text(&d->urls, urls);
	return sql_change(
		s, "UPDATE domain SET urls = ?, access_cert = ?, outer_cert = ? WHERE id = ?",
		ARGS(TEXT(urls), BLOB(d->access_cert.der, d->access_cert.len),
		     BLOB(d->outer_cert.der, d->outer_cert.len), INT(d->id)));
}

int store_domain_remove(struct store *s, int64_t id)
{
	return sql_change(s, "DELETE FROM domain WHERE id = ?", ARGS(INT(id)));
}
