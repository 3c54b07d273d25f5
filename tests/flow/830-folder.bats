#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Data folders that cannot be used: read-only, not ours, of a newer version, in use, not enrolled. One sentence and an exit code,
# from each program.

load lib
load fleet

setup_file() {
	work_open
	export WORK
	server_start
	relay_enroll r1
	agent_enroll a1
	stop server
}

teardown_file() {
	umount "$WORK/ro" 2>/dev/null || true
	stop_all
	work_close
}

# one_sentence WORDS COMMAND...: ends by itself, not well, with one line that holds the words.
one_sentence() {
	local words=$1; shift
	run timeout 60 "$@"
	echo "$status: $output"
	[ "$status" -ne 0 ] && [ "$status" -ne 124 ] && [ "$status" -lt 99 ] &&
		[ "$(wc -l <<<"$output")" -eq 1 ] && [[ "$output" == *"$words"* ]]
}

@test "a read-only folder: each program names it and what is wrong" {
	mkdir -p "$WORK/ro"
	mount --bind "$WORK" "$WORK/ro"
	mount -o remount,bind,ro "$WORK/ro"
	one_sentence 'Read-only' him-server --home "$WORK/ro/srv"
	one_sentence 'Read-only' him-relay --home "$WORK/ro/r1" --port "$(free_port)"
	one_sentence 'Read-only' him-agent --home "$WORK/ro/a1"
	one_sentence 'Read-only' him --home "$WORK/ro/new" up
	umount "$WORK/ro"
}

@test "a folder in use: the second program says who has it" {
	server_start
	one_sentence "$(pid_of server)" him-server --home "$WORK/srv"
	stop server
}

@test "a database of a newer version is refused by server and relay, and left as it is" {
	relay_start r1
	until_true "$LIMIT" test -s "$WORK/r1/relay/spool.db"
	until_true "$LIMIT" grep -q 'listens on' "$WORK/r1.log"
	stop r1
	local db
	for db in "$WORK/srv/server.db" "$WORK/r1/relay/spool.db"; do
		sqlite3 "$db" 'INSERT INTO schema_version VALUES (9999)'
	done
	one_sentence 'it was used by a newer version' him-server --home "$WORK/srv"
	one_sentence 'it was used by a newer version' him-relay --home "$WORK/r1" --port "$(free_port)"
	for db in "$WORK/srv/server.db" "$WORK/r1/relay/spool.db"; do
		[ "$(sqlite3 "$db" 'SELECT MAX(number) FROM schema_version')" = 9999 ]
		sqlite3 "$db" 'DELETE FROM schema_version WHERE number = 9999'
	done
}

@test "a database that is none is refused with its name" {
	mkdir -p "$WORK/none"
	cp -a "$WORK/srv/." "$WORK/none"
	rm -f "$WORK/none/server.db"*
	head -c 65536 /dev/urandom >"$WORK/none/server.db"
	one_sentence 'server.db' him-server --home "$WORK/none"
}

@test "a folder that nobody enrolled is said to be so" {
	one_sentence 'not enrolled' him-relay --home "$WORK/empty"
	one_sentence 'not enrolled' him-agent --home "$WORK/empty"
}

@test "after all of it everything starts as before" {
	server_start
	agent_start a1 "$MACHINES"
	until_true "$LIMIT" fits state:online 1
}

@test "no program complained of memory" {
	stop_all
	no_sanitizer_complaint
}
