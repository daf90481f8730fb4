/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The schema, as a list of steps. A step that was released is never changed: add another.
 */
#include "accessd/sqlite_core.h"

#define STEP_1                                                             \
	"CREATE TABLE domain ("                                            \
	" id INTEGER PRIMARY KEY,"                                         \
	" name TEXT NOT NULL UNIQUE,"                                      \
	" created INTEGER NOT NULL,"                                       \
	" urls TEXT NOT NULL,"                                             \
	" ca_key BLOB NOT NULL,"                                           \
	" ca BLOB NOT NULL,"                                               \
	" token_secret BLOB NOT NULL,"                                     \
	" token_public BLOB NOT NULL,"                                     \
	" access_uid TEXT NOT NULL,"                                       \
	" access_key BLOB NOT NULL,"                                       \
	" access_cert BLOB NOT NULL,"                                      \
	" outer_cert BLOB NOT NULL,"                                       \
	" ula BLOB NOT NULL"                                               \
	") STRICT;"                                                        \
	"CREATE TABLE member ("                                            \
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"                           \
	" domain INTEGER NOT NULL REFERENCES domain ON DELETE CASCADE,"    \
	" kind INTEGER NOT NULL CHECK (kind IN (1, 2, 4)),"                \
	" uid TEXT NOT NULL,"                                              \
	" name TEXT NOT NULL,"                                             \
	" state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2),"           \
	" created INTEGER NOT NULL,"                                       \
	" last_seen INTEGER NOT NULL DEFAULT 0,"                           \
	" version TEXT NOT NULL DEFAULT '',"                               \
	" address TEXT NOT NULL DEFAULT '',"                               \
	" lans TEXT NOT NULL DEFAULT '',"                                  \
	" urls TEXT NOT NULL DEFAULT '',"                                  \
	" UNIQUE (domain, uid),"                                           \
	" UNIQUE (domain, kind, name)"                                     \
	") STRICT;"                                                        \
	"CREATE TABLE password ("                                          \
	" member INTEGER PRIMARY KEY REFERENCES member ON DELETE CASCADE," \
	" cost INTEGER NOT NULL,"                                          \
	" block INTEGER NOT NULL,"                                         \
	" parallel INTEGER NOT NULL,"                                      \
	" salt BLOB NOT NULL,"                                             \
	" hash BLOB NOT NULL"                                              \
	") STRICT;"                                                        \
	"CREATE TABLE endpoint ("                                          \
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"                           \
	" domain INTEGER NOT NULL REFERENCES domain ON DELETE CASCADE,"    \
	" member INTEGER NOT NULL REFERENCES member ON DELETE CASCADE,"    \
	" host INTEGER CHECK (host > 0),"                                  \
	" key_sha256 BLOB,"                                                \
	" expires INTEGER NOT NULL DEFAULT 0,"                             \
	" cert BLOB,"                                                      \
	" UNIQUE (domain, host),"                                          \
	" UNIQUE (member, key_sha256)"                                     \
	") STRICT;"                                                        \
	"CREATE TABLE invite ("                                            \
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"                           \
	" member INTEGER NOT NULL REFERENCES member ON DELETE CASCADE,"    \
	" secret_sha256 BLOB NOT NULL UNIQUE,"                             \
	" created INTEGER NOT NULL,"                                       \
	" expires INTEGER NOT NULL,"                                       \
	" state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 3),"           \
	" key_sha256 BLOB"                                                 \
	") STRICT;"                                                        \
	"CREATE INDEX invite_member ON invite (member);"                   \
	"CREATE TABLE session ("                                           \
	" id TEXT PRIMARY KEY,"                                            \
	" domain INTEGER NOT NULL REFERENCES domain ON DELETE CASCADE,"    \
	" manager INTEGER REFERENCES endpoint ON DELETE SET NULL,"         \
	" device INTEGER REFERENCES endpoint ON DELETE SET NULL,"          \
	" user_member INTEGER REFERENCES member ON DELETE SET NULL,"       \
	" device_member INTEGER REFERENCES member ON DELETE SET NULL,"     \
	" user_name TEXT NOT NULL,"                                        \
	" device_name TEXT NOT NULL,"                                      \
	" manager_lans TEXT NOT NULL,"                                     \
	" serial INTEGER NOT NULL,"                                        \
	" manager_epoch INTEGER NOT NULL,"                                 \
	" device_epoch INTEGER NOT NULL,"                                  \
	" started INTEGER NOT NULL,"                                       \
	" ends INTEGER NOT NULL,"                                          \
	" ended INTEGER NOT NULL DEFAULT 0,"                               \
	" state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2),"           \
	" reason TEXT NOT NULL DEFAULT ''"                                 \
	") STRICT;"                                                        \
	"CREATE INDEX session_state ON session (state, ends);"             \
	"CREATE INDEX session_manager ON session (manager);"               \
	"CREATE INDEX session_device ON session (device);"                 \
	"CREATE INDEX session_user_member ON session (user_member);"       \
	"CREATE INDEX session_device_member ON session (device_member);"   \
	"CREATE TABLE session_relay ("                                     \
	" session TEXT NOT NULL REFERENCES session ON DELETE CASCADE,"     \
	" position INTEGER NOT NULL,"                                      \
	" relay INTEGER NOT NULL REFERENCES member ON DELETE CASCADE,"     \
	" PRIMARY KEY (session, position)"                                 \
	") STRICT;"                                                        \
	"CREATE INDEX session_relay_relay ON session_relay (relay);"

