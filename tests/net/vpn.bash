# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# Helpers for tests of sessions, beside lib.bash: asking daemons, talking through the tunnel, what a
# host looks like, what the logs say. Every file that loads this has
#
#   setup() { lab_here; }    teardown_file() { logs_clean; lab_down; }
#
# so that a sanitizer's report in a daemon's log fails the file.

python=$(PATH=/usr/bin:/bin command -v python3 || command -v python3) # a wrapper of it would be slow
readonly python

as1=203.0.113.6 rs1=198.51.100.6 rs2=198.51.100.10
pc1=192.168.101.10 pc1_six=fd64:0:0:101::10
plc1=192.168.201.10 plc1_six=fd64:0:0:201::10 plc2=192.168.202.10
export as1 rs1 rs2 pc1 pc1_six plc1 plc1_six plc2

# --- asking daemons: their sockets do not care about network namespaces ---

# tool NODE COMMAND... - the node's own tool: vpnctl, relayctl or accessctl.
tool() {
	local node=$1 name=vpnctl

	shift
	case $node in
	as*) name=accessctl ;;
	rs*) name=relayctl ;;
	esac
	FARLAN_SOCKET=$(lab_dir "$node")/socket "$BUILD/bin/$name" "$@" 3>&- 4>&-
}

# json EXPRESSION - what it yields for the document d on standard input: lists line by line, null as
# nothing, true and false.
json() {
	"$python" -ESc '
import json, sys

d = json.load(sys.stdin)
out = eval(sys.argv[1])
for item in out if isinstance(out, list) else [] if out is None else [out]:
    print(str(item).lower() if isinstance(item, bool) else item)
' "$1"
}

# field NODE EXPRESSION - from the node's status, e.g. 'd["server"]["port"]'.
field() {
	tool "$1" status --json | json "$2"
}

# session_field NODE PEER MEMBER - of the session with PEER; empty without one.
session_field() {
	field "$1" "[s.get('$3') for s in d['sessions'] if s['peer'] == '$2']"
}

is_online() {
	[[ $(tool "$1" status --json 2>/dev/null) =~ \"state\":\ *\"online\" ]]
}

is_offline() {
	! is_online "$1"
}

# is_up NODE PEER - a session is there, and has a way.
is_up() {
	[[ $(session_field "$1" "$2" state 2>/dev/null) == up ]]
}

has_sessions() {
	[[ $(field "$1" 'len(d["sessions"])' 2>/dev/null) == "$2" ]]
}

# connect NODE DEVICE
connect() {
	tool "$1" connect "$2" >/dev/null
}

# connected LAN... - site1 has these LANs, and eng1 a new session with it.
connected() {
	local lan options=()

	for lan; do
		options+=(--lan "$lan")
	done
	tool eng1 disconnect >/dev/null || :
	lab stop site1 # it would be made to connect anew, and wait ever longer
	tool as1 device set site1 "${options[@]}"
	lab start site1
	wait_for 20 is_online site1
	connect eng1 site1 && wait_for 5 is_up site1 eng1
}

# disconnect_all - managers end everything, and the devices hear of it.
disconnect_all() {
	local node

	for node in $(nodes eng); do
		tool "$node" disconnect >/dev/null || :
	done
	for node in $(nodes site); do
		wait_for 5 has_sessions "$node" 0
	done
}

# nodes KIND - those of the lab.
nodes() {
	local dir

	for dir in "$(lab_dir)/$1"[0-9]*/; do
		basename "$dir"
	done
}

# refused PART COMMAND... - it must fail, with words that hold PART.
# shellcheck disable=SC2154 # status and output are of `run`
refused() {
	local part=$1

	shift
	run "$@"
	((status != 0)) || fail "should have been refused: $*"$'\n'"$output"
	assert_contains "$output" "$part"
}

# --- talking: tests/net/talk.py ---

# start_talk NODE [PORT] - serve it there, until the lab goes down.
start_talk() {
	lab in "$1" "$python" "$BATS_TEST_DIRNAME/talk.py" serve "${2:-7}" >/dev/null 2>&1 &
	disown $!
	wait_for 5 listens "$1" "${2:-7}"
}

# talk NODE VERB HOST ARGUMENT... - on port 7.
talk() {
	lab in "$1" "$python" "$BATS_TEST_DIRNAME/talk.py" "$2" "$3" 7 "${@:4}"
}

# --- the host ---

# host_of NODE - all that vpnd may change there: addresses, routes, rules, links, sysctls, firewall.
host_of() {
	# shellcheck disable=SC2016 # expanded in the node
	lab in "$1" bash -c '
		ip -o address
		ip -4 route show table all
		ip -6 route show table all
		ip rule
		ip -6 rule
		cd /proc/sys/net
		grep -rsH "" ipv4/conf ipv6/conf ipv4/ip_forward | sort
		nft list ruleset
	'
}

# same_host NODE FILE - the host is as it was when FILE was written by host_of.
same_host() {
	diff "$2" <(host_of "$1") >&2
}

# note_hosts NODE... - what they look like without vpnd, for `clean`.
note_hosts() {
	local node

	for node; do
		lab stop "$node"
		host_of "$node" >"$BATS_FILE_TMPDIR/host-$node"
		lab start "$node"
	done
	for node; do
		wait_for 20 is_online "$node"
	done
}

# clean NODE - its host is as it is without vpnd.
clean() {
	same_host "$1" "$BATS_FILE_TMPDIR/host-$1"
}

# goes NODE ADDRESS INTERFACE - by which a packet leaves.
goes() {
	[[ $(lab in "$1" ip -o route get "$2") == *" dev $3 "* ]] ||
		fail "$(lab in "$1" ip -o route get "$2"), not by $3"
}

# routes_of NODE - what leads into the tunnel.
routes_of() {
	lab in "$1" sh -c 'ip -4 route show table all proto 0x46; ip -6 route show table all proto 0x46' 
}

# --- logs ---

# log_holds NODE WORDS
log_holds() {
	grep -qF -- "$2" "$(lab_dir "$1")/log"
}

# log_lines NODE WORDS - how many lines of the log hold them.
log_lines() {
	grep -cF -- "$2" "$(lab_dir "$1")/log" || :
}

# logs_clean - no daemon was caught by a sanitizer, or left handles open.
logs_clean() {
	local file bad=0

	for file in "$(lab_dir)"/*/log; do
		[[ -e $file ]] || continue
		if grep -aE 'ERROR: (Address|Leak)Sanitizer|runtime error|handles were left open' "$file"; then
			printf '%s:\n' "$file"
			grep -aA 40 -E 'ERROR: (Address|Leak)Sanitizer|runtime error' "$file" | head -60
			bad=1
		fi
	done >&2
	return "$bad"
}

# all_stop - every daemon ends by SIGTERM, and says nothing bad on its way.
all_stop() {
	local node

	for node in $(nodes eng) $(nodes site) $(nodes rs) $(nodes as); do
		! lab pid "$node" >/dev/null 2>&1 || lab stop "$node" || fail "$node did not stop"
	done
	logs_clean
}

is_asan() {
	grep -q __asan_init "$BUILD/bin/vpnd"
}

# rss_kb NODE - memory of its daemon.
rss_kb() {
	awk '/^VmRSS/ { print $2 }' "/proc/$(lab pid "$1")/status"
}
