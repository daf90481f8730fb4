/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/pure/recovery.h"

#include <ctype.h>
#include <string.h>

#include "accessd/pure/totp.h"

#define GROUP 4

void recovery_format(const uint8_t bytes[RECOVERY_BYTES], char out[RECOVERY_TEXT_SIZE])
{
	char plain[TOTP_BASE32_SIZE(RECOVERY_BYTES)];
	size_t at = 0;

	(void)!totp_base32(plain, sizeof(plain), bytes, RECOVERY_BYTES); /* it fits */
	for (size_t i = 0; plain[i]; i++) {
		if (i > 0 && i % GROUP == 0)
			out[at++] = '-';
		out[at++] = (char)tolower((unsigned char)plain[i]);
	}
	out[at] = '\0';
	explicit_bzero(plain, sizeof(plain));
}

void recovery_plain(const char *typed, char *out, size_t out_size)
{
	size_t at = 0;

	for (; *typed; typed++) {
		if (*typed == ' ' || *typed == '-')
			continue;
		if (at + 1 == out_size) {
			at = 0;
			break;
		}
		out[at++] = (char)toupper((unsigned char)*typed);
	}
	out[at] = '\0';
}

bool recovery_is(const char *plain)
{
	if (strlen(plain) != RECOVERY_PLAIN_SIZE - 1)
		return false;
	for (; *plain; plain++) {
		if (!(*plain >= 'A' && *plain <= 'Z') && !(*plain >= '2' && *plain <= '7'))
			return false;
	}
	return true;
}
