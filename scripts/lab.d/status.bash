# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# The table.

# daemon_text NODE - what its daemon does.
daemon_text() {
	local name pid

	name=$(daemon_of "$1")
	if pid=$(daemon_pid "$1"); then
		printf '%s %s' "$name" "$pid"
	elif [[ -e $run_dir/$1/pid ]]; then
		printf '%s stopped' "$name"
	else
		printf '%s absent' "$name"
	fi
}

status_row() {
	printf '%-8s %-16s %-38s %-10s %s\n' "$@"
}

cmd_status() {
	local dir node addresses allow

	[[ -d $run_dir ]] || die "the lab '$lab' is not up"
	status_row NODE DAEMON ADDRESSES ALLOW LINK
	while read -r dir; do
		node=${dir##*/}
		addresses=$(<"$dir/addresses")
		if [[ -e $dir/conf ]]; then
			allow=all
			[[ ! -e $dir/allow ]] || allow=$(<"$dir/allow")
			status_row "$node" "$(daemon_text "$node")" "$addresses" "$allow" "$(link_text "$node")"
		else
			status_row "$node" - "$addresses" - -
		fi
	done < <(printf '%s\n' "$run_dir"/*/addresses | sed 's,/addresses$,,' | sort -V)
}
