#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Sessions under control: reasons, approval, limits, and what ends them.
# alone: it measures how fast sessions end
# bats file_tags=control

# shellcheck disable=SC2154 # addresses and python are of vpn.bash
load lib
load vpn

setup_file() {
	lab_up --managers 2 --devices 2 || return 0
	start_talk plc1
}

setup() {
	lab_here
	tool as1 folder set / reason= approve= approve-in= approvers= idle= limit= sessions-per-user= \
		sessions-per-device= >/dev/null
	tool as1 domain set sessions-per-domain= >/dev/null
	tool as1 permission clear eng2 administer site1 >/dev/null 2>&1 || :
	tool as1 session kill --all >/dev/null
	disconnect_all
}

teardown_file() {
	local rc=0

	logs_clean || rc=1
	lab_down
	return "$rc"
}

# set_here KEY=VALUE... - on the root folder.
set_here() {
	tool as1 folder set / "$@" >/dev/null
}

# value KEY WHERE... - what holds, and where it comes from.
value() {
	tool as1 "${@:2}" --json | json "[s['value'] + ' ' + s['from'] for s in d if s['key'] == '$1']"
}

# waiting NODE - the ids that wait for somebody there.
waiting() {
	if [[ $1 == as* ]]; then
		tool "$1" session approvals --json | json '[a["id"] for a in d]'
	else
		tool "$1" approvals --json | json '[a["id"] for a in d["approvals"]]'
	fi
}

waits() {
	[[ -n $(waiting "$1" 2>/dev/null) ]]
}

nobody_waits() {
	[[ -z $(waiting as1) ]]
}

# ask NODE DEVICE [OPTION...] - connect in the background; its words go to $BATS_TEST_TMPDIR/NODE.
ask() {
	FARLAN_SOCKET=$(lab_dir "$1")/socket "$BUILD/bin/vpnctl" connect "${@:2}" \
		>"$BATS_TEST_TMPDIR/$1" 2>&1 3>&- 4>&- &
	asked=$!
	wait_for 5 waits as1
}

# answered RC PART - what became of the last ask.
answered() {
	local rc=0

	wait "$asked" || rc=$?
	assert_equal "$rc" "$1" "exit code of connect"
	assert_contains "$(<"$BATS_TEST_TMPDIR/eng1")" "$2"
}

# long CHARACTER - as much of it as a request can hold.
long() {
	head -c 60000 /dev/zero | tr '\0' "$1"
}

now_ms() {
	date +%s%3N
}

all_online() {
	local node

	for node in eng1 eng2 site1 site2; do
		wait_for 20 is_online "$node"
	done
}

# recorded EVENT [PART] - in the audit.
recorded() {
	"$python" -ESc '
import sqlite3, sys

db = sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True)
rows = db.execute("SELECT who || \" \" || target || \" \" || detail FROM audit WHERE event = ?", (sys.argv[2],))
sys.exit(not any(sys.argv[3] in row[0] for row in rows))
' "$(lab_dir as1)/state/accessd.db" "$1" "${2:-}"
}

@test "settings: the nearest one holds, and it is told where it comes from" {
	assert_equal "$(value idle folder show /)" "30m default"
	tool as1 domain set idle=1h limit=4h >/dev/null
	assert_equal "$(value idle folder show /)" "1h domain"
	assert_equal "$(value idle domain show)" "1h domain"
	set_here idle=none
	assert_equal "$(value idle folder show /)" "none /"
	set_here idle=
	assert_equal "$(value idle folder show /)" "1h domain"
	tool as1 domain set idle= limit= >/dev/null
	assert_equal "$(value limit folder show /)" "8h default"
	recorded setting.changed '"idle":"1h"'
	assert_contains "$(tool as1 folder show /)" "a session that nobody uses ends"
}

@test "settings: of a folder hold for what stands in it, until it is moved" {
	tool as1 folder add /plant
	tool as1 folder set /plant reason=required >/dev/null
	assert_equal "$(value reason folder show /plant)" "required /plant"
	tool as1 device move site2 /plant
	connect eng1 site1
	refused "without a reason" tool eng1 connect site2 --reason ""
	tool as1 device move site2 /
	connect eng1 site2
	tool as1 folder remove /plant
}

