# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# `bench relay`: one relay, loaded by tests/net/relayload.c from the router beside it. The relay has an
# identity of its own making and no Access Server: it checks tokens offline.

# relay_start - sets relay_pid.
relay_start() {
	local folder=$work/relay

	mkdir -m 700 "$folder"
	"$BUILD/tests/net/relayload" identity "$folder"
	printf '[relayd]\nstate = %s\nsocket = %s/socket\nmax-sessions = %s\n' \
		"$folder" "$folder" "$sessions" >"$folder/conf"
	(
		ulimit -n $((2 * sessions + 200))
		start_in rs1 relayd "$BUILD/bin/relayd" -c "$folder/conf"
	)
	wait_for 5 relay_listens || die "relayd does not listen: $(tail -n 3 "$work/rs1.relayd.log")"
	relay_pid=$(pids rs1)
}

relay_listens() {
	[[ -n $(netns rs1 ss -Hltn 'sport = :443') ]]
}

relay_report() {
	awk -v sessions="$sessions" -v busy="$busy" '
		{ v[$1] = $2 }
		END {
			printf "sessions                                %d, %d of them busy\n", sessions, busy
			printf "legs opened                             %d, %d failed, in %s s\n", v["legs"], v["failed"], v["open_s"]
			printf "handshakes (TLS, upgrade, token) a s    %s here, generator included; %.0f by the processor time of relayd\n",
				v["legs_per_s"], (v["relay_cpu_ms_per_leg"] > 0 ? 1000 / v["relay_cpu_ms_per_leg"] : 0)
			printf "memory: at start, idle, busy            %.1f, %.1f, %.1f MB\n",
				v["rss_start_kb"] / 1024, v["rss_idle_kb"] / 1024, v["rss_busy_kb"] / 1024
			printf "memory of an idle session               %.1f KB\n",
				2 * (v["rss_idle_kb"] - v["rss_start_kb"]) / v["legs"]
			printf "throughput, all busy sessions together  %s Mbit/s\n", v["mbit"]
			printf "processor time of relayd                %s s/GB, %s %% of one core\n",
				v["relay_cpu_s_per_gb"], v["relay_cpu_percent"]
			printf "fairness (Jain; 1 is even)              %s; least %s, most %s Mbit/s\n",
				v["fairness"], v["least_mbit"], v["most_mbit"]
			printf "legs lost                               %d\n", v["lost"]
		}' "$1"
}

relay() {
	local relay_pid

	((busy <= sessions)) || busy=$sessions
	[[ -x $BUILD/tests/net/relayload ]] || die "there is no $BUILD/tests/net/relayload: make bench"
	need_quiet
	machine_facts | sed 's/\t/: /'
	lab_is_up=1
	lab up --bare --access 0 --managers 0 --devices 0 --relays 1 >/dev/null || exit
	lab stop rs1
	relay_start
	timeout $((sessions / 20 + seconds + 60)) ip netns exec "$LAB-inet" "$BUILD/tests/net/relayload" run \
		"$work/relay" "$hub" "$relay_pid" "$sessions" "$busy" "$seconds" >"$work/relay.figures" ||
		die "the load generator failed: $(tail -n 3 "$work/rs1.relayd.log")"
	relay_report "$work/relay.figures"
}
