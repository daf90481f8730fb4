/* SPDX-License-Identifier: GPL-3.0-or-later */
/* backup and restore. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/sha256.h>

#include "accessd/accessctl.h"
#include "accessd/backup.h"
#include "accessd/conf.h"
#include "accessd/restore.h"
#include "common/io/log.h"
#include "common/io/tls.h"
#include "common/pure/text.h"

/* --- backup ---------------------------------------------------------------------------------- */

struct fetch {
	struct accessctl *a;
	int64_t number, bytes, got;
	const char *sha256;
	int fd;
	wc_Sha256 hash;
};

static int failed(const char *what, int error)
{
	fprintf(stderr, "accessctl: %s: %s\n", what, strerror(error));
	return CTL_FAILED;
}

static int write_all(int fd, const uint8_t *bytes, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, bytes, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		bytes += done;
		n -= (size_t)done;
	}
	return 0;
}

/* Return: an exit code; *n 0 at the end. */
static int fetch_piece(struct fetch *f, size_t *n)
{
	uint8_t *bytes = malloc(BACKUP_PIECE_BYTES);
	json_t *o = accessctl_ask(f->a, "backup.read",
				  json_pack("{s:I, s:I}", "number", (json_int_t)f->number, "offset",
					    (json_int_t)f->got));
	int rc = o ? CTL_OK : CTL_FAILED, error = 0;

	if (rc == CTL_OK && (!bytes || !rpc_bytes(o, "bytes", bytes, BACKUP_PIECE_BYTES, n)))
		rc = accessctl_strange();
	if (rc == CTL_OK && wc_Sha256Update(&f->hash, bytes, (word32)*n) != 0)
		rc = accessctl_strange();
	if (rc == CTL_OK)
		error = write_all(f->fd, bytes, *n);
	if (error)
		rc = failed("the backup cannot be written", -error);
	f->got += rc == CTL_OK ? (int64_t)*n : 0;
	if (bytes)
		explicit_bzero(bytes, BACKUP_PIECE_BYTES);
	free(bytes);
	json_decref(o);
	return rc;
}

static int fetch_all(struct fetch *f)
{
	uint8_t digest[BACKUP_SHA256_BYTES];
	char hex[TEXT_HEX_SIZE(BACKUP_SHA256_BYTES)];
	size_t n = 1;
	int rc = wc_InitSha256(&f->hash) == 0 ? CTL_OK : CTL_FAILED;

	while (rc == CTL_OK && n > 0)
		rc = fetch_piece(f, &n);
	if (rc != CTL_OK)
		return rc;
	if (wc_Sha256Final(&f->hash, digest) != 0 ||
	    text_hex_encode(hex, sizeof(hex), digest, sizeof(digest)) != 0 ||
	    strcmp(hex, f->sha256) != 0 || f->got != f->bytes) {
		fputs("accessctl: what came is not what accessd has sent: try again\n", stderr);
		return CTL_FAILED;
	}
	return CTL_OK;
}

/* Under another name first: what has the name is whole. */
static int fetch_to_file(struct fetch *f, const char *file)
{
	char part[PATH_MAX];
	int rc;

	if (snprintf(part, sizeof(part), "%s.part-%d", file, (int)getpid()) >= (int)sizeof(part))
		return failed(file, ENAMETOOLONG);
	f->fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (f->fd < 0)
		return failed(part, errno);
	rc = fetch_all(f);
	if (rc == CTL_OK && fsync(f->fd) != 0)
		rc = failed(part, errno);
	if (close(f->fd) != 0 && rc == CTL_OK)
		rc = failed(part, errno);
	if (rc == CTL_OK && rename(part, file) != 0)
		rc = failed(file, errno);
	if (rc != CTL_OK)
		(void)unlink(part);
	return rc;
}

