// SPDX-License-Identifier: Apache-2.0
/* rtnetlink's answers: what each record says, what is passed over, and bytes that end too early. */
#include "probe/linux/netlink.h"
#include "netlink_writer.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void ip_text(const struct netlink_ip *ip, char out[64])
{
	snprintf(out, 64, "-");
	if (ip->family)
		inet_ntop(ip->family, ip->bytes, out, 64);
}

static void mac_text(const struct netlink_mac *mac, char out[64])
{
	snprintf(out, 64, "-");
	for (size_t i = 0; i < mac->len; i++)
		snprintf(out + 2 * i, 64 - 2 * i, "%02x", mac->bytes[i]);
}

static int see_link(void *ctx, const struct netlink_link *l, struct err *e)
{
	char mac[64], permanent[64];
	mac_text(&l->mac, mac);
	mac_text(&l->permanent, permanent);
	return buf_printf(ctx, "%d %s [%s] %s %s mtu %u state %u master %d parent %d%s vlan %d\n",
		l->index, l->name, l->kind, mac, permanent, l->mtu, l->state, l->master, l->parent,
		l->parent_elsewhere ? " elsewhere" : "", l->vlan);
}

static int see_address(void *ctx, const struct netlink_address *a, struct err *e)
{
	char ip[64];
	ip_text(&a->ip, ip);
	return buf_printf(
		ctx, "%d %s/%u scope %u flags %x\n", a->link, ip, a->prefix, a->scope, a->flags);
}

static int see_route(void *ctx, const struct netlink_route *r, struct err *e)
{
	char gateway[64], source[64];
	ip_text(&r->gateway, gateway);
	ip_text(&r->source, source);
	return buf_printf(ctx, "%d by %s from %s metric %u\n", r->link, gateway, source, r->metric);
}

static int see_neighbour(void *ctx, const struct netlink_neighbour *n, struct err *e)
{
	char ip[64], mac[64];
	ip_text(&n->ip, ip);
	mac_text(&n->mac, mac);
	return buf_printf(ctx, "%d %s %s\n", n->link, ip, mac);
}

static void read_all(const struct buf *b, struct buf *seen)
{
	struct err e = ERR_INIT;
	const char *data = buf_str(b);
	if (netlink_links(data, b->len, see_link, seen, &e) ||
		netlink_addresses(data, b->len, see_address, seen, &e) ||
		netlink_default_routes(data, b->len, see_route, seen, &e) ||
		netlink_neighbours(data, b->len, see_neighbour, seen, &e))
		fail_msg("%s", e.text);
}

static void expect(const struct buf *b, const char *want)
{
	struct buf seen;
	buf_init(&seen, 64 * 1024);
	read_all(b, &seen);
	assert_string_equal(buf_str(&seen), want);
	buf_release(&seen);
}

static void test_links(void **state)
{
	struct buf b;
	buf_init(&b, 64 * 1024);
	nlw_link(&b,
		&(struct nlw_link){.index = 2,
			.name = "eth0",
			.mac = "52:54:00:00:00:01",
			.permanent = "52:54:00:00:00:02",
			.state = 6,
			.mtu = 9000,
			.master = 4});
	nlw_link(&b,
		&(struct nlw_link){.index = 3,
			.name = "eth1",
			.mac = "52:54:00:00:00:01",
			.bond_permanent = "52:54:00:00:00:03",
			.master = 4});
	nlw_link(&b, &(struct nlw_link){.index = 4, .name = "bond0", .kind = "bond"});
	nlw_link(&b,
		&(struct nlw_link){
			.index = 5, .name = "bond0.7", .kind = "vlan", .parent = 4, .vlan = 7});
	nlw_link(&b,
		&(struct nlw_link){.index = 6,
			.name = "veth0",
			.kind = "veth",
			.parent = 2,
			.parent_elsewhere = 1});
	nlw_link(&b,
		&(struct nlw_link){.index = 7, .name = ""}); /* nameless: nothing to tell it by */
	nlw_done(&b);
	expect(&b,
		"2 eth0 [] 525400000001 525400000002 mtu 9000 state 6 master 4 parent 0 vlan 0\n"
		"3 eth1 [] 525400000001 525400000003 mtu 1500 state 0 master 4 parent 0 vlan 0\n"
		"4 bond0 [bond] - - mtu 1500 state 0 master 0 parent 0 vlan 0\n"
		"5 bond0.7 [vlan] - - mtu 1500 state 0 master 0 parent 4 vlan 7\n"
		"6 veth0 [veth] - - mtu 1500 state 0 master 0 parent 2 elsewhere vlan 0\n");
	buf_release(&b);
}

