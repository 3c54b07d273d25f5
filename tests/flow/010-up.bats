#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# him up: an installation on this machine, seen, commanded, stopped, started again, beside another one.

load lib

setup_file() {
	work_open
	export WORK
	him up -d >"$WORK/up.out" 2>&1 || { cat "$WORK/up.out" "$HIM_HOME"/log/*.log >&2; return 1; }
}

teardown_file() {
	him down || true
	HIM_HOME="$WORK/second" him down || true
	work_close
}

here() { # the one machine's field
	him machines --json | jq -r ".machines[0].\"$1\""
}

@test "up says what it found, where the server is, and the one-time password" {
	grep -q "$(hostname)" "$WORK/up.out"
	grep -Eq 'https://[^ ]+:[0-9]+' "$WORK/up.out"
	grep -Eqi 'password' "$WORK/up.out"
}

@test "this machine is online with true facts" {
	[ "$(here state)" = online ]
	[ "$(here host.name)" = "$(hostname)" ]
	[ "$(here os.type)" = linux ]
	[ "$(here him.os.kernel)" = "$(uname -r)" ]
	[ "$(here him.cpu.threads)" = "$(nproc)" ]
	[ "$(here him.packages)" = "$(dpkg-query -W -f '${db:Status-Abbrev}\n' | grep -c '^.i')" ]
}

@test "a command runs on it, and the exit code says so" {
	run him run --wait '*' -- id -u
	[ "$status" -eq 0 ]
	[[ "$output" == *"$(id -u)"* ]]
	run him run --wait '*' -- sh -c 'exit 3'
	[ "$status" -eq 1 ]
	run him run '*'
	[ "$status" -eq 2 ]
	run him run --wait 'name:nobody-has-this' -- true
	[ "$status" -eq 2 ]
}

@test "status is ok and names every part" {
	run him status --json
	[ "$status" -eq 0 ]
	[ "$(json .overall)" = ok ]
}

@test "stopped and started again nothing is lost" {
	id=$(here id)
	him run --wait '*' -- echo kept
	before=$(him actions --json | jq '.actions | length')
	him down
	run him machines
	[ "$status" -eq 3 ]
	him up -d
	[ "$(here id)" = "$id" ]
	[ "$(him actions --json | jq '.actions | length')" = "$before" ]
	until_true "$LIMIT" sh -c 'him machines --json | jq -e ".machines[0].state == \"online\""'
}

@test "a second installation runs beside it on ports of its own" {
	HIM_HOME="$WORK/second" him up -d
	[ "$(HIM_HOME="$WORK/second" him machines --json | jq '.machines | length')" = 1 ]
	[ "$(HIM_HOME="$WORK/second" him machines --json | jq -r '.machines[0].id')" != "$(here id)" ]
	HIM_HOME="$WORK/second" him down
}

@test "the one-time password opens the door once and must be changed" {
	url=$(grep -Eo 'https://[^ ]+:[0-9]+' "$WORK/up.out" | head -1)
	password=$(cat "$HIM_HOME/server/first-password")
	code=$(curl -sk -o "$WORK/login.json" -w '%{http_code}' -H 'Content-Type: application/json' \
		-d "$(jq -n --arg p "$password" '{user:"admin",password:$p}')" "$url/api/v1/login")
	[ "$code" = 403 ]
	code=$(curl -sk -o "$WORK/login.json" -w '%{http_code}' -H 'Content-Type: application/json' \
		-d "$(jq -n --arg p "$password" '{user:"admin",password:$p,new_password:"a much longer one 42"}')" "$url/api/v1/login")
	[ "$code" = 200 ]
	token=$(jq -r .token "$WORK/login.json")
	[ "$(curl -sk -H "Authorization: Bearer $token" "$url/api/v1/machines" | jq '.machines | length')" = 1 ]
	[ "$(curl -sk -o /dev/null -w '%{http_code}' "$url/api/v1/machines")" = 401 ]
}

@test "a port that was asked for and is taken is one sentence and an exit code" {
	port=$(him status --json | jq -r '.server.port')
	run timeout 60 him-server --home "$WORK/third" --port "$port"
	[ "$status" -ne 124 ]
	[ "$status" -ne 0 ]
	[[ "$output" == *"$port"* ]]
	[ "$(wc -l <<<"$output")" -le 2 ]
}

@test "a data folder that cannot be written is one sentence and an exit code" {
	mkdir -p "$WORK/ro"
	mount -t tmpfs -o ro,size=64k none "$WORK/ro"
	run timeout 60 him-server --home "$WORK/ro"
	umount "$WORK/ro"
	[ "$status" -ne 0 ]
	[[ "$output" == *"Read-only"* ]]
}

@test "no secret stands in a log or an argument list" {
	password=$(cat "$HIM_HOME/server/first-password" 2>/dev/null || true)
	if [ -n "$password" ]; then
		! grep -rF "$password" "$HIM_HOME/log"
	fi
	! grep -rE 'PRIVATE KEY' "$HIM_HOME/log"
}

@test "no program complained of memory" {
	him down
	no_sanitizer_complaint
}
