/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The text of a filter, asked about a packet. */
#include <stdlib.h>
#include <string.h>

#include "vpnd/pure/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ip_info ip = {.src = {4, {10, 0, 0, 1}}, .dst = {4, {192, 168, 1, 10}}};
	static const struct l4 l4 = {.kind = L4_PORTS, .protocol = L4_TCP, .src = 5000, .dst = 102};
	struct filter_packet p = {&ip, &l4, true};
	char *text = malloc(size + 1), error[FILTER_ERROR_SIZE];
	struct filter f;

	memcpy(text, data, size);
	text[size] = '\0';
	if (filter_parse(&f, text, error) == 0)
		(void)filter_match(&f, &p);
	else if (!error[0])
		abort();
	free(text);
	return 0;
}
