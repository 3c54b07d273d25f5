#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Whom do I host: an agent on a host of libvirt, whose folders /run and /var/lib are ours and which sees its own processes
# only (in namespaces), so that nothing of this machine is touched, and nothing that runs on it is one of its guests. Polls
# are an hour apart: what is seen sooner was seen by the watch.

load lib

UUID1=11111111-1111-1111-1111-111111111111
UUID2=22222222-2222-2222-2222-222222222222

setup_file() {
	work_open
	export WORK
	mkdir -p "$WORK/run/libvirt/qemu" "$WORK/bin" "$WORK/lib"
	start server him-server --home "$WORK/home" --late 60s --offline 120s
	until_true "$LIMIT" curl -sf --unix-socket "$WORK/home/server.sock" http://x/healthz
	local status people
	status=$(on_server /status)
	FP=$(jq -r .server.ca_fingerprint <<<"$status")
	people=127.0.0.1:$(jq -r .server.port <<<"$status")
	on_server /tokens -X POST -d '{"role":"relay"}' | jq -r .token |
		him-relay enroll --home "$WORK/home" --server "$people" --ca-fingerprint "$FP"
	free_port >"$WORK/relay.port"
	start relay him-relay --home "$WORK/home" --port "$(cat "$WORK/relay.port")" --address 127.0.0.1 --retry-max 1s \
		--parent "127.0.0.1:$(jq -r .server.machines_port <<<"$status")"
	on_server /tokens -X POST -d '{"uses":1}' | jq -r .token |
		him-agent enroll --home "$WORK/m1" --name host1 --server "$people" --ca-fingerprint "$FP"
	domain web $UUID1 running
	agent_start 1h
}

teardown_file() {
	stop_all
	work_close
}

on_server() {
	local path=$1; shift
	curl -s --unix-socket "$WORK/home/server.sock" "http://x/api/v1$path" "$@"
}

free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

agent_start() { # agent_start INTERVAL
	rm -f "$WORK/m1.stat"
	# shellcheck disable=SC2016
	start m1 unshare -m -p --fork --kill-child --mount-proc --propagation private sh -c 'mount --bind "$1/run" /run && mount --bind "$1/bin" /usr/local/bin &&
		mount --bind "$1/lib" /var/lib && read -r stat </proc/self/stat && echo "$stat" >"$1/m1.stat" &&
		shift && exec "$@"' - "$WORK" him-agent --home "$WORK/m1" --parent "127.0.0.1:$(cat "$WORK/relay.port")" --retry-max 1s --report-interval "$1"
}

# domain NAME UUID STATE: as libvirt writes its status file: beside, then moved.
domain() {
	local file="$WORK/run/libvirt/qemu/$1"
	echo 1 >"$file.pid" # alive, for the agent that looks
	cat >"$file.xml.new" <<-XML
		<domstatus state='$3' reason='booted' pid='1'>
		<domain type='kvm' id='1'><name>$1</name><uuid>$2</uuid><memory unit='MiB'>64</memory><vcpu>2</vcpu>
		<devices><interface type='bridge'><mac address='52:54:00:AA:BB:01'/></interface></devices></domain></domstatus>
	XML
	mv "$file.xml.new" "$file.xml"
}

guests() { # a jq filter over the section
	local id
	id=$(on_server /machines | jq -r '.machines[0].id')
	on_server "/machines/$id" | jq -e ".sections.guests | $1"
}

# Pages that ended children of the agent touched, without those of the shell that became it: more with each. The time they
# took would not do, for a child may end before the clock ticks once.
children_pages() {
	awk '{print NR == 1 ? $11 : $11 - shell; shell = $11}' "$WORK/m1.stat" "/proc/$(pgrep -P "$(pid_of m1)")/stat" | tail -n 1
}

child_ended() {
	[ -s "$WORK/m1.stat" ] && [ "$(children_pages)" -gt 0 ]
}

@test "a guest that ran before is in the first report" {
	until_true "$LIMIT" guests ".[\"libvirt-qemu:$UUID1\"].state == \"running\""
	run guests ".[\"libvirt-qemu:$UUID1\"]"
	[ "$(json .platform)" = libvirt-qemu ]
	[ "$(json .name)" = web ]
	[ "$(json .uuid)" = $UUID1 ]
	[ "$(json '.mac[0]')" = 52:54:00:aa:bb:01 ]
	[ "$(json .vcpus)" = 2 ]
	[ "$(json .memory_bytes)" = 67108864 ]
}

@test "a pause, a new guest and one that is gone are seen long before the next poll" {
	domain web $UUID1 paused
	until_true "$LIMIT" guests ".[\"libvirt-qemu:$UUID1\"].state == \"paused\""
	domain db $UUID2 running
	until_true "$LIMIT" guests 'length == 2'
	rm "$WORK/run/libvirt/qemu/web.xml" "$WORK/run/libvirt/qemu/web.pid"
	until_true "$LIMIT" guests "keys == [\"libvirt-qemu:$UUID2\"]"
}

