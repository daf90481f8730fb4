# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# What the demo looks like, and how it runs commands. What may outlive a demo that is killed does not get its lock.

bold='' dim='' good='' bad='' plain=''
if [[ -t 1 && -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then
	bold=$'\e[1m' dim=$'\e[2m' good=$'\e[32m' bad=$'\e[31m' plain=$'\e[0m'
fi
step_number=0 figures=''
readonly indent='    '

# heading TEXT - a new step.
heading() {
	step_number=$((step_number + 1))
	printf '\n%s%d. %s%s\n' "$bold" "$step_number" "$*" "$plain"
}

# tell LINE... - explain.
tell() {
	printf '   %s\n' "$@"
}

# ok TEXT - what was checked and found right.
ok() {
	printf '   %sok%s  %s\n' "$good" "$plain" "$*"
}

# fail TEXT - end the demo; on_exit shows the logs.
fail() {
	printf '\n%sFAILED%s: %s\n' "$bad" "$plain" "$*" >&2
	exit 1
}

# prompt WHERE COMMAND - as it would be typed there.
prompt() {
	printf '   %s%s#%s %s\n' "$dim" "$1" "$plain" "$2"
}

show_output() {
	sed -u "s/^/$indent/"
}

# in_node NODE COMMAND - a line of shell, in the demo's folder.
in_node() {
	(cd "$work" && exec "$lab" in "$1" bash -c "$2") </dev/null
}

# try NODE COMMAND [FILTER...] - show the command, run it, show its output (or what FILTER leaves of it).
# All of the output is in $work/output. Returns the command's status.
try() {
	local node=$1 command=$2

	shift 2
	(($#)) || set -- cat
	prompt "$node" "$command"
	(in_node "$node" "$command" 2>&1 | tee "$work/output" | "$@" | show_output) {lock}>&-
}

# run NODE COMMAND [FILTER...] - the same, and the demo fails if the command does.
run() {
	try "$@" || fail "$1: $2"
}

# from_output REGEX - its first group, found in the last output.
from_output() {
	[[ $(<"$work/output") =~ $1 ]] || fail "no '$1' in the output above"
	printf '%s' "${BASH_REMATCH[1]}"
}

# background NODE COMMAND LOG - show the command and start it as $!. It ends at the latest with the lab.
background() {
	prompt "$1" "$2 &"
	(cd "$work" && exec "$lab" in "$1" bash -c "exec $2") </dev/null {lock}>&- >"$work/$3" 2>&1 &
}

# stop PID... - what background() started.
stop() {
	kill "$@"
	wait "$@" || :
}

# figure NAME VALUE - a row for the table at the end.
figure() {
	printf -v figures '%s   %-40s %s\n' "$figures" "$1" "$2"
}

# wait_for SECONDS COMMAND... - poll until it succeeds; fails after that time.
wait_for() {
	local end=$((SECONDS + $1))

	shift
	until "$@"; do
		((SECONDS <= end)) || return 1
		sleep 0.05
	done
}

# size BYTES - in words.
size() {
	if (($1 < 1 << 20)); then
		printf '%d KiB' $((($1 + 1023) >> 10))
	else
		printf '%d MiB' $((($1 + (1 << 19)) >> 20))
	fi
}
