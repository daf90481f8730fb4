/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "accessd/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "accessd/audit_check.h"
#include "accessd/domain.h"
#include "accessd/store_backup.h"
#include "accessd/store_realms.h"
#include "common/io/file.h"

#define DOMAINS_MAX 1024
#define COPY_BYTES 65536
#define RESTORED "the server was restored from a backup"

struct restoring {
	restore_said_fn *said;
	void *arg;
	bool bad;
	char dir[PATH_MAX];  /* where the copy is */
	struct store *store; /* the copy */
};

static void say(struct restoring *r, const char *check, bool ok, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void say(struct restoring *r, const char *check, bool ok, const char *fmt, ...)
{
	char words[RESTORE_WORDS_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	r->bad = r->bad || !ok;
	r->said(r->arg, check, ok, words);
}

/* --- the copy -------------------------------------------------------------------------------- */

static int copy_bytes(int from, int to)
{
	char *buf = malloc(COPY_BYTES);
	ssize_t n = -1;
	int rc = 0;

	if (!buf)
		return -ENOMEM;
	while (rc == 0 && (n = read(from, buf, COPY_BYTES)) > 0) {
		for (ssize_t at = 0, done; rc == 0 && at < n; at += done) {
			done = write(to, buf + at, (size_t)(n - at));
			if (done < 0) {
				rc = -errno;
				done = 0;
			}
		}
	}
	if (rc == 0 && n < 0)
		rc = -errno;
	explicit_bzero(buf, COPY_BYTES);
	free(buf);
	return rc ? rc : (fsync(to) == 0 ? 0 : -errno);
}

static int copy_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC), out, rc;

	if (in < 0)
		return -errno;
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	rc = out < 0 ? -errno : copy_bytes(in, out);
	if (out >= 0 && close(out) != 0 && rc == 0)
		rc = -EIO;
	close(in);
	return rc;
}

