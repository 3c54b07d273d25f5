#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Fifty real agents in network namespaces behind two relays, r2 below r1: twenty-five with UDP (ping), twenty behind a NAT
# that drops UDP (held), five behind a box that cuts quiet connections (poll). Real TLS everywhere.

load lib
load net

A=25 # a01…: UDP
B=20 # b01…: behind the NAT
C=5  # c01…: through the box that cuts

agent_ns() { # agent_ns a 3 -> its namespace; all of a kind share none
	printf '%s%02d' "$1" "$2"
}

setup_file() {
	work_open
	export WORK NET A B C
	net_open
	ns_add srv 10.77.0.1/16
	ns_add r1 10.77.0.2/16
	ns_add r2 10.77.0.3/16
	ns_add proxy 10.77.0.4/16
	nat_add
	start server in_ns srv srv him-server --home "$WORK/srv" --address 10.77.0.1 --late 20s --offline 40s
	until_true "$LIMIT" curl -sf --unix-socket "$WORK/srv/server.sock" http://x/healthz
	FP=$(on_server /status | jq -r .server.ca_fingerprint)
	relay r1 10.77.0.2 10.77.0.1:8444
	relay r2 10.77.0.3 10.77.0.2:8445
	start proxy in_ns proxy proxy "$ROOT/tests/flow/cut_proxy.py" 10.77.0.4:9000 10.77.0.3:8445 2
	until_true "$LIMIT" grep -q ready "$WORK/proxy.log"
	TOKEN=$(on_server /tokens -X POST -d '{"site":"lab","uses":50}' | jq -r .token)
	export FP TOKEN
	local i pids=()
	for i in $(seq $A); do
		agent a "$i" "10.77.1.$i/16" 10.77.0.1 core 10.77.0.2:8445 & pids+=($!)
		[ "$i" -gt $B ] || { agent b "$i" "10.78.1.$i/16" 10.78.0.1 nat 10.77.0.3:8445 & pids+=($!); }
		[ "$i" -gt $C ] || { agent c "$i" "10.77.2.$i/16" 10.77.0.1 core 10.77.0.4:9000 --hold 20s --poll 2s & pids+=($!); }
		[ $((i % 2)) -eq 0 ] || { wait "${pids[@]}"; pids=(); }
	done
	[ ${#pids[@]} -eq 0 ] || wait "${pids[@]}"
	until_true 240 all_there
}

teardown_file() {
	stop_all
	net_close
	work_close
}

on_server() { # on_server PATH [CURL OPTIONS]
	local path=$1; shift
	curl -s --unix-socket "$WORK/srv/server.sock" "http://x/api/v1$path" "$@"
}

relay() { # relay NAME ADDRESS PARENT
	local token
	token=$(on_server /tokens -X POST -d '{"role":"relay","site":"lab"}' | jq -r .token)
	ns "$1" him-relay enroll --home "$WORK/$1" --name "$1" --server 10.77.0.1:8443 --ca-fingerprint "$FP" <<<"$token" >>"$WORK/enrol.log" 2>&1
	start "$1" in_ns "$1" "$1" him-relay --home "$WORK/$1" --parent "$3" --address "$2" --late 20s --offline 40s --retry-max 2s
	until_true "$LIMIT" sh -c "curl -s --unix-socket $WORK/srv/server.sock http://x/api/v1/relays | jq -e '.relays[] | select(.name == \"$1\" and .state == \"online\")'"
}

agent_start() { # agent_start KIND N PARENT [OPTIONS]
	local name; name=$(agent_ns "$1" "$2"); shift 2
	local parent=$1; shift
	start "$name" in_ns "$name" "$name" him-agent --home "$WORK/$name" --parent "$parent" --keepalive 2s --retry-max 2s --report-interval 20s "$@"
}

agent() { # agent KIND N ADDRESS GATEWAY SWITCH PARENT [OPTIONS]
	local name; name=$(agent_ns "$1" "$2")
	LINKS=$((($(printf '%d' "'$1") - 96) * 100 + $2))
	ns_add "$name" "$3" "$4" "$5"
	ns "$name" him-agent enroll --home "$WORK/$name" --name "$name" --server 10.77.0.1:8443 --ca-fingerprint "$FP" <<<"$TOKEN" >>"$WORK/enrol.log" 2>&1
	local kind=$1 n=$2; shift 5
	agent_start "$kind" "$n" "$@"
}

count() { # how many machines a query fits
	him --home "$WORK/srv" machines --json -- "$1" 2>/dev/null | jq '.machines | length'
}

is() { # is QUERY N
	[ "$(on_server "/machines/count?query=$(jq -rn --arg q "$1" '$q|@uri')" | jq .count)" = "$2" ]
}

all_there() {
	is 'state:online reported:*' $((A + B + C))
}

run_him() {
	run him --home "$WORK/srv" "$@"
}

@test "all fifty are online, each with its own name and address" {
	run_him machines --json
	[ "$(json '[.machines[] | select(.state == "online") | ."host.name"] | unique | length')" = 50 ]
	[ "$(json '[.machines[]."host.ip"] | unique | length')" = 50 ]
}

@test "with UDP orders come by ping, without it by an open request, and show says why" {
	until_true "$LIMIT" is 'name:a* channel:ping' $A
	until_true "$LIMIT" is 'name:b* channel:held' $B
	until_true "$LIMIT" sh -c "him --home $WORK/srv show b01 | grep 'no UDP answer'"
	until_true "$LIMIT" sh -c "him --home $WORK/srv show a01 | grep 'UDP from the parent arrives'"
}

@test "where open requests are cut they poll" {
	until_true "$LIMIT" is 'name:c* channel:poll' $C
}

@test "each hangs on its own relay, and r2 hangs on r1" {
	run_him relays --json
	r1=$(json '.relays[] | select(.name == "r1").id')
	[ "$(json '.relays[] | select(.name == "r2").route')" = "$r1" ]
	[ "$(json '.relays[] | select(.name == "r1").children')" = $A ]
	[ "$(json '.relays[] | select(.name == "r2").children')" = $((B + C)) ]
}

@test "id -u runs on all fifty" {
	run_him run --wait --json '*' -- id -u
	[ "$status" -eq 0 ]
	[ "$(json .done)" = 50 ]
}

@test "a query hits its machines only; output and errors are kept apart" {
	run_him run --wait --json 'name:a0* or name:b1*' -- sh -c 'echo out; echo err >&2'
	[ "$status" -eq 0 ]
	[ "$(json .targets)" = 19 ]
	id=$(json .id)
	first=$(on_server "/actions/$id/results?output=1" | jq -r '.results[0] | .stdout + .stderr')
	[ "$first" = $'out\nerr' ]
}

@test "scripts run by their first line, with arguments and environment" {
	local lang
	printf '#!/bin/sh\necho "sh $1 $K"\n' >"$WORK/sh"
	printf '#!/bin/bash\na=(x y); echo "${a[1]} $1 $K"\n' >"$WORK/bash"
	printf '#!/usr/bin/python3\nimport os, sys; print("py", sys.argv[1], os.environ["K"])\n' >"$WORK/py"
	printf '#!/usr/bin/perl\nprint "pl $ARGV[0] $ENV{K}\\n";\n' >"$WORK/pl"
	for lang in sh bash py pl; do
		run_him run --wait 'a01 or b01' --script "$WORK/$lang" --env K=V -- arg
		[ "$status" -eq 0 ]
		[[ "$output" == *"arg V"* ]]
	done
}

@test "--as runs as that user; one that is not there is refused" {
	run_him run --wait a01 --as nobody -- id -un
	[ "$status" -eq 0 ]
	[[ "$output" == *nobody* ]]
	run_him run --wait --json a01 --as nobody-has-this-name -- true
	[ "$status" -eq 1 ]
	[ "$(json .refused)" = 1 ]
}

@test "the timeout ends the whole tree" {
	run_him run --wait --json a02 --timeout 2s -- sh -c 'setsid sh -c "sleep 7777 & sleep 7777" & sleep 7777'
	[ "$status" -eq 1 ]
	[ "$(json .timed_out)" = 1 ]
	! pgrep -f 'sleep 7777'
}

@test "300 KiB of output keep head and tail, and what was dropped is counted exactly" {
	run_him run --wait --json a03 -- sh -c 'head -c 307200 /dev/zero | tr "\0" x'
	id=$(json .id)
	result=$(on_server "/actions/$id/results?output=1" | jq -c '.results[0]')
	[ "$(jq .stdout_bytes <<<"$result")" = 307200 ]
	[ "$(jq .stdout_dropped <<<"$result")" = $((307200 - 65536)) ]
	[ "$(jq '.stdout | length' <<<"$result")" = 65536 ]
}

@test "--attach keeps 5 MiB whole" {
	run_him run --wait --json a04 --attach -- sh -c 'head -c 5242880 /dev/zero | tr "\0" y'
	[ "$status" -eq 0 ]
	id=$(json .id)
	agent=$(on_server "/actions/$id/results" | jq -r '.results[0].agent')
	until_true "$LIMIT" sh -c "[ \$(curl -sf --unix-socket $WORK/srv/server.sock http://x/api/v1/actions/$id/results/$agent/attachments/stdout | wc -c) = 5242880 ]"
}

@test "a machine that is away runs it when it comes back, and not after the deadline" {
	stop a05
	stop b05
	run_him run --json 'a05' --deadline 10m -- echo late
	late=$(json .id)
	run_him run --json 'b05' --deadline 2s -- echo never
	never=$(json .id)
	until_true "$LIMIT" sh -c "curl -s --unix-socket $WORK/srv/server.sock http://x/api/v1/actions/$never | jq -e '.expired == 1'"
	agent_start a 5 10.77.0.2:8445
	agent_start b 5 10.77.0.3:8445
	until_true "$LIMIT" sh -c "curl -s --unix-socket $WORK/srv/server.sock http://x/api/v1/actions/$late | jq -e '.done == 1'"
	[ "$(on_server "/actions/$never" | jq .expired)" = 1 ]
}

@test "cancel reaches the waiting and the running" {
	stop a06
	run_him run --json 'a06 or a07 or b07' --timeout 10m -- sleep 600
	id=$(json .id)
	until_true "$LIMIT" sh -c "curl -s --unix-socket $WORK/srv/server.sock http://x/api/v1/actions/$id | jq -e '.running == 2'"
	run_him cancel "$id"
	[ "$status" -eq 0 ]
	agent_start a 6 10.77.0.2:8445
	until_true "$LIMIT" sh -c "curl -s --unix-socket $WORK/srv/server.sock http://x/api/v1/actions/$id | jq -e '.cancelled == 3'"
}

@test "a revoked machine is cut off at once, and the others are not" {
	run_him machine revoke b20 --yes
	[ "$status" -eq 0 ]
	until_true 30 is 'name:b20 state:offline' 1
	until_true "$LIMIT" is 'state:online' 49
	run_him run --json '*' -- true
	[ "$(json .targets)" = 49 ]
}

@test "relays and server killed, in turn, and back: everybody is online again" {
	local name
	for name in r1 r2 server; do
		stop "$name" KILL
	done
	start server in_ns srv srv him-server --home "$WORK/srv" --address 10.77.0.1 --late 20s --offline 40s
	start r1 in_ns r1 r1 him-relay --home "$WORK/r1" --parent 10.77.0.1:8444 --address 10.77.0.2 --late 20s --offline 40s --retry-max 2s
	start r2 in_ns r2 r2 him-relay --home "$WORK/r2" --parent 10.77.0.2:8445 --address 10.77.0.3 --late 20s --offline 40s --retry-max 2s
	until_true 180 is 'state:online' 49
	run_him run --wait --json '*' --timeout 2m -- true
	[ "$status" -eq 0 ]
	[ "$(json .done)" = 49 ]
}

@test "no program complained of memory" {
	stop_all
	no_sanitizer_complaint
}
