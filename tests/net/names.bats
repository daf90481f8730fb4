#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Names of what is connected: asked with dig; through dnsmasq, by a host on the manager's LAN; through
# systemd-resolved, where scripts/deps could unpack one.
# bats file_tags=names

# shellcheck disable=SC2154 # addresses and python are of vpn.bash
load lib
load vpn
load silence

top=lab.farlan

setup_file() {
	lab_up --devices 2 || return 0
	watch_uplink site1
	tool as1 device host add site1 plc1 "$plc1"
	tool as1 device host add site1 PLC1 "$plc1_six"
	tool as1 device host add site2 plc1 "$plc2"
	connect eng1 site1
}

setup() { lab_here; }

teardown_file() {
	local rc=0

	uplink_silent site1 || rc=1
	logs_clean || rc=1
	lab_down
	return "$rc"
}

# ask NAME [DIG-ARGUMENT...] - what eng1's vpnd answers, the records alone.
ask() {
	lab in eng1 dig +short +time=10 +tries=1 @127.0.0.1 -p 453 "$@"
}

# answer NAME [DIG-ARGUMENT...] - all of it.
answer() {
	lab in eng1 dig +time=10 +tries=1 @127.0.0.1 -p 453 "$@"
}

# says WORDS ANSWER-ARGUMENT...
says() {
	[[ $(answer "${@:2}") == *"$1"* ]]
}

# is_at ADDRESS NAME
is_at() {
	[[ $(ask "$2") == "$1" ]]
}

@test "a host behind a connected device, by UDP and TCP, IPv4 and IPv6" {
	assert_equal "$(ask plc1.site1.$top)" "$plc1"
	assert_equal "$(ask plc1.site1.$top AAAA)" "$plc1_six"
	assert_equal "$(ask plc1.site1.$top +tcp)" "$plc1"
	assert_equal "$(ask plc1.site1.$top +noedns)" "$plc1"
	assert_equal "$(ask PLC1.Site1.LAB.Farlan)" "$plc1"
	assert_contains "$(answer PLC1.Site1.LAB.Farlan)" "PLC1.Site1.LAB.Farlan."
	pings eng1 "$(ask plc1.site1.$top)"
}

@test "the device itself" {
	local four

	four=$(tool as1 device list --json | json '[x["ipv4"] for x in d if x["name"] == "site1"]')
	assert_equal "$(ask site1.$top)" "$four"
	assert_equal "$(ask -x "$four")" "site1.$top."
	pings eng1 "$four"
}

@test "names of addresses" {
	assert_equal "$(ask -x "$plc1")" "plc1.site1.$top."
	assert_equal "$(ask -x "$plc1_six")" "plc1.site1.$top."
	says 'status: NXDOMAIN' -x 192.168.201.77
	says 'status: REFUSED' -x "$plc2" # not connected
	says 'status: REFUSED' -x 192.0.2.1
}

@test "what is not there, and what is none of ours" {
	says 'status: NXDOMAIN' plc9.site1.$top
	says 'status: NXDOMAIN' plc1.site2.$top # not connected
	says 'status: NOERROR' plc1.site1.$top TXT
	says 'ANSWER: 0, AUTHORITY: 1' plc1.site1.$top TXT
	says 'status: REFUSED' example.org
	says 'status: REFUSED' lab2.farlan
	says 'Transfer failed' $top AXFR
	says 'status: REFUSED' -c CH version.bind TXT
	says 'status: BADVERS' plc1.site1.$top +edns=1 +noednsnegotiation
	says 'status: NOTIMP' plc1.site1.$top +opcode=NOTIFY
	says 'HINFO' plc1.site1.$top ANY +notcp
}

@test "what does not fit into UDP comes by TCP" {
	local i

	for i in {1..40}; do
		tool as1 device host add site1 "alias-number-$i-of-the-same-machine" 192.168.201.30
	done
	wait_for 10 is_at 192.168.201.30 alias-number-40-of-the-same-machine.site1.$top
	says 'flags: qr aa tc' -x 192.168.201.30 +ignore
	assert_equal "$(ask -x 192.168.201.30 | wc -l)" 40
	for i in {1..40}; do
		tool as1 device host remove site1 "alias-number-$i-of-the-same-machine"
	done
}

@test "names change while the session runs, and go with it" {
	tool as1 device host add site1 hmi 192.168.201.20
	wait_for 10 is_at 192.168.201.20 hmi.site1.$top
	tool as1 device host remove site1 hmi
	wait_for 10 says 'status: NXDOMAIN' hmi.site1.$top
	connect eng1 site2
	assert_equal "$(ask plc1.site2.$top)" "$plc2"
	assert_equal "$(ask plc1.site1.$top)" "$plc1"
	tool eng1 disconnect site2
	says 'status: NXDOMAIN' plc1.site2.$top
}

