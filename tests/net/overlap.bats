#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Networks that overlap: machines with the same LAN, and one with that of the PC. Each is reached, by
# prefixes of its own.
#
#   eng1's LAN   192.168.101.0/24, fd64:0:0:101::/64
#   site1..3     192.168.1.0/24, fd00:1::/64
#   site4        as eng1's
# bats file_tags=tunnel

load lib
load vpn

setup_file() {
	local n

	lab_up --devices 4 --same-lan || return 0
	for n in 1 2 3; do
		machine "$n" 192.168.1. fd00:1::
	done
	machine 4 192.168.101. fd64:0:0:101::
	for n in 1 2 3 4; do
		start_talk "plc$n" "7$n" # who is reached by mistake refuses
	done
	start_talk pc1 70
	connect_all
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

# readdress NODE INTERFACE ADDRESS4 ADDRESS6
readdress() {
	lab in "$1" ip address flush dev "$2" scope global
	lab in "$1" ip address add "$3" dev "$2"
	lab in "$1" ip address add "$4" dev "$2" nodad
}

# machine N NETWORK4 NETWORK6 - siteN and plcN there, and in the register.
machine() {
	readdress "site$1" lan "${2}1/24" "${3}1/64"
	readdress "plc$1" eth0 "${2}10/24" "${3}10/64"
	lab in "plc$1" ip route replace default via "${2}1"
	lab in "plc$1" ip route replace default via "${3}1"
	tool as1 device set "site$1" --lan "${2}0/24" --lan "$3/64"
}

# connect_all - site1 first: it has its own addresses; the others at the same time. A device whose
# LANs were changed is away for a moment.
connect_all() {
	local n jobs=()

	wait_for 10 connect eng1 site1
	for n in 2 3 4; do
		wait_for 10 connect eng1 "site$n" &
		jobs+=($!)
	done
	wait "${jobs[@]}"
	for n in 1 2 3 4; do
		wait_for 5 is_up eng1 "site$n"
		wait_for 5 is_up "site$n" eng1
	done
}

# here NODE PEER LAN - how a LAN of the peer is called at NODE.
here() {
	local other

	other=$(field "$1" "[v['here'] for s in d['sessions'] if s['peer'] == '$2' for v in s['virtual'] if v['lan'] == '$3']")
	printf '%s\n' "${other:-$3}"
}

# host PREFIX - its 10th address.
host() {
	local net=${1%/*}

	case $net in
	*::) printf '%s10\n' "$net" ;;
	*:*) printf '%s::10\n' "$net" ;;
	*) printf '%s.10\n' "${net%.0}" ;;
	esac
}

lan_of() { # N 4|6
	case $1$2 in
	44) echo 192.168.101.0/24 ;;
	46) echo fd64:0:0:101::/64 ;;
	?4) echo 192.168.1.0/24 ;;
	?6) echo fd00:1::/64 ;;
	esac
}

# plc N 4|6 - how plcN is called on eng1's side.
plc() {
	host "$(here eng1 "site$1" "$(lan_of "$1" "$2")")"
}

# say_to N VERB HOST ARGUMENT... - from pc1, on plcN's own port.
say_to() {
	# shellcheck disable=SC2154 # python: vpn.bash
	lab in pc1 "$python" "$BATS_TEST_DIRNAME/talk.py" "$2" "$3" "7$1" "${@:4}"
}

# all_of LIST-OF-PIDS... - each has to succeed.
all_of() {
	local pid

	for pid; do
		wait "$pid" || fail "one of several at the same time failed"
	done
}

@test "each has a prefix of its own, and the one that does not collide its real addresses" {
	local all n

	assert_equal "$(here eng1 site1 192.168.1.0/24)" 192.168.1.0/24
	assert_equal "$(session_field eng1 site1 virtual)" '[]'
	all=$(for n in 1 2 3 4; do
		here eng1 "site$n" "$(lan_of "$n" 4)"
		here eng1 "site$n" "$(lan_of "$n" 6)"
	done | sort -u)
	assert_equal "$(wc -l <<<"$all")" 8
	assert_equal "$(session_field eng1 site2 lans)" "['192.168.1.0/24', 'fd00:1::/64']"
	assert_contains "$(tool eng1 status)" "192.168.1.0/24 is here $(here eng1 site2 192.168.1.0/24)"
	assert_contains "$(routes_of eng1)" "$(here eng1 site4 192.168.101.0/24) dev"
	! routes_of eng1 | grep -F '192.168.101.0/24' || fail "the own LAN leads into the tunnel"
}

@test "transfers at the same time reach the right machine, byte for byte" {
	local n family to jobs=()

	for n in 1 2 3 4; do
		for family in 4 6; do
			to=$(plc "$n" "$family")
			say_to "$n" put "$to" 1500000 &
			jobs+=($!)
			say_to "$n" get "$to" 1500000 &
			jobs+=($!)
		done
	done
	all_of "${jobs[@]}"
}

@test "datagrams, pings, fragments of both" {
	local n family to jobs=()

	for n in 2 3 4; do
		for family in 4 6; do
			to=$(plc "$n" "$family")
			say_to "$n" udp "$to" 1000 &
			jobs+=($!)
			say_to "$n" udp "$to" 5000 &
			jobs+=($!)
			lab in pc1 timeout 20 ping -n -q -c 2 -i 0.2 -W 5 "$to" &
			jobs+=($!)
			lab in pc1 timeout 20 ping -n -q -c 2 -i 0.2 -W 5 -s 4000 "$to" &
			jobs+=($!)
			lab in eng1 timeout 20 ping -n -q -c 2 -i 0.2 -W 5 "$to" & # from the tunnel address
			jobs+=($!)
		done
	done
	all_of "${jobs[@]}"
}

@test "an ICMP error of the machine finds who caused it" {
	local n family

	for n in 2 4; do
		for family in 4 6; do
			lab in pc1 "$python" "$BATS_TEST_DIRNAME/talk.py" closed "$(plc "$n" "$family")" 9
		done
	done
}

@test "a machine opens a connection to a PC whose LAN is the machine's" {
	local family

	for family in 4 6; do
		lab in plc4 "$python" "$BATS_TEST_DIRNAME/talk.py" put \
			"$(host "$(here site4 eng1 "$(lan_of 4 "$family")")")" 70 300000
	done
}

@test "prefixes stay, over disconnect and restart" {
	local two three file

	two=$(here eng1 site2 192.168.1.0/24) three=$(here eng1 site3 fd00:1::/64)
	tool eng1 disconnect site2
	run tool eng1 connect site2
	assert_contains "$output" "192.168.1.0/24 is here $two"
	assert_equal "$(here eng1 site2 192.168.1.0/24)" "$two"
	disconnect_all
	file=$(lab_dir eng1)/state/virtual.json
	lab stop eng1
	# It is what is remembered that counts, not where the search would begin again.
	sed -i "s|\"$two\"|\"198.18.7.0/24\"|" "$file"
	lab start eng1
	wait_for 10 is_online eng1
	connect_all
	assert_equal "$(here eng1 site2 192.168.1.0/24)" 198.18.7.0/24
	assert_equal "$(here eng1 site3 fd00:1::/64)" "$three"
	say_to 2 tcp 198.18.7.10
	disconnect_all
	lab stop eng1
	echo '{"virtual": [' >"$file"
	lab start eng1
	wait_for 10 is_online eng1
	assert_contains "$(lab log eng1)" 'chosen anew'
	connect_all
	say_to 2 tcp "$(plc 2 4)"
}

# killed - eng1's daemon dies, and sessions come back by themselves.
killed() {
	local n

	lab kill eng1
	lab start eng1
	wait_for 10 is_online eng1
	for n; do
		wait_for 20 is_up eng1 "site$n"
	done
}

@test "kill -9 of the manager: who was reached at an address is reached there again, in any order" {
	local first second there order

	for order in "1 2" "2 1"; do
		disconnect_all
		read -r first second <<<"$order"
		connect eng1 "site$first"
		connect eng1 "site$second"
		there=$(here eng1 "site$second" 192.168.1.0/24)
		[[ $there != 192.168.1.0/24 ]] || fail "two machines have the same addresses"
		for _ in 1 2; do
			killed 1 2
			assert_equal "$(here eng1 "site$first" 192.168.1.0/24)" 192.168.1.0/24
			assert_equal "$(here eng1 "site$first" fd00:1::/64)" fd00:1::/64
			assert_equal "$(here eng1 "site$second" 192.168.1.0/24)" "$there"
			say_to "$first" tcp 192.168.1.10
			say_to "$second" tcp "$(host "$there")"
		done
	done
}

@test "kill -9 of the manager: a session that ended meanwhile leaves its addresses" {
	local there

	assert_equal "$(here eng1 site2 192.168.1.0/24)" 192.168.1.0/24
	there=$(here eng1 site1 192.168.1.0/24)
	lab kill eng1
	lab stop site2
	lab start eng1
	wait_for 10 is_online eng1
	wait_for 20 is_up eng1 site1
	assert_equal "$(here eng1 site1 192.168.1.0/24)" "$there"
	has_sessions eng1 1
	connect eng1 site3
	assert_equal "$(here eng1 site3 192.168.1.0/24)" 192.168.1.0/24
	lab start site2
	wait_for 20 is_online site2
}

@test "kill -9 of a device: the manager's LAN is called there as before" {
	local four six

	connect eng1 site4
	wait_for 5 is_up site4 eng1
	four=$(here site4 eng1 192.168.101.0/24) six=$(here site4 eng1 fd64:0:0:101::/64)
	[[ $four != 192.168.101.0/24 ]] || fail "it collides there"
	lab kill site4
	# It is what it was that counts, not what would be chosen.
	sed -i "s|\"$four\"|\"198.18.9.0/24\"|" "$(lab_dir site4)/state/assigned.json"
	lab start site4
	wait_for 20 is_up site4 eng1
	assert_equal "$(here site4 eng1 192.168.101.0/24)" 198.18.9.0/24
	assert_equal "$(here site4 eng1 fd64:0:0:101::/64)" "$six"
	wait_for 20 is_up eng1 site4
	lab in plc4 "$python" "$BATS_TEST_DIRNAME/talk.py" put 198.18.9.10 70 100000
	disconnect_all
	connect_all
}

@test "the host takes the addresses itself: the next connect finds others" {
	local two

	two=$(here eng1 site2 192.168.1.0/24)
	lab in eng1 ip link add late type veth peer name later
	lab in eng1 ip link set late up
	lab in eng1 ip address add "${two%.0/24}.1/24" dev late
	lab in eng1 ip address add 192.168.1.77/24 dev late
	tool eng1 disconnect site2
	connect eng1 site2
	[[ $(here eng1 site2 192.168.1.0/24) != "$two" ]] || fail "$two is in use here"
	say_to 2 put "$(plc 2 4)" 100000
	tool eng1 disconnect site1
	connect eng1 site1
	[[ $(here eng1 site1 192.168.1.0/24) != 192.168.1.0/24 ]] || fail "192.168.1.0/24 is in use here"
	say_to 1 put "$(plc 1 4)" 100000
	lab in eng1 ip link del late
}

@test "without pools what collides is refused in words, and the rest goes on" {
	disconnect_all
	lab stop eng1
	echo 'virtual =' >>"$(lab_dir eng1)/conf"
	lab start eng1
	wait_for 10 is_online eng1
	connect eng1 site1
	refused "already used by another session" tool eng1 connect site2
	assert_contains "$output" 192.168.1.0/24
	refused "also the network here" tool eng1 connect site4
	say_to 1 tcp 192.168.1.10
	has_sessions eng1 1
	wait_for 5 has_sessions site2 0
}
