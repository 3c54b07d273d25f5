#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A full disk, at a relay and at the server: each stops taking, says so in a sentence, and goes on by itself when there is room.
# What was acknowledged is there afterwards. Each data folder is a small file system of its own, filled to the last byte.

load lib
load fleet

setup_file() {
	work_open
	export WORK
	mkdir "$WORK/srv" "$WORK/r1"
	mount -t tmpfs -o size=320m,mode=700 him-flow-srv "$WORK/srv"
	mount -t tmpfs -o size=32m,mode=700 him-flow-r1 "$WORK/r1"
	server_start
	relay_enroll r1
	relay_start r1
	agent_enroll behind
	agent_enroll direct
	agent_start behind "$(at_relay r1)"
	agent_start direct "$MACHINES"
	until_true "$LIMIT" fits 'state:online reported:*' 2
}

teardown_file() {
	stop_all
	umount "$WORK/srv" "$WORK/r1"
	work_close
}

fill() { # fill FOLDER: to the last byte
	! dd if=/dev/zero of="$WORK/$1/fill" bs=64k 2>/dev/null
	! dd if=/dev/zero of="$WORK/$1/fill" bs=512 oflag=append conv=notrunc 2>/dev/null
	[ "$(stat -f -c %a "$WORK/$1")" = 0 ]
}

room() {
	rm "$WORK/$1/fill"
}

part_is() { # part_is NAME STATE WORDS: in `him status`
	him --home "$WORK/srv" status --json | jq -e --arg n "$1" --arg s "$2" --arg t "$3" \
		'.parts[] | select(.name == $n) | .state == $s and (.text | contains($t))'
}

# The same said by every one of many looks: what is written in between must not hide it.
part_stays() { # part_stays NAME STATE WORDS
	local i
	for i in $(seq 15); do
		part_is "$@" || return 1
		sleep 0.2
	done
}

status_well() {
	him --home "$WORK/srv" status
}

@test "a relay whose disk is full says so within seconds, in status and with its exit code" {
	until_true "$LIMIT" status_well
	fill r1
	run_him run --json behind --deadline 10m -- echo later
	json .id >"$WORK/later"
	rename_host behind renamed
	until_true "$LIMIT" part_is 'relay r1' degraded 'its disk is full'
	part_stays 'relay r1' degraded 'its disk is full'
	run_him status
	[ "$status" -eq 1 ]
	[[ "$output" == *"relay r1"*"its disk is full: it takes no reports until there is room"* ]]
	[ "$(grep -c 'disk is full' <<<"$output")" = 1 ]
}

@test "what hangs on it stays online, and what does not is served as ever" {
	run_him run --wait --json direct -- echo served
	[ "$status" -eq 0 ]
	fits 'name:behind state:online' 1
}

@test "a command ordered while the relay is full waits, and one with a short deadline expires" {
	run_him run --json behind --deadline 2s -- echo never
	never=$(json .id)
	until_true "$LIMIT" action_is "$never" '.expired == 1'
	action_is "$(cat "$WORK/later")" '.state == "open" and .done == 0'
}

@test "with room again the relay goes on by itself: the command runs, the report arrives" {
	fits 'host.name:renamed' 0
	room r1
	until_true "$LIMIT" action_is "$(cat "$WORK/later")" '.done == 1'
	until_true "$LIMIT" status_well
	until_true "$LIMIT" fits 'host.name:renamed' 1
}

@test "a server whose disk is full refuses an order in one sentence, says why and keeps saying so, and answers what it knows" {
	run_him run --wait --json '*' -- echo before
	[ "$status" -eq 0 ]
	json .id >"$WORK/before"
	fill srv
	run_him run --wait '*' -- echo refused
	[ "$status" -ne 0 ]
	[[ "$output" == *"disk is full"* ]]
	[ "$(wc -l <<<"$output")" -eq 1 ]
	part_is database failing 'the disk is full'
	part_stays database failing 'the disk is full'
	run_him status
	[ "$status" -eq 1 ]
	[[ "$output" == *"the disk is full: nothing is taken until there is room"* ]]
	[ "$(curl -s -o "$WORK/healthz" -w '%{http_code}' --unix-socket "$WORK/srv/server.sock" http://x/healthz)" = 503 ]
	grep -q 'the disk is full' "$WORK/healthz"
	[ "$(him --home "$WORK/srv" machines --json | jq '.machines | length')" = 2 ]
	[ "$(on_server "/actions/$(cat "$WORK/before")" | jq .done)" = 2 ]
}

@test "who came and who went while nothing could be written is known afterwards, without a restart" {
	room srv
	until_true "$LIMIT" part_is database ok commits
	stop direct
	stop behind
	rm "$WORK/direct.log" "$WORK/behind.log"
	until_true "$LIMIT" fits 'name:direct state:offline' 1
	until_true "$LIMIT" fits 'name:behind state:offline' 1
	fill srv
	agent_start direct "$MACHINES"
	agent_start behind "$(at_relay r1)"
	until_true "$LIMIT" grep -q 'in contact' "$WORK/direct.log"
	until_true "$LIMIT" grep -q 'in contact' "$WORK/behind.log"
	until_true "$LIMIT" part_is database failing 'the disk is full'
	room srv
	until_true "$LIMIT" fits 'state:online' 2
}

@test "a command that was running when the disk filled ends done, with its output" {
	run_him run --json '*' -- sh -c 'until [ -e "$1" ]; do sleep 0.1; done; echo went on' - "$WORK/go"
	id=$(json .id)
	until_true "$LIMIT" action_is "$id" '.running == 2'
	fill srv
	touch "$WORK/go"
	until_true "$LIMIT" part_is database failing 'the disk is full'
	action_is "$id" '.done < 2'
	room srv
	until_true "$LIMIT" action_is "$id" '.done == 2'
	[ "$(on_server "/actions/$id/results?output=1" | jq -r '[.results[].stdout] | unique[]')" = 'went on' ]
	[ "$(on_server "/actions/$(cat "$WORK/before")" | jq .done)" = 2 ]
	until_true "$LIMIT" status_well
}

@test "a server that is started on a full disk says so, and starts when there is room" {
	stop server
	fill srv
	run timeout 60 him-server --home "$WORK/srv"
	[ "$status" -ne 0 ]
	[ "$status" -ne 124 ]
	[[ "$output" == *"disk is full"* || "$output" == *"No space left"* ]]
	[ "$(wc -l <<<"$output")" -eq 1 ]
	room srv
	server_start --machines-port "${MACHINES##*:}"
	until_true "$LIMIT" fits state:online 2
}

@test "no program complained of memory" {
	stop_all
	no_sanitizer_complaint
}
