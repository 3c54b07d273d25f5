#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Certificates that are withdrawn and certificates that end. TLS looks at no certificate when a session is resumed, so HIM must
# at every request: by the server, and by a relay. Certificates last ten seconds here; agents and relays renew theirs in time,
# and an agent that missed it may still renew, and nothing else.

load lib
load net
load small

LIFE=10

setup_file() {
	small_open
	relay_enrol r1 # its own lasts, so that it keeps the sessions of its children
	relay_start r1 8445
	stop server
	start server in_ns one srv him-server --home "$WORK/srv" --address 127.0.0.1 --certificate-lifetime ${LIFE}s
	until_true "$LIMIT" curl -sf --unix-socket "$WORK/srv/server.sock" http://x/healthz
	until_true "$LIMIT" relay_online r1
	relay_enrol r2
	relay_start r2 8446
}

teardown_file() {
	small_close
}

ends() { # ends FOLDER/ROLE: when the certificate there ends, in seconds since 1970
	date -d "$(jq -r .cert "$WORK/$1/identity.json" | openssl x509 -noout -enddate | cut -d= -f2)" +%s
}

still_good() {
	[ "$(ends "$1")" -gt "$(date +%s)" ]
}

has_ended() {
	! still_good "$1"
}

resume() { # resume NAME PORT WHEN...
	local name=$1 port=$2; shift 2
	run ns one "$ROOT/tests/flow/resume.py" "$WORK/$name" "127.0.0.1:$port" "$@"
	echo "$output"
	[ "$status" -eq 0 ]
}

line() { # line N FILTER
	sed -n "$1p" <<<"$output" | jq -r "$2"
}

revoke() { # the command that revokes the machine NAME
	echo "him --home $WORK/srv machine revoke $1 --yes"
}

revoked_on() { # revoked_on NAME PORT: resumed before, refused after, and what it held is cut
	agent_enrol "$1"
	resume "$1" "$2" "$(revoke "$1")" "sleep 1"
	[ "$(line 1 '[.status, .resumed] | @csv')" = 200,false ]
	[ "$(line 2 '[.status, .resumed] | @csv')" = 200,true ]
	[ "$(line 4 .status)" = 403 ]
	[ "$(line 5 '.held != null and .held < 2')" = true ]
}

expired_on() { # expired_on NAME PORT: resumed, and refused; an order that waits for it is not handed out
	agent_enrol "$1"
	him --home "$WORK/srv" run "name:$1" --json -- true >/dev/null
	resume "$1" "$2" expired
	[ "$(line 2 '[.status, .resumed] | @csv')" = 200,true ]
	[ "$(line 3 '[.status, .resumed] | @csv')" = 401,true ]
	[ "$(line 4 '[.status, .resumed, .mail] | @csv')" = 200,true,0 ] # it may come for a new certificate
}

@test "a revoked machine: its resumed session is refused, its held request is cut, by the server" {
	revoked_on gone1 8444
	grep -q "refused an exchange: agent $(agent_id gone1) is revoked" "$WORK/server.log"
	[ "$(metric him_refused_total)" -ge 1 ]
}

@test "a revoked machine: its resumed session is refused, its held request is cut, by a relay" {
	revoked_on gone2 8445
	grep -q "refused an exchange: agent $(agent_id gone2) is revoked" "$WORK/r1.log"
}

@test "a certificate that ended is refused in a resumed session, by the server" {
	expired_on old1 8444
}

@test "a certificate that ended is refused in a resumed session, by a relay" {
	expired_on old2 8445
}

@test "agents and relays renew by themselves before the end and stay connected" {
	local end
	agent_enrol a
	agent_enrol d
	agent_start a 127.0.0.1:8446
	agent_start d 127.0.0.1:8444
	until_true "$LIMIT" is 'name:a state:online reported:*' 1
	until_true "$LIMIT" is 'name:d state:online reported:*' 1
	end=$(($(date +%s) + 2 * LIFE))
	while [ "$(date +%s)" -lt $end ]; do
		still_good a/agent
		still_good d/agent
		still_good r2/relay
		sleep 0.5
	done
	! grep -h 'no contact' "$WORK/a.log" "$WORK/d.log" "$WORK/r2.log"
	run him --home "$WORK/srv" run --wait --json 'name:a or name:d' -- true
	[ "$(json .done)" = 2 ]
}

@test "an agent that slept past the end renews first, and then says what waited" {
	agent_enrol late
	agent_start late 127.0.0.1:8446
	until_true "$LIMIT" is 'name:late state:online reported:*' 1
	run him --home "$WORK/srv" run --json name:late -- sh -c "echo x >>$WORK/slept; sleep 1; echo kept"
	id=$(json .id)
	until_true "$LIMIT" sh -c "[ -f $WORK/slept ]"
	stop r2
	until_true "$LIMIT" sh -c "ls $WORK/late/agent/spool | grep -q ^0"
	stop late
	until_true "$LIMIT" has_ended late/agent
	until_true "$LIMIT" has_ended r2/relay
	relay_start r2 8446 # its own has ended too
	agent_start late 127.0.0.1:8446
	until_true "$LIMIT" still_good late/agent
	until_true "$LIMIT" sh -c "curl -s --unix-socket $WORK/srv/server.sock http://x/api/v1/actions/$id | jq -e '.done == 1'"
	[ "$(wc -l <"$WORK/slept")" = 1 ]
}

@test "no program complained of memory" {
	stop_all
	no_sanitizer_complaint
}
