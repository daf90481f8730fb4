/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * events - the catalogue of what the audit records. docs/audit.md explains each. Pure.
 *
 * A row: X(NAME, "area.verb", "What it means."); the name has at most 32 characters.
 */
#ifndef FARLAN_EVENTS_H
#define FARLAN_EVENTS_H

#include <stdbool.h>

/* clang-format off */

/* Members and their identities. */
#define EVENTS_MEMBERS(X) \
	X(DEVICE_ADDED, "device.added", "A device was put into the register.") \
	X(DEVICE_CHANGED, "device.changed", "A device's networks or limits were changed.") \
	X(DEVICE_INVITED, "device.invited", "A device got a new invitation.") \
	X(DEVICE_REVOKED, "device.revoked", "A device's keys were refused for ever.") \
	X(DEVICE_REMOVED, "device.removed", "A device was taken out of the register.") \
	X(DEVICE_RULES, "device.rules", "What sessions with a device may do was changed.") \
	X(DEVICE_HOSTS, "device.hosts", "The names of hosts behind a device were changed.") \
	X(USER_ADDED, "user.added", "A user was put into the register.") \
	X(USER_CHANGED, "user.changed", "A user's limits were changed.") \
	X(USER_INVITED, "user.invited", "A user got a new invitation.") \
	X(USER_PASSWORD, "user.password", "An administrator gave a user a password.") \
	X(USER_REVOKED, "user.revoked", "A user's keys were refused for ever.") \
	X(USER_REMOVED, "user.removed", "A user was taken out of the register.") \
	X(ENROLLED, "enrolled", "A device or relay got its identity.") \
	X(SIGNED_IN, "signed-in", "A user got an identity for a PC.") \
	X(IDENTITY_RENEWED, "identity.renewed", "A device or relay got a new certificate for its key.") \
	X(DEVICE_ONLINE, "device.online", "A device's control connection is there.") \
	X(DEVICE_OFFLINE, "device.offline", "A device's control connection has ended.") \
	X(USER_ONLINE, "user.online", "A user's PC is there.") \
	X(USER_OFFLINE, "user.offline", "A user's PC has gone.") \
	X(RELAY_ONLINE, "relay.online", "A relay's control connection is there.") \
	X(RELAY_OFFLINE, "relay.offline", "A relay's control connection has ended.")

/* Relays. */
#define EVENTS_RELAYS(X) \
	X(RELAY_ADDED, "relay.added", "A relay was put into the register.") \
	X(RELAY_INVITED, "relay.invited", "A relay got a new invitation.") \
	X(RELAY_REVOKED, "relay.revoked", "A relay's keys were refused for ever.") \
	X(RELAY_REMOVED, "relay.removed", "A relay was taken out of the register.") \
	X(RELAY_DRAINED, "relay.drained", "A relay gets no new sessions, or gets them again.") \
	X(RELAY_WISHED, "relay.wished", "Which relays a device's sessions take was changed.")

/* The domain itself. */
#define EVENTS_DOMAIN(X) \
	X(DOMAIN_CREATED, "domain.created", "A domain was made: its CA and keys.") \
	X(CA_ROLLED, "ca.rolled", "The domain has a new CA.") \
	X(TOKEN_KEY_ROLLED, "token-key.rolled", "The domain has a new key for relay tokens.")

/* Folders, groups, permissions. */
#define EVENTS_TREE(X) \
	X(FOLDER_ADDED, "folder.added", "A folder was made.") \
	X(FOLDER_RENAMED, "folder.renamed", "A folder got another name.") \
	X(FOLDER_MOVED, "folder.moved", "A folder was moved, with all that is in it.") \
	X(FOLDER_REMOVED, "folder.removed", "An empty folder was removed.") \
	X(DEVICE_MOVED, "device.moved", "A device stands in another folder.") \
	X(USER_MOVED, "user.moved", "A user stands in another folder.") \
	X(GROUP_ADDED, "group.added", "A group of users was made.") \
	X(GROUP_MOVED, "group.moved", "A group stands in another folder.") \
	X(GROUP_REMOVED, "group.removed", "An empty group was removed.") \
	X(GROUP_JOINED, "group.joined", "A user was put into a group.") \
	X(GROUP_LEFT, "group.left", "A user was taken out of a group.") \
	X(PERMISSION_ALLOWED, "permission.allowed", "Something was allowed to a user or group.") \
	X(PERMISSION_DENIED, "permission.denied", "Something was denied to a user or group.") \
	X(PERMISSION_CLEARED, "permission.cleared", "What was allowed or denied was taken back.")

/* Several domains; devices that belong to another one. */
#define EVENTS_REALMS(X) \
	X(DOMAIN_MOVED, "domain.moved", "The addresses where members find the server were changed.") \
	X(DOMAIN_REMOVED, "domain.removed", "A domain was removed from the server, with its keys.") \
	X(DEVICE_RELEASED, "device.released", "A machine may be enrolled into another domain from now on.") \
	X(DEVICE_FOREIGN, "device.foreign", "A machine that belongs to another domain was refused here.") \
	X(DEVICE_CLAIMED, "device.claimed", "A machine of this domain was to be enrolled into another one.")

