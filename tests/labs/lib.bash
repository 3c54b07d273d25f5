# SPDX-License-Identifier: Apache-2.0
# What every lab shares: may it run here at all, an installation (server and relay in a namespace of their own on a bridge that
# the hosts and guests reach), questions to it. Rests on the flows' lib.bash (waiting, starting, ending) and net.bash (namespaces).

export HIM_BUILD=${HIM_BUILD:-build}
source "$(dirname "${BASH_SOURCE[0]}")/../flow/lib.bash"
NET=${NET:-hl$$}
source "$ROOT/tests/flow/net.bash"
source "$ROOT/tests/labs/parts.bash"
source "$ROOT/tests/labs/topology.bash"

RELAY=10.77.0.1:8445
LONG=; [ "${HIM_LABS:-short}" != long ] || LONG=yes
AGENT_OPTIONS=${HIM_LABS_AGENT_OPTIONS:---keepalive 5s}

# lab_missing PROGRAM...: why a lab that needs these cannot run on this machine, in a sentence; nothing when it can.
lab_missing() {
	local p
	[ "$(uname -m)" = x86_64 ] || { echo "the labs are made for x86-64"; return; }
	[ "$(id -u)" = 0 ] || { echo "labs need root"; return; }
	for p in busybox apt-get dpkg-deb jq curl ip unshare flock "$@"; do
		PATH=$PATH:/usr/sbin command -v "$p" >/dev/null || { echo "$p is not installed"; return; }
	done
	ip netns add "$NET-try" 2>/dev/null || { echo "this machine allows no network namespaces"; return; }
	ip netns del "$NET-try"
	unshare -m -u -p --fork true 2>/dev/null || echo "this machine allows no mount namespaces"
}

# lab_may LAB PROGRAM...: why this lab cannot run here, in $WHY; empty when it can and its packages are fetched. bats 1.8 cannot
# skip a whole file, so each test asks for WHY first.
lab_may() {
	local lab=$1; shift
	WHY=$(lab_missing "$@")
	[ -n "$WHY" ] || WHY=$("${lab}_fetch" 2>&1) || WHY=${WHY:-its packages cannot be fetched}
	export WHY
	[ -z "$WHY" ]
}

# lab_open: the namespaces core and srv, the server and a relay in srv, a token for everybody. Sets FP and TOKEN.
lab_open() {
	[ -x "$STATIC/him-agent" ] && [ -x "$BUILD/him-server" ] || { echo "build first: make"; return 1; }
	work_open
	net_open
	ns_add srv 10.77.0.1/16
	start server in_ns srv srv him-server --home "$WORK/srv" --address 10.77.0.1 --late 20s --offline 40s
	until_true "$LIMIT" curl -sf --unix-socket "$WORK/srv/server.sock" http://x/healthz
	FP=$(on_server /status | jq -r .server.ca_fingerprint)
	on_server /tokens -X POST -d '{"role":"relay","site":"lab"}' | jq -r .token |
		ns srv him-relay enroll --home "$WORK/relay" --name relay --server 10.77.0.1:8443 --ca-fingerprint "$FP" >>"$WORK/enrol.log" 2>&1
	start relay in_ns srv relay him-relay --home "$WORK/relay" --parent 10.77.0.1:8444 --address 10.77.0.1 --late 20s --offline 40s --retry-max 2s
	until_true "$LIMIT" sh -c "curl -s --unix-socket $WORK/srv/server.sock http://x/api/v1/relays | jq -e '.relays[] | select(.state == \"online\")'"
	TOKEN=$(on_server /tokens -X POST -d '{"site":"lab","uses":1000}' | jq -r .token)
	export WORK NET HIM_HOME FP TOKEN LINKS
}

lab_close() {
	stop_all
	net_close
	work_close
}

on_server() { # on_server PATH [CURL OPTIONS]
	local path=$1; shift
	curl -s --unix-socket "$WORK/srv/server.sock" "http://x/api/v1$path" "$@"
}

hm() { # hm COMMAND...: the command line, as the owner of the server's folder
	him --home "$WORK/srv" "$@"
}

# lab_paper FOLDER: what a newcomer's init reads: where the relay is, whom to trust, and the token, for its owner only.
lab_paper() {
	mkdir -p "$1"
	printf 'relay=%s\nfingerprint=%s\nagent_options="%s"\n' "$RELAY" "$FP" "$AGENT_OPTIONS" >"$1/lab"
	(umask 077 && echo "$TOKEN" >"$1/token")
}

# is QUERY N: N machines fit.
is() {
	[ "$(on_server "/machines/count?query=$(jq -rn --arg q "$1" '$q|@uri')" | jq .count)" = "$2" ]
}

# fact NAME ATTRIBUTE: what the server knows of the machine.
fact() {
	hm show "$1" --json | jq -r --arg a "$2" '.[$a] // .sections.attributes[$a] // empty'
}
