# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# The yardsticks. Traffic is between pc1 and plc1; the nodes of the tunnel are eng1, rs1 and site1.

readonly plc_real=192.168.201.10 # plc1
plc=$plc_real                    # and as pc1 calls it
readonly tunnel_nodes=(eng1 rs1 site1)

# record METRIC VALUE - one line of the results; round, system and row are what is measured now.
record() {
	printf '%s\t%s\t%s\t%s\t%s\n' "$round" "$system" "$row" "$1" "$2" >>"$results"
	[[ -z $verbose ]] || printf '%-14s %-10s %-22s %s\n' "$system" "$row" "$1" "$2" >&2
}

# figure FILE NAME - a value from a file of names and values; NA if it is not there.
figure() {
	awk -v name="$2" '$1 == name { v = $2 } END { print v == "" ? "NA" : v }' "$1"
}

# --- servers of the far end ---

listens() {
	[[ -n $(netns plc1 ss -Hltn 'sport = :5201') ]]
}

start_servers() {
	start_in plc1 iperf3 iperf3 -s
	start_in plc1 udpload "$BUILD/tests/net/udpload" sink 5202
	wait_for 5 listens || die "iperf3 does not listen on plc1"
}

# inner_congestion - what pc1 and plc1 use. Where the lab's routes carry it they decide, not the socket.
inner_congestion() {
	local node network

	for node in pc1 plc1; do
		network=192.168.101
		[[ $node == pc1 ]] || network=192.168.201
		netns "$node" ip route replace default via "$network.1" congctl "$inner_cc"
	done
}

# outer_congestion - what the tunnel's TCP connections on eng1 use.
outer_congestion() {
	netns eng1 ss -tinH state established 2>/dev/null |
		grep -owE 'cubic|bbr|reno' | sort -u | paste -sd+ - | grep . || echo -
}

# --- processor time ---

# ticks NODE - that the processes of its namespace have used.
ticks() {
	local pid total=0 stat fields

	for pid in $(pids "$1"); do
		{ read -r stat <"/proc/$pid/stat"; } 2>/dev/null || continue
		read -ra fields <<<"${stat##*) }"
		total=$((total + fields[11] + fields[12]))
	done
	printf '%d' "$total"
}

# note_cpu FILE - ticks of the nodes and of the machine.
note_cpu() {
	local node

	for node in "${tunnel_nodes[@]}"; do
		printf '%s %s\n' "$node" "$(ticks "$node")"
	done >"$1"
	printf 'machine %s\n' "$(machine_ticks)" >>"$1"
}

# record_cpu BEFORE AFTER BYTES - seconds per GB (10^9 bytes of goodput).
record_cpu() {
	local name value

	for name in "${tunnel_nodes[@]}" machine; do
		[[ $system != plain || $name == machine ]] || continue
		value=$(awk -v a="$(figure "$1" "$name")" -v b="$(figure "$2" "$name")" -v n="$3" -v hz="$clock_ticks" \
			'BEGIN { if (n > 0) printf "%.3f", (b - a) / hz / (n / 1e9); else print "NA" }')
		record "cpu_$name" "$value"
	done
}

# --- TCP ---

# iperf SECONDS OPTION... - leaves $work/iperf: mbit, bytes and congestion; fails if it did.
iperf() {
	timeout --foreground $(($1 + 20)) ip netns exec "$LAB-pc1" \
		iperf3 -J -c "$plc" -t "$1" -C "$inner_cc" "${@:2}" >"$work/iperf.json" 2>/dev/null || :
	python3 -c '
import json, sys
end = json.load(sys.stdin)["end"]
got = end["sum_received"]
print("mbit", round(got["bits_per_second"] / 1e6, 2))
print("bytes", got["bytes"])
print("congestion", end.get("sender_tcp_congestion", "-"))
' <"$work/iperf.json" >"$work/iperf" 2>/dev/null || {
		printf 'mbit NA\nbytes 0\n' >"$work/iperf"
		say "$system, $row: iperf3 failed: $(grep -m 1 -o '"error":.*' "$work/iperf.json" || echo "no answer in time")"
		return 1
	}
}

# tcp OPTION... - goodput and processor time of one run.
tcp() {
	note_cpu "$work/cpu.before"
	iperf "$seconds" "$@" || :
	note_cpu "$work/cpu.after"
	record mbit "$(figure "$work/iperf" mbit)"
	record_cpu "$work/cpu.before" "$work/cpu.after" "$(figure "$work/iperf" bytes)"
	record inner_cc "$(figure "$work/iperf" congestion)"
}

