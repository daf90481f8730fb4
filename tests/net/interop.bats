#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# A second implementation, made from docs/PROTOCOL.md with another TLS library (tests/net/peer.py),
# as device and as manager beside the real ones. It runs in site2, whose own vpnd is stopped.
# bats file_tags=interop
# shellcheck disable=SC2154 # addresses and python are of vpn.bash

load lib
load vpn

password=peer-Engineers-Secret

setup_file() {
	local dir=$BATS_FILE_TMPDIR

	command -v openssl >/dev/null || { echo "there is no openssl" >"$dir/lab-up.77" && return 0; }
	lab_up --devices 2 || return 0
	lab stop site2
	invitation device py1 --lan 192.168.77.0/24 --lan fd77::/64 >"$dir/py1.invitation"
	invitation user pym --no-change >"$dir/pym.invitation" <<<"$password"
	peer enrol --state "$dir/py1" <"$dir/py1.invitation"
	{ cat "$dir/pym.invitation" && echo "$password"; } | peer login --state "$dir/pym"
}

setup() {
	lab_here
	events=$BATS_TEST_TMPDIR/events
	state=$BATS_FILE_TMPDIR
}

teardown() {
	local pid

	[[ -e ${events:-} ]] || return 0
	pid=$(of ready 'd["pid"]')
	[[ -z $pid ]] || kill "$pid" 2>/dev/null || :
}

teardown_file() {
	local rc=0

	logs_clean || rc=1
	lab_down
	return "$rc"
}

# peer ARGUMENT... - tests/net/peer.py in site2.
peer() {
	lab in site2 timeout 60 "$python" -E "$BATS_TEST_DIRNAME/peer.py" "$@"
}

# invitation KIND NAME OPTION... - add it, print the invitation.
invitation() {
	tool as1 "$1" add "${@:2}" 2>/dev/null
}

# start_peer ARGUMENT... - in the background, its events to $events.
start_peer() {
	peer "$@" >"$events" 2>"$events.err" 3>&- &
	disown $!
	wait_for 10 happened "${ready:-online}"
}

# happened EVENT [PART] - there is such an event, with PART in its line.
happened() {
	grep -F "\"event\": \"$1\"" "$events" | grep -qF -- "${2:-}"
}

# of EVENT EXPRESSION - of the last such event, e.g. 'd["pid"]'.
of() {
	grep -F "\"event\": \"$1\"" "$events" | tail -n 1 | json "$2"
}

# no_sessions - accessd knows of none.
no_sessions() {
	assert_equal "$(tool as1 session list --json | json 'len(d)')" 0 "sessions at accessd"
}

# example BEGINNING - the first block of PROTOCOL.md that begins so, without white space.
example() {
	sed -n "/^    $1/,/^\$/p" "$REPO/docs/PROTOCOL.md" | sed '/^$/q' | tr -d ' \n'
}

# stop_peer [SIGNAL]
stop_peer() {
	kill "-${1:-TERM}" "$(of ready 'd["pid"]')"
}

# tunnel_pings HOST... - three echo requests to each from eng1 by the system's own means.
tunnel_pings() {
	local host

	for host; do
		assert_equal "$(ping_field eng1 "$host" received 3 50)" 3 "answers of $host"
	done
}

# --- what is written down ---

@test "an invitation is what section 8 says" {
	run peer invitation <"$state/py1.invitation"
	assert_equal "$status" 0
	assert_equal "$(json 'd["kind"]' <<<"$output")" device
	assert_equal "$(json 'd["urls"]' <<<"$output")" https://as1.lab
	assert_equal "$(json 'd["ca_sha256"]' <<<"$output")" "$(tool as1 status --json | json 'd["ca_sha256"]')"
	assert_between $(($(json 'd["expires"]' <<<"$output") - $(date +%s))) 604500 604800 "time left"
	assert_equal "$(peer invitation <"$state/pym.invitation" | json 'd["kind"]')" user
}

@test "the invitation and the token that PROTOCOL.md shows are good" {
	run peer invitation < <(example farlan-device-)
	assert_equal "$(json 'd["urls"]' <<<"$output")" https://as1.example.org
	run peer example-token
	token=$(json 'd["token"]' <<<"$output")
	key=$(json 'd["public"]' <<<"$output")
	assert_equal "$(example 'v4.public\.')" "$token"
	run peer token --key "$key" <<<"$token"
	assert_equal "$(json 'd["footer"]["kid"]' <<<"$output")" 21fe31dfa154a261
}