static void test_addresses(void **state)
{
	struct buf b;
	buf_init(&b, 64 * 1024);
	nlw_address(&b, 2, "192.0.2.7/24", RT_SCOPE_UNIVERSE, IFA_F_PERMANENT);
	nlw_address(&b, 2, "fe80::1/64", RT_SCOPE_LINK, IFA_F_NOPREFIXROUTE);
	struct ifaddrmsg h = {.ifa_family = AF_INET, .ifa_prefixlen = 32, .ifa_index = 3};
	size_t begin = nlw_begin(&b, RTM_NEWADDR, &h, sizeof(h)); /* point to point */
	nlw_put(&b, IFA_ADDRESS, "\x0a\0\0\x02", 4);
	nlw_put(&b, IFA_LOCAL, "\x0a\0\0\x01", 4);
	nlw_end(&b, begin);
	begin = nlw_begin(&b, RTM_NEWADDR, &h, sizeof(h)); /* too short to be one */
	nlw_put(&b, IFA_ADDRESS, "\x0a\0\0", 3);
	nlw_end(&b, begin);
	expect(&b,
		"2 192.0.2.7/24 scope 0 flags 80\n2 fe80::1/64 scope 253 flags 200\n"
		"3 10.0.0.1/32 scope 0 flags 0\n");
	buf_release(&b);
}

static void put_special_route(struct buf *b, uint8_t type, uint32_t table)
{
	struct rtmsg h = {.rtm_family = AF_INET, .rtm_type = type, .rtm_table = RT_TABLE_MAIN};
	size_t begin = nlw_begin(b, RTM_NEWROUTE, &h, sizeof(h));
	nlw_u32(b, RTA_TABLE, table);
	nlw_u32(b, RTA_OIF, 9);
	nlw_end(b, begin);
}

static void put_multipath(struct buf *b)
{
	struct rtmsg h = {
		.rtm_family = AF_INET, .rtm_type = RTN_UNICAST, .rtm_table = RT_TABLE_MAIN};
	size_t begin = nlw_begin(b, RTM_NEWROUTE, &h, sizeof(h));
	size_t nest = nlw_nest(b, RTA_MULTIPATH);
	for (int i = 0; i < 2; i++) {
		struct rtnexthop hop = {.rtnh_len = sizeof(hop) + 8, .rtnh_ifindex = 5 + i};
		buf_add(b, &hop, sizeof(hop));
		nlw_put(b, RTA_GATEWAY, i ? "\x0a\0\0\x0a" : "\x0a\0\0\x09", 4);
	}
	nlw_nest_end(b, nest);
	nlw_end(b, begin);
}

static void put_via(struct buf *b)
{
	struct rtmsg h = {
		.rtm_family = AF_INET, .rtm_type = RTN_UNICAST, .rtm_table = RT_TABLE_MAIN};
	uint8_t via[18] = {AF_INET6, 0, 0xfe, 0x80, [17] = 1};
	size_t begin = nlw_begin(b, RTM_NEWROUTE, &h, sizeof(h));
	nlw_put(b, RTA_VIA, via, sizeof(via));
	nlw_u32(b, RTA_OIF, 7);
	nlw_end(b, begin);
}

