// SPDX-License-Identifier: Apache-2.0
/*
 * Network interfaces, their addresses, and the way out: the default route's interface, address,
 * MAC and gateway. The gateway's MAC names the network that this machine's MACs are unique in.
 *
 * Everything comes from four rtnetlink dumps. What changes by itself is left out or held:
 * temporary and tentative IPv6 addresses are not told, and a gateway that the kernel has
 * forgotten because nobody talks to it keeps the MAC it had as long as the way out is the same.
 */
#include "base/arena.h"
#include "probe/linux/look.h"
#include "probe/linux/netlink.h"
#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINKS_MAX 16384
#define ADDRESSES_MAX 65536

struct nics {
	struct netlink_link *links;
	size_t links_n, links_cap;
	struct netlink_address *addresses;
	size_t addresses_n, addresses_cap;
	struct netlink_route route; /* the best default route; link 0: none */
	struct netlink_mac gateway_mac;
};

/* ---- gathering ---- */

/* Room for one more in an array of the heap; -1 at its limit. */
static int make_room(void **array, size_t n, size_t *cap, size_t max, size_t size)
{
	if (n >= max)
		return -1;
	if (n == *cap) {
		*cap = *cap ? *cap * 2 : 32;
		*array = xrealloc(*array, *cap * size);
	}
	return 0;
}

static int add_link(void *ctx, const struct netlink_link *l, struct err *e)
{
	struct nics *nics = ctx;
	void *array = nics->links;
	if (make_room(&array, nics->links_n, &nics->links_cap, LINKS_MAX, sizeof(*l)))
		return err_set(e, ERR_TOO_LARGE, "there are more than %d interfaces", LINKS_MAX);
	nics->links = array;
	nics->links[nics->links_n++] = *l;
	return 0;
}

static int add_address(void *ctx, const struct netlink_address *a, struct err *e)
{
	struct nics *nics = ctx;
	void *array = nics->addresses;
	if (a->ip.family == AF_INET6 &&
		(a->flags & (IFA_F_TEMPORARY | IFA_F_TENTATIVE | IFA_F_DADFAILED)))
		return 0;
	if (make_room(&array, nics->addresses_n, &nics->addresses_cap, ADDRESSES_MAX, sizeof(*a)))
		return err_set(e, ERR_TOO_LARGE, "there are more than %d addresses", ADDRESSES_MAX);
	nics->addresses = array;
	nics->addresses[nics->addresses_n++] = *a;
	return 0;
}

/* IPv4 before IPv6, then the lower metric, then the first. */
static int weigh_route(void *ctx, const struct netlink_route *r, struct err *e)
{
	struct netlink_route *best = &((struct nics *)ctx)->route;
	bool better = best->link == 0 || (r->family == AF_INET && best->family != AF_INET) ||
		(r->family == best->family && r->metric < best->metric);
	if (better)
		*best = *r;
	return 0;
}

