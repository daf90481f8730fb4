#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# vpnctl doctor: what it finds where something is in the way, and what it says to do.
# bats file_tags=doctor

# shellcheck disable=SC2154 # addresses and python are of vpn.bash
load lib
load vpn
load silence

resolver=10.2.1.1 # inet, as site1 sees it

setup_file() {
	lab_up || return 0
	watch_uplink site1
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=proxy.corp -days 2 \
		-addext subjectAltName=DNS:proxy.corp \
		-keyout "$BATS_FILE_TMPDIR/key" -out "$BATS_FILE_TMPDIR/certificate" 2>/dev/null
	cat "$BATS_FILE_TMPDIR/key" >>"$BATS_FILE_TMPDIR/certificate"
}

setup() {
	lab_here
}

teardown() {
	[[ -e $(lab_dir) ]] || return 0
	lab in inet nft delete table inet trouble 2>/dev/null || :
	lab allow site1 all
	ln -sfn "$(lab_dir)/etc" "/etc/netns/$LAB-site1"
}

teardown_file() {
	local rc=0 pid

	logs_clean || rc=1
	while read -r pid; do
		kill "$pid" 2>/dev/null || :
	done < <(cat "$BATS_FILE_TMPDIR/jobs" 2>/dev/null)
	uplink_silent site1 "$resolver" || rc=1
	lab_down
	return "$rc"
}

# trouble RULE... - what the network between does, until the test ends.
trouble() {
	printf '%s\n' "$@" | lab in inet nft -f -
}

# doctor EXIT_CODE ARGUMENT... - at site1, into $output.
doctor() {
	local code=$1

	shift
	run tool site1 doctor "$@"
	assert_equal "$status" "$code" "exit code; $output"
}

# line_of ID SUBJECT - what stands in the line.
line_of() {
	sed -n "s/^\([a-z]*\) *$1 *$2 \+/\1 /p" <<<"$output"
}

# verdict - the last line but one.
verdict() {
	tail -n 2 <<<"$output" | head -n 1
}

@test "a healthy site: every line is ok" {
	wait_for 5 is_online site1
	doctor 0
	echo "# $(tail -n 1 <<<"$output")" >&3
	assert_equal "$(grep -cE '^(warning|failed)' <<<"$output" || :)" 0 "bad lines"
	assert_contains "$(line_of port "as1.lab $as1:443")" "ok accessd "
	assert_contains "$(line_of port "rs1.lab \[2001:db8:b:1::2\]:5935")" "ok relayd "
	assert_contains "$(line_of server as1.lab)" "ok reached by IPv4 443, 80, 5935; IPv6 443, 80, 5935"
	assert_contains "$(line_of relay rs1)" " ms away"
	assert_contains "$(line_of mtu "as1.lab \S*")" "packets of 1500 bytes pass"
	assert_equal "$(verdict)" "Farlan can come up here: by ports 443, 80, 5935."
}

@test "the same as JSON" {
	tool site1 doctor --json >"$BATS_TEST_TMPDIR/json"
	json 'sorted({c["state"] for c in d["checks"]})' <"$BATS_TEST_TMPDIR/json" | assert_equal "$(cat)" ok
	json '[d["up"], d["ms"] < 30000, len([c for c in d["checks"] if c["id"] == "port"])]' \
		<"$BATS_TEST_TMPDIR/json" | assert_equal "$(cat)" $'true\ntrue\n12'
	json '[" ".join([a["name"], *sorted(a["addresses"]), str(a["ports"]), a["protocol"]]) for a in d["allow"]]' \
		<"$BATS_TEST_TMPDIR/json" | grep -qxF "as1.lab 2001:db8:a:1::2 $as1 [443, 80, 5935] TCP"
}

@test "on a terminal each line comes when it is found" {
	FARLAN_SOCKET=$(lab_dir site1)/socket timeout 60 \
		script -qec "$BUILD/bin/vpnctl doctor" /dev/null </dev/null >"$BATS_TEST_TMPDIR/drawn" 3>&-
	assert_contains "$(<"$BATS_TEST_TMPDIR/drawn")" "Farlan can come up here: by ports 443, 80, 5935."
}

