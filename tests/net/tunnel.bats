#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Sessions as people use them: connect, reach the machine's network, disconnect; what is refused.
# bats file_tags=tunnel

# shellcheck disable=SC2154 # addresses and python are of vpn.bash
load lib
load vpn

setup_file() {
	lab_up --managers 2 --devices 2 || return 0
	start_talk pc1
	start_talk pc2
	start_talk plc1
	start_talk plc2
	start_talk site1
}

setup() {
	lab_here
}

teardown_file() {
	local rc=0

	logs_clean || rc=1
	lab_down
	LAB=$LAB-b lab down
	return "$rc"
}

# --- connect ---

@test "connect prints its steps with their times" {
	run tool eng1 connect site1
	assert_equal "$status" 0
	for step in 'asking the Access Server' 'granted; relays: rs1' 'routes set: 192.168.201.0/24' \
		'relay rs1: connected' 'relay rs1: other end authenticated (TLS'; do
		grep -qE "^ *[0-9]+ ms  ${step//(/\\(}" <<<"$output" || fail "no step '$step' in:"$'\n'"$output"
	done
	grep -qE '^Connected to site1 by rs1 in [0-9]+ ms\. Reachable now: 192\.168\.201\.0/24, fd64:' \
		<<<"${lines[-1]}" || fail "last line: ${lines[-1]}"
	wait_for 5 is_up site1 eng1
}

@test "connect again finds the session that is there" {
	run tool eng1 connect site1
	assert_equal "$status" 0
	assert_contains "$output" "Already connected to site1"
}

@test "ping: LAN to LAN, manager to LAN, manager to the device's tunnel address, IPv4 and IPv6" {
	pings pc1 "$plc1"
	pings pc1 "$plc1_six"
	pings eng1 "$plc1"
	pings eng1 "$plc1_six"
	for address in $(field site1 'd["addresses"]'); do
		pings eng1 "$address"
	done
	assert_equal "$(field site1 'len(d["addresses"])')" 2 "tunnel addresses"
}

@test "TCP and UDP: LAN to LAN, manager to LAN, manager to the device itself, IPv4 and IPv6" {
	for host in "$plc1" "$plc1_six"; do
		for node in pc1 eng1; do
			talk "$node" tcp "$host"
			talk "$node" udp "$host" 100
		done
	done
	for address in $(field site1 'd["addresses"]'); do
		talk eng1 tcp "$address"
		talk eng1 udp "$address" 100
	done
}

@test "connections that the machine's side opens reach the manager's LAN" {
	talk plc1 tcp "$pc1"
	talk plc1 tcp "$pc1_six"
	talk plc1 udp "$pc1" 100
	pings plc1 "$pc1_six"
}

@test "20 MB are the same byte for byte, both ways, over IPv4 and IPv6" {
	talk pc1 put "$plc1" 20000000
	talk pc1 get "$plc1" 20000000
	talk pc1 put "$plc1_six" 20000000
	talk pc1 get "$plc1_six" 20000000
}

@test "datagrams of all sizes, also in fragments" {
	for size in 1 1200 1472 1473 8000 60000; do
		talk pc1 udp "$plc1" "$size"
		talk pc1 udp "$plc1_six" "$size"
	done
}

@test "ten connections at the same time" {
	jobs=()
	for _ in {1..5}; do
		talk pc1 put "$plc1" 1000000 3>&- &
		jobs+=($!)
		talk plc1 get "$pc1" 1000000 3>&- &
		jobs+=($!)
	done
	for job in "${jobs[@]}"; do
		wait "$job"
	done
}

