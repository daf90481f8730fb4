#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# The Access Server: what it keeps through kill -9, and that sessions do not need it.
# bats file_tags=access

# shellcheck disable=SC2154 # addresses and python are of vpn.bash
load lib
load vpn
load silence

setup_file() {
	lab_up --relays 2 --devices 2 || return 0
	watch_uplink site1
	watch_uplink eng1
	start_talk plc1
}

setup() {
	lab_here
}

teardown_file() {
	local rc=0

	uplink_silent site1 || rc=1
	uplink_silent eng1 || rc=1
	logs_clean || rc=1
	lab_down
	return "$rc"
}

all_online() {
	local node

	for node in $(nodes rs) $(nodes eng) $(nodes site); do
		wait_for 30 is_online "$node"
	done
}

# db EXPRESSION - of the database, opened as db; it may be in use.
db() {
	"$python" -ESc '
import sqlite3, sys

db = sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True)
print(eval(sys.argv[2]))
' "$(lab_dir as1)/state/accessd.db" "$1"
}

@test "the database is a journalled one, of a known version, in good order and private" {
	assert_equal "$(db 'db.execute("PRAGMA journal_mode").fetchone()[0]')" wal
	assert_between "$(db 'db.execute("PRAGMA user_version").fetchone()[0]')" 1 1000 "user_version"
	assert_equal "$(db 'db.execute("PRAGMA integrity_check").fetchone()[0]')" ok
	assert_equal "$(db 'db.execute("PRAGMA foreign_key_check").fetchall()')" "[]" "foreign keys"
	assert_contains "$(db 'db.execute("SELECT sql FROM sqlite_master WHERE name = ?", ("endpoint",)).fetchone()[0]')" \
		REFERENCES
	assert_equal "$(stat -c %a "$(lab_dir as1)/state")" 700
	assert_equal "$(find "$(lab_dir as1)/state" -type f -perm /077)" ""
}

@test "foreign keys are kept: what belongs to a device goes with it" {
	tool as1 device add gone >/dev/null
	id=$(db 'db.execute("SELECT id FROM member WHERE name = ?", ("gone",)).fetchone()[0]')
	assert_equal "$(db "db.execute('SELECT count(*) FROM endpoint WHERE member = $id').fetchone()[0]")" 1
	tool as1 device remove gone
	for table in endpoint invite; do
		assert_equal "$(db "db.execute('SELECT count(*) FROM $table WHERE member = $id').fetchone()[0]")" 0 "rows in $table"
	done
}

@test "an invitation or list that cannot be written is no success" {
	add_full() {
		tool as1 device add full --lan 10.9.9.0/24 >/dev/full
	}
	refused "could not be written" add_full
	tool as1 device remove full
	list_full() {
		tool "$@" >/dev/full
	}
	refused "could not be written" list_full as1 relay list --json
	refused "could not be written" list_full rs1 status
	refused "could not be written" list_full site1 status
}