@test "only 5935 is let out, the rest is dropped" {
	lab allow site1 tcp/5935
	doctor 0
	assert_contains "$(line_of port "as1.lab $as1:443")" "warning dropped: no answer"
	assert_equal "$(verdict)" "Farlan can come up here: by port 5935 only."
}

@test "a doctor that is not waited for ends, and so does one whose vpnd stops" {
	lab allow site1 none
	run tool_for 0.7 site1 doctor
	doctor 1 --url https://as1.lab:5935
	tool_for 5 site1 doctor >/dev/null 2>&1 3>&- &
	sleep 0.5
	lab stop site1
	lab start site1
	lab allow site1 all
	wait_for 20 is_online site1
}

# tool_for SECONDS NODE COMMAND... - vpnctl, which is ended then.
tool_for() {
	FARLAN_SOCKET=$(lab_dir "$2")/socket timeout "$1" "$BUILD/bin/vpnctl" "${@:3}"
}

@test "nothing is let out: what to allow is said" {
	lab allow site1 none --reset
	doctor 1
	assert_contains "$(line_of port "as1.lab $as1:443")" "warning refused: "
	assert_contains "$(verdict)" "Farlan cannot come up here: allow outbound TCP 443 or 80 or 5935 to as1.lab ("
	assert_contains "$(verdict)" "$as1"
	assert_contains "$(verdict)" "rs1.lab (2001:db8:b:1::2, $rs1)"
	assert_contains "$output" "
  rs1.lab  2001:db8:b:1::2  443 or 80 or 5935  TCP, Relay Server
           $rs1
"
	# Nor has it heard of the relays since it started: what it was told before stands there.
	lab allow site1 all
	lab stop site1
	lab start site1
	wait_for 20 is_online site1
	lab allow site1 none --reset
	lab stop site1
	lab start site1
	doctor 1
	assert_contains "$(verdict)" "rs1.lab ("
	assert_contains "$output" "443 or 80 or 5935  TCP, Relay Server"
}

# stand_in KIND PORT FOR - in inet, for the servers' port FOR.
stand_in() {
	# Not by lab(): $! is to be the server itself.
	(exec "$REPO/scripts/lab" in inet "$python" "$BATS_TEST_DIRNAME/foreign.py" "$1" "$2" \
		"$BATS_FILE_TMPDIR/certificate") >/dev/null 2>&1 3>&- &
	disown $!
	wait_for 5 listens inet "$2"
	lead "$3" "$2"
}

# lead PORT OTHER - what site1 sends to PORT of anybody comes to inet's OTHER.
lead() {
	trouble 'table inet trouble {
		chain prerouting {
			type nat hook prerouting priority -110; policy accept;
			iifname "site1" tcp dport '"$1"' redirect to :'"$2"'
		}
	}'
}

@test "no default gateway: it is not the firewall's fault" {
	lab in site1 ip route del default
	lab in site1 ip -6 route del default
	run tool site1 doctor
	lab in site1 ip route add default via 10.2.1.1
	lab in site1 ip -6 route add default via 2001:db8:d:1::1
	assert_equal "$status" 1 "exit code; $output"
	assert_contains "$(line_of server as1.lab)" "failed not reached: there is no way there"
	assert_contains "$(verdict)" "there is no way out of this network: look at the cable, this host's default gateway"
	wait_for 20 is_online site1
}

@test "foreign servers in the place of ours" {
	stand_in https 8443 443
	stand_in ssh 8022 80
	doctor 0
	assert_contains "$(line_of port "as1.lab $as1:443")" \
		'warning something else answers: HTTP 200 (TLSv1.3, certificate of "proxy.corp" by "proxy.corp" not verified'
	assert_contains "$(line_of port "as1.lab $as1:80")" 'warning something else answers: "SSH-2.0-OpenSSH_9.2"'
	assert_contains "$(line_of inspection TLS)" 'warning TLS to as1.lab is opened on the way: certificate of "proxy.corp"'
	assert_equal "$(verdict)" "Farlan can come up here: by port 5935 only."
}

