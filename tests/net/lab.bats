#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# The lab itself: its network, its link emulator, its firewall, its handling of daemons. The daemons
# and tools here are stand-ins, so that a fault in the real ones is not looked for in the lab.
# without sanitizers: stand-ins run here
# alone: it measures links
# bats file_tags=lab
# shellcheck disable=SC2030,SC2031 # every test has a shell of its own, and changes LAB for itself only

load lib

setup_file() {
	export REAL_BUILD=$BUILD BUILD=$BATS_FILE_TMPDIR/build
	mkdir -p "$BUILD/tests/net"
	[[ -x $REAL_BUILD/tests/net/wire ]] || fail "there is no $REAL_BUILD/tests/net/wire: make tests"
	ln -s "$REAL_BUILD/tests/net/wire" "$BUILD/tests/net/wire"
	lab_up --bare --devices 2 --managers 2 || return 0
	start_sink as1 443
}

teardown_file() {
	lab_down
	LAB=$LAB-b lab down
	LAB=$LAB-c lab down
}

as1=203.0.113.6
as1_six=2001:db8:a:1::2

# --- words ---

@test "help, and words for what is wrong" {
	run lab --help
	assert_equal "$status" 0
	assert_contains "$output" "lab link NODE"
	run lab frobnicate
	assert_equal "$status" 2
	run lab in eng7 true
	assert_equal "$status" 1
	assert_contains "$output" "no node 'eng7'"
	run lab link eng1 --delay 40
	assert_equal "$status" 2
	run lab link eng1 --queue 40ms
	assert_equal "$status" 2
	run lab link pc1 --delay 40ms
	assert_contains "$output" "has no uplink"
	run lab allow eng1 tcp/https
	assert_equal "$status" 2
}

@test "where it cannot run it says so and ends with 77" {
	setpriv --reuid 65534 --clear-groups test -r "$REPO/scripts/lab" ||
		skip "another user cannot read this checkout"
	run setpriv --reuid 65534 --clear-groups "$REPO/scripts/lab" up --bare
	assert_equal "$status" 77
	assert_contains "$output" "cannot run here"
}

# --- the network ---

@test "endpoints reach the servers, by name, over IPv4 and IPv6" {
	for node in eng1 eng2 site1 site2 rs1; do
		pings "$node" as1.lab
		pings "$node" "$as1"
		pings "$node" "$as1_six"
	done
	pings site1 rs1.lab
	reaches eng1 as1.lab 443
}

@test "hosts reach their endpoint over IPv4 and IPv6, and nothing behind it" {
	pings pc2 192.168.102.1
	pings pc2 fd64:0:0:102::1
	pings plc2 192.168.202.1
	pings plc2 fd64:0:0:202::1
	assert_silent pc1 "$as1" "$as1_six" 192.168.201.10
}

@test "nothing gets in to endpoints" {
	for from in as1 site1 inet; do
		assert_silent "$from" 10.1.1.2 192.0.2.1 2001:db8:e:1::2
	done
}

@test "a server sees the NAT's address for IPv4 and the endpoint's own for IPv6" {
	mbit site2 push "$as1" 443 1 &
	mbit site2 push "$as1_six" 443 1 &
	sleep 0.5
	run lab in as1 ss -Htn state established
	assert_contains "$output" "192.0.2.102"
	assert_contains "$output" "2001:db8:d:2::2"
	[[ $output != *10.2.2.2* ]]
	wait
}

@test "TCP uses cubic at both ends" {
	mbit eng1 pull "$as1" 443 1 &
	mbit eng1 pull "$as1_six" 443 1 &
	sleep 0.5
	for node in as1 eng1; do
		run lab in "$node" ss -Htni state established
		assert_contains "$output" " cubic "
		[[ $output != *" bbr "* ]]
	done
	wait
}

@test "with --same-lan every machine has the same LAN" {
	LAB=$LAB-c lab_up --bare --same-lan --devices 2 --managers 0 --relays 0 --access 0
	for n in 1 2; do
		run env LAB="$LAB-c" "$REPO/scripts/lab" in "plc$n" ip -br -4 addr show eth0
		assert_contains "$output" 192.168.1.10/24
		LAB=$LAB-c pings "plc$n" 192.168.1.1
	done
	LAB=$LAB-c lab down
}

