# SPDX-License-Identifier: Apache-2.0
# A small installation: one network namespace with nothing but loopback, in it a server, relays and agents on the usual ports,
# each program with a host name of its own.
#
#     agents -- r1 127.0.0.1:8445 -- server 127.0.0.1:8444 (machines), 8443 (people)

small_open() { # small_open [SERVER OPTIONS]
	work_open
	ip netns add "$NET-one"
	ns one ip link set lo up
	export WORK NET
	start server in_ns one srv him-server --home "$WORK/srv" --address 127.0.0.1 "$@"
	until_true "$LIMIT" curl -sf --unix-socket "$WORK/srv/server.sock" http://x/healthz
	FP=$(on_server /status | jq -r .server.ca_fingerprint)
	TOKEN=$(on_server /tokens -X POST -d '{"site":"lab","uses":50}' | jq -r .token)
	export FP TOKEN
}

small_close() {
	stop_all
	net_close
	work_close
}

on_server() { # on_server PATH [CURL OPTIONS]
	local path=$1; shift
	curl -s --unix-socket "$WORK/srv/server.sock" "http://x/api/v1$path" "$@"
}

relay_enrol() { # relay_enrol NAME
	on_server /tokens -X POST -d '{"role":"relay","site":"lab"}' | jq -r .token |
		ns one him-relay enroll --home "$WORK/$1" --name "$1" --server 127.0.0.1:8443 --ca-fingerprint "$FP" >>"$WORK/enrol.log" 2>&1
}

relay_start() { # relay_start NAME PORT [OPTIONS]
	local name=$1 port=$2; shift 2
	start "$name" in_ns one "$name" him-relay --home "$WORK/$name" --parent 127.0.0.1:8444 --port "$port" --address 127.0.0.1 --retry-max 1s "$@"
	until_true "$LIMIT" relay_online "$name"
}

relay_online() { # relay_online NAME
	on_server /relays | jq -e --arg n "$1" '.relays[] | select(.name == $n and .state == "online")'
}

agent_enrol() { # agent_enrol NAME
	ns one him-agent enroll --home "$WORK/$1" --name "$1" --server 127.0.0.1:8443 --ca-fingerprint "$FP" <<<"$TOKEN" >>"$WORK/enrol.log" 2>&1
}

agent_start() { # agent_start NAME PARENT [OPTIONS]: its host name is its name
	local name=$1 parent=$2; shift 2
	start "$name" in_ns one "$name" him-agent --home "$WORK/$name" --parent "$parent" --keepalive 2s --retry-max 1s --report-interval 2s "$@"
}

agent_id() { # agent_id NAME
	jq -r .id "$WORK/$1/agent/identity.json"
}

is() { # is QUERY N: so many machines fit it
	[ "$(on_server "/machines/count?query=$(jq -rn --arg q "$1" '$q|@uri')" | jq .count)" = "$2" ]
}

events() { # events KIND: how many there are
	on_server "/events?limit=1000" | jq --arg k "$1" '[.events[] | select(.kind == $k)] | length'
}

metric() { # metric NAME
	curl -s --unix-socket "$WORK/srv/server.sock" http://x/metrics | awk -v n="$1" '$1 == n {print $2}'
}
