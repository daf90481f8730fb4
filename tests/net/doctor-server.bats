#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# accessd doctor and relayd doctor: a publication as the world sees it, also behind a reverse proxy.
# bats file_tags=doctor

# shellcheck disable=SC2154 # addresses and python are of vpn.bash
load lib
load vpn

setup_file() {
	lab_up || return 0
	certificate good as1.lab
	certificate other www.example.org
}

setup() {
	lab_here
}

teardown() {
	[[ -z ${nginx_job:-} ]] || kill "$nginx_job" || :
}

teardown_file() {
	local rc=0

	logs_clean || rc=1
	lab_down
	return "$rc"
}

# certificate NAME HOST - NAME.pem and NAME.key.
certificate() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$2" -days 20 \
		-addext "subjectAltName=DNS:$2" -keyout "$BATS_FILE_TMPDIR/$1.key" -out "$BATS_FILE_TMPDIR/$1.pem" 2>/dev/null
}

# proxy CERTIFICATE LINE... - nginx on as1, port 8443, in front of accessd, with these lines of its location.
proxy() {
	local name=$1

	shift
	cat >"$BATS_TEST_TMPDIR/nginx.conf" <<-END
		daemon off;
		master_process off;
		pid $BATS_TEST_TMPDIR/nginx.pid;
		error_log $BATS_TEST_TMPDIR/nginx.log;
		events {}
		http {
			access_log off;
			client_body_temp_path $BATS_TEST_TMPDIR/body;
			proxy_temp_path $BATS_TEST_TMPDIR/proxy;
			fastcgi_temp_path $BATS_TEST_TMPDIR/fastcgi;
			uwsgi_temp_path $BATS_TEST_TMPDIR/uwsgi;
			scgi_temp_path $BATS_TEST_TMPDIR/scgi;
			server {
				listen 8443 ssl;
				listen [::]:8443 ssl;
				ssl_certificate $BATS_FILE_TMPDIR/$name.pem;
				ssl_certificate_key $BATS_FILE_TMPDIR/$name.key;
				location / {
					proxy_pass https://127.0.0.1:${upstream:-443};
					$(printf '%s\n' "$@")
				}
			}
		}
	END
	# Not by lab(): $! is to be the server itself.
	(exec "$REPO/scripts/lab" in as1 nginx -c "$BATS_TEST_TMPDIR/nginx.conf" -e "$BATS_TEST_TMPDIR/nginx.log") \
		>/dev/null 2>&1 3>&- 4>&- &
	nginx_job=$!
	disown "$nginx_job"
	wait_for 5 listens as1 8443
}

# shellcheck disable=SC2016 # nginx expands them
upgrade=('proxy_http_version 1.1;' 'proxy_set_header Upgrade $http_upgrade;' 'proxy_set_header Connection "upgrade";')

# doctor EXIT_CODE NODE ARGUMENT... - of the daemon's own program, into $output.
doctor() {
	local code=$1 node=$2 program=accessd

	shift 2
	[[ $node != rs* ]] || program=relayd
	run lab in "$node" "$program" doctor -c "$(lab_dir "$node")/conf" "$@"
	assert_equal "$status" "$code" "exit code; $output"
}

line_of() {
	sed -n "s/^\([a-z]*\) *$1 *$2 \+/\1 /p" <<<"$output"
}

@test "well published: nothing fails, by the daemon's program and by its tool" {
	doctor 0 as1
	assert_contains "$(line_of port "as1.lab $as1:443")" "ok accessd "
	assert_contains "$(line_of dns as1.lab)" "addresses of this host"
	assert_contains "$(line_of certificate as1.lab)" "(the domain's CA), good until"
	assert_contains "$(line_of websocket as1.lab)" "ok a WebSocket passes"
	run lab in as1 accessctl doctor --json
	assert_equal "$status" 0
	json '[d["good"], len([c for c in d["checks"] if c["state"] == "failed"])]' <<<"$output" | assert_equal "$(cat)" $'true\n0'
	wait_for 20 is_online rs1
	doctor 0 rs1
	assert_contains "$(line_of websocket rs1.lab)" "ok a request for one passes, and is asked for its token"
	run lab in rs1 relayctl doctor --json
	assert_equal "$status" 0
}

@test "behind nginx as it should be" {
	proxy good "${upgrade[@]}"
	doctor 0 as1 --url https://as1.lab:8443
	assert_contains "$(line_of websocket as1.lab)" "ok a WebSocket passes"
	assert_contains "$(line_of certificate as1.lab)" 'warning "as1.lab" by "as1.lab": certificate not trusted'
}

@test "nginx does not pass the Upgrade header" {
	proxy good
	doctor 1 as1 --url https://as1.lab:8443
	assert_contains "$(line_of port "as1.lab $as1:8443")" "ok accessd "
	assert_contains "$(line_of websocket as1.lab)" "failed no WebSocket passes: answered 426"
	# shellcheck disable=SC2016
	assert_contains "$output" 'proxy_set_header Upgrade $http_upgrade'
}

@test "a certificate for another name; an idle connection is cut" {
	proxy other "${upgrade[@]}" 'proxy_read_timeout 5s;'
	doctor 1 as1 --url https://as1.lab:8443 --idle
	assert_contains "$(line_of certificate as1.lab)" 'warning "www.example.org" by "www.example.org": '
	assert_contains "$(line_of idle as1.lab)" "failed an idle connection is cut after "
	assert_between "$(sed -n 's/.*is cut after \([0-9]*\) s.*/\1/p' <<<"$output")" 5 9 "seconds"
	assert_contains "$output" "proxy_read_timeout"
}

@test "the proxy does not reach the server, or leads somewhere else" {
	proxy good "${upgrade[@]}" 'return 404;'
	doctor 1 as1 --url https://as1.lab:8443
	assert_contains "$(line_of port "as1.lab $as1:8443")" "warning something else answers: HTTP 404 from nginx"
	assert_contains "$(line_of websocket as1.lab)" "failed no WebSocket passes: answered 404"
	kill "$nginx_job"
	wait_for 5 is_free
	upstream=444 proxy good "${upgrade[@]}"
	doctor 1 as1 --url https://as1.lab:8443
	assert_contains "$(line_of websocket as1.lab)" "failed no WebSocket passes: answered 502"
	assert_contains "$output" "the proxy does not reach this server"
}

is_free() {
	! listens as1 8443
}

@test "nothing listens; a name without address; no daemon" {
	doctor 1 as1 --url https://as1.lab:8443 --url https://nobody.lab
	assert_contains "$(line_of server as1.lab)" "failed not reached by any port"
	assert_contains "$output" "let TCP 8443 in; accessd does not listen there itself"
	assert_contains "$(line_of dns nobody.lab)" "failed "
	lab stop as1
	doctor 3 as1
	assert_contains "$output" "systemctl enable --now accessd"
	lab start as1
}

@test "all daemons end in good order" {
	all_stop
}
