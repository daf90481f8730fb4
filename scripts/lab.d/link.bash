# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# Uplinks: plain, shaped by the emulator, or cut.
#
# NODE/link       the settings asked for, a word and its value to a line; empty or absent: plain
# NODE/link.down  there while the link is cut
# NODE/wire.conf  what the emulator reads: the settings, and "down" while the link is cut
# NODE/wire.pid   the emulator

# join_commands NODE - the tc commands that join the two halves of an uplink.
join_commands() {
	local a=$1-n b=$1-i

	printf '%s\n' "qdisc add dev $a clsact" "qdisc add dev $b clsact" \
		"filter add dev $a ingress protocol all u32 match u32 0 0 action mirred egress redirect dev $b" \
		"filter add dev $b ingress protocol all u32 match u32 0 0 action mirred egress redirect dev $a"
}

# join_link NODE, part_link NODE - put the redirects there, take them away; both may be done twice.
join_link() {
	part_link "$1"
	join_commands "$1" | tc -n "$lab-wire" -batch -
}

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
		[[ ! -e $dir/link ]] || cat "$dir/link"
		[[ ! -e $dir/link.down ]] || echo down
	} >"$dir/wire.conf.new"
	mv "$dir/wire.conf.new" "$dir/wire.conf"
}

# set_offloads NODE on|off - at both far ends of the uplink.
set_offloads() {
	in_netns "$1" "$wire" offload wan "$2"
	in_netns inet "$wire" offload "$1" "$2"
}

# start_emulator NODE - it takes the redirects away itself, in the moment when it takes over.
start_emulator() {
	local dir=$run_dir/$1 pid

	set_offloads "$1" off
	pid=$(
		close_files
		in_netns wire "$wire" run "$1-n" "$1-i" "$dir/wire.conf" 2>>"$dir/wire.log"
	) || die "the link emulator did not start: $(tail -n 3 "$dir/wire.log")"
	note_process "$pid" "$dir/wire.pid"
}

# stop_emulator NODE - it hands over what is under way and ends.
stop_emulator() {
	local pid

	pid=$(emulator_pid "$1") || return 0
	kill -TERM "$pid"
	wait_until 2000 emulator_gone "$1" || kill -KILL "$pid"
	rm -f "$run_dir/$1/wire.pid"
	set_offloads "$1" on
}

# apply_link NODE - make the link what the files say.
apply_link() {
	local node=$1 dir=$run_dir/$1 pid

	write_wire_conf "$node"
	if [[ -s $dir/link ]]; then
		if pid=$(emulator_pid "$node"); then
			kill -HUP "$pid"
		else
			start_emulator "$node"
		fi
		return
	fi
	stop_emulator "$node"
	if [[ -e $dir/link.down ]]; then
		part_link "$node"
	else
		join_link "$node"
	fi
}

# check_setting WORD VALUE - end with words unless the emulator can read it.
check_setting() {
	local number='^[0-9]+(\.[0-9]+)?'

	case $1 in
	delay | queue) [[ $2 =~ $number(us|ms|s)$ ]] ;;
	rate) [[ $2 =~ $number(bit|kbit|mbit|gbit)$ ]] ;;
	loss) [[ $2 =~ $number%$ ]] ;;
	seed) [[ $2 =~ ^[0-9]+$ ]] ;;
	esac || usage_error "--$1 $2: expected something like --delay 40ms --rate 10mbit --loss 1% --queue 50ms --seed 7"
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
			check_setting "${1#--}" "$2"
			settings+="${1#--} $2"$'\n'
			shift
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
