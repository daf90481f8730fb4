#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Crowds and floods at a relay while a session works: what they get, what the session loses, and what is
# counted. tests/net/hostile.bats has what single peers may say.
#
# The attackers are site2 (one address) and inet, the node between all others, which takes as many
# addresses as it likes. All share two processors here with both ends of the session: what they cost
# there is in the figures, too.
# alone: it compares how fast sessions are with and without an attack
# bats file_tags=abuse

# shellcheck disable=SC2154 # addresses and python are of vpn.bash
load lib
load vpn

# Of the throughput of the session; what is measured is printed. A machine with other work varies by itself.
least_percent=35

setup_file() {
	lab_up --devices 2 || return 0
	echo "metrics = 9471" >>"$(lab_dir rs1)/conf"
	lab stop rs1
	lab start rs1
	wait_for 60 is_online rs1
	lab stop site2
	connect eng1 site1
	start_sink plc1 9
	for i in {1..25}; do
		lab in inet ip address add "198.18.0.$i/32" dev lo
	done
	lab pid rs1 >"$BATS_FILE_TMPDIR/pid"
}

setup() { lab_here; }

teardown_file() {
	local rc=0

	logs_clean || rc=1
	lab_down
	return "$rc"
}

value() {
	lab in rs1 curl -sS --max-time 20 http://127.0.0.1:9471/metrics | awk -v name="$1" '$1 == name { print $2 }'
}

exceeds() {
	(($(value "$1") > $2))
}

refused() {
	value "farlan_relayd_refusals_total{reason=\"$1\"}"
}

throughput() {
	mbit pc1 push "$plc1" 9 3 1
}

# calm WORDS COMMAND... - what the session keeps of its throughput while COMMAND runs. Measured before
# and after, because the machine has other work, too. Nobody is let in.
calm() {
	local words=$1 before during after percent legs job

	shift
	legs=$(value farlan_relayd_legs_admitted_total)
	before=$(throughput)
	"$@" >"$BATS_TEST_TMPDIR/attack" 2>&1 3>&- &
	job=$!
	sleep 1
	during=$(throughput)
	wait "$job" || fail "the attack failed: $(<"$BATS_TEST_TMPDIR/attack")"
	after=$(throughput)
	percent=$(awk -v a="$before" -v b="$during" -v c="$after" 'BEGIN { print int(100 * b / (a < c ? a : c)) }')
	echo "# $words: $before, then $during, then $after Mbit/s: $percent %" >&3
	assert_equal "$(value farlan_relayd_legs_admitted_total)" "$legs" "legs let in"
	assert_equal "$(lab pid rs1)" "$(<"$BATS_FILE_TMPDIR/pid")" "pid of rs1"
	assert_between "$percent" "$least_percent" 100000 "percent of the throughput"
}

line() {
	sed -n "s/^$1 //p" "$BATS_TEST_TMPDIR/attack"
}

# --- half-open connections ---

addresses=(198.18.0.{1..25})

half_open() {
	local job

	lab in site2 timeout 60 legtool flood "$rs1:443" head 200 12 >"$BATS_TEST_TMPDIR/slow" 2>&1 3>&- &
	job=$!
	lab in inet timeout 60 "$python" "$BATS_TEST_DIRNAME/crowd.py" "$rs1" 443 60 10 "${addresses[@]}"
	wait "$job"
}

unknown_are() {
	[[ $(value farlan_relayd_connections_unknown) == "$1" ]]
}

