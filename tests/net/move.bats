#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2154 # addresses and python are of vpn.bash
# Sessions move: from a relay that drains without a break, from one that is lost within seconds, with
# the Access Server or without. What runs through the tunnel goes on.
# alone: it measures how long connections wait
# bats file_tags=move
#
#   eng1 --443 or 5935--> rs1, rs2, rs3: 443   nginx in one test, ends TLS and begins it again
#   site1 ------5935---->               5935   relayd

load lib
load vpn
load silence

setup_file() {
	lab_up --relays 3 || return 0
	watch_uplink site1
	start_talk plc1
	lab in plc1 iperf3 -s >/dev/null 2>&1 3>&- 4>&- &
	disown $!
	connect eng1 site1
	wait_for 10 is_up site1 eng1
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

# --- what runs through the tunnel ---

# begin WHAT COMMAND... - in the background; its output is kept.
begin() {
	local what=$1

	shift
	"$@" >"$BATS_TEST_TMPDIR/$what" 2>"$BATS_TEST_TMPDIR/$what.errors" 3>&- 4>&- &
	printf '%s' $! >"$BATS_TEST_TMPDIR/$what.pid"
}

# ended WHAT - it must have gone well. (A job of this shell.)
ended() {
	wait "$(<"$BATS_TEST_TMPDIR/$1.pid")" ||
		fail "$1 failed:"$'\n'"$(tail -n 20 "$BATS_TEST_TMPDIR/$1" "$BATS_TEST_TMPDIR/$1.errors")"
}

hold() {
	begin hold talk pc1 hold "$plc1" "$1"
	sleep 0.5
}

# held LONGEST_MS - the TCP connection of `hold` lived; prints the longest wait for an answer.
held() {
	local lines longest

	ended hold
	read -r lines longest <"$BATS_TEST_TMPDIR/hold"
	assert_between "$lines" 10 100000 "lines of the TCP connection inside"
	echo "# the longest wait inside was $longest ms" >&3
	assert_between "$longest" 0 "$1" "its longest wait in milliseconds"
}

# --- where the session is ---

relay_in_use() {
	session_field eng1 site1 relay
}

at_another() {
	local relay

	relay=$(relay_in_use)
	[[ -n $relay && $relay != "$1" && $(session_field site1 eng1 relay) == "$relay" ]]
}

at() {
	[[ $(relay_in_use) == "$1" && $(session_field site1 eng1 relay) == "$1" ]]
}

# searched NODE - how often its session was without a path.
searched() {
	log_lines "$1" 'state=searching was=up'
}

never_searched() {
	assert_equal "$(searched eng1)" "$1" "breaks at the manager"
	assert_equal "$(searched site1)" "$2" "breaks at the device"
}

is_gone() {
	! lab pid "$1" >/dev/null 2>&1
}

back_online() {
	lab start "$1"
	wait_for 20 is_online "$1"
}

empty() {
	[[ $(field "$1" 'd["sessions"]') == 0 ]]
}

# all_listed - the session's list has all relays: those that were away come back to it by and by.
all_listed() {
	[[ $(tool as1 session list --json 2>/dev/null | json 'len(d[0]["relays"])' 2>/dev/null) == 3 ]]
}

drains() {
	[[ $(field "$1" 'd["draining"]') == "$2" ]]
}

# --- draining ---

@test "relayctl drain: a transfer and a TCP connection with an answer to each line go on through another relay" {
	local breaks_eng breaks_site relay

	breaks_eng=$(searched eng1) breaks_site=$(searched site1)
	relay=$(relay_in_use)
	hold 4
	begin put talk pc1 put "$plc1" 100000000
	sleep 1
	tool "$relay" drain
	wait_for 10 at_another "$relay"
	wait_for 10 empty "$relay"
	drains "$relay" true
	assert_contains "$(tool "$relay" status)" "takes no new sessions"
	held 1000
	ended put
	never_searched "$breaks_eng" "$breaks_site"
	tool "$relay" enable
	drains "$relay" false
}

@test "SIGTERM while iperf3 runs: the relay ends when the session has gone, and nothing is interrupted" {
	local breaks_eng breaks_site relay

	breaks_eng=$(searched eng1) breaks_site=$(searched site1)
	relay=$(relay_in_use)
	hold 4
	begin iperf lab in pc1 iperf3 -c "$plc1" -t 4 -i 0.2 -J
	sleep 1
	kill -TERM "$(lab pid "$relay")"
	wait_for 10 at_another "$relay"
	wait_for 10 is_gone "$relay"
	held 1000
	ended iperf
	"$python" -ESc '
import json, sys

d = json.load(open(sys.argv[1]))
rates = [i["sum"]["bits_per_second"] / 1e6 for i in d["intervals"]]
print("# Mbit/s in each 200 ms: " + " ".join("%.0f" % r for r in rates))
stopped = longest = 0
for r in rates:
    stopped = stopped + 1 if r == 0 else 0
    longest = max(longest, stopped)
sys.exit("nothing was carried for %d intervals" % longest if longest > 4 else 0)
' "$BATS_TEST_TMPDIR/iperf" >&3
	never_searched "$breaks_eng" "$breaks_site"
	back_online "$relay"
}

@test "a second signal ends the relay at once, and the session finds another" {
	local relay pid

	relay=$(relay_in_use)
	for other in rs1 rs2 rs3; do
		[[ $other == "$relay" ]] || lab stop "$other" # nowhere to go
	done
	hold 8
	pid=$(lab pid "$relay")
	kill -TERM "$pid"
	sleep 0.5
	lab pid "$relay" >/dev/null
	at "$relay"
	kill -TERM "$pid"
	wait_for 5 is_gone "$relay"
	for other in rs1 rs2 rs3; do
		back_online "$other"
	done
	held 8000
}

# --- loss ---

# drop_from NODE IPV4 IPV6 - what comes from there vanishes at NODE.
drop_from() {
	lab in "$1" nft -f - <<-END
		table inet silent {
			chain in {
				type filter hook input priority 0
				ip saddr $2 drop
				ip6 saddr $3 drop
			}
		}
	END
}

@test "kill -9 of the relay while the Access Server is away" {
	local relay

	wait_for 60 all_listed
	lab kill as1
	relay=$(relay_in_use)
	hold 5
	lab kill "$relay"
	wait_for 15 at_another "$relay"
	held 4000
	lab start "$relay"
	lab start as1
	for node in eng1 site1 rs1 rs2 rs3; do
		wait_for 40 is_online "$node"
	done
}

@test "the relay's link is cut while the Access Server is away: silence is left for another relay" {
	local relay

	wait_for 60 all_listed
	lab kill as1
	relay=$(relay_in_use)
	hold 9
	lab link "$relay" --down
	wait_for 20 at_another "$relay"
	held 9000
	lab link "$relay" --up
	lab start as1
	for node in eng1 site1 rs1 rs2 rs3; do
		wait_for 40 is_online "$node"
	done
}

@test "the relay's machine goes silent for one end first, for the other later" {
	local relay

	wait_for 60 all_listed
	relay=$(relay_in_use)
	hold 12
	drop_from "$relay" 192.0.2.1 2001:db8:e:1::2 # eng1
	sleep 2
	kill -STOP "$(lab pid "$relay")"
	wait_for 20 at_another "$relay"
	held 11000
	kill -CONT "$(lab pid "$relay")"
	lab in "$relay" nft delete table inet silent
	wait_for 40 is_online "$relay"
}

@test "each end reaches other relays: they meet where both can go" {
	local relay common

	wait_for 60 all_listed
	relay=$(relay_in_use)
	case $relay in rs1) common=rs3 only=rs2 ;; rs2) common=rs3 only=rs1 ;; *) common=rs2 only=rs1 ;; esac
	hold 12
	drop_from "$only" 192.0.2.101 2001:db8:d:1::2 # site1
	lab kill "$relay"
	wait_for 20 at "$common"
	held 11000
	lab in "$only" nft delete table inet silent
	back_online "$relay"
}