# inspecting_conf - nginx in inet, that ends the TLS and passes on what it finds, by the name that is asked for.
inspecting_conf() {
	local d=$BATS_FILE_TMPDIR

	# shellcheck disable=SC2016 # nginx expands them
	printf '%s\n' 'daemon off; master_process off;' "pid $d/nginx.pid;" 'events {}' 'http { access_log off;' \
		"client_body_temp_path $d/t1; proxy_temp_path $d/t2; fastcgi_temp_path $d/t3;" \
		"uwsgi_temp_path $d/t4; scgi_temp_path $d/t5;" "map \$ssl_server_name \$to { as1.lab $as1; rs1.lab $rs1; }" \
		'server { listen 8445 ssl; listen [::]:8445 ssl;' "ssl_certificate $d/certificate; ssl_certificate_key $d/key;" \
		'location / { proxy_pass https://$to:443; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;' \
		'proxy_set_header Connection "upgrade"; proxy_set_header Host $host; } } }' >"$d/nginx.conf"
	echo "$d/nginx.conf"
}

@test "TLS is opened on the way: it works all the same, or may not" {
	(exec "$REPO/scripts/lab" in inet nginx -c "$(inspecting_conf)" -e "$BATS_FILE_TMPDIR/nginx.log") >/dev/null 2>&1 3>&- 4>&- &
	echo $! >>"$BATS_FILE_TMPDIR/jobs"
	disown $!
	wait_for 5 listens inet 8445
	lead 443 8445
	lab allow site1 tcp/8445 --reset
	doctor 0
	assert_contains "$(line_of port "as1.lab $as1:443")" 'ok accessd '
	assert_contains "$(line_of inspection TLS)" 'warning TLS to as1.lab is opened on the way: certificate of "proxy.corp"'
	assert_contains "$output" "nothing has to be done"
	assert_equal "$(verdict)" "Farlan can come up here: by port 443 only."
	echo "inspection = refuse" >>"$(lab_dir site1)/conf"
	lab stop site1
	lab start site1
	doctor 1
	assert_contains "$(line_of inspection TLS)" 'failed TLS to as1.lab is opened'
	assert_contains "$(verdict)" "Farlan may not come up here: TLS to as1.lab is opened on the way"
	sed -i '/^inspection =/d' "$(lab_dir site1)/conf"
	lab allow site1 all
	lab in inet nft delete table inet trouble
	lab stop site1
	lab start site1
	wait_for 20 is_online site1
}

@test "a captive portal" {
	lab allow site1 tcp/8080,tcp/8444 --reset # to where it is led
	stand_in https 8444 443
	stand_in proxy-portal 8080 80
	doctor 1
	assert_contains "$(line_of port "as1.lab $as1:80")" "HTTP 302, leads to http://portal.lab/"
	assert_contains "$(line_of portal "captive portal")" "failed one answers in the place of"
	assert_contains "$(verdict)" "open http://portal.lab/ in a browser in this network and sign in."
}

@test "large packets vanish" {
	trouble 'table inet trouble {
		chain forward {
			type filter hook forward priority -20; policy accept;
			iifname "site1" meta length > 1300 drop
			oifname "site1" meta length > 1300 drop
		}
	}'
	doctor 1
	assert_contains "$(line_of mtu "as1.lab \S*")" "failed packets of 1280 bytes pass, larger ones vanish"
	assert_contains "$(verdict)" "packets of more than 1280 bytes vanish on the way"
}

@test "a firewall of this host that forwards nothing" {
	lab in site1 nft -f - <<<'table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; }; }'
	doctor 0
	assert_contains "$(line_of forward forwarding)" "chain ip filter FORWARD"
	assert_contains "$output" "iptables -I FORWARD -i farlan0 -j ACCEPT"
	lab in site1 nft delete table ip filter
}

