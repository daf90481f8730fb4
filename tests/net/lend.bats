#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Hosts on a machine's LAN that know no gateway: the device borrows an address there.
# bats file_tags=lend

# shellcheck disable=SC2154 # addresses and python are of vpn.bash
load lib
load vpn
load silence

# plc1-2 has no gateway; plc1 has one.
readonly deaf=192.168.201.11 deaf_six=fd64:0:0:201::11

setup_file() {
	lab_up --managers 2 --plcs 2 || return 0
	watch_uplink site1
	for node in plc1 plc1-2 pc1; do
		start_talk "$node"
	done
	host_of site1 >"$BATS_FILE_TMPDIR/site1"
	connect eng1 site1
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

# lent [4|6] - the address that site1 has borrowed; empty without one.
lent() {
	local sign=.

	[[ ${1:-4} == 4 ]] || sign=:
	field site1 "[x['address'] for x in d['lent'] if 'address' in x and '$sign' in x['address']]"
}

has_lent() {
	[[ -n $(lent) ]]
}

# has_other_than ADDRESS
has_other_than() {
	[[ -n $(lent) && $(lent) != "$1" ]]
}

proxies() {
	lab in site1 ip neigh show proxy
}

no_proxies() {
	[[ -z $(proxies) ]]
}

# seen_by NODE COMMAND... - the source of the first echo request that NODE sees while it runs.
seen_by() {
	local file=$BATS_TEST_TMPDIR/seen pid

	lab in "$1" timeout 30 tcpdump -c 1 -nli eth0 'icmp[icmptype] == icmp-echo' >"$file" 2>"$file.err" 3>&- &
	pid=$!
	wait_for 5 grep -q listening "$file.err"
	"${@:2}"
	wait "$pid"
	sed -n 's/.*IP \([0-9.]*\) > .*/\1/p' "$file"
}

# refused_udp NODE HOST - a datagram to a port where nobody is: the host's ICMP error comes to the sender.
refused_udp() {
	lab in "$1" "$python" -ESc '
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(1)
s.connect((sys.argv[1], 99))
for _ in range(10):
    try:
        s.send(b"hello")
        s.recv(10)
    except ConnectionRefusedError:
        sys.exit(0)
    except TimeoutError:
        pass
sys.exit("nothing was refused")
' "$2"
}

@test "a host without a gateway answers pings, TCP and UDP, from the LAN and from the manager itself" {
	for host in "$deaf" "$deaf_six"; do
		for node in pc1 eng1; do
			wait_for 5 pings "$node" "$host"
			talk "$node" tcp "$host"
			talk "$node" udp "$host" 100
			talk "$node" udp "$host" 8000 # in fragments
		done
		talk pc1 put "$host" 5000000
		talk pc1 get "$host" 5000000
	done
}

@test "it sees the borrowed address, and so does a host with a gateway" {
	assert_equal "$(seen_by plc1-2 pings pc1 "$deaf")" "$(lent)" "source"
	assert_equal "$(seen_by plc1 pings pc1 "$plc1")" "$(lent)" "source"
	assert_contains "$(lent)" 192.168.201.
	assert_contains "$(lent 6)" fd64::201:
}

@test "status shows it, at the device only" {
	run tool site1 status
	assert_contains "$output" "$(lent) on lan"
	assert_equal "$(field site1 'd["lan_mode"]')" lend
	assert_between "$(field site1 'd["lent_flows"]')" 1 100000 "flows"
	assert_equal "$(field eng1 'd.get("lan_mode")')" ""
}

@test "the device itself is reached by its address on the LAN" {
	pings pc1 192.168.201.1
	pings pc1 fd64:0:0:201::1
	for address in $(field site1 'd["addresses"]'); do
		pings eng1 "$address"
	done
}

@test "ICMP errors find their way: closed ports, packets that are too big" {
	for host in "$deaf" "$deaf_six"; do
		refused_udp pc1 "$host"
		is_refused pc1 "$host" 99
	done
	lab in pc1 timeout 20 ping -n -M "do" -c 2 -i 0.2 -W 5 -s 1472 "$deaf"
}

@test "what the machine's hosts begin is routed and not translated" {
	talk plc1 tcp "$pc1"
	talk plc1 udp "$pc1" 100
	talk plc1 udp "$pc1" 8000
	talk plc1 tcp "$pc1_six"
	assert_equal "$(seen_by pc1 pings plc1 "$pc1")" "$plc1" "source"
	assert_silent plc1-2 "$pc1"
}

@test "two managers share the address, at once" {
	connect eng2 site1
	assert_equal "$(field site1 'len([x for x in d["lent"] if "." in x["subnet"]])')" 1 "addresses"
	jobs=()
	for node in pc1 pc2 eng1 eng2; do
		talk "$node" put "$deaf" 1000000 3>&- &
		jobs+=($!)
		talk "$node" get "$deaf_six" 1000000 3>&- &
		jobs+=($!)
	done
	for job in "${jobs[@]}"; do
		wait "$job"
	done
	before=$(lent)
	tool eng2 disconnect
	wait_for 5 has_sessions site1 1
	assert_equal "$(lent)" "$before" "address"
	talk pc1 tcp "$deaf"
	assert_silent pc2 "$deaf"
}

@test "somebody who takes the address gets it, and the device takes another one" {
	was=$(lent)
	lab in plc1-2 ip addr add "$was/24" dev eth0
	# It asks for hosts that are not there, once a second, and says each time who asks.
	lab in plc1-2 timeout 60 ping -n -i 0.5 -I "$was" 192.168.201.200 >/dev/null 2>&1 3>&- &
	wait_for 20 has_other_than "$was"
	kill $! || :
	assert_contains "$(field site1 '[e["text"] for e in d["errors"]]')" "$was on lan was taken by"
	lab in plc1-2 ip addr del "$was/24" dev eth0
	wait_for 5 talk pc1 tcp "$deaf"
	assert_equal "$(seen_by plc1-2 pings pc1 "$deaf")" "$(lent)" "source"
}

@test "it is given back with the last session" {
	tool eng1 disconnect
	wait_for 5 has_sessions site1 0
	no_proxies || fail "$(proxies)"
	same_host site1 "$BATS_FILE_TMPDIR/site1"
	[[ $(lab in site1 cat /proc/sys/net/ipv4/neigh/lan/proxy_delay) != 0 ]] || fail "proxy_delay"
}

@test "kill -9: the next start removes what was left; a session that is still granted goes on" {
	connect eng1 site1
	wait_for 5 has_lent
	was=$(lent)
	lab kill site1
	assert_contains "$(proxies)" "$was"
	lab start site1
	wait_for 20 is_up site1 eng1
	wait_for 10 pings pc1 "$deaf"
	assert_equal "$(lent)" "$was" "address"
	lab kill site1
	tool eng1 disconnect
	lab start site1
	log_holds site1 "removed proxy entries that an earlier run left"
	wait_for 20 is_online site1
	has_sessions site1 0
	no_proxies || fail "$(proxies)"
	assert_equal "$(routes_of site1)" "" "routes"
	assert_equal "$(lab in site1 cat /proc/sys/net/ipv4/conf/lan/forwarding)" 0 "forwarding"
	[[ $(lab in site1 cat /proc/sys/net/ipv4/neigh/lan/proxy_delay) != 0 ]] || fail "proxy_delay"
}

@test "lan-mode = route: sources stay what they are, and nothing is borrowed" {
	lab stop site1
	printf 'lan-mode = route\n' >>"$(lab_dir site1)/conf"
	lab start site1
	wait_for 20 is_online site1
	connect eng1 site1
	wait_for 5 is_up site1 eng1
	assert_equal "$(seen_by plc1 pings pc1 "$plc1")" "$pc1" "source"
	talk plc1 tcp "$pc1"
	assert_silent pc1 "$deaf" "$deaf_six"
	no_proxies || fail "$(proxies)"
	assert_equal "$(field site1 'd["lan_mode"]')" route
	assert_equal "$(field site1 'len(d["lent"])')" 0
}

@test "a pool is kept to" {
	lab stop site1
	sed -i 's/^lan-mode = route/lend = 192.168.201.77-192.168.201.78/' "$(lab_dir site1)/conf"
	lab start site1
	wait_for 20 is_online site1
	connect eng1 site1
	wait_for 10 pings pc1 "$deaf"
	assert_equal "$(lent)" 192.168.201.77
	all_stop
	no_proxies || fail "$(proxies)"
}
