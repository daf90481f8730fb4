#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Hostile peers, at every layer of every daemon, while a session goes on. The attackers are
# tests/net/attack.py and tests/net/legtool.c; they sit in site2. Not here but in
# tests/unit/test_tls.c: chains and certificates that accessd would never sign.
# alone: it measures how long a session waits beside an attack
# bats file_tags=hostile

# shellcheck disable=SC2030,SC2031 # every test has a shell of its own
# shellcheck disable=SC2154 # addresses and python are of vpn.bash
load lib
load vpn
load silence

setup_file() {
	# Freed memory is kept for a while by AddressSanitizer: not so much that it hides what grows.
	export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}quarantine_size_mb=4
	lab_up --managers 2 --devices 3 --access 2 || return 0
	watch_uplink site1
	watch_uplink eng1
	start_talk plc1
	connect eng1 site1
	# site3 is in another domain; eng2 and site2 lend their identities to the attackers.
	lab stop site3
	rm -r "$(lab_dir site3)/state"
	lab start site3
	tool as2 device add site3 2>/dev/null | tool site3 enroll
	wait_for 20 is_online site3
	for node in site2 site3 eng2; do
		lab stop "$node"
	done
	for node in as1 rs1 site1 eng1; do
		pid=$(lab pid "$node")
		echo "$pid $(rss_kb "$node")" >"$BATS_FILE_TMPDIR/$node"
	done
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=as2.lab -days 2 \
		-keyout "$BATS_FILE_TMPDIR/key" -out "$BATS_FILE_TMPDIR/certificate" 2>/dev/null
	cat "$BATS_FILE_TMPDIR/key" >>"$BATS_FILE_TMPDIR/certificate"
}

setup() {
	lab_here
	calm_begin
}

# A test that disturbs the session on purpose ends the calm itself.
teardown() {
	[[ -e $BATS_FILE_TMPDIR/calm-pid ]] || return 0
	kill "$(<"$BATS_FILE_TMPDIR/calm-pid")" 2>/dev/null || :
	rm "$BATS_FILE_TMPDIR/calm-pid"
}

teardown_file() {
	local rc=0

	uplink_silent site1 || rc=1
	uplink_silent eng1 || rc=1
	logs_clean || rc=1
	lab_down
	return "$rc"
}

# calm_begin - a TCP connection through the session, as long as the test takes.
calm_begin() {
	(exec "$REPO/scripts/lab" in pc1 "$python" "$BATS_TEST_DIRNAME/talk.py" hold "$plc1" 7 600) \
		>"$BATS_TEST_TMPDIR/calm" 2>"$BATS_TEST_TMPDIR/calm.errors" 3>&- &
	calm_job=$!
	echo "$calm_job" >"$BATS_FILE_TMPDIR/calm-pid"
	wait_for 20 grep -q holding "$BATS_TEST_TMPDIR/calm.errors"
}

# calm_end LONGEST_MS - it lives, and no answer took longer.
calm_end() {
	local lines longest

	kill -TERM "$calm_job"
	wait "$calm_job" || fail "the session was disturbed: $(<"$BATS_TEST_TMPDIR/calm.errors")"
	rm "$BATS_FILE_TMPDIR/calm-pid"
	read -r lines longest <"$BATS_TEST_TMPDIR/calm"
	assert_between "$longest" 0 "$1" "longest wait in the session, in milliseconds"
	same_daemons
}

# same_daemons - none has died.
same_daemons() {
	local node pid

	for node in as1 rs1 site1 eng1; do
		read -r pid _ <"$BATS_FILE_TMPDIR/$node"
		assert_equal "$(lab pid "$node")" "$pid" "pid of $node"
	done
}

# attack KIND ARGUMENT... - in site2.
attack() {
	lab in site2 timeout 100 "$python" -B "$BATS_TEST_DIRNAME/attack.py" "$@"
}

legtool() {
	lab in site2 legtool "$@"
}

state() {
	printf '%s/state' "$(lab_dir "$1")"
}

# Lines of one kind are limited to some in 10 s, so what looks for them comes before the crowds.
@test "each kind of offence has a line in the log" {
	for kind in tcp tls http ws; do
		legtool "$as1:443" --path /v1/control --garbage "$kind" --expect-close >/dev/null || :
		legtool "$rs1:443" --garbage "$kind" --expect-close >/dev/null || :
	done
	for words in "TLS: record layer" "answered 400 malformed request" "malformed WebSocket frame"; do
		log_holds as1 "$words" || fail "as1's log does not hold: $words"
	done
	log_holds rs1 "no request that could be answered"
	run attack enrol as1.lab
	assert_equal "$status" 0
	log_holds as1 "sent a message that is too long"
	log_holds as1 "sent a malformed message"
	calm_end 2000
}

# --- tokens ---

# secret - the domain's token key: what an attacker should never have.
secret() {
	"$python" -ESc 'import sqlite3, sys
print(sqlite3.connect(sys.argv[1]).execute("SELECT token_secret FROM domain").fetchone()[0].hex())' \
		"$(state as1)/accessd.db"
}

