#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Coming into a domain and going out of it: invitations, sign-in, new keys, revoking.
# bats file_tags=enrolment

# shellcheck disable=SC2154 # addresses and python are of vpn.bash
load lib
load vpn
load silence

setup_file() {
	lab_up --devices 2 --managers 2 || return 0
	watch_uplink site1
}

setup() {
	lab_here
}

teardown_file() {
	local rc=0

	uplink_silent site1 || rc=1
	logs_clean || rc=1
	lab_down
	return "$rc"
}

# fresh NODE - it knows of no domain any more.
fresh() {
	lab stop "$1"
	rm -rf "$(lab_dir "$1")/state"
	lab start "$1"
}

# invite NODE - a new invitation for it, which is printed.
invite() {
	case $1 in
	eng*) tool as1 user reinvite "$1" ;;
	rs*) tool as1 relay reinvite "$1" ;;
	*) tool as1 device reinvite "$1" ;;
	esac
}

# changed CHANGE... - the invitation on standard input, changed.
changed() {
	"$python" "$BATS_TEST_DIRNAME/invite.py" "$@"
}

# not_enrolled NODE - nothing but perhaps a key that waits is in its state.
not_enrolled() {
	assert_equal "$(field "$1" 'd["state"]')" not-enrolled
	[[ ! -e $(lab_dir "$1")/state/identity.json ]]
}

# uid NODE - as the domain knows it.
uid() {
	tool as1 device list --json | json "[x['uid'] for x in d if x['name'] == '$1']"
}

password() {
	cat "$(lab_dir "$1")/password"
}

# --- invitations ---

