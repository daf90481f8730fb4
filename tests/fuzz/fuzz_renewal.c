/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An answer to identity.renew: whatever it holds, the identity that asks stays as it is, and
 * nothing of a stranger's is taken. */
#include <stdlib.h>
#include <string.h>

#include "common/io/renewal.h"

static struct identity id;

/* Of nobody: no certificate can be for its key. */
static void set_up(void)
{
	struct x509_key ca_key;

	if (id.ca.len > 0)
		return;
	id.id = (struct ident){.kind = IDENT_DEVICE, .domain = "lab"};
	memset(id.id.uid, '1', sizeof(id.id.uid) - 1);
	if (x509_key_generate(&ca_key) != 0 || x509_key_generate(&id.key) != 0 ||
	    x509_ca_make(&id.ca, &ca_key, "lab", 0, 1) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct identity before, next;
	json_t *o = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);

	set_up();
	before = id;
	if (!renewal_take(&id, o, &next) || memcmp(&before, &id, sizeof(id)) != 0)
		abort();
	json_decref(o);
	return 0;
}