/* wish: 1 this relay first, 2 this relay last. A session_relay with a negative position is one that
 * the session was led away from: its tokens live on. */
#define STEP_2                                                                                    \
	"ALTER TABLE member ADD COLUMN drained INTEGER NOT NULL DEFAULT 0 CHECK (drained IN (0, " \
	"1));"                                                                                    \
	"CREATE TABLE relay_wish ("                                                               \
	" device INTEGER NOT NULL REFERENCES member ON DELETE CASCADE,"                           \
	" relay INTEGER NOT NULL REFERENCES member ON DELETE CASCADE,"                            \
	" wish INTEGER NOT NULL CHECK (wish IN (1, 2)),"                                          \
	" PRIMARY KEY (device, relay)"                                                            \
	") STRICT;"                                                                               \
	"CREATE INDEX relay_wish_relay ON relay_wish (relay);"

/* Limits; what the stations of a session have carried: a row for each stretch of time of each. */
#define STEP_3                                                           \
	"ALTER TABLE member ADD COLUMN rate INTEGER NOT NULL DEFAULT 0;" \
	"CREATE TABLE usage ("                                           \
	" session TEXT NOT NULL REFERENCES session ON DELETE CASCADE,"   \
	" reporter TEXT NOT NULL,"                                       \
	" from_ms INTEGER NOT NULL,"                                     \
	" seq INTEGER NOT NULL,"                                         \
	" kind INTEGER NOT NULL CHECK (kind IN (1, 2, 4)),"              \
	" name TEXT NOT NULL,"                                           \
	" to_ms INTEGER NOT NULL,"                                       \
	" bytes_to_device INTEGER NOT NULL,"                             \
	" bytes_to_manager INTEGER NOT NULL,"                            \
	" packets_to_device INTEGER,"                                    \
	" packets_to_manager INTEGER,"                                   \
	" reason TEXT,"                                                  \
	" PRIMARY KEY (session, reporter, from_ms)"                      \
	") STRICT;"                                                      \
	"CREATE INDEX session_started ON session (started, id);"

/* A rule in each line, in order; NULL: there is no list. */
#define STEP_4 "ALTER TABLE member ADD COLUMN rules TEXT;"

/* Hosts behind a device that have names. */
#define STEP_5                                                          \
	"CREATE TABLE lan_host ("                                       \
	" device INTEGER NOT NULL REFERENCES member ON DELETE CASCADE," \
	" name TEXT NOT NULL,"                                          \
	" family INTEGER NOT NULL CHECK (family IN (4, 6)),"            \
	" address TEXT NOT NULL,"                                       \
	" PRIMARY KEY (device, name, family)"                           \
	") STRICT;"

/* CAs that the domain had, and their words for the next one; which CA a certificate is by ('': the
 * domain's first one); a second token key: with its secret the next one, without it the last one.
 */
#define STEP_6                                                             \
	"CREATE TABLE former_ca ("                                         \
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"                           \
	" domain INTEGER NOT NULL REFERENCES domain ON DELETE CASCADE,"    \
	" key BLOB NOT NULL,"                                              \
	" ca BLOB NOT NULL,"                                               \
	" link BLOB"                                                       \
	") STRICT;"                                                        \
	"CREATE INDEX former_ca_domain ON former_ca (domain);"             \
	"ALTER TABLE endpoint ADD COLUMN issuer TEXT NOT NULL DEFAULT '';" \
	"ALTER TABLE domain ADD COLUMN other_token_secret BLOB;"           \
	"ALTER TABLE domain ADD COLUMN other_token_public BLOB;"           \
	"ALTER TABLE domain ADD COLUMN other_token_since INTEGER NOT NULL DEFAULT 0;"