@test "what was changed while the Access Server was away arrives later" {
	lab stop as1
	wait_for 20 is_offline eng1
	assert_equal "$(ask plc1.site1.$top)" "$plc1"
	lab start as1
	# At once, before eng1 is back.
	wait_for 20 tool as1 device host add site1 later 192.168.201.40
	wait_for 90 is_at 192.168.201.40 later.site1.$top
	tool as1 device host remove site1 later
}

@test "accessctl lists them, and refuses what no host can have" {
	assert_contains "$(tool as1 device host list site1)" "$plc1_six"
	assert_equal "$(tool as1 device host list site1 --json | json '[x["name"] for x in d]' | uniq)" plc1
	refused "no host's address in a LAN" tool as1 device host add site1 a 192.168.202.1
	refused "no host's address in a LAN" tool as1 device host add site1 a 192.168.201.255
	refused "letters, digits" tool as1 device host add site1 a_b 192.168.201.1
	refused "already" tool as1 device host add site1 plc1 192.168.201.1
	refused "no such host" tool as1 device host remove site1 a
	refused "no such device" tool as1 device host list site9
	refused "site1 has a host plc1" tool as1 device add plc1.site1 --lan 192.168.203.0/24
	tool as1 device add x1.site1 --lan 192.168.203.0/24 >/dev/null
	refused "there is a device x1.site1" tool as1 device host add site1 x1 192.168.201.1
	tool as1 device remove x1.site1
	refused "device host add" tool as1 device host add site1 a
	refused "device host add" tool as1 device host rename site1 a b
}

@test "vpnctl shows them" {
	assert_contains "$(tool eng1 dns)" "plc1.site1.$top"
	assert_contains "$(tool eng1 dns)" "server=/$top/127.0.0.1#453"
	assert_equal "$(tool eng1 dns --hosts | grep -cP "^$plc1\tplc1.site1.$top\$")" 1
	assert_equal "$(tool eng1 dns --json | json '[x["address"] for x in d["names"] if x["name"] == "plc1.site1.lab.farlan"][0]')" "$plc1"
	assert_equal "$(field eng1 'd["dns"]["domain"]')" "$top"
	assert_equal "$(field eng1 'd["dns"]["listening"]')" true
	assert_equal "$(field site1 '"dns" in d')" false
	refused "only managers" tool site1 dns
}

@test "nothing listens to a network, nor on a device" {
	assert_equal "$(lab in eng1 ss -Hlun | awk '{ print $4 }')" 127.0.0.1:453
	assert_equal "$(lab in eng1 ss -Hltn | awk '{ print $4 }')" 127.0.0.1:453
	assert_equal "$(lab in site1 ss -Hlun)$(lab in site1 ss -Hltn)" ''
}

@test "garbage and many connections hold nobody up" {
	lab in eng1 "$python" "$BATS_TEST_DIRNAME/garbage.py" 127.0.0.1 453
	assert_equal "$(ask plc1.site1.$top)" "$plc1"
	assert_equal "$(ask plc1.site1.$top +tcp)" "$plc1"
}

# --- dnsmasq, as on an office's router: with the line that vpnctl prints ---

# resolve NODE NAME - as a host of the LAN does, by eng1's dnsmasq.
resolve() {
	lab in "$1" dig +short +time=10 +tries=1 @192.168.101.1 "$2"
}

resolves_to() {
	[[ $(resolve "$1" "$2") == "$3" ]]
}

@test "dnsmasq serves the LAN with it" {
	(exec "$REPO/scripts/lab" in eng1 dnsmasq --keep-in-foreground --conf-file=/dev/null --user=root \
		--listen-address=192.168.101.1 --bind-interfaces --no-resolv --no-hosts --pid-file= \
		--stop-dns-rebind --address=/example.org/192.0.2.7 "--$(tool eng1 dns | grep -o 'server=/.*')" \
		"--$(tool eng1 dns | grep -o 'rebind-domain-ok=/.*')") >"$BATS_FILE_TMPDIR/dnsmasq.log" 2>&1 3>&- 4>&- &
	disown $!
	wait_for 20 resolves_to pc1 plc1.site1.$top "$plc1"
	pings pc1 "$(resolve pc1 plc1.site1.$top)"
	tool as1 device host add site1 cell 192.168.201.50
	wait_for 20 resolves_to pc1 cell.site1.$top 192.168.201.50
	tool as1 device host remove site1 cell
	wait_for 20 resolves_to pc1 cell.site1.$top ''
	assert_equal "$(resolve pc1 example.org)" 192.0.2.7
	assert_fails grep -i 'refused to do' "$BATS_FILE_TMPDIR/dnsmasq.log"
}

# --- /etc/resolv.conf alone, which glibc reads ---

# glibc_finds NAME ADDRESS
glibc_finds() {
	[[ $(lab in eng1 getent ahostsv4 "$1" | awk '{ print $1; exit }') == "$2" ]]
}

# eng1_anew - its vpnd, with its configuration as it is now; site1 is connected again.
eng1_anew() {
	lab stop eng1
	lab start eng1
	wait_for 60 is_online eng1
	wait_for 20 connect eng1 site1
}