@test "half-open connections and heads that do not end: a thousand in all, 64 of one address, for 10 s" {
	local refused silent

	refused=$(refused too-many)
	silent=$(refused no-request)
	calm "1,700 half-open connections" half_open
	assert_between "$(line kept)" 900 1000 "connections kept"
	assert_equal "$(line left)" 0 "connections after 10 s"
	assert_equal "$(sed -n 's/^closed //p' "$BATS_TEST_TMPDIR/slow")" "$(sed -n 's/^connected //p' "$BATS_TEST_TMPDIR/slow")" \
		"slow heads that were closed"
	exceeds 'farlan_relayd_refusals_total{reason="too-many"}' $((refused + 499))
	exceeds 'farlan_relayd_refusals_total{reason="no-request"}' $((silent + 899))
	exceeds 'farlan_relayd_handshakes_total{result="failed"}' 799
	wait_for 20 unknown_are 0
	lab in inet timeout 60 "$python" "$BATS_TEST_DIRNAME/crowd.py" "$rs1" 443 100 0 198.18.0.25 \
		>"$BATS_TEST_TMPDIR/attack"
	assert_between "$(line kept)" 1 64 "connections of one address"
	wait_for 20 unknown_are 0
}

# --- handshakes ---

@test "a flood of handshakes of one address: some hundred, then about thirty a second" {
	local shakes refused

	shakes=$(value 'farlan_relayd_handshakes_total{result="ok"}')
	refused=$(refused too-many)
	calm "500 connections a second" lab in inet timeout 60 hammer "$rs1:443" 500 6
	assert_equal "$(line let-in)" 0 "let in"
	assert_between "$(line tried)" 2000 3000 "tried"
	shakes=$(($(value 'farlan_relayd_handshakes_total{result="ok"}') - shakes))
	assert_between "$shakes" 200 1500 "handshakes done"
	exceeds 'farlan_relayd_refusals_total{reason="too-many"}' $((refused + 1000))
	exceeds 'farlan_relayd_refusals_total{reason="no-token"}' 199
}

# --- tokens ---

secret() {
	"$python" -ESc 'import sqlite3, sys
print(sqlite3.connect(sys.argv[1]).execute("SELECT token_secret FROM domain").fetchone()[0].hex())' \
		"$(lab_dir as1)/state/accessd.db"
}

token() {
	legtool_here token --secret-hex "$1" --session "$2" "${@:3}"
}

legtool_here() {
	lab in site2 legtool "$@"
}

# flood_of REASON NODE TOKEN GENERATION - from there, in the background; jobs has it.
flood_of() {
	lab in "$2" timeout 60 hammer "$rs1:443" 20 5 "Authorization: Bearer $3" "Farlan-Generation: $4" \
		>"$BATS_TEST_TMPDIR/$1" 2>&1 3>&- &
	jobs+=($!)
}

floods() {
	local uri live key other job jobs=()

	uri=farlan://lab/relay/$(tool as1 relay list --json | json 'd[0]["uid"]')
	live=$(session_field eng1 site1 id)
	key=$(secret)
	other=$(legtool_here key | sed -n 's/^secret //p')
	flood_of replay site2 "$(token "$key" "$live" --relay "$uri" --role manager)" 1
	flood_of expired as1 "$(token "$key" "$live" --relay "$uri" --issued -7200 --expires -3600)" 99999999999
	flood_of unknown-key as1 "$(token "$other" "$live" --relay "$uri")" 99999999999
	for job in "${jobs[@]}"; do
		wait "$job"
	done
}

@test "replayed, expired and false tokens: nobody is let in, nothing is carried" {
	local reason before=()

	for reason in replay expired unknown-key; do
		before+=("$(refused "$reason")")
	done
	calm "bad tokens" floods
	for reason in replay expired unknown-key; do
		assert_contains "$(<"$BATS_TEST_TMPDIR/$reason")" "let-in 0"
		exceeds "farlan_relayd_refusals_total{reason=\"$reason\"}" $((before[0] + 49)) || fail "$reason: not counted"
		before=("${before[@]:1}")
	done
}

@test "afterwards: the session is the same one, everybody comes in again" {
	assert_equal "$(value farlan_relayd_sessions)" 1
	assert_equal "$(value farlan_relayd_pairs_total)" 1
	wait_for 20 unknown_are 0
	lab start site2
	wait_for 60 is_online site2
	connect eng1 site2
	pings pc1 "$plc2"
}