# --- a proxy between ---

# proxy_conf NODE - nginx before relayd there.
proxy_conf() {
	local d=$BATS_FILE_TMPDIR

	cat <<-END
		daemon off;
		user root;
		pid $d/nginx-$1.pid;
		error_log stderr;
		events {}
		http {
			access_log off;
			client_body_temp_path $d/nginx-body;
			proxy_temp_path $d/nginx-proxy;
			fastcgi_temp_path $d/nginx-fastcgi;
			uwsgi_temp_path $d/nginx-uwsgi;
			scgi_temp_path $d/nginx-scgi;
			server {
				listen 443 ssl;
				listen [::]:443 ssl;
				ssl_certificate $d/certificate;
				ssl_certificate_key $d/key;
				ssl_protocols TLSv1.3;
				location / {
					proxy_pass https://127.0.0.1:5935;
					proxy_ssl_protocols TLSv1.3;
					proxy_http_version 1.1;
					proxy_set_header Host \$host;
					proxy_set_header Upgrade \$http_upgrade;
					proxy_set_header Connection upgrade;
				}
			}
		}
	END
}

set_node() {
	printf '%s\n' "$2" >>"$(lab_dir "$1")/conf"
	lab stop "$1"
	back_online "$1"
}

@test "the manager's legs go through nginx: drain and kill move the session all the same" {
	local relay node breaks_eng breaks_site

	tool eng1 disconnect >/dev/null
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=rs.lab -days 2 \
		-keyout "$BATS_FILE_TMPDIR/key" -out "$BATS_FILE_TMPDIR/certificate" 2>/dev/null
	for node in rs1 rs2 rs3; do
		set_node "$node" 'listen = 5935'
		proxy_conf "$node" >"$BATS_FILE_TMPDIR/nginx-$node.conf"
		(exec "$REPO/scripts/lab" in "$node" nginx -c "$BATS_FILE_TMPDIR/nginx-$node.conf") \
			>/dev/null 2>&1 3>&- 4>&- &
		disown $!
		wait_for 5 listens "$node" 443
	done
	set_node eng1 'ports = 443'
	set_node site1 'ports = 5935'
	connect eng1 site1
	wait_for 10 is_up site1 eng1
	assert_equal "$(session_field eng1 site1 layers)" "outer and inner"
	breaks_eng=$(searched eng1) breaks_site=$(searched site1)
	relay=$(relay_in_use)
	hold 7
	tool "$relay" drain
	wait_for 10 at_another "$relay"
	wait_for 10 empty "$relay"
	never_searched "$breaks_eng" "$breaks_site"
	tool "$relay" enable
	relay=$(relay_in_use)
	lab kill "$relay"
	wait_for 15 at_another "$relay"
	held 6000
	back_online "$relay"
	for node in rs1 rs2 rs3; do
		kill "$(<"$BATS_FILE_TMPDIR/nginx-$node.pid")"
	done
}

@test "all daemons end in good order" {
	all_stop
}
