#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# The red button: who presses it at the machine ends everything there, whatever the network does.
# alone: it measures how soon a session has ended at both ends
# bats file_tags=tunnel

load lib
load vpn

# shellcheck disable=SC2154 # addresses: vpn.bash
far4=$plc1
END_MS=1000

setup_file() {
	lab_up || return 0
	start_talk plc1
	connect eng1 site1
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

# locked EXPRESSION - of the device's lock.
locked() {
	field site1 "(lambda l: $1)(d['lock'])"
}

is_locked() {
	[[ $(locked 'l["locked"]' 2>/dev/null) == true ]]
}

is_unlocked() {
	[[ $(locked 'l["locked"]' 2>/dev/null) == false ]]
}

# listed STATE - accessctl device list says so.
listed() {
	tool as1 device list | grep -q "^site1 *$1 "
}

# restart LINE... - the device's vpnd, with these lines in its configuration.
restart() {
	lab stop site1
	[[ -e $BATS_FILE_TMPDIR/conf ]] || cp "$(lab_dir site1)/conf" "$BATS_FILE_TMPDIR/conf"
	{
		cat "$BATS_FILE_TMPDIR/conf"
		printf '%s\n' "$@"
	} >"$(lab_dir site1)/conf"
	lab start site1
	wait_for 20 is_online site1
}

shows() {
	[[ $(<"$1") == "$2" ]]
}

# ms_until COMMAND... - how long it takes until it succeeds.
ms_until() {
	milliseconds wait_for 10 "$@"
}

@test "lock ends sessions at both ends, who asks again hears why" {
	local took

	wait_for 5 is_up eng1 site1
	tool site1 lock --reason 'the robot is being serviced' >/dev/null
	took=$(ms_until has_sessions eng1 0)
	echo "# the other end knows after $took ms" >&3
	assert_between "$took" 0 "$END_MS"
	has_sessions site1 0
	assert_contains "$(field eng1 'd["errors"][0]["text"]')" "locked at the machine: the robot is being serviced"
	refused "locked at the machine: the robot is being serviced" tool eng1 connect site1
	assert_contains "$(tool site1 status)" "LOCKED       locked at the machine: the robot is being serviced"
	is_online site1
	wait_for 5 listed locked
}

@test "it is locked after kill -9, and only the machine unlocks" {
	lab kill site1
	lab start site1
	wait_for 20 is_online site1
	is_locked
	has_sessions site1 0
	refused "locked at the machine" tool eng1 connect site1
	refused "this end is a manager" tool eng1 unlock
	refused "this end is a manager" tool eng1 lock
	assert_fails tool as1 unlock
	is_locked
	tool site1 unlock >/dev/null
	wait_for 5 listed enrolled
	connect eng1 site1
	# shellcheck disable=SC2154 # python: vpn.bash
	wait_for 5 lab in pc1 "$python" "$BATS_TEST_DIRNAME/talk.py" tcp "$far4" 7
}

@test "nobody is asked to approve a session with a device that is locked" {
	tool as1 folder set / approve=machine >/dev/null
	tool site1 lock --reason 'not now' >/dev/null
	wait_for 5 listed locked
	refused "locked at the machine: not now" tool eng1 connect site1
	tool as1 folder set / 'approve=' >/dev/null
	tool site1 unlock >/dev/null
	wait_for 5 listed enrolled
	connect eng1 site1
}

@test "with the way to the world cut it ends just as soon" {
	local took

	wait_for 5 is_up site1 eng1
	lab link site1 --down
	took=$(milliseconds tool site1 lock)
	assert_between "$took" 0 "$END_MS"
	has_sessions site1 0
	[[ -z $(tool site1 routes --json | json '[r for r in d["routes"] if r["kind"] == "route"]') ]] || fail "routes are left"
	lab link site1 --up
	wait_for 30 has_sessions eng1 0
	wait_for 30 listed locked
	tool site1 unlock >/dev/null
}

@test "while accessd is away it works, too" {
	connect eng1 site1
	wait_for 5 is_up site1 eng1
	lab kill as1
	assert_between "$(milliseconds tool site1 lock)" 0 "$END_MS"
	assert_between "$(ms_until has_sessions eng1 0)" 0 "$END_MS"
	lab start as1
	wait_for 20 is_online site1
	wait_for 20 is_online eng1
	wait_for 5 listed locked
	refused "locked at the machine" tool eng1 connect site1
	tool site1 unlock >/dev/null
	wait_for 5 listed enrolled
}

@test "who cannot read whether it is locked is locked" {
	local file

	file=$(lab_dir site1)/state/lock.json
	lab stop site1
	printf '{"locked": fal' >"$file"
	lab start site1
	wait_for 20 is_online site1
	is_locked
	assert_contains "$(tool site1 status)" "cannot be read"
	refused "cannot be read" tool eng1 connect site1
	tool site1 unlock >/dev/null
	assert_equal "$(json 'd["locked"]' <"$file")" false
}

@test "what the disk does not take is said, and errs towards locked" {
	local file

	file=$(lab_dir site1)/state/lock.json
	rm "$file"
	mkdir "$file"
	refused "locked, and this is not kept on disk" tool site1 lock
	is_locked
	refused "locked, and this is not kept on disk" tool site1 unlock
	is_locked
	rmdir "$file"
	tool site1 unlock >/dev/null
	is_unlocked
}

@test "a switch locks, and unlocks what it has locked" {
	local took switch=$BATS_FILE_TMPDIR/switch

	echo 0 >"$switch"
	restart "lock-input = $switch"
	is_unlocked
	connect eng1 site1
	echo 1 >"$switch"
	took=$(ms_until has_sessions eng1 0)
	echo "# a switch ends the session at the other end after $took ms" >&3
	assert_between "$took" 0 "$END_MS"
	refused "its switch is on" tool eng1 connect site1
	refused "its switch is on" tool site1 unlock
	is_locked
	tool site1 lock --reason 'by hand, too' >/dev/null
	echo 0 >"$switch"
	wait_for 2 shows_input off
	is_locked
	tool site1 unlock >/dev/null
	is_unlocked
	rm "$switch"
	wait_for 2 is_locked
	assert_contains "$(tool site1 status)" "its switch cannot be read"
	echo 0 >"$switch"
	wait_for 2 is_unlocked
}

shows_input() {
	[[ $(locked 'l["input"]') == "$1" ]]
}

@test "diodes and the hook show the state" {
	local green=$BATS_FILE_TMPDIR/green red=$BATS_FILE_TMPDIR/red hook=$BATS_FILE_TMPDIR/hook

	: >"$green"
	: >"$red"
	# shellcheck disable=SC2016 # for the hook
	printf '#!/bin/sh\necho "$1" >>%s.out\n' "$hook" >"$hook"
	chmod 755 "$hook"
	restart "led = $green connected session=2, $red locked=timer offline" "hook = $hook"
	wait_for 5 shows "$green" 1
	connect eng1 site1
	wait_for 5 shows "$green" 2
	shows "$red" 0
	tool site1 lock >/dev/null
	wait_for 5 shows "$red" timer
	shows "$green" 0
	wait_for 5 grep -q locked "$hook.out"
	tool site1 unlock >/dev/null
	wait_for 5 shows "$green" 1
	lab kill as1
	wait_for 5 shows "$red" 1
	wait_for 5 bash -c "tail -n 1 '$hook.out' | grep -qx offline"
	lab start as1
	wait_for 20 is_online site1
	assert_equal "$(grep -cx session "$hook.out")" 1
}

@test "whatever the reason is, it is locked" {
	for reason in "$(head -c 1000 /dev/zero | tr '\0' x)" $'two\nlines' $'M\xfcller'; do
		tool site1 lock --reason "$reason" >/dev/null
		is_locked
		tool site1 unlock >/dev/null
		is_unlocked
	done
	tool site1 lock --reason '%s%n "quoted" \ x' >/dev/null
	is_locked
	lab kill site1
	lab start site1
	wait_for 20 is_online site1
	assert_contains "$(locked 'l["why"]')" '%s%n "quoted" \ x'
	tool site1 unlock >/dev/null
}

@test "a device that is not enrolled is locked, too" {
	local dir=$BATS_FILE_TMPDIR/new pid

	mkdir "$dir"
	printf '[vpnd]\nrole = device\ntun = farlan9\nstate = %s/state\nsocket = %s/socket\n' "$dir" "$dir" >"$dir/conf"
	lab in site1 vpnd -c "$dir/conf" 2>"$dir/log" 3>&- 4>&- &
	pid=$!
	wait_for 5 test -S "$dir/socket"
	FARLAN_SOCKET=$dir/socket "$BUILD/bin/vpnctl" lock >/dev/null
	assert_equal "$(json 'd["locked"]' <"$dir/state/lock.json")" true
	assert_contains "$(FARLAN_SOCKET=$dir/socket "$BUILD/bin/vpnctl" status)" LOCKED
	kill "$pid"
	wait "$pid" || :
}
