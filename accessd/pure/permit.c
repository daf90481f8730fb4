/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/pure/permit.h"

const char *permit_name(enum permission p)
{
	switch (p) {
	case PERMIT_ADMINISTER:
		return "administer";
	case PERMIT_USERS:
		return "manage-users";
	case PERMIT_DEVICES:
		return "manage-devices";
	case PERMIT_INSTALL:
		return "install-devices";
	case PERMIT_CONNECT:
		return "connect";
	case PERMIT_FIREWALL:
		return "set-firewall";
	case PERMIT_VIEW_CONNECTIONS:
		return "view-connections";
	case PERMIT_VIEW_OPERATIONS:
		return "view-operations";
	}
	return "unknown";
}