relay_uri() {
	printf 'farlan://lab/relay/%s' "$(tool as1 relay list --json | json 'd[0]["uid"]')"
}

# token SECRET SESSION ARGUMENT...
token() {
	legtool token --secret-hex "$1" --session "$2" "${@:3}"
}

leg_is() {
	run attack leg rs1.lab "$2" "${3:-1}" "${4:-0}"
	assert_equal "${output:0:${#1}}" "$1" "answer to $BATS_TEST_DESCRIPTION"
}

@test "tokens that are not good: words and a line in the log for each" {
	uri=$(relay_uri) secret=$(secret) session=0123456789abcdef0123456789abcdef
	live=$(session_field eng1 site1 id)
	good=$(token "$secret" "$session" --relay "$uri")
	leg_is "401 no token" none
	leg_is "401 the token or the generation is malformed" v4.public.AAAA
	leg_is "401 the token or the generation is malformed" "$good" abc
	leg_is "401 the token or the generation is malformed" "$good" -1
	leg_is "401 the token's signature is wrong" "${good:0:60}$([[ ${good:60:1} == A ]] && echo B || echo A)${good:61}"
	other=$(legtool key | sed -n 's/^secret //p')
	leg_is "401 the token was signed with a key that this relay does not know" "$(token "$other" "$live" --relay "$uri")" 99999999999
	leg_is "401 the token is for another relay" "$(token "$secret" "$live" --relay "${uri%?}$([[ $uri == *0 ]] && echo 1 || echo 0)")"
	leg_is "401 the token is for another relay" "$(token "$secret" "$live" --relay "${uri/lab/lab2}")"
	leg_is "401 the token has expired" "$(token "$secret" "$live" --relay "$uri" --issued -7200 --expires -3600)"
	leg_is "401 the token has expired or is not good yet" "$(token "$secret" "$live" --relay "$uri" --issued 3600 --expires 7200)"
	# A good token of another session comes to nobody else's bytes.
	leg_is "101" "$good" 5 1
	assert_contains "$output" "received 0"
	leg_is "409 a connection of this generation" "$good" 5
	leg_is "409 a connection of this generation" "$good" 4
	# One of the live session, played back: the generation is too low.
	leg_is "409 a connection of this generation" "$(token "$secret" "$live" --relay "$uri" --role manager)" 1
	for words in no-token malformed signature unknown-key other-relay expired replay; do
		log_holds rs1 "reason=$words" || fail "rs1's log does not hold reason=$words"
	done
	calm_end 2000
}

@test "a token of a session that has ended is refused" {
	lab start eng2
	wait_for 10 is_online eng2
	connect eng2 site1
	id=$(session_field eng2 site1 id)
	tool eng2 disconnect >/dev/null
	wait_for 5 log_holds rs1 "session=$id reason"
	lab stop eng2
	leg_is "403 the session was ended" "$(token "$(secret)" "$id" --relay "$(relay_uri)")" 999999999999
	calm_end 2000
}

@test "a second connection of the same role takes over: no byte of the session, and it comes back" {
	id=$(session_field eng1 site1 id) uri=$(relay_uri) secret=$(secret)
	for role in device manager; do
		generation=$(tool rs1 sessions --json | json "[s['$role']['generation'] for s in d if s['session'] == '$id']")
		leg_is "101" "$(token "$secret" "$id" --relay "$uri" --role "$role")" $((generation + 1)) 2
		wait_for 20 is_up eng1 site1
		wait_for 20 is_up site1 eng1
		wait_for 20 talk pc1 tcp "$plc1"
	done
	calm_end 20000
}

# --- below the messages ---

@test "garbage at every layer below the messages is closed" {
	jobs=()
	for args in "bytes as1.lab 443" "bytes as1.lab 80" "bytes rs1.lab 443" "bytes rs1.lab 5935" \
		"http as1.lab 443 /v1/control" "http rs1.lab 443 /v1/session" "ws as1.lab 443" "inner as1.lab"; do
		# shellcheck disable=SC2086 # words
		attack $args >"$BATS_TEST_TMPDIR/${args//[ \/]/-}" 2>&1 3>&- &
		jobs+=($!)
	done
	for job in "${jobs[@]}"; do
		wait "$job" || fail "$(tail -n 3 "$BATS_TEST_TMPDIR"/*-*)"
	done
	calm_end 2000
}

