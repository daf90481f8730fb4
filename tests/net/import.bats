#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# accessctl export and import: the register as a file, there and back.

load lib
load alone

setup_file() {
	alone_up one two
	cd "$BATS_FILE_TMPDIR" || return 1
	cat >plant.json <<'END'
{
  "folders": [{"path": "/italy/plant3"}, {"path": "/italy"}],
  "groups": [{"name": "fitters", "folder": "/italy"}],
  "users": [{"name": "anna", "groups": ["fitters"]}, {"name": "bert", "folder": "/italy", "rate": "10mbit", "valid_until": "2099-03-31T18:00:00Z"}],
  "devices": [
    {"name": "press4", "folder": "/italy/plant3", "lans": ["192.168.1.0/24", "fd00:1::/64"],
     "rules": ["allow in tcp/102", "deny"],
     "hosts": [{"name": "plc2", "address": "192.168.1.12"}, {"name": "plc1", "address": "192.168.1.11"},
               {"name": "plc1", "address": "fd00:1::11"}]},
    {"name": "press5"}
  ],
  "permissions": [
    {"group": "everyone", "permission": "view-connections", "folder": "/", "effect": "allow"},
    {"group": "fitters", "permission": "connect", "folder": "/italy", "effect": "allow"},
    {"user": "bert", "permission": "connect", "device": "press5", "effect": "deny"}
  ]
}
END
}

teardown_file() {
	alone_down
}

setup() {
	cd "$BATS_FILE_TMPDIR" || return 1
}

# state_of NAME - all that it has, also what export does not tell: UIDs, states.
state_of() {
	at "$1" export
	at "$1" device list --json | python3 -ESc '
import json, sys
for d in json.load(sys.stdin): print(d["name"], d["uid"], d["state"])'
}

# unchanged NAME COMMAND... - it fails, and changes nothing.
unchanged() {
	local before

	before=$(state_of "$1")
	run at "$@"
	[[ $status -ne 0 ]] || fail "${*:2} was taken: $output"
	assert_equal "$(state_of "$1")" "$before"
}

# refused FILE ARGUMENT... - it is not imported.
refused() {
	run at two import "$@"
	[[ $status -eq 1 ]] || fail "$1 was taken, $status: $output"
}

@test "a dry run says what would be done, and does nothing" {
	before=$(state_of one)
	run at one import plant.json --dry-run
	assert_equal "$status" 0
	assert_contains "$output" "+ device press4"
	assert_contains "$output" "would be: 10 added, 0 changed, 0 removed, 0 as they were"
	assert_equal "$(state_of one)" "$before"
}

@test "what would make invitations wants a place for them first" {
	unchanged one import plant.json
	assert_contains "$output" "4 new devices and users get invitations"
}

@test "an import adds all, in whatever order the file has it" {
	run at one import plant.json --invitations new.csv --expires 30d
	assert_equal "$status" 0
	assert_contains "$output" "10 added, 0 changed, 0 removed, 0 as they were"
	assert_equal "$(stat -c %a new.csv)" 600
	assert_equal "$(grep -c ',farlan-device-' new.csv)" 2
	[[ $(grep '^user,anna,' new.csv) =~ ,farlan-user-[^,]*,[a-z2-9]{20},20[0-9TZ:-]*.$ ]] || fail "$(<new.csv)"
	at one can anna connect press4
	run at one can bert connect press5
	assert_equal "$status" 1
	at one device host list press4 | grep -q plc1
}

@test "no invitation and no password is shown or logged" {
	secret=$(cut -d, -f4 new.csv | sed -n 2p)
	run grep -rc "$secret" one/log
	assert_equal "$output" 0
	run at one export
	[[ $output != *farlan-* && $output != *password* ]]
	# An older file of invitations is not lost.
	unchanged one import <(echo '{"devices": [{"name": "other"}]}') --invitations new.csv
	assert_contains "$output" "new.csv: File exists"
}

@test "the same import once more changes nothing, and says so" {
	before=$(state_of one)
	run at one import plant.json
	assert_equal "$status" 0
	assert_equal "$output" "nothing to do: all 10 are as the file says"
	assert_equal "$(state_of one)" "$before"
}

@test "export, import into an empty domain, export: the same to the byte" {
	at one export >one.json
	at two import one.json --invitations two.csv >/dev/null
	at two export >two.json
	cmp one.json two.json
	at one export --csv >one.csv
	at two export --csv | cmp - one.csv
	run at two import one.csv
	assert_equal "$output" "nothing to do: all 10 are as the file says"
	# One kind by itself.
	at one export devices --csv >devices.csv
	assert_equal "$(head -n 1 devices.csv)" $'kind,name,folder,lans,rate,rules,hosts\r'
	at one export devices users | is_object devices users
}

# is_object MEMBER... - exactly these.
is_object() {
	assert_equal "$(json '" ".join(sorted(d))')" "$*"
}

json() {
	python3 -ESc 'import json, sys; d = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"
}

@test "an import changes what the file says, and only that" {
	printf '\xef\xbb\xbfkind;name;rate;lans;rules\r\ndevice;press4;1mbit;;\r\ndevice;press5;;10.7.0.0/16;deny\r\n' >change.csv
	run at two import change.csv --dry-run
	assert_contains "$output" "~ device press4: rate: none -> 1mbit"
	run at two import change.csv
	assert_equal "$status" 0
	assert_contains "$output" "0 added, 2 changed, 0 removed"
	assert_equal "$(at two export devices | json '[(d["lans"], d["rate"], d["rules"]) for d in d["devices"]]')" \
		"[(['192.168.1.0/24', 'fd00:1::/64'], '1mbit', ['allow in tcp/102', 'deny']), (['10.7.0.0/16'], 'none', ['deny'])]"
	echo '{"users": [{"name": "anna", "groups": [], "folder": "/italy"}],
		"devices": [{"name": "press5", "rules": null}, {"name": "press4", "hosts": [{"name": "plc1", "address": "192.168.1.13"}]}],
		"permissions": [{"user": "bert", "permission": "connect", "device": "press5", "effect": "allow"}]}' >change.json
	at two import change.json
	assert_equal "$(at two import change.json)" "nothing to do: all 4 are as the file says"
	at two can bert connect press5
	at two device host list press4 --json | json '[h["address"] for h in d]' | grep -qF "['192.168.1.13']"
}