@test "with --plcs further hosts are on the LAN, and have no gateway" {
	LAB=$LAB-c lab_up --bare --plcs 3 --devices 2 --managers 0 --relays 0 --access 0
	run env LAB="$LAB-c" "$REPO/scripts/lab" status
	assert_contains "$output" "192.168.202.12 fd64:0:0:202::12"
	for host in plc2-2 plc2-3; do
		LAB=$LAB-c pings plc2 "192.168.202.1$((${host#*-} - 1))"
		LAB=$LAB-c pings "$host" 192.168.202.1
		LAB=$LAB-c pings "$host" fd64:0:0:202::10
		run env LAB="$LAB-c" "$REPO/scripts/lab" in "$host" sh -c 'ip route; ip -6 route'
		[[ $output != *default* ]] || fail "$host has a gateway:"$'\n'"$output"
	done
	LAB=$LAB-c pings plc2 192.168.202.1
	run env LAB="$LAB-c" "$REPO/scripts/lab" in plc2-4 true
	assert_contains "$output" "no node 'plc2-4'"
	run lab up --plcs 0
	assert_equal "$status" 2
	LAB=$LAB-c lab down
	assert_gone "$LAB-c"
}

# --- links ---

@test "delay: a round trip takes twice as long" {
	lab link eng1 --delay 40ms
	assert_between "$(ping_field eng1 "$as1" min_ms 10 50)" 80 84 "round trip"
	assert_between "$(ping_field eng1 "$as1_six" min_ms 10 50)" 80 84 "round trip over IPv6"
	assert_between "$(ping_field eng2 "$as1" min_ms)" 0 2 "round trip of another node"
	lab link eng1
	assert_between "$(ping_field eng1 "$as1" min_ms)" 0 2 "round trip when plain again"
}

@test "delay-to: the round trip between two nodes, and no other" {
	lab link eng1 --delay 5ms --delay-to as1 40ms --delay-to site1 10ms
	assert_between "$(ping_field eng1 "$as1" min_ms 10 50)" 90 94 "round trip"
	assert_between "$(ping_field eng1 "$as1_six" min_ms 10 50)" 90 94 "round trip over IPv6"
	assert_between "$(ping_field eng1 10.1.1.1 min_ms 10 50)" 10 14 "round trip to the router"
	lab link as1 --delay-to eng1 20ms # seen by what NAT makes of its address
	assert_between "$(ping_field eng1 "$as1" min_ms 10 50)" 130 134 "round trip"
	assert_between "$(ping_field eng1 "$as1_six" min_ms 10 50)" 130 134 "round trip over IPv6"
	assert_between "$(ping_field eng2 "$as1" min_ms)" 0 2 "round trip of another node"
	lab link as1
	lab link eng1
	run lab link eng1 --delay-to nobody1 5ms
	assert_contains "$output" "no node 'nobody1'"
	run lab link eng1 --delay-to as1
	assert_equal "$status" 2
}

@test "rate: TCP gets it in both directions, within 15 %" {
	lab link eng1 --rate 20mbit
	assert_between "$(mbit eng1 push "$as1" 443 3 1)" 17 20.5 "up"
	assert_between "$(mbit eng1 pull "$as1" 443 3 1)" 17 20.5 "down"
	lab link eng1
}

@test "40 ms at 100 Mbit/s carry more than 90 Mbit/s" {
	lab link site1 --delay 40ms --rate 100mbit
	assert_between "$(mbit site1 push "$as1" 443 5 2)" 90 100
	lab link site1
}

@test "loss: that part of the packets, in each direction" {
	lab link eng1 --loss 10%
	# 81 % come back; 2000 packets give a standard deviation of 18.
	assert_between "$(ping_field eng1 "$as1" received 2000 1)" 1530 1710 "answers"
	lab link eng1
}

@test "queue: no packet waits longer, and the rest is dropped" {
	lab link eng1 --rate 4mbit --queue 60ms
	mbit eng1 push "$as1" 443 4 &
	sleep 1.5
	assert_between "$(ping_field eng1 "$as1" max_ms 20 100)" 30 90 "longest round trip"
	wait
	lab link eng1
}

