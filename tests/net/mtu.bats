#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Packets of 1500 bytes go through the tunnel; an end with a smaller MTU makes connections fit, and
# whoever sends too much is told.
# bats file_tags=tunnel

load lib
load vpn

# shellcheck disable=SC2154 # addresses: vpn.bash
far4=$plc1 far6=$plc1_six near4=$pc1 near6=$pc1_six

setup_file() {
	lab_up || return 0
	start_talk pc1
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

# set_mtu NODE BYTES - it connects anew with it.
set_mtu() {
	local conf

	conf=$(lab_dir "$1")/conf
	sed -i '/^mtu = /d' "$conf"
	echo "mtu = $2" >>"$conf"
	lab stop "$1"
	lab start "$1"
	wait_for 10 is_online "$1"
	wait_for 10 connect eng1 site1
	wait_for 5 is_up site1 eng1
}

# echoes NODE HOST BYTES - whether a packet of that size goes there and back whole.
echoes() {
	local headers=28

	[[ $2 != *:* ]] || headers=48
	lab in "$1" timeout 20 ping -n -M 'do' -c 3 -i 0.2 -W 5 -s "$(($3 - headers))" "$2"
}

# told NODE HOST BYTES MTU - such a packet is refused, with the MTU that would do.
told() {
	run echoes "$1" "$2" "$3"
	((status != 0)) || fail "$1 sent $3 bytes to $2"
	[[ $output == *"mtu = $4"* || $output == *"mtu=$4"* || $output == *"mtu: $4"* ]] ||
		fail "$1 was not told:"$'\n'"$output"
}

# segments_of NODE HOST - the MSS in the SYN of a connection from NODE to HOST's port 7, as it arrives there.
segments_of() {
	local file=$BATS_TEST_TMPDIR/syn end pid

	end=pc1
	[[ $2 != "$far4" && $2 != "$far6" ]] || end=plc1
	# tcpdump cannot look for TCP flags behind an IPv6 header; nothing else is sent to this port.
	lab in "$end" timeout 60 tcpdump -c 1 -nvi eth0 'tcp dst port 7' >"$file" 2>"$file.err" &
	pid=$!
	wait_for 5 grep -q listening "$file.err"
	talk "$1" tcp "$2"
	wait "$pid"
	sed -n 's/.*\<mss \([0-9]*\).*/\1/p' "$file"
}

# carries - TCP and large datagrams, both ways.
carries() {
	talk pc1 put "$far4" 3000000
	talk pc1 get "$far6" 3000000
	talk plc1 put "$near6" 3000000
	talk plc1 get "$near4" 3000000
	for size in 1400 4000; do
		talk pc1 udp "$far4" "$size"
		talk plc1 udp "$near6" "$size"
	done
}

@test "1500 bytes go whole" {
	set_mtu eng1 1500
	echoes pc1 "$far4" 1500
	echoes plc1 "$near4" 1500
	echoes pc1 "$far6" 1500
	assert_equal "$(session_field site1 eng1 peer_mtu)" 1500
	assert_equal "$(segments_of pc1 "$far4")" 1460
	carries
}

@test "one end has less: connections fit, who sends more is told" {
	set_mtu eng1 1400
	assert_equal "$(session_field site1 eng1 peer_mtu)" 1400
	assert_equal "$(field eng1 'd["mtu"]')" 1400
	assert_equal "$(segments_of pc1 "$far4")" 1360
	assert_equal "$(segments_of pc1 "$far6")" 1340
	assert_equal "$(segments_of plc1 "$near4")" 1360
	echoes pc1 "$far4" 1400
	echoes plc1 "$near4" 1400
	told pc1 "$far4" 1500 1400     # by the kernel here
	told plc1 "$near4" 1500 1400     # by the far vpnd
	told plc1 "$near6" 1500 1400
	told site1 "$near4" 1500 1400
	((3 <= $(field site1 'd["sessions"][0]["drops"].get("too_big", 0)'))) || fail "not counted"
	carries
}

@test "packets that may be taken apart arrive" {
	# shellcheck disable=SC2016 # expanded in the node
	lab in plc1 sh -c 'ip route flush cache; timeout 20 ping -n -M dont -c 3 -i 0.2 -W 5 -s 1472 "$0"' "$near4"
	[[ $(field site1 'd["sessions"][0]["drops"].get("malformed", 0)') == 0 ]]
}

# deaf NODE - it hears nothing of what is too big, as hosts behind careless firewalls.
deaf() {
	lab in "$1" nft "table inet deaf {
		chain input {
			type filter hook input priority 0
			icmp type destination-unreachable drop
			icmpv6 type packet-too-big drop
		}
	}"
	lab in "$1" sh -c 'ip route flush cache; ip -6 route flush cache'
}

@test "hosts that are not told what is too big send what fits" {
	for host in pc1 plc1; do
		deaf "$host"
	done
	talk pc1 put "$far4" 1000000
	talk pc1 get "$far6" 1000000
	talk plc1 put "$near6" 1000000
	talk plc1 get "$near4" 1000000
	for host in pc1 plc1; do
		lab in "$host" nft delete table inet deaf
	done
}

@test "100 MB are the same byte for byte, at an MTU outside of 1280" {
	set_mtu eng1 1500
	for node in eng1 site1; do
		lab in "$node" ip link set wan mtu 1280
		lab in inet ip link set "$node" mtu 1280
	done
	echoes pc1 "$far4" 1500
	echoes plc1 "$near6" 1500
	bytes=$(is_asan && echo 20000000 || echo 100000000)
	talk pc1 put "$far4" "$bytes"
	talk pc1 get "$far6" "$bytes"
	assert_equal "$(session_field eng1 site1 drops)" "{}" "what was dropped"
}
