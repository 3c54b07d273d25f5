#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# kill -9 of each program in the middle of two hundred commands: afterwards every one of them has ended in a named state, and none
# ran twice. The side effects are counted: each command adds a line to a file of its own.

load lib

RUNS=50                 # actions, on each of four agents
ROUNDS=${HIM_ROUNDS:-4} # in which each program is ended

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

# Each command writes a line into a file named by action and machine, then waits at a gate that the test holds shut.
order() {
	rm -f "$WORK/effects"/*
	: >"$WORK/ids"
	while [ "$(wc -l <"$WORK/ids")" -lt $RUNS ]; do
		on_server /actions -X POST -d "$(jq -n --arg d "$WORK/effects" --arg g "$WORK/gate" '{query:"*",deadline_ms:600000,timeout_ms:300000,
			command:["sh","-c","echo ran >>\"$1/$HIM_ACTION.$(basename \"$HIM_HOME\")\"; flock -s \"$2\" true","-",$d,$g]}')" |
			jq -er .id >>"$WORK/ids" || sleep 0.2
	done
}

# Kills VICTIM twice: when commands run and the others wait (the gate is shut), and when results are on their way (it is open).
crash_in_the_middle() { # crash_in_the_middle VICTIM RESTART...
	local victim=$1; shift
	exec 9>"$WORK/gate"
	flock 9
	order
	until_true "$LIMIT" begun 20
	stop "$victim" KILL
	"$@"
	flock -u 9
	until_true "$LIMIT" begun 80
	stop "$victim" KILL
	"$@"
	until_true "$LIMIT" all_ended
}

begun() { # begun N: so many commands have left their line
	[ "$(ls "$WORK/effects" | wc -l)" -ge "$1" ]
}

all_ended() {
	[ "$(on_server '/actions?state=open&limit=1000' | jq '.actions | length')" = 0 ]
}

# All 200 outcomes, a line each: action, machine's id, state.
outcomes() {
	local id
	while read -r id; do
		on_server "/actions/$id/results" | jq -r --arg id "$id" '.results[] | "\($id) \(.agent) \(.state)"'
	done <"$WORK/ids"
}

# Every result is in a final state, most are done, what is done has its line, and nothing has two.
check_effects() {
	local twice odd finished
	outcomes >"$WORK/outcomes"
	[ "$(sort -u "$WORK/outcomes" | wc -l)" = $((RUNS * 4)) ]
	odd=$(grep -Ev ' (done|failed|timed_out|refused|expired|cancelled)$' "$WORK/outcomes" || true)
	[ -z "$odd" ] || { echo "not ended: $odd" >&2; return 1; }
	twice=$(grep -c . "$WORK/effects"/* | grep -v ':1$' || true)
	[ -z "$twice" ] || { echo "not one line: $twice" >&2; return 1; }
	finished=$(grep -c ' done$' "$WORK/outcomes")
	cut -d' ' -f3 "$WORK/outcomes" | sort | uniq -c
	begun "$finished"
	[ "$finished" -ge "$1" ]
}

@test "an agent killed in the middle of 200 commands: all end, none ran twice" {
	crash_in_the_middle m1 agent_start 1
	check_effects $((RUNS * 3))
}

@test "the relay killed in the middle of 200 commands: nothing is lost, none ran twice" {
	crash_in_the_middle relay relay_start
	check_effects $((RUNS * 4))
}

@test "the server killed in the middle of 200 commands: nothing is lost, none ran twice" {
	crash_in_the_middle server server_start
	check_effects $((RUNS * 4))
}

# Ends one of the programs after the other, in a different order each time, while orders are given and carried out.
again_and_again() { # again_and_again SIGNAL ROUNDS
	local victim orders round
	: >"$WORK/gate"
	order &
	orders=$!
	for round in $(seq "$2"); do
		for victim in $(shuf -e m1 m2 m3 m4 relay server); do
			stop "$victim" "$1"
			case $victim in
			m*) agent_start "${victim#m}" ;;
			*) "${victim}_start" ;;
			esac
			sleep 0.$((RANDOM % 5))
		done
	done
	wait "$orders"
	until_true "$LIMIT" all_ended
	check_effects $((RUNS * 4))
}

@test "all of them killed again and again: nothing is lost, none ran twice" {
	again_and_again KILL "$ROUNDS"
}

@test "all of them stopped again and again, in whatever they were doing: nothing is lost, none ran twice" {
	again_and_again TERM "$ROUNDS"
}

@test "no program complained of memory" {
	stop_all
	no_sanitizer_complaint
}
