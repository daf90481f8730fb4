#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Backups of a server that is in use, and what becomes of one that is restored.
# shellcheck disable=SC2154 # python is of vpn.bash

load lib
load vpn

setup_file() {
	lab_up --devices 2 || return 0
}

teardown_file() { lab_down; }

setup() {
	lab_here
	backup=$(lab_dir as1)/backup.db
	bad=$BATS_TEST_TMPDIR/bad.db
}

# no_copy_left - nothing of a backup is beside the database.
no_copy_left() {
	[[ ! -e $(lab_dir as1)/state/accessd.db.copy ]]
}

# sql FILE STATEMENT... - by another reader than accessd's.
sql() {
	"$python" -ESc '
import sqlite3, sys

db = sqlite3.connect(sys.argv[1])
for statement in sys.argv[2:]:
    for row in db.execute(statement).fetchall():
        print(*row)
db.commit()
' "$@"
}

# spoilt STATEMENT... - the backup, changed so, is refused.
spoilt() {
	cp "$backup" "$bad"
	sql "$bad" "$@"
	run tool as1 restore "$bad" --verify
	assert_equal "$status" 1
	assert_contains "$output" "it cannot be restored"
}

@test "a backup is taken while sessions run and accessd writes" {
	connect eng1 site1
	wait_for 10 is_up eng1 site1
	for i in $(seq 20); do tool as1 folder add "/f$i" >/dev/null; done &
	run tool as1 backup "$backup"
	wait
	assert_equal "$status" 0
	assert_contains "$output" "It holds the domain's keys"
	assert_equal "$(stat -c %a "$backup")" 600
	assert_equal "$(sql "$backup" 'PRAGMA integrity_check')" ok
	is_up eng1 site1
	no_copy_left
}

@test "to standard output it is the same" {
	tool as1 backup - >"$bad" 2>/dev/null
	assert_equal "$(sql "$bad" 'SELECT name FROM domain')" lab
}

@test "a file that cannot be written is said to be so, and nothing is left" {
	run tool as1 backup "$BATS_TEST_TMPDIR/nowhere/b.db"
	assert_equal "$status" 1
	assert_contains "$output" "No such file or directory"
	no_copy_left
}

@test "a good one is said to be good" {
	run tool as1 restore "$backup" --verify
	assert_equal "$status" 0
	assert_contains "$output" "lab: they fit"
	assert_contains "$output" "lab: unbroken up to record"
	assert_contains "$output" "It can be restored."
	assert_equal "$(tool as1 restore "$backup" --verify --json | json 'd["ok"]')" true
}

@test "what is cut, something else or not there is refused in words" {
	head -c 20000 "$backup" >"$bad"
	run tool as1 restore "$bad" --verify
	assert_equal "$status" 1
	assert_contains "$output" "it cannot be restored"
	echo hello >"$bad"
	run tool as1 restore "$bad" --verify
	assert_equal "$status" 1
	assert_contains "$output" "no database of accessd"
	run tool as1 restore /nowhere --verify
	assert_equal "$status" 1
	assert_contains "$output" "No such file"
}

@test "keys that do not fit, references to nothing and a newer schema are found" {
	spoilt "UPDATE domain SET ca_key = access_key"
	assert_contains "$output" "the CA's key is not that of its certificate"
	spoilt "UPDATE endpoint SET member = 4711"
	assert_contains "$output" "names what is not there"
	spoilt "PRAGMA user_version = 1000"
	assert_contains "$output" "of a newer accessd"
}

@test "one changed record of the audit is found" {
	local triggers
	mapfile -t triggers < <(sql "$backup" "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'audit'")
	spoilt "${triggers[@]/#/DROP TRIGGER }" "UPDATE audit SET who = 'user nobody' WHERE seq = 3 AND domain = 1"
	assert_contains "$output" "record 3:"
}

@test "records that were taken away as if they had been cut off are missed" {
	local triggers
	mapfile -t triggers < <(sql "$backup" "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'audit'")
	spoilt "${triggers[@]/#/DROP TRIGGER }" "INSERT INTO audit_cut (domain, seq, hash) SELECT domain, seq, hash FROM audit WHERE domain = 1 AND seq = 5" \
		"DELETE FROM audit WHERE domain = 1 AND seq <= 5"
	assert_contains "$output" "no record says that they were cut off"
}

@test "while accessd runs nothing is restored" {
	run tool as1 restore "$backup" --config "$(lab_dir as1)/conf"
	assert_equal "$status" 1
	assert_contains "$output" "accessd is running: stop it first"
}

@test "restored, the server goes on from there and says so; what came later it does not know" {
	tool as1 device add late --lan 192.168.77.0/24 >/dev/null
	lab stop as1
	run tool as1 restore "$backup" --config "$(lab_dir as1)/conf"
	assert_equal "$status" 0
	assert_contains "$output" ".before-"
	lab start as1
	wait_for 20 is_online site1
	wait_for 20 is_online eng1
	run tool as1 device list
	assert_fails grep -q late <<<"$output"
	assert_contains "$(tool as1 audit list --event restored)" backup.db
	assert_contains "$(tool as1 audit list --event restored)" "host root"
	tool as1 audit verify
	# Sessions of before are over, new ones begin.
	wait_for 20 connect eng1 site1
	wait_for 10 is_up eng1 site1
}

@test "what was there before is kept whole" {
	assert_equal "$(sql "$(echo "$(lab_dir as1)"/state/accessd.db.before-*Z)" "SELECT name FROM member WHERE name = 'late'")" late
}
