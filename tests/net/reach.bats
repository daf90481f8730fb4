#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Getting there: servers that are dead, names that fail, somebody between who ends the TLS. One Access
# Server with two addresses of each family and two names, as1.lab and as1b.lab.
# bats file_tags=reach

# shellcheck disable=SC2154 # addresses and python are of vpn.bash
load lib
load vpn
load silence

b4=203.0.113.200 b6=2001:db8:a:1::b      # as1b.lab
a4=203.0.113.6 a6=2001:db8:a:1::2        # as1.lab
nowhere=198.18.7 liar=203.0.113.77       # networks where nobody is
resolver=10.2.1.1                        # in inet, on site1's side

setup_file() {
	lab_up --bare || return 0
	in_inet ip route add "$b4/32" via "$a4"
	lab in as1 ip address add "$b4/32" dev wan
	lab in as1 ip address add "$b6/64" dev wan nodad
	printf '%s as1b.lab\n' "$b4" "$b6" >>"$(lab_dir)/etc/hosts"
	# In front of all that the lab's own firewall lets pass.
	in_inet nft 'add table inet reach; add chain inet reach gone { type filter hook prerouting priority -300; }'
	lab in as1 accessctl init --domain lab --url https://as1.lab --url https://as1b.lab >/dev/null
	lab in as1 accessctl permission allow everyone connect / >/dev/null
	lab in as1 accessctl relay add rs1 --url https://rs1.lab | lab in rs1 relayctl enroll >/dev/null
	lab in as1 accessctl device add site1 --lan 192.168.201.0/24 | lab in site1 vpnctl enroll >/dev/null
	echo secret-of-eng1 >"$BATS_FILE_TMPDIR/password"
	lab in as1 accessctl user add eng1 --no-change <"$BATS_FILE_TMPDIR/password" >"$BATS_FILE_TMPDIR/login"
	cat "$BATS_FILE_TMPDIR/password" >>"$BATS_FILE_TMPDIR/login"
	lab in eng1 vpnctl login <"$BATS_FILE_TMPDIR/login" >/dev/null
	start_talk plc1
	for node in site1 eng1 rs1; do
		wait_for 20 is_online "$node"
	done
	watch_uplink site1
}

setup() {
	lab_here
}

teardown() {
	in_inet nft flush chain inet reach gone 2>/dev/null || :
	! [[ -e $BATS_FILE_TMPDIR/job ]] || kill "$(<"$BATS_FILE_TMPDIR/job")" 2>/dev/null || :
	rm -f "$BATS_FILE_TMPDIR/job"
}

teardown_file() {
	local rc=0

	uplink_silent site1 "$b4" "$b6" "$nowhere.0/24" "$liar" "$resolver" || rc=1
	logs_clean || rc=1
	lab_down
	return "$rc"
}

in_inet() {
	ip netns exec "$LAB-inet" "$@"
}

# gone ADDRESS... - what is sent there vanishes.
gone() {
	local address

	for address; do
		in_inet nft "add rule inet reach gone ip$([[ $address != *:* ]] || echo 6) daddr $address drop"
	done
}

# fresh NODE - stop it, and let it forget what it remembers of servers.
fresh() {
	lab stop "$1"
	rm -f "$(lab_dir "$1")/state/reached.json"
}

# comes_online NODE - within 10 s of its start; how long it took is said.
comes_online() {
	local took begin

	begin=$(date +%s%N)
	lab start "$1"
	wait_for 10 is_online "$1"
	took=$((($(date +%s%N) - begin) / 1000000))
	echo "# $BATS_TEST_DESCRIPTION: online after $took ms" >&3
	assert_between "$took" 0 "$((10000 + PATIENCE_SECONDS * 500))" "milliseconds until it was online"
}

server() {
	field site1 'd["server"]["name"]'
}

# --- any open port, any server ---

@test "one of twelve ways is open: a cold start gets there" {
	lab allow site1 tcp/5935
	gone "$a4" "$a6" "$b6"
	fresh site1
	comes_online site1
	assert_equal "$(field site1 'd["server"]["address"]'):$(field site1 'd["server"]["port"]')" "$b4:5935"
	lab allow site1 all
}

@test "IPv6 leads nowhere, then IPv4: a cold start gets there" {
	gone "$a6" "$b6"
	fresh site1
	comes_online site1
	in_inet nft flush chain inet reach gone
	gone "$a4" "$b4"
	fresh site1
	comes_online site1
}

