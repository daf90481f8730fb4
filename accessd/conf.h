/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * conf - accessd's configuration file.
 */
#ifndef FARLAN_ACCESSD_CONF_H
#define FARLAN_ACCESSD_CONF_H

#include "common/io/opt.h"

#define CONF_FILE "/etc/farlan/accessd.conf"
#define CONF_SOCKET "/run/farlan/accessd.sock"

struct conf {
	char state[200], socket[108];
	struct opt_listens listen;
	long session_hours, login_hours;
};

/** conf_load() - Return: 0; -ENOENT; -EINVAL, *error says why; -errno. */
int conf_load(struct conf *c, const char *path, char error[OPT_ERROR_SIZE]) __attribute__((warn_unused_result));
void conf_defaults(struct conf *c);
void conf_print(const struct conf *c);
/** conf_listen_text() - "443, 80, 5935". */
void conf_listen_text(const struct conf *c, char *out, size_t out_size);

#endif
