# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# tinc 1.0 with TCPOnly: eng1 and site1 know rs1 only, which forwards.

tinc_label() { printf 'tinc, TCPOnly'; }
tinc_packages() { printf 'tinc'; }
tinc_version() { package_version tinc; }
tinc_down() { :; }

# tinc_node NODE TUNNEL_ADDRESS OWN_SUBNET OTHER_SUBNET
tinc_node() {
	local folder=$work/tinc/$1 common=$work/tinc/hosts

	mkdir -p "$folder"
	ln -sfn "$common" "$folder/hosts"
	printf 'Name = %s\nDevice = /dev/net/tun\nInterface = tinc0\nAddressFamily = ipv4\nTCPOnly = yes\n' "$1" >"$folder/tinc.conf"
	[[ $1 == rs1 ]] || printf 'ConnectTo = rs1\n' >>"$folder/tinc.conf"
	{
		[[ $1 != rs1 ]] || printf 'Address = %s\n' "$hub"
		printf 'Port = 655\nTCPOnly = yes\nIndirectData = yes\nCipher = aes-256-cbc\nDigest = sha256\n'
		printf 'Subnet = %s/32\n' "$2"
		[[ -z $3 ]] || printf 'Subnet = %s\n' "$3"
	} >"$common/$1"
	{
		printf '#!/bin/sh\nip addr add %s/24 dev "$INTERFACE"\nip link set dev "$INTERFACE" up\n' "$2"
		[[ -z $4 ]] || printf 'ip route add %s dev "$INTERFACE"\n' "$4"
	} >"$folder/tinc-up"
	chmod 755 "$folder/tinc-up"
	tincd -c "$folder" -K 2048 </dev/null >/dev/null 2>&1
}

tinc_prepare() {
	mkdir -p "$work/tinc/hosts"
	tinc_node rs1 10.99.0.1 '' ''
	tinc_node eng1 10.99.0.2 "$lan_pc" "$lan_plc"
	tinc_node site1 10.99.0.3 "$lan_plc" "$lan_pc"
}

tinc_client() {
	start_in "$1" tinc tincd -c "$work/tinc/$1" -D -d 1 "--pidfile=$work/tinc/$1.pid"
}

tinc_up() {
	forwarding on eng1 site1
	tinc_client rs1
	sleep 0.5
	tinc_client site1
	need_site 15
}

tinc_connect() { tinc_client eng1; }
