/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/pure/proxyproto.h"

#include <errno.h>
#include <string.h>

#include "common/pure/bytes.h"

#define V1_MAX_BYTES 107 /* section 2.1, with CR LF */
#define V1_WORDS 6
#define V2_HEADER_BYTES 16
#define V2_TCP4 0x11
#define V2_TCP6 0x21
#define V2_TCP4_BYTES 12
#define V2_TCP6_BYTES 36

static const uint8_t v1_begin[] = {'P', 'R', 'O', 'X', 'Y', ' '};
static const uint8_t v2_begin[] = {'\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T', '\n'};

/* Does @in begin so, as far as it goes? */
static bool begins(const uint8_t *in, size_t len, const uint8_t *with, size_t n)
{
	return memcmp(in, with, len < n ? len : n) == 0;
}

/* IPv4 written as IPv6 is IPv4. */
static struct addr plain_addr(const struct addr *a)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (a->family == 6 && memcmp(a->bytes, mapped, sizeof(mapped)) == 0)
		return addr_from_bytes(4, a->bytes + sizeof(mapped));
	return *a;
}

/* Version 1: words */

static int v1_port(uint16_t *port, const char *word)
{
	unsigned int n = 0;
	size_t i;

	for (i = 0; word[i]; i++) {
		if (word[i] < '0' || word[i] > '9' || i >= 5)
			return -EBADMSG;
		n = n * 10 + (unsigned int)(word[i] - '0');
	}
	if (i == 0 || n > UINT16_MAX || (i > 1 && word[0] == '0'))
		return -EBADMSG;
	*port = (uint16_t)n;
	return 0;
}

/* Cut @line at its spaces. Return: words; 0: too many, or an empty one. */
static size_t v1_split(char *line, char *words[V1_WORDS])
{
	size_t n = 0;
	char *at = line;

	while (n < V1_WORDS) {
		char *space = strchr(at, ' ');

		words[n++] = at;
		if (space == at || !*at)
			return 0;
		if (!space)
			return n;
		*space = '\0';
		at = space + 1;
	}
	return 0;
}

static int v1_addresses(struct proxyproto *p, char *words[V1_WORDS])
{
	uint8_t family = strcmp(words[1], "TCP4") == 0 ? 4 : strcmp(words[1], "TCP6") == 0 ? 6 : 0;
	struct addr from, to;
	uint16_t ignored;

	if (family == 0 || addr_parse(&from, words[2]) != 0 || addr_parse(&to, words[3]) != 0 ||
	    from.family != family || to.family != family || v1_port(&p->port, words[4]) != 0 ||
	    v1_port(&ignored, words[5]) != 0)
		return -EBADMSG;
	p->client = plain_addr(&from);
	return 0;
}

static int v1_decode(struct proxyproto *p, const uint8_t *in, size_t len, size_t *used)
{
	const uint8_t *end = memchr(in, '\n', len < V1_MAX_BYTES ? len : V1_MAX_BYTES);
	char line[V1_MAX_BYTES + 1], *words[V1_WORDS];
	struct proxyproto found = {0};
	size_t n;

	if (!end)
		return len < V1_MAX_BYTES ? -EAGAIN : -EBADMSG;
	n = (size_t)(end - in);
	if (end[-1] != '\r' || memchr(in, 0, n))
		return -EBADMSG;
	memcpy(line, in, n - 1);
	line[n - 1] = '\0';
	/* "PROXY UNKNOWN", whatever follows. */
	if (strncmp(line + sizeof(v1_begin), "UNKNOWN", 7) != 0 &&
	    (v1_split(line, words) != V1_WORDS || v1_addresses(&found, words) != 0))
		return -EBADMSG;
	*p = found;
	*used = n + 1;
	return 0;
}

/* Version 2: bytes */

static int v2_addresses(struct proxyproto *p, uint8_t kind, struct rd r)
{
	const uint8_t *from, *to;
	struct addr a;

	if (kind == V2_TCP4 && rd_bytes(&r, &from, 4) && rd_bytes(&r, &to, 4) &&
	    rd_u16(&r, &p->port)) {
		p->client = addr_from_bytes(4, from);
		return 0;
	}
	if (kind == V2_TCP6 && rd_bytes(&r, &from, 16) && rd_bytes(&r, &to, 16) &&
	    rd_u16(&r, &p->port)) {
		a = addr_from_bytes(6, from);
		p->client = plain_addr(&a);
		return 0;
	}
	return kind == V2_TCP4 || kind == V2_TCP6 ? -EBADMSG : 0;
}

static int v2_decode(struct proxyproto *p, const uint8_t *in, size_t len, size_t *used)
{
	struct rd r = rd_init(in, len);
	struct proxyproto found = {0};
	const uint8_t *skipped;
	uint8_t command, kind;
	uint16_t n;

	if (!rd_bytes(&r, &skipped, sizeof(v2_begin)) || !rd_u8(&r, &command) ||
	    !rd_u8(&r, &kind) || !rd_u16(&r, &n))
		return -EAGAIN;
	if ((command >> 4) != 2 || (command & 0xf) > 1 ||
	    V2_HEADER_BYTES + n > PROXYPROTO_MAX_BYTES)
		return -EBADMSG;
	if (r.left < n)
		return -EAGAIN;
	if ((command & 0xf) == 1 && v2_addresses(&found, kind, rd_init(r.at, n)) != 0)
		return -EBADMSG;
	*p = found;
	*used = (size_t)V2_HEADER_BYTES + n;
	return 0;
}

int proxyproto_decode(struct proxyproto *p, const uint8_t *in, size_t len, size_t *used)
{
	if (len == 0)
		return -EAGAIN;
	if (begins(in, len, v2_begin, sizeof(v2_begin)))
		return v2_decode(p, in, len, used);
	if (!begins(in, len, v1_begin, sizeof(v1_begin)))
		return -ENOENT;
	return len < sizeof(v1_begin) ? -EAGAIN : v1_decode(p, in, len, used);
}

size_t proxyproto_encode(uint8_t out[PROXYPROTO_ENCODED_BYTES], const struct addr *client,
			 uint16_t port)
{
	size_t n = client->family == 4 ? 4 : client->family == 6 ? 16 : 0;
	uint8_t *at = out + V2_HEADER_BYTES;

	memset(out, 0, PROXYPROTO_ENCODED_BYTES);
	memcpy(out, v2_begin, sizeof(v2_begin));
	out[12] = n ? 0x21 : 0x20;
	out[13] = n == 4 ? V2_TCP4 : n == 16 ? V2_TCP6 : 0;
	out[15] = n == 4 ? V2_TCP4_BYTES : n == 16 ? V2_TCP6_BYTES : 0;
	if (n == 0)
		return V2_HEADER_BYTES;
	memcpy(at, client->bytes, n);
	at[2 * n] = (uint8_t)(port >> 8);
	at[2 * n + 1] = (uint8_t)port;
	return V2_HEADER_BYTES + out[15];
}
