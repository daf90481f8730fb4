# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# OpenVPN: TLS with certificates, AES-256-GCM, client-to-client; over TCP, and over UDP as a reference.

openvpn_label() { printf 'OpenVPN, TCP, AES-256-GCM'; }
openvpn_packages() { printf 'openvpn openssl'; }
openvpn_version() { package_version openvpn; }
openvpn_prepare() { openvpn_keys; }
openvpn_up() { openvpn_start tcp-server; }
openvpn_connect() { openvpn_client eng1 tcp-client; }
openvpn_down() { :; }

openvpn_udp_label() { printf 'OpenVPN, UDP, AES-256-GCM'; }
openvpn_udp_packages() { openvpn_packages; }
openvpn_udp_version() { openvpn_version; }
openvpn_udp_prepare() { openvpn_keys; }
openvpn_udp_up() { openvpn_start udp; }
openvpn_udp_connect() { openvpn_client eng1 udp; }
openvpn_udp_down() { :; }

# openvpn_certificate NAME USAGE - signed by the CA of this folder.
openvpn_certificate() {
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" \
		-keyout "$1.key" -out "$1.csr" 2>/dev/null
	openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out "$1.crt" \
		-extfile <(printf 'extendedKeyUsage=%s\nkeyUsage=digitalSignature\n' "$2") 2>/dev/null
}

openvpn_keys() (
	mkdir -p "$work/openvpn/clients"
	cd "$work/openvpn"
	[[ ! -e done ]] || return 0
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=bench -days 2 \
		-keyout ca.key -out ca.crt 2>/dev/null
	openvpn_certificate rs1 serverAuth
	openvpn_certificate eng1 clientAuth
	openvpn_certificate site1 clientAuth
	printf 'ifconfig-push 10.99.0.2 255.255.255.0\niroute 192.168.101.0 255.255.255.0\n%s\n' \
		'push "route 192.168.201.0 255.255.255.0"' >clients/eng1
	printf 'ifconfig-push 10.99.0.3 255.255.255.0\niroute 192.168.201.0 255.255.255.0\n%s\n' \
		'push "route 192.168.101.0 255.255.255.0"' >clients/site1
	: >done
)

# openvpn_start PROTOCOL - the server, and the client on site1.
openvpn_start() {
	local folder=$work/openvpn nodelay=()

	[[ $1 == udp ]] || nodelay=(--tcp-nodelay)
	forwarding on eng1 site1
	start_in rs1 openvpn openvpn --verb 1 --dev tun --proto "$1" --port 1194 --topology subnet \
		--server 10.99.0.0 255.255.255.0 --client-to-client --client-config-dir "$folder/clients" \
		--ca "$folder/ca.crt" --cert "$folder/rs1.crt" --key "$folder/rs1.key" --dh none \
		--data-ciphers AES-256-GCM --keepalive 10 60 "${nodelay[@]}"
	sleep 0.5
	openvpn_client site1 "${1/server/client}"
	need_site 15
}

# openvpn_client NODE PROTOCOL
openvpn_client() {
	local folder=$work/openvpn

	start_in "$1" openvpn openvpn --verb 1 --client --dev tun --proto "$2" --remote "$hub" 1194 --nobind \
		--ca "$folder/ca.crt" --cert "$folder/$1.crt" --key "$folder/$1.key" --remote-cert-tls server \
		--data-ciphers AES-256-GCM
}