@test "list --json: devices, users, relays and sessions" {
	connect eng1 site1
	run tool as1 device list --json
	assert_equal "$(json 'sorted(x["name"] for x in d)' <<<"$output" | tr '\n' ' ')" "site1 site2 "
	assert_equal "$(json '[x["online"] for x in d if x["name"] == "site1"]' <<<"$output")" true
	assert_equal "$(json '[x["lans"] for x in d if x["name"] == "site1"][0]' <<<"$output" | tr '\n' ' ')" \
		"192.168.201.0/24 fd64:0:0:201::/64 "
	assert_equal "$(json '[x["uid"] for x in d if x["name"] == "site1"]' <<<"$output")" "$(field site1 'd["uid"]')"
	assert_equal "$(json '[x["ipv4"] for x in d if x["name"] == "site1"]' <<<"$output")" \
		"$(field site1 'd["addresses"][0]')"
	assert_equal "$(tool as1 user list --json | json '[(x["name"], x["state"], x["online"]) for x in d]')" \
		"('eng1', 'enrolled', True)"
	assert_equal "$(tool as1 relay list --json | json '[(x["name"], x["urls"]) for x in d][1]' | tr '\n' ' ')" \
		"('rs2', ['https://rs2.lab']) "
	run tool as1 session list --json
	assert_equal "$(json '[(x["user"], x["device"], x["session"]) for x in d]' <<<"$output")" \
		"('eng1', 'site1', '$(session_field eng1 site1 id)')"
	assert_between "$(json 'd[0]["ends"] - d[0]["started"]' <<<"$output")" 3600 86400 "life"
	for list in device user relay session; do
		run tool as1 "$list" list
		assert_equal "$status" 0
		((${#lines[@]} >= 2)) || fail "$list list: $output"
	done
	disconnect_all
	assert_equal "$(tool as1 session list --json | json 'len(d)')" 0
}

# --- kill -9 ---

# add_until_killed N FILE - add devices dN-1, dN-2 ...; the acknowledged ones are written to FILE.
add_until_killed() {
	local i invitation

	for ((i = 1; i < 1000; i++)); do
		invitation=$(tool as1 device add "d$1-$i" --lan "10.$1.$i.0/24" 2>/dev/null) || return 0
		printf 'd%s-%s %s\n' "$1" "$i" "$invitation" >>"$2"
	done
}

@test "kill -9 in the middle of adding: what was acknowledged is there after" {
	for round in 1 2 3; do
		acknowledged=$BATS_TEST_TMPDIR/$round
		: >"$acknowledged"
		add_until_killed "$round" "$acknowledged" 3>&- &
		sleep "0.$((RANDOM % 5 + 2))"
		lab kill as1
		wait $!
		lab start as1
		n=$(wc -l <"$acknowledged")
		((n > 0)) || fail "none was added"
		there=$(tool as1 device list --json | json "[x['name'] for x in d if x['name'].startswith('d$round-')]")
		while read -r name _; do
			grep -qx "$name" <<<"$there" || fail "$name was acknowledged, and is not there"
		done <"$acknowledged"
		# At most the one that was under way is there beside them.
		assert_between "$(wc -l <<<"$there")" "$n" $((n + 1)) "devices of round $round"
	done
	assert_equal "$(db 'db.execute("PRAGMA integrity_check").fetchone()[0]')" ok
	# And the last of their invitations is good.
	lab stop site2
	rm -r "$(lab_dir site2)/state"
	lab start site2
	tail -n 1 "$acknowledged" | cut -d' ' -f2 | tool site2 enroll
	wait_for 10 is_online site2
	assert_contains "$(field site2 'd["name"]')" "d3-"
	all_online
}

@test "a session goes on while the Access Server is dead, and is taken up when it is back" {
	connect eng1 site1
	id=$(session_field eng1 site1 id)
	talk pc1 hold "$plc1" 4 >"$BATS_TEST_TMPDIR/hold" 3>&- &
	job=$!
	sleep 0.5
	lab kill as1
	wait_for 5 is_offline eng1
	sleep 2
	is_up eng1 site1
	lab start as1
	wait "$job"
	read -r lines longest <"$BATS_TEST_TMPDIR/hold"
	assert_between "$lines" 20 1000 "lines"
	assert_between "$longest" 0 1000 "longest wait in ms"
	all_online
	assert_equal "$(session_field eng1 site1 id)" "$id" "session"
	assert_equal "$(session_field site1 eng1 id)" "$id" "session at the device"
	assert_equal "$(tool as1 session list --json | json '[x["session"] for x in d]')" "$id" "sessions"
	talk pc1 tcp "$plc1"
	# It is known well enough to be ended.
	tool as1 session kill "${id:0:8}"
	wait_for 1 has_sessions eng1 0
	wait_for 1 has_sessions site1 0
}

@test "what is ended while the Access Server is dead is ended there when it is back" {
	connect eng1 site1
	lab kill as1
	wait_for 5 is_offline eng1
	tool eng1 disconnect >/dev/null
	wait_for 5 has_sessions site1 0
	lab start as1
	all_online
	wait_for 5 no_sessions_known
}

no_sessions_known() {
	[[ $(tool as1 session list --json | json 'len(d)') == 0 ]]
}

@test "a restarted endpoint gets its live session again" {
	connect eng1 site1
	id=$(session_field eng1 site1 id)
	for node in eng1 site1; do
		lab kill "$node"
		lab start "$node"
		wait_for 20 is_up eng1 site1
		wait_for 20 is_up site1 eng1
		assert_equal "$(session_field eng1 site1 id)" "$id" "session after $node"
		wait_for 10 talk pc1 tcp "$plc1"
	done
	log_holds as1 "session granted again"
	disconnect_all
}

# --- changes ---

@test "a device whose LANs are changed gets them" {
	tool as1 device set site1 --lan 192.168.201.0/25
	wait_for 10 is_online site1
	connect eng1 site1
	assert_contains "$(routes_of eng1)" 192.168.201.0/25
	talk pc1 tcp "$plc1"
	tool as1 device set site1 --lan 192.168.201.0/24 --lan fd64:0:0:201::/64
	wait_for 1 has_sessions eng1 0
	wait_for 10 is_online site1
}

@test "a session of a removed device ends" {
	connect eng1 "$(field site2 'd["name"]')"
	wait_for 5 has_sessions site2 1
	tool as1 device remove "$(field site2 'd["name"]')"
	wait_for 1 has_sessions site2 0
	wait_for 1 has_sessions eng1 0
	assert_fails tool as1 device remove nobody
}

@test "a revoked relay is granted no more, and sessions leave it" {
	connect eng1 site1
	relay=$(session_field eng1 site1 relay)
	other=$([[ $relay == rs1 ]] && echo rs2 || echo rs1)
	talk pc1 hold "$plc1" 4 >"$BATS_TEST_TMPDIR/hold" 3>&- &
	sleep 0.5
	tool as1 relay revoke "$relay"
	wait $!
	wait_for 15 relay_is "$other"
	talk pc1 tcp "$plc1"
	disconnect_all
	run tool eng1 connect site1
	assert_equal "$status" 0
	assert_contains "$output" "granted; relays: $other"
	[[ $(grep -F granted <<<"$output") != *"$relay"* ]] || fail "$relay is granted still"
	disconnect_all
}

relay_is() {
	[[ $(session_field eng1 site1 relay) == "$1" ]]
}

@test "all daemons end in good order" {
	all_stop
}
