# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# WireGuard in userspace (wireguard-go), UDP, with a hub on rs1: a reference.

wireguard_label() { printf 'wireguard-go, UDP, hub'; }
wireguard_packages() { printf 'wireguard-go wireguard-tools'; }
wireguard_version() { package_version wireguard-go; }

wireguard_prepare() {
	local node

	mkdir -p "$work/wireguard"
	for node in "${tunnel_nodes[@]}"; do
		wg genkey >"$work/wireguard/$node.key"
		wg pubkey <"$work/wireguard/$node.key" >"$work/wireguard/$node.pub"
	done
}

# The names of control sockets are shared by all namespaces, so the devices' names differ.
wireguard_device() {
	printf 'wgb%s' "$1"
}

# wireguard_start NODE TUNNEL_ADDRESS OTHER_LAN...
wireguard_start() {
	local dev lan

	dev=$(wireguard_device "$1")
	start_in "$1" wireguard env LOG_LEVEL=error wireguard-go -f "$dev"
	wait_for 5 test -S "/var/run/wireguard/$dev.sock" || return 1
	netns "$1" ip addr add "$2/24" dev "$dev"
	netns "$1" ip link set "$dev" up
	for lan in "${@:3}"; do
		netns "$1" ip route add "$lan" dev "$dev"
	done
}

wireguard_set() {
	netns "$1" wg set "$(wireguard_device "$1")" "${@:2}"
}

wireguard_up() {
	local keys=$work/wireguard

	forwarding on "${tunnel_nodes[@]}"
	wireguard_start rs1 10.99.0.1 "$lan_pc" "$lan_plc" || return 1
	wireguard_set rs1 private-key "$keys/rs1.key" listen-port 51820 \
		peer "$(<"$keys/eng1.pub")" allowed-ips "10.99.0.2/32,$lan_pc" \
		peer "$(<"$keys/site1.pub")" allowed-ips "10.99.0.3/32,$lan_plc"
	wireguard_client site1 10.99.0.3 "$lan_pc" || return 1
	need_site 15
}

# wireguard_client NODE TUNNEL_ADDRESS OTHER_LAN
wireguard_client() {
	wireguard_start "$1" "$2" "$3" || return 1
	wireguard_set "$1" private-key "$work/wireguard/$1.key" peer "$(<"$work/wireguard/rs1.pub")" \
		endpoint "$hub:51820" allowed-ips "10.99.0.0/24,$3" persistent-keepalive 20
}

wireguard_connect() { wireguard_client eng1 10.99.0.2 "$lan_plc"; }

wireguard_down() {
	local node

	for node in "${tunnel_nodes[@]}"; do
		rm -f "/var/run/wireguard/$(wireguard_device "$node").sock"
	done
}
