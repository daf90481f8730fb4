#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# What a Prometheus gets from the daemons, by promtool and by a Prometheus of Debian's. It sits in eng1:
# as1 is scraped by IPv4, rs1 by IPv6, vpnd on its own host.
# bats file_tags=metrics

# shellcheck disable=SC2154 # addresses and python are of vpn.bash
load lib
load vpn

rs1_six='[2001:db8:b:1::2]'
web=http://127.0.0.1:9090

setup_file() {
	lab_up || return 0
	echo "metrics = $as1:9470" >>"$(lab_dir as1)/conf"
	echo "metrics = $rs1_six:9471, 9471" >>"$(lab_dir rs1)/conf"
	echo "metrics = 9472" >>"$(lab_dir eng1)/conf"
	for node in as1 rs1 eng1; do
		lab stop "$node"
		lab start "$node"
	done
	for node in rs1 eng1 site1; do
		wait_for 60 is_online "$node"
	done
	connect eng1 site1
	pings pc1 "$plc1"
	start_prometheus
}

setup() { lab_here; }

teardown_file() {
	local rc=0

	logs_clean || rc=1
	lab_down
	return "$rc"
}

start_prometheus() {
	cat >"$BATS_FILE_TMPDIR/prometheus.yml" <<-END
		global: {scrape_interval: 1s}
		scrape_configs:
		  - job_name: farlan
		    static_configs:
		      - targets: ["$as1:9470", "$rs1_six:9471", "127.0.0.1:9472"]
	END
	promtool check config "$BATS_FILE_TMPDIR/prometheus.yml"
	(exec "$REPO/scripts/lab" in eng1 prometheus --config.file="$BATS_FILE_TMPDIR/prometheus.yml" \
		--storage.tsdb.path="$BATS_FILE_TMPDIR/data" --web.listen-address=127.0.0.1:9090) \
		>"$BATS_FILE_TMPDIR/prometheus.log" 2>&1 3>&- 4>&- &
	disown $!
}

# scrape NODE [CURL-ARGUMENT...] - what the node's daemon says now.
scrape() {
	local at

	case $1 in
	as1) at=$as1:9470 ;;
	rs1) at=127.0.0.1:9471 ;;
	*) at=127.0.0.1:9472 ;;
	esac
	lab in "$1" curl -sS --max-time 20 "${@:2}" "http://$at/metrics"
}

# value NODE SAMPLE - e.g. 'farlan_relayd_legs{state="joined"}'.
value() {
	scrape "$1" | awk -v name="$2" '$1 == name { print $2 }'
}

# exceeds NODE SAMPLE NUMBER
exceeds() {
	(($(value "$1" "$2") > $3))
}

# ask QUERY EXPRESSION - what Prometheus answers; EXPRESSION over its result r.
ask() {
	lab in eng1 curl -sS --max-time 20 -G --data-urlencode "query=$1" "$web/api/v1/query" |
		json "(lambda r: $2)(d['data']['result'])"
}

# answers QUERY VALUE
answers() {
	[[ $(ask "$1" '[s["value"][1] for s in r]' 2>/dev/null) == "$2" ]]
}

@test "nothing is served unless it was asked for" {
	assert_equal "$(lab in site1 ss -Hltn)" ''
	assert_equal "$(field site1 "'metrics' in d")" false
	"$BUILD/bin/vpnd" -n -c "$(lab_dir site1)/conf" | grep -qx 'metrics = '
}

@test "only the address that was given is open" {
	assert_equal "$(lab in as1 ss -Hltn 'sport = :9470' | awk '{ print $4 }')" "$as1:9470"
	assert_equal "$(lab in eng1 ss -Hltn 'sport = :9472' | awk '{ print $4 }')" 127.0.0.1:9472
}

@test "status shows where" {
	assert_contains "$(tool as1 status)" "$as1:9470"
	assert_contains "$(tool rs1 status)" "$rs1_six:9471, 127.0.0.1:9471"
	assert_contains "$(tool eng1 status)" 127.0.0.1:9472
	assert_equal "$(field rs1 'd["metrics"]["listening"]')" true
}

@test "promtool has nothing to say against them" {
	for node in as1 rs1 eng1; do
		scrape "$node" >"$BATS_TEST_TMPDIR/$node"
		assert_equal "$(promtool check metrics <"$BATS_TEST_TMPDIR/$node" 2>&1)" '' "$node"
	done
}

@test "each form for who asks for it" {
	run scrape rs1 -D - -H 'Accept: application/openmetrics-text;q=0.5, text/plain;q=0.4'
	assert_contains "$output" "application/openmetrics-text; version=1.0.0"
	assert_equal "${lines[-1]}" "# EOF"
	run scrape rs1 -D - -H 'Accept: application/openmetrics-text;q=0.5, */*'
	assert_contains "$output" "text/plain; version=0.0.4"
	assert_equal "$(scrape rs1 -o /dev/null -w '%{http_code}' -X DELETE)" 405
}