@test "new settings of a shaped link lose no packet under way" {
	lab link eng1 --delay 50ms
	lab in eng1 wire ping "$as1" 1000 1 >"$BATS_TEST_TMPDIR/pings" &
	for delay in 60 20 70 30 50; do
		sleep 0.15
		lab link eng1 --delay "${delay}ms" --rate 100mbit
	done
	wait
	assert_contains "$(<"$BATS_TEST_TMPDIR/pings")" "sent=1000 received=1000"
	lab link eng1
}

@test "a cut link swallows everything, comes back as it was, and the carrier never flaps" {
	changes=$(carrier_changes site2)
	lab link site2 --delay 10ms
	lab link site2 --down
	assert_fails pings site2 "$as1"
	lab link site2 --up
	assert_between "$(ping_field site2 "$as1" min_ms)" 20 24 "round trip after --up"
	lab link site2
	lab link site2 --down
	assert_fails pings site2 "$as1"
	assert_contains "$(lab status)" "cut (else plain)"
	lab link site2 --up
	pings site2 "$as1"
	assert_equal "$(carrier_changes site2)" "$changes" "carrier changes"
}

@test "a connection outlives a cut and every change of its link" {
	mbit site2 push "$as1" 443 3 >"$BATS_TEST_TMPDIR/mbit" &
	sleep 0.3
	for setting in --down --up '--rate 50mbit' '--delay 5ms' ''; do
		# shellcheck disable=SC2086 # words
		lab link site2 $setting
		sleep 0.3
	done
	wait
	assert_between "$(<"$BATS_TEST_TMPDIR/mbit")" 50 1000000
}

@test "a link that was shaped runs at full speed again" {
	lab link site2 --rate 10mbit
	lab link site2
	assert_between "$(mbit site2 push "$as1" 443 2)" 2000 1000000 "Mbit/s"
}

# --- the firewall ---

@test "allow: only these ports, over IPv4 and IPv6" {
	start_sink as1 80
	lab allow eng1 tcp/80,udp/53
	reaches eng1 "$as1" 80
	reaches eng1 "$as1_six" 80
	assert_fails reaches eng1 "$as1" 443
	assert_fails reaches eng1 "$as1_six" 443
	assert_fails pings eng1 "$as1"
	reaches eng2 "$as1" 443
	lab allow eng1 tcp/440-450,icmp
	reaches eng1 "$as1" 443
	pings eng1 "$as1"
	assert_fails reaches eng1 "$as1" 80
	lab allow eng1 all
	reaches eng1 "$as1" 80
}

@test "allow --reset refuses where else packets vanish" {
	lab allow eng1 none
	assert_fails is_refused eng1 "$as1" 443
	lab allow eng1 none --reset
	is_refused eng1 "$as1" 443
	is_refused eng1 "$as1_six" 443
	lab allow eng1 all
}

@test "allow holds for connections that exist already" {
	mbit eng1 push "$as1" 443 2 1 >"$BATS_TEST_TMPDIR/mbit" 2>&1 &
	sleep 0.5
	lab allow eng1 tcp/80 --reset
	sleep 0.2
	assert_equal "$(lab in eng1 ss -Htn state established dport = :443)" "" "connections"
	lab allow eng1 all
	wait
}

@test "a server behind allow still answers" {
	lab allow as1 none
	reaches eng1 "$as1" 443
	assert_fails pings as1 198.51.100.6
	lab allow as1 all
}

# --- daemons: stand-ins ---

