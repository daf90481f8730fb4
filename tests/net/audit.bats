#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# The audit with real programs: signed records of sessions that openssl checks, a log server, the
# journal, a disk that is full.
# bats file_tags=audit

# shellcheck disable=SC2154 # addresses and python are of vpn.bash
load lib
load vpn

setup_file() {
	lab_up || return 0
	start_talk plc1
}

setup() {
	lab_here
}

teardown_file() {
	local rc=0

	logs_clean || rc=1
	lab_down
	return "$rc"
}

# --- helpers ---

# records EVENT - how many of them there are.
records() {
	tool as1 audit list --event "$1" --last 500 --json | json 'len(d)'
}

at_least() { # NUMBER EVENT
	(($(records "$2") >= $1))
}

newest() {
	tool as1 session history --json | json 'd[0]["session"]'
}

both_signed() { # ID
	tool as1 session record "$1" >/dev/null 2>&1
}

both_are_there() { # ID
	[[ $(tool as1 session record "$1" --json | json 'len({r["role"] for r in d["records"]})') == 2 ]]
}

a_session() {
	connect eng1 site1
	talk pc1 put "$plc1" 200000
	tool eng1 disconnect site1
}

database() {
	find "$(lab_dir as1)" -name accessd.db
}

# database_run SQL - as somebody who has the file, triggers or not.
database_run() {
	"$python" -ESc '
import sqlite3, sys

db = sqlite3.connect(sys.argv[1], timeout=10)
for name, in db.execute("SELECT name FROM sqlite_master WHERE type = ?", ("trigger",)).fetchall():
    if name.startswith(("audit", "session_record")):
        db.execute(f"DROP TRIGGER {name}")
db.executescript(sys.argv[2])
db.commit()
' "$(database)" "$1"
}

# --- sessions, signed by both ends ---

@test "both ends sign what a session was; accessctl puts both side by side" {
	local id

	a_session
	id=$(newest)
	wait_for 10 both_signed "$id"
	run tool as1 session record "${id:0:8}"
	assert_equal "$status" 0
	assert_contains "$output" "Manager farlan://"
	assert_contains "$output" "Device  farlan://"
	assert_contains "$output" "signature good"
	[[ $output != *PROBLEM* ]] || fail "$output"
	at_least 2 session.recorded
	run tool as1 audit verify
	assert_equal "$status" 0
	assert_contains "$output" "Good: "
	assert_contains "$output" "2 session records"
	tool as1 audit list --event 'session.*' --target site1 | grep -q session.opened
}

@test "openssl checks a record with nothing but the CA, and so does each end with its own" {
	local id dir=$BATS_TEST_TMPDIR/records file

	id=$(newest)
	tool as1 session record "$id" --save "$dir/server"
	tool eng1 sessions "$id" --save "$dir/manager" >/dev/null
	tool site1 sessions "$id" --save "$dir/device" >/dev/null
	for file in "$dir"/*/"$id"-*.txt; do
		openssl x509 -in "${file%.txt}.pem" -noout -pubkey >"$dir/key"
		openssl dgst -sha256 -verify "$dir/key" -signature "${file%.txt}.sig" "$file"
		openssl verify -no_check_time -CAfile "${file%/*}/ca.pem" "${file%.txt}.pem"
		openssl x509 -in "${file%.txt}.pem" -noout -ext subjectAltName |
			grep -q "URI:$(sed -n 's/^own //p' "$file")"
	done
	# What the server keeps is what the ends keep.
	cmp "$dir/server/$id"-manager-*.txt "$dir/manager/$id"-manager-*.txt
	cmp "$dir/server/$id"-device-*.txt "$dir/device/$id"-device-*.txt
	sed -i 's/^bytes-to-device .*/bytes-to-device 1/' "$dir/server/$id"-device-*.txt
	file=$(echo "$dir/server/$id"-device-*.txt)
	openssl x509 -in "${file%.txt}.pem" -noout -pubkey >"$dir/key"
	assert_fails openssl dgst -sha256 -verify "$dir/key" -signature "${file%.txt}.sig" "$file"
}