@test "the server in use dies, and what is sent there vanishes: the other one" {
	comes_online_if_not
	[[ $(server) == as1.lab ]] && gone "$a4" "$a6" || gone "$b4" "$b6"
	was=$(server)
	lab kill as1
	wait_for 5 is_offline site1
	lab start as1
	begin=$(date +%s%N)
	wait_for 10 is_online site1
	echo "# online again after $((($(date +%s%N) - begin) / 1000000)) ms" >&3
	assert_fails test "$(server)" = "$was"
}

# silent ADDRESS... - nothing goes there, and nothing comes from there any more.
silent() {
	local address

	gone "$@"
	for address; do
		in_inet nft "add rule inet reach gone ip$([[ $address != *:* ]] || echo 6) saddr $address drop"
	done
}

@test "the server in use falls silent: a connect notices at once, and the other one is there within 10 s" {
	wait_for 20 is_online eng1
	wait_for 20 is_online site1
	was=$(field eng1 'd["server"]["name"]')
	[[ $was == as1.lab ]] && silent "$a4" "$a6" || silent "$b4" "$b6"
	took=$(milliseconds refused "try again" tool eng1 connect site1)
	assert_between "$took" 500 8000 "milliseconds until it was noticed"
	wait_for 10 is_online eng1
	assert_fails test "$(field eng1 'd["server"]["name"]')" = "$was"
	in_inet nft flush chain inet reach gone
	wait_for 70 is_online site1
	wait_for 70 is_online rs1
	connect eng1 site1
	wait_for 5 is_up site1 eng1
	tool eng1 disconnect >/dev/null
}

comes_online_if_not() {
	lab pid site1 >/dev/null 2>&1 || lab start site1
	wait_for 20 is_online site1
}

@test "a server that stops says when to come back" {
	wait_for 20 is_online site1
	wait_for 20 is_online rs1
	lab stop as1
	wait_for 5 log_holds site1 'after_s=1'
	wait_for 5 log_holds rs1 'after_s=1'
	lab start as1
	wait_for 20 is_online site1
	wait_for 20 is_online rs1
	wait_for 20 is_online eng1
}

# --- names ---

# names_by_dns - site1 asks a name server from now on, and has no other names.
names_by_dns() {
	local etc

	etc=$(lab_dir)/etc-site1
	mkdir -p "$etc"
	printf '127.0.0.1 localhost\n' >"$etc/hosts"
	printf 'nameserver %s\n' "$resolver" >"$etc/resolv.conf"
	ln -sfn "$etc" "/etc/netns/$LAB-site1"
}

# dns OPTION... - it answers so. Without any: it knows no name.
dns() {
	[[ ! -e $BATS_FILE_TMPDIR/job ]] || kill "$(<"$BATS_FILE_TMPDIR/job")"
	# shellcheck disable=SC2016 # expanded there
	(exec ip netns exec "$LAB-inet" sh -c 'echo $$ >"$0"; exec dnsmasq "$@"' "$BATS_FILE_TMPDIR/job" --keep-in-foreground \
		--conf-file=/dev/null --no-resolv --no-hosts --user=root --pid-file= --bind-interfaces \
		--listen-address="$resolver" "$@") >/dev/null 2>&1 3>&- &
	disown $!
	wait_for 5 dns_is_there
}

dns_is_there() {
	[[ -n $(in_inet ss -Hlun "src $resolver:53") ]]
}

# a_session_works - with what site1 can reach.
a_session_works() {
	wait_for 20 is_online eng1
	connect eng1 site1
	wait_for 5 is_up site1 eng1
	talk pc1 tcp "$plc1"
	tool eng1 disconnect >/dev/null
	wait_for 5 has_sessions site1 0
}

# What it remembers was told by the Access Server, too: also of the relay and of the server that it never used.
@test "names fail in four ways: what is remembered serves, for sessions, too" {
	lab stop site1
	names_by_dns
	dns --host-record="as1.lab,$a4,$a6" --host-record="as1b.lab,$b4,$b6" --host-record=rs1.lab,198.51.100.6
	fresh site1
	comes_online site1
	grep -q rs1.lab "$(lab_dir site1)/state/reached.json"
	for way in nxdomain refused lies dropped; do
		lab stop site1
		case $way in
		nxdomain) dns --local=/lab/ ;;
		refused) dns ;;
		lies) dns --address="/lab/$liar" && gone "$liar" ;;
		dropped) in_inet nft 'add rule inet reach gone udp dport 53 drop' ;;
		esac
		comes_online site1
		a_session_works
	done
	# Asked for once, however often it is dialled; and it does not hold up the end.
	assert_between "$(milliseconds lab stop site1)" 0 4500 "milliseconds until it stopped"
}

