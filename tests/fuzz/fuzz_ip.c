/* SPDX-License-Identifier: GPL-3.0-or-later */
/* IP packets. */
#include <stdlib.h>

#include "common/pure/ip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[ADDR_TEXT_SIZE];
	struct ip_info info;

	if (ip_parse(data, size, &info) == 0) {
		if (info.header_len > size || info.src.family != info.dst.family)
			abort();
		addr_format(&info.src, text);
	}
	return 0;
}
