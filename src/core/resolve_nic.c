// SPDX-License-Identifier: Apache-2.0
/*
 * Whose MAC is it? A machine shows far more MACs than it has: a bond lends its first port's to all its ports, a bridge
 * takes its lowest port's, a VLAN its parent's, a tap or a veth is the near end of a guest's cable, and a macvtap bears the
 * very MAC of the guest it carries. A table by kind says which of them are the machine's own.
 *
 * - A port of a bond or team answers with the MAC it was made with, where the kernel tells that one.
 * - A virtual function that the host still holds is its own until a guest gets it: then the host shows it no more.
 * - In a container everything it sees was given to it: the inner end of a veth, a macvlan, is its own there.
 */
#include "core/resolve_nic.h"
#include <string.h>
#include <strings.h>

enum whose { OWN, COPY, GUESTS, INNER, NOBODY };

static const struct {
	const char *kind;
	enum whose whose;
} kinds[] = {
	{"physical",
		OWN}, /* hardware, a virtual function, virtio, netvsc, a Xen vif seen from inside */
	{"loopback", NOBODY},  /* all zeros */
	{"bridge", COPY},      /* of its lowest port, or random (docker0) */
	{"openvswitch", COPY}, /* the same, by another bridge */
	{"bond", COPY},        /* of its first port */
	{"team", COPY},        /* of its first port */
	{"vlan", COPY},        /* of its parent */
	{"ipvlan", COPY},      /* of its parent, always */
	{"ipvtap", COPY},      /* of its parent, always */
	{"macsec", COPY},      /* of its parent */
	{"vrf", COPY},         /* random, of nothing */
	{"dummy", COPY},       /* random, of nothing */
	{"ifb", COPY},         /* random, of nothing */
	{"nlmon", NOBODY},     /* none */
	{"vxlan", COPY},       /* a tunnel's end, random */
	{"geneve", COPY},      /* a tunnel's end, random */
	{"gretap", COPY},      /* a tunnel's end, random */
	{"ip6gretap", COPY},   /* a tunnel's end, random */
	{"batadv", COPY},      /* of a port */
	{"tap", GUESTS},       /* a guest's cable: its MAC with another first byte */
	{"tun", NOBODY},       /* none */
	{"ppp", NOBODY},       /* none */
	{"wireguard", NOBODY}, /* none */
	{"macvtap", GUESTS},   /* the guest's MAC itself */
	{"vif", GUESTS},       /* Xen, seen from dom0: fe:ff:ff:ff:ff:ff */
	{"veth", INNER},    /* one end here, one in a container: whose depends on where we stand */
	{"macvlan", INNER}, /* a container's, made here */
	{"netkit", INNER},  /* as veth */
};

static enum whose whose_kind(const char *kind)
{
	for (size_t i = 0; kind && i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i].kind, kind) == 0)
			return kinds[i].whose;
	return OWN; /* a driver's kind that is not listed: believed, and the clash of two claims protects */
}

static const struct resolve_nic *find(const struct resolve_nic *nics, size_t n, const char *name)
{
	for (size_t i = 0; name && i < n; i++)
		if (nics[i].name && strcmp(nics[i].name, name) == 0)
			return &nics[i];
	return NULL;
}

static bool lends(const struct resolve_nic *master)
{
	return master && master->kind &&
		(strcmp(master->kind, "bond") == 0 || strcmp(master->kind, "team") == 0);
}

static bool given(const char *s)
{
	return s && *s;
}

const char *resolve_nic_mac(
	const struct resolve_nic *nics, size_t n, size_t i, enum resolve_kind kind, bool *foreign)
{
	const struct resolve_nic *nic = &nics[i];
	enum whose whose = whose_kind(nic->kind);

	*foreign =
		whose == COPY || whose == GUESTS || (whose == INNER && kind != RESOLVE_CONTAINED);
	if (whose == NOBODY)
		return NULL;
	if (lends(find(nics, n, nic->master)) && given(nic->permanent_mac))
		return nic->permanent_mac;
	return given(nic->mac) ? nic->mac : NULL;
}