@test "a grant and its token are what sections 4.4 and 5 say" {
	peer manager --state "$state/pym" --count 1 site1 >"$events"
	grant='d["grant"]'
	assert_equal "$(of grant "${grant}.keys() >= {'session', 'serial', 'epoch', 'role', 'peer', 'lans', 'life_s', 'relays'}")" true
	assert_equal "$(of grant "${grant}['role']") $(of grant "${grant}['serial']") $(of grant "${grant}['epoch']")" "manager 1 1"
	assert_equal "$(of grant "${grant}['life_s']")" 28800
	assert_equal "$(of grant "${grant}['peer']['name']")" site1
	assert_equal "$(of grant "${grant}['peer']['lans']" | head -1)" 192.168.201.0/24
	assert_equal "$(of grant "len(${grant}['relays'])")" 1
	# Only accessd and relays know the token key: become one for a moment.
	invitation relay py-relay --url https://nobody.lab | peer enrol --state "$state/relay"
	assert_equal "$(json 'len(d["token_keys"])' <"$state/relay/identity.json")" 1
	key=$(json 'd["token_keys"][0]["public"]' <"$state/relay/identity.json")
	run peer token --key "$key" < <(of grant "${grant}['relays'][0]['token']")
	assert_equal "$status" 0
	assert_equal "$(json 'd["footer"]["kid"]' <<<"$output")" \
		"$(json 'd["token_keys"][0]["kid"]' <"$state/relay/identity.json")"
	assert_equal "$(json 'd["claims"]["sub"]' <<<"$output")" "$(of grant "${grant}['session']")"
	assert_equal "$(json 'd["claims"]["role"]' <<<"$output")" manager
	assert_equal "$(json 'd["claims"]["aud"]' <<<"$output")" \
		"farlan://lab/relay/$(of grant "${grant}['relays'][0]['uid']")"
	run peer hello --state "$state/relay"
	assert_equal "$status" 0
	assert_contains "$output" '"token_keys"'
	tool as1 relay remove py-relay
}

@test "the signed time is what section 4.7 says" {
	run peer hello --state "$state/pym"
	assert_equal "$status" 0
	assert_between "$(($(sed -n 's/.*"time_ms": \([0-9]*\).*/\1/p' <<<"$output") / 1000 - $(date +%s)))" -5 5
}

@test "plain requests are answered as section 2 says" {
	for url in as1.lab:443 as1.lab:80 as1.lab:5935 rs1.lab:443; do
		run peer get "https://$url/v1/probe"
		assert_contains "$output" '"status": 200, "body": "farlan '
	done
	assert_contains "$(peer get https://as1.lab/v1/control)" '"status": 426'
	assert_contains "$(peer get https://rs1.lab/v1/session)" '"status": 426'
	assert_contains "$(peer get https://rs1.lab/v1/control)" '"status": 404'
	assert_contains "$(peer get https://as1.lab/)" '"status": 404'
}

# --- the Python device ---

@test "a real manager connects to the Python device and pings it and its LAN" {
	start_peer device --state "$state/py1"
	assert_contains "$(tool eng1 devices)" "py1     online"
	connect eng1 py1
	tunnel_pings "$(of online 'd["ipv4"]')" "$(of online 'd["ipv6"]')" 192.168.77.5 fd77::5
	wait_for 2 happened pong
	assert_equal "$(of path 'd["tls"]')" TLSv1.3
	assert_equal "$(grep -c '"event": "echo"' "$events")" 12
	assert_equal "$(session_field eng1 py1 packets_in)" 12
	# What the grant does not name reaches neither end.
	assert_silent eng1 192.168.78.5
}

@test "the real manager ends the session: the Python device hears it" {
	start_peer device --state "$state/py1"
	connect eng1 py1
	tool eng1 disconnect py1
	wait_for 3 happened end '"code": 1, "reason": "disconnected"'
	wait_for 3 happened session.end
	wait_for 3 happened ended
}

@test "the Python device ends the session, at accessd and by END: the real manager hears it" {
	start_peer device --state "$state/py1"
	for signal in USR1 USR2; do
		connect eng1 py1
		stop_peer "$signal"
		wait_for 3 has_sessions eng1 0
	done
	no_sessions
}

