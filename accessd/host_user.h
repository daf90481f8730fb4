/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FARLAN_HOST_USER_H
#define FARLAN_HOST_USER_H

#include <stddef.h>
#include <sys/types.h>

/** host_user_name() - what /etc/passwd calls a user of this host; his number, if it does not. No
 * directory server is asked, so it does not block for long. */
void host_user_name(uid_t uid, char *out, size_t out_size);

#endif
