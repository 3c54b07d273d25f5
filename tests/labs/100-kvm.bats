#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Two libvirt hosts with real Linux guests: every machine is there with what it is, every guest hangs on its host, a live
# migration closes one link and opens another. Short: one guest a host. Long: five a host.

load lib
load kvm

GUESTS=1; [ -z "$LONG" ] || GUESTS=5

setup_file() {
	lab_may kvm virsh libvirtd virtlogd qemu-system-x86_64 || return 0
	kvm_open $GUESTS
}

setup() {
	[ -z "$WHY" ] || skip "$WHY"
}

teardown_file() {
	[ -z "$WORK" ] || kvm_close
}

@test "hosts and guests are online, each under its own name" {
	until_true "$LIMIT" is 'state:online reported:*' $((2 + 2 * GUESTS))
	run hm machines --json 'name:a* or name:b*'
	[ "$(json '[.machines[]."host.name"] | sort | join(" ")')" = "$(for i in $(seq $GUESTS); do echo "a$i"; echo "b$i"; done | sort | paste -sd' ')" ]
}

@test "a command reaches each guest through the relay" {
	run hm run --wait --json 'name:a* or name:b*' -- uname -r
	[ "$status" -eq 0 ]
	[ "$(json .done)" = $((2 * GUESTS)) ]
}

@test "a guest knows that it is one, and of what" {
	local name
	until_true "$LIMIT" is 'him.kind:vm him.hypervisor:qemu him.virt.role:guest' $((2 * GUESTS))
	for name in a1 b1; do
		[ "$(fact $name him.host.uuid)" = "$(uuid_of $name)" ]
	done
}

@test "what a host lists is not believed before an administrator says so" {
	run runs_on a1
	[ "$output" = "" ]
}

@test "every guest is tied to its own host" {
	local i
	host_mark hA hB
	for i in $(seq $GUESTS); do
		until_true "$LIMIT" is_on "a$i" hA
		until_true "$LIMIT" is_on "b$i" hB
	done
	[ "$(on_server /machines/hA | jq '."him.guests"')" = $GUESTS ]
	run hm tree
	[ "$(grep -oE '\<(hA|a1)\>' <<<"$output" | paste -sd' ')" = "hA a1" ]
}

@test "why names the MAC and the UUID, seen from both sides" {
	[ "$(counted_keys a1)" = "mac uuid" ]
	run hm why a1
	[[ "$output" == *"runs on hA "*"hA lists it as a1 (libvirt-qemu), running"* ]]
	run on_server /machines/a1/why
	[ "$(json '[.sightings[] | select(.live) | .source_name] | sort | join(" ")')" = "a1 hA" ]
}

@test "a live migration closes one link and opens another within 5 s, and the guest stays online" {
	local before after
	before=$(now)
	guest_move a1 hA hB 10.77.0.12
	after=$(now)
	on_host hB domstate a1 | grep running
	until_true "$LIMIT" is_on a1 hB
	moved_within a1 hA hB 5 "$after"
	is_on a1 hA "$before"
	is_on a1 hB "$(now)"
	[ "$(hm moves a1 | grep -c 'a1 *hA *hB')" = 1 ]
	[ "$(line_of a1 --at "$before"), $(line_of a1)" = "hA > a1, hB > a1" ]
	[ "$(on_server /machines/hA | jq '."him.guests" // 0')" = $((GUESTS - 1)) ]
	run hm run --wait --json 'name:a1' -- cat /proc/sys/kernel/hostname
	[ "$status" -eq 0 ]
}

@test "what stops with a host is what runs on it now" {
	run on_server /machines/hB/impact
	[ "$(json .stops)" = $((GUESTS + 1)) ]
	[ "$(json '[.guests[].name] | sort | .[0]')" = a1 ]
	[ "$(hm impact hA --json | jq .stops)" = $((GUESTS - 1)) ]
}

@test "a guest is seen within 5 s of its start and of its end, with or without an agent" {
	guest_start hA late 99
	until_true 5 is_on late hA
	on_host hA destroy late
	until_true 5 is_on late ""
	on_host hB destroy b1
	until_true 5 is_on b1 ""
}