static bool same_ip(const struct netlink_ip *a, const struct netlink_ip *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static int find_gateway(void *ctx, const struct netlink_neighbour *n, struct err *e)
{
	struct nics *nics = ctx;
	if (n->link == nics->route.link && same_ip(&n->ip, &nics->route.gateway))
		nics->gateway_mac = n->mac;
	return 0;
}

/* The kernel's answer, or the one that was kept of a captured machine. */
static int get_dump(
	const struct probe_env *env, int request, const char *file, struct buf *out, struct err *e)
{
	buf_clear(out);
	return env->root[0] ? subject_read(env, file, out, e) : netlink_dump(request, out, e);
}

static int gather(const struct probe_env *env, struct nics *nics, struct err *e)
{
	struct buf b;
	int r = -1;

	buf_init(&b, NETLINK_DUMP_MAX);
	if (get_dump(env, RTM_GETLINK, "/netlink/link", &b, e) ||
		netlink_links(buf_str(&b), b.len, add_link, nics, e))
		goto out;
	if (get_dump(env, RTM_GETADDR, "/netlink/address", &b, e) ||
		netlink_addresses(buf_str(&b), b.len, add_address, nics, e))
		goto out;
	if (get_dump(env, RTM_GETROUTE, "/netlink/route", &b, e) ||
		netlink_default_routes(buf_str(&b), b.len, weigh_route, nics, e))
		goto out;
	if (nics->route.gateway.family &&
		(get_dump(env, RTM_GETNEIGH, "/netlink/neighbour", &b, e) ||
			netlink_neighbours(buf_str(&b), b.len, find_gateway, nics, e)))
		goto out;
	r = 0;
out:
	buf_release(&b);
	return r;
}

/* ---- words ---- */

static const struct netlink_link *link_of(const struct nics *nics, int index)
{
	for (size_t i = 0; index && i < nics->links_n; i++)
		if (nics->links[i].index == index)
			return &nics->links[i];
	return NULL;
}

/* Devices with a driver of their own have no kind; most of those are real hardware or a
 * hypervisor's. */
static const char *kind_word(const struct netlink_link *l)
{
	if (strcmp(l->kind, "tun") == 0)
		return l->hardware == ARPHRD_ETHER ? "tap" : "tun";
	if (l->kind[0])
		return l->kind;
	switch (l->hardware) {
	case ARPHRD_LOOPBACK:
		return "loopback";
	case ARPHRD_ETHER:
	case ARPHRD_INFINIBAND:
		return "physical";
	case ARPHRD_PPP:
		return "ppp";
	default:
		return "other";
	}
}

/* RFC 2863, as the kernel counts it. */
static const char *state_word(uint8_t state)
{
	static const char *const words[] = {
		"unknown", "not-present", "down", "lower-layer-down", "testing", "dormant", "up"};
	return state < sizeof(words) / sizeof(words[0]) ? words[state] : "unknown";
}

static const char *scope_word(uint8_t scope)
{
	return scope < RT_SCOPE_SITE    ? "global"
		: scope < RT_SCOPE_LINK ? "site"
		: scope < RT_SCOPE_HOST ? "link"
					: "host";
}

static void tell_mac(struct json *o, const char *key, const struct netlink_mac *mac)
{
	char text[3 * NETLINK_MAC_MAX + 1];
	bool zero = true;

	if (mac->len != 6 && mac->len != NETLINK_MAC_MAX) /* tunnels have an IP address here */
		return;
	for (size_t i = 0; i < mac->len; i++) {
		snprintf(text + 3 * i, 4, "%02x:", mac->bytes[i]);
		zero = zero && mac->bytes[i] == 0;
	}
	text[3 * mac->len - 1] = 0;
	if (!zero)
		json_set_string(o, key, text);
}

static void tell_ip(struct json *o, const char *key, const struct netlink_ip *ip)
{
	char text[INET6_ADDRSTRLEN];
	if (ip->family && inet_ntop(ip->family, ip->bytes, text, sizeof(text)))
		json_set_string(o, key, text);
}

/* ---- the way out ---- */

static bool is_inside(const struct netlink_ip *ip, const struct netlink_address *network)
{
	unsigned bits = network->prefix;
	if (ip->family != network->ip.family || bits > (ip->family == AF_INET ? 32 : 128))
		return false;
	if (memcmp(ip->bytes, network->ip.bytes, bits / 8) != 0)
		return false;
	uint8_t mask = (uint8_t)(0xff00 >> bits % 8);
	return bits % 8 == 0 || ((ip->bytes[bits / 8] ^ network->ip.bytes[bits / 8]) & mask) == 0;
}

/* The address that packets by the default route carry: the one the route names, else one that
 * shares the gateway's network, else the first that is good beyond the link. */
static struct netlink_ip source_of(const struct nics *nics)
{
	const struct netlink_route *route = &nics->route;
	struct netlink_ip best = route->source;

	for (size_t i = 0; i < nics->addresses_n && !route->source.family; i++) {
		const struct netlink_address *a = &nics->addresses[i];
		if (a->link != route->link || a->ip.family != route->family ||
			a->scope >= RT_SCOPE_LINK)
			continue;
		if (is_inside(&route->gateway, a))
			return a->ip;
		if (!best.family && !(a->flags & IFA_F_DEPRECATED))
			best = a->ip;
	}
	return best;
}

static bool same_text(const struct json *a, const struct json *b, const char *key)
{
	const char *x = json_str(json_get(a, key)), *y = json_str(json_get(b, key));
	return x && y && strcmp(x, y) == 0;
}

static void tell_way_out(
	const struct nics *nics, struct json *attributes, const struct json *before)
{
	const struct netlink_link *l = link_of(nics, nics->route.link);
	struct netlink_ip source = source_of(nics);
	if (!l)
		return;
	tell_ip(attributes, "host.ip", &source);
	tell_mac(attributes, "host.mac", &l->mac);
	subject_text(attributes, "him.gateway.nic", l->name);
	tell_ip(attributes, "him.gateway.ip", &nics->route.gateway);
	tell_mac(attributes, "him.gateway.mac", &nics->gateway_mac);

	const char *told = json_str(json_get(before, "him.gateway.mac"));
	if (told && !json_has(attributes, "him.gateway.mac") &&
		same_text(attributes, before, "him.gateway.ip") &&
		same_text(attributes, before, "him.gateway.nic") &&
		same_text(attributes, before, "host.mac"))
		json_set_string(attributes, "him.gateway.mac", told);
}

/* ---- the section ---- */

static void tell_addresses(const struct nics *nics, const struct netlink_link *l, struct json *nic)
{
	struct json *addresses = json_object();
	for (size_t i = 0; i < nics->addresses_n; i++) {
		const struct netlink_address *a = &nics->addresses[i];
		char text[INET6_ADDRSTRLEN + 8];
		if (a->link != l->index ||
			!inet_ntop(a->ip.family, a->ip.bytes, text, sizeof(text)))
			continue;
		size_t n = strlen(text);
		snprintf(text + n, sizeof(text) - n, "/%u", a->prefix);
		json_set_string(addresses, text, scope_word(a->scope));
	}
	if (json_len(addresses) > 0)
		json_set(nic, "address", addresses);
	else
		json_free(addresses);
}

static struct json *describe(const struct nics *nics, const struct netlink_link *l)
{
	struct json *nic = json_object();
	const struct netlink_link *master = link_of(nics, l->master);
	const struct netlink_link *parent = l->parent_elsewhere ? NULL : link_of(nics, l->parent);

	subject_text(nic, "kind", kind_word(l));
	json_set_string(nic, "state", state_word(l->state));
	json_set_bool(nic, "up", (l->flags & IFF_UP) != 0);
	json_set_int(nic, "mtu", l->mtu);
	tell_mac(nic, "mac", &l->mac);
	tell_mac(nic, "permanent_mac", &l->permanent);
	if (l->vlan)
		json_set_int(nic, "vlan", l->vlan);
	if (master)
		subject_text(nic, "master", master->name);
	if (parent && parent != l)
		subject_text(nic, "parent", parent->name);
	tell_addresses(nics, l, nic);
	return nic;
}

int nic_look(const struct probe_env *env, struct subject_out *out, struct err *e)
{
	struct nics nics = {0};
	int r = gather(env, &nics, e);
	if (r == 0)
		tell_way_out(&nics, out->attributes, out->attributes_before);
	for (size_t i = 0; i < nics.links_n && r == 0; i++)
		r = subject_add(out, nics.links[i].name, describe(&nics, &nics.links[i]), e);
	free(nics.links);
	free(nics.addresses);
	return r;
}