# --- names ---

# names_by_dns - site1 asks a name server in inet, which is not there yet.
names_by_dns() {
	local dir

	dir=$(lab_dir)/etc-site1
	mkdir -p "$dir"
	echo '127.0.0.1 localhost' >"$dir/hosts"
	printf 'nameserver %s\noptions timeout:1 attempts:1\n' "$resolver" >"$dir/resolv.conf"
	ln -sfn "$dir" "/etc/netns/$LAB-site1"
	lab stop site1
	lab start site1
}

# serve_names OPTION... - a name server, in the place of the one before.
serve_names() {
	if [[ -n ${dnsmasq_job:-} ]]; then
		kill "$dnsmasq_job"
		wait "$dnsmasq_job" 2>/dev/null || :
	fi
	(exec "$REPO/scripts/lab" in inet dnsmasq --keep-in-foreground --conf-file=/dev/null --user=root --no-hosts \
		--no-resolv --pid-file= --local-ttl=0 "--listen-address=$resolver" --bind-interfaces "$@") >/dev/null 2>&1 3>&- 4>&- &
	dnsmasq_job=$!
	wait_for 5 names_served
}

names_served() {
	[[ -n $(lab in inet ss -Hlun "sport = :53") ]]
}

@test "names that fail: nobody answers, no such name, a lie; what worked before is used" {
	names_by_dns
	doctor 0
	assert_contains "$(line_of dns as1.lab)" "warning the name server does not answer"
	assert_contains "$(line_of dns as1.lab)" "is known from before, and used instead"
	# inet does not refuse each question: that is limited.
	grep -qE '^warning (cannot be asked: connection refused|does not answer)' <<<"$(line_of resolver "$resolver")"
	serve_names --local=/lab/
	doctor 0
	assert_contains "$(line_of resolver "$resolver")" "warning answers NXDOMAIN"
	assert_contains "$(line_of dns as1.lab)" "no such name"
	serve_names --address=/as1.lab/127.0.0.1
	doctor 0
	assert_contains "$(line_of dns as1.lab)" "the name server lies: 127.0.0.1"
	# Nothing is known from before.
	serve_names --local=/lab/
	lab stop site1
	find "$(lab_dir site1)/state" -type f ! -name identity.json -delete
	lab start site1
	doctor 1
	assert_contains "$(line_of dns as1.lab)" "failed the name server says that there is no such name"
	assert_contains "$(verdict)" "no server's name can be resolved; allow DNS"
	assert_contains "$output" "name server  $resolver"
	kill "$dnsmasq_job"
}

# --- an HTTP proxy ---

# start_squid PORT LINE... - in inet; it lets CONNECT pass to 443 only, as is usual.
start_squid() {
	local d=$BATS_FILE_TMPDIR/squid-$1 port=$1

	shift
	install -d -o proxy -g proxy "$d"
	chmod o+x "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR"
	printf '%s\n' "http_port $port" 'visible_hostname proxy.lab' 'acl tls port 443' 'http_access deny !tls' "$@" \
		'cache deny all' "cache_log $d/cache" 'access_log none' 'pid_filename none' 'shutdown_lifetime 0 seconds' \
		'cache_effective_user proxy' 'netdb_filename none' 'pinger_enable off' "coredump_dir $d" \
		'hosts_file /etc/hosts' 'connect_timeout 2 seconds' 'forward_timeout 3 seconds' >"$d/conf"
	(exec "$REPO/scripts/lab" in inet squid -N -n "d$port" -f "$d/conf") >"$d/log" 2>&1 3>&- 4>&- &
	echo $! >>"$BATS_FILE_TMPDIR/jobs"
	disown $!
	wait_for 10 listens inet "$port"
}

