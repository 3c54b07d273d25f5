#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# One thing seen from two sides: two agents on hosts, whose libvirt folders are ours, and two inside their guests, which see a
# firmware and an interface of ours (in namespaces, so that nothing of this machine is touched). A guest is told by both:
# where this machine is a container itself, what it shows of firmware is its host's and does not count. Polls are an
# hour apart: what is seen sooner was seen by the watch.

load lib
load net

UUID1=11111111-1111-4111-8111-111111111111
UUID2=22222222-2222-4222-8222-222222222222
UUID3=33333333-3333-4333-8333-333333333333

setup_file() {
	work_open
	# What an agent sees of itself here decides what its host must list it as.
	[ "$(him-agent detect --json | jq -r '."him.kind"')" = container ] && DRIVER=lxc || DRIVER=qemu
	export WORK NET DRIVER HIM_HOME="$WORK/home"
	net_open
	ns_add srv 10.77.0.1/16
	ns_add h1 10.77.0.11/16
	ns_add h2 10.77.0.12/16
	ns_add w1 10.77.0.21/16
	ns_add w2 10.77.0.22/16
	platform h1
	platform h2
	start server in_ns srv srv him-server --home "$WORK/home" --address 10.77.0.1 --late 6s --offline 12s
	until_true "$LIMIT" curl -sf --unix-socket "$WORK/home/server.sock" http://x/healthz
	local status
	status=$(on_server /status)
	FP=$(jq -r .server.ca_fingerprint <<<"$status")
	PEOPLE=10.77.0.1:$(jq -r .server.port <<<"$status")
	MACHINES=10.77.0.1:$(jq -r .server.machines_port <<<"$status")
	TOKEN=$(on_server /tokens -X POST -d '{"uses":9,"site":"lab"}' | jq -r .token)
	export FP PEOPLE MACHINES TOKEN
	host_start h1
	host_start h2
	guest_start w1 $UUID1
	guest_start w2 $UUID2
	until_true "$LIMIT" is "state:online him.version:*" 4
}

teardown_file() {
	stop_all
	net_close
	work_close
}

on_server() {
	local path=$1; shift
	curl -s --unix-socket "$WORK/home/server.sock" "http://x/api/v1$path" "$@"
}

enrol() {
	[ -d "$WORK/$1/agent" ] || ns "$1" him-agent enroll --home "$WORK/$1" --name "$1" --server "$PEOPLE" --ca-fingerprint "$FP" <<<"$TOKEN"
}

# An agent that sees its own processes only, so that what else runs on this machine is none of its guests, ends with the
# namespace.
host_stop() {
	stop "$1" KILL
	until_true "$LIMIT" flock -n "$WORK/$1/agent/lock" true
}