@test "records wait for an Access Server that is away, also over a restart of the end" {
	local id before

	connect eng1 site1
	id=$(tool as1 session list --json | json 'd[0]["session"]')
	before=$(records session.recorded)
	lab stop as1
	tool eng1 disconnect site1
	wait_for 10 has_sessions site1 0
	lab kill site1
	lab start site1
	lab start as1
	wait_for 20 at_least $((before + 2)) session.recorded
	wait_for 10 both_are_there "$id"
	run tool site1 sessions
	assert_equal "$status" 0
	assert_contains "$output" "$id"
	tool as1 audit verify
}

@test "what was rewritten in the database is found, and head tells what was cut off" {
	local head

	head=$(tool as1 audit head)
	tool as1 audit verify --head "$head"
	tool as1 audit export >"$BATS_TEST_TMPDIR/all.json"
	run tool as1 audit verify --file "$BATS_TEST_TMPDIR/all.json" --head "$head"
	assert_equal "$status" 0
	sed -i '3s/"result":"ok"/"result":"no"/' "$BATS_TEST_TMPDIR/all.json"
	run tool as1 audit verify --file "$BATS_TEST_TMPDIR/all.json"
	assert_equal "$status" 1
	database_run "UPDATE session_record SET text = replace(text, 'disconnected', 'disconnecteD')"
	run tool as1 audit verify
	assert_equal "$status" 1
	assert_contains "$output" "BROKEN at record"
	database_run "UPDATE session_record SET text = replace(text, 'disconnecteD', 'disconnected')"
	tool as1 audit verify
	# The end, with the head made to fit: only who has kept a head can tell.
	database_run "DELETE FROM audit WHERE domain = 1 AND seq >= ${head%%:*};
		UPDATE audit_head SET seq = ${head%%:*} - 1, hash = (SELECT hash FROM audit
		WHERE audit.domain = audit_head.domain ORDER BY seq DESC LIMIT 1) WHERE domain = 1"
	run tool as1 audit verify --head "$head"
	assert_equal "$status" 1
}

# --- others who hear of it: an accessd of its own, without a lab ---

# alone FUNCTION - run it where it has its own /run, /dev/log and network.
alone() {
	# shellcheck disable=SC2016 # it is that shell's
	work=$BATS_TEST_TMPDIR bash -c "$(declare -f serve ctl say stop wait_line "$1")"'
		set -euo pipefail
		unshare --mount --net --propagation private bash -c "
			$(declare -f serve ctl say stop wait_line '"$1"')
			set -euo pipefail
			ip link set lo up
			$0"' "$1" 3>&- 4>&-
}

# serve OPTION... - accessd with these, and a domain.
serve() {
	mkdir -p "$work/state"
	{
		printf '[accessd]\nlisten = 127.0.0.1:4433\nstate = %s/state\nsocket = %s/socket\n' "$work" "$work"
		printf '%s\n' "$@"
	} >"$work/conf"
	"$BUILD/bin/accessd" -c "$work/conf" 2>>"$work/accessd.log" &
	accessd=$!
	for _ in {1..100}; do
		[[ ! -S $work/socket ]] || break
		sleep 0.05
	done
	ctl init --domain lab --url https://as1.lab >/dev/null 2>&1 || :
}

ctl() {
	FARLAN_SOCKET=$work/socket "$BUILD/bin/accessctl" "$@"
}

say() {
	ctl device add "$1" --lan 192.168.1.0/24 >/dev/null
}

stop() {
	kill "$1"
	wait "$1" || :
}

# wait_line FILE PART - a line with it is there.
wait_line() {
	for _ in {1..200}; do
		! grep -qsF -- "$2" "$1" || return 0
		sleep 0.05
	done
	echo "not in $1: $2" >&2
	cat "$1" >&2 || :
	return 1
}

