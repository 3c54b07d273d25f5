#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# kill -9 of each program in the middle of two hundred commands: afterwards every one of them has ended in a named state, and none
# ran twice. The side effects are counted: each command adds a line to a file of its own.

load lib

RUNS=50 # actions, on each of four agents

setup_file() {
	work_open
	export WORK
	mkdir "$WORK/effects"
	chmod 777 "$WORK/effects"
	server_start
	until_true "$LIMIT" curl -sf --unix-socket "$WORK/home/server.sock" http://x/healthz
	local status people n
	status=$(on_server /status)
	FP=$(jq -r .server.ca_fingerprint <<<"$status")
	people=127.0.0.1:$(jq -r .server.port <<<"$status")
	jq -r .server.machines_port <<<"$status" >"$WORK/machines.port"
	on_server /tokens -X POST -d '{"role":"relay"}' | jq -r .token |
		him-relay enroll --home "$WORK/home" --server "$people" --ca-fingerprint "$FP"
	free_port >"$WORK/relay.port"
	relay_start
	local token
	token=$(on_server /tokens -X POST -d '{"uses":4}' | jq -r .token)
	for n in 1 2 3 4; do
		him-agent enroll --home "$WORK/m$n" --name "m$n" --server "$people" --ca-fingerprint "$FP" <<<"$token"
		agent_start "$n"
	done
	until_true "$LIMIT" online 4
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

server_start() {
	start server him-server --home "$WORK/home" --grace 5s --late 10s --offline 20s
}

relay_start() {
	start relay him-relay --home "$WORK/home" --port "$(cat "$WORK/relay.port")" --parent "127.0.0.1:$(cat "$WORK/machines.port")" \
		--address 127.0.0.1 --retry-max 1s
}

agent_start() {
	start "m$1" him-agent --home "$WORK/m$1" --parent "127.0.0.1:$(cat "$WORK/relay.port")" --retry-max 1s --keepalive 2s
}

online() {
	[ "$(on_server '/machines/count?query=state:online' | jq .count)" = "$1" ]
}

# Orders the runs, each with an effect file named by action and machine, and kills `victim` when some of them have ended.
order_and_kill() { # order_and_kill VICTIM RESTART...
	local victim=$1 i; shift
	rm -f "$WORK/effects"/*
	: >"$WORK/ids"
	for i in $(seq $RUNS); do
		on_server /actions -X POST -d "$(jq -n --arg d "$WORK/effects" '{query:"*",deadline_ms:60000,timeout_ms:20000,
			command:["sh","-c","echo ran >>\"$1/$HIM_ACTION.$(basename \"$HIM_HOME\")\"","-",$d]}')" | jq -r .id >>"$WORK/ids"
	done
	until_true "$LIMIT" sh -c "[ \$(ls $WORK/effects | wc -l) -ge 20 ]"
	stop "$victim" KILL
	"$@"
	until_true 240 all_ended
}

all_ended() {
	[ "$(on_server '/actions?state=open&limit=1000' | jq '.actions | length')" = 0 ]
}

# Every result is in a final state, and nothing ran twice; most of it was done.
check_effects() {
	local id done=0 states
	while read -r id; do
		states=$(on_server "/actions/$id/results" | jq -r '.results[].state')
		[ "$(wc -l <<<"$states")" = 4 ]
		! grep -Evx 'done|failed|timed_out|refused|expired|cancelled' <<<"$states"
		done=$((done + $(grep -cx done <<<"$states" || true)))
	done <"$WORK/ids"
	! grep -c . "$WORK/effects"/* | grep -Ev ':1$'
	[ "$(ls "$WORK/effects" | wc -l)" -ge "$done" ]
	[ "$done" -ge $((RUNS * 4 / 2)) ]
}

@test "an agent killed in the middle of 200 commands: all end, none ran twice" {
	order_and_kill m1 agent_start 1
	check_effects
}

@test "the relay killed in the middle of 200 commands: all end, none ran twice" {
	order_and_kill relay relay_start
	check_effects
}

@test "the server killed in the middle of 200 commands: all end, none ran twice" {
	order_and_kill server server_start
	check_effects
}

@test "no program complained of memory" {
	stop_all
	no_sanitizer_complaint
}
