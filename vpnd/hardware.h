/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hardware - which machine this is, for enrolment: hashes of what its firmware and its network
 * devices say. A device belongs to the domain that it was enrolled into first, and a thief can wipe
 * its disk.
 */
#ifndef FARLAN_VPND_HARDWARE_H
#define FARLAN_VPND_HARDWARE_H

#include "common/pure/hardware.h"

/**
 * hardware_read() - @from: auto: serial numbers and UUID of firmware (SMBIOS, device tree),
 * addresses of built-in network devices; none; or a file whose content takes the place of all that.
 * @root: "", or where /sys is looked for (tests). What cannot be read is left out.
 */
void hardware_read(struct hardware *h, const char *from, const char *root);

#endif