@test "status --json: state, server, session, round trip, traffic, at both ends" {
	for node in eng1 site1; do
		peer=$([[ $node == eng1 ]] && echo site1 || echo eng1)
		assert_equal "$(field "$node" 'd["state"]')" online "state of $node"
		assert_equal "$(field "$node" 'd["name"]')" "$node"
		assert_equal "$(field "$node" 'd["domain"]')" lab
		assert_equal "$(field "$node" 'd["server"]["name"]')" as1.lab
		assert_equal "$(field "$node" 'd["server"]["port"]')" 443
		assert_equal "$(session_field "$node" "$peer" state)" up
		assert_equal "$(session_field "$node" "$peer" relay)" rs1
		assert_equal "$(session_field "$node" "$peer" relay_port)" 443
		assert_between "$(session_field "$node" "$peer" rtt_ms)" 0 2000 "rtt_ms of $node"
		assert_between "$(session_field "$node" "$peer" bytes_in)" 30000000 200000000 "bytes_in of $node"
		assert_between "$(session_field "$node" "$peer" bytes_out)" 30000000 200000000 "bytes_out of $node"
		assert_contains "$(session_field "$node" "$peer" cipher)" TLS
	done
	assert_equal "$(session_field eng1 site1 id)" "$(session_field site1 eng1 id)" "session id"
	assert_contains "$(tool eng1 status)" "site1"
}

@test "devices lists them, with their state" {
	run tool eng1 devices
	assert_equal "$status" 0
	assert_contains "$output" site2
	assert_equal "$(tool eng1 devices --json | json '[x["online"] for x in d["devices"] if x["name"] == "site1"]')" true
}

# --- disconnect ---

@test "disconnect takes everything back, at both ends" {
	connect eng1 site1
	tool eng1 disconnect site1
	wait_for 5 has_sessions site1 0
	host_of eng1 >"$BATS_TEST_TMPDIR/eng1"
	host_of site1 >"$BATS_TEST_TMPDIR/site1"
	assert_equal "$(routes_of eng1)" ""
	assert_equal "$(routes_of site1)" ""
	connect eng1 site1
	wait_for 5 is_up site1 eng1
	assert_contains "$(routes_of eng1)" "192.168.201.0/24"
	assert_contains "$(routes_of site1)" "192.168.101.0/24"
	assert_fails same_host eng1 "$BATS_TEST_TMPDIR/eng1" 2>/dev/null
	pings pc1 "$plc1"
	run tool eng1 disconnect
	assert_equal "$status" 0
	wait_for 5 has_sessions site1 0
	has_sessions eng1 0
	same_host eng1 "$BATS_TEST_TMPDIR/eng1"
	same_host site1 "$BATS_TEST_TMPDIR/site1"
	assert_silent pc1 "$plc1" "$plc1_six"
}

@test "disconnect without a session says so" {
	refused "no session with site1" tool eng1 disconnect site1
	run tool eng1 disconnect
	assert_equal "$status" 0
}

@test "Ctrl-C takes a connect back" {
	lab link rs1 --down
	FARLAN_SOCKET=$(lab_dir eng1)/socket setsid env --default-signal=INT "$BUILD/bin/vpnctl" connect site1 \
		>"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	wait_for 5 has_sessions site1 1
	kill -INT $!
	assert_fails wait $!
	lab link rs1 --up
	wait_for 5 has_sessions eng1 0
	wait_for 5 has_sessions site1 0
	assert_contains "$(<"$BATS_TEST_TMPDIR/out")" "interrupted"
}

# --- several ---

@test "two managers at one device" {
	connect eng1 site1
	connect eng2 site1
	wait_for 5 has_sessions site1 2
	talk pc1 tcp "$plc1"
	talk pc2 tcp "$plc1_six"
	talk plc1 tcp 192.168.102.10
	talk plc1 tcp "$pc1"
	tool eng2 disconnect
	wait_for 5 has_sessions site1 1
	talk pc1 tcp "$plc1"
	assert_silent pc2 "$plc1"
}

@test "one manager at two devices" {
	connect eng1 site1
	connect eng1 site2
	talk pc1 tcp "$plc1"
	talk pc1 tcp "$plc2"
	pings eng1 fd64:0:0:202::10
	assert_silent plc1 "$plc2" # devices do not see each other through the manager
	tool eng1 disconnect site2
	has_sessions eng1 1
	talk pc1 tcp "$plc1"
	assert_silent pc1 "$plc2"
}

