#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# accessctl as people use it: tables on a terminal, JSON, exit codes, completion in real shells, secrets.

load lib
load alone

setup_file() {
	alone_up lab
	at lab folder add /italy >/dev/null
	at lab folder add /italy/plant3 >/dev/null
	at lab device add site1 --lan 192.168.201.0/24 10.5.0.0/16 fd00:201::/64 >/dev/null 2>&1
	at lab device add site2 --folder /italy/plant3 --rate 10mbit >/dev/null 2>&1
	at lab device add press4 --lan 10.9.0.0/16 >/dev/null 2>&1
	at lab group add fitters >/dev/null
	at lab user add anna <<<'lab-Anna-Engineers-Secret' >/dev/null 2>&1
}

teardown_file() {
	alone_down
}

setup() { :; }

# on_terminal COLUMNS COMMAND... - what a terminal of this width shows of it.
on_terminal() {
	local columns=$1

	shift
	FARLAN_SOCKET=$(alone_dir lab)/socket TERM=xterm LC_ALL=C.UTF-8 \
		script -qec "stty cols $columns; $BUILD/bin/accessctl $*" /dev/null 3>&- 4>&- </dev/null | tr -d '\r'
}

# widest - the length of the longest line, without what makes it bold.
widest() {
	sed 's/\x1b\[[0-9;]*m//g' | LC_ALL=C.UTF-8 awk '{ if (length($0) > n) n = length($0) } END { print n + 0 }'
}

# ends_with CODE COMMAND... - it must not say nothing if it fails.
ends_with() {
	run at lab "${@:2}"
	[[ $status -eq $1 ]] || fail "${*:2}: $status"$'\n'"$output"
	[[ -n $output || $1 -eq 0 ]] || fail "${*:2}: $status, without a word"
}

# --- tables ---

@test "a table fits the terminal" {
	for columns in 200 120 80 60 40; do
		n=$(on_terminal "$columns" device list | widest)
		((n <= columns)) || fail "$n columns on a terminal of $columns"
	done
	assert_contains "$(on_terminal 200 device list)" "192.168.201.0/24 10.5.0.0/16 fd00:201::/64"
	assert_contains "$(on_terminal 200 device list)" "VERSION"
	assert_contains "$(on_terminal 80 device list)" "…"
	assert_contains "$(on_terminal 80 device list)" "Not shown for want of room: VERSION"
	# So narrow that each device is a few lines.
	assert_contains "$(on_terminal 40 device list)" "TUNNEL     "
}

@test "COLUMNS counts more than what the terminal says" {
	n=$(COLUMNS=70 on_terminal 200 device list | widest)
	((n <= 70)) || fail "$n columns"
}

@test "elsewhere than on a terminal nothing is cut" {
	run at lab device list
	assert_contains "$output" "192.168.201.0/24 10.5.0.0/16 fd00:201::/64"
	assert_contains "$output" "VERSION"
	[[ $output != *$'\e'* ]]
	run bash -c "COLUMNS=20 FARLAN_SOCKET=$(alone_dir lab)/socket $BUILD/bin/accessctl device list | cat"
	assert_contains "$output" "192.168.201.0/24 10.5.0.0/16 fd00:201::/64"
}

@test "headings are bold, unless NO_COLOR says otherwise" {
	[[ $(on_terminal 120 device list) == *$'\e[1mNAME'* ]]
	[[ $(NO_COLOR=1 on_terminal 120 device list) != *$'\e[1m'* ]]
}

@test "numbers stand to the right" {
	run at lab device list
	assert_contains "$output" "    RATE  "
	assert_contains "$output" "  10mbit  "
	[[ $output =~ [[:space:]]{4}none[[:space:]] ]]
}

# --- JSON and exit codes ---

# in_json COMMAND... - its output is kept, for all to be looked at together.
in_json() {
	documents=$((documents + 1))
	at lab "$@" --json >"$BATS_TEST_TMPDIR/$documents.json" 2>/dev/null
}

