# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# Enrolment: what an administrator does once, for a whole lab. Everybody but as2.. belongs to as1.

readonly enrol_jobs=6 # at the same time
readonly online_seconds=20

# step NODE FILE COMMAND... - run a command in NODE, its output to FILE. If it fails, tell all that
# is known about it; of many parallel failures, which mostly have one reason, only the first.
step() {
	local node=$1 file=$2 rc=0

	shift 2
	in_node "$node" "$@" >"$file" 2>"$file.err" || rc=$?
	((rc != 0)) || return 0
	mkdir "$run_dir/failed" 2>/dev/null || return 1
	say "failed with status $rc: lab in $node $*"
	sed 's/^/    /' "$file" "$file.err" >&2
	say "the log of $node ends:"
	log_tail "$node"
	return 1
}

# set_up_access NODE - its domain: lab, or labN. Every engineer may connect to every device.
set_up_access() {
	local domain=lab

	[[ $1 == as1 ]] || domain=lab$(node_number "$1")
	step "$1" "$run_dir/$1/init" accessctl init --domain "$domain" --url "https://$1.lab" </dev/null || return
	step "$1" "$run_dir/$1/init" accessctl permission allow everyone connect / </dev/null
}

enrol_relay() {
	local dir=$run_dir/$1

	step as1 "$dir/invitation" accessctl relay add "$1" --url "https://$1.lab" </dev/null || return
	step "$1" "$dir/enrolled" relayctl enroll <"$dir/invitation"
}

enrol_device() {
	local dir=$run_dir/$1 lan4 lan6

	read -r lan4 lan6 <<<"$(lan_prefixes "$1")"
	step as1 "$dir/invitation" accessctl device add "$1" --lan "$lan4" --lan "$lan6" </dev/null || return
	step "$1" "$dir/enrolled" vpnctl enroll <"$dir/invitation"
}

enrol_manager() {
	local dir=$run_dir/$1

	printf 'lab-%s-Engineers-Secret\n' "$1" >"$dir/password"
	step as1 "$dir/invitation" accessctl user add "$1" --no-change <"$dir/password" || return
	cat "$dir/invitation" "$dir/password" >"$dir/login"
	step "$1" "$dir/enrolled" vpnctl login <"$dir/login"
}

enrol_node() {
	case $1 in
	rs*) enrol_relay "$1" ;;
	site*) enrol_device "$1" ;;
	eng*) enrol_manager "$1" ;;
	as*) set_up_access "$1" ;;
	esac
}

# enrol_all NODE... - some at a time; fails if one of them does.
enrol_all() {
	local node running=0 failed=0

	for node; do
		if ((running == enrol_jobs)); then
			wait -n || failed=1
			running=$((running - 1))
		fi
		enrol_node "$node" &
		running=$((running + 1))
	done
	for (( ; running > 0; running--)); do
		wait -n || failed=1
	done
	return "$failed"
}

# is_online NODE - asks its daemon. Unix sockets do not care about network namespaces.
is_online() {
	local tool=vpnctl answer

	[[ $1 != rs* ]] || tool=relayctl
	answer=$(FARLAN_SOCKET=$run_dir/$1/socket "$build/bin/$tool" status --json 2>/dev/null) || return 1
	[[ $answer =~ \"state\":[[:space:]]*\"online\" ]]
}

# wait_online NODE... - until all are; tells who is not.
wait_online() {
	local node end waiting=("$@") still

	end=$(($(now_ms) + online_seconds * 1000))
	while (($(now_ms) < end)); do
		still=()
		for node in "${waiting[@]}"; do
			is_online "$node" || still+=("$node")
		done
		((${#still[@]})) || return 0
		waiting=("${still[@]}")
		nap 50
	done
	say "not online after $online_seconds s: ${waiting[*]}; the log of ${waiting[0]} ends:"
	log_tail "${waiting[0]}"
	return 1
}
