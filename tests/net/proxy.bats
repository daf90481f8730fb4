#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2154 # addresses and python are of vpn.bash
# Out by an HTTP proxy only: squid, with and without a login, and what else may stand there.
# bats file_tags=proxy
#
#   site1 --tcp/3128-3199 only, no DNS--> inet: 3128 squid, no login     3130 squid, Digest
#   eng1  ------------------------------>       3129 the same, Basic     3140.. foreign.py, 3149 inspects

load lib
load vpn
load silence

readonly gate=10.2.1.1 # of inet, as site1 sees it
kinds=(proxy-{garbage,page,hung,endless,headers,chunked,portal} ssh silent)

setup_file() {
	local d i job jobs=()

	lab_up || return 0
	start_talk plc1
	# squid is another user, and the lab's own folder is nobody else's.
	SQUID=$(mktemp -d /tmp/farlan-squid-XXXXXX)
	export SQUID
	d=$SQUID
	chown proxy "$d"
	printf 'joe:%s\n' "$(openssl passwd -apr1 'se:cret %@')" >"$d/basic"
	printf 'joe:lab:%s\n' "$(printf '%s' 'joe:lab:se:cret %@' | md5sum | cut -d ' ' -f 1)" >"$d/digest"
	start_squid plain 3128 'http_access allow all' &
	jobs+=($!)
	start_squid basic 3129 "auth_param basic program /usr/lib/squid/basic_ncsa_auth $d/basic" \
		'auth_param basic realm lab' "${login_rules[@]}" &
	jobs+=($!)
	start_squid digest 3130 "auth_param digest program /usr/lib/squid/digest_file_auth -c $d/digest" \
		'auth_param digest realm lab' "${login_rules[@]}" &
	jobs+=($!)
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=inspector -days 2 \
		-keyout "$d/key" -out "$d/certificate" 2>/dev/null
	cat "$d/key" >>"$d/certificate"
	in_inet "$d/foreign.log" "$python" "$BATS_TEST_DIRNAME/foreign.py" proxy-inspect 3149 "$d/certificate"
	for i in "${!kinds[@]}"; do
		in_inet "$d/foreign.log" "$python" "$BATS_TEST_DIRNAME/foreign.py" "${kinds[i]}" $((3140 + i))
	done
	for job in "${jobs[@]}"; do
		wait "$job"
	done
	# site1 knows no name but the proxy's, and would ask a server for others.
	lab stop site1
	mkdir "$d/etc"
	printf '127.0.0.1 localhost\n%s proxy.lab\n' "$gate" >"$d/etc/hosts"
	printf 'nameserver 192.0.2.53\n' >"$d/etc/resolv.conf"
	ln -sfn "$d/etc" "/etc/netns/$LAB-site1"
	lab allow site1 tcp/3128-3199
	watch_uplink site1
}

login_rules=('acl known proxy_auth REQUIRED' 'http_access deny !known' 'http_access allow all')

setup() {
	lab_here
}

teardown_file() {
	local rc=0

	logs_clean || rc=1
	# The lab's own servers were allowed once.
	uplink_silent site1 "$gate" || rc=1
	stop_all_in_inet
	rm -rf "${SQUID:-/nowhere}"
	lab_down
	return "$rc"
}

# in_inet LOG COMMAND... - in the background there, until the end of the file.
in_inet() {
	local log=$1

	shift
	(exec "$REPO/scripts/lab" in inet "$@") >>"$log" 2>&1 3>&- 4>&- &
	echo $! >>"$BATS_FILE_TMPDIR/in-inet"
	disown $!
}

stop_all_in_inet() {
	local pid

	[[ -e $BATS_FILE_TMPDIR/in-inet ]] || return 0
	while read -r pid; do
		kill "$pid" 2>/dev/null || :
	done <"$BATS_FILE_TMPDIR/in-inet"
}

# start_squid NAME PORT LINE... - it lets CONNECT pass to 443 only, as is usual.
start_squid() {
	local d=$SQUID name=$1 port=$2

	shift 2
	printf '%s\n' "http_port $port" 'visible_hostname proxy.lab' 'acl tls port 443' 'http_access deny !tls' "$@" \
		'cache deny all' "cache_log $d/$name.cache" "access_log stdio:$d/$name.access" 'pid_filename none' \
		'shutdown_lifetime 0 seconds' 'cache_effective_user proxy' 'netdb_filename none' 'pinger_enable off' \
		"coredump_dir $d" 'hosts_file /etc/hosts' 'connect_timeout 2 seconds' 'forward_timeout 3 seconds' \
		>"$d/$name.conf"
	in_inet "$d/$name.log" squid -N -n "$name" -f "$d/$name.conf"
	wait_for 10 listens inet "$port"
}

