#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Signing in: first passwords, second factors, accounts that are locked, disabled or over. oathtool is the
# authenticator app.
# bats file_tags=signin

# shellcheck disable=SC2154 # addresses and python are of vpn.bash
load lib
load vpn

setup_file() {
	lab_up --devices 1 --managers 2 || return 0
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

password() {
	cat "$(lab_dir "$1")/password"
}

# account USER MEMBER - as accessctl user show has it.
account() {
	tool as1 user show "$1" --json | json "d['$2']"
}

# events EVENT - how often the audit has it.
events() {
	"$python" -ESc '
import sqlite3, sys

db = sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True)
print(db.execute("SELECT count(*) FROM audit WHERE event = ?", (sys.argv[2],)).fetchone()[0])
' "$(lab_dir as1)/state/accessd.db" "$1"
}

# code SECRET STEPS - the one-time code so many steps from now. The server takes those of one step around its own, and none
# twice: here that of now first, then that of the next one.
code() {
	oathtool --totp -b "$1" --now "@$(($(date +%s) + 30 * $2))"
}

# secret_of FILE - the one that was shown there.
secret_of() {
	sed -n 's/^or type the secret into it: //p' "$1" | tail -n 1
}

# start_login NODE COMMAND... - vpnctl COMMAND in the background, its standard input is descriptor 7, its words go to
# $BATS_TEST_TMPDIR/words and out.
start_login() {
	local node=$1

	shift
	rm -f "$BATS_TEST_TMPDIR/in"
	mkfifo "$BATS_TEST_TMPDIR/in"
	tool "$node" "$@" <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/words" &
	login_pid=$!
	exec 7>"$BATS_TEST_TMPDIR/in"
}

# end_login - its status.
end_login() {
	exec 7>&-
	wait "$login_pid"
}

shows_secret() {
	[[ -n $(secret_of "$BATS_TEST_TMPDIR/words") ]]
}

# enrol_factor NODE COMMAND... - with the password, and another code before it if there is one; sets secret.
enrol_factor() {
	start_login "$1" "${@:2}"
	password "$1" >&7
	wait_for 10 shows_secret
	secret=$(secret_of "$BATS_TEST_TMPDIR/words")
	code "$secret" 0 >&7
	end_login
}

# recovery NUMBER - of the codes that were shown last.
recovery() {
	grep -E '^    ([a-z2-7]{4}-){3}[a-z2-7]{4}$' "$BATS_TEST_TMPDIR/out" | sed -n "${1}s/^ *//p"
}

# --- passwords ---

@test "the first password is changed at the first sign-in, and weak ones are refused in words" {
	refused "too short: at least 10 bytes" tool as1 user add kim <<<"Xq7-kz"
	refused "many people have" tool as1 user add kim <<<"Passw0rd123!"
	refused "a row of keys" tool as1 user add kim <<<"lkjhgfdsa98765"
	refused "a name that everybody here knows" tool as1 user add kimberly <<<"Kimberly-2026"
	tool as1 user passwd eng2 < <(password eng2)
	assert_equal "$(account eng2 signin)" "new password"
	# A new password is asked for behind the right one alone, and looked at like any other.
	refused "wrong user name or password" tool eng2 login <<<$'not-this-one\nseven-slow-camels'
	refused "the same as the old one" tool eng2 login < <(password eng2 && password eng2)
	refused "many people have" tool eng2 login < <(password eng2 && echo Welcome12345)
	refused "new password: nothing was entered" tool eng2 login < <(password eng2)
	tool eng2 login < <(password eng2 && echo seven-slow-camels)
	refused "wrong user name or password" tool eng2 login < <(password eng2)
	tool eng2 login <<<seven-slow-camels
	# Later by himself.
	tool eng2 passwd < <(echo seven-slow-camels && password eng2)
	tool eng2 login < <(password eng2)
	assert_equal "$(account eng2 signin)" ok
	assert_equal "$(events password.changed)" 2
}

@test "a PC keeps its tunnel address when its user signs in again" {
	before=$(field eng2 'd["addresses"]')
	tool eng2 login < <(password eng2)
	wait_for 10 is_online eng2
	assert_equal "$(field eng2 'd["addresses"]')" "$before"
}

@test "hashes are made anew when the server's parameters were raised" {
	assert_equal "$(account eng2 password_cost)" 15
	lab stop as1
	echo "password-cost = 16" >>"$(lab_dir as1)/conf"
	lab start as1
	wait_for 10 is_online eng2
	tool eng2 login < <(password eng2)
	assert_equal "$(account eng2 password_cost)" 16
	tool eng2 login < <(password eng2)
	assert_equal "$(events password.raised)" 1
}

# --- second factors ---

