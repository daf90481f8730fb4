# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# The network: namespaces, links, addresses, routes, NAT and firewall. The drawing is in scripts/lab.
#
# Everything is gathered into a few batches first, because each process costs more than its work.

# What the parts of a lab's name, after "LAB-", may be.
readonly netns_pattern='(inet|wire|(as|rs|eng|site|pc|plc)[1-9][0-9]*|plc[1-9][0-9]*-[1-9][0-9]*)'

declare -A ip_batch=() # by namespace: commands for `ip -batch`
link_batch=''
join_batch=''
hosts_text=''

# lan_prefixes NODE - the LAN prefixes of an eng or site, IPv4 and IPv6.
lan_prefixes() {
	local n

	n=$(node_number "$1")
	case $1 in
	eng*) printf '192.168.%d.0/24 fd64:0:0:%d::/64' $((100 + n)) $((100 + n)) ;;
	site*)
		if [[ -e $run_dir/same-lan ]]; then
			printf '192.168.1.0/24 fd64:0:0:%d::/64' $((200 + n))
		else
			printf '192.168.%d.0/24 fd64:0:0:%d::/64' $((200 + n)) $((200 + n))
		fi
		;;
	esac
}

# add_to NETNS LINE... - lines for its ip batch.
add_to() {
	local netns=$1 line

	shift
	for line; do
		ip_batch[$netns]+=$line$'\n'
	done
}

# add_address NETNS INTERFACE NETWORK HOST LENGTH - e.g. 192.168.101. 1 24, or fd64:0:0:101:: 1 64.
# Interface up, address, and the connected route with the congestion control where that is needed.
add_address() {
	local netns=$1 interface=$2 network=$3 host=$4 length=$5 prefix attributes

	add_to "$netns" "link set $interface up"
	if [[ $network == *: ]]; then
		prefix=$network/$length attributes='metric 256'
		add_to "$netns" "addr add $network$host/$length dev $interface nodad"
	else
		prefix=$network$((length == 30 ? host & ~3 : 0))/$length
		attributes="scope link src $network$host"
		add_to "$netns" "addr add $network$host/$length dev $interface"
	fi
	[[ -z $congctl ]] ||
		add_to "$netns" "route replace $prefix dev $interface proto kernel $attributes$congctl"
}

# add_uplink NODE NETWORK4 HOST4 LENGTH4 NETWORK6 - between a node and inet; inet has the address before.
add_uplink() {
	local node=$1 network=$2 host=$3 length=$4 network6=$5

	link_batch+="link add name wan netns $lab-$node type veth peer name $node-n netns $lab-wire"$'\n'
	link_batch+="link add name $node netns $lab-inet type veth peer name $node-i netns $lab-wire"$'\n'
	add_to wire "link set $node-n up" "link set $node-i up"
	add_address "$node" wan "$network" "$host" "$length"
	add_address "$node" wan "$network6" 2 64
	add_address inet "$node" "$network" $((host - 1)) "$length"
	add_address inet "$node" "$network6" 1 64
	add_quick_neighbours "$node" wan
	add_quick_neighbours inet "$node"
	add_to "$node" "route add default via $network$((host - 1))$congctl" \
		"route add default via ${network6}1$congctl"
	join_batch+=$(hook_commands "$node" && redirect_commands "$node")$'\n'
	printf '%s\n' "$network$host ${network6}2" >"$run_dir/$node/addresses"
}

# add_quick_neighbours NETNS INTERFACE - ask for lost neighbours ten times a second instead of once,
# or a link that comes back would carry nothing for up to a second, now and then.
add_quick_neighbours() {
	add_to "$1" "ntable change name arp_cache dev $2 retrans 100" \
		"ntable change name ndisc_cache dev $2 retrans 100"
}

# add_server NODE NETWORK4 NETWORK6
add_server() {
	local n

	n=$(node_number "$1")
	add_uplink "$1" "$2" $((4 * n + 2)) 30 "$3$n::"
	hosts_text+="$2$((4 * n + 2)) $1.lab"$'\n'"$3$n::2 $1.lab"$'\n'
}