/* Firewall policies; the lock at the machine. */
#define EVENTS_POLICY(X) \
	X(POLICY_ADDED, "policy.added", "A firewall policy was made.") \
	X(POLICY_CHANGED, "policy.changed", "A firewall policy has other rules.") \
	X(POLICY_RENAMED, "policy.renamed", "A firewall policy has another name.") \
	X(POLICY_REMOVED, "policy.removed", "A firewall policy is gone.") \
	X(POLICY_ATTACHED, "policy.attached", "A firewall policy holds somewhere, for somebody.") \
	X(POLICY_DETACHED, "policy.detached", "A firewall policy does not hold there any more.") \
	X(DEVICE_LOCKED, "device.locked", "A device was locked at the machine: it takes no session.") \
	X(DEVICE_UNLOCKED, "device.unlocked", "A device was unlocked at the machine.")

/* Passwords, second factor, lock-out. */
#define EVENTS_SIGNIN(X) \
	X(SIGNIN_LOCKED, "signin.locked", "An account, a PC's key, an invitation or an address failed too often and is locked for a while.") \
	X(SIGNIN_UNLOCKED, "signin.unlocked", "An administrator unlocked a user's account.") \
	X(PASSWORD_CHANGED, "password.changed", "A user changed the own password.") \
	X(PASSWORD_RAISED, "password.raised", "The hash of a password was made anew with the server's higher parameters.") \
	X(TOTP_ENROLLED, "totp.enrolled", "A user set up a second factor.") \
	X(TOTP_REPLAYED, "totp.replayed", "A one-time code was refused because it, or a later one, was used before.") \
	X(TOTP_RESET, "totp.reset", "An administrator took a user's second factor away.") \
	X(RECOVERY_USED, "recovery.used", "A recovery code was used in place of a one-time code.") \
	X(RECOVERY_MADE, "recovery.made", "A user got new recovery codes; the old ones count no more.") \
	X(USER_EXPIRED, "user.expired", "A user's time is over: sessions and connections were ended.") \
	X(USER_DISABLED, "user.disabled", "An administrator disabled a user until further notice.") \
	X(USER_ENABLED, "user.enabled", "An administrator enabled a user again.")

/* Sessions: asked for, approved, ended. */
#define EVENTS_SESSIONS(X) \
	X(SETTING_CHANGED, "setting.changed", "A setting of a folder or of the domain was changed.") \
	X(SESSION_ASKED, "session.asked", "A user asked for a session that somebody has to approve.") \
	X(SESSION_APPROVED, "session.approved", "Somebody approved a session.") \
	X(SESSION_REJECTED, "session.rejected", "Somebody rejected a session.") \
	X(SESSION_TIMEOUT, "session.timeout", "Nobody approved a session in time, or the server was restarted meanwhile.") \
	X(SESSION_WITHDRAWN, "session.withdrawn", "Who asked for a session gave up before it was approved, or lost his connection.") \
	X(SESSION_REFUSED, "session.refused", "A session was refused: not permitted, over a limit, or the device could not be reached.") \
	X(SESSION_OPENED, "session.opened", "A session began: the device has accepted it.") \
	X(SESSION_ENDED, "session.ended", "A session ended; the reason says why.") \
	X(SESSION_IDLE, "session.idle", "A session ended because nobody used it.") \
	X(SESSION_EXPIRED, "session.expired", "A session ended because its time was over.") \
	X(SESSION_KILLED, "session.killed", "An administrator ended sessions.")

/* The audit itself. */
#define EVENTS_AUDIT(X) \
	X(AUDIT_EXPORTED, "audit.exported", "Somebody began to export the audit.") \
	X(AUDIT_PRUNED, "audit.pruned", "Old records were cut off.") \
	X(AUDIT_CHECKPOINT, "audit.checkpoint", "The server's key signs the chain up to here.") \
	X(AUDIT_GAP, "audit.gap", "Something could not be recorded before this.") \
	X(AUDIT_FILLING, "audit.filling", "There is little room for more records.") \
	X(SESSION_RECORDED, "session.recorded", "An end's signed record of a session has come, or a false one.") \
	X(SERVER_STARTED, "server.started", "accessd serves the domain from now on.") \
	X(SERVER_STOPPED, "server.stopped", "accessd stops in order.")

/* Import and export. */
#define EVENTS_TRANSFER(X)

/* The server: disk, backup, start. */
#define EVENTS_SERVER(X) \
	X(BACKUP_MADE, "backup.made", "Somebody took a copy of the whole database, keys included.") \
	X(RESTORED, "restored", "The server goes on from a backup that was restored.")

/* clang-format on */

#define EVENTS(X)          \
	EVENTS_MEMBERS(X)  \
	EVENTS_RELAYS(X)   \
	EVENTS_DOMAIN(X)   \
	EVENTS_TREE(X)     \
	EVENTS_REALMS(X)   \
	EVENTS_POLICY(X)   \
	EVENTS_SIGNIN(X)   \
	EVENTS_SESSIONS(X) \
	EVENTS_AUDIT(X)    \
	EVENTS_TRANSFER(X) \
	EVENTS_SERVER(X)

enum event {
	EVENT_NONE, /* nothing is recorded */
#define X(id, name, meaning) EVENT_##id,
	EVENTS(X)
#undef X
		EVENTS_END
};

/** event_name() - "device.added"; EVENT_NONE: "none". */
const char *event_name(enum event e);
const char *event_meaning(enum event e);
/** event_is_connection() - about who is connected to what; else about what was changed. By the
 * name. */
bool event_is_connection(const char *name);
/** event_sr() - which requirement of IEC 62443-3-3 it serves first: "SR 2.1". By the name. */
const char *event_sr(const char *name);

#endif
