#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Two domains on one Access Server: lab has site1, eng1 and rs1; other gets the rest.
# bats file_tags=domains

# shellcheck disable=SC2154 # addresses and python are of vpn.bash; status and output of run
load lib
load vpn

setup_file() {
	lab_up --devices 2 --managers 2 --relays 2 || return 0
	# The other domain's own name for the same server.
	printf '%s access.other\n' "$as1" >>"$(lab_dir)/etc/hosts"
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

# fresh NODE - it knows of no domain any more: a new owner, or a thief, has wiped its disk.
fresh() {
	lab stop "$1"
	rm -rf "$(lab_dir "$1")/state"
	lab start "$1"
}

lab_ctl() {
	tool as1 --domain lab "$@"
}

other() {
	tool as1 --domain other "$@"
}

# remote NODE COMMAND... - accessctl on an engineer's PC, as the user who is signed in there.
remote() {
	FARLAN_SOCKET=$(lab_dir "$1")/socket "$BUILD/bin/accessctl" --remote "${@:2}" 3>&- 4>&-
}

# heard DOMAIN EVENT - what its audit says of it, with whom and what: "stranger -> site2 refused".
heard() {
	tool as1 --domain "$1" audit list --event "$2" --json |
		json '[x["who"]["name"] + " -> " + x["on"]["name"] + " " + x["result"] for x in d]'
}

@test "a second domain is made while the first one is served" {
	tool as1 user list
	tool as1 init --domain other --url https://access.other
	[[ $(tool as1 domain list) == *other*access.other* ]]
	is_online site1 && is_online eng1
}

@test "with two of them it has to be said which one is meant" {
	refused "several domains" tool as1 user list
	refused "no such domain: nosuch" tool as1 --domain nosuch user list
	lab_ctl user list
	FARLAN_DOMAIN=other tool as1 user list
	refused "already has the domain other" tool as1 init --domain other --url https://x
}

@test "a machine that was taken away is refused by another domain, and both hear of it" {
	fresh site2
	other device add site2 --lan 192.168.202.0/24 >"$BATS_FILE_TMPDIR/site2"
	refused "belongs to another domain" lab in site2 vpnctl enroll <"$BATS_FILE_TMPDIR/site2"
	assert_contains "$(heard other device.foreign)" '-> site2 refused'
	assert_contains "$(heard lab device.claimed)" '-> site2 refused'
	# Neither hears which the other one is.
	[[ $(tool as1 --domain other audit list --event device.foreign --json) != *'"lab"'* ]]
	[[ $(tool as1 --domain lab audit list --event device.claimed --json) != *'"other"'* ]]
}

@test "that its device was removed changes nothing" {
	lab_ctl device remove site2
	refused "belongs to another domain" lab in site2 vpnctl enroll <"$BATS_FILE_TMPDIR/site2"
	refused "no machine is bound" other device release site2
}

@test "its owner releases it, and it goes to the new one" {
	lab_ctl device release site2
	lab in site2 vpnctl enroll <"$BATS_FILE_TMPDIR/site2"
	wait_for 20 is_online site2
	assert_contains "$(heard lab device.released)" '-> site2 ok'
	[[ $(field site2 'd["identity"]["domain"]') == other ]] || field site2 'd'
}

@test "each domain has its relays and engineers, and both connect" {
	fresh rs2
	fresh eng2
	other relay add rs2 --url https://rs2.lab | lab in rs2 relayctl enroll
	printf 'lab-eng2-Engineers-Secret\n' >"$BATS_FILE_TMPDIR/password"
	{
		other user add eng2 --no-change <"$BATS_FILE_TMPDIR/password"
		cat "$BATS_FILE_TMPDIR/password"
	} >"$BATS_FILE_TMPDIR/login"
	lab in eng2 vpnctl login <"$BATS_FILE_TMPDIR/login"
	other permission allow everyone connect /
	wait_for 20 is_online rs2
	connect eng1 site1
	connect eng2 site2
	wait_for 10 is_up eng1 site1
	wait_for 10 is_up eng2 site2
	[[ $(session_field eng1 site1 relay) == rs1 ]]
	[[ $(session_field eng2 site2 relay) == rs2 ]]
	lab in pc1 ping -c 1 -W 5 "$plc1"
	lab in pc2 ping -c 1 -W 5 "$plc2"
}

@test "nobody sees anything of the other domain" {
	assert_equal "$(tool eng1 devices --json | json '[x["name"] for x in d["devices"]]')" site1
	assert_equal "$(tool eng2 devices --json | json '[x["name"] for x in d["devices"]]')" site2
	refused "no such device" tool eng2 connect site1
	assert_equal "$(lab_ctl session list --json | json '[x["device"] for x in d]')" site1
	assert_equal "$(other session list --json | json '[x["device"] for x in d]')" site2
	refused "no such device" other device set site1 --lan 10.0.0.0/24
	[[ $(other relay list) != *rs1* ]]
}

@test "each one's members check the certificate of their own domain" {
	[[ $(field eng1 'd["server"].get("inspection")') == "" ]]
	[[ $(field eng2 'd["server"].get("inspection")') == "" ]]
}

@test "an engineer administers from his PC what he is permitted to" {
	refused "not permitted" remote eng2 user add anna <"$BATS_FILE_TMPDIR/password"
	other permission allow eng2 administer /
	[[ $(remote eng2 user list) == *eng2* ]]
	printf 'a long one that anna never had\n' | remote eng2 user add anna --no-change >"$BATS_FILE_TMPDIR/anna"
	grep -q . "$BATS_FILE_TMPDIR/anna"
	[[ $(other user list) == *anna* && $(lab_ctl user list) != *anna* ]]
	assert_contains "$(heard other user.added)" 'eng2 -> anna ok'
	refused "administrator of the server's host" remote eng2 domain list
	refused "no such domain" remote eng2 --domain lab user list
	refused "users administer" remote site1 user list
}

@test "an engineer imports into his folder, and not beside it" {
	local file=$BATS_FILE_TMPDIR/devices.csv

	other folder add /mine
	other permission clear eng2 administer /
	other permission allow eng2 administer /mine
	printf 'kind,name,folder\ndevice,own1,/mine\n' >"$file"
	[[ $(remote eng2 import "$file" --invitations "$BATS_FILE_TMPDIR/invitations") == *"1 added"* ]]
	grep -q '^device,own1,.*,farlan-device-' "$BATS_FILE_TMPDIR/invitations"
	[[ $(remote eng2 import "$file") == *"nothing to do"* ]]
	printf 'kind,name,folder\ndevice,own1,/mine\ndevice,strange1,/\n' >"$file"
	refused "not permitted" remote eng2 import "$file" --invitations "$BATS_FILE_TMPDIR/invitations2"
	[[ $(other device list) != *strange1* ]]
	# He sees what he may connect to, but what he may not administer stays.
	printf 'kind,name\ndevice,own1\n' >"$file"
	[[ $(remote eng2 export devices) == *site2* ]]
	refused "not permitted" remote eng2 import "$file" --prune --yes
	[[ $(other device list) == *site2* ]]
	[[ $(heard other device.added) == *'eng2 -> own1 ok'* ]]
}

@test "a domain with sessions is not removed; without, its members are sent away" {
	refused "Only a backup" tool as1 domain remove other
	refused "1 sessions of it run" tool as1 domain remove other --yes
	tool eng2 disconnect
	wait_for 5 has_sessions site2 0
	tool as1 domain remove other --yes
	wait_for 10 is_offline site2
	tool as1 user list # the only one again
	[[ $(tool as1 audit list --server --json | json '[x["event"] + " " + x["on"]["name"] for x in d]') == *"domain.removed other"* ]]
	is_up eng1 site1
}
