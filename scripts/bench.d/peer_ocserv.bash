# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# ocserv with openconnect, over TLS only: what the two LANs say goes through two TUN devices of rs1.

ocserv_label() { printf 'ocserv + openconnect, TLS'; }
ocserv_packages() { printf 'ocserv openconnect openssl'; }
ocserv_version() { printf '%s + %s' "$(package_version ocserv)" "$(package_version openconnect)"; }
ocserv_down() { :; }

ocserv_prepare() (
	mkdir -p "$work/ocserv/users"
	chmod 755 "$work" "$work/ocserv" "$work/ocserv/users"
	cd "$work/ocserv"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$hub" -days 2 \
		-addext "subjectAltName=IP:$hub" -keyout key.pem -out cert.pem 2>/dev/null
	: >passwords
	printf 'bench-secret\nbench-secret\n' | ocpasswd -c passwords eng1 >/dev/null
	printf 'bench-secret\nbench-secret\n' | ocpasswd -c passwords site1 >/dev/null
	printf 'explicit-ipv4 = 10.99.0.2\niroute = 192.168.101.0/24\n' >users/eng1
	printf 'explicit-ipv4 = 10.99.0.3\niroute = 192.168.201.0/24\n' >users/site1
	cat >ocserv.conf <<-END
		auth = "plain[passwd=$work/ocserv/passwords]"
		tcp-port = 443
		run-as-user = nobody
		run-as-group = nogroup
		socket-file = $work/ocserv/socket
		server-cert = $work/ocserv/cert.pem
		server-key = $work/ocserv/key.pem
		isolate-workers = true
		max-clients = 16
		keepalive = 32400
		dpd = 90
		try-mtu-discovery = false
		tls-priorities = "NORMAL:%SERVER_PRECEDENCE:%COMPAT:-VERS-SSL3.0:-VERS-TLS1.0:-VERS-TLS1.1"
		auth-timeout = 240
		max-ban-score = 0
		use-occtl = false
		pid-file = $work/ocserv/pid
		device = vpns
		predictable-ips = true
		ipv4-network = 10.99.0.0
		ipv4-netmask = 255.255.255.0
		ping-leases = false
		route = 10.99.0.0/255.255.255.0
		config-per-user = $work/ocserv/users/
		route-add-cmd = "ip route add %{R} dev %{D}"
		route-del-cmd = "ip route delete %{R} dev %{D}"
	END
	cat >script <<-'END'
		#!/bin/sh
		# What openconnect runs: the address, the hub's tunnel and the other LAN.
		[ "$reason" = connect ] || exit 0
		ip link set dev "$TUNDEV" up mtu "$INTERNAL_IP4_MTU"
		ip addr add "$INTERNAL_IP4_ADDRESS/32" dev "$TUNDEV"
		ip route add 10.99.0.0/24 dev "$TUNDEV"
		ip route add "$OTHER_LAN" dev "$TUNDEV"
	END
	chmod 755 script
)

ocserv_up() {
	forwarding on eng1 site1 rs1
	start_in rs1 ocserv ocserv -f -c "$work/ocserv/ocserv.conf"
	sleep 1
	ocserv_client site1 "$lan_pc"
	need_site 15
}

ocserv_connect() { ocserv_client eng1 "$lan_plc"; }

# ocserv_client NODE OTHER_LAN
ocserv_client() {
	# shellcheck disable=SC2016 # expanded in the node
	OTHER_LAN=$2 start_in "$1" openconnect sh -c \
		'printf "bench-secret\n" | exec openconnect --protocol=anyconnect --no-dtls --user "$1" \
			--passwd-on-stdin --cafile "$2/cert.pem" --script "$2/script" --interface tun0 "https://$3:443/"' \
		sh "$1" "$work/ocserv" "$hub"
}
