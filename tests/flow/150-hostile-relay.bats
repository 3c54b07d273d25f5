#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A relay whose machine was taken over: tests/flow/hostile_relay.py has its key and its certificate and stands in its place
# between two agents and the server. It forges, replays, redirects and withholds in both directions. Nothing of it is executed
# or stored; what is refused is said once and counted; all that it can do is delay.

load lib
load net
load small

setup_file() {
	small_open
	relay_enrol r1
	relay_start r1 8445
	local name
	for name in a b; do
		agent_enrol $name
		agent_start $name 127.0.0.1:8445
	done
	until_true "$LIMIT" is 'state:online reported:*' 2
	stop r1
	start hostile in_ns one r1 "$ROOT/tests/flow/hostile_relay.py" "$WORK/r1" 8445 127.0.0.1:8444 "$WORK/control"
	until_true "$LIMIT" grep -q ready "$WORK/hostile.log"
	A=$(agent_id a)
	B=$(agent_id b)
	export A B
	until_true "$LIMIT" both_hang_on_it
}

teardown_file() {
	small_close
}

tell() { # tell WORDS...: what the hostile relay answers
	python3 - "$WORK/control" "$*" <<-'END'
		import socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.connect(sys.argv[1])
		s.sendall(sys.argv[2].encode() + b"\n")
		print(s.makefile().read(), end="")
	END
}

state() { # state FILTER
	tell state | jq -r "$1"
}

