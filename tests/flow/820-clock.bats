#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Clocks five years off, both ways, at agents, at a relay, at the server. Certificates carry the dates of who issued them, so
# what checks dates where it should not fails here. What works goes on working, and what does not says why in a sentence.

load lib
load fleet

YEARS=1826d
MS=$((1826 * 86400000))

setup_file() {
	work_open
	export WORK
	server_start
	echo "$MACHINES" >"$WORK/machines"
	relay_enroll r1
	relay_start r1 --clock-offset "$YEARS"
	local name
	for name in ahead behind true; do agent_enroll "$name"; done
	agent_start ahead "$MACHINES" --clock-offset "$YEARS"
	agent_start behind "$MACHINES" --clock-offset "-$YEARS"
	agent_start true "$(at_relay r1)"
	until_true "$LIMIT" fits 'state:online reported:*' 3
}

teardown_file() {
	stop_all
	work_close
}

skew_of() {
	on_server "/machines/$1" | jq .clock_skew_ms
}

runs_on() { # runs_on NAME: a command, to its end
	him --home "$WORK/srv" run --wait "$1" -- true
}

@test "agents with clocks five years ahead and behind are online, report, and their skew is shown" {
	[ $(($(skew_of ahead) - MS)) -gt -60000 ] && [ $(($(skew_of ahead) - MS)) -lt 60000 ]
	[ $(($(skew_of behind) + MS)) -gt -60000 ] && [ $(($(skew_of behind) + MS)) -lt 60000 ]
	[ "$(skew_of true)" -gt -60000 ] && [ "$(skew_of true)" -lt 60000 ]
	run_him show ahead
	[[ "$output" == *"clock_skew_ms"* ]]
	run_him machines 'skew>5m or skew<-5m' --json
	[ "$(json '[.machines[].name] | sort | join(" ")')" = 'ahead behind' ]
}

@test "status says in one sentence that two clocks are wrong, and how to find them" {
	run_him status
	[ "$status" -eq 1 ]
	[[ "$output" == *"2 clocks are more than 5 min away from the server's: him machines 'skew>5m or skew<-5m'"* ]]
}

@test "an agent whose clock is behind runs what it is given; behind a relay whose clock is ahead, too" {
	run_him run --wait --json 'behind or true' -- echo here
	[ "$status" -eq 0 ]
	[ "$(json .done)" = 2 ]
}

@test "an agent whose clock is ahead does not run what it takes for late, and says by which clock" {
	run_him run --wait --json ahead -- sh -c "touch $WORK/must-not-be"
	[ "$status" -eq 1 ]
	[ "$(json .expired)" = 1 ]
	id=$(json .id)
	[[ "$(on_server "/actions/$id/results" | jq -r '.results[0].reason')" == "it came "*" after its deadline, by this machine's clock" ]]
	[ ! -e "$WORK/must-not-be" ]
}

@test "a relay whose clock is behind does as well" {
	stop r1
	relay_start r1 --clock-offset "-$YEARS"
	until_true "$LIMIT" runs_on true
}

@test "a server whose clock was set back five years hears everybody; its orders are late by the time it signed before" {
	stop server
	server_start --clock-offset "-$YEARS" --machines-port "$(sed 's/.*://' "$WORK/machines")"
	run_him run --json 'behind or true' -- true
	id=$(json .id)
	until_true "$LIMIT" action_is "$id" '.expired == 2'
	on_server "/actions/$id/results" | jq -r '.results[].reason' >"$WORK/reasons"
	[ "$(grep -cx 'it came .* after its deadline, by \(this machine.s clock\|the newest time that the server signed\)' "$WORK/reasons")" = 2 ]
	grep -q 'the newest time that the server signed' "$WORK/reasons"
}

@test "set right again, orders run as before" {
	stop server
	server_start --machines-port "$(sed 's/.*://' "$WORK/machines")"
	until_true "$LIMIT" runs_on behind
	until_true "$LIMIT" runs_on true
}

@test "no program complained of memory" {
	stop_all
	no_sanitizer_complaint
}
