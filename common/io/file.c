/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* Read until @size bytes or the end. Return: 0; -errno. */
static int read_upto(int fd, uint8_t *out, size_t size, size_t *n)
{
	*n = 0;
	while (*n < size) {
		ssize_t r = read(fd, out + *n, size - *n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			break;
		*n += (size_t)r;
	}
	return 0;
}

int file_read(const char *path, size_t max, uint8_t **bytes, size_t *n)
{
	uint8_t *mem = NULL;
	size_t len = 0;
	int fd, r;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* One byte more than allowed shows that there is more; the NUL takes its place else. */
	mem = malloc(max + 1);
	r = mem ? read_upto(fd, mem, max + 1, &len) : -ENOMEM;
	if (r == 0 && len > max)
		r = -EFBIG;
	close(fd);
	if (r != 0) {
		if (mem)
			explicit_bzero(mem, len);
		free(mem);
		return r;
	}
	mem[len] = '\0';
	*bytes = mem;
	*n = len;
	return 0;
}

static int write_all(int fd, const uint8_t *bytes, size_t n)
{
	while (n > 0) {
		ssize_t r = write(fd, bytes, n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		bytes += r;
		n -= (size_t)r;
	}
	return 0;
}

static int write_new(int fd, const void *bytes, size_t n, mode_t mode)
{
	int r;

	if (fchmod(fd, mode) < 0)
		return -errno;
	r = write_all(fd, bytes, n);
	if (r != 0)
		return r;
	return fsync(fd) < 0 ? -errno : 0;
}

/* The folder that holds @path, "." for a bare name. From malloc. */
static char *parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return strdup(".");
	return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

static int sync_parent(const char *path)
{
	char *parent = parent_of(path);
	int fd, r = 0;

	if (!parent)
		return -ENOMEM;
	fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(parent);
	if (fd < 0)
		return -errno;
	/* Some file systems have no fsync for folders. */
	if (fsync(fd) < 0 && errno != EINVAL && errno != ENOTSUP)
		r = -errno;
	close(fd);
	return r;
}

int file_replace(const char *path, const void *bytes, size_t n, mode_t mode)
{
	char *tmp;
	int fd, r;

	if (asprintf(&tmp, "%s.XXXXXX", path) < 0)
		return -ENOMEM;
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0) {
		r = -errno;
		free(tmp);
		return r;
	}
	r = write_new(fd, bytes, n, mode);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && rename(tmp, path) < 0)
		r = -errno;
	if (r != 0)
		unlink(tmp);
	free(tmp);
	return r != 0 ? r : sync_parent(path);
}

static int make_dir(const char *path, mode_t mode)
{
	struct stat st;
	int r;

	if (mkdir(path, mode) == 0)
		return 0;
	/* The error may be another than EEXIST for a folder that is there, on a read-only one for
	 * example. */
	r = -errno;
	if (stat(path, &st) < 0)
		return r;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int file_mkdirs(const char *path, mode_t mode)
{
	char *copy = strdup(path), *at;
	int r = 0;

	if (!copy)
		return -ENOMEM;
	for (at = copy; r == 0 && *at; at++) {
		if (*at != '/' || at == copy)
			continue;
		*at = '\0';
		r = make_dir(copy, mode);
		*at = '/';
	}
	if (r == 0)
		r = make_dir(copy, mode);
	free(copy);
	return r;
}

void file_random(void *out, size_t n)
{
	uint8_t *at = out;

	while (n > 0) {
		ssize_t r = getrandom(at, n, 0);

		if (r < 0 && errno != EINTR)
			abort();
		if (r > 0) {
			at += r;
			n -= (size_t)r;
		}
	}
}
