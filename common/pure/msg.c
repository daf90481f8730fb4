/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/msg.h"

#include <errno.h>

#include "common/pure/bytes.h"

int msg_decode(const uint8_t *in, size_t len, size_t max, const uint8_t **body, size_t *body_len,
	       size_t *used)
{
	struct rd r = rd_init(in, len);
	const uint8_t *at;
	uint32_t n;

	if (!rd_u32(&r, &n))
		return -EAGAIN;
	if (n > max)
		return -EMSGSIZE;
	if (!rd_bytes(&r, &at, n))
		return -EAGAIN;
	*body = at;
	*body_len = n;
	*used = len - r.left;
	return 0;
}

void msg_header_encode(uint8_t out[MSG_HEADER_BYTES], size_t body_len)
{
	struct wr w = wr_init(out, MSG_HEADER_BYTES);

	wr_u32(&w, (uint32_t)body_len);
}
