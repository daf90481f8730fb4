#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# What a device's rules let pass, and what becomes of the rest; traces and captures.
# bats file_tags=tunnel

load lib
load vpn

# shellcheck disable=SC2154 # addresses: vpn.bash
far4=$plc1 far6=$plc1_six near4=$pc1 near6=$pc1_six

setup_file() {
	lab_up --managers 2 || return 0
	start_talk pc1
	start_talk plc1
	start_talk plc1 8
	connect eng1 site1
	wait_for 5 is_up site1 eng1
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

# rule set|add|remove|clear ARGUMENT...
rule() {
	tool as1 device rule "$1" site1 "${@:2}" >/dev/null
}

# firewall NODE PEER EXPRESSION - of what its status says; f is the firewall, None without one.
firewall() {
	field "$1" "(lambda f: $3)([s.get('firewall') for s in d['sessions'] if s['peer'] == '$2'][0])"
}

has_rules() {
	[[ $(firewall site1 eng1 'len(f["rules"]) if f else "none"' 2>/dev/null) == "$1" ]]
}

# prohibited NODE HOST WORDS - a ping is answered so.
prohibited() {
	local output

	output=$(lab in "$1" timeout 20 ping -n -c 3 -i 0.3 -W 5 "$2" 2>&1) && return 1
	[[ $output == *"$3"* ]]
}

# echoed NODE HOST [PORT] - one line there and back.
# shellcheck disable=SC2154 # python: vpn.bash
echoed() {
	lab in "$1" "$python" "$BATS_TEST_DIRNAME/talk.py" tcp "$2" "${3:-7}" 2>/dev/null
}

@test "without rules all between the networks passes" {
	has_rules none
	echoed pc1 "$far4"
	echoed pc1 "$far6" 8
	pings pc1 "$far4"
	echoed plc1 "$near4"
}

@test "what a rule allows passes, all else is refused at once" {
	rule add allow in "$far4" tcp/7
	wait_for 5 has_rules 1
	echoed pc1 "$far4"
	echoed eng1 "$far4"
	wait_for 5 is_refused pc1 "$far4" 8
	wait_for 5 is_refused pc1 "$far6" 7
	wait_for 5 prohibited pc1 "$far4" "Packet filtered"
	wait_for 5 prohibited pc1 "$far6" "Administratively prohibited"
	refused "" talk pc1 udp "$far4" 100
	wait_for 5 is_refused plc1 "$near4" 7
	wait_for 5 prohibited plc1 "$near4" "Packet filtered"
}

@test "both ends show the rules, the device what they did" {
	assert_equal "$(firewall site1 eng1 'f["here"]')" true
	assert_between "$(firewall site1 eng1 'f["rules"][0]["hits"]')" 2 100000 hits
	assert_between "$(firewall site1 eng1 'f["refused"]')" 5 100000 refused
	assert_between "$(firewall site1 eng1 'f["by_default"]')" 5 100000 "by default"
	assert_equal "$(firewall eng1 site1 'f["here"]')" false
	assert_equal "$(firewall eng1 site1 'f["rules"][0]["rule"]')" "allow in $far4/32 tcp/7"
	run tool site1 status
	assert_contains "$output" "allow in $far4/32 tcp/7"
	assert_contains "$output" "all else is denied"
}

# hold NODE HOST PORT - a conversation of a minute; $holding is its process.
hold() {
	lab in "$1" "$python" "$BATS_TEST_DIRNAME/talk.py" hold "$2" "$3" 60 >/dev/null \
		2>"$BATS_TEST_TMPDIR/hold" 3>&- 4>&- &
	holding=$!
	wait_for 5 grep -q holding "$BATS_TEST_TMPDIR/hold"
}

ended() {
	! kill -0 "$1" 2>/dev/null
}

# all_closed NODE PORT - no connection to it is there.
all_closed() {
	[[ -z $(lab in "$1" ss -Htn state established "sport = :$2") ]]
}

@test "a change cuts what runs, and lets other things pass" {
	local rc=0

	hold pc1 "$far4" 7
	rule add --at 1 deny in "$far4" tcp/7
	rule add allow in "$far4" tcp/8
	wait_for 2 ended "$holding"
	wait "$holding" || rc=$?
	((rc != 0)) || fail "it was not cut"
	wait_for 2 all_closed plc1 7
	wait_for 2 echoed pc1 "$far4" 8
	wait_for 2 is_refused pc1 "$far4" 7
	rule remove 1
	wait_for 2 echoed pc1 "$far4"
}

@test "what begins at the machine has its own rules" {
	rule clear
	rule add allow out "$far4" tcp/7
	wait_for 5 has_rules 1
	echoed plc1 "$near4"
	wait_for 5 is_refused pc1 "$far4" 7
	wait_for 5 is_refused plc1 "$near6" 7
	rule remove 1
	wait_for 5 has_rules 0
	wait_for 5 is_refused plc1 "$near4" 7
}

@test "a new session and a new vpnd have the rules from the beginning" {
	rule clear
	rule add allow in "$far4" tcp/7
	lab kill site1
	lab start site1
	wait_for 20 is_up site1 eng1
	wait_for 5 echoed pc1 "$far4"
	wait_for 5 is_refused pc1 "$far4" 8
	assert_equal "$(firewall site1 eng1 'len(f["rules"])')" 1
}

@test "a list is set at once, of words or of a file" {
	local file=$BATS_TEST_TMPDIR/rules

	rule set "allow in $far4 tcp/8-8" 'allow in icmp'
	wait_for 5 has_rules 2
	wait_for 5 echoed pc1 "$far4" 8
	wait_for 5 pings pc1 "$far4"
	wait_for 5 is_refused pc1 "$far4" 7
	printf '# its PLC\n\n  allow  in\t%s tcp/7-8  # S7\n' "$far4" >"$file"
	rule set --file "$file"
	wait_for 5 has_rules 1
	assert_equal "$(tool as1 device rule list site1 --json | json 'd["rules"]')" "allow in $far4/32 tcp/7-8"
	wait_for 5 echoed pc1 "$far4"
	printf 'allow in\nallow IN\n' >"$file"
	refused "$file:2: not a rule" tool as1 device rule set site1 --file "$file"
	refused "each is one word, in quotes" tool as1 device rule set site1 allow in
	refused "no rules" tool as1 device rule set site1
	refused "no rules" tool as1 device rule set site1 --file /dev/null
	refused "not both" tool as1 device rule set site1 --file "$file" deny
	refused "No such file" tool as1 device rule set site1 --file "$file.absent"
	refused "no meaning" tool as1 device rule add site1 --file "$file" deny
	has_rules 1
	printf 'allow in %s tcp/7\n' "$far4" | rule set --file -
	wait_for 5 has_rules 1
	wait_for 5 is_refused pc1 "$far4" 8
}

@test "a rule for addresses that are not there is taken, and marked" {
	run tool as1 device rule add site1 deny in 10.9.9.0/24
	((status == 0)) || fail "$output"
	assert_contains "$output" "rule 2 fits nothing"
	assert_contains "$(tool as1 device rule list site1)" "deny in 10.9.9.0/24  (not in its LANs)"
	assert_equal "$(tool as1 device rule list site1 --json | json 'd["outside"]')" 2
	rule remove 2
	assert_equal "$(tool as1 device rule list site1 | grep -c 'not in its')" 0
}

@test "words that are no rule are refused" {
	refused "not a rule" tool as1 device rule add site1 allow everything
	refused "not a rule" tool as1 device rule add site1 allow tcp/7 in
	refused "no such" tool as1 device rule add nobody allow
	refused "" tool as1 device rule remove site1 99
	assert_equal "$(tool as1 device rule list site1 --json | json 'd["rules"]')" "allow in $far4/32 tcp/7"
}

# ipv4_of NODE INTERFACE
ipv4_of() {
	lab in "$1" ip -4 -o addr show "$2" | awk '{sub("/.*", "", $4); print $4}'
}

# agrees NODE TARGET COMMAND... - vpnctl trace says of TARGET what the command finds out.
agrees() {
	local traced=0 real=0 text

	text=$(tool "$1" trace "$2") || traced=$?
	"${@:3}" || real=1
	assert_equal "$traced" "$real" "trace $2 at $1:"$'\n'"$text"$'\n'"exit code"
}

# shellcheck disable=SC2154 # as1: vpn.bash
@test "a trace says what happens, and why, and changes nothing" {
	local hits

	agrees eng1 "$far4:7" echoed pc1 "$far4"
	agrees eng1 "$far4:8" echoed pc1 "$far4" 8
	agrees eng1 "[$far6]:7" echoed pc1 "$far6"
	agrees eng1 "$far4" pings pc1 "$far4"
	agrees eng1 "$far4:7/udp" talk pc1 udp "$far4" 100
	hits=$(firewall site1 eng1 '[f["rules"][0]["hits"], f["by_default"], f["opened"]]')
	run tool eng1 trace "$far4:7"
	assert_contains "$output" "by farlan0, the tunnel"
	assert_contains "$output" "with site1"
	assert_contains "$output" "by relay rs1"
	assert_contains "$output" "the device: rule 1: allow in $far4/32 tcp/7"
	refused "the device: no rule fits" tool eng1 trace "$far4:8"
	refused "not into the tunnel" tool eng1 trace "$as1:443"
	refused "is an address of this host" tool eng1 trace 192.168.101.1
	run tool site1 trace --from "$near4" "$far4:7"
	((status == 0)) || fail "$output"
	assert_contains "$output" "rule 1: allow in $far4/32 tcp/7"
	refused "no rule fits" tool site1 trace --from "$near4" "$far4:7/udp"
	refused "no rule fits" tool site1 trace --from "$far4" "$near4:7"
	refused "src_not_ours" tool site1 trace --from "$(ipv4_of site1 wan)" "$near4:7"
	refused "wan/forwarding is off" tool site1 trace --from 10.9.9.9 "$near4:7"
	refused "where to?" tool site1 trace plc1
	assert_equal "$status" 2
	assert_equal "$(firewall site1 eng1 '[f["rules"][0]["hits"], f["by_default"], f["opened"]]')" "$hits"
	assert_equal "$(tool eng1 trace --json "$far4:7" | json 'd["passes"]')" true
}

# capture NODE ARGUMENT... - begin one; $capturing is its process, its words are in $words.
capture() {
	words=$BATS_TEST_TMPDIR/words
	FARLAN_SOCKET=$(lab_dir "$1")/socket "$BUILD/bin/vpnctl" capture "${@:2}" 2>"$words" 3>&- 4>&- &
	capturing=$!
	wait_for 5 grep -q capturing "$words"
}

# holds FILE FILTER - tcpdump finds such a packet in it.
holds() {
	[[ -n $(lab in site1 tcpdump -nr "$1" "$2" 2>/dev/null) ]]
}

@test "a capture is a file that tcpdump reads" {
	local file=$BATS_TEST_TMPDIR/capture.pcapng

	capture site1 -w "$file" "host $far4 and tcp"
	echoed pc1 "$far4"
	wait_for 5 is_refused pc1 "$far4" 8
	assert_fails pings pc1 "$far4"
	wait_for 5 holds "$file" "port 8 and tcp[tcpflags] & tcp-rst != 0"
	kill -INT "$capturing"
	wait "$capturing"
	run lab in site1 tcpdump -nr "$file" -c 1000
	assert_contains "$output" "IP $near4."
	assert_contains "$output" "> $far4.7: Flags [S]"
	assert_contains "$output" "IP $far4.7 > $near4."
	assert_contains "$output" "> $far4.8: Flags [S]"
	[[ $output != *ICMP* ]] || fail "the filter let ICMP pass"
	assert_contains "$(<"$words")" " 0 more were lost"
}

@test "a capture of two sessions, or of nothing, is a file that tcpdump reads" {
	local file=$BATS_TEST_TMPDIR/capture.pcapng

	connect eng2 site1
	wait_for 10 is_up site1 eng2
	capture site1 -w "$file" icmp and host "$far4"
	lab in eng1 ping -n -c 1 -W 5 "$far4" >/dev/null || true
	lab in eng2 ping -n -c 1 -W 5 "$far4" >/dev/null || true
	wait_for 5 holds "$file" "src $(ipv4_of eng1 farlan0)"
	wait_for 5 holds "$file" "src $(ipv4_of eng2 farlan0)"
	kill -INT "$capturing"
	wait "$capturing"
	run lab in site1 tcpdump -nr "$file" icmp
	((status == 0)) || fail "$output"
	assert_contains "$(grep -ao "session with eng." "$file")" "session with eng1"
	assert_contains "$(grep -ao "session with eng." "$file")" "session with eng2"
	tool site1 capture --seconds 1 -w "$file" host 203.0.113.99 2>/dev/null
	run lab in site1 tcpdump -nr "$file"
	((status == 0)) || fail "$output"
	tool eng2 disconnect site1
}

@test "a capture is a line for each packet, a number of them, from either end" {
	local text=$BATS_TEST_TMPDIR/text

	capture eng1 --text --count 3 src host "$near4" and dst port 7 >"$text"
	wait_for 5 echoed pc1 "$far4"
	wait_for 5 ended "$capturing"
	wait "$capturing"
	assert_equal "$(wc -l <"$text")" 3
	assert_contains "$(head -1 "$text")" "site1 out $near4:"
	assert_contains "$(head -1 "$text")" "> $far4:7 tcp SYN"
	tool eng1 capture --seconds 1 -w - tcp 2>/dev/null | head -c 4 | od -An -tx1 >"$text"
	assert_contains "$(<"$text")" "0a 0d 0d 0a"
	refused "a bracket is not closed" tool eng1 capture -w /dev/null "(tcp"
	assert_equal "$status" 2
}

# follow NODE tcp|udp HOST - what is pushed there, into a file; it grows.
follow() {
	lab in "$1" "$python" "$BATS_TEST_DIRNAME/talk.py" follow "$2" "$3" 7 \
		>"$BATS_TEST_TMPDIR/$1-$2" 2>&1 3>&- 4>&- &
	following+=($!)
	wait_for 10 has_lines "$BATS_TEST_TMPDIR/$1-$2" 3
}

has_lines() {
	[[ -e $1 ]] && (($(wc -l <"$1") >= $2))
}

# goes_on FILE... - more comes.
goes_on() {
	local file n

	for file; do
		n=$(wc -l <"$BATS_TEST_TMPDIR/$file")
		wait_for 15 has_lines "$BATS_TEST_TMPDIR/$file" $((n + 20))
	done
}

@test "what runs goes on when rules come that allow it" {
	local following=()

	rule clear
	wait_for 5 has_rules none
	follow plc1 udp "$near4"
	follow plc1 tcp "$near4"
	rule add allow out "$far4"
	wait_for 5 has_rules 1
	goes_on plc1-udp plc1-tcp
	rule clear
	wait_for 5 has_rules none
	follow pc1 udp "$far4"
	follow pc1 tcp "$far4"
	rule add allow in "$far4"
	wait_for 5 has_rules 1
	goes_on pc1-udp pc1-tcp
	kill "${following[@]}" || true
}

# comes_in TARGET - what the device says of something from the manager's LAN.
comes_in() {
	tool site1 trace --from "$near4" "$1"
}

setting() {
	lab in site1 sysctl -qw "$1"
}

@test "a trace stops where this host would" {
	local lent

	rule clear
	wait_for 5 has_rules none
	comes_in "$far4:7"
	tool site1 trace --from "$near6" "[$far6]:7"
	tool eng1 trace --from "$near6" "[$far6]:7"
	setting net.ipv4.conf.farlan0.forwarding=0
	refused "net/ipv4/conf/farlan0/forwarding is off" comes_in "$far4:7"
	setting net.ipv4.conf.farlan0.forwarding=1
	setting net.ipv4.conf.lan.forwarding=0
	refused "net/ipv4/conf/lan/forwarding is off" comes_in "$far4:7"
	setting net.ipv4.conf.lan.forwarding=1
	comes_in "$far4:7"
	lent=$(field site1 '[x["address"] for x in d["lent"] if ":" not in x.get("address", ":")]')
	refused "borrowed address: nobody is there" comes_in "$lent"
	tool eng1 trace --from "$near4" "$far4:7"
	lab in eng1 ip route add unreachable default table 99
	lab in eng1 ip rule add from "$near4" table 99
	refused "knows no way to $far4 for what comes from $near4 by lan" \
		tool eng1 trace --from "$near4" "$far4:7"
	lab in eng1 ip rule del from "$near4" table 99
	tool eng1 trace --from "$near4" "$far4:7"
	lab in site1 ip link set lan down
	refused "where its LAN is not" comes_in "$far4:7"
	lab in site1 ip link set lan up
	wait_for 10 comes_in "$far4:7"
}
