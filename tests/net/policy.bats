#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Firewall policies: which rules a session gets, and how soon.
# bats file_tags=tunnel

load lib
load vpn

# shellcheck disable=SC2154 # addresses: vpn.bash
far4=$plc1

setup_file() {
	lab_up --managers 2 || return 0
	start_talk plc1
	start_talk plc1 8
	connect eng1 site1
	connect eng2 site1
	wait_for 5 is_up site1 eng1
	wait_for 5 is_up site1 eng2
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

policy() {
	tool as1 policy "$@" >/dev/null
}

# make NAME RULE... - a policy.
make() {
	policy add "$1"
	policy rule "$@"
}

# forget NAME... - policies, wherever they are attached.
forget() {
	local name to whom

	for name; do
		while read -r to whom; do
			policy detach "$name" --to "$to" --for "$whom"
		done < <(tool as1 policy show "$name" --json | json '[a["to"] + " " + a["for"] for a in d["attached"]]')
		policy remove "$name"
	done
}

# rules_of MANAGER - what site1 keeps of its session, one in a line; "none" without a list.
rules_of() {
	field site1 "(lambda f: [r['rule'] for r in f['rules']] if f else 'none')([s.get('firewall') for s in d['sessions'] if s['peer'] == '$1'][0])"
}

# has MANAGER RULES - just these rules, with commas between them.
has() {
	[[ $(rules_of "$1" | paste -sd ,) == "$2" ]]
}

# shellcheck disable=SC2154 # python: vpn.bash
echoed() {
	lab in "$1" "$python" "$BATS_TEST_DIRNAME/talk.py" tcp "$2" "${3:-7}" 2>/dev/null
}

ended() {
	! kill -0 "$1" 2>/dev/null
}

# explained WORDS ARGUMENT... - policy test says so.
explained() {
	run tool as1 policy test "${@:2}"
	assert_contains "$output" "$1"
}

@test "a policy reaches sessions that run, and cuts what it does not allow" {
	local began took hold rc=0

	has eng1 none
	lab in pc1 "$python" "$BATS_TEST_DIRNAME/talk.py" hold "$far4" 7 60 >/dev/null 2>"$BATS_TEST_TMPDIR/hold" 3>&- 4>&- &
	hold=$!
	wait_for 5 grep -q holding "$BATS_TEST_TMPDIR/hold"
	make base "allow in $far4 tcp/8"
	began=$(date +%s%N)
	policy attach base --to /
	wait_for 2 has eng1 "allow in $far4/32 tcp/8"
	took=$((($(date +%s%N) - began) / 1000000))
	echo "# both ends have a policy's rules after $took ms" >&3
	wait_for 2 has eng2 "allow in $far4/32 tcp/8"
	wait_for 2 ended "$hold"
	wait "$hold" || rc=$?
	((rc != 0)) || fail "it was not cut"
	wait_for 5 echoed pc1 "$far4" 8
	wait_for 5 is_refused pc1 "$far4" 7
	assert_contains "$(tool eng1 status)" "kept by the device"
	forget base
	wait_for 2 has eng1 none
}

@test "the device's own list, then what is nearest, the user before everyone" {
	make base deny
	make fitter "allow in $far4 tcp/7"
	policy attach base --to /
	policy attach fitter --to site1 --for eng1
	wait_for 2 has eng1 "allow in $far4/32 tcp/7,deny"
	wait_for 2 has eng2 deny
	echoed pc1 "$far4"
	wait_for 5 is_refused pc2 "$far4" 7
	explained "Allowed: rule 1 of policy fitter, attached to site1 for user eng1" eng1 site1 "in $far4 tcp/7"
	explained "Denied: rule 1 of policy base, attached to / for everyone" eng2 site1 "in $far4 tcp/7"
	tool as1 device rule add site1 deny in "$far4" tcp/7 >/dev/null
	wait_for 2 has eng1 "deny in $far4/32 tcp/7,allow in $far4/32 tcp/7,deny"
	wait_for 5 is_refused pc1 "$far4" 7
	explained "Denied: rule 1 of the rules of the device site1" eng1 site1 "in $far4 tcp/7"
	tool as1 device rule clear site1 >/dev/null
	policy rule fitter 'allow in tcp/7' 'allow in tcp/8' # a change of what is attached
	wait_for 2 has eng1 "allow in tcp/7,allow in tcp/8,deny"
	wait_for 5 echoed pc1 "$far4" 8
}

@test "rules of policies outlive a restart of the device and of accessd" {
	lab kill site1
	lab kill as1
	lab start as1
	lab start site1
	wait_for 20 is_up site1 eng1
	wait_for 20 is_up site1 eng2
	wait_for 5 has eng1 "allow in tcp/7,allow in tcp/8,deny"
	wait_for 5 has eng2 deny
	wait_for 5 echoed pc1 "$far4" 8
	forget base fitter
}

# at MINUTES - the time of the day so far from now, at UTC, to the minute.
at() {
	date -u -d "@$(($(date +%s) / 60 * 60 + $1 * 60))" +%H:%M
}

@test "who joins a group, and what moves to another folder, has other rules at once" {
	make fitters "allow in $far4 tcp/7"
	tool as1 folder add /italy >/dev/null
	tool as1 group add fitters >/dev/null
	policy attach fitters --to /italy --for group:fitters
	tool as1 group member add fitters eng1 >/dev/null
	has eng1 none
	tool as1 device move site1 /italy >/dev/null
	wait_for 2 has eng1 "allow in $far4/32 tcp/7"
	has eng2 none
	tool as1 group member add fitters eng2 >/dev/null
	wait_for 2 has eng2 "allow in $far4/32 tcp/7"
	explained "policy fitters, attached to /italy for group fitters" eng2 site1 "in $far4 tcp/7"
	tool as1 group member remove fitters eng2 >/dev/null
	wait_for 2 has eng2 none
	tool as1 device move site1 / >/dev/null
	wait_for 2 has eng1 none
	tool as1 group member remove fitters eng1 >/dev/null
	refused "policies name it" tool as1 group remove fitters
	refused "policies" tool as1 folder remove /italy
	forget fitters
	tool as1 group remove fitters >/dev/null
	tool as1 folder remove /italy >/dev/null
}

@test "windows: what is open passes, what is closed does not" {
	local open shut

	open="allow in $far4/32 tcp/7 daily $(at -60)-$(at 60) +00:00"
	shut="allow in $far4/32 tcp/8 daily $(at 60)-$(at 120) +00:00"
	make hours "$open" "$shut"
	policy attach hours --to site1
	wait_for 2 has eng1 "$open,$shut"
	wait_for 5 echoed pc1 "$far4"
	wait_for 5 is_refused pc1 "$far4" 8
	assert_equal "$(field site1 '[str(r["open"]) for r in d["sessions"][0]["firewall"]["rules"]]' | paste -sd ,)" True,False
	assert_contains "$(tool site1 status)" "not at this time"
	explained "Not at this time: $shut" eng1 site1 "in $far4 tcp/8"
	forget hours
	wait_for 2 has eng1 none
}

@test "no session gets more rules than it may have" {
	local i

	for ((i = 1; i <= 200; i++)); do
		echo "allow in tcp/$i"
	done >"$BATS_TEST_TMPDIR/rules"
	make many deny
	make more deny
	policy rule many --file "$BATS_TEST_TMPDIR/rules"
	policy rule more --file "$BATS_TEST_TMPDIR/rules"
	policy attach many --to /
	refused "eng1 with site1: 400" tool as1 policy attach more --to site1 --for eng1
	policy rule more 'allow in tcp/9'
	policy attach more --to site1 --for eng1
	refused "eng1 with site1: 400" tool as1 policy rule more --file "$BATS_TEST_TMPDIR/rules"
	assert_equal "$(rules_of eng1 | wc -l)" 201
	# Who has no session yet is refused one.
	tool eng2 disconnect site1 >/dev/null
	wait_for 5 has_sessions eng2 0
	wait_for 5 has_sessions site1 1
	policy add third
	policy rule third --file "$BATS_TEST_TMPDIR/rules"
	policy attach third --to site1 --for eng2
	refused "too many rules" tool eng2 connect site1
	forget third many more
	connect eng2 site1
}

@test "what makes no sense is refused in words" {
	local bait

	make base deny
	refused "already taken" tool as1 policy add base
	for bait in "x'); DROP TABLE policy; --" '%s%n' '../../etc' $'a\nb' "$(head -c 100000 /dev/zero | tr '\0' x)" 'ä' ''; do
		refused "" tool as1 policy add "$bait"
		refused "" tool as1 policy attach base --to "$bait"
		refused "" tool as1 policy attach base --to / --for "$bait"
		refused "" tool as1 policy rule base "$bait"
		refused "" tool as1 policy test eng1 site1 "$bait"
	done
	refused "no such policy" tool as1 policy attach absent --to /
	refused "no such folder" tool as1 policy attach base --to /absent
	refused "no such device" tool as1 policy attach base --to absent
	refused "no such user or group" tool as1 policy attach base --to / --for absent
	refused "not attached" tool as1 policy detach base --to /
	refused "not a rule" tool as1 policy rule base 'allow in tcp/7 mon-fri'
	refused "no rules" tool as1 policy rule base
	policy add empty
	refused "has no rules yet" tool as1 policy attach empty --to /
	policy attach base --to site1 --for eng2
	refused "already" tool as1 policy attach base --to site1 --for eng2
	refused "base is attached" tool as1 policy remove base
	policy rename base other
	refused "no such policy" tool as1 policy show base
	assert_contains "$(tool as1 policy show other)" "attached to site1 for user eng2"
	assert_equal "$(tool as1 policy list --json | json '[p["name"] for p in d]' | paste -sd ,)" empty,other
	forget other empty
}
