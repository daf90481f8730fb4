# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# What all parts of scripts/lab share: names, messages, processes, waiting.

lab=${LAB:-farlan}
readonly lab
readonly lab_root=/run/farlan-lab
readonly run_dir=$lab_root/$lab
readonly exit_cannot_run=77

say() {
	printf 'lab: %s\n' "$*" >&2
}

die() {
	say "$*"
	exit 1
}

usage_error() {
	say "$* (lab --help)"
	exit 2
}

cannot_run() {
	say "cannot run here: $*"
	exit "$exit_cannot_run"
}

[[ $lab =~ ^[a-z0-9][a-z0-9-]{0,31}$ ]] || usage_error "LAB='$lab' is not a name like farlan-2"

# check_can_run - end with words and status 77 where there can be no lab.
check_can_run() {
	local tool

	((EUID == 0)) || cannot_run "it needs root (network namespaces)"
	for tool in ip tc nft nsenter setsid flock; do
		command -v "$tool" >/dev/null || cannot_run "there is no '$tool' (Debian: iproute2 nftables util-linux)"
	done
	[[ -c /dev/net/tun ]] || cannot_run "there is no /dev/net/tun"
	unshare --net true 2>/dev/null || cannot_run "it may not make network namespaces"
}

# --- programs ---

# find_build - set $build: where the programs are, noted by `up`, or from BUILD.
find_build() {
	if [[ -r $run_dir/build ]]; then
		build=$(<"$run_dir/build")
	else
		build=${BUILD:-build}
		[[ $build == /* ]] || build=$(readlink -m "$lab_home/../$build")
	fi
}

# --- nodes ---

# node_number NODE - the digits at its end.
node_number() {
	printf '%s' "${1##*[a-z]}"
}

# netns_file NODE - the file to enter its namespace by.
netns_file() {
	printf '/run/netns/%s-%s' "$lab" "$1"
}

# need_node NODE KINDS - end with words unless NODE is there and of one of the KINDS (a|b|c).
need_node() {
	local node=${1:-} kinds=$2

	[[ -n $node ]] || usage_error "name a node"
	[[ $node =~ ^(inet|(as|rs|eng|site|pc|plc)[1-9][0-9]*|plc[1-9][0-9]*-[1-9][0-9]*)$ &&
		-e /run/netns/$lab-$node ]] ||
		die "there is no node '$node' in the lab '$lab' (lab status)"
	[[ $node =~ ^($kinds)[0-9]*(-[0-9]+)?$ ]] || die "$node has no ${3:-daemon}"
}

# in_netns NODE COMMAND... - run in its network namespace only: quick, but without its /etc/hosts.
in_netns() {
	local file=/run/netns/$lab-$1

	shift
	nsenter --net="$file" "$@"
}

# --- processes ---

# process_start PID - when it was started, in ticks since boot; fails if it is gone or a zombie.
process_start() {
	local stat fields

	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
	read -ra fields <<<"${stat##*) }"
	# A dead leader whose threads are still on their way out holds sockets and files.
	[[ ${fields[0]} != [ZX] || ${fields[17]} -gt 1 ]] || return 1
	printf '%s' "${fields[19]}"
}

# note_process PID FILE - write FILE so that pid_of() knows the process again, and no other.
note_process() {
	local start

	start=$(process_start "$1") || start=gone
	printf '%s %s\n' "$1" "$start" >"$2"
}

# pid_of FILE - the process noted there; fails if it does not run any more.
pid_of() {
	local pid start

	{ read -r pid start <"$1"; } 2>/dev/null || return 1
	[[ $(process_start "$pid") == "$start" ]] || return 1
	printf '%s' "$pid"
}

# close_files - close what a long-lived process must not inherit (locks, a test runner's pipes).
close_files() {
	local fd

	for fd in /proc/"$BASHPID"/fd/*; do
		fd=${fd##*/}
		((fd < 3 || fd == 255)) || eval "exec $fd>&-"
	done
}

# --- time ---

# now_ms - a clock for deadlines.
now_ms() {
	local t=${EPOCHREALTIME/[.,]/}

	printf '%s' "${t%???}"
}

# nap MS - sleep without a new process.
nap() {
	local t

	[[ -n ${nap_fd:-} ]] || exec {nap_fd}<> <(:)
	printf -v t '0.%03d' "$1"
	read -rt "$t" -u "$nap_fd" || :
}

# wait_until MS COMMAND... - poll until it succeeds; fails after that time.
wait_until() {
	local end=$(($(now_ms) + $1))

	shift
	until "$@"; do
		(($(now_ms) < end)) || return 1
		nap 10
	done
}
