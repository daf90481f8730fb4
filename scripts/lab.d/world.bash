# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# A world of seven regions: which node is where, and the delays that follow.
#
# NODE/region   the region; only there in a lab that is a world

readonly regions=(eu-west eu-east us-east us-west south-america asia australia)

# Round trips in milliseconds, as they are usual between these regions over today's lines, rounded; within a region
# that of an access line.
readonly world_ms=(
	#          ew  ee  ue  uw  sa  as  au
	"20  30  76 140 190 165 255" # eu-west
	"30  20 105 165 215 190 280" # eu-east
	"76 105  20  65 115 220 200" # us-east
	"140 165 65  20 175 170 140" # us-west
	"190 215 115 175 20 320 310" # south-america
	"165 190 220 170 320 20  95" # asia
	"255 280 200 140 310 95  20" # australia
)

# region_index REGION - its place in the table; fails if there is none.
region_index() {
	local i

	for i in "${!regions[@]}"; do
		[[ ${regions[i]} != "$1" ]] || { printf '%d' "$i" && return 0; }
	done
	return 1
}

# first_region NODE - where a node is unless it is placed elsewhere: relays one in each region.
first_region() {
	case $1 in
	rs*) printf '%s' "${regions[($(node_number "$1") - 1) % ${#regions[@]}]}" ;;
	site*) printf south-america ;;
	*) printf eu-west ;;
	esac
}

# world_delay NODE NODE2 - one way.
world_delay() {
	local row from to

	from=$(region_index "$(<"$run_dir/$1/region")")
	to=$(region_index "$(<"$run_dir/$2/region")")
	read -ra row <<<"${world_ms[from]}"
	printf '%d.%dms' $((row[to] / 2)) $((row[to] % 2 * 5))
}

# world_nodes KIND...
world_nodes() {
	local kind file

	for kind; do
		for file in "$run_dir/$kind"[0-9]*/region; do
			[[ ! -e $file ]] || { file=${file%/region} && printf '%s\n' "${file##*/}"; }
		done
	done
}

# place_node NODE - give its link the delays: an endpoint's to all servers, a relay's to the Access Servers.
place_node() {
	local to settings='' kinds=(as rs)

	[[ $1 != rs* ]] || kinds=(as)
	while read -r to; do
		settings+="delay-to $to $(world_delay "$1" "$to")"$'\n'
	done < <(world_nodes "${kinds[@]}")
	[[ -z $settings ]] || change_link "$1" '' "$settings"
}

# make_world NODE... - note where they are; apply_world makes it so.
make_world() {
	local node

	for node; do
		first_region "$node" >"$run_dir/$node/region"
	done
}

apply_world() {
	local node jobs=()

	need_wire
	while read -r node; do
		place_node "$node" &
		jobs+=($!)
	done < <(world_nodes rs eng site)
	for node in "${jobs[@]}"; do
		wait "$node" || return 1
	done
}

cmd_place() {
	local node

	need_node "${1:-}" 'as|rs|eng|site' uplink
	region_index "${2:-}" >/dev/null || usage_error "lab place: regions are ${regions[*]}"
	[[ -e $run_dir/$1/region ]] || die "the lab '$lab' is not a world (lab up --world)"
	printf '%s' "$2" >"$run_dir/$1/region"
	case $1 in
	eng* | site*) need_wire && place_node "$1" ;;
	*) apply_world ;;
	esac
}
