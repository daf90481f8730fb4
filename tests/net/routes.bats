#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Routes that cannot hurt: servers and relays stay outside of the tunnel whatever a machine's LAN
# covers, the own LAN stays, no route of the host is replaced, and everything is undone.
# bats file_tags=routes

# shellcheck disable=SC2154 # addresses and python are of vpn.bash
load lib
load vpn

beyond=198.18.7.7 # somewhere on the machine's side of the world

setup_file() {
	lab_up || return 0
	start_talk pc1
	start_talk plc1
	# The world behind site1 knows the way back.
	lab in inet sh -c "ip address add $beyond/32 dev lo; ip route add 100.64.0.0/10 via 10.2.1.2
		ip route add 192.168.101.0/24 via 10.2.1.2"
	# eng1 is outside by IPv4 alone, until a test wants it otherwise.
	lab in eng1 ip -6 route show default | sed 's/ pref.*//' >"$BATS_FILE_TMPDIR/default6"
	lab in eng1 ip -6 route del default
	note_hosts eng1 site1
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

# pins NODE - what is pinned there, and there.
pins() {
	tool "$1" routes --json | json '[r["prefix"] for r in d["routes"] if r["kind"] == "pin" and r["there"]]'
}

# session_returns - after its relay was away.
session_returns() {
	lab kill rs1
	lab start rs1
	wait_for 20 is_online rs1
	wait_for 30 talk pc1 tcp "$plc1"
}

@test "everything by the machine: 0.0.0.0/0 and ::/0" {
	default=$(lab in eng1 ip route show default)
	connected 0.0.0.0/0 ::/0
	goes eng1 8.8.8.8 farlan0
	goes eng1 2001:db8:ffff::1 farlan0
	assert_equal "$(lab in eng1 ip route show default)" "$default" "the default route"
	# What vpnd needs, and what the host is connected to, stay outside.
	goes eng1 "$as1" wan
	goes eng1 "$rs1" wan
	goes eng1 10.1.1.1 wan
	goes eng1 192.168.101.10 lan
	talk pc1 tcp "$plc1"
	talk eng1 tcp "$pc1"
	for node in eng1 pc1; do
		pings "$node" "$beyond" || fail "$node does not reach what is behind the machine's router"
	done
	for node in eng1 site1; do
		is_online "$node"
	done
}

@test "with it, servers and relays that were away are found again" {
	session_returns
	lab stop as1
	wait_for 10 is_offline eng1
	lab start as1
	wait_for 40 is_online eng1
	wait_for 40 is_online site1
	talk pc1 tcp "$plc1"
	goes eng1 8.8.8.8 farlan0
}

@test "when the uplink has another gateway, the pins move" {
	default=$(lab in eng1 ip route show default)
	lab in inet ip address add 10.1.1.254/24 dev eng1
	lab in eng1 ip route replace default via 10.1.1.254
	wait_for 5 pinned_via 10.1.1.254 # without a word from anybody but the kernel
	session_returns
	pinned_via 10.1.1.254
	# shellcheck disable=SC2086 # words
	lab in eng1 ip route replace $default
	lab in inet ip address del 10.1.1.254/24 dev eng1
	wait_for 5 pinned_via 10.1.1.1
	session_returns
}

pinned_via() {
	[[ $(lab in eng1 ip route show "$rs1") == *"via $1 "* ]]
}

@test "vpnctl routes says what there is and why, and what somebody took away" {
	run tool eng1 routes
	assert_equal "$status" 0
	assert_contains "$output" "half of 0.0.0.0/0, LAN of site1"
	assert_contains "$output" "tunnel address of site1"
	assert_contains "$output" "tunnel address of this end"
	assert_contains "$output" "rs1.lab stays outside of the tunnel"
	assert_contains "$output" "net/ipv4/conf/lan/forwarding = 1"
	[[ $output != *MISSING* ]] || fail "$output"
	assert_equal "$(tool eng1 routes --json | json '[r for r in d["routes"] if not r["there"]]')" "" "missing"
	lab in eng1 ip route del 128.0.0.0/1
	lab in eng1 sh -c 'echo 0 >/proc/sys/net/ipv4/conf/lan/forwarding'
	run tool eng1 routes
	assert_equal "$(grep -c 'MISSING *$' <<<"$output" || :)" 2 "what is marked"
	assert_contains "$(tool eng1 routes --json | json '[r["prefix"] for r in d["routes"] if r["kind"] == "route" and not r["there"]]')" 128.0.0.0/1
	run tool site1 routes
	assert_contains "$output" "LAN of eng1"
}

@test "disconnect takes it all back, and what somebody took away is no harm" {
	tool eng1 disconnect
	wait_for 5 has_sessions site1 0
	for node in eng1 site1; do
		assert_equal "$(routes_of "$node")" ""
		assert_equal "$(pins "$node")" ""
	done
	goes eng1 8.8.8.8 wan
	talk eng1 tcp "$pc1"
}

@test "a network that covers the servers: 198.0.0.0/7 and 10.0.0.0/8, where the own uplink is" {
	connected 198.0.0.0/7 10.0.0.0/8 192.168.201.0/24
	goes eng1 198.51.7.7 farlan0
	goes eng1 10.9.9.9 farlan0
	goes eng1 "$rs1" wan
	goes eng1 10.1.1.1 wan
	assert_contains "$(pins eng1)" "$rs1/32"
	[[ $(pins eng1) != *"$as1"* ]] || fail "$as1 is not covered"
	session_returns
}

@test "the same over IPv6" {
	default=$(lab in eng1 ip route show default)
	lab in eng1 sh -c "ip route del default; ip -6 route add $(<"$BATS_FILE_TMPDIR/default6")"
	lab stop eng1
	lab start eng1
	wait_for 20 is_online eng1
	connected ::/0 192.168.201.0/24
	goes eng1 2001:db8:ffff::1 farlan0
	for address in "$(field eng1 'd["server"]["address"]')" "$(session_field eng1 site1 relay_address)"; do
		assert_contains "$address" :
		goes eng1 "$address" wan
		assert_contains "$(pins eng1)" "$address/128"
	done
	talk eng1 tcp "$plc1_six"
	session_returns
	tool eng1 disconnect
	assert_equal "$(routes_of eng1)" ""
	# shellcheck disable=SC2086 # words
	lab in eng1 ip route add $default
	lab in eng1 ip -6 route del default
	lab stop eng1
	lab start eng1
	wait_for 20 is_online eng1
}

@test "SIGTERM, and kill -9 and the next start: nothing is left of it" {
	connected 0.0.0.0/0 ::/0
	lab stop eng1
	wait_for 5 clean eng1 2>/dev/null
	lab start eng1
	wait_for 20 is_online eng1
	connected 0.0.0.0/0 ::/0
	assert_contains "$(pins eng1)" "$rs1/32"
	lab kill eng1
	assert_contains "$(lab in eng1 ip route show proto 70)" "$rs1" # or there is nothing to clean up
	lab link eng1 --down
	lab start eng1
	wait_for 5 clean eng1 2>/dev/null
	lab link eng1 --up
	wait_for 20 is_online eng1
	disconnect_all
}