static void test_routes(void **state)
{
	struct buf b;
	buf_init(&b, 64 * 1024);
	nlw_route(&b, "192.0.2.0/24", 2, NULL, "192.0.2.7", 0);
	nlw_route(&b, "", 2, "192.0.2.1", "192.0.2.7", 100);
	nlw_route(&b, "", 3, "fe80::1", NULL, 0);
	nlw_route(&b, "", 4, NULL, NULL, 0); /* point to point */
	put_special_route(&b, RTN_BLACKHOLE, RT_TABLE_MAIN);
	put_special_route(&b, RTN_UNICAST, 1000);
	put_multipath(&b);
	put_via(&b);
	expect(&b,
		"2 by 192.0.2.1 from 192.0.2.7 metric 100\n3 by fe80::1 from - metric 0\n"
		"4 by - from - metric 0\n5 by 10.0.0.9 from - metric 0\n7 by fe80::1 from - metric "
		"0\n");
	buf_release(&b);
}

static void test_neighbours(void **state)
{
	struct buf b;
	buf_init(&b, 64 * 1024);
	nlw_neighbour(&b, 2, "192.0.2.1", "02:00:00:00:00:01", NUD_STALE);
	nlw_neighbour(&b, 2, "192.0.2.2", NULL, NUD_REACHABLE);
	nlw_neighbour(&b, 2, "192.0.2.3", "02:00:00:00:00:03", NUD_FAILED);
	nlw_neighbour(&b, 2, "192.0.2.255", "ff:ff:ff:ff:ff:ff", NUD_NOARP);
	nlw_neighbour(&b, 3, "fe80::1", "02:00:00:00:00:02", NUD_PERMANENT);
	expect(&b, "2 192.0.2.1 020000000001\n3 fe80::1 020000000002\n");
	buf_release(&b);
}

static void put_one_of_each(struct buf *b)
{
	nlw_link(b,
		&(struct nlw_link){.index = 5,
			.name = "bond0.7",
			.kind = "vlan",
			.parent = 4,
			.vlan = 7,
			.mac = "02:00:00:00:00:09",
			.bond_permanent = "02:00:00:00:00:08"});
	nlw_address(b, 2, "192.0.2.7/24", 0, 0);
	nlw_route(b, "", 2, "192.0.2.1", NULL, 0);
	put_multipath(b);
	put_via(b);
	nlw_neighbour(b, 2, "192.0.2.1", "02:00:00:00:00:01", NUD_STALE);
}

/* Whatever the length of the answer, or a length in it, nothing outside is read: the sanitizers
 * watch. */
static void test_cut_short(void **state)
{
	struct buf b, seen;
	buf_init(&b, 64 * 1024);
	buf_init(&seen, 1024 * 1024);
	put_one_of_each(&b);
	for (size_t len = 0; len < b.len; len++) {
		char *exact = test_malloc(len + 1);
		memcpy(exact, b.data, len);
		struct err e = ERR_INIT;
		int links = netlink_links(exact, len, see_link, &seen, &e);
		int routes = netlink_default_routes(exact, len, see_route, &seen, &e);
		assert_int_equal(links, routes);
		assert_true(links == 0 || strstr(e.text, "cut short"));
		test_free(exact);
	}
	for (size_t at = 0; at < b.len; at++) {
		char kept = b.data[at];
		b.data[at] = (char)0xff;
		netlink_links(b.data, b.len, see_link, &seen, NULL);
		netlink_addresses(b.data, b.len, see_address, &seen, NULL);
		netlink_default_routes(b.data, b.len, see_route, &seen, NULL);
		netlink_neighbours(b.data, b.len, see_neighbour, &seen, NULL);
		b.data[at] = kept;
		buf_clear(&seen);
	}
	buf_release(&seen);
	buf_release(&b);
}

static void test_kernel_error(void **state)
{
	struct nlmsgerr m = {.error = -EPERM};
	struct err e = ERR_INIT;
	struct buf b;
	buf_init(&b, 1024);
	nlw_end(&b, nlw_begin(&b, NLMSG_ERROR, &m, sizeof(m)));
	assert_int_equal(netlink_links(b.data, b.len, see_link, NULL, &e), -1);
	assert_non_null(strstr(e.text, "not permitted"));
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_neighbours),
		cmocka_unit_test(test_cut_short),
		cmocka_unit_test(test_kernel_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
