#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The line that `him enroll` prints, run as it is on another machine: a small root of its own (busybox and curl, nothing else), with
# its own host name, machine-id and network, and no systemd. What is changed in the line is refused before it runs.

load lib
load net
load fleet

setup_file() {
	work_open
	export WORK
	export NET
	net_open
	ns_add srv 10.77.0.1/16
	ns_add new 10.77.0.9/16 10.77.0.1
	agent_to_hand_out
	start server in_ns srv srv him-server --home "$WORK/srv" --address 10.77.0.1 --late 3s --offline 6s --agent-binary "$AGENT"
	until_true "$LIMIT" curl -sf --unix-socket "$WORK/srv/server.sock" http://x/api/v1/status
	root_make
}

teardown_file() {
	local pid
	for pid in $(ip netns pids "$NET-new"); do kill -KILL "$pid" || true; done
	stop_all
	net_close
	work_close
}

# The static agent that a release hands out, from the build folder beside this one.
agent_to_hand_out() {
	make -s -C "$ROOT" build/build.ninja && ninja -C "$ROOT/build" him-agent >"$WORK/build.log" || return 1
	AGENT="$ROOT/build/him-agent"
	export AGENT
}

# with_libraries PROGRAM: into the root, with what it is linked to, at the same paths.
with_libraries() {
	local f
	for f in "$1" $(ldd "$1" | grep -o '/[^ ]*'); do
		mkdir -p "$WORK/root$(dirname "$f")"
		cp -L "$f" "$WORK/root$f"
	done
}

root_make() {
	mkdir -p "$WORK/root"/{bin,sbin,etc,proc,tmp,dev,usr/local/sbin,var/lib}
	local word
	with_libraries "$(command -v busybox)"
	with_libraries "$(command -v curl)"
	for word in sh printf id mktemp sha256sum mkdir chmod mv rm cat ps kill hostname; do
		ln -sf "$(command -v busybox)" "$WORK/root/bin/$word"
	done
	echo 0123456789abcdef0123456789abcdef >"$WORK/root/etc/machine-id"
	echo 'root:x:0:0:root:/:/bin/sh' >"$WORK/root/etc/passwd"
	: >"$WORK/root/dev/null"
}

# on_new SCRIPT: in the new machine; its processes go on when the script has ended.
on_new() {
	ip netns exec "$NET-new" unshare --uts --ipc --mount sh -c 'hostname newcomer
		mount -t proc proc "$1/proc" && mount --bind /dev/null "$1/dev/null" &&
		exec /usr/bin/env -i /usr/sbin/chroot "$1" /bin/sh -c "$2"' - "$WORK/root" "export PATH=/usr/local/sbin:/bin:/usr/bin:/sbin
$1" 3>&-
}

line() {
	him --home "$WORK/srv" enroll
}

nothing_came() { # nothing enrolled, nothing runs
	fits '*' 0 && [ ! -e "$WORK/root/var/lib/him/agent/identity.json" ] && [ -z "$(ip netns pids "$NET-new")" ]
}

@test "a line with another checksum is refused, and nothing is installed" {
	sum=$(sha256sum <"$AGENT" | cut -d' ' -f1)
	changed=$(line | sed "s/$sum/${sum//[0-9]/0}/")
	run on_new "$changed"
	echo "$output"
	[ "$status" -ne 0 ]
	[[ "$output" == *him-agent*FAILED* ]]
	[ ! -e "$WORK/root/usr/local/sbin/him-agent" ]
	nothing_came
}

@test "a line with another fingerprint does not trust the server, in one sentence" {
	pin=$(on_server /status | jq -r .server.ca_fingerprint)
	changed=$(line | sed "s/$pin/${pin//[0-9]/0}/")
	run on_new "$changed"
	echo "$output"
	[ "$status" -ne 0 ]
	[[ "$output" == *"its CA has another fingerprint than was given"* ]]
	nothing_came
}

@test "a line whose token was revoked is refused in one sentence" {
	new=$(line)
	on_server /tokens | jq -r '.tokens[].id' | while read -r id; do on_server "/tokens/$id/revoke" -X POST >/dev/null; done
	run on_new "$new"
	echo "$output"
	[ "$status" -ne 0 ]
	[[ "$output" == *token* ]]
	nothing_came
}

@test "the line as it was printed: installed, enrolled, running, and it says how it starts after a boot" {
	line >"$WORK/line"
	[ "$(wc -l <"$WORK/line")" = 1 ]
	run on_new "$(cat "$WORK/line")"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" == *enrolled* ]]
	[[ "$output" == *"no systemd here: start it after a boot with /usr/local/sbin/him-agent"* ]]
	cmp "$AGENT" "$WORK/root/usr/local/sbin/him-agent"
	[ "$(stat -c %a "$WORK/root/usr/local/sbin/him-agent")" = 755 ]
	[ -z "$(ls "$WORK/root/tmp")" ]
}

@test "it appears as a machine of its own, and runs commands in its own root" {
	until_true "$LIMIT" fits 'name:newcomer state:online reported:*' 1
	fits "name:newcomer host.ip:10.77.0.9" 1
	run_him run --wait newcomer -- cat /etc/machine-id
	[ "$status" -eq 0 ]
	[[ "$output" == *0123456789abcdef0123456789abcdef* ]]
}

@test "no secret is in an argument list or readable by others" {
	token=$(sed "s/printf %s '\([^']*\)'.*/\1/" "$WORK/line")
	[ ${#token} -ge 20 ]
	! grep -rlF "$token" "$WORK/root" 2>/dev/null
	[ "$(stat -c %a "$WORK/root/var/lib/him/agent")" = 700 ]
	! find "$WORK/root/var/lib/him/agent" -type f -perm /077 | grep .
}

@test "the same line once more enrols nobody: its token was for one use, and it says it is there already" {
	run on_new "$(cat "$WORK/line")"
	echo "$output"
	[[ "$output" == *"already enrolled"* ]]
	fits '*' 1
}

@test "the units of make install are sound" {
	[ -n "$(command -v systemd-analyze)" ]
	mkdir -p "$WORK/installed" "$WORK/programs"
	local p
	for p in him him-server him-relay him-agent; do cp "$BUILD/$p" "$WORK/programs/"; done
	DESTDIR="$WORK/installed" PREFIX=/usr "$ROOT/packaging/install" "$WORK/programs"
	for p in him-server him-relay him-agent; do
		run systemd-analyze verify --root="$WORK/installed" --man=no --recursive-errors=no "$WORK/installed/lib/systemd/system/$p.service"
		echo "$output"
		[ "$status" -eq 0 ]
		! grep -E "$p.service.*(Unknown|Failed|Invalid|ignoring|not executable)" <<<"$output"
	done
	for p in him-server him-relay; do
		run systemd-analyze security --offline=true --threshold=30 --no-pager "$WORK/installed/lib/systemd/system/$p.service"
		echo "$output" | tail -1
		[ "$status" -eq 0 ]
	done
}

@test "no program complained of memory" {
	stop_all
	no_sanitizer_complaint
}
