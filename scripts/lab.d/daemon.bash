# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# The nodes' daemons: one in each as, rs, eng and site.
#
# NODE/conf, NODE/state/, NODE/socket   what the daemon is given
# NODE/log, NODE/pid                    kept by the lab
# NODE/clock                            what libfaketime reads: the time that the daemon sees

readonly daemon_kinds='as|rs|eng|site'

# daemon_of NODE
daemon_of() {
	case $1 in
	as*) printf accessd ;;
	rs*) printf relayd ;;
	eng* | site*) printf vpnd ;;
	esac
}

# write_conf NODE - its daemon's configuration.
write_conf() {
	local dir=$run_dir/$1 lan=''

	mkdir -m 700 "$dir/state"
	{
		printf '[%s]\n' "$(daemon_of "$1")"
		case $1 in
		eng*)
			lan=$(lan_prefixes "$1")
			printf 'role = manager\nlan = %s\ntun = farlan0\n' "${lan/ /, }"
			;;
		site*) # all of them run on one machine
			printf 'the machine %s\n' "$1" >"$dir/hardware"
			printf 'role = device\ntun = farlan0\nhardware-id = %s\n' "$dir/hardware"
			;;
		rs*) printf 'drain = 2\n' ;; # `lab stop` has 5 s
		esac
		printf 'state = %s/state\nsocket = %s/socket\n' "$dir" "$dir"
	} >"$dir/conf"
}

# set_node_environment NODE - what its commands see.
set_node_environment() {
	local dir=$run_dir/$1

	find_build
	unset FARLAN_SOCKET
	[[ ! -e $dir/conf ]] || export FARLAN_SOCKET=$dir/socket
	export PATH=$build/bin:$build/tests/net:$PATH LAB=$lab BUILD=$build
}

# in_node NODE COMMAND... - run it there, with the node's names and environment.
in_node() (
	node=$1
	shift
	set_node_environment "$node"
	exec ip netns exec "$lab-$node" "$@"
)

daemon_pid() {
	pid_of "$run_dir/$1/pid"
}

daemon_gone() {
	! daemon_pid "$1" >/dev/null
}

daemon_built() {
	find_build
	[[ -x $build/bin/$(daemon_of "$1") ]]
}

# set_clock FILE - what is started from here on sees the time in FILE, and jumps with it; durations stay true.
set_clock() {
	local lib

	[[ -e $1 ]] || return 0
	lib=$(faketime_lib)
	export LD_PRELOAD=$lib FAKETIME_TIMESTAMP_FILE=$1 FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1
	export NO_FAKE_STAT=1 TZ=UTC ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0
}

faketime_lib() {
	local file

	for file in /usr/lib/*/faketime/libfaketimeMT.so.1; do
		[[ ! -e $file ]] || { printf %s "$file" && return; }
	done
	return 1
}

# daemon_launch NODE - start it; does not wait for its socket.
daemon_launch() {
	local node=$1 dir=$run_dir/$1

	: >"$dir/launched"
	(
		close_files
		set_node_environment "$node"
		set_clock "$dir/clock"
		exec setsid ip netns exec "$lab-$node" "$build/bin/$(daemon_of "$node")" -c "$dir/conf"
	) </dev/null >>"$dir/log" 2>&1 &
	note_process $! "$dir/pid"
	disown $!
}

# daemon_ready NODE - whether its socket is there (and none that an earlier run left behind).
daemon_ready() {
	[[ -S $run_dir/$1/socket && ! $run_dir/$1/socket -ot $run_dir/$1/launched ]]
}

# daemon_settled NODE - ready or gone: nothing more to wait for.
daemon_settled() {
	daemon_ready "$1" || daemon_gone "$1"
}

# daemon_wait NODE - until it serves its socket; fails with words if it does not.
daemon_wait() {
	wait_until 10000 daemon_settled "$1" || :
	if daemon_gone "$1"; then
		say "$1: $(daemon_of "$1") ended at once; its log:"
	elif ! daemon_ready "$1"; then
		say "$1: $(daemon_of "$1") has no socket $run_dir/$1/socket after 10 s; its log:"
	else
		return 0
	fi
	log_tail "$1"
	return 1
}

# log_tail NODE - the end of its daemon's log, indented, on standard error.
log_tail() {
	tail -n 20 "$run_dir/$1/log" 2>/dev/null | sed 's/^/    /' >&2
}

# daemon_stop NODE - SIGTERM, SIGKILL after 5 s; fails if it came to that.
daemon_stop() {
	local pid

	pid=$(daemon_pid "$1") || return 0
	kill -TERM "$pid" 2>/dev/null || return 0
	if ! wait_until 5000 daemon_gone "$1"; then
		say "$1: $(daemon_of "$1") (pid $pid) did not end within 5 s after SIGTERM, killing it"
		kill -KILL "$pid" 2>/dev/null || :
		wait_until 2000 daemon_gone "$1" || :
		return 1
	fi
}

cmd_in() {
	local node=${1:-}

	need_node "$node" '[a-z]+'
	shift
	(($#)) || usage_error "lab in $node: which command?"
	set_node_environment "$node"
	exec ip netns exec "$lab-$node" "$@"
}

cmd_start() {
	need_node "${1:-}" "$daemon_kinds"
	daemon_built "$1" || die "$(daemon_of "$1") is not built: there is no $build/bin/$(daemon_of "$1")"
	if daemon_gone "$1"; then
		daemon_launch "$1"
	else
		say "$1: $(daemon_of "$1") runs already"
	fi
	daemon_wait "$1"
}

cmd_clock() {
	need_node "${1:-}" "$daemon_kinds"
	[[ -n ${2:-} ]] || usage_error "lab clock $1: which time?"
	if [[ $2 == real ]]; then
		rm -f "$run_dir/$1/clock"
		return
	fi
	[[ -n $(faketime_lib) ]] || die "libfaketime is not there (Debian package faketime)"
	# As a whole: the daemon may be reading it.
	printf '@%s\n' "$2" >"$run_dir/$1/clock.new"
	mv "$run_dir/$1/clock.new" "$run_dir/$1/clock"
}

cmd_stop() {
	need_node "${1:-}" "$daemon_kinds"
	daemon_stop "$1"
}

cmd_kill() {
	local pid

	need_node "${1:-}" "$daemon_kinds"
	pid=$(daemon_pid "$1") || die "$1: $(daemon_of "$1") does not run"
	kill -KILL "$pid"
	wait_until 2000 daemon_gone "$1" || die "$1: pid $pid does not go away"
}

cmd_pid() {
	need_node "${1:-}" "$daemon_kinds"
	daemon_pid "$1" || die "$1: $(daemon_of "$1") does not run"
	echo
}

cmd_log() {
	need_node "${1:-}" "$daemon_kinds"
	if [[ ${2:-} == -f ]]; then
		exec tail -n +1 -F "$run_dir/$1/log"
	fi
	[[ ! -e $run_dir/$1/log ]] || cat "$run_dir/$1/log"
}