@test "--json is there for what reads and for what changes" {
	documents=0
	in_json device list
	in_json status
	in_json device set site2 --rate 1mbit
	in_json device rule set site2 deny
	in_json device host add site1 plc1 192.168.201.10
	in_json device add site3
	in_json device remove site3
	in_json permission allow fitters connect /italy
	in_json ca show
	in_json export
	# Each is one document and nothing else.
	python3 -ESc 'import json, sys; [json.load(open(name)) for name in sys.argv[1:]]' "$BATS_TEST_TMPDIR"/*.json
	assert_equal "$documents" 10
}

@test "exit codes: 0 done, 1 failed or no, 2 wrong usage, 3 accessd is away" {
	ends_with 0 device list
	ends_with 0 can anna connect site2 --help
	ends_with 1 device set nobody --rate none
	ends_with 1 can anna connect site1
	ends_with 1 device add site1
	ends_with 2
	ends_with 2 device
	ends_with 2 device add
	ends_with 2 device list surplus
	ends_with 2 device list --lan 10.0.0.0/8
	ends_with 2 device list --bogus
	ends_with 2 ca roll
	ends_with 3 -s /nowhere/socket device list
	ends_with 1 device add bad%sname
	ends_with 2 device add "$(printf '\xff\xfe')"
}

@test "a group alone shows what belongs to it" {
	ends_with 2 ca
	assert_contains "$output" "ca roll"
	ends_with 2 token-key
	assert_contains "$output" "token-key roll"
	ends_with 2 devcie list
	assert_contains "$output" "is device list meant?"
}

@test "a token key that cannot be changed yet says when it can" {
	at lab token-key roll --yes >/dev/null
	run at lab token-key roll --yes
	assert_equal "$status" 1
	[[ $output =~ again\ from\ 20[0-9-]+\ [0-9:]+\ UTC ]] || fail "$output"
}

# --- completion ---

# completes SHELL KEYS WANT... - in a shell that has loaded the script as it is installed.
completes() {
	local shell=$1 load

	mkdir -p "$BATS_FILE_TMPDIR/$shell.d"
	"$BUILD/bin/accessctl" completion "$shell" >"$BATS_FILE_TMPDIR/$shell.d/_accessctl"
	load="cd $BATS_FILE_TMPDIR; PATH=$BUILD/bin:\$PATH; export FARLAN_SOCKET=$(alone_dir lab)/socket"
	case $shell in
	bash) load+="; source bash.d/_accessctl; bind 'set show-all-if-ambiguous on'; bind 'set bell-style none'" ;;
	zsh) load+="; fpath=($BATS_FILE_TMPDIR/zsh.d \$fpath); autoload -Uz compinit; compinit -u -D; unsetopt beep" ;;
	esac
	python3 -ES "$BATS_TEST_DIRNAME/tabkey.py" "$shell" "$load" "${@:2}"
}

in_both() {
	local pid

	completes zsh "$@" &
	pid=$!
	completes bash "$@"
	wait "$pid"
}

@test "bash and zsh complete commands and options" {
	in_both 'accessctl dev\tre\t' "accessctl device re" "reinvite" "remove" "revoke"
	in_both 'accessctl device add x --exp\t7d --q\t' "--expires 7d --qr"
	in_both 'accessctl token\troll --y\t' "accessctl token-key roll --yes"
}

@test "bash and zsh complete names that accessd knows" {
	in_both 'accessctl device set pre\t' "device set press4"
	in_both 'accessctl device set si\t\t' "site1" "site2"
	in_both 'accessctl user passwd a\t' "user passwd anna"
	in_both 'accessctl permission allow fit\tconn\t/it\t' "allow fitters connect /italy"
	in_both 'accessctl session history --device pre\t' "--device press4"
}

@test "bash and zsh complete files where files belong" {
	touch "$BATS_FILE_TMPDIR/rules-of-site1.txt"
	in_both 'accessctl device rule set site1 --file rules-\t' "rules-of-site1.txt"
	in_both 'accessctl import rules-\t' "import rules-of-site1.txt"
}

@test "completion is silent and quick when accessd is away" {
	run at lab complete -- -s /nowhere/socket device set si
	assert_equal "$status" 0
	assert_equal "$output" ""
}

@test "make install puts completion where shells look" {
	dest=$BATS_TEST_TMPDIR/dest
	make -s -C "$REPO" -o all install BUILD="$BUILD" DESTDIR="$dest" PREFIX=/usr >/dev/null 2>&1
	cmp "$dest/usr/share/bash-completion/completions/accessctl" <("$BUILD/bin/accessctl" completion bash)
	cmp "$dest/usr/share/zsh/site-functions/_accessctl" <("$BUILD/bin/accessctl" completion zsh)
}

# --- secrets ---

@test "no command takes a secret as a word or option" {
	# Each option and operand of each command: none is for a password, code, key or invitation.
	"$BUILD/bin/accessctl" --help | sed -n 's/^  \([a-z][a-z -]*[a-z]\)  .*/\1/p' >"$BATS_TEST_TMPDIR/commands"
	(($(wc -l <"$BATS_TEST_TMPDIR/commands") > 40))
	while read -r -a command; do
		usage=$("$BUILD/bin/accessctl" "${command[@]}" --help | sed -n '/^Usage/,/^$/p')
		[[ ! $usage =~ (PASSWORD|SECRET|INVITATION|CODE|PASSPHRASE|--password|--secret|--code) ]] ||
			[[ $usage == *"--invitations FILE"* ]] || fail "$usage"
	done <"$BATS_TEST_TMPDIR/commands"
}

# seen_of PID - its command line and environment, as others of the host may see them.
seen_of() {
	tr '\0' ' ' <"/proc/$1/cmdline"
	tr '\0' ' ' <"/proc/$1/environ"
}

@test "a password is neither in the command line nor in the environment" {
	local fifo=$BATS_TEST_TMPDIR/fifo pid

	mkfifo "$fifo"
	FARLAN_SOCKET=$(alone_dir lab)/socket "$BUILD/bin/accessctl" user passwd anna <"$fifo" >/dev/null 2>&1 3>&- 4>&- &
	pid=$!
	exec 7>"$fifo"
	printf 'lab-Other-Engineers-' >&7
	wait_for 10 grep -qa '^[^ ]*accessctl' "/proc/$pid/cmdline" # no shell any more
	seen=$(seen_of "$pid")
	printf 'Secret\n' >&7
	exec 7>&-
	wait "$pid"
	assert_contains "$seen" "user passwd anna"
	[[ $seen != *Engineers* ]]
	run grep -c Engineers "$(alone_dir lab)/log"
	assert_equal "$output" 0
}

@test "a word that is no text in UTF-8 is refused, and nothing is done" {
	local bad=$'\xff'

	for words in "folder add /x$bad" "policy attach pp --to / --for fit$bad" "device add badf --folder /it$bad" \
		"audit list --who x$bad" "session kill --all --reason $bad" "--domain x$bad domain show"; do
		# shellcheck disable=SC2086 # they are words
		run at lab $words
		assert_equal "$status" 2
		assert_contains "$output" "not text in UTF-8"
	done
}
