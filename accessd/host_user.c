/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/host_user.h"

#include <pwd.h>
#include <stdio.h>

#define PASSWD "/etc/passwd"
#define LINE_SIZE 1024

void host_user_name(uid_t uid, char *out, size_t out_size)
{
	FILE *f = fopen(PASSWD, "re");
	struct passwd pw, *found = NULL;
	char line[LINE_SIZE];

	snprintf(out, out_size, "%u", (unsigned int)uid);
	if (!f)
		return;
	while (fgetpwent_r(f, &pw, line, sizeof(line), &found) == 0 && found) {
		if (found->pw_uid != uid)
			continue;
		snprintf(out, out_size, "%s", found->pw_name);
		break;
	}
	(void)fclose(f);
}