@test "the first line of resolv.conf is enough: other names are asked of the next server" {
	local etc

	etc=$(lab_dir)/etc
	cp "$(lab_dir eng1)/conf" "$BATS_FILE_TMPDIR/conf"
	cp "$etc/resolv.conf" "$BATS_FILE_TMPDIR/resolv.conf"
	echo 'dns = 127.70.0.1:53' >>"$(lab_dir eng1)/conf"
	printf 'nameserver 127.70.0.1\nnameserver 192.168.101.1\n' >"$etc/resolv.conf"
	eng1_anew
	wait_for 10 glibc_finds plc1.site1.$top "$plc1"
	glibc_finds example.org 192.0.2.7 # dnsmasq's, of the test above
	cat "$BATS_FILE_TMPDIR/resolv.conf" >"$etc/resolv.conf"
	cp "$BATS_FILE_TMPDIR/conf" "$(lab_dir eng1)/conf"
	eng1_anew
}

# configured VALUE - what vpnd makes of `dns = VALUE`.
configured() {
	printf '[vpnd]\nrole = manager\ndns = %s\n' "$1" >"$BATS_TEST_TMPDIR/conf"
	"$BUILD/bin/vpnd" -n -c "$BATS_TEST_TMPDIR/conf"
}

@test "where names are answered is configured" {
	configured yes | grep -qx 'dns = 127.0.0.1:453'
	configured no | grep -qx 'dns = no'
	configured '127.70.0.1:53, [::1]:453' | grep -qx 'dns = 127.70.0.1:53, \[::1\]:453'
	configured 5353 | grep -qx 'dns = 127.0.0.1:5353'
	refused "not all" configured 0.0.0.0:53
	refused "not all" configured '[::]:53'
	refused "neither PORT" configured maybe
}

# --- systemd-resolved ---

# resolvectl_there ARGUMENT... - where the test's systemd-resolved is.
resolvectl_there() {
	nsenter -t "$(<"$BATS_FILE_TMPDIR/resolved.pid")" -m -n -r "$BATS_TEST_DIRNAME/resolved" ctl "$@"
}

resolved_knows() {
	[[ $(field eng1 'd["dns"]["resolved"]' 2>/dev/null) == knows ]]
}

finds() {
	[[ $(resolvectl_there query "$1" 2>&1) == *"$2"* ]]
}

@test "systemd-resolved asks vpnd for these names, and only these" {
	local before

	[[ -n $("$REPO/scripts/deps" --resolved) ]] || skip "no systemd-resolved could be unpacked: scripts/deps says why"
	assert_equal "$(field eng1 'd["dns"]["resolved"]')" absent
	lab stop eng1
	(exec "$REPO/scripts/lab" in eng1 unshare -m "$BATS_TEST_DIRNAME/resolved" run "$BATS_FILE_TMPDIR" \
		vpnd -c "$(lab_dir eng1)/conf") >>"$(lab_dir eng1)/log" 2>&1 3>&- 4>&- &
	disown $!
	wait_for 60 is_online eng1
	wait_for 20 resolved_knows
	connect eng1 site1
	wait_for 20 finds plc1.site1.$top "$plc1"
	finds plc1.site1.$top "$plc1_six"
	assert_contains "$(resolvectl_there dns farlan0)" 127.0.0.1:453
	assert_contains "$(resolvectl_there domain farlan0)" "~$top"
	assert_contains "$(resolvectl_there default-route farlan0)" no
	before=$(field eng1 'd["dns"]["queries"]')
	assert_fails finds example.org farlan0
	assert_equal "$(field eng1 'd["dns"]["queries"]')" "$before"
	assert_contains "$(tool eng1 dns)" "nothing is to be done"
	# The network device goes with vpnd, and what was told with it.
	kill "$(<"$BATS_FILE_TMPDIR/vpnd.pid")"
	wait_for 20 no_farlan
	assert_fails finds plc1.site1.$top "$plc1"
	kill "$(<"$BATS_FILE_TMPDIR/resolved.pid")" "$(<"$BATS_FILE_TMPDIR/dbus.pid")"
}

no_farlan() {
	[[ $(resolvectl_there domain 2>&1) != *farlan0* ]]
}

@test "machines with the same network: each name leads to its own" {
	local one two

	logs_clean
	lab_up --devices 2 --same-lan
	tool as1 device host add site1 plc1 192.168.1.10
	tool as1 device host add site2 plc1 192.168.1.10
	connect eng1 site1
	connect eng1 site2
	one=$(ask plc1.site1.$top)
	two=$(ask plc1.site2.$top)
	[[ $one != "$two" ]] || fail "both are $one"
	pings eng1 "$one"
	pings eng1 "$two"
	assert_equal "$(ask -x "$one")" "plc1.site1.$top."
	assert_equal "$(ask -x "$two")" "plc1.site2.$top."
	assert_contains "$(tool eng1 dns --hosts)" "$two"$'\t'"plc1.site2.$top"
}
