# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# Helpers for all tests that use the lab. In a .bats file:
#
#   load lib
#   setup_file() {
#       lab_up --devices 2 || return 0    # the tests then say why, skipped or failed
#       start_sink plc2 80
#   }
#   teardown_file() { lab_down; }
#   @test "site2 is reachable" {
#       lab in eng1 vpnctl connect site2
#       wait_for 5 reaches pc1 192.168.202.10 80
#   }
# A file with a setup() of its own calls `lab_here` in it first.
#
# Each file has a lab of its own, called after the file and the process, so files may run at the
# same time. `lab_up` may be called again, in a test, too: it begins with `lab down`.
# LAB_KEEP=1 leaves the lab as it is at the end, to look at.

REPO=$(readlink -f "$BATS_TEST_DIRNAME/../..")
BUILD=${BUILD:-build}
[[ $BUILD == /* ]] || BUILD=$REPO/$BUILD
export REPO BUILD
unset https_proxy HTTPS_PROXY no_proxy NO_PROXY # of whoever runs this; daemons would use them

# The name is made once for a file: every test runs in a shell of its own.
if [[ -z ${LAB_OF_FILE:-} ]]; then
	LAB_OF_FILE=t-$(basename "$BATS_TEST_FILENAME" .bats | tr -dc 'a-z0-9-' | cut -c -14)-$$
	export LAB_OF_FILE
fi
export LAB=$LAB_OF_FILE

# --- the lab ---

# lab ARGUMENT... - scripts/lab; what it leaves running does not hold on to the test runner.
lab() {
	"$REPO/scripts/lab" "$@" 3>&- 4>&-
}

# lab_up ARGUMENT... - `lab up`. In a test, skips or fails it; in setup_file (where bats 1.8 cannot
# skip) notes why for lab_here, and returns 1.
lab_up() {
	local rc=0 file=$BATS_FILE_TMPDIR/lab-up

	lab up "$@" >"$file.output" 2>&1 || rc=$?
	((rc != 0)) || return 0
	cp "$file.output" "$file.$((rc == 77 ? 77 : 1))"
	[[ -n ${BATS_TEST_TMPDIR:-} ]] || return 1
	lab_here
}

# lab_here - skip or fail the test if `lab_up` in setup_file has not worked.
lab_here() {
	local file=$BATS_FILE_TMPDIR/lab-up

	[[ ! -e $file.77 ]] || skip "$(<"$file.77")"
	[[ ! -e $file.1 ]] || fail "lab up failed:"$'\n'"$(<"$file.1")"
}

setup() {
	lab_here
}

lab_down() {
	[[ -n ${LAB_KEEP:-} ]] || lab down
}

# lab_dir [NODE] - where the lab keeps its state.
lab_dir() {
	printf '/run/farlan-lab/%s%s' "$LAB" "${1:+/$1}"
}

# --- waiting ---

# A quiet machine's times are in the tests; one that does other things at the same time gets more.
PATIENCE_SECONDS=10

# wait_for SECONDS COMMAND... - poll until it succeeds; a failed test after that time and some patience.
wait_for() {
	local seconds=$(($1 + PATIENCE_SECONDS)) end

	end=$(($(date +%s%N) + seconds * 1000000000))
	shift
	until "$@"; do
		(($(date +%s%N) < end)) || fail "not so within $seconds s: $*"
		sleep 0.05
	done
}

# milliseconds COMMAND... - run it and print how long it took; its output goes to standard error.
milliseconds() {
	local begin

	begin=$(date +%s%N)
	"$@" >&2
	echo $((($(date +%s%N) - begin) / 1000000))
}

# --- assertions ---

# fail WORDS - end the test with these words.
fail() {
	printf '%s\n' "$*" >&2
	return 1
}

# assert_equal ACTUAL EXPECTED [WHAT]
assert_equal() {
	[[ $1 == "$2" ]] || fail "${3:-value}: expected '$2', got '$1'"
}

# assert_between NUMBER LOW HIGH [WHAT] - bounds included, fractions allowed.
assert_between() {
	awk -v n="$1" -v low="$2" -v high="$3" 'BEGIN { exit !(n != "" && n >= low && n <= high) }' ||
		fail "${4:-value}: expected $2 to $3, got '$1'"
}

# assert_contains TEXT PART
assert_contains() {
	[[ $1 == *"$2"* ]] || fail "expected to find '$2' in:"$'\n'"$1"
}

# assert_fails COMMAND... - it must not succeed. (`! command` never fails a bats test.)
assert_fails() {
	if "$@"; then
		fail "should have failed: $*"
	fi
}

# --- measuring: with tests/net/wire.c, which `lab in` has on its PATH ---

# ping_field NODE HOST FIELD [COUNT [INTERVAL_MS]] - sent, received, min_ms, avg_ms or max_ms; empty
# if no answer came. (Of HOST's addresses the first; give an address to choose.)
ping_field() {
	local output

	output=$(lab in "$1" wire ping "$2" "${@:4}") || :
	sed -n "s/.*\<$3=\([0-9.]*\).*/\1/p" <<<"$output"
}

# pings NODE HOST - whether one of two echo requests is answered.
pings() {
	lab in "$1" wire ping "$2" 2 50 >/dev/null
}

# assert_silent NODE HOST... - none of them answers a ping from there; all asked at once.
assert_silent() {
	local node=$1 host jobs=()

	shift
	for host; do
		pings "$node" "$host" 3>&- &
		jobs+=($!)
	done
	for host; do
		assert_fails wait "${jobs[0]}" || fail "$host answers $node"
		jobs=("${jobs[@]:1}")
	done
}

# start_sink NODE [PORT] - serve push and pull there, until the lab goes down.
start_sink() {
	lab in "$1" wire sink "${2:-443}" >/dev/null 2>&1 &
	disown $!
	wait_for 3 listens "$1" "${2:-443}"
}

# listens NODE PORT
listens() {
	[[ -n $(lab in "$1" ss -Hltn "sport = :$2") ]]
}

# mbit NODE push|pull HOST PORT SECONDS [SKIP] - TCP throughput to a sink.
mbit() {
	lab in "$1" wire "${@:2}"
}

# reaches NODE HOST PORT - whether a TCP connection comes about within a second.
reaches() {
	# shellcheck disable=SC2016 # expanded in the node
	lab in "$1" timeout 1 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$2" "$3" 2>/dev/null
}

# is_refused NODE HOST PORT - whether a TCP connection is refused (not: left without an answer).
is_refused() {
	local output

	# shellcheck disable=SC2016 # expanded in the node
	output=$(lab in "$1" timeout 1 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$2" "$3" 2>&1) && return 1
	[[ $output == *refused* || $output == *prohibited* || $output == *"No route"* ]]
}

# carrier_changes NODE [INTERFACE]
carrier_changes() {
	lab in "$1" cat "/sys/class/net/${2:-wan}/carrier_changes"
}
