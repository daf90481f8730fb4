/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whatever a port answers, what is said of it is printable, and a part of an answer is never more
 * than the whole. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/pure/port_seen.h"

static void check_text(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e)
			abort();
	}
}

static void check(const struct port_seen *s)
{
	struct finding f = {.id = "port"};
	json_t *o;

	port_seen_say(s, false, &f);
	check_text(f.text);
	o = finding_encode(&f);
	if (!o || (port_seen_good(s) && port_seen_portal(s)))
		abort();
	json_decref(o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct port_seen s = {.tcp = PORT_OPEN};
	int r;

	if (size == 0)
		return 0;
	s.tls = data[0] & 1;
	r = port_seen_take(&s, data + 1, size - 1, data[0] & 2);
	if (r != 0 && (r != -EAGAIN || (data[0] & 2)))
		abort();
	check(&s);
	return 0;
}
