#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A container of LXC in a guest of libvirt on a host, an agent in each: who stands on whom through all three levels, what stops with
# the lowest, what follows a live migration of the one between. Asked as a person asks, with him. Short and long are the same.
#
# The hosts are namespaces of this machine: nothing here may confirm what would reboot one.

load lib
load nested

setup_file() {
	lab_may nested virsh libvirtd virtlogd qemu-system-x86_64 || return 0
	nested_open
}

setup() {
	[ -z "$WHY" ] || skip "$WHY"
}

teardown_file() {
	[ -z "$WORK" ] || nested_close
}

@test "host, guest and container are online, and the two inner ones know what they are" {
	until_true "$LIMIT" is 'state:online reported:*' 4
	[ "$(fact g1 him.kind) $(fact g1 him.hypervisor)" = "vm qemu" ]
	[ "$(fact n1 him.kind) $(fact n1 him.container)" = "container lxc" ]
}

@test "the tree shows the container on the guest on the host, drawn and as JSON" {
	local indent
	host_mark hA hB g1
	until_true "$LIMIT" line_is n1 "hA > g1 > n1"
	run hm tree
	[ "$status" -eq 0 ]
	indent=$(grep -oE '^[^a-z]*(hA|g1|n1)' <<<"$output" | sed -E 's/[^ a-zA-Z0-9]+/-/g' | paste -sd,)
	[ "$indent" = "hA,-g1,  -n1" ]
	run hm tree hB --json
	[ "$(json '[.machines[].name] | join(" ")')" = hB ]
}

@test "why of the container: the MAC that its guest lists, and what it shows of the guest's firmware counts for nothing" {
	run hm why n1
	[ "$status" -eq 0 ]
	[[ "$output" == *"runs on g1 "* ]]
	[[ "$output" == *"g1 lists it as n1 (lxc), running"* ]]
	run hm why n1 --json
	[ "$(json '[.evidence[] | select(.verdict == "counted") | .key] | join(" ")')" = "mac $NESTED_MAC" ]
	[[ "$(json '[.evidence[] | select(.verdict == "discounted") | .key] | join(" ")')" == *"uuid $(uuid_of g1)"* ]]
	[ "$(counted_keys g1)" = "mac uuid" ]
}

@test "what stops with the host is the guest and the container in it" {
	run hm impact hA
	[[ "$output" == "2 machines stop with it"* ]]
	[[ "$output" == *"  g1  vm on hA"*"    n1  container on g1"* ]]
	[ "$(hm impact g1 --json | jq -r '"\(.stops) \(.guests[0].name)"')" = "1 n1" ]
	[ "$(hm impact n1 --json | jq .stops)" = 0 ]
}

@test "nobody reboots the host without having said how many stop" {
	run hm power reboot hA </dev/null
	[ "$status" -eq 2 ]
	[[ "$output" == *"say --confirm 2"* ]]
	run hm power reboot hA --confirm 1
	[ "$status" -eq 1 ]
	[[ "$output" == *"2 machines would stop with it now, not 1"* ]]
	run hm actions --json
	[ "$(json '.actions | length')" = 0 ]
}

@test "a live migration of the guest is one move, and its container goes along" {
	local before
	before=$(now)
	guest_move g1 hA hB 10.77.0.12
	until_true 5 line_is n1 "hB > g1 > n1"
	run hm moves --json
	[ "$(json '.moves[] | "\(.machine_name) \(.from_name) \(.to_name)"')" = "g1 hA hB" ]
	[ "$(hm moves | grep -c 'g1 *hA *hB')" = 1 ]
	[ "$(line_of n1 --at "$before")" = "hA > g1 > n1" ]
	[ "$(hm impact hA --json | jq .stops) $(hm impact hB --json | jq .stops)" = "0 2" ]
	run hm run --wait --json name:n1 -- cat /proc/sys/kernel/hostname
	[ "$status" -eq 0 ]
	[ "$(json '.results[0].stdout')" = n1 ]
}

@test "the container is seen within 5 s of its end and of its start, and is who it was" {
	local id
	id=$(id_of n1)
	nested_stop
	until_true 5 has_power n1 off
	run hm why n1
	[[ "$output" == *"g1 lists it as n1 (lxc), off"* && "$output" != *"it runs there"* ]]
	run hm impact hB --json
	[ "$(json '"\(.stops) \(.stopped)"')" = "1 1" ]
	nested_start
	until_true 5 has_power n1 running
	[ "$(hm impact hB --json | jq .stops)" = 2 ]
	until_true "$LIMIT" is 'name:n1 state:online' 1
	line_is n1 "hB > g1 > n1"
	[ "$(hm machines name:n1 --json | jq -r '[.machines[].id] | join(" ")')" = "$id" ]
}

@test "turning the guest off with what runs in it: the container first, then the guest" {
	run hm power off g1 --confirm 0 --with-guests
	[ "$status" -eq 1 ]
	[[ "$output" == *"1 machine would stop with it now, not 0"* ]]
	run hm power off g1 --confirm 1 --with-guests --timeout 60s --wait
	[ "$status" -eq 0 ]
	[[ "$output" == *"asked to shut down: n1 (lxc)"* ]]
	until_true "$LIMIT" is_on g1 ""
	has_power n1 off
	[ "$(hm impact hB --json | jq .stops)" = 0 ]
}
