// SPDX-License-Identifier: Apache-2.0
/*
 * Reading rtnetlink. An answer is messages; a message is a fixed header of its kind and
 * attributes; an attribute may hold attributes. Every step down takes a `struct span` off the
 * one it lies in, and a length that would leave its span ends the reading, so nothing outside
 * the bytes given is ever touched, whatever they claim.
 *
 * Headers are copied out before they are read: in captured bytes nothing is aligned.
 */
#include "probe/linux/netlink.h"
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

struct span {
	const uint8_t *at;
	size_t len;
};

/* Takes n bytes, and what fills them up to a multiple of 4, off the front. The last one may lack
 * its filling. */
static struct span take(struct span *from, size_t n)
{
	struct span taken = {from->at, n};
	size_t padded = NLMSG_ALIGN(n);
	if (padded > from->len)
		padded = from->len;
	from->at += padded;
	from->len -= padded;
	return taken;
}

/* The fixed header of a message's body into out; what follows are its attributes. */
static bool take_header(struct span *body, void *out, size_t size)
{
	if (body->len < size)
		return false;
	memcpy(out, body->at, size);
	take(body, size);
	return true;
}

static bool next_attribute(struct span *rest, unsigned *type, struct span *value)
{
	struct rtattr a;
	if (rest->len < sizeof(a))
		return false;
	memcpy(&a, rest->at, sizeof(a));
	if (a.rta_len < sizeof(a) || a.rta_len > rest->len)
		return false;
	*value = take(rest, a.rta_len);
	value->at += sizeof(a);
	value->len -= sizeof(a);
	*type = a.rta_type & NLA_TYPE_MASK;
	return true;
}

static void get_u32(struct span v, uint32_t *out)
{
	if (v.len >= sizeof(*out))
		memcpy(out, v.at, sizeof(*out));
}

static void get_index(struct span v, int *out)
{
	uint32_t index = 0;
	get_u32(v, &index);
	*out = index <= INT32_MAX ? (int)index : 0;
}

static void get_text(struct span v, char *out, size_t size)
{
	size_t n = strnlen((const char *)v.at, v.len);
	if (n >= size)
		return;
	memcpy(out, v.at, n);
	out[n] = 0;
}

static void get_mac(struct span v, struct netlink_mac *out)
{
	if (v.len > NETLINK_MAC_MAX)
		return;
	memcpy(out->bytes, v.at, v.len);
	out->len = (uint8_t)v.len;
}

static void get_ip(struct span v, int family, struct netlink_ip *out)
{
	size_t want = family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;
	if (want == 0 || v.len < want)
		return;
	out->family = family;
	memcpy(out->bytes, v.at, want);
}

/* ---- messages ---- */

struct reading { /* the message kind wanted and what to do with its body */
	int type;
	int (*read)(const struct reading *r, struct span body, struct err *e);
	void *ctx;
	union { /* the caller's function, the one that `read` calls */
		int (*link)(void *, const struct netlink_link *, struct err *);
		int (*address)(void *, const struct netlink_address *, struct err *);
		int (*route)(void *, const struct netlink_route *, struct err *);
		int (*neighbour)(void *, const struct netlink_neighbour *, struct err *);
	} each;
};

static int kernel_error(struct span body, struct err *e)
{
	struct nlmsgerr m;
	if (body.len < sizeof(m))
		return err_set(e, ERR_PROTOCOL, "the kernel's netlink answer is cut short");
	memcpy(&m, body.at, sizeof(m));
	if (m.error == 0)
		return 0;
	return err_set(e, ERR_IO, "the kernel refused a netlink request: %s",
		strerror(m.error > -4096 && m.error < 0 ? -m.error : 0));
}

static int read_messages(const void *data, size_t len, const struct reading *r, struct err *e)
{
	struct span rest = {data, len};
	while (rest.len > 0) {
		struct nlmsghdr h;
		if (rest.len < sizeof(h))
			return err_set(e, ERR_PROTOCOL, "the kernel's netlink answer is cut short");
		memcpy(&h, rest.at, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > rest.len)
			return err_set(e, ERR_PROTOCOL, "the kernel's netlink answer is cut short");
		struct span body = take(&rest, h.nlmsg_len);
		body.at += sizeof(h);
		body.len -= sizeof(h);
		if (h.nlmsg_type == NLMSG_ERROR && kernel_error(body, e))
			return -1;
		if (h.nlmsg_type == r->type && r->read(r, body, e))
			return -1;
	}
	return 0;
}