/* The tree of folders (the root has no parent), groups of users, who may do what where, settings of
 * folders and (without one) of the domain. Everybody could connect everywhere before: domains that
 * are there keep that as a permission. */
#define STEP_7                                                                                    \
	"CREATE TABLE folder ("                                                                   \
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"                                                  \
	" domain INTEGER NOT NULL REFERENCES domain ON DELETE CASCADE,"                           \
	" parent INTEGER REFERENCES folder,"                                                      \
	" name TEXT NOT NULL,"                                                                    \
	" UNIQUE (domain, parent, name)"                                                          \
	") STRICT;"                                                                               \
	"CREATE UNIQUE INDEX folder_root ON folder (domain) WHERE parent IS NULL;"                \
	"CREATE INDEX folder_parent ON folder (parent);"                                          \
	"CREATE TABLE user_group ("                                                               \
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"                                                  \
	" domain INTEGER NOT NULL REFERENCES domain ON DELETE CASCADE,"                           \
	" folder INTEGER NOT NULL REFERENCES folder,"                                             \
	" name TEXT NOT NULL,"                                                                    \
	" everyone INTEGER NOT NULL DEFAULT 0 CHECK (everyone IN (0, 1)),"                        \
	" UNIQUE (domain, name)"                                                                  \
	") STRICT;"                                                                               \
	"CREATE INDEX user_group_folder ON user_group (folder);"                                  \
	"CREATE TABLE group_member ("                                                             \
	" user_group INTEGER NOT NULL REFERENCES user_group ON DELETE CASCADE,"                   \
	" member INTEGER NOT NULL REFERENCES member ON DELETE CASCADE,"                           \
	" PRIMARY KEY (user_group, member)"                                                       \
	") STRICT, WITHOUT ROWID;"                                                                \
	"CREATE INDEX group_member_member ON group_member (member);"                              \
	"CREATE TABLE permission ("                                                               \
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"                                                  \
	" domain INTEGER NOT NULL REFERENCES domain ON DELETE CASCADE,"                           \
	" member INTEGER REFERENCES member ON DELETE CASCADE,"                                    \
	" user_group INTEGER REFERENCES user_group ON DELETE CASCADE,"                            \
	" folder INTEGER REFERENCES folder ON DELETE CASCADE,"                                    \
	" device INTEGER REFERENCES member ON DELETE CASCADE,"                                    \
	" what INTEGER NOT NULL CHECK (what BETWEEN 0 AND 7),"                                    \
	" allow INTEGER NOT NULL CHECK (allow IN (0, 1)),"                                        \
	" CHECK ((member IS NULL) <> (user_group IS NULL)),"                                      \
	" CHECK ((folder IS NULL) <> (device IS NULL))"                                           \
	") STRICT;"                                                                               \
	"CREATE UNIQUE INDEX permission_one ON permission ("                                      \
	" IFNULL(member, 0), IFNULL(user_group, 0), IFNULL(folder, 0), IFNULL(device, 0), what);" \
	"CREATE INDEX permission_member ON permission (member);"                                  \
	"CREATE INDEX permission_group ON permission (user_group);"                               \
	"CREATE INDEX permission_folder ON permission (folder);"                                  \
	"CREATE INDEX permission_device ON permission (device);"                                  \
	"CREATE TABLE setting ("                                                                  \
	" domain INTEGER NOT NULL REFERENCES domain ON DELETE CASCADE,"                           \
	" folder INTEGER REFERENCES folder ON DELETE CASCADE,"                                    \
	" key TEXT NOT NULL,"                                                                     \
	" value TEXT NOT NULL"                                                                    \
	") STRICT;"                                                                               \
	"CREATE UNIQUE INDEX setting_one ON setting (domain, IFNULL(folder, 0), key);"            \
	"CREATE INDEX setting_folder ON setting (folder);"                                        \
	"ALTER TABLE member ADD COLUMN folder INTEGER REFERENCES folder;"                         \
	"CREATE INDEX member_folder ON member (folder);"                                          \
	"INSERT INTO folder (domain, parent, name) SELECT id, NULL, '' FROM domain;"              \
	"INSERT INTO user_group (domain, folder, name, everyone)"                                 \
	" SELECT domain, id, 'everyone', 1 FROM folder;"                                          \
	"INSERT INTO permission (domain, user_group, folder, what, allow)"                        \
	" SELECT domain, id, folder, 4, 1 FROM user_group;"                                       \
	"UPDATE member SET folder = (SELECT id FROM folder WHERE folder.domain = member.domain);" \
	"CREATE TRIGGER domain_tree AFTER INSERT ON domain BEGIN"                                 \
	" INSERT INTO folder (domain, parent, name) VALUES (new.id, NULL, '');"                   \
	" INSERT INTO user_group (domain, folder, name, everyone)"                                \
	"  SELECT domain, id, 'everyone', 1 FROM folder WHERE domain = new.id;"                   \
	"END;"