# add_endpoint NODE HOST NETWORK4 NETWORK6 - an endpoint and the host on its LAN.
add_endpoint() {
	local node=$1 host=$2 n lan4 lan6

	n=$(node_number "$node")
	read -r lan4 lan6 <<<"$(lan_prefixes "$node")"
	lan4=${lan4%0/24} lan6=${lan6%/64}
	add_uplink "$node" "$3$n." 2 24 "$4$n::"
	if [[ $node == site* ]] && ((count_plc > 1)); then
		add_switched_hosts "$node" "$lan4" "$lan6"
	else
		link_batch+="link add name lan netns $lab-$node type veth peer name eth0 netns $lab-$host"$'\n'
	fi
	add_address "$node" lan "$lan4" 1 24
	add_address "$node" lan "$lan6" 1 64
	add_host "$host" "$lan4" "$lan6" 10
	add_to "$host" "route add default via ${lan4}1$congctl" "route add default via ${lan6}1$congctl"
}

# add_host HOST NETWORK4 NETWORK6 NUMBER - its addresses on the LAN.
add_host() {
	add_address "$1" eth0 "$2" "$4" 24
	add_address "$1" eth0 "$3" "$4" 64
	printf '%s\n' "$2$4 $3$4" >"$run_dir/$1/addresses"
}

# add_switched_hosts SITE NETWORK4 NETWORK6 - all hosts on one bridge in wire; those beyond the first
# get their addresses here, and have no gateway.
add_switched_hosts() {
	local n host i=0

	n=$(node_number "$1")
	add_to wire "link set $1-b up"
	link_batch+="link add name $1-b netns $lab-wire type bridge"$'\n'
	add_port "$1-b" "$1" lan "$1-l"
	while read -r host; do
		add_port "$1-b" "$host" eth0 "$host"
		((i == 0)) || add_host "$host" "$2" "$3" $((10 + i))
		i=$((i + 1))
	done < <(hosts_of "$1")
}

# add_port BRIDGE NETNS INTERFACE PORT - join an interface to a bridge in wire.
add_port() {
	link_batch+="link add name $3 netns $lab-$2 type veth peer name $4 netns $lab-wire"$'\n'
	add_to wire "link set $4 master $1 up"
}

# hosts_of NODE - the hosts on its LAN: pcN; plcN, plcN-2, plcN-3 and so on.
hosts_of() {
	local n i

	n=$(node_number "$1")
	case $1 in
	eng*) printf 'pc%d\n' "$n" ;;
	site*)
		printf 'plc%d\n' "$n"
		for ((i = 2; i <= count_plc; i++)); do printf 'plc%d-%d\n' "$n" "$i"; done
		;;
	esac
}

# gather NODE... - fill the batches.
gather() {
	local node n

	for node; do
		n=$(node_number "$node")
		case $node in
		as*) add_server "$node" 203.0.113. 2001:db8:a: ;;
		rs*) add_server "$node" 198.51.100. 2001:db8:b: ;;
		eng*) add_endpoint "$node" "pc$n" 10.1. 2001:db8:e: ;;
		site*) add_endpoint "$node" "plc$n" 10.2. 2001:db8:d: ;;
		esac
	done
	# What comes to a NAT address unasked ends here.
	add_to inet "route add blackhole 192.0.2.0/24"
}

# write_names - /etc/hosts and an empty resolv.conf for all nodes; `ip netns exec` puts them in place.
write_names() {
	local node

	mkdir -p "$run_dir/etc" /etc/netns
	printf '127.0.0.1 localhost\n::1 localhost\n%s' "$hosts_text" >"$run_dir/etc/hosts"
	printf '# There is no DNS in the lab.\n' >"$run_dir/etc/resolv.conf"
	for node; do
		ln -sfn "$run_dir/etc" "/etc/netns/$lab-$node"
	done
}

# set_sysctls NETNS - before it has interfaces. Words of /proc/sys/net in a plain shell: quick.
set_sysctls() {
	local text='cd /proc/sys/net; echo 0 >ipv6/conf/all/accept_dad; echo 0 >ipv6/conf/default/accept_dad'

	[[ -n $congctl ]] || text+='; echo cubic >ipv4/tcp_congestion_control'
	case $1 in
	inet) text+='; echo 1 >ipv4/ip_forward; echo 1 >ipv6/conf/all/forwarding; echo 1 >ipv4/conf/default/rp_filter' ;;
	wire) text+='; echo 1 >ipv6/conf/default/disable_ipv6' ;;
	*) text+='; echo 2 >ipv4/conf/default/rp_filter' ;;
	esac
	in_netns "$1" sh -ec "$text"
}

