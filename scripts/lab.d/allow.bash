# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# Which outbound ports the firewall in inet lets a node use.

# allow_rule WORD - the nft match for tcp/443, udp/5000-5999 or icmp: numbers, since /etc/protocols may be absent.
allow_rule() {
	case $1 in
	icmp) echo 'meta l4proto { 1, 58 } return' ;;
	*)
		[[ $1 =~ ^(tcp|udp)/([0-9]+(-[0-9]+)?)$ ]] ||
			usage_error "lab allow: '$1' is none of tcp/443, udp/5000-5999, icmp, all, none"
		echo "${BASH_REMATCH[1]} dport ${BASH_REMATCH[2]} return"
		;;
	esac
}

# allow_chain NODE SPEC RESET - the node's chain. Only what the node began is judged: a server's
# answers pass. It stands before the rule for established flows, so it holds for them, too.
allow_chain() {
	local word words rule

	IFS=, read -ra words <<<"$2"
	printf 'add rule inet lab allow-%s ct direction reply return\n' "$1"
	for word in "${words[@]}"; do
		[[ $word != none ]] || continue
		rule=$(allow_rule "$word") || exit
		printf 'add rule inet lab allow-%s %s\n' "$1" "$rule"
	done
	if [[ -n $3 ]]; then
		printf 'add rule inet lab allow-%s meta l4proto tcp reject with tcp reset\n' "$1"
		printf 'add rule inet lab allow-%s reject\n' "$1"
	else
		printf 'add rule inet lab allow-%s drop\n' "$1"
	fi
}

# allow_ruleset NODE SPEC RESET OLD - all changes in one transaction.
allow_ruleset() {
	printf 'add chain inet lab allow-%s\nflush chain inet lab allow-%s\n' "$1" "$1"
	if [[ $2 != all ]]; then
		allow_chain "$1" "$2" "$3"
		[[ $4 != all ]] || printf 'add element inet lab allow { "%s" : jump allow-%s }\n' "$1" "$1"
	else
		[[ $4 == all ]] || printf 'delete element inet lab allow { "%s" }\n' "$1"
		printf 'delete chain inet lab allow-%s\n' "$1"
	fi
}

cmd_allow() {
	local node=${1:-} spec='' reset='' old=all file rules

	need_node "$node" 'as|rs|eng|site' uplink
	shift
	while (($#)); do
		case $1 in
		--reset) reset=1 ;;
		-*) usage_error "lab allow: what is '$1'?" ;;
		*)
			[[ -z $spec ]] || usage_error "lab allow: give one list, with commas"
			spec=$1
			;;
		esac
		shift
	done
	[[ -n $spec ]] || usage_error "lab allow: which ports? tcp/443,udp/53, all or none"
	file=$run_dir/$node/allow
	[[ ! -e $file ]] || read -r old <"$file"
	rules=$(allow_ruleset "$node" "$spec" "$reset" "$old")
	in_netns inet nft -f - <<<"$rules"
	printf '%s\n' "$spec${reset:+ (reset)}" >"$file"
}
