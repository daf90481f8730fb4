#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Published behind a reverse proxy in a DMZ (rs2's host), with the files of docs/publish, and by one address alone.
# One lab for all: each test goes on where the one before ended.
# bats file_tags=publish

# shellcheck disable=SC2154 # addresses and python are of vpn.bash
load lib
load vpn
load silence

dmz=$rs2
access=https://access.example.org
www=https://www.example.org

setup_file() {
	local node

	lab_up --bare --relays 2 || return 0
	watch_uplink site1
	lab stop rs2 # its host is the DMZ's
	printf '%s access.example.org relay.example.org www.example.org\n' "$dmz" >>"$(lab_dir)/etc/hosts"
	for node in as1 rs1 eng1; do
		lab stop "$node"
	done
	make_certificates
	configure as1 "listen = $as1:8080 tls=no" "trusted-proxies = $dmz"
	configure rs1 "listen = $rs1:8443" "trusted-proxies = $dmz"
	configure eng1 "trust = domain, $certs/ca.pem" "ports = 443"
	lab start as1
	lab in as1 accessctl init --domain lab --url "$access,$www/farlan" </dev/null >/dev/null
	lab in as1 accessctl permission allow everyone connect / </dev/null >/dev/null
}

setup() {
	lab_here
	certs=$BATS_FILE_TMPDIR/certs
	config=$BATS_FILE_TMPDIR/proxy.conf
}

teardown_file() {
	local rc=0

	stop_proxy || :
	logs_clean || rc=1
	uplink_silent site1 || rc=1
	lab_down
	return "$rc"
}

# configure NODE LINE...
configure() {
	printf '%s\n' "${@:2}" >>"$(lab_dir "$1")/conf"
}

# --- certificates, as certbot leaves them ---

# make_certificates - a public CA of our own, and what it signed for the three names: RSA, since many are so.
make_certificates() {
	local names=access.example.org,DNS:relay.example.org,DNS:www.example.org

	certs=$BATS_FILE_TMPDIR/certs
	mkdir -p "$certs"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj '/CN=Public CA' \
		-keyout "$certs/ca.key" -out "$certs/ca.pem" 2>/dev/null
	sign rsa 90 "DNS:$names" first
}

# sign rsa|ecdsa DAYS NAMES FOLDER - $certs/FOLDER/fullchain.pem and privkey.pem
sign() {
	local dir=$certs/$4

	mkdir -p "$dir"
	if [[ $1 == rsa ]]; then
		openssl genrsa -out "$dir/privkey.pem" 2048 2>/dev/null
	else
		openssl ecparam -name prime256v1 -genkey -noout -out "$dir/privkey.pem"
	fi
	openssl req -new -key "$dir/privkey.pem" -subj / -out "$dir/csr"
	openssl x509 -req -in "$dir/csr" -CA "$certs/ca.pem" -CAkey "$certs/ca.key" -CAcreateserial -days "$2" \
		-extfile <(printf 'subjectAltName=%s\n' "$3") -out "$dir/cert.pem" 2>/dev/null
	cat "$dir/cert.pem" "$certs/ca.pem" >"$dir/fullchain.pem"
	cat "$dir/fullchain.pem" "$dir/privkey.pem" >"$dir/both.pem"
}

# --- the proxy ---