/* Signing in: how long a user's account is valid (0: for ever), and whether its end was noted;
 * whether the password is to be changed; second factors (step: the last one that was used);
 * recovery codes; failures (kind and id: lockout.h). */
#define STEP_8                                                                     \
	"ALTER TABLE member ADD COLUMN valid_until INTEGER NOT NULL DEFAULT 0;"    \
	"ALTER TABLE member ADD COLUMN expiry_noted INTEGER NOT NULL DEFAULT 0;"   \
	"ALTER TABLE member ADD COLUMN disabled INTEGER NOT NULL DEFAULT 0;"       \
	"ALTER TABLE password ADD COLUMN must_change INTEGER NOT NULL DEFAULT 0;"  \
	"CREATE INDEX member_valid ON member (valid_until) WHERE valid_until > 0;" \
	"CREATE TABLE totp ("                                                      \
	" member INTEGER PRIMARY KEY REFERENCES member ON DELETE CASCADE,"         \
	" secret BLOB NOT NULL,"                                                   \
	" step INTEGER NOT NULL,"                                                  \
	" since INTEGER NOT NULL"                                                  \
	") STRICT;"                                                                \
	"CREATE TABLE recovery ("                                                  \
	" member INTEGER NOT NULL REFERENCES member ON DELETE CASCADE,"            \
	" hash BLOB NOT NULL,"                                                     \
	" PRIMARY KEY (member, hash)"                                              \
	") STRICT, WITHOUT ROWID;"                                                 \
	"CREATE TABLE failure ("                                                   \
	" kind INTEGER NOT NULL,"                                                  \
	" id BLOB NOT NULL,"                                                       \
	" at BLOB NOT NULL,"                                                       \
	" newest INTEGER NOT NULL,"                                                \
	" until INTEGER NOT NULL,"                                                 \
	" PRIMARY KEY (kind, id)"                                                  \
	") STRICT, WITHOUT ROWID;"

/* The audit: records, which nobody changes, and nobody removes but behind a cut that was recorded
 * (audit_cut); how far each domain's chain has come (0: the server's own); session records as their
 * ends signed them; how far what is sent elsewhere has come. Nothing here refers to a domain's row:
 * the audit outlives what it speaks of. */
