/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vpnd/hardware.h"

#include <dirent.h>
#include <limits.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/file.h"
#include "common/io/log.h"
#include "common/io/x509.h"

#define FILE_MAX_BYTES 4096 /* files of sysfs say that they have a page */
#define MACS_MAX 64

/* What firmware says, the surest first. The last part of the path is its name among the credentials
 * of the unit (systemd.exec(5)), as only root may read most of these. */
static const struct {
	const char *kind, *path;
} FIRMWARE[] = {
	{"serial", "/sys/firmware/devicetree/base/serial-number"},
	{"uuid", "/sys/class/dmi/id/product_uuid"},
	{"product", "/sys/class/dmi/id/product_serial"},
	{"board", "/sys/class/dmi/id/board_serial"},
};

static void add_value(struct hardware *h, const char *kind, const char *value)
{
	char text[HARDWARE_TEXT_SIZE];
	uint8_t mark[HARDWARE_MARK_BYTES];
	size_t n = hardware_text(kind, value, text);

	x509_sha256((const uint8_t *)text, n, mark);
	hardware_add(h, mark);
}

static bool read_value(const char *path, char value[HARDWARE_VALUE_SIZE])
{
	uint8_t *bytes;
	bool ok;
	size_t n;

	if (file_read(path, FILE_MAX_BYTES, &bytes, &n) != 0)
		return false;
	ok = hardware_value(bytes, n, value);
	free(bytes);
	return ok;
}

static void add_firmware(struct hardware *h, const char *root)
{
	const char *given = getenv("CREDENTIALS_DIRECTORY"); /* NOLINT(concurrency-mt-unsafe) */
	char path[PATH_MAX], value[HARDWARE_VALUE_SIZE];

	for (size_t i = 0; i < sizeof(FIRMWARE) / sizeof(FIRMWARE[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", root, FIRMWARE[i].path);
		if (read_value(path, value)) {
			add_value(h, FIRMWARE[i].kind, value);
			continue;
		}
		snprintf(path, sizeof(path), "%s%s", given ? given : "",
			 strrchr(FIRMWARE[i].path, '/'));
		if (given && read_value(path, value))
			add_value(h, FIRMWARE[i].kind, value);
	}
}

/* --- network devices ------------------------------------------------------------------------- */

static bool read_number(const char *root, const char *device, const char *what, long want)
{
	char path[PATH_MAX];
	uint8_t *bytes;
	bool ok;
	size_t n;

	snprintf(path, sizeof(path), "%s/sys/class/net/%s/%s", root, device, what);
	if (file_read(path, FILE_MAX_BYTES, &bytes, &n) != 0)
		return false;
	ok = n > 0 && strtol((const char *)bytes, NULL, 10) == want;
	free(bytes);
	return ok;
}

/* On a bus of this machine; what is at USB may be at another one tomorrow. */
static bool is_built_in(const char *root, const char *device)
{
	char path[PATH_MAX], real[PATH_MAX];

	snprintf(path, sizeof(path), "%s/sys/class/net/%s/device", root, device);
	return realpath(path, real) && !strstr(real, "/usb");
}

struct macs {
	size_t n;
	uint8_t at[MACS_MAX][6];
};

static void take_mac(struct macs *macs, const char *root, const char *device)
{
	uint8_t *bytes, *mac = macs->at[macs->n];
	char path[PATH_MAX];
	size_t n;

	/* addr_assign_type 0: as it came with the device (if_link.h). */
	if (macs->n == MACS_MAX || !is_built_in(root, device) ||
	    !read_number(root, device, "type", ARPHRD_ETHER) ||
	    !read_number(root, device, "addr_assign_type", 0))
		return;
	snprintf(path, sizeof(path), "%s/sys/class/net/%s/address", root, device);
	if (file_read(path, FILE_MAX_BYTES, &bytes, &n) != 0)
		return;
	if (sscanf((const char *)bytes, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", &mac[0], &mac[1],
		   &mac[2], &mac[3], &mac[4], &mac[5]) == 6 &&
	    hardware_mac_ok(mac))
		macs->n++;
	free(bytes);
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, 6);
}

/* The lowest: the same ones each time, in whatever order the kernel found them. */
static void add_macs(struct hardware *h, const char *root)
{
	struct macs macs = {.n = 0};
	const struct dirent *e;
	char path[PATH_MAX];
	DIR *dir;

	snprintf(path, sizeof(path), "%s/sys/class/net", root);
	dir = opendir(path);
	if (!dir)
		return;
	while ((e = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe): a stream of our own */
		if (e->d_name[0] != '.')
			take_mac(&macs, root, e->d_name);
	}
	closedir(dir);
	qsort(macs.at, macs.n, sizeof(macs.at[0]), by_bytes);
	for (size_t i = 0; i < macs.n; i++) {
		const uint8_t *m = macs.at[i];
		char text[18];

		snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2],
			 m[3], m[4], m[5]);
		add_value(h, "mac", text);
	}
}

void hardware_read(struct hardware *h, const char *from, const char *root)
{
	char value[HARDWARE_VALUE_SIZE];

	memset(h, 0, sizeof(*h));
	if (strcmp(from, "none") == 0)
		return;
	if (strcmp(from, "auto") == 0) {
		add_firmware(h, root);
		add_macs(h, root);
	} else if (read_value(from, value)) {
		add_value(h, "file", value);
	} else {
		log_warn("hardware-id: nothing that tells this machine from others file=\"%s\"",
			 from);
	}
	log_info("this machine is known by %zu marks hardware-id=%s", h->n, from);
}
