# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# An accessd by itself, without a lab and without root: for what its tool does. Beside lib.bash:
#
#   setup_file()    { alone_up one; }              # as many as there are names
#   teardown_file() { alone_down; }
#   @test "..." { at one device list }
#
# Each has a domain called after it; alone_up ends when it answers.

alone_dir() {
	printf '%s/%s' "$BATS_FILE_TMPDIR" "$1"
}

# at NAME COMMAND... - accessctl for this one.
at() {
	FARLAN_SOCKET=$(alone_dir "$1")/socket "$BUILD/bin/accessctl" "${@:2}" 3>&- 4>&-
}

alone_answers() {
	at "$1" status >/dev/null 2>&1
}

alone_start() {
	local dir

	dir=$(alone_dir "$1")
	"$BUILD/bin/accessd" -c "$dir/conf" >>"$dir/log" 2>&1 3>&- 4>&- &
	echo $! >"$dir/pid"
	disown $!
	wait_for 20 alone_answers "$1"
}

alone_up() {
	local name dir

	for name in "$@"; do
		dir=$(alone_dir "$name")
		mkdir -p "$dir"
		printf '[accessd]\nlisten = unix:%s/outer\nstate = %s/state\nsocket = %s/socket\n' \
			"$dir" "$dir" "$dir" >"$dir/conf"
		alone_start "$name"
		at "$name" init --domain "$name" --url "https://$name.example" >/dev/null
	done
}

alone_stop() {
	local dir pid

	dir=$(alone_dir "$1")
	pid=$(<"$dir/pid")
	kill "$pid" 2>/dev/null || return 0
	while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
}

# alone_down - end them all; fails if a sanitizer had something to say.
alone_down() {
	local dir rc=0

	for dir in "$BATS_FILE_TMPDIR"/*/pid; do
		alone_stop "$(basename "$(dirname "$dir")")"
	done
	if grep -E 'Sanitizer|runtime error' "$BATS_FILE_TMPDIR"/*/log; then
		rc=1
	fi
	return "$rc"
}