/* ---- links ---- */

static void read_vlan(struct span data, struct netlink_link *l)
{
	unsigned type;
	struct span v;
	while (next_attribute(&data, &type, &v))
		if (type == IFLA_VLAN_ID && v.len >= 2) {
			uint16_t id;
			memcpy(&id, v.at, sizeof(id));
			l->vlan = id;
		}
}

/* Before there was IFLA_PERM_ADDRESS (Linux 5.6), only a bond knew what its members were made
 * with. */
static void read_bond_member(struct span data, struct netlink_link *l)
{
	unsigned type;
	struct span v;
	while (next_attribute(&data, &type, &v))
		if (type == IFLA_BOND_SLAVE_PERM_HWADDR && l->permanent.len == 0)
			get_mac(v, &l->permanent);
}

static void read_info(struct span info, struct netlink_link *l)
{
	unsigned type;
	struct span v, data = {0}, member = {0};
	char master[32] = "";

	while (next_attribute(&info, &type, &v)) {
		if (type == IFLA_INFO_KIND)
			get_text(v, l->kind, sizeof(l->kind));
		else if (type == IFLA_INFO_DATA)
			data = v;
		else if (type == IFLA_INFO_SLAVE_KIND)
			get_text(v, master, sizeof(master));
		else if (type == IFLA_INFO_SLAVE_DATA)
			member = v;
	}
	if (strcmp(l->kind, "vlan") == 0)
		read_vlan(data, l);
	if (strcmp(master, "bond") == 0)
		read_bond_member(member, l);
}

static void read_link_attribute(unsigned type, struct span v, struct netlink_link *l)
{
	switch (type) {
	case IFLA_IFNAME:
		get_text(v, l->name, sizeof(l->name));
		break;
	case IFLA_ADDRESS:
		get_mac(v, &l->mac);
		break;
	case IFLA_PERM_ADDRESS:
		get_mac(v, &l->permanent);
		break;
	case IFLA_MTU:
		get_u32(v, &l->mtu);
		break;
	case IFLA_OPERSTATE:
		l->state = v.len >= 1 ? v.at[0] : 0;
		break;
	case IFLA_MASTER:
		get_index(v, &l->master);
		break;
	case IFLA_LINK:
		get_index(v, &l->parent);
		break;
	case IFLA_LINK_NETNSID:
		l->parent_elsewhere = true;
		break;
	case IFLA_LINKINFO:
		read_info(v, l);
		break;
	}
}

static int read_link(const struct reading *r, struct span body, struct err *e)
{
	struct netlink_link l = {0};
	struct ifinfomsg h;
	unsigned type;
	struct span v;

	if (!take_header(&body, &h, sizeof(h)))
		return err_set(
			e, ERR_PROTOCOL, "the kernel's answer about an interface is cut short");
	l.index = h.ifi_index;
	l.hardware = h.ifi_type;
	l.flags = h.ifi_flags;
	while (next_attribute(&body, &type, &v))
		read_link_attribute(type, v, &l);
	return l.name[0] ? r->each.link(r->ctx, &l, e) : 0;
}

int netlink_links(const void *data, size_t len,
	int (*each)(void *ctx, const struct netlink_link *l, struct err *e), void *ctx,
	struct err *e)
{
	struct reading r = {RTM_NEWLINK, read_link, ctx, {.link = each}};
	return read_messages(data, len, &r, e);
}

/* ---- addresses ---- */

static int read_address(const struct reading *r, struct span body, struct err *e)
{
	struct netlink_address a = {0};
	struct netlink_ip local = {0};
	struct ifaddrmsg h;
	unsigned type;
	struct span v;

	if (!take_header(&body, &h, sizeof(h)))
		return err_set(
			e, ERR_PROTOCOL, "the kernel's answer about an address is cut short");
	a.link = (int)h.ifa_index;
	a.prefix = h.ifa_prefixlen;
	a.scope = h.ifa_scope;
	a.flags = h.ifa_flags;
	while (next_attribute(&body, &type, &v)) {
		if (type == IFA_ADDRESS)
			get_ip(v, h.ifa_family, &a.ip);
		else if (type == IFA_LOCAL)
			get_ip(v, h.ifa_family, &local);
		else if (type == IFA_FLAGS)
			get_u32(v, &a.flags);
	}
	if (local.family) /* on a point-to-point link IFA_ADDRESS is the other end */
		a.ip = local;
	return a.ip.family ? r->each.address(r->ctx, &a, e) : 0;
}