@test "where the domain requires it, a second factor comes before the identity" {
	tool as1 domain set mfa=required
	assert_equal "$(account eng1 totp)" false
	refused "nothing was entered" tool eng1 login < <(password eng1)
	refused "does not fit" tool eng1 login < <(password eng1 && echo 123456)
	assert_equal "$(account eng1 totp)" false
	enrol_factor eng1 login
	assert_contains "$(cat "$BATS_TEST_TMPDIR/words")" "otpauth://totp/lab:eng1?secret=$secret"
	assert_contains "$(cat "$BATS_TEST_TMPDIR/words")" "█"
	assert_equal "$(recovery '1,10' | wc -l)" 10
	assert_equal "$(account eng1 totp) $(account eng1 recovery_codes)" "true 10"
	# Not without a code now, not with a wrong one, and none twice.
	refused "nothing was entered" tool eng1 login < <(password eng1)
	refused "the code is wrong" tool eng1 login < <(password eng1 && echo 000000)
	now=$(code "$secret" 1)
	tool eng1 login < <(password eng1 && echo "$now")
	refused "used before" tool eng1 login < <(password eng1 && echo "$now")
	assert_equal "$(events totp.replayed)" 1
	# A recovery code instead: once.
	one=$(recovery 1) two=$(recovery 2) three=$(recovery 3)
	tool eng1 login < <(password eng1 && echo "${one^^}")
	refused "the code is wrong" tool eng1 login < <(password eng1 && echo "$one")
	assert_equal "$(account eng1 recovery_codes)" 9
	# New ones in place of the old ones.
	wait_for 10 is_online eng1
	tool eng1 recovery-codes < <(password eng1 && echo "$three") >"$BATS_TEST_TMPDIR/out"
	assert_equal "$(account eng1 recovery_codes)" 10
	refused "the code is wrong" tool eng1 login < <(password eng1 && echo "$two")
	tool eng1 login < <(password eng1 && recovery 1)
	assert_fails grep -qaF -e "$secret" -e "$two" -e "$(password eng1)" "$(lab_dir as1)/log" "$(lab_dir eng1)/log"
}

@test "an administrator takes a second factor away without seeing it; optional means the user decides" {
	assert_fails grep -qi -e secret -e otpauth <<<"$(tool as1 user show eng1 --json)"
	tool as1 user reset-totp eng1
	assert_equal "$(account eng1 totp) $(account eng1 recovery_codes)" "false 0"
	refused "no second factor" tool as1 user reset-totp eng1
	tool as1 domain set mfa=optional
	tool eng1 login < <(password eng1)
	wait_for 10 is_online eng1
	refused "vpnctl totp" tool eng1 recovery-codes < <(password eng1)
	enrol_factor eng1 totp
	refused "nothing was entered" tool eng1 login < <(password eng1)
	tool eng1 login < <(password eng1 && code "$secret" 1)
	tool as1 user reset-totp eng1
}

# --- accounts ---

@test "a disabled user is out at once, and is not told apart from a wrong password" {
	wait_for 10 is_online eng1
	connect eng1 site1
	wait_for 10 is_up eng1 site1
	tool as1 user disable eng1
	wait_for 5 has_sessions site1 0
	wait_for 5 is_offline eng1
	refused "wrong user name or password" tool eng1 login < <(password eng1)
	assert_equal "$(account eng1 signin)" disabled
	tool as1 user enable eng1
	tool eng1 login < <(password eng1)
	wait_for 10 is_online eng1
}

@test "when the account's time is over its sessions end, and the right password hears why" {
	connect eng1 site1
	wait_for 10 is_up eng1 site1
	tool as1 user set eng1 --valid-until "$(date -d '+2 seconds' +%Y-%m-%dT%H:%M:%S)"
	wait_for 8 has_sessions site1 0
	wait_for 8 is_offline eng1
	wait_for 8 test "$(account eng1 signin)" = expired
	refused "the account has expired" tool eng1 login < <(password eng1)
	assert_equal "$(events user.expired)" 1
	refused "a date like 2027-03-31" tool as1 user set eng1 --valid-until tomorrow
	tool as1 user set eng1 --valid-until none
	tool eng1 login < <(password eng1)
	wait_for 10 is_online eng1
}

@test "ten failures lock an account and an address, but not the user's own PC, nor what runs" {
	connect eng1 site1
	wait_for 10 is_up eng1 site1
	for _ in {1..10}; do
		refused "wrong user name or password" tool eng2 login eng1 <<<"not-this-one"
	done
	assert_equal "$(account eng1 signin)" locked
	refused "wrong user name or password" tool eng2 login eng1 < <(password eng1)
	assert_equal "$(events signin.locked)" 1
	is_up eng1 site1
	# Who has signed in from a PC before does so still; others there do not shut him out.
	tool eng1 login < <(password eng1)
	tool eng2 login < <(password eng2)
	tool as1 user unlock eng1
	assert_equal "$(account eng1 signin)" ok
	# The address is locked still.
	refused "wrong user name or password" tool eng2 login eng1 < <(password eng1)
}