@test "settings: what is none is refused, and nothing of it is kept" {
	refused "there is no setting colour" tool as1 folder set / idle=10m colour=red
	refused "idle is a time from 5s to 24h" tool as1 folder set / reason=asked idle=0
	refused "idle is a time" tool as1 folder set / "idle='; DROP TABLE setting; --"
	refused "idle is a time" tool as1 folder set / "idle=$(long 9)"
	refused "reason is none, asked or required" tool as1 folder set / "reason=%s%n"
	refused "is a setting of the whole domain" tool as1 folder set / sessions-per-domain=5
	refused "no such folder" tool as1 folder set /nowhere idle=10m
	refused "a folder is written" tool as1 folder set "/'; DROP TABLE folder; --" idle=10m
	refused "there is no group nobody" tool as1 folder set / approvers=nobody
	refused "KEY=VALUE" tool as1 folder set / idle
	refused "each once" tool as1 folder set / idle=10m idle=20m
	assert_equal "$(value idle folder show /)" "30m default"
	assert_equal "$(value reason folder show /)" "none default"
}

@test "a reason: without one nothing begins; with it, everybody concerned reads it" {
	set_here reason=required
	refused "say what for: vpnctl connect DEVICE --reason" tool eng1 connect site1 </dev/null
	refused "without a reason" tool eng1 connect site1 --reason " "
	tool eng1 connect site1 --reason $'belt\n slips, \e[31mticket 4711 \xe2\x80\xae ä' >/dev/null
	wait_for 5 is_up site1 eng1
	assert_equal "$(session_field site1 eng1 reason)" "belt slips, [31mticket 4711 ä"
	assert_contains "$(tool site1 status)" "Reason       belt slips"
	assert_equal "$(session_field site1 eng1 from)" 2001:db8:e:1::2
	assert_equal "$(tool as1 session list --json | json '[s["for"] for s in d]')" "belt slips, [31mticket 4711 ä"
	tool eng1 disconnect >/dev/null
	assert_contains "$(tool as1 session history --json | json 'd[0]["for"]')" "belt slips"
	recorded session.opened "ticket 4711"
	recorded session.ended disconnected
	refused "UTF-8" tool eng1 connect site1 --reason $'\xff'
	tool eng1 connect site1 --reason "'; DROP TABLE session; -- $(long x)" >/dev/null
	assert_equal "$(tool as1 session list --json | json '[len(s["for"]) for s in d]')" 200
}

