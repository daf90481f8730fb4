#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Hosts whose clock is in another year: everything works, safely, and the host's clock stays as it is. site1 has a clock
# of its own from the beginning; as1 and rs1 serve time by UDP, too.

# shellcheck disable=SC2154 # addresses and words of the helpers
load lib
load vpn
load silence

setup_file() {
	lab_up --devices 2 || return 0
	watch_uplink site1
}

setup() {
	lab_here
}

teardown_file() {
	local rc=0

	uplink_silent site1 || rc=1
	logs_clean || rc=1
	lab_down
	return "$rc"
}

# boot NODE TIME [LINE...] - its daemon is started anew, in that year, with these lines in its configuration.
boot() {
	local conf

	conf=$(lab_dir "$1")/conf
	lab stop "$1"
	[[ -e $conf.first ]] || cp "$conf" "$conf.first"
	{
		cat "$conf.first"
		printf '%s\n' "${@:3}"
	} >"$conf"
	lab clock "$1" "$2"
	: >"$(lab_dir "$1")/log"
	lab start "$1"
}

clock_of() {
	field "$1" "d['clock']['$2']"
}

is_clock() {
	[[ $(clock_of "$1" state) == "$2" ]]
}

# knows NODE - the time, by the Access Server, whatever its host says.
knows() {
	assert_equal "$(clock_of "$1" state)" signed
	assert_between "$(($(clock_of "$1" now_s) - $(date +%s)))" -5 5
}

# works - a session comes about, and carries packets.
works() {
	wait_for 20 is_online site1
	wait_for 20 is_online eng1
	wait_for 20 connect eng1 site1
	wait_for 10 is_up eng1 site1
	wait_for 10 pings pc1 "$plc1"
}

@test "a device boots in 1970: it is online, and a session works" {
	boot site1 "1970-01-01 00:01:00"
	works
	knows site1
	assert_between "$(clock_of site1 system_ahead_ms)" -9999999999999 -1700000000000
	run tool site1 status
	assert_contains "$output" "years behind; the Access Server's time is used; set-clock = yes sets it"
	# It does not wait for anything.
	assert_between "$(log_lines site1 'not reached')" 0 0
}

@test "one in 2040, too" {
	boot site1 "2040-06-01 12:00:00"
	works
	knows site1
	run tool site1 status
	assert_contains "$output" "13 years ahead"
}

@test "the clock jumps while it runs: the session and the next connection do not mind" {
	local session
	session=$(session_field eng1 site1 id)

	for time in "1970-01-01 00:00:10" "2037-12-31 23:59:50" "2099-01-01 00:00:00"; do
		lab clock site1 "$time"
		knows site1
		pings pc1 "$plc1"
	done
	assert_equal "$(session_field eng1 site1 id)" "$session"
	lab stop as1
	wait_for 10 is_offline site1
	lab start as1
	wait_for 20 is_online site1
	knows site1
	pings pc1 "$plc1"
	assert_equal "$(session_field eng1 site1 id)" "$session"
}

@test "the first contact of a device and of a manager, both in 1970" {
	local site eng
	site=$(lab_dir site2) eng=$(lab_dir eng1)

	lab stop site2
	rm -r "$site/state"
	boot site2 "1970-01-01 00:01:00"
	tool as1 device reinvite site2 | tool site2 enroll
	wait_for 20 is_online site2
	knows site2

	lab stop eng1
	rm -r "$eng/state"
	boot eng1 "1970-01-01 00:01:00"
	tool as1 user reinvite eng1 >"$BATS_TEST_TMPDIR/login"
	cat "$eng/password" >>"$BATS_TEST_TMPDIR/login"
	tool eng1 login <"$BATS_TEST_TMPDIR/login"
	knows eng1
	wait_for 20 connect eng1 site2
	wait_for 10 pings pc1 "$plc2"
	# Later on with the password alone: the certificate that it has is checked with the time that it was told.
	boot eng1 "1970-01-01 00:01:00"
	wait_for 20 is_online eng1
	tool eng1 login eng1 <"$eng/password"
	wait_for 20 is_online eng1
	knows eng1
	boot eng1 real
}

@test "a relay in 1970 takes tokens" {
	boot rs1 "1970-01-01 00:01:00"
	wait_for 20 is_online rs1
	boot site1 "1970-01-01 00:01:00"
	works
	knows rs1
	run tool rs1 status
	assert_contains "$output" "years behind"
	boot rs1 real
}

@test "where UDP is blocked, and all but 443" {
	lab allow site1 tcp/443
	boot site1 "1970-01-01 00:01:00" 'ntp = 203.0.113.6'
	works
	knows site1
	lab allow site1 all
}

@test "the floor: it is on disk, rises by signed time, and a server whose clock is behind it is refused" {
	local file
	file=$(lab_dir site1)/state/clock.json

	assert_between "$(json 'd["floor"]' <"$file")" $(($(date +%s) - 90000)) "$(date +%s)"
	boot as1 "2026-02-01 00:00:00"
	boot site1 real
	wait_for 20 log_holds site1 "lies before one that it signed earlier"
	assert_fails is_online site1
	# One before this program was written says nothing at all, and its certificate has expired.
	boot as1 "2020-02-01 00:00:00"
	wait_for 20 log_holds site1 "the Access Server's certificate has expired: check the clocks"
	assert_fails is_online site1
	log_holds as1 "this host's clock is wrong"
	boot as1 "1970-01-01 00:01:00"
	wait_for 20 log_holds as1 "this host's clock is wrong"
	assert_fails is_online site1
	boot as1 real
	wait_for 20 is_online site1
}

