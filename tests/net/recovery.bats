#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# What breaks: relays, endpoints, the Access Server, links, the TUN device. Sessions come back, and
# nothing is left on a host that did not ask for it.
# alone: it measures how long connections wait
# bats file_tags=recovery

# shellcheck disable=SC2154 # addresses and python are of vpn.bash
load lib
load vpn
load silence

setup_file() {
	lab_up --relays 2 || return 0
	watch_uplink site1
	watch_uplink eng1
	start_talk plc1
	start_talk pc1
	note_hosts eng1 site1
	connect eng1 site1
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

relay_in_use() {
	session_field eng1 site1 relay
}

other_relay() {
	[[ $1 == rs1 ]] && echo rs2 || echo rs1
}

relay_is() {
	[[ $(relay_in_use) == "$1" && $(session_field site1 eng1 relay) == "$1" ]]
}

both_up() {
	is_up eng1 site1 && is_up site1 eng1
}

# hold SECONDS - a TCP connection from LAN to LAN, in the background.
hold() {
	talk pc1 hold "$plc1" "$1" >"$BATS_TEST_TMPDIR/hold" 3>&- &
	hold_job=$!
	sleep 1
}

# held LONGEST_MS - it lived, and never waited longer for an answer.
held() {
	local lines longest

	wait "$hold_job" || fail "the TCP connection inside has died"
	read -r lines longest <"$BATS_TEST_TMPDIR/hold"
	assert_between "$lines" 20 100000 "lines of the TCP connection inside"
	assert_between "$longest" 0 "$1" "its longest wait in milliseconds"
	echo "# the longest wait inside was $longest ms" >&3
}

# --- relays ---

@test "kill -9 of the relay in use: the session finds the other one, and TCP inside lives on" {
	relay=$(relay_in_use)
	hold 5
	lab kill "$relay"
	wait_for 15 relay_is "$(other_relay "$relay")"
	held 8000
	pings pc1 "$plc1"
	pings pc1 "$plc1_six"
	lab start "$relay"
	wait_for 20 is_online "$relay"
}

@test "back and forth: each time the relay in use is killed the session moves" {
	for _ in 1 2 3; do
		relay=$(relay_in_use)
		lab kill "$relay"
		wait_for 15 relay_is "$(other_relay "$relay")"
		wait_for 5 pings pc1 "$plc1"
		lab start "$relay"
		wait_for 20 is_online "$relay"
	done
}

@test "a relay that is stopped in good order lets its sessions go at once" {
	relay=$(relay_in_use)
	hold 4
	lab stop "$relay"
	wait_for 15 relay_is "$(other_relay "$relay")"
	held 5000
	lab start "$relay"
	wait_for 20 is_online "$relay"
}

@test "the only relay is killed and started again: the session and TCP inside live on" {
	relay=$(relay_in_use)
	lab stop "$(other_relay "$relay")"
	hold 7
	lab kill "$relay"
	sleep 1
	lab start "$relay"
	held 8000
	wait_for 15 both_up
	lab start "$(other_relay "$relay")"
	wait_for 20 is_online "$(other_relay "$relay")"
}

# --- endpoints ---

# forwards NODE - whether vpnd's settings are on its host.
forwards() {
	[[ $(lab in "$1" cat /proc/sys/net/ipv4/conf/lan/forwarding) == 1 ]]
}

# killed_is_cleaned NODE - kill -9 and start; cut off from everybody it has nothing but to clean up.
killed_is_cleaned() {
	forwards "$1"
	lab kill "$1"
	forwards "$1" # or there is nothing to clean up
	lab link "$1" --down
	lab start "$1"
	wait_for 5 clean "$1" 2>/dev/null
	lab link "$1" --up
}

@test "kill -9 of vpnd with a session: nothing is left after the next start, and the session is taken up again" {
	id=$(session_field eng1 site1 id)
	for node in site1 eng1; do
		killed_is_cleaned "$node"
		wait_for 40 both_up
		wait_for 10 talk pc1 tcp "$plc1"
		assert_equal "$(session_field eng1 site1 id)" "$id" "session after $node"
	done
}

@test "kill -9 of vpnd while it searches: the same" {
	id=$(session_field eng1 site1 id)
	lab kill rs1
	lab kill rs2
	wait_for 15 is_searching eng1
	wait_for 15 is_searching site1
	for node in eng1 site1; do
		killed_is_cleaned "$node"
	done
	lab start rs1
	lab start rs2
	wait_for 40 both_up
	wait_for 10 talk pc1 tcp "$plc1"
	assert_equal "$(session_field eng1 site1 id)" "$id" "session"
}

is_searching() {
	[[ $(field "$1" 'd["sessions"][0]["state"]') == searching ]]
}

@test "kill -9 of vpnd at once after connect, at any moment" {
	for after in 0.01 0.03 0.1; do
		tool eng1 disconnect >/dev/null
		tool eng1 connect site1 >/dev/null 2>&1 &
		sleep "$after"
		lab kill eng1
		wait $! || :
		lab link eng1 --down
		lab start eng1
		wait_for 5 clean eng1 2>/dev/null
		lab link eng1 --up
		wait_for 40 is_online eng1
	done
	# A session that was granted again is on its way for a moment.
	wait_for 10 connect eng1 site1 2>/dev/null
	talk pc1 tcp "$plc1"
}

@test "the TUN device is deleted: the session ends in words, and the next one works" {
	wait_for 5 both_up
	lab in site1 ip link del farlan0
	wait_for 5 has_sessions site1 0
	wait_for 5 has_sessions eng1 0
	assert_contains "$(tool site1 status)" "TUN device was deleted"
	connect eng1 site1
	talk pc1 tcp "$plc1"
	lab in eng1 ip link del farlan0
	wait_for 5 has_sessions eng1 0
	wait_for 5 has_sessions site1 0
	connect eng1 site1
	talk pc1 tcp "$plc1"
}

@test "SIGTERM: vpnd leaves nothing on its host, and ends the session at the other end" {
	wait_for 5 both_up
	lab stop site1
	clean site1
	wait_for 5 has_sessions eng1 0
	lab start site1
	wait_for 20 is_online site1
	connect eng1 site1
	lab stop eng1
	clean eng1
	wait_for 5 has_sessions site1 0
	lab start eng1
	wait_for 20 is_online eng1
	connect eng1 site1
}

# --- the rest ---

@test "kill -9 of the Access Server: the session does not notice, and everybody comes back" {
	hold 4
	lab kill as1
	sleep 1
	lab start as1
	held 1000
	for node in rs1 rs2 eng1 site1; do
		wait_for 30 is_online "$node"
	done
	both_up
}

@test "an Access Server that does not answer: what it grants too late is taken back" {
	disconnect_all
	server=$(lab pid as1)
	kill -STOP "$server"
	refused "try again" tool eng1 connect site1
	kill -CONT "$server"
	wait_for 20 is_online eng1
	wait_for 20 has_sessions site1 0
	assert_equal "$(tool as1 session list --json | json 'len(d)')" 0
	assert_equal "$(field eng1 'len(d["sessions"])')" 0
	connect eng1 site1
	wait_for 10 both_up
}

@test "the TUN device is set down and up: the next connect puts back what went" {
	lab in eng1 ip link set farlan0 down
	lab in eng1 ip link set farlan0 up
	tool eng1 disconnect site1
	connect eng1 site1
	wait_for 10 both_up
	lab in pc1 ping -q -c 1 -W 5 192.168.201.10
	lab in pc1 ping -q -c 1 -W 5 fd64:0:0:201::10
}

@test "the link of one end is cut for 10 s: the session and TCP inside live on" {
	hold 25
	lab link site1 --down
	sleep 10
	lab link site1 --up
	wait_for 30 talk pc1 tcp "$plc1"
	held 16000
	wait_for 5 both_up
}

@test "addresses of an uplink that change are no matter" {
	hold 8
	lab in eng1 sh -c 'ip address add 10.1.1.3/24 dev wan; ip address del 10.1.1.2/24 dev wan
		ip -6 address del 2001:db8:e:1::2/64 dev wan; ip -6 address add 2001:db8:e:1::3/64 dev wan nodad
		ip route replace default via 10.1.1.1; ip -6 route replace default via 2001:db8:e:1::1'
	held 10000
	wait_for 15 both_up
}

@test "all daemons end in good order" {
	all_stop
	clean site1
}
