# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# What is measured, a function for each row. The machine's line is that of site1.

readonly all_rows=(start idle udp tcp1 tcp8 reverse load rss line10 line100 loss modem)

# The lab's delay is one way. A queue that is not given is 100 ms long.
declare -Ar line_settings=(
	[line10]='--rate 10mbit --delay 40ms'
	[line100]='--rate 100mbit --delay 40ms'
	[loss]='--rate 100mbit --delay 40ms --loss 1%'
	[modem]='--rate 20mbit --queue 100ms'
)

row_start() {
	# Measured while the system was brought up (connect_system).
	[[ $system == plain ]] || record ms "${start_ms:-NA}"
}

row_idle() {
	ping_run '' "$((seconds * 100))" 0.01
}

row_rss() {
	[[ $system == plain ]] || record_rss
}

row_udp() {
	udp_search
}

row_tcp1() {
	tcp
	record outer_cc "$(outer_congestion)"
}

row_tcp8() {
	tcp -P 8
}

row_reverse() {
	tcp -R
}

row_load() {
	loaded one_ 1 0.01
	loaded eight_ 1 0.01 -P 8
}

# line - a shaped line: idle, then loaded towards the machine and from it. The tunnel begins on this
# line: a congestion control remembers the shortest round trip of its connection for minutes.
line() {
	local settings ramp=$((quick ? 1 : 3))

	read -ra settings <<<"${line_settings[$row]}"
	tear_down
	lab link site1 "${settings[@]}"
	if ! bring_up; then
		say "$system, $row: it does not come up on this line"
		lab link site1
		bring_up || die "$system does not come up any more"
		return
	fi
	ping_run idle_ 40 0.05
	# Long round trips: what is measured begins later and takes longer.
	local seconds=$((seconds + ramp))
	loaded to_ "$ramp" 0.02
	sleep 1 # what stands in queues goes
	loaded from_ "$ramp" 0.02 -R
	lab link site1
	wait_for 20 answers || say "$system, $row: no ping is answered after the line was plain again"
}

row_line10() { line; }
row_line100() { line; }
row_loss() { line; }
row_modem() { line; }