# time_servers NODE PORT=MANNER... - until the next call.
time_servers() {
	local node=$1 log=$BATS_FILE_TMPDIR/time-$1 pid

	shift
	pid=$(sed -n 's/listening //p' "$log" 2>/dev/null || :)
	if [[ -n $pid ]]; then
		kill "$pid"
		wait_for 5 gone "$pid"
	fi
	rm -f "$log"
	(($#)) || return 0
	lab in "$node" "$python" "$BATS_TEST_DIRNAME/timeserver.py" "$@" >"$log" 2>&1 &
	disown $!
	wait_for 5 grep -qs listening "$log"
}

gone() {
	[[ ! -e /proc/$1 ]]
}

# questions NODE - that its time servers were asked: MANNER and 48 bytes in hex, each a line.
questions() {
	grep -v listening "$BATS_FILE_TMPDIR/time-$1" || :
}

# without_access LINE - as1 is away, and site1 boots in 1970 with these time servers.
without_access() {
	lab stop as1
	boot site1 "1970-01-01 00:01:00" "ntp = $1"
}

@test "no Access Server: time servers say what time it is, and raise no floor" {
	local file before server=$BATS_FILE_TMPDIR/chrony
	file=$(lab_dir site1)/state/clock.json
	before=$(<"$file")

	command -v chronyd >/dev/null || skip "chrony is not installed"
	cat >"$server.conf" <<-END
		local stratum 5
		allow
		cmdport 0
		pidfile $server.pid
		driftfile $server.drift
		user root
	END
	lab in rs1 chronyd -x -d -f "$server.conf" >"$server.log" 2>&1 &
	disown $!
	wait_for 5 test -e "$server.pid"
	without_access "198.51.100.6, 2001:db8:b:1::2, 203.0.113.6:9"
	wait_for 20 is_clock site1 sntp
	assert_between "$(($(clock_of site1 now_s) - $(date +%s)))" -5 5
	assert_equal "$(<"$file")" "$before"
	run tool site1 status
	assert_contains "$output" "the time servers' time is used"
	kill "$(<"$server.pid")"
	# The Access Server has the last word.
	lab start as1
	wait_for 20 is_online site1
	knows site1
}

@test "what hostile time servers say is not believed" {
	time_servers as1 1=kiss-DENY 2=kiss-RATE 3=kiss-forged 4=origin 5=zero 6=unsure 7=client 8=short
	without_access "203.0.113.6:1, 203.0.113.6:2, 203.0.113.6:3, 203.0.113.6:4, 203.0.113.6:5, 203.0.113.6:6, 203.0.113.6:7, 203.0.113.6:8"
	wait_for 20 log_holds site1 "time servers: no use answered=0 of=8"
	assert_equal "$(clock_of site1 state)" unknown
	assert_equal "$(log_lines site1 'wants to be left alone')" 3
	# Each was asked once; a question holds nothing but 64 random bits.
	assert_equal "$(questions as1 | grep -c " 23$(printf '%078d' 0)")" 8
	assert_equal "$(questions as1 | cut -d ' ' -f 2 | sort -u | wc -l)" 8
	# Years that cannot be.
	time_servers as1 1=1999 2=2025 3=2100 4=empty 5=mute
	boot site1 "1970-01-01 00:01:00" \
		'ntp = 203.0.113.6:1, 203.0.113.6:2, 203.0.113.6:3, 203.0.113.6:4, 203.0.113.6:5'
	wait_for 20 log_holds site1 "time servers: no use answered=0 of=5"
	assert_equal "$(clock_of site1 state)" unknown
	# Most of them must agree.
	time_servers as1 1=2040 2=good 3=2033
	boot site1 "1970-01-01 00:01:00" 'ntp = 203.0.113.6:1, 203.0.113.6:2, 203.0.113.6:3'
	wait_for 20 log_holds site1 "time servers: no use answered=3 of=3"
	assert_equal "$(clock_of site1 state)" unknown
	time_servers as1
}

@test "a forged 2040 does not poison what comes after it" {
	local file before
	file=$(lab_dir site1)/state/clock.json
	before=$(<"$file")

	time_servers as1 1=2040 2=2040 3=good
	without_access "203.0.113.6:1, 203.0.113.6:2, 203.0.113.6:3"
	wait_for 20 is_clock site1 sntp
	assert_between "$(clock_of site1 now_s)" 2208988800 2208998800
	assert_equal "$(<"$file")" "$before"
	lab start as1
	wait_for 20 is_online site1
	knows site1
	assert_equal "$(<"$file")" "$before"
	time_servers as1
}

@test "with a clock that may be right no time server is asked" {
	time_servers as1 1=good
	lab stop as1
	boot site1 real 'ntp = 203.0.113.6:1'
	sleep 3
	assert_equal "$(questions as1)" ""
	assert_equal "$(clock_of site1 state)" system
	lab start as1
	wait_for 20 is_online site1
	time_servers as1
}

@test "all end in order" {
	boot site1 "1970-01-01 00:01:00"
	wait_for 20 is_online site1
	all_stop
}
