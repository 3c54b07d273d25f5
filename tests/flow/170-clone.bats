#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# An agent's folder that was copied and is started twice: two installations speak with one identity. It is noticed, one of
# them becomes a machine of its own within seconds, and nothing that either had to say is lost.

load lib
load net
load small

FORK_LIMIT=45 # seconds; on a quiet machine it takes one to five

setup_file() {
	small_open
	relay_enrol r1
	relay_start r1 8445
}

teardown_file() {
	small_close
}

run_him() {
	run him --home "$WORK/srv" "$@"
}

copy() { # copy FROM TO
	cp -a "$WORK/$1" "$WORK/$2"
}

two_ids() { # two_ids A B: they have identities of their own
	[ "$(agent_id "$1")" != "$(agent_id "$2")" ]
}

# Both names are online machines with a report, their agents are those of the two folders, and an order reaches each.
both_are_there() {
	local name
	until_true "$FORK_LIMIT" two_ids "$1" "$2"
	for name in "$1" "$2"; do
		until_true "$FORK_LIMIT" is "host.name:$name state:online reported:*" 1
		[ "$(on_server "/machines?query=host.name:$name" | jq -r '.machines[0].agent')" = "$(agent_id "$name")" ]
		run_him run --wait --json "host.name:$name" -- hostname
		[ "$(json .done)" = 1 ]
		[ "$(on_server "/actions/$(json .id)/results?output=1" | jq -r '.results[0].stdout')" = "$name" ]
	done
}

@test "copied while it stood still, behind a relay: noticed once, forked once, both are there" {
	agent_enrol orig
	agent_start orig 127.0.0.1:8445
	until_true "$LIMIT" is 'name:orig state:online reported:*' 1
	stop orig
	copy orig copy
	agent_start orig 127.0.0.1:8445
	agent_start copy 127.0.0.1:8445
	both_are_there orig copy
	[ "$(events machine.cloned)" = 1 ]
	[ "$(events machine.forked)" = 1 ]
	[ "$(metric him_clones_total)" = 1 ]
}

@test "copied while it runs, straight at the server, three times: four machines" {
	agent_enrol one
	agent_start one 127.0.0.1:8444
	until_true "$LIMIT" is 'host.name:one state:online reported:*' 1
	copy one two
	copy one three
	copy one four
	agent_start two 127.0.0.1:8444
	agent_start three 127.0.0.1:8444
	agent_start four 127.0.0.1:8444
	both_are_there one two
	both_are_there three four
	two_ids one three
	two_ids two four
	is 'host.name:one or host.name:two or host.name:three or host.name:four' 4
}

@test "a result that neither had sent when it was copied arrives, once" {
	agent_enrol busy
	agent_start busy 127.0.0.1:8445
	until_true "$LIMIT" is 'host.name:busy state:online reported:*' 1
	run_him run --json host.name:busy -- sh -c "echo x >>$WORK/effect; sleep 3; echo result"
	id=$(json .id)
	until_true "$LIMIT" grep -q x "$WORK/effect"
	stop r1
	until_true "$LIMIT" sh -c "ls $WORK/busy/agent/spool | grep -q ^0"
	stop busy
	copy busy idle
	relay_start r1 8445
	agent_start busy 127.0.0.1:8445
	agent_start idle 127.0.0.1:8445
	both_are_there busy idle
	until_true "$LIMIT" sh -c "curl -s --unix-socket $WORK/srv/server.sock http://x/api/v1/actions/$id | jq -e '.done == 1'"
	[ "$(on_server "/actions/$id/results?output=1" | jq -r '.results[0].stdout')" = result ]
	[ "$(wc -l <"$WORK/effect")" = 1 ]
}

@test "no program complained of memory" {
	stop_all
	no_sanitizer_complaint
}
