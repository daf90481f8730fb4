#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Several sessions at once, and packets that belong to none of them: crafted ones (tests/net/craft.py)
# from hosts on the LANs, from the endpoints' own hosts, and from a manager that is not ours.
# bats file_tags=hostile

# shellcheck disable=SC2030,SC2031 # every test has a shell of its own
# shellcheck disable=SC2154 # addresses and python are of vpn.bash
load lib
load vpn

pc2=192.168.102.10

setup_file() {
	lab_up --managers 3 --devices 2 || return 0
	for host in pc1 pc2 plc1 plc2; do
		start_talk "$host"
	done
	connect eng1 site1
	connect eng1 site2
	connect eng2 site1
	wait_for 5 has_sessions site1 2
	wait_for 5 is_up site2 eng1
	lab stop eng3 # its identity is the hostile manager's
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

craft() {
	lab in "$1" timeout 60 "$python" -EB "$BATS_TEST_DIRNAME/craft.py" "${@:2}"
}

# drops NODE PEER - of the session, as JSON.
drops() {
	tool "$1" status --json |
		json "json.dumps([s['drops'] for s in d['sessions'] if s['peer'] == '$2'][0] | {'unroutable': d['unroutable']})"
}

# counted NODE PEER BEFORE SENT - each counter has grown by as many as were sent; what a kernel may
# send by itself counts under unroutable.
counted() {
	"$python" -ESc '
import json, sys

now, before, sent = (json.loads(a) for a in sys.argv[1:])
grown = {k: now.get(k, 0) - before.get(k, 0) for k in now.keys() | sent.keys()}
bad = [k for k in grown if (grown[k] < sent.get(k, 0) if k == "unroutable" else grown[k] != sent.get(k, 0))]
sys.exit(f"counted {grown}, sent {sent}: {bad}" if bad else 0)
' "$(drops "$1" "$2")" "$3" "$4"
}

# all_talk - every session carries what it should.
all_talk() {
	talk pc1 tcp "$plc1"
	talk pc1 tcp "$plc1_six"
	talk pc1 tcp "$plc2"
	talk pc2 tcp "$plc1"
	talk plc1 tcp "$pc1"
	talk plc2 tcp "$pc1"
	talk plc1 tcp "$pc2"
}

@test "two managers on one device, two devices on one manager, hosts behind all: each reaches its own, at once" {
	jobs=()
	for pair in "pc1 $plc1" "pc1 $plc2" "pc2 $plc1" "plc1 $pc1" "plc2 $pc1" "plc1 $pc2"; do
		read -r from to <<<"$pair"
		talk "$from" put "$to" 2000000 3>&- &
		jobs+=($!)
	done
	for job in "${jobs[@]}"; do
		wait "$job"
	done
	all_talk
}

@test "no way leads from one session into another" {
	assert_silent plc1 "$plc2"
	assert_silent plc2 "$plc1" "$pc2"
	assert_silent pc2 "$plc2" "$pc1"
	assert_silent pc1 "$pc2"
}

@test "the host's own TUN device: what is not between the two networks is dropped, and counted as what it is" {
	before=$(drops eng1 site1)
	sent=$(craft eng1 tun farlan0 "$pc1" "$plc1" "$pc2" "$pc1_six" "$plc1_six")
	wait_for 5 counted eng1 site1 "$before" "$sent"
	before=$(drops site1 eng2)
	sent=$(craft site1 tun farlan0 "$plc1" "$pc2" "$pc1" "$plc1_six" fd64:0:0:102::10)
	wait_for 5 counted site1 eng2 "$before" "$sent"
	all_talk
}

@test "a hostile manager: the device drops what it may not send, and counts it" {
	mkfifo "$BATS_TEST_TMPDIR/stay"
	craft eng3 peer "$(lab_dir eng3)/state" site1 "$plc1" "$pc1" "$plc1_six" \
		<"$BATS_TEST_TMPDIR/stay" >"$BATS_TEST_TMPDIR/sent" 2>"$BATS_TEST_TMPDIR/errors" 3>&- &
	job=$!
	exec 9>"$BATS_TEST_TMPDIR/stay"
	wait_for 30 grep -q src_not_peer "$BATS_TEST_TMPDIR/sent"
	wait_for 5 counted site1 eng3 '{}' "$(<"$BATS_TEST_TMPDIR/sent")"
	all_talk
	exec 9>&-
	wait "$job" || fail "$(<"$BATS_TEST_TMPDIR/errors")"
	wait_for 5 has_sessions site1 2
}

mac_of() {
	lab in "$1" cat /sys/class/net/lan/address
}

# listen HOST - for marked packets there, in the background.
listen() {
	craft "$1" listen eth0 <"$BATS_TEST_TMPDIR/stay" >"$BATS_TEST_TMPDIR/$1" 3>&- &
	jobs+=($!)
}

# seen HOST COUNT
seen() {
	[[ $(grep -c seen "$BATS_TEST_TMPDIR/$1") == "$2" ]]
}

@test "hosts on the LANs with sources that are not theirs: nothing of it crosses" {
	jobs=()
	mkfifo "$BATS_TEST_TMPDIR/stay"
	for host in pc1 pc2 plc1 plc2; do
		listen "$host"
	done
	exec 9>"$BATS_TEST_TMPDIR/stay"
	for host in pc1 pc2 plc1 plc2; do
		wait_for 5 grep -q listening "$BATS_TEST_TMPDIR/$host"
	done
	# From plc1: as hosts of the other ends, of nobody, the device itself, loopback, martians, all.
	pairs=()
	for source in "$plc2" "$pc2" "$pc1" 8.8.8.8 192.168.201.1 127.0.0.1 0.0.0.0 240.0.0.1 224.0.0.1 \
		255.255.255.255 192.168.201.255 169.254.3.3; do
		pairs+=("$source,$pc1")
	done
	pairs+=("fd64:0:0:202::10,$pc1_six" "::1,$pc1_six")
	craft plc1 lan eth0 "$(mac_of site1)" "${pairs[@]}"
	craft plc2 lan eth0 "$(mac_of site2)" "$plc1,$pc1"
	# From pc1: as the other machine, to a session that is not its own.
	craft pc1 lan eth0 "$(mac_of eng1)" "$plc2,$plc1" "$plc1,$plc2" "$pc2,$plc1"
	# Those that may, behind all others on the same way.
	craft plc1 lan eth0 "$(mac_of site1)" "$plc1,$pc1"
	craft plc2 lan eth0 "$(mac_of site2)" "$plc2,$pc1"
	craft pc1 lan eth0 "$(mac_of eng1)" "$pc1,$plc1" "$pc1,$plc2"
	wait_for 10 seen pc1 2
	wait_for 10 seen plc1 1
	wait_for 10 seen plc2 1
	all_talk
	for count in "pc1 2" "plc1 1" "plc2 1" "pc2 0"; do
		read -r host n <<<"$count"
		seen "$host" "$n" || fail "$host has seen $(grep -c seen "$BATS_TEST_TMPDIR/$host") packets, not $n"
	done
	exec 9>&-
	for job in "${jobs[@]}"; do
		wait "$job"
	done
}
