#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# What sessions carried reaches the Access Server once, whoever was away or killed; limits hold.
# alone: it measures rates
# bats file_tags=accounting

# shellcheck disable=SC2154 # addresses and python are of vpn.bash
load lib
load vpn

setup_file() {
	lab_up --devices 2 || return 0
	start_talk plc1
	start_talk plc2
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

# history EXPRESSION - of the newest session s; u is what its stations say, by kind.
history() {
	tool as1 session history --json | json "(lambda s, u: $1)(d[0], {x['kind']: x for x in d[0]['usage']})"
}

# told KINDS - these, and no others, have said that the newest session is over.
told() {
	[[ $(history '" ".join(sorted(k for k in u if u[k]["over"]))' 2>/dev/null) == "$1" ]]
}

# id_of NODE PEER - of its session.
id_of() {
	session_field "$1" "$2" id
}

newest() {
	history 's["session"]'
}

is_over() {
	[[ $(history 's["state"]' 2>/dev/null) == ended ]]
}

no_legs() {
	[[ $(field rs1 'd["connections"]') == 0 ]]
}

# ping_plc1 COUNT - all of them are answered.
ping_plc1() {
	lab in pc1 ping -n -c "$1" -i 0.1 -W 10 "$plc1" >/dev/null
}

# --- accounts ---

@test "both ends and the relay tell what a session carried, and accessctl puts it side by side" {
	local id

	connect eng1 site1
	id=$(id_of eng1 site1)
	ping_plc1 5
	talk pc1 put "$plc1" 300000
	tool eng1 disconnect site1
	wait_for 10 told "device manager relay"
	assert_equal "$(newest)" "$id"
	assert_equal "$(history '[s["user"], s["device"], s["state"], s["reason"]]' | tr '\n' ' ')" \
		"eng1 site1 ended disconnected "
	assert_equal "$(history 'u["manager"]["reason"]')" disconnected
	# Who tells the device first, the other end or the Access Server, is open.
	assert_contains "$(history 'u["device"]["reason"]')" disconnected
	# What the one sent has arrived at the other, and nothing else has.
	assert_equal "$(history 'u["manager"]["packets_to_manager"] == u["device"]["packets_to_manager"]')" true
	assert_between "$(history 'u["device"]["bytes_to_device"]')" 300000 1000000 "bytes at the device"
	assert_equal "$(history 'u["relay"]["bytes_to_device"] > u["device"]["bytes_to_device"]')" true
	assert_equal "$(history 'u["relay"]["bytes_to_device"] < 2 * u["device"]["bytes_to_device"]')" true
	assert_equal "$(history 's["started"] <= s["ended"] <= s["started"] + 60')" true
	run tool as1 session history --user eng1 --device site1 --since 1h
	assert_contains "$output" "${id:0:8}"
	assert_contains "$output" "MANAGER / RELAY / DEVICE"
	run tool as1 session history --device site2
	[[ $output != *"${id:0:8}"* ]] || fail "that is not of site2: $output"
}

@test "a session that ends while the Access Server is away: each record arrives exactly once" {
	local id before

	connect eng1 site1
	id=$(id_of eng1 site1)
	ping_plc1 3
	lab stop as1
	ping_plc1 4
	tool eng1 disconnect site1
	wait_for 10 has_sessions site1 0
	wait_for 10 no_legs
	# What was told is on disk: who is killed now tells it later.
	wait_for 10 grep -q "$id" "$(lab_dir site1)/state/usage.spool"
	wait_for 10 grep -q "$id" "$(lab_dir rs1)/state/usage.spool"
	lab kill site1
	lab kill rs1
	lab start rs1
	lab start as1
	# Only now: a device that does not know any more that it ended would be granted it again.
	wait_for 60 is_over
	lab start site1
	wait_for 60 told "device manager relay"
	assert_equal "$(newest)" "$id"
	before=$(tool as1 session history --json)
	assert_equal "$(history '[u[k]["stretches"] for k in sorted(u)]' | tr '\n' ' ')" "1 1 1 "
	assert_equal "$(history 'u["manager"]["packets_to_device"]')" 7
	assert_equal "$(history 'u["device"]["packets_to_device"]')" 7
	assert_equal "$(history 'u["device"]["bytes_to_device"]')" 588
	# Everybody comes back once more: nothing is told twice.
	for node in eng1 site1 rs1; do
		lab kill "$node"
		lab start "$node"
	done
	for node in eng1 site1 rs1; do
		wait_for 60 is_online "$node"
	done
	wait_for 20 spools_are_empty
	assert_equal "$(tool as1 session history --json)" "$before"
}

# Nothing waits: the header stands alone, or what followed was acknowledged.
spools_are_empty() {
	local node

	for node in eng1 site1 rs1; do
		"$python" -ESc '
import json, sys
acked = seq = 0
for line in open(sys.argv[1]):
    d = json.loads(line)
    acked, seq = max(acked, d.get("acked", 0)), max(seq, d.get("seq", 0))
sys.exit(seq > acked)' "$(lab_dir "$node")/state/usage.spool" || return 1
	done
}

# --- limits: a busy machine makes it slower, never faster ---

# ms_of COMMAND...
ms_of() {
	local began

	began=$(date +%s%3N)
	"$@" >&2
	echo $(($(date +%s%3N) - began))
}

put_both() {
	local job

	talk pc1 put "$plc2" 1250000 &
	job=$!
	talk pc1 put "$plc1" 1250000
	wait "$job"
}

@test "a device's limit holds each session with it" {
	tool as1 device set site1 --rate 8mbit
	run tool as1 device list
	assert_contains "$output" 8mbit
	connect eng1 site1
	assert_between "$(ms_of talk pc1 put "$plc1" 2500000)" 2300 60000 "milliseconds for 2.5 MB at 1 MB/s"
	assert_between "$(ms_of talk pc1 get "$plc1" 1250000)" 1100 60000 "milliseconds for 1.25 MB at 1 MB/s"
	tool eng1 disconnect site1
	tool as1 device set site1 --rate none
	refused "64kbit to 100gbit" tool as1 device set site1 --rate 1kbit
}

@test "a user's limit holds all of his sessions together" {
	tool as1 user set eng1 --rate 8mbit
	connect eng1 site1
	connect eng1 site2
	assert_between "$(ms_of put_both)" 2300 60000 "milliseconds for 2 x 1.25 MB at 1 MB/s"
	tool eng1 disconnect
	tool as1 user set eng1 --rate none
}

@test "a relay's limit holds all that it carries" {
	echo "rate = 8mbit" >>"$(lab_dir rs1)/conf"
	lab stop rs1
	lab start rs1
	wait_for 20 is_online rs1
	connect eng1 site1
	connect eng1 site2
	assert_between "$(ms_of put_both)" 2300 60000 "milliseconds for 2 x 1.25 MB at 1 MB/s"
	tool eng1 disconnect
	sed -i '/^rate =/d' "$(lab_dir rs1)/conf"
	lab stop rs1
	lab start rs1
	wait_for 20 is_online rs1
}