int netlink_addresses(const void *data, size_t len,
	int (*each)(void *ctx, const struct netlink_address *a, struct err *e), void *ctx,
	struct err *e)
{
	struct reading r = {RTM_NEWADDR, read_address, ctx, {.address = each}};
	return read_messages(data, len, &r, e);
}

/* ---- default routes ---- */

/* A gateway of the other family (IPv4 by way of IPv6). */
static void read_via(struct span v, struct netlink_ip *gateway)
{
	struct rtvia via;
	if (v.len < sizeof(via.rtvia_family))
		return;
	memcpy(&via.rtvia_family, v.at, sizeof(via.rtvia_family));
	v.at += sizeof(via.rtvia_family);
	v.len -= sizeof(via.rtvia_family);
	get_ip(v, via.rtvia_family, gateway);
}

static void read_route_attributes(struct span rest, struct netlink_route *route, uint32_t *table);

/* Several ways: the first stands for all. */
static void read_multipath(struct span v, struct netlink_route *route, uint32_t *table)
{
	struct rtnexthop hop;
	if (v.len < sizeof(hop))
		return;
	memcpy(&hop, v.at, sizeof(hop));
	if (hop.rtnh_len < sizeof(hop) || hop.rtnh_len > v.len)
		return;
	route->link = hop.rtnh_ifindex;
	v.len = hop.rtnh_len;
	take(&v, sizeof(hop));
	read_route_attributes(v, route, table);
}

static void read_route_attributes(struct span rest, struct netlink_route *route, uint32_t *table)
{
	unsigned type;
	struct span v;
	while (next_attribute(&rest, &type, &v)) {
		if (type == RTA_OIF)
			get_index(v, &route->link);
		else if (type == RTA_GATEWAY)
			get_ip(v, route->family, &route->gateway);
		else if (type == RTA_VIA)
			read_via(v, &route->gateway);
		else if (type == RTA_PREFSRC)
			get_ip(v, route->family, &route->source);
		else if (type == RTA_PRIORITY)
			get_u32(v, &route->metric);
		else if (type == RTA_TABLE)
			get_u32(v, table);
		else if (type == RTA_MULTIPATH && route->link == 0)
			read_multipath(v, route, table);
	}
}

static int read_route(const struct reading *r, struct span body, struct err *e)
{
	struct netlink_route route = {0};
	struct rtmsg h;

	if (!take_header(&body, &h, sizeof(h)))
		return err_set(e, ERR_PROTOCOL, "the kernel's answer about a route is cut short");
	uint32_t table = h.rtm_table;
	route.family = h.rtm_family;
	if (h.rtm_dst_len != 0 || h.rtm_type != RTN_UNICAST || (h.rtm_flags & RTM_F_CLONED))
		return 0;
	read_route_attributes(body, &route, &table);
	return table == RT_TABLE_MAIN && route.link > 0 ? r->each.route(r->ctx, &route, e) : 0;
}

int netlink_default_routes(const void *data, size_t len,
	int (*each)(void *ctx, const struct netlink_route *r, struct err *e), void *ctx,
	struct err *e)
{
	struct reading r = {RTM_NEWROUTE, read_route, ctx, {.route = each}};
	return read_messages(data, len, &r, e);
}

/* ---- neighbours ---- */

static int read_neighbour(const struct reading *r, struct span body, struct err *e)
{
	struct netlink_neighbour n = {0};
	struct ndmsg h;
	unsigned type;
	struct span v;

	if (!take_header(&body, &h, sizeof(h)))
		return err_set(
			e, ERR_PROTOCOL, "the kernel's answer about a neighbour is cut short");
	n.link = h.ndm_ifindex;
	while (next_attribute(&body, &type, &v)) {
		if (type == NDA_DST)
			get_ip(v, h.ndm_family, &n.ip);
		else if (type == NDA_LLADDR)
			get_mac(v, &n.mac);
	}
	if ((h.ndm_state & (NUD_INCOMPLETE | NUD_FAILED | NUD_NOARP)) ||
		(h.ndm_flags & NTF_PROXY) || !n.ip.family || !n.mac.len)
		return 0;
	return r->each.neighbour(r->ctx, &n, e);
}

int netlink_neighbours(const void *data, size_t len,
	int (*each)(void *ctx, const struct netlink_neighbour *n, struct err *e), void *ctx,
	struct err *e)
{
	struct reading r = {RTM_NEWNEIGH, read_neighbour, ctx, {.neighbour = each}};
	return read_messages(data, len, &r, e);
}