# The folders of a host, and its programs: a libvirt of ours, and no other platform.
platform() {
	local dir="$WORK/$1" other
	mkdir -p "$dir/run/libvirt/$DRIVER" "$dir/sbin" "$dir/lib" "$dir/stopped"
	for other in docker podman lxc-ls qm pct xl; do
		printf '#!/bin/sh\nexit 0\n' >"$dir/sbin/$other"
	done
	cat >"$dir/sbin/virsh" <<-SH
		#!/bin/sh
		q=/run/libvirt/$DRIVER
		case "\$*" in
		'-q list --name --state-running') cd \$q && grep -l "state='running'" -- *.xml 2>/dev/null | sed 's/[.]xml\$//' ;;
		'-q shutdown '*) [ ! -e $dir/stubborn ] || exit 0; mv \$q/\$3.xml \$q/\$3.pid $dir/stopped ;;
		'-q start '*)
			mv $dir/stopped/\$3.pid $dir/stopped/\$3.xml \$q
			setsid --fork sh -c "while :; do date +%s >$dir/beat-\$3; sleep 0.2; done" >/dev/null 2>&1 ;;
		'-q -c lxc:///system list --name') ;; # its guests are those of the other connection
		*) echo "virsh \$*" >>$dir/strange; exit 9 ;;
		esac
		case "\$*" in *" list "*) ;; *) echo "virsh \$*" >>$dir/done ;; esac
	SH
	printf '#!/bin/sh\necho "shutdown $*" >>%s/done\n' "$dir" >"$dir/sbin/shutdown"
	chmod 755 "$dir"/sbin/*
}

host_start() { # host_start NAME [UNSHARE OPTIONS]
	local name=$1; shift
	enrol "$name"
	# shellcheck disable=SC2016
	start "$name" ip netns exec "$NET-$name" unshare -m -p --fork --kill-child --mount-proc --propagation private "$@" sh -c 'mount --bind "$1/run" /run && mount --bind "$1/lib" /var/lib &&
		mount --bind "$1/sbin" /usr/local/sbin && shift && exec "$@"' - "$WORK/$name" \
		him-agent --home "$WORK/$name" --parent "$MACHINES" --retry-max 1s --keepalive 2s --report-interval 1h
}

guest_start() { # guest_start NAME UUID
	enrol "$1"
	# shellcheck disable=SC2016
	start "$1" ip netns exec "$NET-$1" unshare -m --propagation private sh -c 'mount -t tmpfs none /sys/class && mkdir -p /sys/class/dmi/id &&
		echo "$1" >/sys/class/dmi/id/product_uuid && shift && exec "$@"' - "$2" \
		him-agent --home "$WORK/$1" --parent "$MACHINES" --retry-max 1s --keepalive 2s --report-interval 1h
}

# domain HOST NAME UUID STATE: as libvirt writes its status file: beside, then moved.
domain() {
	local file="$WORK/$1/run/libvirt/$DRIVER/$2"
	echo 1 >"$file.pid" # alive, for the agent that looks
	cat >"$file.xml.new" <<-XML
		<domstatus state='$4' reason='booted' pid='1'>
		<domain type='${DRIVER/qemu/kvm}' id='1'><name>$2</name><uuid>$3</uuid><memory unit='MiB'>64</memory><vcpu>2</vcpu>
		<devices><interface type='bridge'><mac address='$(mac_of "$2")'/></interface></devices></domain></domstatus>
	XML
	mv "$file.xml.new" "$file.xml"
}

mac_of() {
	ns "$1" cat /sys/class/net/eth0/address 2>/dev/null || echo 52:54:00:00:00:0d
}

no_domain() {
	rm "$WORK/$1/run/libvirt/$DRIVER/$2.xml" "$WORK/$1/run/libvirt/$DRIVER/$2.pid"
}

is() { # is QUERY COUNT
	[ "$(on_server /machines/count -G --data-urlencode "query=$1" | jq .count)" = "$2" ]
}

id_of() {
	on_server "/machines/$1" | jq -r .id
}

@test "a list counts once somebody marked its host" {
	domain h1 w1 $UUID1 running
	until_true "$LIMIT" sh -c "him show h1 --json | jq -e '.sections.guests | length == 1'"
	is 'host:*' 0
	him machine host h1 on
	him machine host h2 on
	is 'host:h1' 1
	run him show w1 --json
	[ "$(json '.runs_on[0].name')" = h1 ]
	[ "$(json '.runs_on[0].certain')" = true ]
	[ "$(json '."him.power"')" = running ]
	him show w1 | grep -q '^runs on  *h1, since'
	[ "$(him show h1 --json | jq '."him.guests"')" = 1 ]
}

@test "the tree has the guest below its host, drawn, as JSON and as a graph" {
	run him tree
	[ "$status" -eq 0 ]
	grep -A1 '^h1 ' <<<"$output" | grep -qE '^[^ ]+w1 '
	run him tree w1 --json
	[ "$(json '.machines | length')" = 2 ]
	[ "$(json '.machines[] | select(.name == "w1") | .runs_on[0]."him.host"')" = "$(id_of h1)" ]
	him tree --by site | grep -qx 'lab *'
	him tree --dot | grep -qF "\"$(id_of w1)\" -> \"$(id_of h1)\";"
	run him tree --at 'some day'
	[ "$status" -eq 2 ]
}

@test "a guest without an agent is a machine, as its host has it" {
	domain h1 db $UUID3 running
	until_true "$LIMIT" is 'db power:running host:h1' 1
	run him show db --json
	[ "$(json .agent)" = null ]
	[ "$(json .state)" = null ]
	[ "$(json '."him.site"')" = lab ]
	[ "$(json '."host.memory"')" = 67108864 ]
	domain h1 db $UUID3 paused
	until_true "$LIMIT" is 'db power:paused' 1
	run him run db -- true
	[ "$status" -ne 0 ]
	run him machine forget db --yes
	[[ "$output" == *"come back"* ]]
}

@test "why: the evidence, from whom; impact: what stops" {
	run him why w1
	[[ "$output" == *"runs on h1"* ]]
	[[ "$output" == *"h1 lists it as w1 (libvirt-$DRIVER), running"* ]]
	[[ "$output" == *"w1 speaks of itself"* ]]
	grep -qi "uuid $UUID1" <<<"$output"
	[ "$(him why w1 w2 --json | jq '.sightings | length')" -ge 3 ]
	run him impact h1
	[ "${lines[0]}" = "2 machines stop with it" ]
	[[ "$output" == *"w1"*"db"* || "$output" == *"db"*"w1"* ]]
	[ "$(him impact w1 --json | jq .stops)" = 0 ]
}

@test "a live migration is one move, whichever host tells first" {
	date -u +%Y-%m-%dT%H:%M:%SZ >"$WORK/before"
	sleep 1.1
	domain h2 w1 $UUID1 paused
	until_true "$LIMIT" sh -c "him show h2 --json | jq -e '.sections.guests | length == 1'"
	is 'w1 host:h1' 1
	domain h2 w1 $UUID1 running
	no_domain h1 w1
	until_true "$LIMIT" is 'w1 host:h2' 1
	run him moves
	[ "$(grep -c 'w1 *h1 *h2' <<<"$output")" = 1 ]
	domain h2 w2 $UUID2 running
	until_true "$LIMIT" is 'w2 host:h2' 1
	no_domain h2 w2
	until_true "$LIMIT" is 'w2 host:*' 0
	domain h1 w2 $UUID2 running
	until_true "$LIMIT" is 'w2 host:h1' 1
	run him moves --json
	[ "$(json '.moves | length')" = 2 ]
	[ "$(json '.moves[0] | "\(.machine_name) \(.from_name) \(.to_name)"')" = "w2 h2 h1" ]
	[ "$(him events --kind machine.moved --json | jq '.events | length')" = 2 ]
	[ "$(him moves w1 --json | jq '.moves | length')" = 1 ]
	[ "$(him moves --since 2000-01-01 --json | jq '.moves | length')" = 2 ]
}

@test "where was it then" {
	run him tree w1 --at "$(cat "$WORK/before")" --json
	[ "$(json '.machines[] | select(.name == "w1") | .runs_on[0]."him.host"')" = "$(id_of h1)" ]
	run him tree w1 --json
	[ "$(json '.machines[] | select(.name == "w1") | .runs_on[0]."him.host"')" = "$(id_of h2)" ]
}

@test "a person's word stands until it is undone" {
	local word
	word=$(him machine split w1 --json | jq -r '.decisions[0].id')
	is 'w1 host:*' 1 # another machine of that name, which h2 lists
	is 'w1' 2
	no_domain h2 w1
	domain h1 w1 $UUID1 running
	until_true "$LIMIT" is 'w1 host:h1' 1
	is 'w1' 2
	him machine undo "$word"
	is 'w1' 1
	is 'w1 host:h1 him.version:*' 1
}

# reboots HOST: its agent comes back with a clock that began just now.
reboots() {
	host_stop "$1"
	sleep 4 # the clock of what follows began after what was before
	host_start "$1" --time --boottime "-$(($(cut -d. -f1 /proc/uptime) - 2))"
}

state_of() {
	him action "$1" --json | jq -r '.results[0] | "\(.state) \(.reason)"'
}

@test "the common mistake is refused, until somebody knows what stops" {
	run him power off h1 </dev/null
	[ "$status" -ne 0 ]
	[[ "$output" == *"machines stop with it"*"w1"* ]]
	[[ "$output" == *"--confirm 3"* ]] # w1 and w2 run, db is paused
	run him power reboot h1 --confirm 1
	[ "$status" -eq 1 ]
	[[ "$output" == *"would stop with it now, not 1"* ]]
	run him run h1 --disruptive -- true
	[ "$status" -eq 1 ]
	[ ! -e "$WORK/h1/done" ]
	him run h1 --disruptive --confirm 3 --wait -- true
	him power off w2 --dry-run
}

@test "guests that do not stop keep their host up" {
	touch "$WORK/h1/stubborn"
	run him power reboot h1 --confirm 3 --with-guests --timeout 10s --wait
	rm "$WORK/h1/stubborn"
	[ "$status" -eq 1 ]
	[[ "$output" == *"still running, so this machine stays up: virsh w1,virsh w2"* ]]
	[ ! -e "$WORK/h1/done" ]
}

@test "a reboot with its guests: they first, then the host, and they start again when it is back" {
	local id
	id=$(him power reboot h1 --confirm 3 --with-guests)
	until_true "$LIMIT" grep -q '^shutdown -r now' "$WORK/h1/done"
	[ "$(grep -c '^virsh -q shutdown' "$WORK/h1/done")" = 2 ]
	[ "$(tail -n 1 "$WORK/h1/done")" = "shutdown -r now" ]
	until_true "$LIMIT" sh -c "him action $id --json | jq -e '.results[0].reason == \"it goes down now\"'"
	[ "$(state_of "$id")" = "running it goes down now" ]
	reboots h1
	until_true "$LIMIT" sh -c "him action $id --json | jq -e '.state == \"ended\"'"
	[ "$(state_of "$id")" = "done it is back" ]
	until_true "$LIMIT" sh -c "[ \$(grep -c '^virsh -q start' $WORK/h1/done) = 2 ]"
	until_true "$LIMIT" is 'host:h1 power:running' 2
	[ ! -e "$WORK/h1/strange" ]
	# What runs a guest outlives the command that started it.
	until_true "$LIMIT" sh -c "him actions --json | jq -e '[.actions[] | select(.kind == \"start\" and .state == \"ended\" and .done == 1)] | length == 1'"
	rm "$WORK"/h1/beat-w1 "$WORK"/h1/beat-w2
	until_true "$LIMIT" [ -e "$WORK/h1/beat-w1" -a -e "$WORK/h1/beat-w2" ]
}

@test "a host that is away is told so, and keeps its guests" {
	host_stop h1
	until_true "$LIMIT" is 'h1 state:offline' 1
	is 'host:h1' 3
	[ "$(him tree h1 --json | jq '[.machines[] | select(.runs_on[0].as_of)] | length')" = 3 ]
	him impact h1 | grep -q '^not known: h1 is offline'
	host_start h1
	until_true "$LIMIT" is 'h1 state:online' 1
	is 'host:h1' 3
}

@test "a guest that is destroyed is gone, and where it was is known" {
	no_domain h1 w2
	host_stop w2
	until_true "$LIMIT" is 'w2 state:offline power:gone' 1
	is 'host:h1' 2
	[ "$(him show w2 --json | jq '."him.host"')" = null ]
	him tree w2 | grep -q 'w2 .*offline, gone'
	him why w2 | grep -q 'h1.*, until'
	him events --json | grep -q 'w2 is gone: no host lists it any more'
}

@test "a host that is no longer believed, or cut off, lists nothing" {
	him machine host h1 off
	is 'host:h1' 0
	him machine host h1 on
	is 'host:h1' 2
	him machine revoke h1 --yes
	is 'host:h1' 0
	him machine forget h1 --yes
	is 'host:h1' 0
}

@test "no sanitizer complained" {
	no_sanitizer_complaint
}
