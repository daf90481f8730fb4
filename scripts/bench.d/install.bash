# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# Debian's packages of the peers, installed when they are missing; no service is started by that.

readonly policy=/usr/sbin/policy-rc.d
our_policy=''

# guard_services - as scripts/deps does. A policy of the machine's owner stays.
guard_services() {
	[[ ! -e $policy ]] || return 0
	our_policy=1
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
}

unguard_services() {
	[[ -z $our_policy ]] || rm -f "$policy"
	our_policy=''
}

# missing_packages PACKAGE...
missing_packages() {
	local p

	for p; do
		[[ $(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null) == installed ]] || printf '%s\n' "$p"
	done
}

apt() {
	DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 \
		-o APT::Sandbox::User=root -o Acquire::Retries=2 "$@"
}

# ensure_packages PACKAGE... - fails, with words, if one cannot be had.
ensure_packages() {
	local missing rc=0

	mapfile -t missing < <(missing_packages "$@")
	((${#missing[@]})) || return 0
	say "installing ${missing[*]}"
	guard_services
	if ! apt install -y --no-remove --no-install-recommends "${missing[@]}" >"$work/apt.log" 2>&1; then
		apt update >>"$work/apt.log" 2>&1 || :
		apt install -y --no-remove --no-install-recommends "${missing[@]}" >>"$work/apt.log" 2>&1 || rc=1
	fi
	unguard_services
	((rc == 0)) || say "could not install ${missing[*]}: $(tail -n 1 "$work/apt.log")"
	return "$rc"
}

# package_version PACKAGE - without epoch and Debian's revision.
package_version() {
	local v

	v=$(dpkg-query -W -f='${Version}' "$1" 2>/dev/null) || v=unknown
	v=${v#*:}
	printf '%s' "${v%%-*}"
}
