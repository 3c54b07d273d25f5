#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Rules for providers, from the server through a relay to an agent: they come, they change, they outlive a restart of each,
# and what the machine's own file says comes first.

load lib
load fleet

setup_file() {
	work_open
	export WORK
	mkdir -p "$WORK/etc"
	server_start
	relay_enroll r1
	relay_start r1
	agent_enroll a1
	agent_enroll a2
	own_start
	agent_start a2 "$MACHINES" --report-interval 1h
	until_true "$LIMIT" fits 'state:online reported:*' 2
}

teardown_file() {
	stop_all
	work_close
}

own_start() { # a1, whose /etc/him is ours, behind the relay
	# shellcheck disable=SC2016
	start a1 unshare --uts --mount --propagation private sh -c 'hostname a1; mkdir -p /etc/him && mount --bind "$0" /etc/him && exec "$@"' "$WORK/etc" \
		him-agent --home "$WORK/a1" --parent "$(at_relay r1)" --retry-max 1s --keepalive 2s --report-interval 1h
}

is_of() { # is_of NAME PROVIDER
	fits "name:$1 provider:$2" 1
}

provider_set() {
	him --home "$WORK/srv" provider set -
}

@test "rules reach every agent, also behind a relay, long before its next report" {
	provider_set <<-RULES
		[attic]
		network = proprietary
		host.name = a1
		[cellar]
		host.name = a2
	RULES
	until_true "$LIMIT" is_of a1 attic
	until_true "$LIMIT" is_of a2 cellar
	fits 'name:a1 network:proprietary' 1
	run_him provider list
	[[ "$output" == *"host.name = a2"* ]]
}

@test "wrong ones are refused with their line, and change nothing" {
	run provider_set <<<'[x]
host.nam = a1'
	[ "$status" -ne 0 ]
	[[ "$output" == *"rules line 2"* ]]
	run_him provider list
	[[ "$output" == *"host.name = a2"* ]]
}

@test "detect says it as the report does" {
	run him-agent detect --home "$WORK/a2" --json
	[ "$(json '.why | map(select(contains("the server"))) | length')" = 0 ] # another host name
	# shellcheck disable=SC2016
	run unshare --uts sh -c 'hostname a2; exec him-agent detect --home "$0" --json' "$WORK/a2"
	[ "$(json '."cloud.provider"')" = cellar ]
	[[ "$output" == *"the rule of line 4 in the server's rules fits"* ]]
}

@test "agent and relay keep them: one that starts while the server is away has them" {
	stop a1
	stop server
	stop r1
	relay_start r1
	echo '[own]
host.name = a1' >"$WORK/etc/providers.conf"
	own_start
	until_true "$LIMIT" grep -q 'in contact' "$WORK/a1.log"
	server_start
	until_true "$LIMIT" is_of a1 own # the file's first
	rm "$WORK/etc/providers.conf"
	him --home "$WORK/srv" machine refresh a1
	until_true "$LIMIT" is_of a1 attic
}

@test "none are none" {
	provider_set </dev/null
	until_true "$LIMIT" fits 'provider:attic' 0
	until_true "$LIMIT" fits 'provider:cellar' 0
}

@test "no sanitizer complained" {
	no_sanitizer_complaint
}
