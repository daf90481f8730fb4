# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# What all parts of scripts/bench share: words, the lab, processes, the machine.

readonly exit_cannot_run=77 exit_busy=75

say() {
	printf 'bench: %s\n' "$*" >&2
}

die() {
	say "$*"
	exit 1
}

usage_error() {
	say "$* (bench --help)"
	exit 2
}

# --- the lab ---

lab() {
	scripts/lab "$@"
}

# netns NODE COMMAND... - run it there. (`lab in` adds the daemons' tools, and takes longer.)
netns() {
	ip netns exec "$LAB-$1" "${@:2}"
}

# tool NODE COMMAND... - vpnctl or relayctl of that node; Unix sockets do not care about namespaces.
tool() {
	local name=vpnctl

	[[ $1 != rs* ]] || name=relayctl
	FARLAN_SOCKET=/run/farlan-lab/$LAB/$1/socket "$BUILD/bin/$name" "${@:2}"
}

is_online() {
	[[ $(tool "$1" status --json 2>/dev/null) =~ \"state\":\ *\"online\" ]]
}

# wait_for SECONDS COMMAND... - poll until it succeeds; fails after that time.
wait_for() {
	local end=$((SECONDS + $1 + 1))

	until "${@:2}"; do
		((SECONDS < end)) || return 1
		sleep 0.05
	done
}

# start_in NODE NAME COMMAND... - a process in the background, its output in the work folder.
start_in() {
	setsid ip netns exec "$LAB-$1" "${@:3}" </dev/null >"$work/$1.$2.log" 2>&1 {lock_fd}>&- &
	disown $!
}

# pids NODE - what runs in its namespace, which is ours alone.
pids() {
	ip netns pids "$LAB-$1"
}

is_empty() {
	[[ -z $(pids "$1") ]]
}

# clear_node NODE - end whatever runs there: SIGTERM, SIGKILL after 3 s.
clear_node() {
	local list

	mapfile -t list < <(pids "$1")
	((${#list[@]})) || return 0
	kill -TERM "${list[@]}" 2>/dev/null || :
	wait_for 3 is_empty "$1" && return 0
	mapfile -t list < <(pids "$1")
	((!${#list[@]})) || kill -KILL "${list[@]}" 2>/dev/null || :
	wait_for 2 is_empty "$1" || die "processes on $1 do not go away: $(pids "$1" | tr '\n' ' ')"
}

# host_of NODE - what a peer may change there, to see that it is all gone afterwards.
host_of() {
	netns "$1" sh -c 'ip -o -4 addr; ip -4 route; ip -o link | cut -d: -f2; cat /proc/sys/net/ipv4/ip_forward'
}

# forwarding on|off NODE...
forwarding() {
	local value=0 node

	[[ $1 != on ]] || value=1
	for node in "${@:2}"; do
		netns "$node" sh -c "echo $value >/proc/sys/net/ipv4/ip_forward"
	done
}

# --- the machine ---

# lock_machine - two of us would measure each other. The lock ends with the process.
lock_machine() {
	exec {lock_fd}>/run/lock/farlan-bench.lock
	flock -n "$lock_fd" || {
		say "another bench is at work on this machine"
		exit "$exit_busy"
	}
}

load_average() {
	cut -d ' ' -f 1 /proc/loadavg
}

is_quiet() {
	awk '{ exit !($1 < 0.5) }' /proc/loadavg
}

# busy_percent - what the machine does while we do nothing, over a second.
busy_percent() {
	local a b

	a=$(machine_ticks all)
	sleep 1
	b=$(machine_ticks all)
	awk -v a="$a" -v b="$b" 'BEGIN {
		split(a, x, " "); split(b, y, " ")
		total = y[2] - x[2]
		printf "%.1f", (total > 0 ? 100 * (y[1] - x[1]) / total : 0)
	}'
}

# machine_ticks [all] - ticks that all processors together were busy, and, with all, the ticks that passed.
machine_ticks() {
	awk -v all="${1:-}" '/^cpu / {
		busy = $2 + $3 + $4 + $7 + $8
		print all ? busy " " busy + $5 + $6 + $9 : busy
	}' /proc/stat
}

# need_quiet - before a measurement that counts: wait for the machine, or refuse.
need_quiet() {
	is_quiet && return 0
	if [[ -n $quick || -n $force ]]; then
		say "WARNING: the load average is $(load_average); these figures are good for trying the script, no more"
		return 0
	fi
	say "the load average is $(load_average), waiting up to 5 minutes until it is below 0.5"
	wait_for 300 is_quiet && return 0
	say "the machine is busy (load average $(load_average)): figures would be wrong. --force measures all the same"
	exit "$exit_busy"
}

# machine_facts - name and value, a line each.
machine_facts() {
	local version dirty=''

	version=$(git rev-parse --short HEAD 2>/dev/null) || version=unknown
	[[ -z $(git status --porcelain -- common vpnd relayd accessd Makefile 2>/dev/null) ]] || dirty=' with changes'
	printf 'date\t%s\n' "$(date -u '+%Y-%m-%d %H:%M UTC')"
	printf 'farlan\t%s, commit %s%s\n' "$(<VERSION)" "$version" "$dirty"
	printf 'processor\t%s x %s\n' "$(nproc)" \
		"$(awk -F ': *' '/^model name/ { print $2; exit }' /proc/cpuinfo)"
	printf 'memory\t%s MB\n' "$(awk '/^MemTotal/ { print int($2 / 1024) }' /proc/meminfo)"
	printf 'kernel\t%s\n' "$(uname -r | grep -oE '^[0-9.]+')"
	printf 'load average at the start\t%s\n' "$(load_average)"
}