# make_programs FOLDER - daemons that only open their socket, tools that only know the enrolment.
make_programs() {
	mkdir -p "$1/bin" "$1/tests/net"
	ln -sf "$REAL_BUILD/tests/net/wire" "$1/tests/net/wire"
	cat >"$1/bin/vpnd" <<-'END'
		#!/usr/bin/env python3
		import os, signal, socket, sys
		conf = dict(line.strip().split(" = ", 1) for line in open(sys.argv[2]) if " = " in line)
		if os.path.exists(conf["socket"]):
		    os.unlink(conf["socket"])
		s = socket.socket(socket.AF_UNIX)
		s.bind(conf["socket"])
		s.listen()
		print("started", conf, file=sys.stderr, flush=True)
		if os.path.exists(sys.argv[0] + ".stubborn"):
		    signal.signal(signal.SIGTERM, signal.SIG_IGN)
		while True:
		    signal.pause()
	END
	cat >"$1/bin/vpnctl" <<-'END'
		#!/bin/sh
		set -e
		dir=${FARLAN_SOCKET%/socket} node=${FARLAN_SOCKET%/socket} node=${node##*/}
		test -S "$FARLAN_SOCKET"
		echo "${0##*/} $*" >>"$dir/calls"
		case "$*" in
		"init --domain "*) : >"$dir/state/domain" ;;
		"permission allow everyone connect /") test -e "$dir/state/domain" ;;
		"relay add "* | "device add "* | "user add "*)
			test -e "$dir/state/domain"
			test "$1" != user || cat >"$dir/state/password-of-$3"
			echo "adding $3" >&2
			echo "invitation-for-$3"
			;;
		enroll | login)
			read -r invitation
			test "$invitation" = "invitation-for-$node" || { echo "not my invitation" >&2; exit 5; }
			test "$1" = enroll || cmp - "$dir/password"
			test ! -e "$0.broken" || { echo "this one is broken" >&2; exit 6; }
			: >"$dir/state/enrolled"
			;;
		"status --json")
			test -e "$dir/state/enrolled" && echo '{"state": "online"}' || echo '{"state": "new"}'
			;;
		*) exit 2 ;;
		esac
	END
	chmod +x "$1/bin/"*
	for copy in relayd accessd; do cp "$1/bin/vpnd" "$1/bin/$copy"; done
	for copy in relayctl accessctl; do cp "$1/bin/vpnctl" "$1/bin/$copy"; done
}

@test "up enrols everybody and waits until they are online" {
	export LAB=$LAB-b BUILD=$BATS_TEST_TMPDIR/programs
	make_programs "$BUILD"
	lab_up --managers 2 --devices 3 --relays 2 --access 2
	run cat "$(lab_dir as1)/calls"
	assert_contains "$output" "accessctl init --domain lab --url https://as1.lab"
	assert_contains "$output" "accessctl relay add rs2 --url https://rs2.lab"
	assert_contains "$output" \
		"accessctl device add site3 --lan 192.168.203.0/24 --lan fd64:0:0:203::/64"
	assert_contains "$(<"$(lab_dir as2)/calls")" "accessctl init --domain lab2 --url https://as2.lab"
	assert_contains "$(<"$(lab_dir eng2)/conf")" "lan = 192.168.102.0/24, fd64:0:0:102::/64"
	assert_contains "$(<"$(lab_dir site1)/conf")" "role = device"
	# Later commands use the programs that `up` used, whatever BUILD is now.
	BUILD=/nowhere
	assert_contains "$(lab in site2 vpnctl status --json)" online
	assert_contains "$(lab in rs2 relayctl status --json)" online
	lab down
}

@test "start, stop, kill, pid and log act on the node's daemon" {
	export LAB=$LAB-b BUILD=$BATS_TEST_TMPDIR/programs
	make_programs "$BUILD"
	lab_up --bare
	pid=$(lab pid site1)
	assert_contains "$(tr '\0' ' ' <"/proc/$pid/cmdline")" "$BUILD/bin/vpnd -c $(lab_dir site1)/conf"
	lab kill site1
	assert_equal "$(tr -d '\0' <"/proc/$pid/cmdline" 2>/dev/null)" "" "command line of the killed"
	assert_fails lab pid site1
	assert_contains "$(lab status)" "vpnd stopped"
	lab start site1
	assert_contains "$(lab status)" "vpnd $(lab pid site1)"
	lab stop site1
	assert_fails lab pid site1
	assert_equal "$(lab log site1 | grep -c started)" 2 "starts in the log"
	# A daemon whose pid another process has now is not running, and is not killed.
	sleep 60 3>&- &
	echo "$! 1" >"$(lab_dir site1)/pid"
	assert_fails lab pid site1
	lab stop site1
	kill $!
	: >"$BUILD/bin/vpnd.stubborn"
	lab start site1
	run lab stop site1
	assert_equal "$status" 1
	assert_contains "$output" "killing it"
	lab down
}