# choose_congctl - set $congctl: empty, or the words that a route needs for cubic.
choose_congctl() {
	congctl=''
	in_netns inet sh -c 'echo cubic >/proc/sys/net/ipv4/tcp_congestion_control' 2>/dev/null ||
		congctl=' congctl cubic'
}

# ruleset NODE... - inet's firewall and NAT, for nft. `lab allow` fills the map.
ruleset() {
	local node n closed='' nat=''

	for node; do
		n=$(node_number "$node")
		case $node in
		eng*) closed+="\"$node\"," nat+="10.1.$n.2 : 192.0.2.$n," ;;
		site*) closed+="\"$node\"," nat+="10.2.$n.2 : 192.0.2.$((100 + n))," ;;
		esac
	done
	cat <<-END
		table inet lab {
			map allow {
				type ifname : verdict
			}
			chain input {
				type filter hook input priority filter; policy accept;
				icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
				iifname vmap @allow
			}
			chain forward {
				type filter hook forward priority filter; policy accept;
				iifname vmap @allow
				ct state established,related accept
				${closed:+oifname { ${closed%,} \} drop}
			}
			chain output {
				type filter hook output priority filter; policy accept;
				ct state established,related accept
				icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
				${closed:+oifname { ${closed%,} \} drop}
			}
		}
		table ip lab-nat {
			chain postrouting {
				type nat hook postrouting priority srcnat; policy accept;
				${nat:+snat to ip saddr map { ${nat%,} \}}
			}
		}
	END
}

# net_up NODE... - build the network for these nodes with uplinks (and their LANs' hosts).
net_up() {
	local node host netns=(inet wire "$@") batch=''

	for node; do
		while read -r host; do
			netns+=("$host")
		done < <(hosts_of "$node")
	done
	for node in "${netns[@]}"; do
		batch+="netns add $lab-$node"$'\n'
		add_to "$node" 'link set lo up'
	done
	ip -batch - <<<"$batch"
	choose_congctl
	gather "$@"
	write_names "${netns[@]}"
	for node in "${netns[@]}"; do
		set_sysctls "$node"
	done
	ip -batch - <<<"$link_batch"
	for node in "${netns[@]}"; do
		ip -n "$lab-$node" -batch - <<<"${ip_batch[$node]}"
	done
	tc -n "$lab-wire" -batch - <<<"$join_batch"
	ruleset "$@" | in_netns inet nft -f -
}

# --- down ---

# our_netns - the names of this lab's namespaces that exist.
our_netns() {
	local file

	for file in "/run/netns/$lab-"*; do
		[[ ! ${file##*/} =~ ^"$lab-"$netns_pattern$ ]] || printf '%s\n' "${file##*/}"
	done
}

# our_processes - the ids of all processes in this lab's namespaces, but not this shell.
our_processes() {
	local name inode path target
	declare -A ours=()

	while read -r name; do
		inode=$(stat -Lc %i "/run/netns/$name") && ours["net:[$inode]"]=1
	done < <(our_netns)
	((${#ours[@]})) || return 0
	while read -r path target; do
		path=${path#/proc/} path=${path%%/*}
		[[ -z $target || -z ${ours[$target]:-} || $path == "$$" || $path == "$BASHPID" ]] || printf '%s\n' "$path"
	done < <(find /proc/[0-9]*/ns/net -maxdepth 0 -printf '%p %l\n' 2>/dev/null || :)
}

# net_down - remove the namespaces and what is in /etc for them.
net_down() {
	local batch='' name

	while read -r name; do
		batch+="netns del $name"$'\n'
	done < <(our_netns)
	[[ -z $batch ]] || ip -force -batch - <<<"$batch" || :
	for name in /etc/netns/"$lab-"*; do
		[[ $(readlink "$name") != "$run_dir/etc" ]] || rm -f "$name"
	done
	rmdir --ignore-fail-on-non-empty /etc/netns 2>/dev/null || :
}