both_hang_on_it() {
	[ "$(state "[.agents[\"$A\", \"$B\"] | select(. != null and .exchanges > 0)] | length")" = 2 ]
}

taken() { # taken AGENT: everything that was delivered was fetched
	[ "$(state ".agents[\"$1\"].mail")" = 0 ]
}

# forged down KIND...: each goes to agent a, which takes it from its mailbox
forge_down() {
	tell forge down "$A" "$@"
	until_true "$LIMIT" taken "$A"
}

order() { # order MACHINE FILE [OPTIONS]: leaves one line in the file; prints the action's id
	local machine=$1 file=$2; shift 2
	him --home "$WORK/srv" run --json "name:$machine" "$@" -- sh -c "echo x >>$WORK/$file; echo done" | jq -r .id
}

action_is() { # action_is ID STATE
	on_server "/actions/$1" | jq -e --arg s "$2" '.[$s] == 1'
}

lines() { # lines FILE: how many
	[ -f "$1" ] && wc -l <"$1" || echo 0
}

refused() {
	metric him_refused_total
}

document() { # what the server knows of machine a, but for when it heard it
	on_server "/machines?query=name:a" | jq -Sc '.machines[0] | del(.reported, .seen, .since, .state, .channel, .channel_reason, .clock_skew_ms)'
}

@test "left alone it is a relay like any other" {
	id=$(order a plain)
	until_true "$LIMIT" action_is "$id" done
	[ "$(lines "$WORK/plain")" = 1 ]
	[ "$(refused)" = 0 ]
}

@test "forged orders, lists, times and forks are refused by the agent: nothing runs, one line in its log" {
	local kind before
	before=$(jq -Sc . "$WORK/a/agent/identity.json")
	for kind in action relays revoked time cancel; do
		forge_down "$kind"
	done
	forge_down fork "$(state ".agents[\"$A\"].stream")"
	forge_down cert
	[ "$(lines "$WORK/r1/stolen/effect")" = 0 ]
	[ "$(grep -c 'refused a record that the server did not sign' "$WORK/a.log")" = 1 ]
	[ "$(jq -Sc . "$WORK/a/agent/identity.json")" = "$before" ]
	! grep -q 'copy of another' "$WORK/a.log"
	id=$(order a after) # a forged time would have made it too late
	until_true "$LIMIT" action_is "$id" done
}

@test "a forged cancel does not end what runs" {
	id=$(him --home "$WORK/srv" run --json name:a -- sh -c 'sleep 3; echo whole' | jq -r .id)
	until_true "$LIMIT" pgrep -f 'sleep 3; echo whole'
	forge_down cancel "$id"
	until_true "$LIMIT" action_is "$id" done
	[ "$(on_server "/actions/$id/results?output=1" | jq -r '.results[0].stdout')" = whole ]
}

@test "a forged 'committed' frees nothing: the result that was withheld arrives" {
	tell withhold up
	id=$(order a kept)
	until_true "$LIMIT" sh -c "[ -f $WORK/kept ]"
	until_true "$LIMIT" sh -c "ls $WORK/a/agent/spool | grep -q ^0"
	stream=$(state ".agents[\"$A\"].stream")
	for seq in $(seq 1 30); do
		tell forge down "$A" committed "$stream" "$seq"
	done
	forge_down resend "$stream" 1
	forge_down full
	[ "$(grep -c 'refused an answer that the server did not sign' "$WORK/a.log")" = 1 ]
	! grep -q 'restored snapshot' "$WORK/a.log"
	ls "$WORK/a/agent/spool" | grep -q ^0
	action_is "$id" done && return 1
	# What it withheld is lost for good with it: the agent asks again by itself.
	stop hostile
	start r1 in_ns one r1 him-relay --home "$WORK/r1" --parent 127.0.0.1:8444 --port 8445 --address 127.0.0.1 --retry-max 1s
	until_true "$LIMIT" action_is "$id" done
	[ "$(lines "$WORK/kept")" = 1 ]
	until_true "$LIMIT" sh -c "! ls $WORK/a/agent/spool | grep -q ^0"
	stop r1
	start hostile in_ns one r1 "$ROOT/tests/flow/hostile_relay.py" "$WORK/r1" 8445 127.0.0.1:8444 "$WORK/control2"
	ln -sf control2 "$WORK/control"
	until_true "$LIMIT" both_hang_on_it
}

@test "orders that come again run once; orders of another machine do not run" {
	id=$(order a once)
	until_true "$LIMIT" action_is "$id" done
	until_true "$LIMIT" taken "$A"
	for i in 1 2 3; do
		tell replay down "$A"
	done
	until_true "$LIMIT" taken "$A"
	tell redirect down "$A" "$B"
	until_true "$LIMIT" taken "$B"
	until_true "$LIMIT" grep -q 'refused an action for another machine' "$WORK/b.log"
	[ "$(grep -c 'refused an action for another machine' "$WORK/b.log")" = 1 ]
	id=$(order b other)
	until_true "$LIMIT" action_is "$id" done
	[ "$(lines "$WORK/once")" = 1 ]
}

@test "forged reports, results, renewals and forks are refused by the server: logged once, counted, one event, nothing stored" {
	local before kind n
	tell withhold down
	id=$(order b open)
	before=$(document)
	n=$(refused)
	for kind in report result renew fork missing; do
		tell forge up "$A" "$kind" "$id"
		tell forge up "$B" "$kind" "$id"
	done
	[ "$(refused)" = $((n + 10)) ]
	for agent in "$A" "$B"; do
		[ "$(grep -c "refused a .* in the name of $agent" "$WORK/server.log")" = 1 ]
	done
	[ "$(events security.refused)" = 2 ]
	[ "$(document)" = "$before" ]
	action_is "$id" done && return 1
	[ "$(on_server /machines/count | jq .count)" = 2 ]
	tell release
	until_true "$LIMIT" action_is "$id" done
}

@test "what an agent said, said again or in the name of another, changes nothing" {
	local before n
	until_true "$LIMIT" sh -c "! ls $WORK/a/agent/spool | grep -q ^0"
	before=$(document)
	n=$(refused)
	tell replay up "$A"
	tell replay up "$A"
	[ "$(refused)" = "$n" ] # they are genuine
	tell redirect up "$A" "$B"
	[ "$(refused)" -gt "$n" ]
	[ "$(document)" = "$before" ]
	[ "$(on_server /machines/count | jq .count)" = 2 ]
	[ "$(events machine.cloned)" = 0 ]
	id=$(order a still)
	until_true "$LIMIT" action_is "$id" done
}

@test "an order that is withheld past its deadline ends as expired and does not run when it comes" {
	tell withhold down
	late=$(order a late --deadline 2s)
	id=$(order a delayed)
	until_true "$LIMIT" action_is "$late" expired
	tell release
	until_true "$LIMIT" action_is "$id" done
	until_true "$LIMIT" taken "$A"
	[ "$(lines "$WORK/delayed")" = 1 ]
	[ "$(lines "$WORK/late")" = 0 ]
	action_is "$late" expired
}

@test "what is withheld on its way up arrives when it is let go, once" {
	tell withhold up
	id=$(order a slow)
	until_true "$LIMIT" sh -c "[ -f $WORK/slow ]"
	sleep 1
	action_is "$id" done && return 1
	tell release
	until_true "$LIMIT" action_is "$id" done
	[ "$(lines "$WORK/slow")" = 1 ]
}

@test "old and forged pings bring the agent up at most once" {
	until_true "$LIMIT" taken "$A"
	id=$(order a pinged)
	until_true "$LIMIT" action_is "$id" done
	sleep 3 # until what follows a result is said
	before=$(state ".agents[\"$A\"].exchanges")
	tell ping "$A"
	sleep 1
	[ $(($(state ".agents[\"$A\"].exchanges") - before)) -le 2 ]
}

@test "revoked, it is cut off at once" {
	run him --home "$WORK/srv" relay revoke "$(on_server /relays | jq -r '.relays[0].id')" --yes
	echo "$output"
	[ "$status" -eq 0 ]
	until_true 10 sh -c "curl -s --unix-socket $WORK/srv/server.sock http://x/api/v1/relays | jq -e '.relays[0].state == \"offline\"'"
	until_true 10 grep -q 'refused an exchange: relay .* is revoked' "$WORK/server.log"
	tell forge up "$A" report
	[ "$(state '.counts["up refused"]')" -ge 1 ]
}

@test "with an honest parent again the agent says what it refused" {
	stop hostile
	ns one iptables -t nat -A OUTPUT -o lo -p tcp --dport 8445 -j REDIRECT --to-ports 8444 # the server in its place
	until_true "$LIMIT" is 'name:a state:online' 1
	id=$(order a honest)
	until_true "$LIMIT" action_is "$id" done
	run him --home "$WORK/srv" show a
	[[ "$output" =~ refused\ [0-9]+\ records\ that\ the\ server\ did\ not\ sign ]]
	[ "$(lines "$WORK/r1/stolen/effect")" = 0 ]
}

@test "no program complained of memory" {
	stop_all
	no_sanitizer_complaint
}
