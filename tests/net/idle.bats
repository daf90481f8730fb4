#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# What takes long: what an idle device costs, that an idle session lives, that a search gives up.
# The measurement runs from setup_file on, beside the other tests.
# without sanitizers: it waits for long
# bats file_tags=idle

# shellcheck disable=SC2154 # addresses and python are of vpn.bash
load lib
load vpn

readonly measured_s=92 # two keep-alives, which come every 45 s

setup_file() {
	lab_up --managers 2 --devices 2 || return 0
	start_talk plc1
	connect eng1 site1
	# site2 has been online for a moment: its beginning is over.
	lab in site2 timeout --foreground "$measured_s" tcpdump -U -s 100 -ni wan -w "$BATS_FILE_TMPDIR/pcap" \
		"host $as1 or host 2001:db8:a:1::2" >/dev/null 2>"$BATS_FILE_TMPDIR/tcpdump" &
	date +%s >"$BATS_FILE_TMPDIR/since"
	disown $!
	wait_for 10 grep -q listening "$BATS_FILE_TMPDIR/tcpdump"
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

# measured - wait until the measurement is over.
measured() {
	local left=$(($(<"$BATS_FILE_TMPDIR/since") + measured_s + 2 - $(date +%s)))

	((left <= 0)) || sleep "$left"
}

# count_pcap FILE - packets and bytes with their IP headers.
count_pcap() {
	"$python" -ESc '
import struct, sys

data, at, packets, total = open(sys.argv[1], "rb").read(), 24, 0, 0
while at + 16 <= len(data):
    kept, length = struct.unpack_from("<II", data, at + 8)
    packets, total, at = packets + 1, total + length - 14, at + 16 + kept
print(packets, total)
' "$1"
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

@test "an idle device costs at most 1,024 bytes a minute" {
	measured
	read -r packets bytes < <(count_pcap "$BATS_FILE_TMPDIR/pcap")
	minute=$((bytes * 60 / 90)) # two periods of 45 s
	echo "# idle: $packets packets, $bytes bytes in $measured_s s; $minute bytes a minute" >&3
	assert_between "$packets" 2 1000 "packets" # or nothing was measured
	assert_between "$minute" 1 1024 "bytes a minute"
	is_online site2
}

@test "an idle session is there after a minute and a half, as it was" {
	measured
	assert_equal "$(log_lines eng1 'state=up')" 1 "times that it came up"
	assert_equal "$(session_field eng1 site1 state)" up
	talk pc1 tcp "$plc1"
	assert_equal "$(log_lines eng1 'state=up')" 1 "times that it came up"
	assert_equal "$(log_lines eng1 'Access Server lost')" 0 "times that the Access Server was lost"
}

@test "all daemons end in good order" {
	all_stop
}
