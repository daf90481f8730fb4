/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * accessctl - the tool of accessd.
 */
#include "accessd/accessctl.h"

#include <stdio.h>

int main(int argc, char **argv)
{
	struct accessctl a;
	int rc = accessctl_parse(&a, argc, argv);

	if (rc == 0)
		rc = accessctl_run(&a);
	accessctl_release(&a);
	return ctl_finish("accessctl", rc);
}
