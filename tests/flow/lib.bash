# SPDX-License-Identifier: Apache-2.0
# What every flow shares: where the programs are, an installation in a folder of its own, waiting for a condition, ending
# only what was started here. No test waits for a time; each waits for a condition, with a generous limit.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
case ${HIM_BUILD:-build-san} in
/*) BUILD=$HIM_BUILD ;;
*) BUILD="$ROOT/${HIM_BUILD:-build-san}" ;;
esac
LIMIT=${HIM_TEST_LIMIT:-120} # seconds that a condition may take on a slow machine
export PATH="$BUILD:$PATH"
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0:exitcode=99}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1:exitcode=99}

# until_true SECONDS COMMAND... : tries again until it succeeds; says what it waited for when it did not.
until_true() {
	local limit=$1 end; shift
	end=$((SECONDS + limit))
	until "$@" >/dev/null 2>&1; do
		if [ $SECONDS -ge $end ]; then
			echo "after $limit s still not: $*" >&2
			return 1
		fi
		sleep 0.2
	done
}

# A folder for one bats file, removed at its end.
work_open() {
	WORK=$(mktemp -d /tmp/him-flow.XXXXXX)
	chmod 755 "$WORK"
	export HIM_HOME="$WORK/home"
}

work_close() {
	[ -n "$WORK" ] && rm -rf "$WORK"
}

# start NAME COMMAND... : in the background, output to $WORK/NAME.log, pid in $WORK/NAME.pid.
start() {
	local name=$1; shift
	"$@" >>"$WORK/$name.log" 2>&1 3>&- &
	echo $! >"$WORK/$name.pid"
}

pid_of() {
	cat "$WORK/$1.pid"
}

# stop NAME [SIGNAL]: ends it and waits until it is gone.
stop() {
	local pid
	[ -f "$WORK/$1.pid" ] || return 0
	pid=$(pid_of "$1")
	kill "-${2:-TERM}" "$pid" 2>/dev/null || true
	gone "$pid" || { kill -KILL "$pid" 2>/dev/null; gone "$pid"; }
	rm -f "$WORK/$1.pid"
}

# Gone, or a zombie without a thread left: only then are its files and locks let go of.
gone() {
	local i
	for i in $(seq 1 300); do
		kill -0 "$1" 2>/dev/null || return 0
		[ "$(awk '{print $3, $20}' "/proc/$1/stat" 2>/dev/null)" = "Z 1" ] && return 0
		sleep 0.1
	done
	return 1
}

stop_all() {
	local f
	for f in "$WORK"/*.pid; do
		[ -f "$f" ] && stop "$(basename "$f" .pid)"
	done
	return 0
}

# json FILTER: what a jq filter makes of the last `run`'s output.
json() {
	jq -r "$1" <<<"$output"
}

# No program of this file complained of memory or undefined behaviour.
no_sanitizer_complaint() {
	! grep -rE -A 30 'ERROR: (Address|Leak)Sanitizer|runtime error:' "$WORK" --include='*.log' 2>/dev/null
}
