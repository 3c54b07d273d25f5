#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A relay that is lost takes along what hangs on it, whether it hangs on the server itself or on another relay, and gives it
# back when it is there again.

load lib
load fleet

setup_file() {
	work_open
	export WORK
	server_start --late 3s --offline 6s
	local name
	for name in r1 r2; do relay_enroll $name; done
	for name in a1 a2; do agent_enroll $name; done
	relays_start
	agent_start a1 "$(at_relay r1)"
	agent_start a2 "$(at_relay r2)"
	until_true "$LIMIT" fits state:online 2
}

teardown_file() {
	stop_all
	work_close
}

relays_start() { # r2 below r1
	relay_start r1 --late 3s --offline 6s
	start r2 him-relay --home "$WORK/r2" --port "$(cat "$WORK/r2.port")" --parent "$(at_relay r1)" --address 127.0.0.1 \
		--late 3s --offline 6s --retry-max 1s
}

channel_reason() { # channel_reason NAME
	on_server "/machines/$1" | jq -r .channel_reason
}

@test "a relay below a relay is lost: its machines are offline, the others are not" {
	stop r2 KILL
	until_true "$LIMIT" fits 'state:offline name:a2' 1
	[[ "$(channel_reason a2)" == *"relay cannot be reached"* ]]
	fits 'state:online name:a1' 1
	until_true "$LIMIT" sh -c "curl -s --unix-socket $WORK/srv/server.sock 'http://x/api/v1/events?limit=100' | grep -q '1 machine is offline: its relay'"
}

@test "a relay is lost with all below it, and all is there again when it is" {
	stop r1 KILL
	until_true "$LIMIT" fits state:offline 2
	relays_start
	until_true "$LIMIT" fits state:online 2
}

@test "no sanitizer complained" {
	no_sanitizer_complaint
}
