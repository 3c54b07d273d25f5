# SPDX-License-Identifier: Apache-2.0
# A small fleet on loopback for flows about what goes wrong: a server in $WORK/srv, relays, agents, each in a folder of its
# own and on a port of its own. Load it after lib; the parts are started by hand, so that a flow can start them differently.

on_server() { # on_server PATH [CURL OPTIONS]
	local path=$1; shift
	curl -s --unix-socket "$WORK/srv/server.sock" "http://x/api/v1$path" "$@"
}

free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# server_start [OPTIONS]: starts it and waits until it answers; its addresses are then in PEOPLE, MACHINES and FP.
server_start() {
	start server him-server --home "$WORK/srv" --address 127.0.0.1 --late 10s --offline 20s "$@"
	until_true "$LIMIT" curl -sf --unix-socket "$WORK/srv/server.sock" http://x/api/v1/status || return 1
	PEOPLE=127.0.0.1:$(on_server /status | jq -r .server.port)
	MACHINES=127.0.0.1:$(on_server /status | jq -r .server.machines_port)
	FP=$(on_server /status | jq -r .server.ca_fingerprint)
	export PEOPLE MACHINES FP
}

relay_enroll() { # relay_enroll NAME
	on_server /tokens -X POST -d '{"role":"relay"}' | jq -r .token |
		him-relay enroll --home "$WORK/$1" --name "$1" --server "$PEOPLE" --ca-fingerprint "$FP" >>"$WORK/enrol.log" 2>&1
	free_port >"$WORK/$1.port"
}

relay_start() { # relay_start NAME [OPTIONS]: below the server
	local name=$1; shift
	start "$name" him-relay --home "$WORK/$name" --port "$(cat "$WORK/$name.port")" --parent "$MACHINES" \
		--address 127.0.0.1 --late 10s --offline 20s --retry-max 1s "$@"
}

at_relay() { # at_relay NAME: where it listens
	echo "127.0.0.1:$(cat "$WORK/$1.port")"
}

agent_enroll() { # agent_enroll NAME
	on_server /tokens -X POST -d '{}' | jq -r .token |
		him-agent enroll --home "$WORK/$1" --name "$1" --server "$PEOPLE" --ca-fingerprint "$FP" >>"$WORK/enrol.log" 2>&1
}

agent_start() { # agent_start NAME PARENT [OPTIONS]: under a host name of its own
	local name=$1 parent=$2; shift 2
	start "$name" unshare --uts sh -c 'hostname "$0"; exec "$@"' "$name" him-agent --home "$WORK/$name" --parent "$parent" --retry-max 1s --keepalive 2s --report-interval 5s "$@"
}

rename_host() { # rename_host NAME NEW: what the agent reports changes
	nsenter --target "$(pid_of "$1")" --uts hostname "$2"
}

# fits QUERY N: the query fits so many machines.
fits() {
	[ "$(on_server "/machines/count?query=$(jq -rn --arg q "$1" '$q|@uri')" | jq .count)" = "$2" ]
}

# action_is ID FILTER: the action's record satisfies a jq filter.
action_is() {
	on_server "/actions/$1" | jq -e "$2"
}

run_him() {
	run him --home "$WORK/srv" "$@"
}
