#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Containers of libvirt's LXC driver on one host, each with an agent: five, or a hundred in the long form.

load lib
load lxc

GUESTS=5; [ -z "$LONG" ] || GUESTS=100

setup_file() {
	lab_may lxc virsh libvirtd virtlogd || return 0
	lxc_open $GUESTS
}

setup() {
	[ -z "$WHY" ] || skip "$WHY"
}

teardown_file() {
	[ -z "$WORK" ] || lxc_close
}

@test "the host and its containers are online, and the containers know what they are" {
	until_true "$LIMIT" is 'state:online reported:*' $((1 + GUESTS))
	is 'him.kind:container him.container:lxc-libvirt' $GUESTS
}

@test "every container is tied to its host by the MAC that the host gave it" {
	local i
	host_mark hC
	until_true "$LIMIT" carries hC $GUESTS
	for i in $(seq $GUESTS); do is_on "c$i" hC; done
	[ "$(hm tree hC --json | jq --arg h "$(id_of hC)" '[.machines[] | select(.runs_on[0]."him.host" == $h)] | length')" = $GUESTS ]
	run hm why c1 --json
	[[ "$(json '.evidence[] | select(.verdict == "counted") | .key')" == *"mac 52:54:00:77:04:01"* ]]
}

@test "no two containers became one" {
	run hm machines --json 'name:c*'
	[ "$(json '[.machines[].id] | unique | length')" = $GUESTS ]
	[ "$(json '[.machines[]."host.name"] | unique | length')" = $GUESTS ]
}

@test "a container is seen within 5 s of its end and of its start" {
	local before
	before=$(now)
	on_lxc hC destroy c1
	until_true 5 is_on c1 ""
	[ "$(line_of c1 --at "$before"), $(line_of c1)" = "hC > c1, c1" ]
	[ "$(hm moves --json | jq '.moves | length')" = 0 ]
	on_lxc hC create "$WORK/c1.xml"
	until_true 5 carries hC $GUESTS
}
