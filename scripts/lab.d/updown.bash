# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# up and down.

# lock_lab - one up or down of this lab at a time. The lock ends with the process, however it ends.
lock_lab() {
	local file=$lab_root/.$lab.lock

	while :; do
		mkdir -p "$lab_root"
		exec {lock_fd}>"$file"
		flock -w 30 "$lock_fd" || die "another up or down of the lab '$lab' is still at work"
		[[ ! $file -ef /proc/$$/fd/$lock_fd ]] || return 0
		exec {lock_fd}>&- # the one before us removed the file
	done
}

unlock_lab() {
	rm -f "$lab_root/.$lab.lock"
	rmdir --ignore-fail-on-non-empty "$lab_root" 2>/dev/null || :
	exec {lock_fd}>&-
}

# stop_daemons - SIGTERM to all of them at once, SIGKILL after 5 s.
stop_daemons() {
	local file pid node running=()

	for file in "$run_dir"/*/pid; do
		pid=$(pid_of "$file") || continue
		kill -TERM "$pid" 2>/dev/null || continue
		node=${file%/pid}
		running+=("${node##*/}")
	done
	wait_until 5000 all_gone "${running[@]}" ||
		say "not every daemon ended within 5 s after SIGTERM, killing the rest"
}

all_gone() {
	local node

	for node; do
		daemon_gone "$node" || return 1
	done
}

# kill_processes - whatever is left in the namespaces, and wait until it is gone.
kill_processes() {
	local pids

	mapfile -t pids < <(our_processes)
	((${#pids[@]})) || return 0
	kill -KILL "${pids[@]}" 2>/dev/null || :
	wait_until 2000 no_processes || say "processes that do not go away: $(our_processes | tr '\n' ' ')"
}

no_processes() {
	[[ -z $(our_processes) ]]
}

# remove_lab - with whatever of it there is.
remove_lab() {
	[[ ! -d $run_dir ]] || stop_daemons
	kill_processes
	net_down
	rm -rf "$run_dir"
}

cmd_down() {
	(($# == 0)) || usage_error "lab down takes no arguments"
	((EUID == 0)) || cannot_run "it needs root"
	lock_lab
	remove_lab
	unlock_lab
}

# --- up ---

# parse_up ARGUMENT... - set the globals that up works with.
parse_up() {
	count_as=1 count_rs=1 count_eng=1 count_site=1 count_plc=1 same_lan='' world='' bare='' keep=''
	while (($#)); do
		case $1 in
		--managers | --devices | --relays | --access | --plcs)
			[[ ${2:-} =~ ^[0-9]{1,2}$ ]] || usage_error "$1 needs a number"
			((10#$2 <= 55)) || usage_error "$1: no more than 55"
			case $1 in
			--managers) count_eng=$((10#$2)) ;;
			--devices) count_site=$((10#$2)) ;;
			--relays) count_rs=$((10#$2)) ;;
			--access) count_as=$((10#$2)) ;;
			--plcs) count_plc=$((10#$2)) ;;
			esac
			shift
			;;
		--same-lan) same_lan=1 ;;
		--world) world=1 ;;
		--bare) bare=1 ;;
		--keep) keep=1 ;;
		*) usage_error "lab up: what is '$1'?" ;;
		esac
		shift
	done
}

# list_nodes - set the lists of nodes with uplinks.
list_nodes() {
	local i

	access=() others=()
	for ((i = 1; i <= count_as; i++)); do access+=("as$i"); done
	for ((i = 1; i <= count_rs; i++)); do others+=("rs$i"); done
	for ((i = 1; i <= count_eng; i++)); do others+=("eng$i"); done
	for ((i = 1; i <= count_site; i++)); do others+=("site$i"); done
	nodes=("${access[@]}" "${others[@]}")
	((count_plc > 0)) || usage_error "lab up: --plcs counts the first host, too"
	((${#nodes[@]})) || usage_error "lab up: a lab of nothing?"
	((bare || count_as || !(count_rs + count_eng + count_site))) ||
		usage_error "lab up: nobody can enrol without an Access Server"
}

# make_state - the folders and files under /run.
make_state() {
	local i host dirs=("${nodes[@]}")

	for i in "${nodes[@]}"; do
		while read -r host; do
			dirs+=("$host")
		done < <(hosts_of "$i")
	done
	mkdir -p "$run_dir" "${dirs[@]/#/$run_dir/}"
	chmod 700 "$run_dir"
	printf '%s\n' "$build" >"$run_dir/build"
	[[ -z $same_lan ]] || : >"$run_dir/same-lan"
	[[ -z $world ]] || make_world "${nodes[@]}"
	for i in "${nodes[@]}"; do
		write_conf "$i"
	done
}

# start_daemons - all at once, then wait for their sockets. With --bare some may not be built.
start_daemons() {
	local node started=() failed=0
	declare -A absent=()

	for node in "${nodes[@]}"; do
		if daemon_built "$node"; then
			daemon_launch "$node"
			started+=("$node")
		else
			absent[$(daemon_of "$node")]=1
		fi
	done
	if ((${#absent[@]})); then
		say "not built in $build/bin: ${!absent[*]}"
		[[ -n $bare ]] || die "build them first, or use --bare"
	fi
	for node in "${started[@]}"; do
		daemon_wait "$node" || failed=1
		((!failed)) || return 1
	done
}

# abort_up - on every way out of `up` but the good one.
abort_up() {
	local jobs_left

	trap - EXIT INT TERM HUP
	mapfile -t jobs_left < <(jobs -p)
	((!${#jobs_left[@]})) || kill "${jobs_left[@]}" 2>/dev/null || :
	if [[ -n $keep ]]; then
		say "up failed; --keep leaves the lab '$lab' as it is (lab down removes it)"
	else
		say "up failed; removing the lab '$lab'"
		remove_lab
	fi
	unlock_lab
}

cmd_up() {
	local begin

	parse_up "$@"
	list_nodes
	check_can_run
	begin=$(now_ms)
	lock_lab
	trap abort_up EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	remove_lab
	find_build
	make_state
	net_up "${nodes[@]}"
	start_daemons
	if [[ -z $bare ]]; then
		enrol_all "${access[@]}"
		enrol_all "${others[@]}"
		wait_online "${others[@]}"
	fi
	[[ -z $world ]] || apply_world
	trap - EXIT INT TERM HUP
	unlock_lab
	up_report $(($(now_ms) - begin))
}

up_report() {
	local text="$count_as access, $count_rs relays, $count_eng managers, $count_site devices"

	say "$lab is up${bare:+, bare}: $text ($(($1 / 1000)).$(($1 % 1000 / 100)) s)"
}
