# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# Nothing goes to a host that is not configured: what leaves a node by its uplink is recorded and looked at.
#
#   setup_file()    { lab_up || return 0; watch_uplink site1; }
#   teardown_file() { uplink_silent site1 || rc=1; ... }
#
# A file whose node talks to more hosts (a proxy, a name server) names their addresses.

# watch_uplink NODE - record what leaves it from now on, until the lab goes down. Once for a file and node.
watch_uplink() {
	local file=$BATS_FILE_TMPDIR/uplink-$1 servers

	servers=$(cat "$(lab_dir)"/{as,rs}[0-9]*/addresses | tr -s ' \n' '\n' | sed 's/^/dst host /' | paste -sd '|')
	# Everything that it sends, but what links themselves need, and large packets to servers: those are many.
	lab in "$1" tcpdump --immediate-mode -U -Q out -s 96 -ni wan -w "$file.pcap" \
		"not arp and not dst host ff02::16 and not (icmp6 and ip6[40] >= 133 and ip6[40] <= 137) and
		not (greater 400 and (${servers//|/ or }))" >/dev/null 2>"$file.log" &
	disown $!
	wait_for 10 grep -q listening "$file.log"
}

# uplink_silent NODE [ADDRESS...] - it has sent packets, and all of them to servers and relays of the lab and the
# ADDRESSes (a NETWORK/LENGTH, too).
uplink_silent() {
	local pcap=$BATS_FILE_TMPDIR/uplink-$1.pcap filter='' address strange

	[[ -e $pcap ]] || return 0 # the lab did not come up
	for address in $(cat "$(lab_dir)"/{as,rs}[0-9]*/addresses) "${@:2}"; do
		filter+="${filter:+ or }dst net $address"
	done
	# What is being written may end in the middle of a packet.
	[[ -n $(tcpdump -nr "$pcap" -c 1 "$filter" 2>/dev/null || :) ]] || fail "nothing of $1's uplink was recorded"
	strange=$(tcpdump -nr "$pcap" "not ($filter)" 2>/dev/null || :)
	[[ -z $strange ]] || fail "$1 sent to hosts that are not configured:"$'\n'"$(head -n 20 <<<"$strange")"
}