#define STEP_9                                                                                \
	"CREATE TABLE audit ("                                                                \
	" domain INTEGER NOT NULL,"                                                           \
	" seq INTEGER NOT NULL,"                                                              \
	" time_ms INTEGER NOT NULL,"                                                          \
	" synced INTEGER NOT NULL CHECK (synced IN (0, 1)),"                                  \
	" kind INTEGER NOT NULL CHECK (kind IN (0, 1)),"                                      \
	" result INTEGER NOT NULL CHECK (result BETWEEN 0 AND 2),"                            \
	" event TEXT NOT NULL,"                                                               \
	" who_kind TEXT NOT NULL,"                                                            \
	" who_uid TEXT NOT NULL,"                                                             \
	" who TEXT NOT NULL,"                                                                 \
	" source TEXT NOT NULL,"                                                              \
	" on_kind TEXT NOT NULL,"                                                             \
	" on_uid TEXT NOT NULL,"                                                              \
	" target TEXT NOT NULL,"                                                              \
	" folder INTEGER NOT NULL,"                                                           \
	" path TEXT NOT NULL,"                                                                \
	" detail TEXT NOT NULL,"                                                              \
	" hash BLOB NOT NULL,"                                                                \
	" PRIMARY KEY (domain, seq)"                                                          \
	") STRICT, WITHOUT ROWID;"                                                            \
	"CREATE INDEX audit_who ON audit (domain, who, seq);"                                 \
	"CREATE INDEX audit_target ON audit (domain, target, seq);"                           \
	"CREATE INDEX audit_event ON audit (domain, event, seq);"                             \
	"CREATE TABLE audit_head ("                                                           \
	" domain INTEGER PRIMARY KEY,"                                                        \
	" name TEXT NOT NULL,"                                                                \
	" seq INTEGER NOT NULL,"                                                              \
	" hash BLOB NOT NULL"                                                                 \
	") STRICT;"                                                                           \
	"CREATE TABLE audit_cut ("                                                            \
	" domain INTEGER NOT NULL,"                                                           \
	" seq INTEGER NOT NULL,"                                                              \
	" hash BLOB NOT NULL,"                                                                \
	" PRIMARY KEY (domain, seq)"                                                          \
	") STRICT, WITHOUT ROWID;"                                                            \
	"CREATE TABLE session_record ("                                                       \
	" domain INTEGER NOT NULL,"                                                           \
	" seq INTEGER NOT NULL,"                                                              \
	" session TEXT NOT NULL,"                                                             \
	" owner BLOB NOT NULL,"                                                               \
	" number INTEGER NOT NULL,"                                                           \
	" hash BLOB NOT NULL,"                                                                \
	" text TEXT NOT NULL,"                                                                \
	" signature BLOB NOT NULL,"                                                           \
	" cert BLOB NOT NULL,"                                                                \
	" PRIMARY KEY (domain, seq)"                                                          \
	") STRICT;"                                                                           \
	"CREATE INDEX session_record_session ON session_record (domain, session);"            \
	"CREATE UNIQUE INDEX session_record_hash ON session_record (domain, hash);"           \
	"CREATE INDEX session_record_owner ON session_record (domain, owner, number);"        \
	"CREATE TABLE audit_sent ("                                                           \
	" place TEXT NOT NULL,"                                                               \
	" domain INTEGER NOT NULL,"                                                           \
	" seq INTEGER NOT NULL,"                                                              \
	" PRIMARY KEY (place, domain)"                                                        \
	") STRICT, WITHOUT ROWID;"                                                            \
	"CREATE TRIGGER audit_kept BEFORE UPDATE ON audit BEGIN"                              \
	" SELECT RAISE(ABORT, 'audit records are not changed');"                              \
	"END;"                                                                                \
	"CREATE TRIGGER audit_stays BEFORE DELETE ON audit WHEN NOT EXISTS"                   \
	" (SELECT 1 FROM audit_cut c WHERE c.domain = OLD.domain AND c.seq >= OLD.seq) BEGIN" \
	" SELECT RAISE(ABORT, 'audit records are not removed');"                              \
	"END;"                                                                                \
	"CREATE TRIGGER audit_cut_kept BEFORE UPDATE ON audit_cut BEGIN"                      \
	" SELECT RAISE(ABORT, 'audit records are not changed');"                              \
	"END;"                                                                                \
	"CREATE TRIGGER audit_cut_stays BEFORE DELETE ON audit_cut BEGIN"                     \
	" SELECT RAISE(ABORT, 'audit records are not removed');"                              \
	"END;"                                                                                \
	"CREATE TRIGGER session_record_kept BEFORE UPDATE ON session_record BEGIN"            \
	" SELECT RAISE(ABORT, 'audit records are not changed');"                              \
	"END;"                                                                                \
	"CREATE TRIGGER session_record_stays BEFORE DELETE ON session_record WHEN NOT EXISTS" \
	" (SELECT 1 FROM audit_cut c WHERE c.domain = OLD.domain AND c.seq >= OLD.seq) BEGIN" \
	" SELECT RAISE(ABORT, 'audit records are not removed');"                              \
	"END;"

/* Firewall policies: a rule in each line, in order; what they are attached to, and for whom
 * (nobody: for everyone). A group or folder cannot go while it is named here. Devices that are
 * locked at the machine. */