static int fetch(struct accessctl *a, const char *file, const json_t *made)
{
	struct fetch f = {.a = a};
	bool to_output = strcmp(file, "-") == 0;
	json_t *gone;
	int rc;

	if (!rpc_int(made, "number", 1, INT64_MAX, &f.number) ||
	    !rpc_int(made, "bytes", 0, INT64_MAX, &f.bytes) || !rpc_str(made, "sha256", &f.sha256))
		return accessctl_strange();
	f.fd = STDOUT_FILENO;
	rc = to_output ? fetch_all(&f) : fetch_to_file(&f, file);
	gone = accessctl_ask(a, "backup.drop", json_pack("{s:I}", "number", (json_int_t)f.number));
	json_decref(gone);
	if (rc != CTL_OK)
		return rc;
	if (a->json && !to_output) {
		json_dumpf(made, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		fprintf(stderr, "Backup of %lld bytes, SHA-256 %s. It holds the domain's keys.\n",
			(long long)f.bytes, f.sha256);
	}
	return CTL_OK;
}

static int backup(struct accessctl *a)
{
	const char *file = accessctl_word(a, 0);
	json_t *made;
	int rc;

	if (strcmp(file, "-") == 0 && isatty(STDOUT_FILENO))
		return accessctl_usage(a, "a backup is nothing for a terminal");
	made = accessctl_ask(a, "backup.make", NULL);
	if (!made)
		return CTL_FAILED;
	rc = fetch(a, file, made);
	json_decref(made);
	return rc;
}

/* --- restore --------------------------------------------------------------------------------- */

struct told {
	const struct accessctl *a;
	json_t *list;
};

static void on_said(void *arg, const char *check, bool ok, const char *words)
{
	struct told *t = arg;

	if (t->a->json)
		json_array_append_new(t->list, json_pack("{s:s, s:b, s:s}", "check", check, "ok",
							 ok, "words", words));
	else
		printf("%-10s  %-6s  %s\n", check, ok ? "ok" : "WRONG", words);
}

/* Where accessd has its state: said, or in its configuration, or where it is by default. */
static int find_state(struct accessctl *a, struct conf *conf)
{
	const char *config = accessctl_text(a, "--config");
	char error[OPT_ERROR_SIZE];
	int rc = opt_load(config ? config : CONF_FILE, CONF_TABLE, CONF_TABLE_N, conf, error);

	if (rc == -ENOENT && !config) {
		opt_defaults(CONF_TABLE, CONF_TABLE_N, conf);
		rc = 0;
	}
	if (rc)
		fprintf(stderr, "accessctl: %s\n",
			error[0] ? error : "accessd's configuration is wrong: accessd -n");
	return rc ? CTL_FAILED : CTL_OK;
}

static int verify_only(const char *file, struct told *t)
{
	char dir[] = "/tmp/farlan-restore-XXXXXX";
	const char *made = mkdtemp(dir);
	int rc;

	if (!made)
		return -errno;
	rc = restore_verify(file, made, on_said, t);
	(void)rmdir(made);
	return rc;
}

static int conclude(struct accessctl *a, struct told *t, int rc, bool verify, const char *kept)
{
	if (a->json) {
		json_t *o = json_pack("{s:O, s:b}", "checks", t->list, "ok", rc == 0);

		if (!verify && kept[0])
			json_object_set_new(o, "kept", json_string(kept));
		json_dumpf(o, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(o);
	} else if (rc == 0 && verify) {
		puts("It can be restored.");
	} else if (rc == 0) {
		printf("Restored.%s%s\nNow start accessd.\n", kept[0] ? " What was there: " : "",
		       kept);
	}
	if (rc)
		fputs(verify ? "accessctl: it cannot be restored\n"
			     : "accessctl: nothing was restored\n",
		      stderr);
	return rc ? CTL_FAILED : CTL_OK;
}

static int restore(struct accessctl *a)
{
	static struct conf conf;
	bool verify = accessctl_flag(a, "--verify");
	struct told t = {.a = a, .list = json_array()};
	char kept[PATH_MAX] = "";
	int rc = verify ? CTL_OK : find_state(a, &conf);

	if (rc != CTL_OK)
		return rc;
	log_init(LOG_ERROR); /* what is wrong is said */
	if (tls_global_init() != 0)
		return failed("the TLS library does not start", EIO);
	rc = verify ? verify_only(accessctl_word(a, 0), &t)
		    : restore_install(accessctl_word(a, 0), conf.state, on_said, &t, kept);
	tls_global_deinit();
	rc = conclude(a, &t, rc, verify, kept);
	json_decref(t.list);
	return rc;
}

static const struct accessctl_option RESTORE[] = {
	{"--verify", NULL, ACCESSCTL_FLAG, "only look at it; accessd may run"},
	{"--config", "FILE", ACCESSCTL_TEXT, "accessd's configuration: where its state is"},
	{NULL, NULL, 0, NULL},
};

const struct accessctl_command ACCESSCTL_BACKUP[] = {
	{.words = "backup",
	 .operands = "FILE",
	 .help = "Copy the whole database, keys included",
	 .more = "accessd goes on meanwhile. The file (mode 0600) holds the keys of all domains:\n"
		 "keep it like them. - is standard output.\n",
	 .examples = "backup /var/backups/farlan-$(date +%F).db\n"
		     "backup - | age -r KEY >farlan.age\n",
	 .run = backup},
	{.words = "restore",
	 .operands = "FILE",
	 .options = RESTORE,
	 .help = "Put a backup in the database's place",
	 .more = "It is checked first: whole, references, keys, audit chain. accessd must not "
		 "run;\n"
		 "the old database is kept beside the new one. Sessions that ran are over.\n",
	 .examples = "restore /var/backups/farlan-2026-11-30.db --verify\n"
		     "restore /var/backups/farlan-2026-11-30.db\n",
	 .run = restore,
	 .alone = true},
	{.words = NULL},
};
