# SPDX-License-Identifier: Apache-2.0
# A small internet of network namespaces, made here and removed here:
#
#     srv 10.77.0.1   r1 10.77.0.2   r2 10.77.0.3   proxy 10.77.0.4      core: a bridge in a namespace of its own
#      |                 |              |               |
#     =+=================+==============+===============+===============  10.77.0.0/16
#      |     agents a01… 10.77.1.x                      |
#                                                      nat 10.77.0.5 / 10.78.0.1: masquerades TCP, drops UDP
#                                                       |
#                                                  agents b01… 10.78.1.x
#
# Names begin with NET so that several tests can run on one machine.

NET=${NET:-him$$}

ns() { # ns NAME COMMAND...
	local name=$1; shift
	ip netns exec "$NET-$name" "$@"
}

net_open() {
	ip netns add "$NET-core"
	ns core ip link set lo up
	ns core ip link add br0 type bridge
	ns core ip link set br0 up
	LINKS=0
}

# ns_add NAME ADDRESS/LEN [GATEWAY] [SWITCH]: a namespace with eth0 on the bridge of SWITCH (core).
ns_add() {
	local name=$1 address=$2 gateway=${3:-} switch=${4:-core} n
	LINKS=$((LINKS + 1)); n=$LINKS
	ip netns add "$NET-$name"
	ip link add "v$NET.$n" netns "$NET-$switch" type veth peer name eth0 netns "$NET-$name"
	ns "$switch" ip link set "v$NET.$n" master br0 up
	ns "$name" ip link set lo up
	ns "$name" ip addr add "$address" dev eth0
	ns "$name" ip link set eth0 up
	[ -z "$gateway" ] || ns "$name" ip route add default via "$gateway"
}

# The namespace nat: between core and the bridge br0 of its own, TCP only.
nat_add() {
	ns_add nat 10.77.0.5/16
	ns nat ip link add br0 type bridge
	ns nat ip addr add 10.78.0.1/16 dev br0
	ns nat ip link set br0 up
	ns nat sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'
	ns nat iptables -t nat -A POSTROUTING -s 10.78.0.0/16 -o eth0 -j MASQUERADE
	ns nat iptables -A FORWARD -p udp -j DROP
}

net_close() {
	local n
	for n in $(ip netns list | awk '{print $1}' | grep "^$NET-"); do
		ip netns del "$n" || true
	done
}

# in_ns NAME HOSTNAME COMMAND...: in the namespace, under a host name of its own.
in_ns() {
	local name=$1 host=$2; shift 2
	exec ip netns exec "$NET-$name" unshare --uts sh -c 'hostname "$0"; exec "$@"' "$host" "$@"
}
