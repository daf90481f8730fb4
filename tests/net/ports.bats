#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Ways out: which ports are tried, what stands on them, which is remembered.
# bats file_tags=ports

# shellcheck disable=SC2154 # addresses and python are of vpn.bash
load lib
load vpn
load silence

setup_file() {
	lab_up || return 0
	watch_uplink site1
	watch_uplink eng1
	start_talk plc1
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=as1.lab -days 2 \
		-keyout "$BATS_FILE_TMPDIR/key" -out "$BATS_FILE_TMPDIR/certificate" 2>/dev/null
	cat "$BATS_FILE_TMPDIR/key" >>"$BATS_FILE_TMPDIR/certificate"
}

setup() {
	lab_here
}

teardown_file() {
	local rc=0

	uplink_silent site1 || rc=1
	uplink_silent eng1 || rc=1
	logs_clean || rc=1
	lab_down
	return "$rc"
}

# restart NODE - and wait until it is online.
restart() {
	lab stop "$1"
	lab start "$1"
	wait_for 20 is_online "$1"
}

# forget NODE - the same, without what it remembers of servers.
forget() {
	lab stop "$1"
	find "$(lab_dir "$1")/state" -type f ! -name identity.json -delete
	lab start "$1"
	wait_for 20 is_online "$1"
}

server_port() {
	field "$1" 'd["server"]["port"]'
}

# works NODE_PORT RELAY_PORT - site1 is online by that port, and a session works.
works() {
	assert_equal "$(server_port site1)" "$1" "port of the Access Server"
	connect eng1 site1
	wait_for 5 is_up site1 eng1
	assert_equal "$(session_field site1 eng1 relay_port)" "$2" "port of the relay"
	talk pc1 tcp "$plc1"
	tool eng1 disconnect >/dev/null
	wait_for 5 has_sessions site1 0
}

@test "443 comes first" {
	works 443 443
}

@test "only 5935 is let out: the rest is dropped" {
	lab allow site1 tcp/5935
	forget site1
	works 5935 5935
}

@test "the port that worked is the first one next time, also after a restart" {
	lab allow site1 all
	begin=$(log_lines site1 "Access Server connected")
	restart site1
	assert_equal "$(server_port site1)" 5935
	# ... and when the connection is lost.
	lab kill as1
	wait_for 5 is_offline site1
	lab start as1
	wait_for 20 is_online site1
	assert_equal "$(server_port site1)" 5935
	assert_equal "$(($(log_lines site1 "Access Server connected") - begin))" 2 "connections"
	wait_for 20 is_online eng1
	wait_for 20 is_online rs1
	works 5935 5935
}

@test "only 80 is let out: the rest is refused with a reset" {
	lab allow site1 tcp/80 --reset
	forget site1
	works 80 80
}

@test "only 5935 is let out: the rest is refused with a reset" {
	lab allow site1 tcp/5935 --reset
	restart site1 # it remembers 80
	works 5935 5935
	lab allow site1 all
	forget site1
	works 443 443
}

names_the_server() {
	[[ $(field "$1" 'd.get("last_error", "")') == *as1.lab* ]]
}

@test "nothing is let out: words, and it comes back by itself" {
	lab allow site1 none --reset
	lab stop site1
	lab start site1
	wait_for 10 names_the_server site1
	assert_contains "$(tool site1 status)" "as1.lab"
	lab allow site1 all
	wait_for 20 is_online site1
}

@test "the configuration's ports are the only ones" {
	echo "ports = 5935" >>"$(lab_dir site1)/conf"
	restart site1
	works 5935 5935
	sed -i '/^ports =/d' "$(lab_dir site1)/conf"
	forget site1
}

# --- somebody else's server on 443 ---

# foreign KIND PORT - on as1, where accessd then serves 5935 only.
foreign() {
	# Not by lab(): $! is to be the server itself.
	(exec "$REPO/scripts/lab" in as1 "$python" "$BATS_TEST_DIRNAME/foreign.py" "$1" "$2" \
		"$BATS_FILE_TMPDIR/certificate") >/dev/null 2>&1 3>&- &
	foreign_job=$!
	disown "$foreign_job"
	wait_for 5 listens as1 "$2"
}

@test "foreign servers on 443 are passed over: web sites, WebSockets, others, silent and hostile ones" {
	lab stop as1
	echo "listen = 5935" >>"$(lab_dir as1)/conf"
	lab start as1
	for kind in https websocket http ssh silent redirect chunked big endless; do
		foreign "$kind" 443
		forget site1
		assert_equal "$(server_port site1)" 5935 "port beside $kind"
		kill "$foreign_job"
		wait_for 5 is_free as1 443
	done
	# Somebody who enrols meets them, too.
	foreign https 443
	foreign http 80
	lab stop site1
	rm -r "$(lab_dir site1)/state"
	lab start site1
	run tool site1 enroll < <(tool as1 device reinvite site1)
	assert_equal "$status" 0
	assert_contains "$output" "443"
	wait_for 20 is_online site1
	wait_for 60 is_online eng1
	wait_for 60 is_online rs1
	works 5935 443
}

is_free() {
	! listens "$1" "$2"
}

@test "all daemons end in good order" {
	all_stop
}