# --- ping ---

# ping_summary FILE PREFIX - record mean, p99 (nearest rank) and loss of what ping wrote.
ping_summary() {
	awk -v prefix="$2" '
		match($0, /time=[0-9.]+/) { print substr($0, RSTART + 5, RLENGTH - 5) }
	' "$1" | sort -g | awk '
		{ v[NR] = $1; sum += $1 }
		END {
			if (!NR) { print "mean NA\np99 NA"; exit }
			rank = int(NR * 0.99); if (rank < NR * 0.99) rank++
			printf "mean %.3f\np99 %.3f\n", sum / NR, v[rank]
		}' >"$work/ping.figures"
	record "${2}mean" "$(figure "$work/ping.figures" mean)"
	record "${2}p99" "$(figure "$work/ping.figures" p99)"
	record "${2}loss" "$(grep -oE '[0-9.]+% packet loss' "$1" | cut -d % -f 1 || echo NA)"
}

# ping_run PREFIX COUNT INTERVAL
ping_run() {
	netns pc1 ping -n -i "$3" -c "$2" -W 3 "$plc" >"$work/ping" 2>&1 || :
	ping_summary "$work/ping" "$1"
}

# loaded PREFIX RAMP INTERVAL OPTION... - goodput, and round trips while iperf3 fills the line: the
# first RAMP seconds count for neither.
loaded() {
	local prefix=$1 ramp=$2 interval=$3 job count

	count=$(awk -v s="$seconds" -v i="$interval" 'BEGIN { print int(s / i) }')
	iperf "$((ramp + seconds))" -O "$ramp" "${@:4}" &
	job=$!
	sleep "$ramp"
	ping_run "$prefix" "$count" "$interval"
	wait "$job" || :
	record "${prefix}mbit" "$(figure "$work/iperf" mbit)"
}

# --- UDP ---

# udp_try RATE - leaves $work/udp: sent, received, pps (that arrived) and loss (percent).
udp_try() {
	timeout --foreground 20 ip netns exec "$LAB-pc1" "$BUILD/tests/net/udpload" send "$plc" 5202 "$1" "$udp_seconds" 64 \
		>"$work/udp" 2>/dev/null || printf 'sent 0\nreceived 0\npps 0\nloss 100\n' >"$work/udp"
}

# udp_search - the highest rate of 64-byte packets with less than 1 % loss: up by halves while it is
# good, then six steps of bisection.
udp_search() {
	local low=0 high=0 rate=20000 best=0 i

	for ((i = 0; i < 12; i++)); do
		udp_try "$rate"
		if awk '$1 == "loss" { exit !($2 < 1) }' "$work/udp"; then
			low=$rate
			best=$(awk -v best="$best" '$1 == "pps" { print ($2 > best ? $2 : best) }' "$work/udp")
			# What the sender cannot send is no rate to try.
			if awk -v rate="$rate" -v s="$udp_seconds" '$1 == "sent" { exit !($2 < 0.9 * rate * s) }' "$work/udp"; then
				record udp_limit sender
				break
			fi
		else
			high=$rate
		fi
		if ((high == 0)); then
			rate=$((rate * 3 / 2))
		else
			((high - low > high / 25)) || break
			rate=$(((low + high) / 2))
		fi
	done
	record pps "$best"
}

# --- memory, start ---

# rss_mb NODE - of all its processes together.
rss_mb() {
	local pid

	for pid in $(pids "$1"); do
		awk '/^VmRSS/ { print $2 }' "/proc/$pid/status" 2>/dev/null || :
	done | awk '{ sum += $1 } END { printf "%.1f", sum / 1024 }'
}

record_rss() {
	local node

	for node in "${tunnel_nodes[@]}"; do
		record "rss_$node" "$(rss_mb "$node")"
	done
}

# first_ping - milliseconds until a ping is answered, tried every 20 ms; NA after 20 s.
first_ping() {
	local begin end

	begin=$(date +%s%N)
	"$@"
	end=$(
		netns pc1 ping -n -i 0.02 -w 20 "$plc" 2>/dev/null | {
			grep -qm 1 'bytes from' && date +%s%N
		}
	) || :
	[[ -n $end ]] || return 1
	printf '%d' $(((end - begin) / 1000000))
}

answers() {
	netns pc1 ping -n -q -c 1 -W 1 "$plc" >/dev/null 2>&1
}
