/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A name that is found stands in what came, and is found again whatever follows it. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/pure/hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char name[HELLO_NAME_SIZE], again[HELLO_NAME_SIZE];
	int r = hello_server_name(data, size, name);
	uint8_t *more;

	if (r != 0 && r != -EAGAIN && r != -ENOENT)
		abort();
	if (r != 0)
		return 0;
	if (!name[0] || !memmem(data, size, name, strlen(name)))
		abort();
	more = malloc(size + 1);
	if (!more)
		return 0;
	memcpy(more, data, size);
	more[size] = 0xff;
	if (hello_server_name(more, size + 1, again) != 0 || strcmp(name, again) != 0)
		abort();
	free(more);
	return 0;
}
