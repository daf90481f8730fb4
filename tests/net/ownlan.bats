#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# The manager's own networks are not captured by a machine's, unless allow-overlap = yes.
# bats file_tags=routes

# shellcheck disable=SC2154 # addresses and python are of vpn.bash
load lib
load vpn

setup_file() {
	lab_up || return 0
	lab in eng1 ip -6 route del default # servers by IPv4 alone
	note_hosts eng1
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

# set_overlap yes|no - of eng1.
set_overlap() {
	local conf

	conf=$(lab_dir eng1)/conf
	sed -i '/^allow-overlap/d' "$conf"
	echo "allow-overlap = $1" >>"$conf"
	lab stop eng1
	lab start eng1
	wait_for 20 is_online eng1
}

@test "the own LAN is not captured, neither a part of it" {
	for lan in 192.168.101.0/24 192.168.101.128/25; do
		connected "$lan" || : # refused, or with other addresses
		goes eng1 192.168.101.200 lan
		goes eng1 192.168.101.10 lan
		disconnect_all
	done
}

@test "allow-overlap = yes: it is, its own routes stay, and everything is undone" {
	set_overlap yes
	own=$(lab in eng1 ip route show 192.168.101.0/24)
	connected 192.168.101.128/25
	goes eng1 192.168.101.200 farlan0
	goes eng1 192.168.101.10 lan
	connected 192.168.101.0/24
	goes eng1 192.168.101.200 farlan0
	goes eng1 192.168.101.10 farlan0
	assert_equal "$(lab in eng1 ip route show 192.168.101.0/24)" "$own" "the own route"
	is_online eng1
	disconnect_all
	goes eng1 192.168.101.10 lan
	# The uplink's network with the gateway in it.
	connected 10.1.1.0/24
	goes eng1 10.1.1.77 farlan0
	goes eng1 10.1.1.1 wan
	session_stays
	disconnect_all
	lab stop eng1
	wait_for 5 clean eng1 2>/dev/null
	lab start eng1
	wait_for 20 is_online eng1
	set_overlap no
}

session_stays() {
	lab kill rs1
	lab start rs1
	wait_for 20 is_online rs1
	wait_for 30 is_up eng1 site1
}