# use_proxy URL - site1 does, and has no other way out; "": none.
use_proxy() {
	lab stop site1
	sed -i '/^proxy =/d' "$(lab_dir site1)/conf"
	[[ -z $1 ]] || echo "proxy = $1" >>"$(lab_dir site1)/conf"
	lab start site1
}

@test "through an HTTP proxy: 443 is allowed, others are 403; a login is wanted; nobody is there" {
	start_squid 3128 'http_access allow all' &
	printf 'joe:%s\n' "$(openssl passwd -apr1 secret)" >"$BATS_FILE_TMPDIR/users"
	chmod 644 "$BATS_FILE_TMPDIR/users"
	start_squid 3129 "auth_param basic program /usr/lib/squid/basic_ncsa_auth $BATS_FILE_TMPDIR/users" \
		'auth_param basic realm lab' 'acl known proxy_auth REQUIRED' 'http_access deny !known' 'http_access allow all' &
	wait
	lab allow site1 tcp/3128-3130
	use_proxy "http://$resolver:3128"
	wait_for 20 is_online site1
	doctor 0
	assert_contains "$(line_of proxy as1.lab:443)" "ok reached through the proxy"
	assert_contains "$(line_of proxy as1.lab:5935)" "403"
	assert_contains "$output" "-> have the proxy allow CONNECT to as1.lab:5935"
	assert_equal "$(verdict)" "Farlan can come up here, through the proxy: by port 443 only."
	use_proxy "http://$resolver:3129"
	doctor 1
	assert_contains "$(line_of proxy as1.lab:443)" "407"
	assert_contains "$output" "-> name user and password: proxy = http://USER:PASSWORD@HOST:PORT"
	assert_contains "$(verdict)" "Farlan cannot come up here: "
	use_proxy "http://joe:secret@$resolver:3129"
	doctor 0
	assert_equal "$(grep -c secret <<<"$output" || :)" 0 "passwords"
	use_proxy "http://$resolver:3130"
	doctor 1
	assert_contains "$(line_of proxy as1.lab:443)" "refused"
	use_proxy ''
}

# --- the clock ---

@test "a clock in 1970" {
	lab stop site1
	lab clock site1 '1970-01-01 00:10:00'
	lab start site1
	wait_for 20 is_online site1
	doctor 0
	assert_contains "$(line_of clock clock)" "warning this host's is "
	assert_contains "$(line_of clock clock)" "s behind; vpnd goes by the Access Server's: 20"
	lab allow site1 none --reset
	lab stop site1
	lab start site1
	doctor 1
	assert_contains "$(line_of clock clock)" "warning this host's cannot be right: it says 1970-01-01"
	lab clock site1 real
}

# --- before enrolment ---

@test "before enrolment, with an invitation or a URL" {
	lab stop site1
	mv "$(lab_dir site1)/state" "$(lab_dir site1)/kept"
	run tool site1 doctor
	assert_equal "$status" 3
	assert_contains "$output" "systemctl enable --now vpnd"
	lab start site1
	run tool site1 doctor
	assert_equal "$status" 1
	assert_contains "$output" "not enrolled, so no server is known; name one: --invite FILE or --url https://HOST"
	tool as1 device add site9 --lan 192.168.9.0/24 >"$BATS_TEST_TMPDIR/invitation"
	doctor 0 --invite "$BATS_TEST_TMPDIR/invitation"
	assert_contains "$(line_of server as1.lab)" "ok reached by IPv4 443, 80, 5935"
	assert_contains "$(verdict)" "by ports 443, 80, 5935; relays need the same ports"
	doctor 1 --url https://as1.lab:4443
	assert_contains "$(line_of port "as1.lab $as1:4443")" "refused"
	run tool site1 doctor --url http://as1.lab
	assert_equal "$status" 2
	lab stop site1
	rm -r "$(lab_dir site1)/state"
	mv "$(lab_dir site1)/kept" "$(lab_dir site1)/state"
	lab start site1
	wait_for 20 is_online site1
}

@test "all daemons end in good order" {
	all_stop
}
