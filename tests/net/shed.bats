#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck disable=SC2154 # addresses and python are of vpn.bash
# The outer layer goes where nobody sits between, and stays where somebody does.
# bats file_tags=shed
#
#   eng1 --443 or 5935--> rs1: 443   nginx or haproxy, ends TLS and begins it again
#   site1 -443 or 5935-->      5935  relayd

load lib
load vpn
load silence

setup_file() {
	lab_up || return 0
	watch_uplink site1
	watch_uplink eng1
	start_talk plc1
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=rs1.lab -days 2 \
		-keyout "$BATS_FILE_TMPDIR/key" -out "$BATS_FILE_TMPDIR/certificate" 2>/dev/null
	cat "$BATS_FILE_TMPDIR/certificate" "$BATS_FILE_TMPDIR/key" >"$BATS_FILE_TMPDIR/both"
	chmod 755 "$BATS_FILE_TMPDIR"
}

setup() {
	lab_here
}

teardown() {
	stop_proxy
	lab_here
	for node in eng1 site1 rs1; do
		sed -i '/^ports =/d; /^shed =/d; /^listen =/d' "$(lab_dir "$node")/conf"
	done
}

teardown_file() {
	local rc=0

	uplink_silent site1 || rc=1
	uplink_silent eng1 || rc=1
	logs_clean || rc=1
	lab_down
	return "$rc"
}

# set_node NODE LINE... - with these lines in its configuration, from anew.
set_node() {
	local node=$1 line

	shift
	for line; do
		printf '%s\n' "$line" >>"$(lab_dir "$node")/conf"
	done
	lab stop "$node"
	lab start "$node"
	wait_for 20 is_online "$node"
}

# layers NODE PEER
layers() {
	session_field "$1" "$2" layers
}

has_layers() {
	[[ $(layers "$1" "$2") == "$3" ]]
}

# in_rs1 COMMAND... - in the background there, as a job of its own.
in_rs1() {
	(exec "$REPO/scripts/lab" in rs1 "$@") >"$BATS_FILE_TMPDIR/proxy.log" 2>&1 3>&- 4>&- &
	echo $! >"$BATS_FILE_TMPDIR/proxy.pid"
	disown $!
	wait_for 5 listens rs1 443
}

stop_proxy() {
	local pid=$BATS_FILE_TMPDIR/proxy.pid

	[[ -e $pid ]] || return 0
	kill "$(<"$pid")" 2>/dev/null || :
	rm "$pid"
	wait_for 5 nobody_listens rs1 443
}

nobody_listens() {
	! listens "$1" "$2"
}

start_nginx() {
	local d=$BATS_FILE_TMPDIR

	cat >"$d/nginx.conf" <<-END
		daemon off;
		user root;
		pid $d/nginx.pid;
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
				ssl_protocols ${1:-TLSv1.3};
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
	in_rs1 nginx -c "$d/nginx.conf"
}

# start_haproxy http|tcp
start_haproxy() {
	local d=$BATS_FILE_TMPDIR

	cat >"$d/haproxy.conf" <<-END
		defaults
			mode $1
			timeout connect 5s
			timeout client 60s
			timeout server 60s
			timeout tunnel 1h
		listen relay
			bind 0.0.0.0:443 ssl crt $d/both
			bind [::]:443 v6only ssl crt $d/both
			server relayd 127.0.0.1:5935 ssl verify none
	END
	in_rs1 haproxy -f "$d/haproxy.conf"
}

# works - a session, and something through it in both directions.
works() {
	connect eng1 site1
	wait_for 5 is_up site1 eng1
	talk pc1 put "$plc1" 3000000
	talk pc1 get "$plc1" 3000000
}

ends() {
	tool eng1 disconnect >/dev/null
	wait_for 5 has_sessions site1 0
}

@test "nobody between: the outer layer is shed at both ends, and says so" {
	works
	wait_for 2 has_layers eng1 site1 inner
	wait_for 2 has_layers site1 eng1 inner
	assert_contains "$(tool eng1 status)" "inner"
	ends
}

@test "an end that does not want: its leg keeps both layers, the other is shed" {
	set_node eng1 'shed = no'
	works
	wait_for 2 has_layers site1 eng1 inner
	assert_equal "$(layers eng1 site1)" "outer and inner"
	ends
}

@test "the other end does not want" {
	set_node eng1
	set_node site1 'shed = no'
	works
	wait_for 2 has_layers eng1 site1 inner
	assert_equal "$(layers site1 eng1)" "outer and inner"
	ends
}

@test "a relay that does not want: both layers on both legs" {
	set_node site1
	set_node rs1 'shed = no'
	works
	sleep 0.3
	assert_equal "$(layers eng1 site1)" "outer and inner"
	assert_equal "$(layers site1 eng1)" "outer and inner"
	ends
}

# behind NODE... - these dial by 443, where the proxy is; the others by 5935.
behind() {
	local node port

	set_node rs1 'listen = 5935'
	for node in eng1 site1; do
		port=5935
		[[ " $* " != *" $node "* ]] || port=443
		set_node "$node" "ports = $port"
	done
}

# kept NODE, shed_at NODE
kept() {
	assert_equal "$(session_field "$1" "$2" relay_port)" 443
	assert_equal "$(layers "$1" "$2")" "outer and inner"
}

shed_at() {
	assert_equal "$(session_field "$1" "$2" relay_port)" 5935
	wait_for 2 has_layers "$1" "$2" inner
}

@test "nginx before the manager's leg: found, both layers stay there, the other leg is shed" {
	behind eng1
	start_nginx
	works
	shed_at site1 eng1
	kept eng1 site1
	assert_contains "$(tool eng1 status)" "outer and inner"
	ends
}

@test "haproxy before the device's leg" {
	behind site1
	start_haproxy http
	works
	shed_at eng1 site1
	kept site1 eng1
	ends
}

@test "haproxy that knows nothing of HTTP, before both legs" {
	behind eng1 site1
	start_haproxy tcp
	works
	kept eng1 site1
	kept site1 eng1
	ends
}

@test "a proxy with TLS 1.2" {
	behind eng1
	start_nginx TLSv1.2
	works
	kept eng1 site1
	shed_at site1 eng1
	ends
}

@test "all daemons end in good order" {
	all_stop
}
