/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/netaddr.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

struct addr netaddr_of(const struct sockaddr_storage *ss, uint16_t *port)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct addr none = {.family = 0};
	struct sockaddr_in6 six;
	struct sockaddr_in four;

	*port = 0;
	if (ss->ss_family == AF_INET) {
		memcpy(&four, ss, sizeof(four));
		*port = ntohs(four.sin_port);
		return addr_from_bytes(4, (const uint8_t *)&four.sin_addr);
	}
	if (ss->ss_family != AF_INET6)
		return none;
	memcpy(&six, ss, sizeof(six));
	*port = ntohs(six.sin6_port);
	if (memcmp(&six.sin6_addr, mapped, sizeof(mapped)) == 0)
		return addr_from_bytes(4, six.sin6_addr.s6_addr + sizeof(mapped));
	return addr_from_bytes(6, six.sin6_addr.s6_addr);
}

void netaddr_to(struct sockaddr_storage *ss, const struct addr *a, uint16_t port)
{
	memset(ss, 0, sizeof(*ss));
	if (a->family == 6) {
		struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

		memcpy(&six.sin6_addr, a->bytes, 16);
		memcpy(ss, &six, sizeof(six));
	} else if (a->family == 4) {
		struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};

		memcpy(&four.sin_addr, a->bytes, 4);
		memcpy(ss, &four, sizeof(four));
	}
}

socklen_t netaddr_len(const struct sockaddr_storage *ss)
{
	switch (ss->ss_family) {
	case AF_INET:
		return sizeof(struct sockaddr_in);
	case AF_UNIX:
		return sizeof(struct sockaddr_un);
	default:
		return sizeof(struct sockaddr_in6);
	}
}

void netaddr_unix(struct sockaddr_storage *ss, const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	memset(ss, 0, sizeof(*ss));
	memcpy(ss, &un, sizeof(un));
}
