/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * permit - what somebody may be allowed to do, each by itself. Pure.
 */
#ifndef FARLAN_PERMIT_H
#define FARLAN_PERMIT_H

enum permission {
	PERMIT_ADMINISTER,	 /* all below but connect, and permissions themselves */
	PERMIT_USERS,		 /* users and groups */
	PERMIT_DEVICES,		 /* folders and devices */
	PERMIT_INSTALL,		 /* invitations of devices */
	PERMIT_CONNECT,		 /* sessions with a device */
	PERMIT_FIREWALL,	 /* what sessions may do */
	PERMIT_VIEW_CONNECTIONS, /* who was where */
	PERMIT_VIEW_OPERATIONS,	 /* who changed what */
};

#define PERMISSIONS (PERMIT_VIEW_OPERATIONS + 1)

/** permit_name() - "administer", "manage-users" ... */
const char *permit_name(enum permission p);

#endif
