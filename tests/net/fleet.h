/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fleet.h - a domain's members with their keys, in a file: what fleet_enrol makes for fleet.
 *
 *   header, then one record for each: the relay, the managers, the devices
 */
#ifndef FARLAN_TESTS_FLEET_H
#define FARLAN_TESTS_FLEET_H

#include "common/io/x509.h"
#include "common/pure/url.h"

#define FLEET_MAX 50000
#define FLEET_RELAYS 1
#define FLEET_NAME_SIZE 16

struct fleet_header {
	size_t n_managers, n_devices;
	struct url url; /* of the Access Server: an address */
	struct x509_cert ca;
};

struct fleet_record {
	struct ident id;
	char name[FLEET_NAME_SIZE];
	struct x509_key key;
	struct x509_cert cert;
};

#endif
