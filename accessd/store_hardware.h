/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * store_hardware - which domain a machine belongs to: the one that it was enrolled into first,
 * until that releases it; also when the device was revoked or removed there. A machine is known by
 * hashes of its hardware, and by the keys that it had.
 */
#ifndef FARLAN_STORE_HARDWARE_H
#define FARLAN_STORE_HARDWARE_H

#include "accessd/store.h"
#include "common/pure/hardware.h"

/* Whose a machine is. */
struct store_hardware {
	int64_t domain, device;	    /* device: 0: it was removed */
	char name[STORE_NAME_SIZE]; /* of the device, then */
	int64_t since;
	int64_t marks; /* store_hardware_of(): how many hashes of hardware */
};

/** store_hardware_foreign() - is one of these, or this key, bound to another domain than @domain?
 * Return: 0, *x is the first one; -ENOENT no; -EIO. */
int store_hardware_foreign(struct store *s, int64_t domain, const struct hardware *h,
			   const uint8_t key_sha256[X509_SPKI_SHA256_BYTES],
			   struct store_hardware *x) __attribute__((warn_unused_result));
/** store_key_foreign() - has anybody of another domain than @domain this key? Return: 0; -ENOENT;
 * -EIO. */
int store_key_foreign(struct store *s, int64_t domain,
		      const uint8_t key_sha256[X509_SPKI_SHA256_BYTES])
	__attribute__((warn_unused_result));
/** store_hardware_bind() - all of them, and the key, to this device's domain. Those that it has
 * already tell of this device from now on. */
int store_hardware_bind(struct store *s, const struct store_member *device,
			const struct hardware *h, const uint8_t key_sha256[X509_SPKI_SHA256_BYTES],
			int64_t now) __attribute__((warn_unused_result));
/** store_hardware_of() - of a device of this name, also of one that was removed. Return: 0; -ENOENT
 * it is not bound; -EIO. */
int store_hardware_of(struct store *s, int64_t domain, const char *name, struct store_hardware *x)
	__attribute__((warn_unused_result));
/** store_hardware_release() - Return: 0; -ENOENT nothing is bound by this name; -EIO. */
int store_hardware_release(struct store *s, int64_t domain, const char *name)
	__attribute__((warn_unused_result));

#endif
