/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/finding.h"

#include <stdarg.h>
#include <stdio.h>

const char *finding_state_name(enum finding_state s)
{
	switch (s) {
	case FINDING_OK:
		return "ok";
	case FINDING_WARNING:
		return "warning";
	case FINDING_FAILED:
		return "failed";
	case FINDING_SKIPPED:
		return "skipped";
	}
	return "?";
}

void finding_say(struct finding *f, enum finding_state state, const char *fmt, ...)
{
	va_list ap;

	f->state = state;
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
}

void finding_todo(struct finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->todo, sizeof(f->todo), fmt, ap);
	va_end(ap);
}

json_t *finding_encode(const struct finding *f)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I}", "id", f->id, "subject", f->subject,
			 "state", finding_state_name(f->state), "text", f->text, "todo", f->todo,
			 "ms", (json_int_t)f->ms);
}

void finding_clean(char *out, size_t out_size, const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len && i + 1 < out_size; i++)
		out[i] = (unsigned char)text[i] < 0x20 || (unsigned char)text[i] > 0x7e ? '?'
											: text[i];
	out[i] = '\0';
}