@test "what is documented is what is exported" {
	for node in as1 rs1 eng1; do
		scrape "$node" >"$BATS_TEST_TMPDIR/$node"
	done
	"$python" "$BATS_TEST_DIRNAME/metrics.py" names "$BATS_TEST_TMPDIR"/{as1,rs1,eng1} >"$BATS_TEST_TMPDIR/names"
	"$python" "$BATS_TEST_DIRNAME/metrics.py" documented "$REPO/docs/metrics.md" >"$BATS_TEST_TMPDIR/documented"
	[[ $(wc -l <"$BATS_TEST_TMPDIR/names") -gt 40 ]]
	diff "$BATS_TEST_TMPDIR/documented" "$BATS_TEST_TMPDIR/names" >&2
}

@test "what the dashboard draws is exported" {
	local missing

	for node in as1 rs1 eng1; do
		scrape "$node" >"$BATS_TEST_TMPDIR/$node"
	done
	"$python" "$BATS_TEST_DIRNAME/metrics.py" names "$BATS_TEST_TMPDIR"/{as1,rs1,eng1} >"$BATS_TEST_TMPDIR/names"
	"$python" "$BATS_TEST_DIRNAME/metrics.py" drawn "$REPO/docs/grafana.json" >"$BATS_TEST_TMPDIR/drawn"
	[[ $(wc -l <"$BATS_TEST_TMPDIR/drawn") -gt 30 ]]
	missing=$(comm -23 "$BATS_TEST_TMPDIR/drawn" "$BATS_TEST_TMPDIR/names")
	assert_equal "$missing" ''
}

@test "a Prometheus scrapes all three" {
	wait_for 60 answers 'count(up == 1)' 3
	wait_for 60 answers 'farlan_relayd_legs{state="joined"}' 2
	wait_for 60 answers 'farlan_vpnd_session_up{peer="site1"}' 1
	wait_for 60 answers 'farlan_accessd_online{kind="device"}' 1
	# It was OpenMetrics: there the family is named without _total.
	run lab in eng1 curl -sS --max-time 20 "$web/api/v1/metadata?metric=farlan_relayd_bytes"
	assert_contains "$output" '"type":"counter"'
	assert_contains "$output" '"unit":"bytes"'
}

@test "a Prometheus takes each query of the dashboard" {
	local query n=0

	wait_for 60 answers 'count(up == 1)' 3
	while read -r query; do
		run lab in eng1 curl -sS --max-time 20 -G --data-urlencode "query=$query" "$web/api/v1/query"
		[[ $output == '{"status":"success"'* ]] || fail "$query: $output"
		n=$((n + 1))
	done < <("$python" "$BATS_TEST_DIRNAME/metrics.py" queries "$REPO/docs/grafana.json")
	assert_between "$n" 30 1000 "queries"
}

@test "traffic, drops and refusals are counted" {
	local bytes tokens paths requests

	bytes=$(value eng1 'farlan_vpnd_bytes_total{direction="out"}')
	tokens=$(value rs1 'farlan_relayd_refusals_total{reason="no-token"}')
	paths=$(value rs1 'farlan_relayd_refusals_total{reason="path"}')
	requests=$(value as1 'farlan_accessd_requests_total{method="device.list",result="ok"}')
	pings pc1 "$plc1"
	lab in site1 legtool "$rs1:443" --expect-close >/dev/null || :
	lab in site1 legtool "$rs1:443" --path /other --expect-close >/dev/null || :
	tool eng1 devices >/dev/null
	wait_for 20 exceeds eng1 'farlan_vpnd_bytes_total{direction="out"}' "$bytes"
	wait_for 20 exceeds rs1 'farlan_relayd_refusals_total{reason="no-token"}' "$tokens"
	wait_for 20 exceeds rs1 'farlan_relayd_refusals_total{reason="path"}' "$paths"
	wait_for 20 exceeds as1 'farlan_accessd_requests_total{method="device.list",result="ok"}' "${requests:-0}"
	exceeds eng1 farlan_vpnd_queue_delay_seconds_count 0
	exceeds rs1 'farlan_relayd_handshakes_total{result="ok"}' 2
}

@test "sums outlive the session" {
	local bytes

	bytes=$(value eng1 'farlan_vpnd_bytes_total{direction="out"}')
	tool eng1 disconnect site1
	wait_for 20 has_sessions eng1 0
	assert_equal "$(value eng1 'farlan_vpnd_session_up{peer="site1",slot="0"}')" ''
	[[ $(value eng1 'farlan_vpnd_bytes_total{direction="out"}') -ge $bytes ]]
	assert_equal "$(value as1 farlan_accessd_sessions)" 0
	exceeds as1 farlan_accessd_sessions_ended_total 0
}
