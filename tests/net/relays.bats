#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2154 # addresses and python are of vpn.bash
# The pool of relays as the Access Server sees it: how they do, which one a session gets, drain, pin, avoid.
# bats file_tags=relays
#
#   eng1 --10, 80, 60 ms-- rs1, rs2, rs3 --200, 60, 90 ms-- site1      (round trips)

load lib
load vpn
load silence

setup_file() {
	lab_up --relays 3 || return 0
	watch_uplink site1
	watch_uplink eng1
	lab link eng1 --delay-to rs1 5ms --delay-to rs2 40ms --delay-to rs3 30ms
	lab link site1 --delay-to rs1 100ms --delay-to rs2 30ms --delay-to rs3 45ms
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

# relay_field NAME MEMBER
relay_field() {
	tool as1 relay list --json | json "[x.get('$2') for x in d if x['name'] == '$1']"
}

has_health() { # NAME HEALTH
	[[ $(relay_field "$1" health 2>/dev/null) == "$2" ]]
}

# list_of_session - the relays of the only session, in order.
list_of_session() {
	tool as1 session list --json | json 'd[0]["relays"]' | tr '\n' ' '
}

# Both ends may meet there by themselves, or be led there.
is_at() { # RELAY
	[[ $(tool as1 session list --json 2>/dev/null | json 'd[0]["relay"]') == "$1" ]]
}

has_list() { # "RELAY RELAY "
	[[ $(list_of_session 2>/dev/null) == "$1" ]]
}

# The device's side comes to the manager by the Access Server.
all_measured() {
	[[ $(tool eng1 relays 2>/dev/null | grep -c ' + .* = ') == 3 ]]
}

@test "every relay reports: health, sessions and load" {
	for relay in rs1 rs2 rs3; do
		wait_for 15 has_health "$relay" ok
		assert_equal "$(relay_field "$relay" sessions)" 0
		assert_equal "$(relay_field "$relay" max_sessions)" "$(field "$relay" 'd["max_sessions"]')"
		assert_between "$(relay_field "$relay" load_pm)" 0 1000 "load"
		assert_equal "$(relay_field "$relay" version)" "$(field "$relay" 'd["version"]')"
	done
	run tool as1 relay list
	assert_equal "$status" 0
	[[ ${lines[0]} == *HEALTH*SESSIONS*LOAD*VERSION* ]] || fail "$output"
	assert_contains "${lines[1]}" " ok "
}

@test "the first session gets the relay with the least sum when the measurements are in, the second at once" {
	connect eng1 site1
	wait_for 15 is_at rs2
	wait_for 15 all_measured
	disconnect_all
	connect eng1 site1
	assert_equal "$(list_of_session)" "rs2 rs3 rs1 "
	assert_equal "$(tool as1 session list --json | json 'len(d)')" 1
	disconnect_all
}

@test "a drained relay gets no sessions, and those that have it in their list lose it; it is remembered" {
	connect eng1 site1
	tool as1 relay drain rs2
	assert_equal "$(relay_field rs2 health)" drained
	wait_for 15 has_list "rs3 rs1 "
	tool as1 session list >/dev/null
	disconnect_all
	lab kill as1
	lab start as1
	wait_for 60 has_health rs1 ok
	wait_for 60 has_health rs3 ok
	assert_equal "$(relay_field rs2 health)" drained
	wait_for 60 is_online site1
	wait_for 60 is_online eng1
	connect eng1 site1
	[[ $(list_of_session) != *rs2* ]] || fail "rs2 is granted still"
	tool as1 relay enable rs2
	wait_for 60 has_health rs2 ok
	disconnect_all
}

@test "pin: however far; avoid: however near; and back" {
	tool as1 relay pin site1 rs1
	connect eng1 site1
	assert_equal "$(list_of_session | cut -d' ' -f1)" rs1
	wait_for 15 is_at rs1 # also if another one was sooner there
	assert_equal "$(tool as1 device list --json | json 'd[0]["pinned"]')" rs1
	tool as1 relay unpin site1
	tool as1 relay avoid site1 rs1
	wait_for 10 has_last rs1
	assert_equal "$(tool as1 device list --json | json 'd[0]["avoided"]')" rs1
	refused "no such relay" tool as1 relay avoid site1 rs9
	refused "has no pinned relay" tool as1 relay unpin site1
	tool as1 relay unavoid site1 rs1
	refused "does not avoid" tool as1 relay unavoid site1 rs1
	disconnect_all
}

has_last() { # RELAY
	[[ $(list_of_session 2>/dev/null) == *"$1 " ]]
}

@test "a relay that is killed leaves the list, and one that is connected but silent" {
	lab kill rs1
	wait_for 15 has_health rs1 offline
	kill -STOP "$(lab pid rs3)"
	wait_for 60 has_health rs3 offline # silent first, then its connection is closed
	connect eng1 site1
	assert_equal "$(list_of_session)" "rs2 "
	kill -CONT "$(lab pid rs3)"
	wait_for 90 has_health rs3 ok
	lab start rs1
	wait_for 60 has_health rs1 ok
	disconnect_all
}

@test "all daemons end in good order" {
	all_stop
}