static int path_in(char out[PATH_MAX], const char *dir, const char *name)
{
	return snprintf(out, PATH_MAX, "%s/%s", dir, name) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static void remove_in(const char *dir, const char *name)
{
	char path[PATH_MAX];

	if (path_in(path, dir, name) == 0)
		(void)unlink(path);
}

static void remove_copy(struct restoring *r)
{
	static const char *const names[] = {STORE_DB_FILE, STORE_DB_FILE "-wal",
					    STORE_DB_FILE "-shm", STORE_DB_FILE "-journal", "lock"};

	store_close(r->store);
	r->store = NULL;
	for (size_t i = 0; r->dir[0] && i < sizeof(names) / sizeof(names[0]); i++)
		remove_in(r->dir, names[i]);
	if (r->dir[0])
		(void)rmdir(r->dir);
	r->dir[0] = '\0';
}

static int make_copy(struct restoring *r, const char *file, const char *dir)
{
	char path[PATH_MAX];
	int rc = path_in(r->dir, dir, "restore-XXXXXX");

	if (rc == 0 && !mkdtemp(r->dir)) {
		rc = -errno;
		r->dir[0] = '\0';
	}
	if (rc == 0)
		rc = path_in(path, r->dir, STORE_DB_FILE);
	if (rc == 0)
		rc = copy_file(file, path);
	if (rc)
		say(r, "file", false, "%s: %s", file, strerror(-rc));
	return rc;
}

/* --- what is looked at ------------------------------------------------------------------------ */

/* Before anything is changed in it: is it whole, and not of a newer accessd? */
static int check_file(struct restoring *r)
{
	char path[PATH_MAX], words[STORE_REASON_SIZE];
	int rc = path_in(path, r->dir, STORE_DB_FILE), version = 0, known = 0;
	struct store *s;

	if (rc == 0)
		rc = store_reader(&s, path);
	if (rc)
		return rc;
	rc = store_version_of(s, &version, &known);
	if (rc || version == 0) {
		say(r, "file", false, "it is no database of accessd");
		rc = -EBADMSG;
	} else if (version > known) {
		say(r, "version", false,
		    "it is of a newer accessd: its schema is %d, this one's %d", version, known);
		rc = -EBADMSG;
	} else if (store_sound(s, words) != 0) {
		say(r, "file", false, "it is damaged: %s", words);
		rc = -EBADMSG;
	} else {
		say(r, "file", true, "whole; its schema is %d of %d", version, known);
	}
	store_close(s);
	return rc;
}

static bool is_key_of(const struct x509_key *key, const struct x509_cert *cert)
{
	uint8_t spki[128], hash[X509_SPKI_SHA256_BYTES];
	struct x509_info info;
	size_t n;

	if (x509_spki(key, spki, sizeof(spki), &n) != 0 ||
	    x509_parse(&info, cert->der, cert->len) != 0)
		return false;
	x509_sha256(spki, n, hash);
	return memcmp(hash, info.spki_sha256, sizeof(hash)) == 0;
}

/* What is signed with the one is good by the other. */
static bool is_token_pair(const struct store_domain *d)
{
	static const uint8_t nonce[STAMP_NONCE_BYTES];
	uint8_t signature[SIGNATURE_BYTES];

	return stamp_sign(signature, d->token_secret, d->name, nonce, 1) == 0 &&
	       stamp_check(signature, d->token_public, d->name, nonce, 1) == 0;
}

static void check_keys(struct restoring *r, const struct store_domain *d)
{
	if (!is_key_of(&d->ca_key, &d->ca))
		say(r, "keys", false, "%s: the CA's key is not that of its certificate", d->name);
	else if (!is_key_of(&d->access_key, &d->access_cert) ||
		 x509_verify(d->access_cert.der, d->access_cert.len, &d->ca, false) != 0)
		say(r, "keys", false, "%s: the server's identity is not by the domain's CA",
		    d->name);
	else if (!is_token_pair(d))
		say(r, "keys", false, "%s: the halves of the token key do not fit", d->name);
	else
		say(r, "keys", true, "%s: they fit", d->name);
}

static void check_audit(struct restoring *r, int64_t domain, const struct x509_cert *cert,
			const char *name)
{
	struct audit_check c = {.domain = domain};
	uint64_t lost = 0;
	int rc;

	if (cert)
		c.cert = *cert;
	do {
		rc = audit_check_piece(r->store, &c);
	} while (rc == 0 && c.more && !c.fault_seq);
	if (rc == 0 && !c.fault_seq)
		rc = audit_check_rest(r->store, &c, &lost);
	if (rc)
		say(r, "audit", false, "%s: it cannot be read", name);
	else if (c.fault_seq)
		say(r, "audit", false, "%s: record %lld: %s", name, (long long)c.fault_seq,
		    c.fault);
	else
		say(r, "audit", true, "%s: unbroken up to record %lld", name, (long long)c.seq);
}

static void check_domains(struct restoring *r)
{
	int64_t ids[DOMAINS_MAX];
	struct store_domain *d = calloc(1, sizeof(*d));
	size_t n = 0;

	if (!d || store_domain_ids(r->store, ids, DOMAINS_MAX, &n) != 0)
		say(r, "keys", false, "the domains cannot be read");
	else if (n == 0)
		say(r, "keys", true, "there is no domain in it");
	for (size_t i = 0; d && i < n && i < DOMAINS_MAX; i++) {
		if (store_domain_get(r->store, ids[i], d) != 0) {
			say(r, "keys", false, "a domain cannot be read");
			continue;
		}
		check_keys(r, d);
		check_audit(r, d->id, &d->access_cert, d->name);
	}
	check_audit(r, 0, NULL, "the server's own");
	if (d)
		explicit_bzero(d, sizeof(*d));
	free(d);
}

static int check_copy(struct restoring *r)
{
	char table[STORE_NAME_SIZE];
	int rc = check_file(r);

	if (rc)
		return rc;
	/* Brings it up to date. */
	rc = store_open(&r->store, r->dir);
	if (rc) {
		say(r, "version", false, "it cannot be brought up to date: %s", strerror(-rc));
		return -EBADMSG;
	}
	rc = store_references(r->store, table);
	if (rc == -EBADMSG)
		say(r, "references", false, "a row of %s names what is not there", table);
	else if (rc)
		return rc;
	else
		say(r, "references", true, "all that is named is there");
	check_domains(r);
	return r->bad ? -EBADMSG : 0;
}

int restore_verify(const char *file, const char *dir, restore_said_fn *said, void *arg)
{
	struct restoring r = {.said = said, .arg = arg};
	int rc = make_copy(&r, file, dir);

	if (rc == 0)
		rc = check_copy(&r);
	remove_copy(&r);
	return rc;
}

/* --- its place ------------------------------------------------------------------------------- */

/* The database's owner is the folder's: who restores it may be root. */
static int give(const char *path, const char *state)
{
	struct stat st;

	if (stat(state, &st) != 0)
		return -errno;
	if (geteuid() != 0 || (st.st_uid == 0 && st.st_gid == 0))
		return 0;
	return lchown(path, st.st_uid, st.st_gid) == 0 ? 0 : -errno;
}

static int hold_lock(const char *state, int *fd)
{
	char path[PATH_MAX];
	int rc = path_in(path, state, "lock");

	if (rc)
		return rc;
	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*fd < 0)
		return -errno;
	rc = flock(*fd, LOCK_EX | LOCK_NB) == 0 ? give(path, state) : -EBUSY;
	if (rc)
		close(*fd);
	return rc;
}