@test "on a terminal a reason is asked for" {
	set_here reason=required
	run "$python" -ESc '
import os, pty, sys

pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
said = b""
while b"Reason: " not in said:
    said += os.read(fd, 4096)
os.write(fd, b"typed by hand\n")
try:
    while True:
        said += os.read(fd, 4096)
except OSError:
    pass
print(said.decode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
' "$BUILD/bin/vpnctl" -s "$(lab_dir eng1)/socket" connect site1
	assert_equal "$status" 0
	wait_for 5 is_up site1 eng1
	assert_equal "$(session_field site1 eng1 reason)" "typed by hand"
}

@test "a reason that is only asked for need not be given" {
	set_here reason=asked
	tool eng1 connect site1 </dev/null >/dev/null
	is_up eng1 site1
}

@test "approval at the machine, by nobody else" {
	set_here approve=machine
	ask eng1 site1 --reason "what for"
	assert_equal "$(waiting site2)$(waiting eng2)$(waiting eng1)" ""
	id=$(waiting site1)
	wait_for 5 log_holds site1 "vpnctl approve $id"
	assert_contains "$(tool site1 status)" "1 waiting: vpnctl approvals"
	assert_equal "$(field eng2 'd.get("approvals")')" ""
	assert_contains "$(tool site1 approvals)" "what for"
	refused "asked for himself" tool eng1 approve "$id"
	refused "no such request" tool site2 approve "$id"
	refused "no such request" tool eng2 approve "$id"
	refused "no such request" tool site1 approve "${id:0:11}"
	refused "no such request" tool site1 approve "' OR 1=1 --"
	refused "not asked for" tool as1 session approve "$id"
	refused "waits for approval already" tool eng1 connect site1
	assert_contains "$(<"$BATS_TEST_TMPDIR/eng1")" "waits for approval at site1"
	tool site1 approve "$id"
	answered 0 "Connected to site1"
	assert_equal "$(field site1 'd.get("approvals")')" ""
	assert_equal "$(session_field site1 eng1 approved_by)" "the machine"
	refused "no such request" tool site1 approve "$id" # a replay
	recorded session.asked site1
	recorded session.approved '"user":"eng1"'
	recorded session.opened '"approved_by":"the machine"'
}

@test "approval by a second person and at the machine: both" {
	set_here approve=both
	ask eng1 site1
	id=$(waiting as1)
	assert_contains "$(<"$BATS_TEST_TMPDIR/eng1")" "and at site1"
	tool as1 session approve "$id"
	refused "given already" tool as1 session approve "$id"
	assert_contains "$(tool as1 session approvals)" "the machine"
	assert_contains "$(tool site1 approve "$id")" "Approved: eng1 to site1"
	answered 0 "Connected to site1"
	assert_equal "$(session_field site1 eng1 approved_by)" "the administrator and the machine"
}

@test "who approves is named by a group; who asked is not asked, whatever group he is in" {
	set_here approve=person approvers=everyone
	ask eng1 site1
	assert_equal "$(waiting eng1)" ""
	id=$(waiting eng2)
	assert_equal "$(field eng2 'd["approvals"]')$(field eng1 'd.get("approvals")')$(field site1 'd.get("approvals")')" 1
	refused "asked for himself" tool eng1 approve "$id"
	refused "asked for himself" tool eng1 reject "$id"
	tool eng2 approve "$id"
	answered 0 "Connected to site1"
	assert_equal "$(session_field site1 eng1 approved_by)" eng2
}

@test "rejected in words; approve and reject at once: one of them counts" {
	set_here approve=either approvers=everyone
	ask eng1 site1
	tool eng2 reject "$(waiting eng2)" --reason "not during production"
	answered 1 "rejected by eng2: not during production"
	recorded session.rejected "not during production"
	for _ in 1 2 3; do
		ask eng1 site1
		id=$(waiting as1)
		tool eng2 reject "$id" >"$BATS_TEST_TMPDIR/rejected" 2>&1 &
		rejecting=$!
		approved=0 rejected=0
		tool site1 approve "$id" >/dev/null 2>&1 || approved=$?
		wait "$rejecting" || rejected=$?
		assert_equal "$((approved + rejected))" 1 "exit codes together"
		answered "$approved" ""
		disconnect_all
	done
}

@test "nobody answers: denied in time; given up, or the connection lost: taken back" {
	set_here approve=person approve-in=5s
	begun=$(now_ms)
	ask eng1 site1
	answered 1 "nobody has approved it in time"
	assert_between "$(($(now_ms) - begun))" 4900 8000 "milliseconds"
	recorded session.timeout
	set_here approve-in=
	ask eng1 site1
	kill -TERM "$asked"
	wait_for 5 nobody_waits
	wait "$asked" || :
	recorded session.withdrawn "given up"
	ask eng1 site1
	id=$(waiting as1)
	lab kill eng1
	wait_for 20 nobody_waits
	refused "no such request" tool as1 session approve "$id"
	lab start eng1
	wait_for 20 is_online eng1
	assert_equal "$(tool as1 session list --json | json 'len(d)')" 0
}

@test "who may administer the device approves, as long as he may; and what was forbidden meanwhile does not begin" {
	set_here approve=person
	tool as1 permission allow eng2 administer /
	ask eng1 site1
	assert_contains "$(<"$BATS_TEST_TMPDIR/eng1")" "somebody who may administer site1"
	id=$(waiting eng2)
	tool as1 permission clear eng2 administer /
	assert_equal "$(waiting eng2)" ""
	refused "no such request" tool eng2 approve "$id"
	refused "no such request" tool eng2 reject "$id"
	tool as1 permission allow eng2 administer site1
	assert_equal "$(waiting eng2)" "$id"
	tool as1 permission deny eng1 connect site1
	answered 1 "the permission to connect was taken away"
	refused "no such request" tool eng2 approve "$id"
	tool as1 permission clear eng1 connect site1
	tool as1 permission clear eng2 administer site1
}

# remote NODE COMMAND... - accessctl as the user who is signed in there.
remote() {
	FARLAN_SOCKET=$(lab_dir "$1")/socket "$BUILD/bin/accessctl" --remote "${@:2}" 3>&- 4>&-
}

@test "an administrator of some devices sees, approves and ends what is theirs, from afar, and nothing else" {
	tool as1 permission allow eng2 administer site1
	set_here approve=person
	ask eng1 site1
	id=$(waiting as1)
	assert_equal "$(remote eng2 session approvals --json | json '[a["id"] for a in d]')" "$id"
	refused "no such request" remote eng1 session approve "$id.."
	refused "asked for himself" remote eng1 session approve "$id" # by this way neither
	remote eng2 session approve "$id"
	answered 0 "Connected to site1"
	set_here approve=
	connect eng1 site2
	wait_for 5 is_up site2 eng1
	assert_equal "$(remote eng2 session list --json | json '[s["device"] for s in d]')" site1
	refused "" remote eng2 session kill "$(session_field eng1 site2 id)"
	refused "no such session that you may end" remote eng1 session kill --all
	refused "no such session that you may end" remote eng2 session kill --device site2
	refused "no such session that you may end" remote eng2 session kill --user nobody
	remote eng2 session kill --user eng1 --reason "my machine" >/dev/null
	wait_for 1 has_sessions site1 0
	has_sessions site2 1
	assert_contains "$(tool eng1 status)" "ended by eng2: my machine"
	refused "not permitted" remote eng2 folder set / idle=none
	refused "not permitted" remote eng2 domain set idle=none
	tool as1 permission clear eng2 administer site1
}

@test "what was changed while a session waited counts: settings, kill, revocation" {
	set_here approve=machine
	ask eng1 site1
	id=$(waiting site1)
	set_here approve=either # asked under other conditions
	tool site1 approve "$id"
	answered 1 "was changed while it waited"
	ask eng1 site1
	tool as1 session kill --device site1 --reason "no more today" >/dev/null
	answered 1 "ended by the administrator: no more today"
	tool as1 user add eng9 </dev/null >/dev/null 2>&1 || :
	tool as1 device add site9 --lan 192.168.209.0/24 >/dev/null
	refused "not online" tool eng1 connect site9
	wait_for 2 recorded session.refused "not online"
	tool as1 device remove site9
}

@test "a restart of accessd denies what waits, and says so" {
	set_here approve=machine
	ask eng1 site1
	id=$(waiting site1)
	lab stop as1
	answered 1 ""
	assert_contains "$(<"$BATS_TEST_TMPDIR/eng1")" "ask again"
	lab start as1
	all_online
	refused "no such request" tool site1 approve "$id"
	ask eng1 site1
	id=$(waiting site1)
	lab kill as1
	answered 1 "Access Server was lost"
	lab start as1
	all_online
	refused "no such request" tool site1 approve "$id"
	recorded session.timeout "the server was restarted"
}

@test "no more sessions than a user, a device, the domain may have" {
	set_here sessions-per-user=1
	connect eng1 site1
	refused "you have your 1 session at one time already: site1" tool eng1 connect site2
	connect eng2 site2
	set_here sessions-per-user= sessions-per-device=1
	refused "site1 has its 1 session at one time already" tool eng2 connect site1
	assert_fails grep -q eng1 <<<"$output" # who is there is not for him to know
	set_here sessions-per-device=
	tool as1 domain set sessions-per-domain=2 >/dev/null
	refused "the domain has its 2 sessions" tool eng2 connect site1
	tool eng2 disconnect >/dev/null
	connect eng2 site1
}

@test "unused, a session ends at both ends, whatever the machine sends; used, with its time" {
	set_here idle=6s limit=12s
	connect eng1 site1
	connect eng2 site2
	wait_for 5 is_up site2 eng2
	assert_between "$(session_field eng1 site1 idle_limit_s)" 6 6
	lab in eng1 ping -i 0.5 -c 40 "$plc1" >/dev/null &
	lab in plc2 "$python" -c '
import socket, time

s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(100):
    s.sendto(b"chatter", ("192.168.102.10", 9))
    time.sleep(0.1)
' &
	sleep 4
	assert_contains "$(tool eng2 status)" "NOT USED"
	wait_for 6 has_sessions eng2 0
	wait_for 1 has_sessions site2 0
	assert_contains "$(tool eng2 status)" "not used for 6 s"
	has_sessions eng1 1
	recorded session.idle "not used for 6 s"
	wait_for 15 has_sessions eng1 0
	wait_for 2 has_sessions site1 0
	recorded session.expired
	assert_contains "$(tool eng1 status)" "its time is over"
}

@test "session kill: both ends have ended within a second, and know who did it and why" {
	connect eng1 site1
	connect eng2 site2
	wait_for 5 is_up site1 eng1
	wait_for 5 is_up site2 eng2
	tool as1 session kill --user eng1 --reason "maintenance – 5 min" >/dev/null
	wait_for 1 has_sessions eng1 0
	wait_for 1 has_sessions site1 0
	assert_contains "$(tool eng1 status)" "ended by the administrator: maintenance – 5 min"
	has_sessions site2 1
	connect eng1 site1
	begun=$(now_ms)
	tool as1 session kill --all >/dev/null
	for node in eng1 site1 eng2 site2; do # the asking takes time, too
		wait_for 1 has_sessions "$node" 0 &
	done
	wait
	took=$(($(now_ms) - begun))
	echo "# four ends have ended after $took ms" >&3
	assert_between "$took" 0 1000 "milliseconds for four ends"
	recorded session.killed '"all":true'
	refused "an ID, --user, --device or --all" tool as1 session kill
	refused "no such user" tool as1 session kill --user nobody
}
