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

@test "a live migration keeps the guest and its agent online" {
	guest_move a1 hA hB 10.77.0.12
	on_host hB domstate a1 | grep running
	run hm run --wait --json 'name:a1' -- cat /proc/sys/kernel/hostname
	[ "$status" -eq 0 ]
}
