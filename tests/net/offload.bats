#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Super-packets through the tunnel, and ends that have none; the outer layer, shed and kept.
# bats file_tags=tunnel

load lib
load vpn

bytes=50000000

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

# set_option NODE OPTION VALUE - in its configuration; begins anew with it.
set_option() {
	local conf

	conf=$(lab_dir "$1")/conf
	sed -i "/^$2 = /d" "$conf"
	echo "$2 = $3" >>"$conf"
	lab stop "$1"
	lab start "$1"
}

# set_both OPTION ENG SITE
set_both() {
	set_option eng1 "$1" "$2"
	set_option site1 "$1" "$3"
	wait_for 10 is_online eng1
	wait_for 10 is_online site1
	wait_for 10 connect eng1 site1
	wait_for 5 is_up site1 eng1
}

# carries - TCP and UDP, both families, both ways, byte for byte.
# shellcheck disable=SC2154 # addresses: vpn.bash
carries() {
	talk pc1 put "$plc1" "$bytes"
	talk pc1 get "$plc1_six" "$bytes"
	talk eng1 get "$plc1" 5000000
	talk plc1 put "$pc1_six" 5000000
	for size in 1 1472 1473 60000; do
		talk pc1 udp "$plc1" "$size"
		talk plc1 udp "$pc1_six" "$size"
	done
}

# bad_drops NODE - what should not happen here: anything but full queues.
bad_drops() {
	field "$1" "[d for s in d['sessions'] for d in s['drops'] if d in ('malformed', 'not_taken', 'src_not_peer', 'dst_not_ours')]"
}

assert_no_bad_drops() {
	assert_equal "$(bad_drops eng1)$(bad_drops site1)" "" "drops"
}

layers_are() {
	[[ $(field "$1" '[s.get("layers") for s in d["sessions"]]') == "$2" ]]
}

@test "both ends take super-packets: they go whole" {
	set_both offload yes yes
	carries
	assert_equal "$(session_field eng1 site1 super)" true
	assert_equal "$(session_field site1 eng1 super)" true
	assert_no_bad_drops
}

@test "one end has none: the other one cuts" {
	set_both offload yes no
	carries
	assert_equal "$(session_field eng1 site1 super)" false
	assert_equal "$(field eng1 'd["offload"]')" true
	assert_equal "$(field site1 'd["offload"]')" false
	assert_no_bad_drops
}

@test "neither end has any" {
	set_both offload no no
	carries
	assert_equal "$(field eng1 'd["offload"]')" false
	assert_no_bad_drops
}

@test "the outer layer is kept if an end wants it, and shed if none does" {
	set_option site1 offload yes
	set_both shed yes no
	wait_for 3 layers_are site1 "outer and inner"
	# Each leg for itself: the manager's may go without.
	talk pc1 put "$plc1" 5000000
	set_both shed yes yes
	wait_for 3 layers_are site1 inner
	wait_for 3 layers_are eng1 inner
	talk pc1 get "$plc1" 5000000
	assert_no_bad_drops
}

@test "the outer layer is kept if the relay wants it" {
	set_option rs1 shed no
	wait_for 20 is_up eng1 site1
	wait_for 20 is_up site1 eng1
	wait_for 5 layers_are eng1 "outer and inner"
	wait_for 5 layers_are site1 "outer and inner"
	talk pc1 put "$plc1" 5000000
}

@test "vpnctl status shows it to people" {
	talk pc1 put "$plc1" "$bytes"
	run tool eng1 status
	assert_equal "$status" 0
	assert_contains "$output" "Layers       outer and inner"
	assert_equal "$(field eng1 '[type(s[k]).__name__ for s in d["sessions"] for k in ("rate_bytes_s", "under_way_bytes", "backlog_bytes", "marked")]' | sort -u)" int
}