@test "a relay that is started anew: a new leg with a higher generation, and the pings go on" {
	start_peer device --state "$state/py1"
	connect eng1 py1
	lab stop rs1
	lab start rs1
	wait_for 20 is_up eng1 py1
	tunnel_pings "$(of online 'd["ipv4"]')"
	[[ $(of leg 'd["generation"]') -gt 4294967297 ]]
	tool eng1 disconnect py1
	wait_for 3 happened ended
}

# --- the Python manager ---

@test "the Python manager signs in by name, lists devices, pings site1 and plc1" {
	peer login --state "$state/pym" --user pym <<<"$password"
	refused "wrong user name or password" peer login --state "$state/pym" --user pym <<<"wrong"
	ipv4=$(field site1 'd["addresses"][0]') ipv6=$(field site1 'd["addresses"][1]')
	peer manager --state "$state/pym" site1 "$ipv4" "$ipv6" "$plc1" "$plc1_six" >"$events"
	for host in "$ipv4" "$ipv6" "$plc1" "$plc1_six"; do
		happened ping "\"to\": \"$host\", \"sent\": 3, \"received\": 3"
	done
	assert_equal "$(of devices '[x["online"] for x in d["devices"] if x["name"] == "site1"]')" true
	wait_for 3 has_sessions site1 0
}

@test "a session of the Python manager ends from all four sides" {
	for end in at-accessd by-END device administrator; do
		ready=ping start_peer manager --stay --count 1 --state "$state/pym" site1
		wait_for 3 is_up site1 pym
		case $end in
		at-accessd) stop_peer USR1 ;;
		by-END) stop_peer USR2 ;;
		device) tool site1 disconnect pym ;;
		administrator) tool as1 session kill "$(of grant 'd["grant"]["session"]')" ;;
		esac
		wait_for 3 happened ended
		wait_for 3 has_sessions site1 0
		no_sessions
	done
}

@test "Python manager and Python device meet" {
	start_peer device --state "$state/py1"
	peer manager --state "$state/pym" py1 192.168.77.9 >"$events.manager"
	grep -qF '"to": "192.168.77.9", "sent": 3, "received": 3' "$events.manager"
}

# --- what a receiver must bear ---

@test "unknown frames, members, methods and texts are borne by accessd, relayd and a device" {
	peer --odd manager --state "$state/pym" site1 "$plc1" >"$events"
	happened tolerated
	happened refused
	happened ping '"received": 3'
	wait_for 3 has_sessions site1 0
}

@test "they are borne by a manager, and in an enrolment" {
	invitation device py2 | peer --odd enrol --state "$state/py2"
	start_peer --odd device --state "$state/py2"
	connect eng1 py2
	tunnel_pings "$(of online 'd["ipv4"]')" "$(of online 'd["ipv6"]')"
	happened hello
	tool eng1 disconnect py2
	wait_for 3 happened ended
}

@test "a local socket bears unknown members and refuses unknown methods" {
	socket=$(lab_dir eng1)/socket
	run peer ask --socket "$socket" status '{"x_unknown": [1]}'
	assert_equal "$(json 'd["result"]["state"]' <<<"$output")" online
	run peer ask --socket "$socket" x.unknown
	assert_equal "$(json 'd["error"]["code"]' <<<"$output")" -32601
}

# --- new CAs: the last test, the others keep the one that they have ---

@test "a renewal, and the way to a new CA, are what sections 3.1 and 4.8 say" {
	invitation device py-old --lan 10.77.0.0/24 | peer enrol --state "$state/old"
	invitation device py-late --lan 10.78.0.0/24 >"$state/late.invitation"
	run peer renew --state "$state/old"
	assert_equal "$status" 0
	assert_contains "$output" '"links": 0'
	tool as1 ca roll --yes >/dev/null
	tool as1 ca roll --yes >/dev/null
	run peer hello --state "$state/old"
	assert_contains "$output" '"renew": true'
	run peer renew --state "$state/old"
	assert_equal "$status" 0
	assert_contains "$output" '"links": 2, "former_cas": 2'
	run peer hello --state "$state/old"
	assert_equal "$status" 0
	[[ $output != *'"renew"'* ]] || fail "it is to renew still"
	peer enrol --state "$state/late" <"$state/late.invitation"
	run peer hello --state "$state/late"
	assert_equal "$status" 0
}
