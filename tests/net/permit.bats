#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Who may reach what: folders, groups and permissions by accessctl, and what vpnctl makes of them. The lab
# allows everyone to connect everywhere; the first test takes that back.
# bats file_tags=permit

# shellcheck disable=SC2154 # status and output are of `run`; plc1 is of vpn.bash
load lib
load vpn
load silence

setup_file() {
	lab_up --devices 2 || return 0
	watch_uplink site1
	start_talk plc1
}

setup() { lab_here; }

teardown_file() {
	local rc=0

	uplink_silent site1 || rc=1
	logs_clean || rc=1
	lab_down
	return "$rc"
}

# devices_of NODE - what its user sees.
devices_of() {
	tool "$1" devices --json | json '[x["name"] for x in (d if isinstance(d, list) else d["devices"])]'
}

# says CODE WORDS COMMAND... - exit code, and a part of what is printed.
says() {
	run "${@:3}"
	assert_equal "$status" "$1" "exit code of ${*:3}"
	assert_contains "$output" "$2"
}

@test "who is allowed nothing sees nothing, and may not connect" {
	tool as1 permission clear everyone connect /
	assert_equal "$(devices_of eng1)" ""
	refused "no such device" tool eng1 connect site1
	refused "no such device" tool eng1 connect nosuch1
	says 1 "no rule says anything" tool as1 can eng1 connect site1
}

@test "a group is allowed to connect in a folder: there, and nowhere else" {
	tool as1 folder add /italy
	tool as1 folder add /italy/plant3
	tool as1 device move site1 /italy/plant3
	tool as1 group add fitters --folder /italy
	tool as1 group member add fitters eng1
	tool as1 permission allow fitters connect /italy
	says 0 "yes: eng1 may connect at site1" tool as1 can eng1 CONNECT site1
	assert_contains "$output" "group:fitters"
	says 1 "no: eng1 may not connect at site2" tool as1 can eng1 connect site2
	assert_equal "$(devices_of eng1)" site1
	refused "no such device" tool eng1 connect site2
	connect eng1 site1
	wait_for 5 is_up eng1 site1
	lab in eng1 ping -c 1 -W 5 "$plc1" >/dev/null
}

@test "the tree, the groups and the rules are shown" {
	says 0 "└── italy" tool as1 folder list
	assert_contains "$output" "    └── plant3  (1 device)"
	says 0 "/italy" tool as1 group list
	says 0 "eng1" tool as1 group member list fitters
	says 0 "group:fitters  allow  connect     /italy" tool as1 permission list --subject fitters
	assert_equal "$(tool as1 permission list --target / --json | json 'len(d)')" 0
	assert_equal "$(tool as1 device list --json | json '[x["folder"] for x in d if x["name"] == "site1"]')" \
		/italy/plant3
}

# ended_within MS COMMAND... - how long until both ends have no session any more.
ended_within() {
	local took

	took=$(milliseconds "${@:2}" 2>/dev/null)
	wait_for 1 has_sessions eng1 0
	wait_for 1 has_sessions site1 0
	echo "# the command took $took ms" >&3
}

@test "what is denied ends the session that runs, at both ends" {
	ended_within 1000 tool as1 permission deny eng1 connect site1
	refused "no such device" tool eng1 connect site1
	says 1 "a nearer rule decides" tool as1 can eng1 connect site1
	assert_equal "$(tool as1 can eng1 connect site1 --json | json 'd["allowed"]')" false
	tool as1 permission clear eng1 connect site1
	connect eng1 site1
	wait_for 5 is_up eng1 site1
}

@test "who leaves the group loses what it may do; another permission shows the device alone" {
	tool as1 group member remove fitters eng1
	wait_for 1 has_sessions eng1 0
	tool as1 permission allow eng1 view-connections /italy
	assert_equal "$(devices_of eng1)" site1
	refused "you may not connect to this device" tool eng1 connect site1
	tool as1 group member add fitters eng1
	connect eng1 site1
	wait_for 5 is_up eng1 site1
}

@test "a change that takes nothing away leaves sessions alone" {
	before=$(session_field eng1 site1 id)
	tool as1 permission allow eng1 connect /italy/plant3
	tool as1 group member remove fitters eng1
	tool as1 folder rename /italy/plant3 plant4
	tool as1 folder add /press
	tool as1 folder move /italy/plant4 /press
	sleep 0.5
	is_up eng1 site1
	assert_equal "$(session_field eng1 site1 id)" "$before"
	says 0 "/press/plant4" tool as1 can eng1 connect site1
	tool eng1 disconnect >/dev/null
}

@test "what is in use is not removed; cycles and names that are taken are refused" {
	refused "something stands in the folder" tool as1 folder remove /press/plant4
	refused "cannot stand in itself" tool as1 folder move /press /press/plant4
	refused "already" tool as1 folder add /press
	refused "no such folder" tool as1 folder add /nosuch/x
	refused "a folder is written" tool as1 folder add "/../x"
	refused "has members" tool as1 group remove fitters
	refused "stays as it is" tool as1 group remove everyone
	refused "subject: the name" tool as1 permission allow "x'; drop" connect /
	refused "what: administer" tool as1 permission allow eng1 everything /
}