@test "false, damaged, cut and wrong invitations are refused in words" {
	fresh site2
	good=$(invite site2)
	refused "not an invitation" tool site2 enroll <<<"hello"
	refused "damaged" tool site2 enroll <<<"farlan-device-"
	refused "damaged" tool site2 enroll < <(changed damage <<<"$good")
	refused "" tool site2 enroll < <(changed cut <<<"$good")
	refused "not for a device" tool site2 enroll < <(invite eng2)
	refused "not for a device" tool site2 enroll < <(tool as1 relay add rs9 --url https://rs9.lab)
	refused "unknown invitation" tool site2 enroll < <(changed secret <<<"$good")
	refused "" tool site2 enroll < <(changed ca <<<"$good")
	assert_contains "$output" "another fingerprint"
	refused "" tool site2 enroll </dev/null
	refused "use vpnctl enroll" tool site2 login <<<"$good"$'\nsecret'
	not_enrolled site2
	# An invitation is never an argument: those are seen by everybody.
	refused "" tool site2 enroll "$good"
	not_enrolled site2
	changed wrapped <<<"$good" >"$BATS_TEST_TMPDIR/wrapped"
	tool site2 enroll --file "$BATS_TEST_TMPDIR/wrapped"
	wait_for 10 is_online site2
}

@test "an identity that others may read is not used, and vpnd says what to do" {
	lab stop site2
	chmod 644 "$(lab_dir site2)/state/identity.json"
	lab start site2
	run tool site2 status
	assert_contains "$output" "not enrolled"
	assert_contains "$output" "others may read it"
	assert_contains "$output" "chmod 600"
	lab stop site2
	chmod 600 "$(lab_dir site2)/state/identity.json"
	lab start site2
	wait_for 10 is_online site2
}

@test "vpnd -n refuses what could not work" {
	check() {
		printf '[vpnd]\n%b\n' "$1" >"$BATS_TEST_TMPDIR/vpnd.conf"
		"$BUILD/bin/vpnd" -n -c "$BATS_TEST_TMPDIR/vpnd.conf"
	}
	check "role = manager\nlan = 10.1.0.0/16\ntun = vpn0"
	refused "accessctl device set" check "lan = 10.1.0.0/16"
	refused "name of a network device" check "tun = a/b"
	refused "name of a network device" check "tun = farlan%d"
	refused "begins with /" check "state = farlan"
	refused "107" check "socket = /$(printf '%0107d' 0)"
}

@test "an invitation that cannot reach its server says what was tried" {
	fresh site2
	refused "Connection refused" tool site2 enroll < <(invite site2 | changed url https://rs1.lab:81)
	refused "name not found" tool site2 enroll < <(invite site2 | changed url https://nobody.lab)
	not_enrolled site2
}

@test "the identity is for the daemon alone, and holds nothing of the invitation" {
	fresh site2
	good=$(invite site2)
	tool site2 enroll <<<"$good"
	state=$(lab_dir site2)/state
	assert_equal "$(stat -c %a "$state/identity.json")" 600
	assert_equal "$(stat -c %a "$state")" 700
	[[ ! -e $state/enrolling.key ]] || fail "the key of the enrolment is still there"
	for secret in "$good" $(changed show <<<"$good"); do
		assert_fails grep -raqF -- "$secret" "$state" "$(lab_dir site2)/log" "$(lab_dir as1)/log" "$(lab_dir as1)/state"
	done
	wait_for 10 is_online site2
}

@test "a used invitation is refused, and what it gave stays good" {
	fresh site2
	good=$(invite site2)
	tool site2 enroll <<<"$good"
	wait_for 10 is_online site2
	refused "already used" tool site2 enroll <<<"$good"
	assert_contains "$output" "ask the administrator"
	wait_for 10 is_online site2
	connect eng1 site2
	disconnect_all
}

@test "a newer invitation voids the older one" {
	fresh site2
	older=$(invite site2)
	newer=$(invite site2)
	refused "withdrawn or replaced" tool site2 enroll <<<"$older"
	tool site2 enroll <<<"$newer"
}

# --- a lost answer ---

# on_the_way NODE INVITATION - kill its vpnd when accessd has enrolled it and the answer is under way.
# Meanwhile the invitation is in nobody's arguments or environment.
on_the_way() {
	local before job

	before=$(log_lines as1 "enrolled")
	lab link "$1" --delay 700ms # the time that `lab kill` may take
	tool "$1" enroll <<<"$2" >/dev/null 2>&1 &
	job=$!
	sleep 0.5
	for file in /proc/[0-9]*/cmdline /proc/[0-9]*/environ; do
		assert_fails grep -qaF -- "$2" "$file" 2>/dev/null
	done
	until (($(log_lines as1 "enrolled") > before)); do
		kill -0 "$job" || fail "it ended before its time: $(lab log "$1" | tail -3)"
		sleep 0.02
	done
	lab kill "$1"
	lab link "$1"
	assert_fails wait "$job"
	[[ ! -e $(lab_dir "$1")/state/identity.json ]] || fail "the answer was not lost"
}

@test "a lost answer strands nobody: the same secret with the same key counts once more" {
	fresh site2
	good=$(invite site2)
	before=$(uid site2)
	on_the_way site2 "$good"
	# Somebody who finds the invitation now has another key.
	fresh site1
	refused "already used" tool site1 enroll <<<"$good"
	lab start site2
	assert_equal "$(field site2 'd["state"]')" not-enrolled
	tool site2 enroll <<<"$good"
	wait_for 10 is_online site2
	assert_equal "$(uid site2)" "$before" "UID"
	assert_equal "$(field site2 'd["uid"]')" "$before" "UID"
	refused "already used" tool site2 enroll <<<"$good"
	tool site1 enroll < <(invite site1)
	wait_for 10 is_online site1
}

# --- new keys ---

@test "a device that is invited again keeps its UID and address; its old key is refused" {
	connect eng1 site1
	wait_for 5 is_up site1 eng1
	before=$(uid site1) address=$(field site1 'd["addresses"]')
	cp -a "$(lab_dir site1)/state" "$BATS_TEST_TMPDIR/old"
	good=$(invite site1)
	is_up site1 eng1 # an invitation alone changes nothing
	tool site1 enroll <<<"$good"
	wait_for 10 is_online site1
	has_sessions site1 0
	wait_for 5 has_sessions eng1 0
	assert_equal "$(uid site1)" "$before" "UID"
	assert_equal "$(field site1 'd["addresses"]')" "$address" "addresses"
	assert_fails cmp -s "$(lab_dir site1)/state/identity.json" "$BATS_TEST_TMPDIR/old/identity.json"
	connect eng1 site1
	disconnect_all

	lab stop site1
	mv "$(lab_dir site1)/state" "$BATS_TEST_TMPDIR/new"
	cp -a "$BATS_TEST_TMPDIR/old" "$(lab_dir site1)/state"
	lab start site1
	wait_for 10 log_holds site1 "replaced by a newer"
	is_offline site1
	lab stop site1
	rm -r "$(lab_dir site1)/state"
	mv "$BATS_TEST_TMPDIR/new" "$(lab_dir site1)/state"
	lab start site1
	wait_for 10 is_online site1
}

# --- out ---

@test "a revoked device's session ends at once, and it is refused until it is invited again" {
	connect eng1 site1
	wait_for 5 is_up site1 eng1
	tool as1 device revoke site1
	wait_for 1 has_sessions site1 0
	wait_for 1 has_sessions eng1 0
	assert_equal "$(routes_of eng1)" ""
	wait_for 5 log_holds site1 "the device was revoked"
	wait_for 5 is_offline site1
	refused "no such device" tool eng1 connect site1
	lab stop site1
	lab start site1
	wait_for 10 log_holds site1 "this device was revoked"
	is_offline site1
	tool site1 enroll < <(invite site1)
	wait_for 10 is_online site1
	connect eng1 site1
	disconnect_all
}

@test "a removed device's session ends at once, and its invitation is void" {
	connect eng1 site2
	wait_for 5 is_up site2 eng1
	good=$(invite site2)
	tool as1 device remove site2
	wait_for 1 has_sessions site2 0
	wait_for 1 has_sessions eng1 0
	refused "no such device" tool eng1 connect site2
	refused "unknown invitation" tool site2 enroll <<<"$good"
	tool as1 device add site2 --lan 192.168.202.0/24 >"$BATS_TEST_TMPDIR/invitation"
	tool site2 enroll <"$BATS_TEST_TMPDIR/invitation"
	wait_for 10 is_online site2
}

@test "a revoked user's session ends at once, and the password alone does not help" {
	connect eng2 site1
	wait_for 5 is_up site1 eng2
	tool as1 user revoke eng2
	wait_for 1 has_sessions eng2 0
	wait_for 1 has_sessions site1 0
	wait_for 5 is_offline eng2
	refused "" tool eng2 connect site1
	refused "wrong user name or password" tool eng2 login <<<"$(password eng2)"
	tool eng2 login --invite <(invite eng2) <<<"$(password eng2)"
	wait_for 10 is_online eng2
	connect eng2 site1
	disconnect_all
}

# --- sign-in ---

@test "a wrong password is refused, with and without an invitation, and is in no log" {
	refused "wrong user name or password" tool eng1 login <<<"Not-My-Password"
	is_online eng1
	fresh eng2
	good=$(invite eng2)
	refused "wrong user name or password" tool eng2 login <<<"$good"$'\nNot-My-Password'
	not_enrolled eng2
	refused "invitation" tool eng2 login --invite /dev/null <<<"$(password eng2)"
	# A wrong password does not use the invitation up.
	tool eng2 login <<<"$good"$'\n'"$(password eng2)"
	wait_for 10 is_online eng2
	for node in eng1 eng2 as1; do
		assert_fails grep -qaF -e Not-My-Password -e "$(password eng2)" "$(lab_dir "$node")/log"
	done
}

@test "signing in again needs no invitation, and gives a new certificate" {
	cp "$(lab_dir eng1)/state/identity.json" "$BATS_TEST_TMPDIR/old"
	tool eng1 login <<<"$(password eng1)"
	wait_for 10 is_online eng1
	assert_fails cmp -s "$(lab_dir eng1)/state/identity.json" "$BATS_TEST_TMPDIR/old"
	connect eng1 site1
	disconnect_all
}

# expire TABLE - what would expire there has expired a minute ago.
expire() {
	lab stop as1
	"$python" - "$(lab_dir as1)/state/accessd.db" "$1" <<-'END'
		import sqlite3, sys, time
		db = sqlite3.connect(sys.argv[1])
		db.execute("UPDATE %s SET expires = ? WHERE expires != 0" % sys.argv[2], (int(time.time()) - 60,))
		db.commit()
	END
	lab start as1
}

@test "an expired invitation is refused in words" {
	fresh site2
	expires=$(tool as1 device reinvite site2 --expires 2m --json | json "d['expires']")
	assert_between "$((expires - $(date +%s)))" 50 121 "seconds that the invitation is good"
	good=$(invite site2)
	expire invite
	refused "invitation has expired" tool site2 enroll <<<"$good"
	not_enrolled site2
	tool site2 enroll < <(invite site2)
	wait_for 20 is_online site2
}

@test "an expired sign-in is refused in words, and login renews it" {
	wait_for 30 is_online eng1
	expire endpoint
	wait_for 20 log_holds eng1 "the sign-in has expired"
	is_offline eng1
	refused "" tool eng1 connect site1
	for node in eng1 eng2; do
		tool "$node" login <<<"$(password "$node")"
		wait_for 10 is_online "$node"
	done
	wait_for 20 is_online site1
	connect eng1 site1
	disconnect_all
}

@test "a password that cannot be one is refused in words" {
	refused "no password" tool as1 user passwd eng2 --no-change <<<""
	refused "at most 256 bytes" tool as1 user passwd eng2 --no-change <<<"$(printf '%257s' x)"
	refused "not text" tool as1 user passwd eng2 < <(printf 'a\0b\n')
	refused "not a password" tool eng2 login <<<"$(invite eng2)"
}

@test "a new password counts, the old one does not" {
	tool as1 user passwd eng2 --no-change <<<"Another-Password-Of-Mine"
	refused "wrong user name or password" tool eng2 login <<<"$(password eng2)"
	tool eng2 login <<<"Another-Password-Of-Mine"
	wait_for 10 is_online eng2
}

# --- relays ---

@test "a relay's invitation is used once, and its identity is for the daemon alone" {
	refused "" tool rs1 enroll <<<"$(invite rs1)" # it has one already
	good=$(invite rs1)
	tool rs1 enroll --again <<<"$good"
	wait_for 10 is_online rs1
	refused "already used" tool rs1 enroll --again <<<"$good"
	assert_equal "$(stat -c %a "$(lab_dir rs1)/state/identity.json")" 600
	connect eng1 site1
	disconnect_all
}

@test "all daemons end in good order" {
	all_stop
}