# set_node NODE LINE... - from anew, with these lines in its configuration and no others on ways out.
set_node() {
	local node=$1

	shift
	lab stop "$node"
	sed -i '/^proxy =/d; /^no-proxy =/d; /^ports =/d' "$(lab_dir "$node")/conf"
	printf '%s\n' "$@" >>"$(lab_dir "$node")/conf"
	lab start "$node"
}

# online_by NODE PROXY - it is online, through this proxy; "": through none.
online_by() {
	wait_for 15 is_online "$1"
	assert_equal "$(field "$1" 'd["server"].get("proxy", "")')" "$2" "proxy of $1"
}

# complains NODE WORDS
complains() {
	[[ $(field "$1" 'd.get("last_error", "")') == *"$2"* ]]
}

# connects NAME ADDRESS - what this squid has passed on for ADDRESS.
connects() {
	grep -c " $2 TCP_TUNNEL/200 .* CONNECT " "$SQUID/$1.access" || :
}

@test "through a proxy: names are its business, sessions work in both directions" {
	set_node site1 'proxy = http://proxy.lab:3128'
	set_node eng1 'proxy = http://10.1.1.1:3128'
	online_by site1 proxy.lab:3128
	online_by eng1 10.1.1.1:3128
	connect eng1 site1
	wait_for 5 is_up site1 eng1
	talk pc1 put "$plc1" 3000000
	talk pc1 get "$plc1" 3000000
	assert_equal "$(session_field site1 eng1 proxy)" proxy.lab:3128
	assert_equal "$(session_field site1 eng1 relay_port)" 443
	assert_equal "$(session_field site1 eng1 relay_address)" None
	assert_contains "$(tool site1 status)" "as1.lab port 443 by proxy proxy.lab:3128"
	assert_contains "$(tool site1 status)" "rs1 port 443 by proxy proxy.lab:3128"
	# It only passes bytes on, so the outer layer goes.
	wait_for 2 has_layers site1 inner
	wait_for 2 has_layers eng1 inner
	wait_for 10 measured site1
	tool eng1 disconnect >/dev/null
	wait_for 5 has_sessions site1 0
	# Not one packet went elsewhere: no name was asked for, no remembered address was tried.
	assert_equal "$(tcpdump -nr "$BATS_FILE_TMPDIR/uplink-site1.pcap" "not dst host $gate" 2>/dev/null)" ""
}

has_layers() {
	[[ $(field "$1" '[s["layers"] for s in d["sessions"]]') == "$2" ]]
}

measured() {
	[[ $(tool "$1" relays --json | json '[r["name"] for r in d["relays"] if r.get("rtt_us")]') == rs1 ]]
}

@test "Basic: user name and password, a wrong one, none" {
	set_node site1 'proxy = http://joe:se%3Acret%20%25%40@proxy.lab:3129'
	online_by site1 proxy.lab:3129
	set_node site1 'proxy = http://joe:sesame-open@proxy.lab:3129'
	wait_for 10 complains site1 "the proxy refused user name or password (Basic): check proxy ="
	assert_fails log_holds site1 sesame-open
	assert_fails grep -q sesame-open <(tool site1 status; tool site1 status --json)
	set_node site1 'proxy = http://proxy.lab:3129'
	wait_for 10 complains site1 "the proxy wants a user name and password (Basic): set proxy ="
}

@test "Digest: user name and password, a wrong one" {
	local before

	set_node site1 'proxy = http://joe:se%3Acret%20%25%40@proxy.lab:3130'
	online_by site1 proxy.lab:3130
	# Who is known by a nonce is not asked again: only the first connection was.
	connect_all
	assert_equal "$(grep -c ' TCP_DENIED/407 ' "$SQUID/digest.access")" 1
	lab stop site1 # squid tells of a tunnel when it ends
	before=$(connects digest 10.2.1.2)
	((before > 1))
	set_node site1 'proxy = http://joe:sesame-open@proxy.lab:3130'
	wait_for 10 complains site1 "the proxy refused user name or password (Digest)"
	assert_equal "$(connects digest 10.2.1.2)" "$before"
}

# connect_all - a session, and its end: more connections through the proxy.
connect_all() {
	connect eng1 site1
	wait_for 5 is_up site1 eng1
	tool eng1 disconnect >/dev/null
	wait_for 5 has_sessions site1 0
}

@test "what the proxy says no to: a port, a server that does not answer" {
	set_node site1 'proxy = http://proxy.lab:3128' 'ports = 80, 5935'
	wait_for 10 complains site1 "the proxy does not allow as1.lab:80: whoever runs it has to (403, ERR_ACCESS_DENIED"
	lab stop as1
	set_node site1 'proxy = http://proxy.lab:3128'
	wait_for 15 complains site1 "the proxy did not reach as1.lab:443 (503, ERR_CONNECT_FAIL"
	assert_contains "$(tool site1 status)" "did not reach as1.lab:443"
	lab start as1
	wait_for 60 is_online site1
	wait_for 60 is_online eng1
	wait_for 60 is_online rs1
}

