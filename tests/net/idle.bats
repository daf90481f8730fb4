#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# What takes long: what idle endpoints and idle sessions cost, that those live, that what is cut off is
# noticed, that a search gives up. All in the same minute and a half, which begins in setup_file:
#
#   eng1 - site1   a session that nobody uses, asked at the end       (site1: eng2 is refused meanwhile)
#   eng3 - site3   measured: a session that nobody uses, outer layer shed
#   eng4 - site4   measured: the same with both layers
#   eng5 - site5   the same; site5 is cut off, without a sign
#   eng6, site2    measured: online, without a session
#   site6, site7   measured: revoked, and not enrolled
# without sanitizers: it waits for long
# bats file_tags=idle

# shellcheck disable=SC2154 # addresses and python are of vpn.bash
load lib
load vpn
load silence

readonly measured_s=94 # two keep-alives, which come every 45 s; the first 2 s do not count
readonly measured='site2 eng6 site3 eng3 site4 eng4' silent='site6 site7'

# measure NODE - all that passes its uplink, both ways, but what links themselves need.
measure() {
	lab in "$1" timeout --foreground "$measured_s" tcpdump --immediate-mode -U -s 100 -ni wan \
		-w "$BATS_FILE_TMPDIR/pcap-$1" \
		'not arp and not (icmp6 and ip6[40] >= 130 and ip6[40] <= 137) and not dst host ff02::16' \
		>/dev/null 2>"$BATS_FILE_TMPDIR/tcpdump-$1" &
	disown $!
}

setup_file() {
	local node

	lab_up --managers 6 --devices 7 || return 0
	start_talk plc1
	for node in eng4 site4; do
		echo 'shed = no' >>"$(lab_dir "$node")/conf"
		lab stop "$node"
		lab start "$node"
	done
	for node in eng4 site4; do
		wait_for 20 is_online "$node"
	done
	for node in 1 3 4 5; do
		connect "eng$node" "site$node"
	done
	for node in 3 4 5; do
		wait_for 5 is_up "site$node" "eng$node"
	done
	tool as1 device revoke site6 >/dev/null
	wait_for 5 is_offline site6
	lab stop site7
	rm -r "$(lab_dir site7)/state"
	lab start site7
	watch_uplink site1
	watch_uplink eng2
	sleep 6 # their beginnings are over: a list of relays that has changed is told within 5 s
	for node in $measured $silent; do
		measure "$node"
	done
	for node in $measured $silent; do
		wait_for 10 grep -q listening "$BATS_FILE_TMPDIR/tcpdump-$node"
	done
	date +%s >"$BATS_FILE_TMPDIR/since"
	lab link site5 --down
}

setup() {
	lab_here
}

teardown_file() {
	local rc=0

	uplink_silent site1 || rc=1
	uplink_silent eng2 || rc=1
	logs_clean || rc=1
	lab_down
	return "$rc"
}

# wait_until_s SECONDS - after the beginning of the measurement.
wait_until_s() {
	local left=$(($(<"$BATS_FILE_TMPDIR/since") + $1 - $(date +%s)))

	((left <= 0)) || sleep "$left"
}

# count_pcap FILE TIME - packets and bytes of the 90 s that begin 2 s after that Unix time, with Ethernet and
# IP headers; and whether all were IPv6.
count_pcap() {
	"$python" -ESc '
import struct, sys

data, at, packets, total, six = open(sys.argv[1], "rb").read(), 24, 0, 0, True
begin = int(sys.argv[2]) + 2
while at + 16 <= len(data):
    seconds, _, kept, length = struct.unpack_from("<IIII", data, at)
    if begin <= seconds < begin + 90:
        packets, total = packets + 1, total + length
        six = six and data[at + 16 + 12 : at + 16 + 14] == b"\x86\xdd"
    at += 16 + kept
print(packets, total, six)
' "$1" "$2"
}

@test "a connect whose way to the relays is blocked gives up in words, and leaves nothing" {
	lab in inet nft -f - <<-'END'
		table inet shut {
			chain forward {
				type filter hook forward priority -20; policy accept;
				iifname "eng2" ip daddr 198.51.100.0/24 drop
				iifname "eng2" ip6 daddr 2001:db8:b::/48 drop
			}
		}
	END
	took=$(milliseconds refused "did not come to any relay in time" tool eng2 connect site1)
	assert_between "$took" 5000 40000 "milliseconds"
	lab in inet nft delete table inet shut
	has_sessions eng2 0
	assert_equal "$(routes_of eng2)" ""
	wait_for 5 has_sessions site1 1
	connect eng2 site1
	tool eng2 disconnect >/dev/null
}

is_searching() {
	[[ $(session_field "$1" "$2" state) == searching ]]
}

@test "what is cut off without a sign is noticed within 90 s: device, Access Server, both ends of the session" {
	wait_until_s 80
	[[ $(tool as1 device list --json | json '[x["online"] for x in d if x["name"] == "site5"]') == false ]] ||
		fail "accessctl shows site5 as online"
	is_offline site5 || fail "site5 thinks that it is online"
	is_searching site5 eng5 || fail "site5 has not noticed that its path is dead"
	is_searching eng5 site5 || fail "eng5 has not noticed that its path is dead"
	is_online eng5
	lab link site5 --up
}

@test "idle endpoints and idle sessions cost at most 1,024 bytes a minute, all headers, both directions" {
	local node packets bytes six minute

	wait_until_s $((measured_s + 2))
	for node in $measured; do
		read -r packets bytes six < <(count_pcap "$BATS_FILE_TMPDIR/pcap-$node" "$(<"$BATS_FILE_TMPDIR/since")")
		minute=$((bytes * 60 / 90)) # two periods of 45 s
		echo "# $node: $packets packets, $bytes bytes in 90 s; $minute bytes a minute" >&3
		assert_between "$packets" 3 30 "packets of $node" # or nothing was measured
		assert_between "$minute" 200 1024 "bytes a minute of $node"
		assert_equal "$six" True "IPv6 only, whose headers are longer: $node"
		is_online "$node"
	done
	assert_equal "$(session_field site3 eng3 layers)" inner
	assert_equal "$(session_field site4 eng4 layers)" "outer and inner"
}

@test "who is revoked, or not enrolled, sends nothing at all" {
	wait_until_s $((measured_s + 2))
	for node in $silent; do
		read -r packets _ < <(count_pcap "$BATS_FILE_TMPDIR/pcap-$node" "$(<"$BATS_FILE_TMPDIR/since")")
		assert_equal "$packets" 0 "packets of $node"
	done
	assert_contains "$(tool site6 status)" "does not accept this identity any more"
	assert_contains "$(tool site7 status)" "not enrolled"
}

@test "an idle session is there after a minute and a half, as it was" {
	wait_until_s $((measured_s + 2))
	assert_equal "$(log_lines eng1 'state=up')" 1 "times that it came up"
	assert_equal "$(session_field eng1 site1 state)" up
	talk pc1 tcp "$plc1"
	assert_equal "$(log_lines eng1 'state=up')" 1 "times that it came up"
	assert_equal "$(log_lines eng1 'Access Server lost')" 0 "times that the Access Server was lost"
	for node in 3 4; do
		assert_equal "$(log_lines "eng$node" 'state=up')" 1 "times that the session of eng$node came up"
	done
}

@test "all daemons end in good order" {
	all_stop
}
