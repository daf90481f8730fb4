# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# `bench figures`: the short set of one tunnel.

# shown WHAT VALUE
shown() {
	printf '%-58s %s\n' "$1" "$2"
}

median() {
	sort -g | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# measured ROW METRIC - the median of what was recorded.
measured() {
	awk -F '\t' -v s="$system" -v r="$1" -v m="$2" '$2 == s && $3 == r && $4 == m { print $5 }' "$results" | median
}

# repeat ROW COMMAND...
repeat() {
	row=$1
	for ((round = 1; round <= runs; round++)); do
		"${@:2}"
	done
}

# idle_bytes NODE - bytes a minute on its uplink, both directions, IP headers counted.
idle_bytes() {
	local pid

	ip netns exec "$LAB-$1" tcpdump -i wan -w "$work/idle.pcap" -U ip or ip6 >/dev/null 2>&1 &
	pid=$!
	sleep "$idle_seconds"
	kill "$pid"
	wait "$pid" || :
	tcpdump -r "$work/idle.pcap" -nn -e 2>/dev/null |
		awk -v s="$idle_seconds" '{ for (i = 1; i < NF; i++) if ($i == "length") { n += $(i + 1) - 14; break } }
			END { printf "%d\n", n * 60 / s }'
}

figures_connect() {
	record ms "$(first_ping farlan_connect || echo NA)"
	farlan_down
	sleep 0.5
}

figures_tunnel() {
	local node

	system=farlan
	repeat start figures_connect
	shown "vpnctl connect to the first ping answer, ms" "$(measured start ms)"
	farlan_connect
	repeat idle row_idle
	shown "tunnel: ping pc1 -> plc1, mean ms" "$(measured idle mean)"
	repeat tcp1 row_tcp1
	shown "tunnel: iperf3, one stream, Mbit/s" "$(measured tcp1 mbit)"
	for node in "${tunnel_nodes[@]}"; do
		shown "tunnel: CPU seconds per GB at $node" "$(measured tcp1 "cpu_$node")"
	done
	repeat reverse row_reverse
	shown "tunnel: iperf3, one stream, reverse, Mbit/s" "$(measured reverse mbit)"
	for node in as1 "${tunnel_nodes[@]}"; do
		shown "RSS of the daemon on $node" "$(rss_mb "$node") MB"
	done
	farlan_down
}

figures_sizes() {
	local p

	for p in accessd relayd vpnd accessctl relayctl vpnctl; do
		strip -o "$work/$p" "$BUILD/bin/$p"
		shown "size of $p, stripped" "$(($(stat -c %s "$work/$p") / 1024)) KB"
	done
}

figures_plain() {
	system=plain
	bring_up || die "the plain path does not work"
	repeat idle row_idle
	shown "plain path: ping pc1 -> plc1, mean ms" "$(measured idle mean)"
	repeat tcp1 tcp
	shown "plain path: iperf3, one stream, Mbit/s" "$(measured tcp1 mbit)"
}

figures() {
	need_quiet
	machine_facts | sed 's/\t/: /'
	lab_start
	start_servers
	inner_congestion
	figures_tunnel
	figures_sizes
	((idle_seconds == 0)) || shown "idle device: bytes a minute on its uplink" "$(idle_bytes site1)"
	clear_node plc1
	figures_plain
}
