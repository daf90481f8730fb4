#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# A line that loses packets: which congestion control the connections use.
# without sanitizers: it is about the kernel
# alone: it measures rates
# bats file_tags=tunnel

load lib
load vpn

setup_file() {
	lab_up || return 0
	start_talk plc1
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

# uses NODE PEER CONTROL - has NODE a connection with PEER (a part of its address) under CONTROL?
uses() {
	lab in "$1" ss -tinH | tr '\n' ' ' | sed 's/ESTAB/\n&/g' | grep -F -- "$2" | grep -qw "$3"
}

# shellcheck disable=SC2154 # addresses: vpn.bash
@test "where packets are lost, endpoint and relay send with bbr, and only there" {
	grep -qw bbr /proc/sys/net/ipv4/tcp_available_congestion_control || skip "no bbr in this kernel"
	connect eng1 site1
	wait_for 5 is_up site1 eng1
	uses rs1 2001:db8:d:1: cubic || skip "bbr is the system's own"
	lab link site1 --delay 5ms --loss 4%
	for _ in 1 2 3 4 5; do
		talk pc1 put "$plc1" 1000000
		talk pc1 get "$plc1" 1000000
	done
	wait_for 5 uses rs1 2001:db8:d:1: bbr
	wait_for 5 uses site1 2001:db8:b:1: bbr
	uses rs1 2001:db8:e:1: cubic
	lab link site1
}