@test "the environment's https_proxy and no_proxy; proxy = none" {
	set_node eng1
	lab stop eng1
	https_proxy=http://10.1.1.1:3128 lab start eng1
	online_by eng1 10.1.1.1:3128
	lab stop eng1
	HTTPS_PROXY=10.1.1.1:3128 no_proxy=.lab lab start eng1
	online_by eng1 ''
	lab stop eng1
	printf 'no-proxy = rs1.lab, 2001:db8::/32\n' >>"$(lab_dir eng1)/conf"
	HTTPS_PROXY=10.1.1.1:3128 no_proxy=.lab lab start eng1
	online_by eng1 10.1.1.1:3128
	connect eng1 site1
	assert_equal "$(session_field eng1 site1 proxy)" None
	tool eng1 disconnect >/dev/null
	set_node eng1 'proxy = none'
	lab stop eng1
	https_proxy=http://10.1.1.1:3128 lab start eng1
	online_by eng1 ''
}

@test "who comes in for the first time comes through it, too; and a relay" {
	set_node site1 'proxy = http://proxy.lab:3128'
	lab stop site1
	rm -r "$(lab_dir site1)/state"
	lab start site1
	run tool site1 enroll < <(tool as1 device reinvite site1)
	assert_equal "$status" 0
	assert_contains "$output" "connected to port 443 by proxy proxy.lab:3128"
	online_by site1 proxy.lab:3128
	set_node rs1 'proxy = http://198.51.100.5:3128'
	wait_for 15 is_online rs1
	assert_equal "$(field rs1 'd["proxy"]')" 198.51.100.5:3128
	assert_contains "$(tool rs1 status)" "by proxy 198.51.100.5:3128"
	connect_all
}

@test "a proxy that inspects: both layers stay, and status says so" {
	set_node site1 'proxy = http://proxy.lab:3149'
	online_by site1 proxy.lab:3149
	assert_contains "$(field site1 'd["server"]["outer"]')" "unverified"
	[[ -n $(field site1 'd["server"]["inspection"]') ]]
	connect eng1 site1
	wait_for 5 is_up site1 eng1
	talk pc1 put "$plc1" 100000
	assert_equal "$(session_field site1 eng1 layers)" "outer and inner"
	assert_equal "$(session_field site1 eng1 proxy)" proxy.lab:3149
	tool eng1 disconnect >/dev/null
	wait_for 5 has_sessions site1 0
}

@test "what is no proxy, or a bad one: words, and nothing grows" {
	local i rss words=("200 and then something that is not TLS" "200 and then something that is not TLS"
		"closed the connection during the handshake" "the head of its answer is too long"
		"the head of its answer is too long" "refused user name or password (Basic)"
		"perhaps a captive portal (302)" "what answers there is no HTTP proxy" "did not answer in time")

	set_node site1 'proxy = http://proxy.lab:3128'
	rss=$(rss_kb site1)
	for i in "${!kinds[@]}"; do
		set_node site1 "proxy = http://joe:x@proxy.lab:$((3140 + i))"
		wait_for 15 complains site1 "${words[i]}"
		assert_between "$(rss_kb site1)" 1 $((rss + 16384)) "memory after ${kinds[i]}"
	done
	set_node site1 'proxy = http://proxy.lab:3128'
	online_by site1 proxy.lab:3128
}

@test "a password is shown nowhere, and a file that everybody reads is warned of" {
	local conf=$BATS_TEST_TMPDIR/conf

	printf '[vpnd]\nproxy = http://joe:sesame-open@proxy.lab:3129\n' >"$conf"
	chmod 644 "$conf"
	run "$BUILD/bin/vpnd" -n -c "$conf"
	assert_equal "$status" 0
	assert_contains "$output" "proxy = http://joe:****@proxy.lab:3129"
	assert_contains "$output" "holds a password (proxy) and everybody may read it: chmod 640"
	assert_fails grep -q sesame-open <<<"$output"
	chmod 640 "$conf"
	run "$BUILD/bin/vpnd" -n -c "$conf"
	assert_fails grep -q "everybody may read" <<<"$output"
	printf '[vpnd]\nproxy = https://joe:sesame-open@proxy.lab:3129\n' >"$conf"
	run "$BUILD/bin/vpnd" -n -c "$conf"
	assert_equal "$status" 2
	assert_contains "$output" "TLS to the proxy itself (https://) is not supported"
	assert_fails grep -q sesame-open <<<"$output"
}

@test "all daemons end in good order" {
	all_stop
}
