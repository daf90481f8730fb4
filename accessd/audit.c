/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/audit.h"

#include <errno.h>
#include <stdlib.h>

#include "common/io/log.h"

struct audit {
	struct store *store;
};

int audit_open(struct audit **out, struct store *s)
{
	struct audit *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->store = s;
	*out = a;
	return 0;
}

void audit_close(struct audit *a)
{
	free(a);
}

void audit_note(struct audit *a, const struct audit_note *n)
{
	static const char *const results[] = {"ok", "refused", "failed"};

	(void)a;
	if (n->event == EVENT_NONE)
		return;
	log_info("audit event=%s result=%s who=\"%s\" from=%s what=\"%s\"", event_name(n->event),
		 results[n->result], n->who ? n->who : "-", n->from ? n->from : "-",
		 n->what ? n->what : "-");
}