#define STEP_10                                                                        \
	"CREATE TABLE policy ("                                                        \
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"                                       \
	" domain INTEGER NOT NULL REFERENCES domain ON DELETE CASCADE,"                \
	" folder INTEGER NOT NULL REFERENCES folder,"                                  \
	" name TEXT NOT NULL,"                                                         \
	" rules TEXT NOT NULL DEFAULT '',"                                             \
	" UNIQUE (domain, name)"                                                       \
	") STRICT;"                                                                    \
	"CREATE INDEX policy_folder ON policy (folder);"                               \
	"CREATE TABLE attachment ("                                                    \
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"                                       \
	" domain INTEGER NOT NULL REFERENCES domain ON DELETE CASCADE,"                \
	" policy INTEGER NOT NULL REFERENCES policy,"                                  \
	" folder INTEGER REFERENCES folder,"                                           \
	" device INTEGER REFERENCES member ON DELETE CASCADE,"                         \
	" member INTEGER REFERENCES member ON DELETE CASCADE,"                         \
	" user_group INTEGER REFERENCES user_group,"                                   \
	" CHECK ((folder IS NULL) <> (device IS NULL)),"                               \
	" CHECK (member IS NULL OR user_group IS NULL)"                                \
	") STRICT;"                                                                    \
	"CREATE UNIQUE INDEX attachment_one ON attachment (policy, IFNULL(folder, 0)," \
	" IFNULL(device, 0), IFNULL(member, 0), IFNULL(user_group, 0));"               \
	"CREATE INDEX attachment_folder ON attachment (folder);"                       \
	"CREATE INDEX attachment_device ON attachment (device);"                       \
	"CREATE INDEX attachment_member ON attachment (member);"                       \
	"CREATE INDEX attachment_group ON attachment (user_group);"                    \
	"CREATE TABLE device_lock ("                                                   \
	" device INTEGER PRIMARY KEY REFERENCES member ON DELETE CASCADE,"             \
	" since INTEGER NOT NULL,"                                                     \
	" why TEXT NOT NULL"                                                           \
	") STRICT;"

/* Sessions under control: what for, from where, who has approved, after how long without use it
 * ends (seconds, 0: it does not); wishes that wait for approval. */
#define STEP_11                                                                \
	"ALTER TABLE session ADD COLUMN why TEXT NOT NULL DEFAULT '';"         \
	"ALTER TABLE session ADD COLUMN address TEXT NOT NULL DEFAULT '';"     \
	"ALTER TABLE session ADD COLUMN approved_by TEXT NOT NULL DEFAULT '';" \
	"ALTER TABLE session ADD COLUMN idle_s INTEGER NOT NULL DEFAULT 0;"    \
	"CREATE TABLE approval ("                                              \
	" id TEXT PRIMARY KEY,"                                                \
	" domain INTEGER NOT NULL REFERENCES domain ON DELETE CASCADE,"        \
	" user_name TEXT NOT NULL,"                                            \
	" device_name TEXT NOT NULL,"                                          \
	" address TEXT NOT NULL,"                                              \
	" why TEXT NOT NULL"                                                   \
	") STRICT;"

/* Which domain a machine belongs to: hashes of its hardware, and of the keys that it had. They stay
 * when the device is removed. */
#define STEP_12                                                                      \
	"CREATE TABLE hardware ("                                                    \
	" mark BLOB PRIMARY KEY,"                                                    \
	" domain INTEGER NOT NULL REFERENCES domain ON DELETE CASCADE,"              \
	" device INTEGER REFERENCES member ON DELETE SET NULL,"                      \
	" name TEXT NOT NULL,"                                                       \
	" is_key INTEGER NOT NULL CHECK (is_key IN (0, 1)),"                         \
	" since INTEGER NOT NULL"                                                    \
	") STRICT, WITHOUT ROWID;"                                                   \
	"CREATE INDEX hardware_name ON hardware (domain, name);"                     \
	"CREATE INDEX hardware_device ON hardware (device);"                         \
	"CREATE INDEX endpoint_key ON endpoint (key_sha256);"                        \
	"INSERT OR IGNORE INTO hardware (mark, domain, device, name, is_key, since)" \
	" SELECT e.key_sha256, m.domain, m.id, m.name, 1, m.created FROM endpoint e" \
	" JOIN member m ON m.id = e.member WHERE m.kind = 1 AND e.key_sha256 IS NOT NULL;"

/* Upkeep. */
#define STEP_13 ""

const char *const SQLITE_MIGRATIONS[] = {
	STEP_1, STEP_2, STEP_3,	 STEP_4,  STEP_5,  STEP_6,  STEP_7,
	STEP_8, STEP_9, STEP_10, STEP_11, STEP_12, STEP_13,
};
const int SQLITE_MIGRATIONS_N = (int)(sizeof(SQLITE_MIGRATIONS) / sizeof(SQLITE_MIGRATIONS[0]));
