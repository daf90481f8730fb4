# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# Uplinks: plain, shaped by the emulator, or cut.
#
# NODE/link       the settings asked for, a word and its value to a line; empty or absent: plain;
#                 "delay-to NODE2 80ms" names a node, of which the emulator gets the addresses
# NODE/link.down  there while the link is cut
# NODE/wire.conf  what the emulator reads: the settings, and "down" while the link is cut
# NODE/wire.pid   the emulator

# hook_commands NODE, redirect_commands NODE - what tc needs to join the two halves of an uplink.
hook_commands() {
	printf 'qdisc add dev %s clsact\n' "$1-n" "$1-i"
}

redirect_commands() {
	local format='filter add dev %s ingress protocol all u32 match u32 0 0 action mirred egress redirect dev %s\n'

	# shellcheck disable=SC2059 # the format is the line above
	printf "$format" "$1-n" "$1-i" "$1-i" "$1-n"
}

# join_link NODE - put hooks and redirects there, over what a crash may have left.
join_link() {
	part_link "$1"
	{ hook_commands "$1" && redirect_commands "$1"; } | tc -n "$lab-wire" -batch -
}

# part_link NODE - take the redirects away, if they are there.
part_link() {
	printf 'qdisc del dev %s clsact\n' "$1-n" "$1-i" | tc -n "$lab-wire" -force -batch - 2>/dev/null || :
}

emulator_pid() {
	pid_of "$run_dir/$1/wire.pid"
}

emulator_gone() {
	! emulator_pid "$1" >/dev/null
}

# write_wire_conf NODE - in one step: the emulator may be reading.
write_wire_conf() {
	local dir=$run_dir/$1

	{
		[[ ! -e $dir/link ]] || settings_of "$dir/link"
		[[ ! -e $dir/link.down ]] || echo down
	} >"$dir/wire.conf.new"
	mv "$dir/wire.conf.new" "$dir/wire.conf"
}

# seen_addresses NODE - by which others see it: an eng or site by what NAT makes of its IPv4 address.
seen_addresses() {
	local v4 v6

	read -r v4 v6 <"$run_dir/$1/addresses"
	case $1 in
	eng*) v4=192.0.2.$(node_number "$1") ;;
	site*) v4=192.0.2.$((100 + $(node_number "$1"))) ;;
	esac
	printf '%s %s' "$v4" "$v6"
}

# settings_of FILE - for the emulator, with addresses instead of nodes.
settings_of() {
	local key value more address

	while read -r key value more; do
		if [[ $key == delay-to ]]; then
			for address in $(seen_addresses "$value"); do
				printf 'delay-to %s %s\n' "$address" "$more"
			done
		else
			printf '%s %s\n' "$key" "$value"
		fi
	done <"$1"
}

# set_offloads NODE on|off - at both far ends of the uplink.
set_offloads() {
	in_netns "$1" "$wire" offload wan "$2"
	in_netns inet "$wire" offload "$1" "$2"
}

# start_emulator NODE - it takes the redirects away itself, in the moment when it takes over.
# If it cannot start, the link is plain again.
start_emulator() {
	local dir=$run_dir/$1 pid

	set_offloads "$1" off
	pid=$(
		close_files
		in_netns wire "$wire" run "$1-n" "$1-i" "$dir/wire.conf" 2>>"$dir/wire.log"
	) || {
		rm -f "$dir/link" "$dir/link.down"
		set_offloads "$1" on
		join_link "$1"
		die "the link emulator did not start: $(tail -n 1 "$dir/wire.log")"
	}
	note_process "$pid" "$dir/wire.pid"
}

# leave_emulator NODE - told to end, the emulator hands over what is under way and does so, sooner
# than the redirects can be there. Offloads come on when all packets go by those.
leave_emulator() {
	local pid

	pid=$(emulator_pid "$1") || return 0
	part_link "$1"
	hook_commands "$1" | tc -n "$lab-wire" -batch -
	kill -TERM "$pid"
	[[ -e $run_dir/$1/link.down ]] || redirect_commands "$1" | tc -n "$lab-wire" -batch -
	wait_until 2000 emulator_gone "$1" || kill -KILL "$pid"
	rm -f "$run_dir/$1/wire.pid"
	set_offloads "$1" on
}

# apply_link NODE - make the link what the files say.
apply_link() {
	local node=$1 dir=$run_dir/$1 pid

	write_wire_conf "$node"
	if [[ ! -s $dir/link ]]; then
		if ! emulator_gone "$node"; then
			leave_emulator "$node"
		elif [[ -e $dir/link.down ]]; then
			part_link "$node"
		else
			join_link "$node"
		fi
	elif pid=$(emulator_pid "$node"); then
		kill -HUP "$pid"
	else
		start_emulator "$node"
	fi
}

# check_settings NODE SETTINGS - end with words unless the emulator can read them.
check_settings() {
	local file=$run_dir/$1/link.new

	printf '%s' "$2" >"$file"
	settings_of "$file" >"$file.wire"
	"$wire" check "$file.wire" 2>/dev/null || {
		rm "$file" "$file.wire"
		usage_error "lab link: expected values like --delay 40ms --rate 10mbit --loss 1% --queue 50ms --seed 7"
	}
	rm "$file" "$file.wire"
}

# need_wire - set $wire: the emulator's program.
need_wire() {
	find_build
	wire=$build/tests/net/wire
	[[ -x $wire ]] || die "a link with settings needs the emulator, but there is no $wire (make tests)"
}

# link_text NODE - its setting in words.
link_text() {
	local dir=$run_dir/$1 text=plain

	[[ ! -s $dir/link ]] || text=$(tr '\n' ' ' <"$dir/link")
	if [[ -e $dir/link.down ]]; then
		text="cut (else ${text% })"
	elif [[ -s $dir/link ]] && emulator_gone "$1"; then
		text="BROKEN, no emulator (else ${text% })"
	fi
	printf '%s' "${text% }"
}

cmd_link() {
	local node=${1:-} settings='' change=''

	need_node "$node" 'as|rs|eng|site' uplink
	shift
	while (($#)); do
		case $1 in
		--delay | --rate | --loss | --queue | --seed)
			(($# > 1)) || usage_error "$1 needs a value"
			settings+="${1#--} $2"$'\n'
			shift
			;;
		--delay-to)
			(($# > 2)) || usage_error "$1 needs a node and a value"
			need_node "$2" 'as|rs|eng|site' uplink
			settings+="delay-to $2 $3"$'\n'
			shift 2
			;;
		--down | --up) change=${1#--} ;;
		*) usage_error "lab link: what is '$1'?" ;;
		esac
		shift
	done
	[[ -z $change || -z $settings ]] || usage_error "--$change stands alone"
	[[ $settings != queue* && $settings != *$'\n'queue* || $settings == *"rate "* ]] ||
		usage_error "--queue is the wait at a rate: give --rate, too"
	change_link "$node" "$change" "$settings"
}

# change_link NODE down|up|'' SETTINGS - note what is asked for, and make it so.
change_link() {
	local dir=$run_dir/$1

	[[ -z $3 && ! -s $dir/link ]] || need_wire
	[[ -z $3 ]] || check_settings "$1" "$3"
	case $2 in
	down)
		[[ ! -e $dir/link.down ]] || return 0
		: >"$dir/link.down"
		;;
	up)
		[[ -e $dir/link.down ]] || return 0
		rm "$dir/link.down"
		;;
	*)
		[[ -n $3 || -s $dir/link || -e $dir/link.down ]] || return 0
		rm -f "$dir/link.down"
		printf '%s' "$3" >"$dir/link"
		;;
	esac
	apply_link "$1"
}
