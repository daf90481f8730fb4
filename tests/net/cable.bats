#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# A cable is out for half a minute, in four ways at once: at the device and at the manager, with the
# carrier gone (somebody pulled it out) and with it there (a modem further on lost its line). What is
# in use goes on soon after, and the TCP connections inside live on.
#
#   eng1 - site1   the carrier at site1 goes       eng3 - site3   the carrier at eng3 goes
#   eng2 - site2   silence at site2                eng4 - site4   silence at eng4
# without sanitizers: it waits for long
# bats file_tags=cable

# shellcheck disable=SC2154 # addresses and python are of vpn.bash
load lib
load vpn
load silence

readonly out_s=30 pairs='1 2 3 4'

setup_file() {
	local n

	lab_up --managers 4 --devices 4 || return 0
	for n in $pairs; do
		start_talk "plc$n"
		connect "eng$n" "site$n"
		watch_uplink "site$n"
	done
	watch_uplink eng3
}

setup() {
	lab_here
}

teardown_file() {
	local rc=0 node

	for node in site1 site2 site3 site4 eng3; do
		uplink_silent "$node" || rc=1
	done
	logs_clean || rc=1
	lab_down
	return "$rc"
}

# carrier NODE up|down - its cable, as its host sees it.
carrier() {
	ip -n "$LAB-wire" link set "$1-n" "$2"
}

# hold N SECONDS - a TCP connection from LAN to LAN of pair N, in the background.
hold() {
	talk "pc$1" hold "192.168.20$1.10" "$2" >"$BATS_TEST_TMPDIR/hold$1" 2>/dev/null 3>&- &
	hold_jobs+=($!)
}

cables() {
	carrier site1 "$1"
	lab link site2 "--$1"
	carrier eng3 "$1"
	lab link eng4 "--$1"
}

@test "a cable is out for 30 s: within 5 s data flows again, and TCP inside lives on" {
	local hold_jobs=() n lines longest back

	for n in $pairs; do
		wait_for 10 is_up "site$n" "eng$n"
		hold "$n" 45
	done
	sleep 2
	cables down
	sleep "$out_s"
	cables up
	back=$(date +%s%N)
	for n in $pairs; do
		wait_for 5 talk "pc$n" tcp "192.168.20$n.10"
		echo "# pair $n: a new connection after $((($(date +%s%N) - back) / 1000000)) ms" >&3
	done
	for n in $pairs; do
		wait "${hold_jobs[n - 1]}" || fail "the TCP connection of pair $n has died"
		read -r lines longest <"$BATS_TEST_TMPDIR/hold$n"
		echo "# pair $n: the longest wait inside was $longest ms" >&3
		assert_between "$longest" 20000 "$((out_s * 1000 + 5500))" "longest wait of pair $n in milliseconds"
	done
}
