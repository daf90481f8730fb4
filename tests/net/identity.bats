#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# How long an identity lives: renewed in time or too late, over new CAs of the domain, until it is revoked.
# The Access Server's clock is set; all others learn the time from it.
# bats file_tags=identity

# shellcheck disable=SC2154 # addresses and python are of vpn.bash
load lib
load vpn
load silence

setup_file() {
	lab_up --devices 2 || return 0
	watch_uplink site1
	# A new CA of the domain must not be taken for an inspecting proxy's.
	echo 'inspection = refuse' >>"$(lab_dir site2)/conf"
	lab stop site2
	lab start site2
	wait_for 10 is_online site2
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

identity_of() {
	printf '%s/state/identity.json' "$(lab_dir "$1")"
}

# cert NODE OPTION... - what openssl says of its certificate.
cert() {
	"$python" -ESc '
import base64, json, sys
sys.stdout.buffer.write(base64.b64decode(json.load(open(sys.argv[1]))["cert"]))
' "$(identity_of "$1")" | openssl x509 -inform DER -noout "${@:2}"
}

serial() {
	cert "$1" -serial
}

has_other_serial() {
	[[ $(serial "$1") != "$2" ]]
}

# ca NODE - the CA that it trusts.
ca() {
	"$python" -ESc '
import base64, hashlib, json, sys
print(hashlib.sha256(base64.b64decode(json.load(open(sys.argv[1]))["ca"])).hexdigest())
' "$(identity_of "$1")"
}

current_ca() {
	tool as1 ca show --json | json '[c["ca_sha256"] for c in d["cas"] if c["state"] == "current"]'
}

trusts_current() {
	[[ $(ca "$1") == "$(current_ca)" ]]
}

# later DAYS - the Access Server is started anew, so many days from now.
later() {
	lab stop as1
	lab clock as1 "$(date -ud "+$1 days" '+%F %T')"
	lab start as1
}

sign_in() {
	tool eng1 login <"$(lab_dir eng1)/password" >/dev/null
	wait_for 10 is_online eng1
}

# With a new invitation.
invited_sign_in() {
	tool as1 user reinvite eng1 >"$BATS_TEST_TMPDIR/invitation"
	tool eng1 login --invite "$BATS_TEST_TMPDIR/invitation" <"$(lab_dir eng1)/password" >/dev/null
	wait_for 10 is_online eng1
}

session_id() {
	session_field eng1 site1 id
}

roll() {
	tool as1 ca roll --yes "$@" >/dev/null
	assert_between "$(field as1 'd["certificate"]["ca_left_s"] // 86400')" 7200 7400
}

relay_online() {
	[[ $(field rs1 'd["state"]' 2>/dev/null) == online ]]
}

# members STATE - how many devices and relays have certificates by CAs in that state.
members() {
	tool as1 ca show --json | json "sum(c['members'] for c in d['cas'] if c['state'] == '$1')"
}

nobody_is_behind() {
	[[ $(members followed) == 0 ]]
}

# --- new CAs ---

@test "a new CA: sessions go on, everybody follows, and who did not yet still meets who did" {
	connect eng1 site1
	wait_for 5 is_up site1 eng1
	session=$(session_id) before=$(ca site1) old=$(serial site1)
	cp "$(identity_of site1)" "$BATS_FILE_TMPDIR/of-the-first-ca"
	tool as1 device add site9 --lan 10.99.0.0/24 >"$BATS_FILE_TMPDIR/site9.invitation"
	refused "--yes" tool as1 ca roll
	roll
	wait_for 10 trusts_current site1
	wait_for 10 trusts_current rs1
	[[ $(ca site1) != "$before" ]] || fail "the CA is the same"
	[[ $(serial site1) != "$old" ]] || fail "the certificate is the same"
	assert_equal "$(ca eng1)" "$before" "a manager's, until it signs in"
	# The same session, over the connections that it had, and over new ones.
	assert_equal "$(session_id)" "$session"
	pings pc1 "$plc1"
	lab stop rs1
	lab start rs1
	wait_for 10 is_up eng1 site1
	assert_equal "$(session_id)" "$session"
	wait_for 10 pings pc1 "$plc1"
	# A new one, between the two CAs; and what servers show outside checks with both.
	disconnect_all
	lab stop eng1
	lab start eng1
	wait_for 10 is_online eng1
	assert_equal "$(field eng1 'd["server"]["outer"]')" verified
	connect eng1 site1
	disconnect_all
	sign_in
	trusts_current eng1
	connect eng1 site1
	wait_for 10 nobody_is_behind
	lab stop site1
	lab start site1
	wait_for 10 is_online site1
	assert_equal "$(field site1 'd["server"]["outer"]')" verified
}

@test "an invitation of before the new CA is good" {
	lab stop site2
	mv "$(lab_dir site2)/state" "$BATS_FILE_TMPDIR/state-of-site2"
	lab start site2
	tool site2 enroll <"$BATS_FILE_TMPDIR/site9.invitation"
	wait_for 10 is_online site2
	trusts_current site2
	tool as1 device remove site9
	lab stop site2
	rm -r "$(lab_dir site2)/state"
	mv "$BATS_FILE_TMPDIR/state-of-site2" "$(lab_dir site2)/state"
}

@test "a device that was away during two new CAs follows both, and meets the others" {
	roll # site2 is away since the last test
	before=$(ca site2)
	lab start site2
	wait_for 10 is_online site2
	wait_for 10 trusts_current site2
	[[ $(ca site2) != "$before" ]] || fail "the CA is the same"
	wait_for 10 nobody_is_behind
	connect eng1 site2 # eng1 trusts the second one
	disconnect_all
	sign_in
	trusts_current eng1
	connect eng1 site2
	disconnect_all
}

@test "a new token key: the sessions of before and after it go on" {
	connect eng1 site1
	session=$(session_id)
	refused "--yes" tool as1 token-key roll
	tool as1 token-key roll --yes >/dev/null
	refused "not over" tool as1 token-key roll --yes
	has_two_keys() {
		[[ $(field rs1 'len(d["token_keys"])') == 2 ]]
	}
	wait_for 10 has_two_keys
	connect eng1 site2
	lab stop as1 # and its clock goes on: the new one signs
	lab clock as1 "$(date -ud "+1 minute" '+%F %T')"
	lab start as1
	wait_for 15 log_holds as1 "token keys changed"
	wait_for 10 is_online eng1
	wait_for 10 is_online site2
	tool eng1 disconnect site2 >/dev/null
	connect eng1 site2
	assert_equal "$(session_id)" "$session"
	pings pc1 "$plc1"
	disconnect_all
}

# --- time ---

@test "two thirds of its life are over: it is renewed, with the same key" {
	old=$(serial site1) old_relay=$(serial rs1) key=$(cert site1 -pubkey)
	later 300
	wait_for 20 has_other_serial site1 "$old"
	wait_for 20 has_other_serial rs1 "$old_relay"
	assert_equal "$(cert site1 -pubkey)" "$key" "key"
	is_online site1
	log_holds site1 "certificate renewed"
	wait_for 10 relay_online
	assert_between "$(field rs1 'd["certificate"]["left_s"] // 86400')" 300 400
}

@test "switched off for three years it comes back by itself, unless it was revoked" {
	lab stop site1
	lab stop site2
	tool as1 device revoke site2
	later 1500
	old=$(serial site1)
	lab start site1
	wait_for 20 is_online site1
	log_holds site1 "the certificate has expired: asking for a new one"
	has_other_serial site1 "$old"
	wait_for 30 relay_online
	lab start site2
	wait_for 20 log_holds site2 "this device was revoked"
	is_offline site2
	sign_in
	connect eng1 site1
	pings pc1 "$plc1"
	disconnect_all
}

@test "an identity of the first CA, long expired, follows all CAs and is renewed" {
	lab stop site1
	cp "$(identity_of site1)" "$BATS_TEST_TMPDIR/now"
	# Its key is the same: an old copy of the file.
	cp "$BATS_FILE_TMPDIR/of-the-first-ca" "$(identity_of site1)"
	roll
	lab start site1
	wait_for 20 is_online site1
	trusts_current site1
}

# --- out ---

@test "a revoked device's and a revoked user's sessions end within a second, everywhere" {
	has_legs() {
		[[ $(tool rs1 sessions --json | json 'len(d)') == "$1" ]]
	}
	all_over() {
		has_sessions site1 0 && has_sessions eng1 0 && has_legs 0
	}
	# What the tests' own questions take is not counted.
	gone_in_ms() {
		local begin

		begin=$(date +%s%N)
		until all_over; do :; done
		echo $((($(date +%s%N) - begin) / 1000000))
	}

	tool site2 enroll < <(tool as1 device reinvite site2)
	sign_in
	connect eng1 site1
	wait_for 5 has_legs 1
	tool as1 user revoke eng1
	assert_between "$(gone_in_ms)" 0 1000 "ms until a revoked user's session was over"
	wait_for 10 is_offline eng1
	refused "" tool eng1 login <"$(lab_dir eng1)/password"
	invited_sign_in
	connect eng1 site1
	wait_for 5 has_legs 1
	tool as1 device revoke site1
	assert_between "$(gone_in_ms)" 0 1000 "ms until a revoked device's session was over"
	tool site1 enroll < <(tool as1 device reinvite site1)
	wait_for 10 is_online site1
}

@test "a CA that was stolen: nobody follows, all are told what to do, and new invitations work" {
	connect eng1 site1
	roll --compromised
	wait_for 5 has_sessions eng1 0
	wait_for 5 has_sessions site1 0
	for node in site1 eng1; do
		wait_for 10 is_offline "$node"
		run tool "$node" status
		assert_contains "$output" "ask the administrator for a new invitation"
	done
	# Also who comes later, and who starts anew.
	lab stop site1
	lab start site1
	wait_for 10 log_holds site1 "counts no more"
	is_offline site1
	# A user's name and password alone are not enough.
	refused "" tool eng1 login <"$(lab_dir eng1)/password"
	tool rs1 enroll --again < <(tool as1 relay reinvite rs1)
	tool site1 enroll < <(tool as1 device reinvite site1)
	invited_sign_in
	wait_for 10 is_online site1
	wait_for 10 relay_online
	connect eng1 site1
	pings pc1 "$plc1"
	disconnect_all
}