@test "a name with fifty dead addresses: the other server" {
	for i in {1..50}; do
		many+=(--host-record="as1.lab,$nowhere.$i")
	done
	gone "$nowhere.0/24"
	lab stop site1
	dns "${many[@]}" --host-record="as1b.lab,$b4"
	fresh site1
	comes_online site1
	assert_equal "$(server)" as1b.lab
	lab stop site1
	ln -sfn "$(lab_dir)/etc" "/etc/netns/$LAB-site1"
}

# --- TLS inspection ---

# inspect - whatever site1 sends to port 443 of servers and relays goes through haproxy, which ends the TLS.
inspect() {
	local dir=$BATS_FILE_TMPDIR/haproxy

	mkdir -p "$dir"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/O=Plant/CN=Plant Proxy CA" \
		-days 2 -keyout "$dir/ca.key" -out "$dir/ca.pem" 2>/dev/null
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=as1.lab -keyout "$dir/key" \
		-out "$dir/csr" 2>/dev/null
	openssl x509 -req -in "$dir/csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAcreateserial -days 2 \
		-extfile <(echo subjectAltName=DNS:as1.lab,DNS:as1b.lab,DNS:rs1.lab) -out "$dir/crt" 2>/dev/null
	cat "$dir/crt" "$dir/key" >"$dir/pem"
	cat >"$dir/conf" <<-END
		defaults
			mode tcp
			timeout connect 5s
			timeout client 5m
			timeout server 5m
		listen access
			bind :8443 ssl crt $dir/pem
			server s $a4:443 ssl verify none
		listen relay
			bind :8444 ssl crt $dir/pem
			server s 198.51.100.6:443 ssl verify none
	END
	# shellcheck disable=SC2016 # expanded there
	(exec ip netns exec "$LAB-inet" sh -c 'echo $$ >"$0"; exec haproxy -db -f "$1"' "$BATS_FILE_TMPDIR/job" "$dir/conf") \
		>"$dir/log" 2>&1 3>&- &
	disown $!
	wait_for 5 in_inet sh -c 'ss -Hltn "sport = :8444" | grep -q .'
	in_inet nft 'add table ip inspect; add chain ip inspect pre { type nat hook prerouting priority -110; }'
	in_inet nft "add rule ip inspect pre ip saddr 10.2.1.2 ip daddr { $a4, $b4 } tcp dport 443 redirect to :8443"
	in_inet nft "add rule ip inspect pre ip saddr 10.2.1.2 ip daddr 198.51.100.6 tcp dport 443 redirect to :8444"
	in_inet nft 'add rule inet reach gone ip saddr 10.2.1.2 tcp dport { 80, 5935 } drop'
	in_inet nft 'add rule inet reach gone ip6 saddr 2001:db8:d:1::2 drop'
}

@test "TLS is inspected: it works and is said, or it is refused" {
	inspect
	fresh site1
	comes_online site1
	assert_contains "$(field site1 'd["server"]["inspection"]')" 'certificate of "as1.lab", issued by "Plant Proxy CA"'
	assert_contains "$(tool site1 status)" 'TLS is inspected or ended on the way'
	connect eng1 site1
	wait_for 5 is_up site1 eng1
	talk pc1 tcp "$plc1"
	assert_contains "$(session_field site1 eng1 inspection)" 'Plant Proxy CA'
	assert_equal "$(session_field site1 eng1 layers)" 'outer and inner'
	tool eng1 disconnect >/dev/null
	echo 'inspection = refuse' >>"$(lab_dir site1)/conf"
	lab stop site1
	lab start site1
	wait_for 10 says_refused
	assert_contains "$(tool site1 status)" 'Plant Proxy CA'
	assert_contains "$(tool site1 status)" 'inspection = refuse'
	is_offline site1
	# Where nobody sits between nothing is refused.
	in_inet nft delete table ip inspect
	wait_for 30 is_online site1
	wait_for 20 is_online eng1
	connect eng1 site1
	wait_for 5 is_up site1 eng1
	assert_equal "$(field site1 'd["server"]["outer"]')" verified
}

says_refused() {
	[[ $(field site1 'd.get("last_error", "")') == *'refused (inspection = refuse)'* ]]
}

@test "all daemons end in good order" {
	all_stop
}