@test "the first container of a fresh host is seen long before the next poll" {
	mkdir -p "$WORK/lib/lxc/box"
	echo 'lxc.uts.name = box' >"$WORK/lib/lxc/box/config"
	until_true "$LIMIT" guests '.["lxc:box"].state == "off"'
	rm -r "$WORK/lib/lxc"
	until_true "$LIMIT" guests "keys == [\"libvirt-qemu:$UUID2\"]"
}

@test "an agent that starts again takes no guest away, and starts no process while nothing changes" {
	local looked
	stop m1 KILL
	until_true "$LIMIT" flock -n "$WORK/m1/agent/lock" true
	agent_start 1s
	# The first look of this one is over when its child was waited for.
	until_true "$LIMIT" child_ended
	guests "keys == [\"libvirt-qemu:$UUID2\"]"
	looked=$(children_pages)
	sleep 4 # some polls
	[ "$(children_pages)" = "$looked" ]
	domain db $UUID2 crashed
	until_true "$LIMIT" guests ".[\"libvirt-qemu:$UUID2\"].state == \"crashed\""
	[ "$(children_pages)" -gt "$looked" ]
}

@test "a file that is no domain is told, and the guest stays" {
	echo '<domain><name>' >"$WORK/run/libvirt/qemu/db.xml.new"
	mv "$WORK/run/libvirt/qemu/db.xml.new" "$WORK/run/libvirt/qemu/db.xml"
	until_true "$LIMIT" sh -c "curl -s --unix-socket $WORK/home/server.sock http://x/api/v1/machines/$(on_server /machines |
		jq -r '.machines[0].id') | grep -q 'no XML'"
	guests "keys == [\"libvirt-qemu:$UUID2\"]"
}

# An engine whose program hangs while $WORK/hang is there, and is slow while $WORK/slow is.
engine() {
	cat >"$WORK/bin/docker" <<-SH
		#!/bin/sh
		[ ! -e $WORK/hang ] || exec sleep 3600
		[ ! -e $WORK/slow ] || sleep 5
		case \$1 in
		ps) echo 7938ef110db9 ;;
		inspect) echo '[{"Id":"7938ef110db9","Name":"/box","State":{"Status":"'\$(cat $WORK/box)'"}}]' ;;
		esac
	SH
	chmod 755 "$WORK/bin/docker"
	echo running >"$WORK/box"
	: >"$WORK/run/docker.sock"
}

@test "an engine that is slow, as on a host that is busy, and answers is asked again" {
	domain db $UUID2 running
	engine
	: >"$WORK/slow"
	domain db $UUID2 paused
	until_true "$LIMIT" guests '.["docker:7938ef110db9"].state == "running"'
	echo paused >"$WORK/box"
	domain db $UUID2 running
	until_true "$LIMIT" guests '.["docker:7938ef110db9"].state == "paused"'
	rm "$WORK/slow"
}

@test "an engine that hangs is given up, its guests stay, and the others are told" {
	domain db $UUID2 running
	engine
	domain db $UUID2 paused
	until_true "$LIMIT" guests '.["docker:7938ef110db9"] | .name == "box" and .state == "running"'
	: >"$WORK/hang"
	domain web $UUID1 running
	until_true "$LIMIT" guests ".[\"libvirt-qemu:$UUID1\"].name == \"web\""
	guests '.["docker:7938ef110db9"].state == "running"'
	curl -s --unix-socket "$WORK/home/server.sock" "http://x/api/v1/machines/$(on_server /machines |
		jq -r '.machines[0].id')" | grep -q 'docker: docker: it did not end in time'
	# It is left alone now: the others do not wait for it.
	domain web $UUID1 paused
	until_true "$LIMIT" guests ".[\"libvirt-qemu:$UUID1\"].state == \"paused\""
	curl -s --unix-socket "$WORK/home/server.sock" "http://x/api/v1/machines/$(on_server /machines |
		jq -r '.machines[0].id')" | grep -q 'left alone for a while'
	guests '.["docker:7938ef110db9"].state == "running"'
}

@test "guests --kind reads a listing, says what is wrong, and exits so" {
	run him-agent guests --kind virsh-list --json - <<<$' Id Name State\n---\n 1 a b running'
	[ "$status" -eq 0 ]
	[ "$(json '.[0].name')" = "a b" ]
	[ "$(json '.[0].uuid')" = null ]
	echo 'displayName = "a"' >"$WORK/a.vmx"
	run him-agent guests --kind vmx "$WORK/a.vmx" --json
	[ "$(json '.[0].memory_bytes')" = 33554432 ]
	run him-agent guests --kind vmx "$WORK/a.vmx"
	[[ "$output" == *NAME* ]]
	run him-agent guests --kind virsh-dumpxml "$WORK/a.vmx" --json
	[ "$status" -ne 0 ]
	[ "$(wc -l <<<"$output")" = 1 ]
	[[ "$output" == *"no XML"* ]]
	run him-agent guests --kind vmx
	[ "$status" -eq 2 ]
	run him-agent guests --kind vmx "$WORK/nothing" --json
	[ "$status" -ne 0 ]
	run him-agent guests --kind nothing "$WORK/a.vmx"
	[[ "$output" == *"virsh-dumpxml"* ]]
	run him-agent probe "$WORK/a.vmx"
	[ "$status" -eq 2 ]
}

@test "no sanitizer complained" {
	no_sanitizer_complaint
}