/* Its companions go with it: without them it may be older than it was. */
static int keep_old(const char *state, char kept[PATH_MAX])
{
	static const char *const ends[] = {"-wal", "-shm", ""};
	char from[PATH_MAX], to[PATH_MAX], when[24];
	time_t now = (time_t)clock_wall_s();
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &tm);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (snprintf(from, sizeof(from), "%s/" STORE_DB_FILE "%s", state, ends[i]) >=
			    PATH_MAX ||
		    snprintf(to, sizeof(to), "%s/" STORE_DB_FILE ".before-%s%s", state, when,
			     ends[i]) >= PATH_MAX)
			return -ENAMETOOLONG;
		if (rename(from, to) == 0)
			snprintf(kept, PATH_MAX, "%s", to);
		else if (errno != ENOENT)
			return -errno;
	}
	return 0;
}

static int sync_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	if (fd < 0)
		return -errno;
	rc = fsync(fd) == 0 ? 0 : -errno;
	close(fd);
	return rc;
}

/* "UID FILE". */
static int leave_mark(const char *file, const char *state)
{
	const char *name = strrchr(file, '/');
	char path[PATH_MAX], text[RESTORE_WORDS_SIZE];
	int rc = path_in(path, state, RESTORE_MARK);

	snprintf(text, sizeof(text), "%u %.255s", (unsigned)getuid(), name ? name + 1 : file);
	if (rc == 0)
		rc = file_replace(path, text, strlen(text), 0600);
	return rc ? rc : give(path, state);
}

static int put_in_place(struct restoring *r, const char *file, const char *state,
			char kept[PATH_MAX])
{
	char from[PATH_MAX] = "", to[PATH_MAX] = "";
	int rc = store_end_sessions(r->store, clock_wall_s(), RESTORED);

	/* Closed, it is one file. */
	store_close(r->store);
	r->store = NULL;
	if (rc == 0)
		rc = path_in(from, r->dir, STORE_DB_FILE);
	if (rc == 0)
		rc = path_in(to, state, STORE_DB_FILE);
	if (rc == 0)
		rc = give(from, state);
	if (rc == 0)
		rc = leave_mark(file, state);
	if (rc == 0)
		rc = keep_old(state, kept);
	if (rc == 0 && rename(from, to) != 0)
		rc = -errno;
	return rc ? rc : sync_folder(state);
}

int restore_install(const char *file, const char *state, restore_said_fn *said, void *arg,
		    char kept[PATH_MAX])
{
	struct restoring r = {.said = said, .arg = arg};
	int lock = -1, rc = file_mkdirs(state, 0700);

	kept[0] = '\0';
	if (rc == 0)
		rc = hold_lock(state, &lock);
	if (rc) {
		say(&r, "state", false, "%s: %s", state,
		    rc == -EBUSY ? "accessd is running: stop it first" : strerror(-rc));
		return rc;
	}
	rc = make_copy(&r, file, state);
	if (rc == 0)
		rc = check_copy(&r);
	if (rc == 0) {
		rc = put_in_place(&r, file, state, kept);
		if (rc)
			say(&r, "state", false, "%s: %s", state, strerror(-rc));
	}
	remove_copy(&r);
	close(lock);
	return rc;
}