@test "a failed step of up names the command, shows output and log, and removes the lab" {
	export LAB=$LAB-b BUILD=$BATS_TEST_TMPDIR/programs
	make_programs "$BUILD"
	: >"$BUILD/bin/vpnctl.broken"
	run lab up --managers 0
	assert_equal "$status" 1
	assert_contains "$output" "lab in site1 vpnctl enroll"
	assert_contains "$output" "this one is broken"
	assert_contains "$output" "started {"
	assert_gone "$LAB"
}

@test "up without daemons that are built says which are missing" {
	export LAB=$LAB-b
	run lab up
	assert_equal "$status" 1
	assert_contains "$output" "not built"
	assert_gone "$LAB"
}

# --- coming and going ---

# assert_gone LAB - nothing of it is left.
assert_gone() {
	assert_equal "$(ip netns list | grep -c "^$1-\(inet\|wire\|[a-z]*[0-9]\+\)\>")" 0 "namespaces"
	assert_equal "$(ls -d "/run/farlan-lab/$1" "/etc/netns/$1-inet" 2>/dev/null)" "" "files"
	assert_equal "$(pgrep -af "/run/farlan-lab/$1/")" "" "processes"
}

@test "two labs side by side do not touch each other" {
	LAB=$LAB-b lab_up --bare
	lab link eng1 --delay 30ms
	assert_between "$(LAB=$LAB-b ping_field eng1 "$as1" min_ms)" 0 2 "round trip of the other lab"
	LAB=$LAB-b lab link eng1 --rate 1mbit
	LAB=$LAB-b lab down
	assert_gone "$LAB-b"
	assert_between "$(ping_field eng1 "$as1" min_ms)" 60 64 "round trip"
	lab link eng1
}

@test "down removes everything, also processes that were left in nodes" {
	LAB=$LAB-b lab_up --bare
	LAB=$LAB-b start_sink rs1 443
	LAB=$LAB-b lab link rs1 --rate 10mbit
	LAB=$LAB-b lab down
	assert_gone "$LAB-b"
	LAB=$LAB-b lab down
}

@test "down copes with a lab of which half is missing" {
	LAB=$LAB-b lab_up --bare
	LAB=$LAB-b lab link eng1 --delay 1ms
	ip netns del "$LAB-b-inet"
	rm -r "/run/farlan-lab/$LAB-b/eng1" "/etc/netns/$LAB-b-as1"
	LAB=$LAB-b lab down
	assert_gone "$LAB-b"
}

@test "up killed at any moment is cleaned up by the next up" {
	export LAB=$LAB-b BUILD=$BATS_TEST_TMPDIR/programs
	make_programs "$BUILD"
	for after in 0.05 0.15 0.3 0.5; do
		"$REPO/scripts/lab" up --devices 4 >/dev/null 2>&1 3>&- &
		sleep "$after"
		kill -KILL $! || : # it may be done already
		wait $! || :
	done
	lab_up --devices 1
	pings site1 as1.lab
	assert_equal "$(ip netns list | grep -c "^$LAB-site")" 1 "devices"
	lab down
	assert_gone "$LAB"
}

@test "up that is interrupted cleans up" {
	export LAB=$LAB-b
	for signal in INT TERM; do
		# A shell's background job would ignore SIGINT.
		setsid env --default-signal=INT "$REPO/scripts/lab" up --bare --devices 20 >/dev/null 2>&1 3>&- &
		sleep 0.4
		kill -"$signal" $!
		assert_fails wait $!
		assert_gone "$LAB"
	done
}

@test "20 devices and 7 relays are there within 8 s" {
	export LAB=$LAB-b
	took=$(milliseconds lab_up --bare --devices 20 --relays 7)
	echo "# 20 devices and 7 relays, bare: $took ms" >&3
	assert_between "$took" 0 8000 "milliseconds"
	pings site20 rs7.lab
	lab down
}

@test "a world has the delays of its regions" {
	export LAB=$LAB-b
	lab up --bare --relays 3 --world
	assert_between "$(ping_field site1 rs3.lab min_ms 4 50)" 115 119 "round trip, south-america to us-east"
	lab place site1 us-west
	assert_between "$(ping_field site1 rs3.lab min_ms 4 50)" 65 69 "round trip, us-west to us-east"
	lab place rs3 asia
	assert_between "$(ping_field site1 rs3.lab min_ms 4 50)" 170 174 "round trip, us-west to asia"
	run lab place site1 mars
	assert_contains "$output" "regions are"
	lab down
}
