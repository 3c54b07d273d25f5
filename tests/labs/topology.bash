# SPDX-License-Identifier: Apache-2.0
# Questions about who runs on whom, in names: the ids are the server's affair.

id_of() { # id_of NAME
	on_server "/machines/$1" | jq -r .id
}

# host_mark NAME...: what these list is believed from now on.
host_mark() {
	local name
	for name in "$@"; do
		on_server "/machines/$name/host" -X POST -d '{"host":true}' | jq -e '."him.host.marked"' >/dev/null
	done
}

# runs_on NAME [TIME]: the names of the hosts that NAME runs on, now or at a time; nothing when none is known. One that is not
# certain has a question mark.
runs_on() {
	on_server "/tree?query=$(jq -rn --arg q "name:$1" '$q|@uri')${2:+&at=$2}" | jq -r --arg n "$1" '
		(.machines | map({key: .id, value: .name}) | from_entries) as $name
		| [.machines[] | select(.name == $n) | .runs_on[] | $name[."him.host"] + (if .certain then "" else "?" end)] | join(" ")'
}

# line_of NAME [OPTIONS OF him tree]: what the command line's tree says NAME stands on, from the lowest up, in a line: hA > g1 > n1.
line_of() {
	hm tree "$@" --json | jq -r --arg n "$1" '
		(.machines | map({key: .id, value: .}) | from_entries) as $m
		| def up: (.runs_on[0]."him.host" // null) as $h | (if $h then ($m[$h] | up) + " > " else "" end) + .name;
		.machines[] | select(.name == $n) | up'
}

line_is() { # line_is NAME LINE
	[ "$(line_of "$1")" = "$2" ]
}

# counted_keys NAME: the keys that tie NAME to what its host lists, as `him why` counted them, without their values.
counted_keys() {
	hm why "$1" --json | jq -r '[.evidence[] | select(.verdict == "counted") | .key | split(" ")[0]] | sort | join(" ")'
}

is_on() { # is_on NAME HOST [TIME]
	[ "$(runs_on "$1" "${3:-}")" = "$2" ]
}

power_of() { # power_of NAME
	on_server "/machines/$1" | jq -r '."him.power" // empty'
}

has_power() {
	[ "$(power_of "$1")" = "$2" ]
}

now() {
	date -u +%Y-%m-%dT%H:%M:%S.%3NZ
}

# moved_within NAME FROM TO SECONDS MARK: the newest move of NAME went from FROM to TO, and is not later than so many seconds after
# the time MARK. Times are the server's and this machine's clock, which are the same.
moved_within() {
	on_server "/moves?query=$(jq -rn --arg q "name:$1" '$q|@uri')" | jq -e --arg from "$2" --arg to "$3" --argjson s "$4" --arg mark "$5" '
		def seconds: sub("\\.[0-9]+Z$"; "Z") | fromdateiso8601;
		.moves[0] | .from_name == $from and .to_name == $to and (.time | seconds) <= ($mark | seconds) + $s'
}

carries() { # carries HOST N: so many run on it now
	[ "$(on_server "/machines/$1" | jq '."him.guests" // 0')" = "$2" ]
}
