#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The units under systemd/: systemd reads them without a word, and finds little that they leave open.
# without sanitizers: it looks at files only

load lib

setup_file() {
	units=$BATS_FILE_TMPDIR
	export units
	mkdir "$units/bin"
	cp "$REPO"/systemd/*.service "$units"
	for program in accessd relayd vpnd; do
		printf '#!/bin/sh\n' >"$units/bin/$program"
	done
	chmod 755 "$units"/bin/*
	sed -i "s|/usr/local/sbin|$units/bin|" "$units"/*.service
}

exposure() { # UNIT: tenths of a point
	systemd-analyze security --offline=true --no-pager "$units/$1.service" |
		sed -n 's/.*Overall exposure level for [^:]*: \([0-9]*\)\.\([0-9]\) .*/\1\2/p'
}

@test "systemd finds nothing wrong in any unit" {
	for unit in "$units"/*.service; do
		run systemd-analyze verify --man=no "$unit"
		echo "$unit: $output"
		[ "$status" -eq 0 ]
		[ -z "$output" ]
	done
}

# accessd asks the kernel whether the clock is kept right (adjtimex), which counts as if it could set it.
@test "relayd is as locked up as 1.5 says, accessd as 1.8, vpnd as 2.5" {
	level=$(exposure relayd)
	echo "relayd $level"
	[ "$level" -le 15 ]
	level=$(exposure accessd)
	echo "accessd $level"
	[ "$level" -le 18 ]
	level=$(exposure vpnd)
	echo "vpnd $level"
	[ "$level" -le 25 ]
}

@test "each unit tells systemd when it is ready, and is watched" {
	for unit in accessd relayd vpnd; do
		grep -q '^Type=notify$' "$units/$unit.service"
		grep -q '^WatchdogSec=' "$units/$unit.service"
		grep -q '^ExecReload=' "$units/$unit.service"
	done
}
