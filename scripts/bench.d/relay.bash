# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# `bench relay`: one relay, loaded by tests/net/relayload.c from the router beside it, and what handshakes
# cost servers (tests/net/shakes.c). The relay has an identity of its own making and no Access Server: it
# checks tokens offline.

# relay_start WORKERS - sets relay_pid. 0: the program's own number, or one without the option.
relay_start() {
	local folder=$work/relay

	rm -rf "$folder"
	mkdir -m 700 "$folder"
	"$BUILD/tests/net/relayload" identity "$folder"
	{
		printf '[relayd]\nstate = %s\nsocket = %s/socket\nmax-sessions = %s\n' "$folder" "$folder" "$sessions"
		(($1 == 0)) || printf 'workers = %s\n' "$1"
	} >"$folder/conf"
	start_in rs1 relayd "$BUILD/bin/relayd" -c "$folder/conf"
	wait_for 5 relay_listens || die "relayd does not listen: $(tail -n 3 "$work/rs1.relayd.log")"
	relay_pid=$(pids rs1)
}

relay_listens() {
	[[ -n $(netns rs1 ss -Hltn 'sport = :443') ]]
}

relay_has_workers() {
	"$BUILD/bin/relayd" -n -c /dev/null 2>/dev/null | grep -q '^workers'
}

# relay_fit - no more sessions than the processes here may have open files for.
relay_fit() {
	local most=$((($(ulimit -Hn) - 200) / 2))

	((sessions > most)) || return 0
	say "only $(ulimit -Hn) open files are allowed to a process here: $most sessions instead of $sessions"
	sessions=$most
}

# relay_run WORKERS sealed|shed - load a fresh relay once; lines "name value".
relay_run() {
	relay_start "$1"
	timeout --foreground $((sessions / 20 + seconds + 120)) ip netns exec "$LAB-inet" "$BUILD/tests/net/relayload" run \
		"$work/relay" "$hub" "$relay_pid" "$sessions" "$busy" "$stalled" "$seconds" "$2" ||
		die "the load generator failed: $(tail -n 3 "$work/rs1.relayd.log")"
	clear_node rs1
}

# relay_medians FILE... - of each name; then the report's lines.
relay_medians() {
	cat "$@" | sort -k1,1 -k2,2g | awk '
		function done() { if (n) print name, (n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2); n = 0 }
		$1 != name { done(); name = $1 }
		{ v[++n] = $2 }
		END { done() }'
}

relay_report() {
	awk -v sessions="$sessions" -v busy="$busy" -v stalled="$stalled" '
		{ v[$1] = $2 }
		function each(what) { return 2 * (v[what "_kb"]) / v["legs"] }
		END {
			user = each("rss_idle") - each("rss_start")
			kernel = each("kernel_idle") / 2
			printf "  %d legs, %d shed, %d failed: %s a second with the generator; a leg (TLS, upgrade, token) takes relayd %s us\n",
				v["legs"], v["shed"], v["failed"], v["legs_per_s"], v["relay_cpu_us_per_leg"]
			printf "  idle: RSS %.1f MB; a session %.1f KB and %.1f KB in the kernel, %.1f KB in all\n",
				v["rss_idle_kb"] / 1024, user, kernel, user + kernel
			printf "  %d busy: %s Mbit/s, relayd %s s/GB, %s %% of a core, RSS %.1f MB\n", busy, v["mbit"],
				v["relay_cpu_s_per_gb"], v["relay_cpu_percent"], v["rss_busy_kb"] / 1024
			printf "  a busy session: least %s, median %s, most %s Mbit/s; farthest from the median %s %%, %d of %d within 20 %%; Jain %s\n",
				v["least_mbit"], v["median_mbit"], v["most_mbit"], v["farthest_percent"],
				v["within_20_percent"], busy, v["jain"]
			printf "  idle again: RSS %.1f MB; at most %.1f MB\n", v["rss_after_kb"] / 1024, v["rss_peak_kb"] / 1024
			if (stalled > 0)
				printf "  one session alone %s Mbit/s; beside %d stalled ones %+.1f %%\n", v["alone_mbit"], stalled,
					v["beside_stalled_percent"]
			printf "  legs lost until the end: %d; standing still although nobody stalls them: %d\n", v["lost_in_all"], v["stuck"]
		}'
}

# relay_load WORKERS sealed|shed
relay_load() {
	local i

	for ((i = 1; i <= runs; i++)); do
		relay_run "$@" >"$work/relay.$i"
	done
	relay_medians "$work"/relay.[0-9]* | relay_report
	rm "$work"/relay.[0-9]*
}

# shake_rows - medians of what `shakes` printed, with the rate of one core.
shake_rows() {
	sort -t "$tab" -k1,1 -k2,2g | awk -F '\t' '
		function done() { if (n) printf "  %-46s %7.1f us  %7.0f a second\n", name, v[int((n + 1) / 2)], 1e6 / v[int((n + 1) / 2)]; n = 0 }
		$1 != name { done(); name = $1 }
		{ v[++n] = $2 }
		END { done() }'
}

# shakes - handshakes in memory, and at accessd: both layers of a control connection.
relay_shakes() {
	local i pid tab=$'\t'

	echo "handshakes: processor time of the server for each, and what one core does of them"
	for ((i = 1; i <= runs; i++)); do
		"$BUILD/tests/net/shakes" engine 1
	done | shake_rows
	lab up --managers 0 --relays 0 >/dev/null || exit
	lab stop site1
	pid=$(lab pid as1)
	for ((i = 1; i <= runs; i++)); do
		netns inet "$BUILD/tests/net/shakes" control "/run/farlan-lab/$LAB/site1/state" 203.0.113.6 "$pid" 3000
	done | shake_rows
}

relay() {
	local relay_pid mode w

	[[ -x $BUILD/tests/net/relayload && -x $BUILD/tests/net/shakes ]] ||
		die "there is no $BUILD/tests/net/relayload or shakes: make bench"
	need_quiet
	relay_fit
	((busy <= sessions)) || busy=$sessions
	((stalled < sessions)) || stalled=$((sessions - 1))
	relay_has_workers || workers=(0)
	machine_facts | sed 's/\t/: /'
	lab_is_up=1
	lab up --bare --access 0 --managers 0 --devices 0 --relays 1 >/dev/null || exit
	lab stop rs1
	for w in "${workers[@]}"; do
		for mode in shed sealed; do
			echo "$sessions sessions, $mode$( ((w == 0)) || echo ", $w workers"), medians of $runs"
			relay_load "$w" "$mode"
		done
	done
	relay_shakes
}
