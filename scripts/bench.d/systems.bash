# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# What is measured against each other. A system NAME is
#
#   NAME_label      words for the table
#   NAME_packages   Debian's packages that it needs
#   NAME_version    for the table
#   NAME_prepare    keys and configuration, once, in $work/NAME
#   NAME_up         everything but the client on eng1, up to where that one can connect
#   NAME_connect    the client on eng1: begins; the first ping tells when it is done
#   NAME_down       what ending all processes on eng1, rs1 and site1 leaves behind
#
# For a peer the hub or server is on rs1, clients are on eng1 and site1; it gets the whole of the
# three nodes: Farlan's daemons are stopped. In its tunnel rs1 is 10.99.0.1, eng1 .2, site1 .3.

# Only when they are asked for: Farlan set otherwise.
readonly all_systems=(plain farlan openvpn ocserv tinc wireguard openvpn-udp)
readonly more_systems=(farlan-sealed farlan-virtual)
readonly hub=198.51.100.6
readonly lan_pc=192.168.101.0/24 lan_plc=192.168.201.0/24

# call WHAT - the current system's function of this name.
call() {
	"${system//-/_}_$1"
}

# site_is_up - the hub reaches site1's end of the tunnel.
site_is_up() {
	netns rs1 ping -n -q -c 1 -W 1 10.99.0.3 >/dev/null 2>&1
}

# need_site SECONDS
need_site() {
	wait_for "$1" site_is_up
}

farlan_stop() {
	local node

	for node in eng1 site1 rs1; do
		lab stop "$node"
	done
}

# bring_up - the current system, connected; sets start_ms. Fails if it does not run.
bring_up() {
	local node

	if [[ $system != farlan* ]]; then
		farlan_stop
		for node in "${tunnel_nodes[@]}"; do
			host_of "$node" >"$work/host.$node"
		done
	fi
	call up || return 1
	start_servers
	inner_congestion
	start_ms=$(first_ping call connect) || return 1
	sleep 1
}

# tear_down - completely: processes, devices, routes; and Farlan is there again.
tear_down() {
	local node

	clear_node plc1
	if [[ $system == farlan* ]]; then
		call down
		return
	fi
	for node in "${tunnel_nodes[@]}"; do
		clear_node "$node"
	done
	call down
	forwarding off "${tunnel_nodes[@]}"
	for node in "${tunnel_nodes[@]}"; do
		wait_for 3 is_clean "$node" ||
			die "$system left something behind on $node:"$'\n'"$(host_of "$node" | diff "$work/host.$node" - || :)"
	done
	for node in rs1 site1 eng1; do
		lab start "$node"
	done
	farlan_ready
}

is_clean() {
	host_of "$1" | cmp -s - "$work/host.$1"
}

# --- plain: routed through inet, without rs1 ---

plain_label() { printf 'plain path, no tunnel'; }
plain_packages() { :; }
plain_version() { printf 'kernel'; }
plain_prepare() { :; }

plain_up() {
	forwarding on eng1 site1
	netns inet nft list ruleset >"$work/inet.nft"
	netns inet nft flush ruleset
	netns inet ip route replace "$lan_pc" via 10.1.1.2
	netns inet ip route replace "$lan_plc" via 10.2.1.2
}

plain_connect() { :; }

plain_down() {
	netns inet ip route del "$lan_pc"
	netns inet ip route del "$lan_plc"
	netns inet nft -f "$work/inet.nft"
}

# --- Farlan ---

farlan_label() { printf 'Farlan'; }
farlan_packages() { :; }
farlan_version() { printf '%s' "$(<VERSION)"; }
farlan_prepare() { :; }

# farlan_ready - after a start: everybody is at the Access Server again.
farlan_ready() {
	local node

	for node in rs1 site1 eng1; do
		wait_for 30 is_online "$node" || die "$node is not online again: $(lab log "$node" | tail -n 3)"
	done
}

farlan_up() { farlan_ready; }
farlan_connect() { tool eng1 connect site1 >/dev/null; }
farlan_down() { tool eng1 disconnect >/dev/null || :; }

# farlan_set LINE NODE... - start vpnd there with one line more in its configuration.
farlan_set() {
	local line=$1 node

	shift
	for node; do
		lab stop "$node"
		printf '%s\n' "$line" >>"/run/farlan-lab/$LAB/$node/conf"
		lab start "$node"
	done
	farlan_ready
}

# farlan_unset NODE... - without that line again.
farlan_unset() {
	local node

	for node; do
		lab stop "$node"
		sed -i '$d' "/run/farlan-lab/$LAB/$node/conf"
		lab start "$node"
	done
	farlan_ready
}

# --- Farlan with both layers kept ---

farlan_sealed_label() { printf 'Farlan, both layers'; }
farlan_sealed_packages() { :; }
farlan_sealed_version() { farlan_version; }
farlan_sealed_prepare() { :; }
farlan_sealed_up() { farlan_set 'shed = no' eng1 site1; }
farlan_sealed_connect() { farlan_connect; }

farlan_sealed_down() {
	farlan_down
	farlan_unset eng1 site1
}

# --- Farlan where the machine's LAN is also one of the PC's: translated at eng1, both ways ---

farlan_virtual_label() { printf 'Farlan, virtual prefix'; }
farlan_virtual_packages() { :; }
farlan_virtual_version() { farlan_version; }
farlan_virtual_prepare() { :; }

farlan_virtual_up() {
	netns eng1 ip link add own type veth peer name own-too
	netns eng1 ip address add "${lan_plc%.0/24}.1/24" dev own
	netns eng1 ip link set own up
	farlan_set 'virtual = 198.18.1.0/24' eng1 # room for one: no need to ask which
	plc=198.18.1.10
}

farlan_virtual_connect() { farlan_connect; }

farlan_virtual_down() {
	plc=$plc_real
	farlan_down
	netns eng1 ip link del own
	farlan_unset eng1
}