@test "a crowd of half-open connections, and some that send a byte a second" {
	jobs=()
	for args in "flood $as1:443 tcp 200 12" "flood $as1:443 head 200 12" "flood $rs1:443 tls 200 12" \
		"flood $rs1:443 head 200 12" "$as1:443 --path /v1/control --one-byte-a-second --expect-close" \
		"$rs1:443 --one-byte-a-second --expect-close"; do
		# shellcheck disable=SC2086 # words
		legtool $args >"$BATS_TEST_TMPDIR/${args//[ \/:]/-}" 2>&1 3>&- &
		jobs+=($!)
	done
	# Meanwhile others come in.
	sleep 1
	lab start eng2
	wait_for 10 is_online eng2
	tool eng2 connect site1 >/dev/null
	lab stop eng2
	for job in "${jobs[@]}"; do
		wait "$job" || fail "$(tail -n 3 "$BATS_TEST_TMPDIR"/*-*)"
	done
	for file in "$BATS_TEST_TMPDIR"/flood-*; do
		assert_equal "$(sed -n 's/^closed //p' "$file")" "$(sed -n 's/^connected //p' "$file")" "closed of $file"
	done
	log_holds rs1 "too many connections that showed no token"
	calm_end 2000
}

# --- messages ---

@test "messages that are none, from a member; questions without end whose answers it does not read" {
	run attack control "$(state site2)"
	echo "$output"
	assert_equal "$status" 0
	assert_contains "$output" "session.open refused: only managers"
	calm_end 2000
}

@test "messages that are none, on the local sockets" {
	attack local "$(lab_dir as1)/socket" "$(lab_dir rs1)/socket" "$(lab_dir site1)/socket" "$(lab_dir eng1)/socket"
	calm_end 2000
}

@test "a member of another domain is refused" {
	run attack stranger "$(state site3)" as1.lab
	assert_equal "$status" 0
	run attack stranger "$(state site2)" as2.lab
	assert_equal "$status" 0
	calm_end 2000
}

# --- paths ---

@test "a device takes nobody else for its manager: devices, users, itself, another domain, nobody" {
	before=$(log_lines site1 "path failed")
	run attack client "$(state eng2)" site1 "$(state site2)" "$(state eng1)" "$(state site1)" "$(state site3)" none
	echo "$output"
	assert_equal "$status" 0
	assert_equal "$(grep -c refused <<<"$output")" 5 "refused"
	assert_between "$(($(log_lines site1 "path failed") - before))" 5 30 "lines in the log"
	calm_end 2000
}

@test "a manager takes nobody else for its device: users, devices, itself, another domain, nobody" {
	attack server "$(state site2)" "$(state eng2)" "$(state site1)" "$(state eng1)" "$(state site3)" \
		>"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	job=$!
	wait_for 10 grep -q ready "$BATS_TEST_TMPDIR/out"
	tool eng1 connect site2 >/dev/null 2>&1 &
	connect_job=$!
	wait "$job" || fail "$(<"$BATS_TEST_TMPDIR/out")"
	assert_equal "$(grep -c refused "$BATS_TEST_TMPDIR/out")" 4 "refused"
	tool eng1 disconnect site2 >/dev/null || :
	wait "$connect_job" || :
	calm_end 2000
}

@test "frames and packets that are none, from the right manager" {
	run attack frames "$(state eng2)" site1
	echo "$output"
	assert_equal "$status" 0
	calm_end 2000
}

@test "a manager that asks and does not read: others do not feel it" {
	run attack deaf "$(state eng2)" site1 4
	echo "$output"
	assert_equal "$status" 0
	calm_end 2000
}

# --- servers ---

@test "vpnd meets hostile servers: it lives, says what it met, and comes back" {
	lab stop as2
	lab start site3
	pid=$(lab pid site3)
	for kind in random tls frames inner websocket silent; do
		(exec "$REPO/scripts/lab" in as2 "$python" "$BATS_TEST_DIRNAME/foreign.py" $kind 443 \
			"$BATS_FILE_TMPDIR/certificate") >/dev/null 2>&1 3>&- &
		job=$!
		wait_for 5 listens as2 443
		lab stop site3
		before=$(log_lines site3 "Access Server not reached")
		lab start site3
		wait_for 30 more_lines site3 "$before" "Access Server not reached"
		lab pid site3 >/dev/null
		kill "$job"
		wait "$job" || :
	done
	lab start as2
	lab stop site3
	lab start site3
	wait_for 30 is_online site3
	lab stop site3
	calm_end 2000
}

more_lines() {
	(($(log_lines "$1" "$3") > $2))
}

# --- after all that ---

@test "nothing has grown" {
	calm_end 2000
	for node in as1 rs1 site1 eng1; do
		limit=$(is_asan && echo 100000 || echo 10000)
		read -r _ before <"$BATS_FILE_TMPDIR/$node"
		now=$(rss_kb "$node")
		echo "# $node: $before kB before, $now kB after" >&3
		# accessd takes four times as many strangers as relayd, and what they needed stays in its heap.
		[[ $node != as1 ]] || limit=$((limit * 2))
		assert_between "$((now - before))" -100000 "$limit" "kB that $node has grown"
		count=$(wc -l <"$(lab_dir "$node")/log")
		assert_between "$count" 1 1500 "lines in the log of $node"
	done
}

@test "all daemons end in good order" {
	all_stop
}
