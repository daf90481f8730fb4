#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Many devices, an Access Server that is killed and started again: `scripts/bench access` has the same with 10,000.
#
#   relay, managers, devices: tests/net/fleet.c, from 10.1.0.1 and 10.2.0.1 ...  ->  accessd on 10.0.0.1
#
# alone: it measures times
# without sanitizers: the times would be theirs
# bats file_tags=access

DEVICES=600 MANAGERS=5 PER_SECOND=100

setup_file() {
	local ns=farlan-many-$$ dir

	export NS=$ns
	((EUID == 0)) && ip netns add "$ns" 2>/dev/null || return 0
	dir=$BATS_FILE_TMPDIR
	mkdir "$dir/state"
	# The database is in memory: how fast this machine's disk is says nothing about accessd.
	mount -t tmpfs none "$dir/state"
	ip -n "$ns" link set lo up
	ip -n "$ns" address add 10.0.0.1/8 dev lo
	printf '[accessd]\nstate = %s/state/db\nsocket = %s/socket\nhandshakes = %d\n' "$dir" "$dir" "$PER_SECOND" >"$dir/conf"
	"$(build)/tests/net/fleet_enrol" "$dir/state/db" "$dir/keys" https://10.0.0.1 "$MANAGERS" "$DEVICES" >&2
	ip netns exec "$ns" "$(build)/tests/net/fleet" "$dir/keys" 60 500 "$(build)/bin/accessd" -c "$dir/conf" \
		>"$dir/figures" 2>"$dir/log" || :
}

teardown_file() {
	ip netns del "$NS" 2>/dev/null || :
	umount "$BATS_FILE_TMPDIR/state" 2>/dev/null || :
}

setup() {
	((EUID == 0)) || skip "it needs root"
	[[ -s $BATS_FILE_TMPDIR/figures ]] || fail "it did not run: $(tail -n 5 "$BATS_FILE_TMPDIR/log")"
}

build() {
	local b=${BUILD:-build}

	[[ $b == /* ]] || b=$(readlink -f "$BATS_TEST_DIRNAME/../..")/$b
	printf %s "$b"
}

fail() {
	printf '%s\n' "$*" >&2
	return 1
}

# at_most NAME LIMIT - a figure that there must be.
at_most() {
	local value

	value=$(awk -v name="$1" '$1 == name { print $2 }' "$BATS_FILE_TMPDIR/figures")
	awk -v v="$value" -v limit="$2" 'BEGIN { exit !(v != "" && v <= limit) }' ||
		fail "$1: at most $2, got '$value'"$'\n'"$(<"$BATS_FILE_TMPDIR/figures")"$'\n'"$(grep fleet: "$BATS_FILE_TMPDIR/log")"
}

@test "all come for the first time, and all come back after kill -9" {
	grep -q '^first_s ' "$BATS_FILE_TMPDIR/figures" || fail "not all came: $(grep fleet: "$BATS_FILE_TMPDIR/log")"
	at_most start_ms 2000
	at_most restart_ms 2000
	at_most back_s 50
}

@test "nobody is let in in a crowd" {
	at_most first_most_per_s $((2 * PER_SECOND))
	at_most back_most_per_s $((2 * PER_SECOND))
}

@test "a request for a session is answered within 50 ms at the 99th percentile, quiet or not" {
	at_most quiet_p99_ms 50
	at_most busy_p99_ms 50
	at_most quiet_refused 0
	at_most busy_refused 0
}

@test "a device costs less than 50 KB of memory" {
	at_most idle_rss_kb $((12000 + 50 * DEVICES))
	at_most after_peak_kb $((12000 + 50 * DEVICES))
}
