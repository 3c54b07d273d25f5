#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A real Xen 4.17: dom0 and a PV guest, each with an agent of its own. Long: three guests.

load lib
load xen

GUESTS=1; [ -z "$LONG" ] || GUESTS=3

setup_file() {
	lab_may xen qemu-system-x86_64 || return 0
	xen_open $GUESTS
}

setup() {
	[ -z "$WHY" ] || skip "$WHY"
}

teardown_file() {
	[ -z "$WORK" ] || xen_close
}

@test "dom0 and its guests are online, each under its own name" {
	until_true "$LIMIT" is 'state:online reported:*' $((1 + GUESTS))
	run hm machines --json
	[ "$(json '[.machines[]."host.name"] | sort | join(" ")')" = "dom0 $(seq -f 'x%g' -s ' ' $GUESTS)" ]
}

@test "xl in dom0 lists the guests with the MACs that they have" {
	local i
	run hm run --wait --json name:dom0 -- xl list -l
	[ "$status" -eq 0 ]
	output=$(on_server "/actions/$(json .id)/results?output=1" | jq -r '.results[0].stdout')
	[ "$(json 'length')" = $((1 + GUESTS)) ]
	for i in $(seq $GUESTS); do
		[ "$(json ".[] | select(.config.c_info.name == \"x$i\") | .config.nics[0].mac")" = "00:16:3e:77:03:0$i" ]
	done
}