log_server() {
	local way hash

	mkdir -p "$work/spool"
	cat >"$work/rsyslog.conf" <<-EOF
		global(workDirectory="$work/spool")
		module(load="imudp")
		module(load="imtcp")
		module(load="imuxsock" SysSock.Use="off")
		input(type="imudp" address="127.0.0.1" port="5514")
		input(type="imtcp" address="127.0.0.1" port="5515")
		input(type="imuxsock" Socket="$work/log" UseSpecialParser="off" ParseHostname="on")
		template(name="t" type="string" string="%inputname% %pri% %timestamp:::date-rfc3339% %app-name% %msgid% %structured-data% %msg%\n")
		*.* action(type="omfile" file="$work/out" template="t")
	EOF
	rsyslogd -n -f "$work/rsyslog.conf" -i "$work/rsyslog.pid" &
	server=$!
	for way in "udp 127.0.0.1:5514" "tcp 127.0.0.1:5515" "unix:$work/log"; do
		serve "audit-syslog = $way"
		say "${way%%[ :]*}-press4"
		wait_line "$work/out" "on=\"${way%%[ :]*}-press4\""
		stop "$accessd"
	done
	grep -F udp-press4 "$work/out" | grep -F 'imudp 109 ' | grep -F ' accessd device.added [timeQuality tzKnown="1"'
	grep -F tcp-press4 "$work/out" | grep -F 'sr="SR 1.4"'
	grep -F unix-press4 "$work/out" | grep -F 'device.added ok: host root from local: device unix-press4'
	# The hash that went out is the one that is kept.
	hash=$(grep -F tcp-press4 "$work/out" | sed 's/.* hash="\([0-9a-f]*\)".*/\1/')
	serve
	ctl audit list --json | grep -F "$hash"
	stop "$accessd"
	# A log server that was away gets what it has missed.
	serve "audit-syslog = tcp 127.0.0.1:5515"
	say before
	wait_line "$work/out" 'on="before"'
	stop "$server"
	say missed1
	say missed2
	stop "$accessd"
	rsyslogd -n -f "$work/rsyslog.conf" -i "$work/rsyslog.pid" &
	server=$!
	serve "audit-syslog = tcp 127.0.0.1:5515"
	wait_line "$work/out" 'on="missed2"'
	grep -qF 'on="missed1"' "$work/out"
	stop "$accessd"
	stop "$server"
}

@test "a real rsyslog understands what comes by UDP, TCP and a Unix socket, and misses nothing by TCP" {
	command -v rsyslogd >/dev/null || skip "rsyslog is not installed"
	alone log_server
}

journal() {
	mount -t tmpfs none /run/log
	mkdir -p /run/systemd /run/log/journal
	mount -t tmpfs none /run/systemd
	mkdir -p /run/systemd/journal
	/lib/systemd/systemd-journald 2>"$work/journald" &
	journald=$!
	for _ in {1..100}; do
		[[ ! -S /run/systemd/journal/socket ]] || break
		sleep 0.05
	done
	serve "audit-journal = yes"
	say press4
	for _ in {1..100}; do
		journalctl -D /run/log/journal -o json FARLAN_EVENT=device.added >"$work/entry" 2>/dev/null || :
		[[ ! -s $work/entry ]] || break
		sleep 0.05
	done
	stop "$accessd"
	stop "$journald"
	grep -F '"FARLAN_ON":"press4"' "$work/entry"
	grep -F '"MESSAGE_ID":"46a2dcb2096ca65f31f4d8eaa4368855"' "$work/entry"
	grep -F '"FARLAN_SR":"SR 1.4"' "$work/entry"
	grep -F '"SYSLOG_IDENTIFIER":"accessd"' "$work/entry"
}

@test "a real journald keeps records with their fields" {
	[[ -x /lib/systemd/systemd-journald ]] || skip "systemd is not installed"
	mkdir -p /run/log
	alone journal
}

# What it says stays true: refused is not there, granted is recorded.
full_disk() {
	local n=0

	mkdir -p "$work/state"
	mount -t tmpfs -o size=3m none "$work/state"
	serve
	dd if=/dev/zero of="$work/state/filler" bs=64k 2>/dev/null || :
	while say "press$n" 2>>"$work/words"; do
		((++n < 500)) || return 1
	done
	grep -E "accessd cannot (do this now; its log says why|write this down)" "$work/words"
	ctl device list --json >"$work/list"
	ctl audit verify
	rm "$work/state/filler"
	say after
	[[ $(ctl audit list --event device.added --result ok --last 500 --json | grep -c '"event"') == $((n + 1)) ]]
	[[ $(ctl device list --json | grep -c '"uid"') == $((n + 1)) ]]
	ctl audit list --event audit.gap --json | grep -F '"event"'
	ctl audit verify
	stop "$accessd"
}

@test "on a full disk nothing is done that is not recorded, and accessd goes on when there is room" {
	alone full_disk
}
