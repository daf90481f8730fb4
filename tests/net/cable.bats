#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# A cable is out for half a minute, in four ways at once: at the device and at the manager, with the
# carrier gone (somebody pulled it out) and with it there (a modem further on lost its line). What is
# in use goes on soon after, and the TCP connections inside live on.
#
#   eng1 - site1   the carrier at site1 goes       eng3 - site3   the carrier at eng3 goes
#   eng2 - site2   silence at site2                eng4 - site4   silence at eng4
#   eng5 - site5   the carrier at site5 goes; nobody uses the session before
# without sanitizers: it waits for long
# alone: it measures how long connections wait
# bats file_tags=cable

# shellcheck disable=SC2154 # addresses and python are of vpn.bash
load lib
load vpn
load silence

readonly out_s=30 pairs='1 2 3 4'

setup_file() {
	local n

	lab_up --managers 5 --devices 5 || return 0
	for n in $pairs 5; do
		as_old "eng$n"
		as_old "site$n"
		start_talk "plc$n"
		connect "eng$n" "site$n"
		watch_uplink "site$n"
	done
	watch_uplink eng3
}

# as_old NODE - its TCP asks for connections as Linux before 6.5: after 1, 3, 7, 15 s.
as_old() {
	lab in "$1" sysctl -qw net.ipv4.tcp_syn_linear_timeouts=0 2>/dev/null || :
}

setup() {
	lab_here
}

teardown_file() {
	local rc=0 node

	for node in site1 site2 site3 site4 site5 eng3; do
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
	carrier site5 "$1"
	lab link eng4 "--$1"
}

@test "a cable is out for 30 s: within 5 s data flows again, and TCP inside lives on" {
	local hold_jobs=() n lines longest back

	wait_for 10 is_up site5 eng5
	for n in $pairs; do
		wait_for 10 is_up "site$n" "eng$n"
		hold "$n" 45
	done
	sleep 2
	cables down
	sleep $((out_s - 10))
	hold 5 25 # its first packet, and each next one, waits for the cable
	sleep 10
	cables up
	back=$(date +%s%N)
	for n in $pairs 5; do
		wait_for 5 talk "pc$n" tcp "192.168.20$n.10"
		echo "# pair $n: a new connection after $((($(date +%s%N) - back) / 1000000)) ms" >&3
	done
	for n in $pairs; do
		wait "${hold_jobs[n - 1]}" || fail "the TCP connection of pair $n has died"
		read -r lines longest <"$BATS_TEST_TMPDIR/hold$n"
		echo "# pair $n: the longest wait inside was $longest ms" >&3
		assert_between "$longest" 20000 "$((out_s * 1000 + 5500))" "longest wait of pair $n in milliseconds"
	done
	wait "${hold_jobs[4]}" || fail "the TCP connection of pair 5 did not come about"
	for n in $pairs 5; do
		wait_for 15 is_online "site$n"
		wait_for 15 is_online "eng$n"
	done
}

@test "all daemons end in good order" {
	all_stop
}
