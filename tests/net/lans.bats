#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# What is behind a device: several networks, some by a gateway, single hosts; and changes of it while
# it is in use.
# bats file_tags=routes

# shellcheck disable=SC2154 # addresses and python are of vpn.bash
load lib
load vpn

far=192.168.210.1 far_six=fd64:0:0:210::1 # behind plc1
neighbour=192.168.201.11                  # beside it

setup_file() {
	lab_up || return 0
	# plc1 is a router, too, and has a second address.
	lab in plc1 sh -c "ip address add $far/24 dev lo; ip address add $far_six/64 dev lo
		ip address add $neighbour/24 dev eth0"
	start_talk plc1
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

# set_lan TEXT - of site1's configuration; empty: none.
set_lan() {
	local conf

	conf=$(lab_dir site1)/conf
	sed -i '/^lan = /d' "$conf"
	[[ -z $1 ]] || echo "lan = $1" >>"$conf"
	lab stop site1
	lab start site1
	wait_for 20 is_online site1
}

@test "a device's configuration needs a gateway for each of its LANs" {
	conf=$BATS_TEST_TMPDIR/conf
	printf '[vpnd]\nlan = 192.168.210.0/24\n' >"$conf"
	refused "PREFIX via GATEWAY" "$BUILD/bin/vpnd" -n -c "$conf"
	printf '[vpnd]\nlan = 192.168.210.0/24 via 192.168.201.10, fd64:0:0:210::/64 via fd64:0:0:201::10\n' >"$conf"
	run "$BUILD/bin/vpnd" -n -c "$conf"
	assert_equal "$status" 0
	assert_contains "$output" "lan = 192.168.210.0/24 via 192.168.201.10, fd64:0:0:210::/64 via fd64:0:0:201::10"
}

@test "further networks behind a gateway on the machine's LAN" {
	set_lan "192.168.210.0/24 via $plc1, fd64:0:0:210::/64 via $plc1_six, 172.20.0.0/16 via $plc1"
	assert_equal "$(lab in site1 ip route show 192.168.210.0/24)" "" "a route without a session"
	connected 192.168.201.0/24 192.168.210.0/24 fd64:0:0:210::/64
	for host in "$plc1" "$far" "$far_six"; do
		talk pc1 tcp "$host"
		talk eng1 tcp "$host"
	done
	assert_contains "$(tool site1 routes)" "own LAN behind a gateway"
	assert_equal "$(lab in site1 ip route show 172.20.0.0/16)" "" "a route to what is not registered"
	tool eng1 disconnect
	wait_for 5 has_sessions site1 0
	assert_equal "$(lab in site1 ip route show 192.168.210.0/24)" "" "the route after the session"
}

@test "a route that is there already stays, and serves" {
	lab in site1 ip route add 192.168.210.0/24 via "$neighbour"
	connected 192.168.201.0/24 192.168.210.0/24
	talk pc1 tcp "$far"
	assert_contains "$(lab in site1 ip route get "$far")" "via $neighbour"
	tool eng1 disconnect
	wait_for 5 has_sessions site1 0
	assert_contains "$(lab in site1 ip route show 192.168.210.0/24)" "via $neighbour"
	lab in site1 ip route del 192.168.210.0/24
}

@test "kill -9 with such a route: the next start takes it back" {
	connected 192.168.201.0/24 192.168.210.0/24
	assert_contains "$(lab in site1 ip route show 192.168.210.0/24)" "via $plc1"
	lab kill site1
	assert_contains "$(lab in site1 ip route show 192.168.210.0/24)" "via $plc1"
	lab link site1 --down
	lab start site1
	wait_for 5 clean site1 2>/dev/null
	lab link site1 --up
	wait_for 20 is_online site1
	wait_for 30 talk pc1 tcp "$far"
	disconnect_all
}

@test "a gateway that is on no network of the device is told" {
	set_lan "192.168.210.0/24 via 192.168.77.7"
	connected 192.168.201.0/24 192.168.210.0/24
	talk pc1 tcp "$plc1"
	assert_contains "$(tool site1 status)" \
		"lan 192.168.210.0/24 via 192.168.77.7: this gateway is on no network of this host"
	assert_equal "$(lab in site1 ip route show 192.168.210.0/24)" "" "a route"
	disconnect_all
	set_lan ""
}

@test "single hosts: this one and no other" {
	connected 192.168.201.10/32
	assert_contains "$(lab in eng1 ip route show dev farlan0)" "$plc1 "
	talk pc1 tcp "$plc1"
	pings eng1 "$plc1"
	assert_silent eng1 "$neighbour" 192.168.201.1
	connected "$neighbour/32" fd64:0:0:201::10/128
	talk pc1 tcp "$neighbour"
	talk pc1 tcp "$plc1_six"
	assert_silent eng1 "$plc1"
}

@test "LANs that change while they are in use end the session, and the hosts are clean" {
	connected 192.168.201.0/24
	talk pc1 tcp "$plc1"
	tool as1 device set site1 --lan 192.168.201.10/32
	wait_for 5 has_sessions eng1 0
	wait_for 5 has_sessions site1 0
	for node in eng1 site1; do
		assert_equal "$(routes_of "$node")" "" "routes of $node"
	done
	assert_silent pc1 "$plc1"
	connect eng1 site1
	talk pc1 tcp "$plc1"
	assert_silent pc1 "$neighbour"
	disconnect_all
	all_stop
	for node in eng1 site1; do
		clean "$node"
	done
}
