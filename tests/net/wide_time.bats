#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# The year 2040 on 32-bit ARM.
# without sanitizers: it is another machine's code.

load lib

setup() {
	flags=$(sed -n 's/^wide_time := //p' "$REPO/Makefile")
	sources=(tests/net/wide_time.c common/pure/owntime.c common/pure/sntp.c common/pure/bytes.c)
	program=$BATS_TEST_TMPDIR/wide_time
	cd "$REPO" || return
}

# for_arm FLAG... - build it, and run it.
for_arm() {
	command -v arm-linux-gnueabihf-gcc qemu-arm-static >/dev/null ||
		skip "gcc-arm-linux-gnueabihf, libc6-dev-armhf-cross or qemu-user-static is not installed"
	arm-linux-gnueabihf-gcc -std=gnu11 -static -O1 -I. -D_GNU_SOURCE "$@" -o "$program" "${sources[@]}"
	run qemu-arm-static "$program"
}

@test "here" {
	run "$BUILD/tests/net/wide_time"
	assert_equal "$status" 0
	assert_contains "$output" "time_t has 64 bits"
}

@test "32-bit ARM, built as the Makefile builds" {
	# shellcheck disable=SC2086 # they are words
	for_arm $flags
	assert_equal "$output" "time_t has 64 bits"
	assert_equal "$status" 0
}

@test "without those flags it would not work: this test can fail" {
	for_arm
	assert_equal "$status" 1
	assert_contains "$output" "wrong: timegm"
	assert_contains "$output" "time_t has 32 bits"
}
