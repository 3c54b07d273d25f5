#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A backup taken under load, its faults, and a restore into a folder that was lost: the keys are the same, old results stand,
# agents come back by themselves, report in full and say again what their commands came to.

load lib
load fleet

setup_file() {
	work_open
	export WORK
	echo 'correct horse battery' >"$WORK/pass"
	server_start
	echo "$MACHINES" >"$WORK/machines"
	relay_enroll r1
	relay_start r1
	agent_enroll direct
	agent_enroll behind
	agent_start direct "$MACHINES"
	agent_start behind "$(at_relay r1)"
	until_true "$LIMIT" fits 'state:online reported:*' 2
	run_him run --wait --json '*' -- echo 'before the backup'
	json .id >"$WORK/old"
}

teardown_file() {
	[ ! -e "$WORK/load" ] || rm "$WORK/load"
	stop_all
	work_close
}

again() { # the server, on the ports it had
	server_start --port "${PEOPLE##*:}" --machines-port "$(sed 's/.*://' "$WORK/machines")"
}

loading() { # orders without an end, until the file load is gone
	while [ -e "$WORK/load" ]; do
		on_server /actions -X POST -d '{"query":"*","command":["true"]}' | jq -r '.id // empty' >>"$WORK/loaded"
		sleep 0.05
	done
}

# refuses SENTENCE COMMAND...: fails with that one sentence.
refuses() {
	local words=$1; shift
	run "$@"
	echo "$output"
	[ "$status" -ne 0 ] && [[ "$output" == *"$words"* ]] && [ "$(wc -l <<<"$output")" -eq 1 ]
}

@test "a backup is taken while commands run, readable by its owner only, with nothing left beside it" {
	touch "$WORK/load"
	loading 3>&- &
	until_true "$LIMIT" test -s "$WORK/loaded"
	run_him backup "$WORK/one.him" --passphrase-file "$WORK/pass"
	echo "$output"
	[ "$status" -eq 0 ]
	rm "$WORK/load"
	wait
	[ "$(stat -c %a "$WORK/one.him")" = 600 ]
	[ ! -e "$WORK/one.him.part" ] && [ ! -e "$WORK/srv/backup.tmp" ]
	! grep -q 'SQLite format' "$WORK/one.him"
}

@test "a passphrase that is too short is refused in a sentence, and no file is made" {
	echo short >"$WORK/short"
	refuses '12 characters' him --home "$WORK/srv" backup "$WORK/two.him" --passphrase-file "$WORK/short"
	[ ! -e "$WORK/two.him" ] && [ ! -e "$WORK/two.him.part" ]
}

@test "a server that runs refuses the restore, and goes on" {
	refuses 'runs: stop it first' him --home "$WORK/srv" restore "$WORK/one.him" --passphrase-file "$WORK/pass"
	run_him run --wait direct -- true
	[ "$status" -eq 0 ]
}

@test "after the backup: a command ends, another one is still running when the server's folder is lost" {
	run_him run --wait --json '*' -- echo 'after the backup'
	json .id >"$WORK/after"
	on_server /status | jq -r '.server | .id, .ca_fingerprint' >"$WORK/keys"
	on_server /status | jq -r .server.generation >"$WORK/generation"
	stop server
	mv "$WORK/srv" "$WORK/lost"
	mkdir -m 700 "$WORK/srv"
}

@test "wrong passphrase, cut file, changed file, another file: a sentence each, and nothing is written" {
	echo 'incorrect horse battery' >"$WORK/wrong"
	refuses 'the passphrase is wrong' him --home "$WORK/srv" restore "$WORK/one.him" --passphrase-file "$WORK/wrong"
	size=$(stat -c %s "$WORK/one.him")
	head -c $((size - 7)) "$WORK/one.him" >"$WORK/cut.him"
	refuses 'it is cut off' him --home "$WORK/srv" restore "$WORK/cut.him" --passphrase-file "$WORK/pass"
	cp "$WORK/one.him" "$WORK/changed.him"
	printf X | dd of="$WORK/changed.him" bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
	refuses 'was changed' him --home "$WORK/srv" restore "$WORK/changed.him" --passphrase-file "$WORK/pass"
	refuses 'it is no backup of HIM' him --home "$WORK/srv" restore "$WORK/pass" --passphrase-file "$WORK/pass"
	[ ! -e "$WORK/srv/server.db" ] && [ ! -e "$WORK/srv/keys" ] && [ ! -e "$WORK/srv/restore.tmp" ]
}

@test "restored: the same keys, a new generation, old results stand" {
	run_him restore "$WORK/one.him" --passphrase-file "$WORK/pass"
	echo "$output"
	[ "$status" -eq 0 ]
	again
	[ "$(on_server /status | jq -r '.server | .id, .ca_fingerprint')" = "$(cat "$WORK/keys")" ]
	[ "$(on_server /status | jq -r .server.generation)" -gt "$(cat "$WORK/generation")" ]
	[ "$(on_server "/actions/$(cat "$WORK/old")/results?output=1" | jq -r '[.results[].stdout] | unique[]')" = 'before the backup' ]
	[ "$(on_server "/actions/$(cat "$WORK/after")" | jq -r .status)" = 404 ]
}

@test "agents come back by themselves, report in full, and take commands" {
	rename_host direct renamed-direct
	rename_host behind renamed-behind
	until_true "$LIMIT" fits 'state:online' 2
	until_true "$LIMIT" fits 'host.name:renamed-*' 2
	run_him run --wait --json '*' -- echo new
	[ "$status" -eq 0 ]
	[ "$(json .done)" = 2 ]
	[ "$(on_server /machines/direct | jq -r '."him.packages"')" -gt 0 ]
}

none_open() {
	on_server '/actions?state=open' | jq -e '.actions == []'
}

@test "what was ordered before the backup has ended everywhere: outcomes are said again" {
	until_true "$LIMIT" none_open || { on_server '/actions?state=open' | jq -c '.actions[0]'; false; }
	! on_server '/actions?limit=1000' | jq -e '.actions[] | select(.done != .targets)'
	run_him status
	[ "$status" -eq 0 ]
}

@test "restored over what is there, too" {
	stop server
	run_him restore "$WORK/one.him" --passphrase-file "$WORK/pass"
	[ "$status" -eq 0 ]
	again
	until_true "$LIMIT" fits state:online 2
}

@test "no program complained of memory" {
	stop_all
	no_sanitizer_complaint
}
