/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/hello.h"

#include <errno.h>
#include <string.h>

#include "common/pure/bytes.h"

#define RECORD_HANDSHAKE 22
#define RECORD_MAX_BYTES 16384
#define CLIENT_HELLO 1
#define RANDOM_BYTES 32
#define EXTENSION_SERVER_NAME 0
#define NAME_HOST 0

/* A vector with a length of 8, 16 or 24 bits before it, taken out of @r. */
static bool vector(struct rd *r, int bits, struct rd *out)
{
	uint8_t n8;
	uint16_t n16;
	uint32_t n = 0;
	const uint8_t *at;

	if (bits == 8 && rd_u8(r, &n8))
		n = n8;
	else if (bits == 16 && rd_u16(r, &n16))
		n = n16;
	else if (bits != 24 || !rd_u24(r, &n))
		return false;
	if (!rd_bytes(r, &at, n))
		return false;
	*out = rd_init(at, n);
	return true;
}

static bool skip(struct rd *r, size_t n)
{
	const uint8_t *at;

	return rd_bytes(r, &at, n);
}

/* The body of the first record. Return: 0; -EAGAIN; -ENOENT. */
static int first_record(const void *in, size_t len, struct rd *body)
{
	struct rd r = rd_init(in, len);
	const uint8_t *at;
	uint16_t version, n;
	uint8_t type;

	if (!rd_u8(&r, &type))
		return -EAGAIN;
	if (type != RECORD_HANDSHAKE)
		return -ENOENT;
	if (!rd_u16(&r, &version) || !rd_u16(&r, &n))
		return -EAGAIN;
	if (n > RECORD_MAX_BYTES)
		return -ENOENT;
	if (!rd_bytes(&r, &at, n))
		return -EAGAIN;
	*body = rd_init(at, n);
	return 0;
}

static bool find_extensions(struct rd *record, struct rd *extensions)
{
	struct rd hello, passed;
	uint8_t type;

	return rd_u8(record, &type) && type == CLIENT_HELLO && vector(record, 24, &hello) &&
	       skip(&hello, 2 + RANDOM_BYTES) && vector(&hello, 8, &passed) && /* session */
	       vector(&hello, 16, &passed) &&				       /* suites */
	       vector(&hello, 8, &passed) &&				       /* compression */
	       vector(&hello, 16, extensions);
}

static bool find_name(struct rd *extensions, struct rd *name)
{
	struct rd body, list;
	uint16_t type;
	uint8_t kind;

	while (rd_u16(extensions, &type)) {
		if (!vector(extensions, 16, &body))
			return false;
		if (type != EXTENSION_SERVER_NAME)
			continue;
		if (!vector(&body, 16, &list))
			return false;
		while (rd_u8(&list, &kind)) {
			if (!vector(&list, 16, name))
				return false;
			if (kind == NAME_HOST)
				return true;
		}
	}
	return false;
}

int hello_server_name(const void *in, size_t len, char name[HELLO_NAME_SIZE])
{
	struct rd record, extensions, found;
	int rc = first_record(in, len, &record);

	if (rc)
		return rc;
	if (!find_extensions(&record, &extensions) || !find_name(&extensions, &found) ||
	    found.left == 0 || found.left >= HELLO_NAME_SIZE)
		return -ENOENT;
	for (size_t i = 0; i < found.left; i++) {
		if (found.at[i] <= ' ' || found.at[i] > '~')
			return -ENOENT;
	}
	memcpy(name, found.at, found.left);
	name[found.left] = '\0';
	return 0;
}