# adapt FILE [WORDS REPLACEMENT]... - a file of docs/publish with the lab's addresses and paths; all WORDS must be there.
adapt() {
	local text

	text=$(<"$REPO/docs/publish/$1")
	shift
	set -- "$@" 192.168.10.20:8080 "$as1:8080" 192.168.10.30:8443 "$rs1:8443"
	while (($# > 0)); do
		assert_contains "$text" "$1"
		text=${text//"$1"/"$2"}
		shift 2
	done
	printf '%s\n' "$text"
}

# start_proxy COMMAND... - in the DMZ.
start_proxy() {
	(exec "$REPO/scripts/lab" in rs2 "$@") >"$BATS_FILE_TMPDIR/proxy.log" 2>&1 3>&- 4>&- &
	echo $! >"$BATS_FILE_TMPDIR/proxy.pid"
	disown $!
	wait_for 10 listens rs2 443 || fail "$(<"$BATS_FILE_TMPDIR/proxy.log")"
}

stop_proxy() {
	local pid

	[[ -e $BATS_FILE_TMPDIR/proxy.pid ]] || return 0
	pid=$(<"$BATS_FILE_TMPDIR/proxy.pid")
	rm "$BATS_FILE_TMPDIR/proxy.pid"
	kill "$pid" 2>/dev/null || return 0
	wait_for 10 assert_fails listens rs2 443
}

start_nginx() {
	adapt nginx.conf /etc/letsencrypt/live/access.example.org "$certs/first" \
		/etc/letsencrypt/live/relay.example.org "$certs/first" \
		/etc/letsencrypt/live/www.example.org "$certs/first" >"$config"
	cat >"$config.main" <<-END
		daemon off; user root; pid $BATS_FILE_TMPDIR/nginx.pid; error_log stderr; events { }
		http { access_log $BATS_FILE_TMPDIR/nginx.access; include $config; }
	END
	start_proxy nginx -e stderr -c "$config.main"
}

start_haproxy() {
	adapt haproxy.cfg /etc/haproxy/certs/example.org.pem "$certs/first/both.pem" \
		'log /dev/log local0 notice' 'log stdout format raw local0 notice' >"$config"
	start_proxy haproxy -db -f "$config"
}

start_apache() {
	local module modules=''

	adapt apache.conf /etc/letsencrypt/live/www.example.org "$certs/first" >"$config"
	for module in mpm_event authz_core socache_shmcb ssl proxy proxy_http; do # what a2enmod would do
		modules+="LoadModule ${module}_module /usr/lib/apache2/modules/mod_$module.so"$'\n'
	done
	cat >"$config.main" <<-END
		$modules
		ServerName proxy
		Listen 443
		DefaultRuntimeDir $BATS_FILE_TMPDIR
		PidFile $BATS_FILE_TMPDIR/apache.pid
		ErrorLog $BATS_FILE_TMPDIR/apache.log
		Include $config
	END
	start_proxy apache2 -X -f "$config.main"
}

# --- what is to be seen ---

# seen_as MEMBER - the Access Server knows it by its own address outside, not by the proxy's.
seen_as() {
	grep -aE "online kind=[a-z]+ name=$1 address=192\.0\.2\.[0-9]+:[0-9]+ " "$(lab_dir as1)/log" >/dev/null ||
		fail "$(grep -a "online kind=" "$(lab_dir as1)/log")"
}

# a_new_device NAME - site1 is that from now on.
a_new_device() {
	lab stop site1
	rm -rf "$(lab_dir site1)/state"
	lab start site1
	tool as1 device add "$1" --lan 192.168.201.0/24 </dev/null >"$BATS_FILE_TMPDIR/invitation"
	lab in site1 vpnctl enroll <"$BATS_FILE_TMPDIR/invitation" >/dev/null
	wait_for 30 is_online site1
}

# traffic DEVICE - a session with it carries bytes both ways; in $layers: what is around them.
traffic() {
	wait_for 60 is_online eng1
	wait_for 60 is_online rs1
	connect eng1 "$1"
	wait_for 10 pings pc1 "$plc1"
	talk pc1 tcp "$plc1"
	layers=$(session_field eng1 "$1" layers)
	tool eng1 disconnect >/dev/null
}

# sheds DEVICE - a session with it gets along without the outer layer.
sheds() {
	traffic "$1"
	[[ $layers == inner ]]
}

# server_is_silent HOST TARGET - what comes behind the 101, before the client has said anything: nothing.
server_is_silent() {
	lab in eng1 "$python" - "$dmz" "$@" <<-'END'
		import socket, ssl, sys

		tls = ssl._create_unverified_context()
		with tls.wrap_socket(socket.create_connection((sys.argv[1], 443), 10), server_hostname=sys.argv[2]) as s:
		    s.sendall(("GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		               "Sec-WebSocket-Protocol: farlan.1\r\n\r\n" % (sys.argv[3], sys.argv[2])).encode())
		    got = b""
		    while not got.endswith(b"\r\n\r\n"):
		        got += s.recv(1)
		    assert got.startswith(b"HTTP/1.1 101 "), got
		    s.settimeout(0.5)
		    try:
		        sys.exit("came: %r" % s.recv(100))
		    except TimeoutError:
		        pass
	END
}

# through PROXY - who is new comes in, and a session works.
through() {
	a_new_device "site-$1"
	seen_as "site-$1"
	traffic "site-$1"
}

# everybody_enrols - the relay and the engineer, once, by the proxy that runs.
everybody_enrols() {
	tool as1 relay add rs1 --url "https://relay.example.org,$www/farlan-relay" </dev/null >"$BATS_FILE_TMPDIR/relay"
	lab start rs1
	lab in rs1 relayctl enroll <"$BATS_FILE_TMPDIR/relay"
	echo lab-eng1-Secret-of-Engineers >"$BATS_FILE_TMPDIR/password"
	tool as1 user add eng1 --no-change <"$BATS_FILE_TMPDIR/password" >"$BATS_FILE_TMPDIR/user"
	lab start eng1
	cat "$BATS_FILE_TMPDIR/user" "$BATS_FILE_TMPDIR/password" | lab in eng1 vpnctl login
	start_talk plc1
}

# is_checked - HAProxy's health check has asked the relay, and was answered.
is_checked() {
	(($(field rs1 'd["probes"]') > 0))
}

# answer URL [CURL-OPTION...] - what a server answers to eng1: the status.
answer() {
	lab in eng1 curl -skS --max-time 10 -o /dev/null -w '%{http_code}' "${@:2}" "$1"
}

@test "nginx: two names, onwards by HTTP and HTTPS" {
	start_nginx
	everybody_enrols
	server_is_silent access.example.org /v1/control
	through nginx
	assert_equal "$layers" 'outer and inner'
	seen_as eng1
	grep -aE 'session joined .* (manager|device)=192\.0\.2\.' "$(lab_dir rs1)/log"
}

@test "a client sees that the proxy's certificate is good, by the file it trusts" {
	assert_equal "$(field eng1 'd["server"]["outer"]')" verified
	assert_contains "$(field site1 'd["server"]["outer"]')" unverified
}

@test "under a path prefix, taken off by the proxy or not" {
	assert_equal "$(answer $www/farlan/v1/probe)" 200
	assert_equal "$(answer $www/farlan-relay/v1/probe)" 200
	assert_equal "$(answer $www/v1/probe)" 404
	assert_equal "$(answer $access/farlan/v1/probe)" 200
	assert_equal "$(answer $access/other/v1/probe)" 404
}

@test "who is no trusted proxy says nothing about whose a connection is" {
	local at=http://$as1:8080

	assert_equal "$(answer "$at/fake" -H 'X-Forwarded-For: 233.252.0.1')" 404
	assert_equal "$(answer "$access/fake" -H 'X-Forwarded-For: 233.252.0.1')" 404
	wait_for 5 log_holds as1 'answered 404'
	assert_equal "$(log_lines as1 233.252.0.1)" 0
	# A PROXY header is a bad request from the one, and taken from the other.
	lab in eng1 curl -sS --max-time 10 --haproxy-protocol "$at/v1/probe" -o "$config.words" -w '%{http_code}' >"$config.400"
	assert_equal "$(<"$config.400")" 400
	assert_contains "$(<"$config.words")" "trusted-proxies"
	lab in rs2 curl -sS --max-time 10 --haproxy-protocol "$at/v1/probe" -o /dev/null -w '%{http_code}' >"$config.200"
	assert_equal "$(<"$config.200")" 200
	assert_equal "$(lab in rs2 curl -sS --max-time 10 -H 'X-Forwarded-For: 233.252.0.1' "$at/" -o /dev/null \
		-w '%{http_code}')" 404
	wait_for 5 log_holds as1 'address=233.252.0.1:0'
}

# proxied NODE N CLIENT - see proxied.py: how many it keeps.
proxied() {
	local at=("$as1" 8080)

	[[ $1 == as1 ]] || at=("$rs1" 8443)
	lab in rs2 "$python" "$BATS_TEST_DIRNAME/proxied.py" "${at[@]}" "$2" "$3"
}

@test "strangers behind the proxy are counted by their own addresses" {
	assert_between "$(proxied rs1 80 233.252.0.9)" 50 64 "of one address at rs1"
	assert_equal "$(proxied rs1 20 233.252.0.10)" 20
	assert_equal "$(proxied rs1 80 -)" 80 # not said yet: in all only
	# A whole factory comes to the Access Server from one address: as long as there is room it may.
	assert_equal "$(proxied as1 80 233.252.0.9)" 80
	assert_equal "$(proxied as1 80 -)" 80
}

@test "HAProxy: TLS ended for the Access Server, passed on to the relay and shed there" {
	stop_proxy
	start_haproxy
	server_is_silent www.example.org /farlan/v1/control
	through haproxy
	wait_for 5 sheds site-haproxy
	wait_for 15 is_checked
	assert_fails grep -a DOWN "$BATS_FILE_TMPDIR/proxy.log"
	assert_equal "$(answer $www/farlan/v1/probe)" 200
	grep -aE 'session joined .* (manager|device)=192\.0\.2\.' "$(lab_dir rs1)/log"
}

@test "Apache: under a path prefix, onwards by HTTP and HTTPS" {
	stop_proxy
	start_apache
	server_is_silent www.example.org /farlan/v1/control
	through apache
	assert_equal "$layers" 'outer and inner'
}

# --- one address, without a proxy: relayd in front of accessd ---

# shown - the certificate that the public address shows: subject alternative names and end.
shown() {
	lab in eng1 openssl s_client -connect "$dmz:443" -servername access.example.org </dev/null 2>/dev/null |
		openssl x509 -noout -fingerprint -sha256
}

fingerprint() {
	openssl x509 -noout -fingerprint -sha256 -in "$certs/$1/cert.pem"
}

shows() {
	[[ $(shown) == "$(fingerprint "$1")" ]]
}

# use_certificate FOLDER [KEY-FOLDER] - as certbot does it: other targets of the links; then the daemon is told.
use_certificate() {
	ln -sfn "$certs/$1/fullchain.pem" "$certs/live/fullchain.pem"
	ln -sfn "$certs/${2:-$1}/privkey.pem" "$certs/live/privkey.pem"
	kill -HUP "$(lab pid rs2)"
}

# cert_days - what the metric says.
cert_days() {
	lab in rs2 curl -sS --max-time 10 http://127.0.0.1:9471/metrics |
		awk '$1 == "farlan_certificate_left_seconds{certificate=\"outer\"}" { printf "%d", $2 / 86400 }'
}

@test "one address: the relay's ports serve the Access Server, which listens on no port" {
	stop_proxy
	lab stop rs1
	lab stop as1
	sed -i "s|^listen = .*|listen = unix:$(lab_dir as1)/front.sock|" "$(lab_dir as1)/conf"
	lab start as1
	assert_equal "$(lab in as1 ss -Hltn)" ""
	assert_equal "$(stat -c %a "$(lab_dir as1)/front.sock")" 600
	mkdir -p "$certs/live"
	ln -sfn "$certs/first/fullchain.pem" "$certs/first/privkey.pem" "$certs/live/"
	configure rs2 "access = unix:$(lab_dir as1)/front.sock" "certificate = $certs/live/fullchain.pem" \
		"certificate-key = $certs/live/privkey.pem" "metrics = 9471"
	lab start rs2
	# Nobody is in front yet: the relay comes to the Access Server by itself.
	tool as1 relay add rs2 --url https://relay.example.org </dev/null >"$BATS_FILE_TMPDIR/relay"
	lab in rs2 relayctl enroll <"$BATS_FILE_TMPDIR/relay"
	wait_for 10 is_online rs2
	assert_contains "$(tool rs2 status)" "unix:$(lab_dir as1)/front.sock"
	a_new_device site-one
	seen_as site-one
	wait_for 60 is_online eng1
	wait_for 10 sheds_by_rs2
	assert_equal "$(field eng1 'd["server"]["outer"]')" verified
	assert_between "$(field rs2 'd["front"]')" 2 10 "connections to the Access Server"
	server_is_silent access.example.org /v1/control
}

sheds_by_rs2() {
	connect eng1 site-one
	wait_for 10 pings pc1 "$plc1"
	layers=$(session_field eng1 site-one layers)
	[[ $layers == inner ]] || tool eng1 disconnect >/dev/null
	[[ $layers == inner ]]
}

@test "one address: a path before it, and strangers are counted by accessd and relayd" {
	assert_equal "$(answer $www/farlan/v1/control)" 426
	assert_equal "$(answer $access/v1/probe)" 200
	assert_equal "$(answer $access/v1/control -X POST)" 404
}

@test "a renewed certificate is taken without a restart, a bad pair is not; sessions go on" {
	sign ecdsa 5 DNS:access.example.org,DNS:relay.example.org renewed
	shows first
	lab in eng1 openssl s_client -tls1_2 -connect "$dmz:443" </dev/null 2>/dev/null | grep -q 'Cipher is ECDHE-RSA-'
	use_certificate renewed first
	wait_for 15 log_holds rs2 'the old one stays'
	shows first
	assert_contains "$(tool rs2 status)" "the file is not used"
	use_certificate renewed
	wait_for 15 shows renewed
	wait_for 5 log_holds rs2 'certificate expires certificate=outer days='
	assert_between "$(cert_days)" 4 5
	sign ecdsa 20 DNS:relay.example.org other
	use_certificate other
	wait_for 15 shows other
	assert_between "$(cert_days)" 19 20
	wait_for 5 pings pc1 "$plc1" # by the connections that are there
	has_sessions eng1 1
}

@test "one address: an Access Server that is not there is said to be so, and found again" {
	lab kill as1 # its socket's file stays, and is replaced
	assert_equal "$(answer $access/v1/control)" 502
	pings pc1 "$plc1" # sessions do not need it
	lab start as1
	wait_for 70 is_online site1
}

@test "one address: the Access Server on a host behind the relay's" {
	lab stop as1
	lab stop rs2
	sed -i "s|^listen = .*|listen = $as1:8080 tls=no|" "$(lab_dir as1)/conf"
	sed -i "s|^access = .*|access = as1.lab:8080|" "$(lab_dir rs2)/conf"
	lab start as1
	lab start rs2
	wait_for 10 is_online rs2
	a_new_device site-behind
	seen_as site-behind
}