@test "session kill ends it at both ends within a second" {
	connect eng1 site1
	wait_for 5 is_up site1 eng1
	pings pc1 "$plc1"
	id=$(session_field eng1 site1 id)
	tool as1 session kill "$id"
	wait_for 1 has_sessions eng1 0
	wait_for 1 has_sessions site1 0
	assert_equal "$(routes_of eng1)" ""
	wait_for 5 log_holds rs1 "$id"
	refused "" tool as1 session kill "$id"
}

# --- outside ---

# only_family DROPPED - between all nodes, outside. Connections that exist are not told.
only_family() {
	lab in inet nft -f - <<-END
		table inet shut {
			chain forward {
				type filter hook forward priority -20; policy accept;
				meta nfproto $1 drop
			}
		}
	END
}

restart_ends() {
	lab stop eng1
	lab stop site1
	lab start eng1
	lab start site1
	wait_for 20 is_online eng1
	wait_for 20 is_online site1
}

family_works() {
	local address

	restart_ends
	connect eng1 site1
	address=$(field eng1 'd["server"]["address"]')
	assert_contains "$address" "$1"
	assert_contains "$(session_field eng1 site1 relay_address)" "$1"
	assert_contains "$(session_field site1 eng1 relay_address)" "$1"
	talk pc1 tcp "$plc1"
	talk pc1 tcp "$plc1_six"
	tool eng1 disconnect >/dev/null
	lab in inet nft delete table inet shut
}

@test "outside over IPv6 only" {
	only_family ipv4
	family_works :
}

@test "outside over IPv4 only" {
	only_family ipv6
	family_works .
}

# --- refused ---

@test "what cannot be connected is refused in words" {
	refused "no such device" tool eng1 connect nowhere
	lab stop site2
	refused "not online" tool eng1 connect site2
	lab start site2
	refused "only managers connect" tool site1 connect site1
	tool as1 relay revoke rs1
	refused "no relay" tool eng1 connect site1
	has_sessions eng1 0
	tool as1 relay reinvite rs1 >"$BATS_TEST_TMPDIR/invitation"
	tool rs1 enroll --again <"$BATS_TEST_TMPDIR/invitation"
	wait_for 20 is_online rs1
	wait_for 20 is_online site2
	connect eng1 site2
	disconnect_all
}

@test "connect without an Access Server says so" {
	lab stop as1
	wait_for 5 is_offline eng1
	refused "not connected to an Access Server" tool eng1 connect site1
	lab start as1
	for node in eng1 eng2 site1 site2 rs1; do
		wait_for 30 is_online "$node"
	done
}

@test "vpnd's socket is for root and the group farlan" {
	lab stop site1
	# Every node sees this file as its /etc/group.
	{ grep -v '^farlan:' /etc/group && echo 'farlan:x:64321:'; } >"$(lab_dir)/etc/group"
	lab start site1
	chmod 711 "$(lab_dir)" # for this test, others get as far as the socket
	as_user() {
		FARLAN_SOCKET=$(lab_dir site1)/socket setpriv --reuid 65534 --regid "$1" --clear-groups \
			"$BUILD/bin/vpnctl" status
	}
	as_user 64321
	assert_fails as_user 65534
	# Also where the file's mode would let everybody in.
	chmod 666 "$(lab_dir site1)/socket"
	as_user 64321
	assert_fails as_user 65534
	rm "$(lab_dir)/etc/group"
}

@test "all daemons end in good order, and nothing is left on the hosts" {
	connect eng1 site2
	all_stop
	for node in eng1 eng2 site1 site2; do
		assert_equal "$(lab in "$node" ip -o link show dev farlan0 2>/dev/null)" "" "TUN device of $node"
		assert_equal "$(lab in "$node" ip route show table all proto 0x46)" "" "routes of $node"
		assert_equal "$(lab in "$node" cat /proc/sys/net/ipv4/conf/lan/forwarding)" 0 "forwarding of $node"
	done
}
