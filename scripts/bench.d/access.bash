# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# `bench access N`: an Access Server with N devices is killed and started again (tests/net/fleet.c), in a network
# namespace of its own; its database is in memory, or with --state where the disk is to count, too.

# shellcheck disable=SC2154 # bench sets some
readonly access_namespace=farlan-bench-access access_managers=20 access_back_seconds=120

access_down() {
	ip netns del "$access_namespace" 2>/dev/null || :
	umount "$work/access/state" 2>/dev/null || :
}

access_up() {
	local dir=$work/access

	mkdir -p "$dir/state"
	[[ -n $state_dir ]] || mount -t tmpfs none "$dir/state"
	ip netns add "$access_namespace"
	ip -n "$access_namespace" link set lo up
	ip -n "$access_namespace" address add 10.0.0.1/8 dev lo
	printf '[accessd]\nstate = %s\nsocket = %s/socket\nhandshakes = %d\n' "${state_dir:-$dir/state}/db" "$dir" \
		"$handshakes" >"$dir/conf"
	"$BUILD/tests/net/fleet_enrol" "${state_dir:-$dir/state}/db" "$dir/keys" https://10.0.0.1 "$access_managers" "$devices" ||
		die "the devices could not be enrolled"
}

access_report() {
	awk -v devices="$devices" -v handshakes="$handshakes" -v limit="$access_back_seconds" '
		{ v[$1] = $2 }
		function demand(what, value, most, unit) {
			ok = value != "" && value <= most
			printf "  %-68s %9.1f %-4s at most %.0f: %s\n", what, value, unit, most, ok ? "ok" : "NOT MET"
			failed = failed || !ok
		}
		END {
			printf "%d devices, %d answers while nobody came, %d while they came back\n", devices, v["quiet_requests"],
				v["busy_requests"]
			demand("start until it listens", v["start_ms"], 2000, "ms")
			demand("start again after kill -9 until it listens", v["restart_ms"], 2000, "ms")
			demand("from there until all are back", v["back_s"], limit, "s")
			# So few that they are all back in the first seconds are let in as fast as any may be.
			most = 2 * v["back_mean_per_s"]
			if (devices < 2000 && most < 2 * handshakes)
				most = 2 * handshakes
			demand("most that were let in in a second (twice the mean)", v["back_most_per_s"], most, "")
			demand("memory (RSS) when all are there", v["idle_rss_kb"] / 1024, 512, "MB")
			demand("most memory ever, after the restart", v["after_peak_kb"] / 1024, 512, "MB")
			demand("a request for a session while nobody comes, 99th percentile", v["quiet_p99_ms"], 50, "ms")
			demand("a request for a session while all come back, 99th percentile", v["busy_p99_ms"], 50, "ms")
			printf "  median %s ms, longest %s ms; all managers were back after %s s\n", v["busy_p50_ms"], v["busy_max_ms"],
				v["back_managers_s"]
			printf "  accessd took %s s of a processor meanwhile, and waited %s s for one\n", v["back_cpu_s"], v["back_waited_s"]
			exit failed
		}'
}

access() {
	[[ -x $BUILD/tests/net/fleet && -x $BUILD/tests/net/fleet_enrol ]] ||
		die "there is no $BUILD/tests/net/fleet or fleet_enrol: make bench"
	need_quiet
	machine_facts | sed 's/\t/: /'
	access_down
	access_up
	ip netns exec "$access_namespace" "$BUILD/tests/net/fleet" "$work/access/keys" $((access_back_seconds * 2)) 2000 \
		"$BUILD/bin/accessd" -c "$work/access/conf" >"$work/access/figures" 2>"$work/access/log" ||
		say "$(grep fleet: "$work/access/log")"
	grep 'fleet: .* a second' "$work/access/log" || :
	access_report <"$work/access/figures"
}
