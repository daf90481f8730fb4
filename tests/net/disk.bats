#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# What accessd says and does when its disk is full or read-only, and what it kept through kill -9.
# bats file_tags=access

# shellcheck disable=SC2154 # addresses are of vpn.bash
load lib
load vpn

setup_file() {
	lab_up --relays 1 --devices 1 || return 0
	# A disk of its own, and a small one.
	lab stop as1 >&2
	mkdir "$(lab_dir as1)/state.new"
	mount -t tmpfs -o size=12M,mode=700 none "$(lab_dir as1)/state.new"
	cp -a "$(lab_dir as1)/state/." "$(lab_dir as1)/state.new/"
	mount --move "$(lab_dir as1)/state.new" "$(lab_dir as1)/state" 2>/dev/null || {
		mount --bind "$(lab_dir as1)/state.new" "$(lab_dir as1)/state"
	}
	lab start as1 >&2
}

setup() {
	lab_here
}

teardown_file() {
	local rc=0

	logs_clean || rc=1
	lab stop as1 >/dev/null 2>&1 || :
	umount "$(lab_dir as1)/state" "$(lab_dir as1)/state.new" 2>/dev/null || :
	lab_down
	return "$rc"
}

# fill - leave nothing free, whatever accessd itself still takes.
fill() {
	dd if=/dev/zero of="$(lab_dir as1)/state/filler" bs=4k >/dev/null 2>&1 || :
	dd if=/dev/zero of="$(lab_dir as1)/state/filler2" bs=512 >/dev/null 2>&1 || :
}

cannot_add() {
	! tool as1 device add "full$RANDOM$RANDOM" >/dev/null 2>"$BATS_TEST_TMPDIR/words"
}

disk_says() {
	[[ $(field as1 'd.get("disk_problem", "")') == *"$1"* ]]
}

@test "a full disk: in words, sessions go on, and it goes on by itself when there is room" {
	wait_for 20 is_online site1
	wait_for 20 is_online eng1
	lab in eng1 vpnctl connect site1
	wait_for 5 pings pc1 "$plc1"

	fill
	wait_for 10 cannot_add
	assert_contains "$(<"$BATS_TEST_TMPDIR/words")" "disk is full"
	wait_for 5 disk_says "disk is full"
	tool as1 status >"$BATS_TEST_TMPDIR/status"
	assert_contains "$(<"$BATS_TEST_TMPDIR/status")" "nothing can be written"
	pings pc1 "$plc1"
	tool as1 device list >/dev/null
	before=$(grep -c 'cannot be written' "$(lab_dir as1)/log")
	for _ in {1..20}; do
		cannot_add
	done
	assert_between "$(($(grep -c 'cannot be written' "$(lab_dir as1)/log") - before))" 0 9 "lines in the log"

	rm "$(lab_dir as1)"/state/filler*
	wait_for 10 tool as1 device add room
	wait_for 15 disk_says ""
	assert_fails disk_says "disk is full"
	pings pc1 "$plc1"
	tool as1 device remove room
}

@test "four fifths of the disk are warned of" {
	head -c 10M /dev/zero >"$(lab_dir as1)/state/filler"
	wait_for 15 disk_says "make room"
	assert_contains "$(<"$(lab_dir as1)/log")" "getting full"
	rm "$(lab_dir as1)"/state/filler
	gone() { ! disk_says "make room"; }
	wait_for 15 gone
}

# is_gone PID - no process, and none whose end nobody has seen yet.
is_gone() {
	! kill -0 "$1" 2>/dev/null || [[ $(<"/proc/$1/stat") == *") Z "* ]]
}

@test "what accessctl said was done is there after kill -9, each of 20 times" {
	local added=() i n=0 name pid

	for i in {1..20}; do
		(
			while :; do
				n=$((n + 1))
				tool as1 device add "kept-$i-$n" >/dev/null 2>&1 && echo "kept-$i-$n" >>"$BATS_TEST_TMPDIR/added"
			done
		) &
		sleep 0.$((RANDOM % 3 + 1))
		pid=$(lab pid as1)
		kill -KILL "$pid"
		kill %% 2>/dev/null
		wait 2>/dev/null || :
		wait_for 5 is_gone "$pid"
		lab start as1 >&2 || lab start as1 >&2
	done
	tool as1 device list --json >"$BATS_TEST_TMPDIR/list"
	mapfile -t added <"$BATS_TEST_TMPDIR/added"
	assert_between "${#added[@]}" 20 100000 "devices added"
	for name in "${added[@]}"; do
		grep -q "\"$name\"" "$BATS_TEST_TMPDIR/list" || fail "$name was acknowledged, and is not there"
	done
	tool as1 audit verify >&2
}

@test "a start on a read-only disk says so and changes nothing" {
	local state conf

	lab stop as1 >&2
	state=$(lab_dir as1)/state conf=$BATS_TEST_TMPDIR/conf
	mount -o remount,ro "$state"
	printf '[accessd]\nstate = %s\nsocket = %s/socket\nlisten = 127.0.0.1:1\n' "$state" "$BATS_TEST_TMPDIR" >"$conf"
	run lab in as1 accessd -c "$conf"
	mount -o remount,rw "$state"
	[[ $status -ne 0 ]]
	assert_contains "$output" "Read-only file system"
	lab start as1 >&2
	wait_for 20 is_online site1
}