@test "with --json a program can read it, invitations included" {
	at two import <(echo '{"devices": [{"name": "press6", "folder": "/italy"}]}') --json >result.json
	assert_equal "$(json 'd["added"], d["complete"], d["steps"][0]["invitation"][:14]' <result.json)" "(1, True, 'farlan-device-')"
	at two import plant.json --dry-run --json | json 'd["dry_run"], d["added"]' | grep -qF "(True, 0)"
}

@test "one bad line spoils nothing" {
	before=$(state_of two)
	while IFS= read -r line; do
		printf 'kind,name,path,folder,groups,lans,rate,rules,hosts,user,group,device,permission,effect\ndevice,fine,,,,,,,,,,,,\n%b\n' "$line" >bad.csv
		refused bad.csv --invitations never.csv
		assert_contains "$output" "bad.csv:"
		assert_contains "$output" "nothing was changed"
		[[ ! -e never.csv ]] || fail "never.csv is there"
	done <<'END'
device,Robert'); DROP TABLE member;--
device,%s%n%n
device,fine
device,\0377\0376
device,x,,/nowhere
device,x,,,,10.0.0.0/99
device,x,,,,,3
device,x,,,,,,perhaps
device,x,,,,,,,plc1
user,x,,,nobodies
user,x,,,,10.0.0.0/8
user,x,,,,,tomorrow
group,everyone
folder,,/a/b
folder,,/../etc
permission,,,/,,,,,,anna,,,fly,allow
permission,,,/,,,,,,nobody,,,connect,allow
permission,,,/,,,,,,anna,fitters,,connect,allow
robot,x
device,x"y
device,"x
=cmd|'/c calc'!A0,x
END
	assert_equal "$(state_of two)" "$before"
}

@test "files that are none" {
	before=$(state_of two)
	for bytes in '{' '[]' '{"devices": 7}' '{"relays": []}' '{"devices": [7]}' '{"devices": [{}]}' '{"devices": [], "devices": []}' \
		'name,folder' 'kind,kind' 'kind,name,password' '{"users": [{"name": "x", "password": "y"}]}'; do
		refused <(printf '%s\n' "$bytes")
	done
	refused /nowhere/file
	refused /
	head -c 1000000 /dev/zero | tr '\0' 'x' >big
	refused big
	refused <(printf 'kind,name\ndevice,%s\n' "$(<big)")
	refused <(printf '{"devices": [{"name": "%s"}]}' "$(<big)")
	refused <(head -c 3000 /dev/zero | tr '\0' '[')
	assert_equal "$(state_of two)" "$before"
	# Nothing at all is nothing to do.
	run at two import /dev/null
	assert_equal "$status" 0
}

@test "--prune removes what the file does not have, of the kinds that it has, and only with --yes" {
	unchanged two import plant.json --prune
	assert_contains "$output" "--yes"
	run at two import <(echo '{"devices": [{"name": "press4"}]}') --prune --dry-run
	assert_contains "$output" "- device press5"
	run at two import <(echo '{"devices": [{"name": "press4"}]}') --prune --yes
	assert_contains "$output" "0 added, 0 changed, 2 removed, 1 as they were"
	assert_equal "$(at two export | json '[len(d[k]) for k in ("folders", "groups", "users", "devices")]')" "[2, 1, 2, 1]"
	run at two import <(echo '{"folders": [], "groups": [], "users": [], "devices": [], "permissions": []}') --prune --yes
	assert_equal "$status" 0
	assert_equal "$(at two export | json 'sum(len(d[k]) for k in d)')" 0
}

@test "what is revoked is neither exported nor overwritten" {
	at one device revoke press5
	at one export devices | json '[d["name"] for d in d["devices"]]' | grep -qF "['press4']"
	unchanged one import plant.json
	assert_contains "$output" "it was revoked: invite or remove it first: device press5"
	# Nor pruned.
	at one import <(echo '{"devices": [{"name": "press4"}]}') --prune --yes
	at one device list --json | json '[d["name"] for d in d]' | grep -qF "press5"
}

@test "an import that is cut off goes on where it was" {
	{
		echo kind,name,lans
		for i in {1..300}; do echo "device,cut$i,10.$((i / 250)).$((i % 250)).0/24"; done
	} >many.csv
	(
		sleep 0.3
		alone_stop two
	) &
	run at two import many.csv --invitations first.csv
	wait
	alone_start two
	done_before=$(at two export devices | json 'len(d["devices"])')
	if ((done_before < 300)); then
		[[ $status -eq 1 || $status -eq 3 ]] || fail "$status: $output"
	fi
	at two import many.csv --invitations second.csv >/dev/null
	run at two import many.csv
	assert_equal "$output" "nothing to do: all 300 are as the file says"
	# Who was added has an invitation in one of the files, but for the one that it was just at.
	(($(cat first.csv second.csv 2>/dev/null | grep -c ',farlan-device-') >= 299))
}

@test "each change of an import is in the audit" {
	run at one audit list
	for event in folder.added group.added user.added group.joined device.added device.rules device.hosts permission.allowed; do
		assert_contains "$output" "$event"
	done
}
