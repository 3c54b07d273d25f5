#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A real Xen 4.17: dom0 and a PV guest, each with an agent of its own. Long: three guests.

load lib
load xen

GUESTS=1; [ -z "$LONG" ] || GUESTS=3
# To list three guests costs an emulated processor seconds, and an agent spends no more than a fiftieth of one on it.
SEEN=5; [ -z "$LONG" ] || SEEN=90

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
	until_true "$LIMIT" is 'state:online reported:*' $((1 + GUESTS)) || { xen_said; false; }
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

@test "dom0 is the physical machine and a host, its guests are paravirtual, and each says so" {
	local i
	[ "$(fact dom0 him.kind) $(fact dom0 him.hypervisor) $(fact dom0 him.virt.role)" = "physical xen host" ]
	for i in $(seq $GUESTS); do
		[ "$(fact "x$i" him.kind) $(fact "x$i" him.hypervisor) $(fact "x$i" him.virt.mode)" = "vm xen pv" ]
	done
}

@test "every guest is tied to dom0, by its MAC and by the UUID of /sys/hypervisor" {
	local i
	host_mark dom0
	for i in $(seq $GUESTS); do
		until_true "$LIMIT" is_on "x$i" dom0
		[ "$(counted_keys "x$i")" = "mac uuid" ]
	done
	run hm why x1
	[[ "$output" == *"runs on dom0 "*"dom0 lists it as x1 (xen), running"* ]]
	[ "$(hm impact dom0 --json | jq .stops)" = $GUESTS ]
}

@test "a guest is seen within 5 s of its end and of its start, or when there is time to look" {
	local before
	before=$(now)
	run hm run --wait --json name:dom0 -- xl destroy x1
	[ "$status" -eq 0 ]
	until_true $SEEN is_on x1 ""
	[ "$(line_of x1 --at "$before"), $(line_of x1)" = "dom0 > x1, x1" ]
	run hm run --wait --json name:dom0 -- xl create /guests/x1.cfg
	[ "$status" -eq 0 ]
	until_true $SEEN is_on x1 dom0
	[ "$(hm moves --json | jq '.moves | length')" = 0 ] # it came back to where it was
}
