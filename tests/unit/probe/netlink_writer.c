// SPDX-License-Identifier: Apache-2.0
/* See netlink_writer.h. */
#include "netlink_writer.h"
#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static void pad(struct buf *b)
{
	while (b->len % 4)
		buf_addc(b, 0);
}

size_t nlw_begin(struct buf *b, int type, const void *header, size_t len)
{
	size_t begin = b->len;
	struct nlmsghdr h = {.nlmsg_type = (uint16_t)type, .nlmsg_flags = NLM_F_MULTI};
	buf_add(b, &h, sizeof(h));
	buf_add(b, header, len);
	pad(b);
	return begin;
}

void nlw_end(struct buf *b, size_t begin)
{
	uint32_t len = (uint32_t)(b->len - begin);
	memcpy(b->data + begin, &len, sizeof(len));
}

void nlw_put(struct buf *b, int type, const void *data, size_t len)
{
	struct rtattr a = {(uint16_t)RTA_LENGTH(len), (uint16_t)type};
	buf_add(b, &a, sizeof(a));
	buf_add(b, data, len);
	pad(b);
}

void nlw_u32(struct buf *b, int type, uint32_t v)
{
	nlw_put(b, type, &v, sizeof(v));
}

void nlw_u8(struct buf *b, int type, uint8_t v)
{
	nlw_put(b, type, &v, sizeof(v));
}

void nlw_text(struct buf *b, int type, const char *text)
{
	nlw_put(b, type, text, strlen(text) + 1);
}

size_t nlw_nest(struct buf *b, int type)
{
	size_t begin = b->len;
	nlw_put(b, type, NULL, 0);
	return begin;
}

void nlw_nest_end(struct buf *b, size_t begin)
{
	uint16_t len = (uint16_t)(b->len - begin);
	memcpy(b->data + begin, &len, sizeof(len));
}

static void put_mac(struct buf *b, int type, const char *text)
{
	unsigned m[6];
	uint8_t bytes[6];
	if (!text)
		return;
	if (sscanf(text, "%x:%x:%x:%x:%x:%x", m, m + 1, m + 2, m + 3, m + 4, m + 5) != 6)
		abort();
	for (int i = 0; i < 6; i++)
		bytes[i] = (uint8_t)m[i];
	nlw_put(b, type, bytes, sizeof(bytes));
}

static int put_ip(struct buf *b, int type, const char *text)
{
	uint8_t bytes[16];
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(family, text, bytes) != 1)
		abort();
	nlw_put(b, type, bytes, family == AF_INET ? 4 : 16);
	return family;
}

static void put_info(struct buf *b, const struct nlw_link *l)
{
	size_t info = nlw_nest(b, IFLA_LINKINFO), data;
	if (l->kind)
		nlw_text(b, IFLA_INFO_KIND, l->kind);
	if (l->vlan) {
		uint16_t id = (uint16_t)l->vlan;
		data = nlw_nest(b, IFLA_INFO_DATA);
		nlw_put(b, IFLA_VLAN_ID, &id, sizeof(id));
		nlw_nest_end(b, data);
	}
	if (l->bond_permanent) {
		nlw_text(b, IFLA_INFO_SLAVE_KIND, "bond");
		data = nlw_nest(b, IFLA_INFO_SLAVE_DATA);
		put_mac(b, IFLA_BOND_SLAVE_PERM_HWADDR, l->bond_permanent);
		nlw_nest_end(b, data);
	}
	nlw_nest_end(b, info);
}

void nlw_link(struct buf *b, const struct nlw_link *l)
{
	struct ifinfomsg h = {.ifi_type = l->hardware ? l->hardware : ARPHRD_ETHER,
		.ifi_index = l->index,
		.ifi_flags = l->flags};
	size_t begin = nlw_begin(b, RTM_NEWLINK, &h, sizeof(h));
	nlw_text(b, IFLA_IFNAME, l->name);
	nlw_u32(b, IFLA_MTU, l->mtu ? l->mtu : 1500);
	nlw_u8(b, IFLA_OPERSTATE, l->state);
	put_mac(b, IFLA_ADDRESS, l->mac);
	put_mac(b, IFLA_PERM_ADDRESS, l->permanent);
	if (l->master)
		nlw_u32(b, IFLA_MASTER, (uint32_t)l->master);
	if (l->parent)
		nlw_u32(b, IFLA_LINK, (uint32_t)l->parent);
	if (l->parent_elsewhere)
		nlw_u32(b, IFLA_LINK_NETNSID, 0);
	if (l->kind || l->bond_permanent)
		put_info(b, l);
	nlw_end(b, begin);
}

static unsigned split_prefix(const char *text, char ip[64])
{
	snprintf(ip, 64, "%s", text);
	char *slash = strchr(ip, '/');
	if (!slash)
		abort();
	*slash = 0;
	return (unsigned)atoi(slash + 1);
}

void nlw_address(struct buf *b, int index, const char *address, int scope, uint32_t flags)
{
	char ip[64];
	unsigned prefix = split_prefix(address, ip);
	struct ifaddrmsg h = {.ifa_family = strchr(ip, ':') ? AF_INET6 : AF_INET,
		.ifa_prefixlen = (uint8_t)prefix,
		.ifa_scope = (uint8_t)scope,
		.ifa_index = (uint32_t)index,
		.ifa_flags = (uint8_t)flags};
	size_t begin = nlw_begin(b, RTM_NEWADDR, &h, sizeof(h));
	put_ip(b, IFA_ADDRESS, ip);
	nlw_u32(b, IFA_FLAGS, flags);
	nlw_end(b, begin);
}

void nlw_route(struct buf *b, const char *to, int index, const char *gateway, const char *source,
	uint32_t metric)
{
	char ip[64] = "";
	unsigned prefix = to[0] ? split_prefix(to, ip) : 0;
	const char *any = to[0] ? ip : gateway ? gateway : source ? source : "0.0.0.0";
	struct rtmsg h = {.rtm_family = strchr(any, ':') ? AF_INET6 : AF_INET,
		.rtm_dst_len = (uint8_t)prefix,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_type = RTN_UNICAST};
	size_t begin = nlw_begin(b, RTM_NEWROUTE, &h, sizeof(h));
	if (to[0])
		put_ip(b, RTA_DST, ip);
	nlw_u32(b, RTA_TABLE, RT_TABLE_MAIN);
	if (metric)
		nlw_u32(b, RTA_PRIORITY, metric);
	if (gateway)
		put_ip(b, RTA_GATEWAY, gateway);
	if (source)
		put_ip(b, RTA_PREFSRC, source);
	nlw_u32(b, RTA_OIF, (uint32_t)index);
	nlw_end(b, begin);
}

void nlw_neighbour(struct buf *b, int index, const char *ip, const char *mac, int state)
{
	struct ndmsg h = {.ndm_family = strchr(ip, ':') ? AF_INET6 : AF_INET,
		.ndm_ifindex = index,
		.ndm_state = (uint16_t)state};
	size_t begin = nlw_begin(b, RTM_NEWNEIGH, &h, sizeof(h));
	put_ip(b, NDA_DST, ip);
	put_mac(b, NDA_LLADDR, mac);
	nlw_end(b, begin);
}

void nlw_done(struct buf *b)
{
	int status = 0;
	nlw_end(b, nlw_begin(b, NLMSG_DONE, &status, sizeof(status)));
}
