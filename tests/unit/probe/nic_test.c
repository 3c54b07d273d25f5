// SPDX-License-Identifier: Apache-2.0
/*
 * The section nic and the way out: of captured dumps, and of a real kernel in a network
 * namespace of this test's own (skipped where we may not make one).
 */
#include "base/file.h"
#include "base/proc.h"
#include "netlink_writer.h"
#include "probe/probe.h"
#include "root.h"
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

struct captured {
	char *root;
	struct buf link, address, route, neighbour;
};

static void captured_init(struct captured *c)
{
	c->root = root_make();
	buf_init(&c->link, 4 << 20);
	buf_init(&c->address, 1 << 20);
	buf_init(&c->route, 1 << 20);
	buf_init(&c->neighbour, 1 << 20);
}

static void captured_write(struct captured *c)
{
	root_file(c->root, "/netlink/link", buf_str(&c->link), c->link.len);
	root_file(c->root, "/netlink/address", buf_str(&c->address), c->address.len);
	root_file(c->root, "/netlink/route", buf_str(&c->route), c->route.len);
	root_file(c->root, "/netlink/neighbour", buf_str(&c->neighbour), c->neighbour.len);
}

static void captured_release(struct captured *c)
{
	buf_release(&c->link);
	buf_release(&c->address);
	buf_release(&c->route);
	buf_release(&c->neighbour);
	root_remove(c->root);
}

static const char *attribute(const struct json *doc, const char *name)
{
	const char *text = json_str(json_get(json_get(doc, "attributes"), name));
	return text ? text : "";
}

#define UP .state = 6, .flags = IFF_UP

/* A hypervisor: two cards in a bond, a VLAN on it, a bridge on that, and a guest's tap. */
static void put_host(struct captured *c)
{
	const struct nlw_link links[] = {
		{1, "lo", .hardware = ARPHRD_LOOPBACK, .mac = "00:00:00:00:00:00", .flags = IFF_UP,
			.mtu = 65536},
		{2, "eno1", .mac = "3c:ec:ef:00:00:01", .permanent = "3c:ec:ef:00:00:01",
			.master = 4, UP},
		{3, "eno2", .mac = "3c:ec:ef:00:00:01", .permanent = "3c:ec:ef:00:00:02",
			.master = 4, UP},
		{4, "bond0", .kind = "bond", .mac = "3c:ec:ef:00:00:01", UP},
		{5, "bond0.20", .kind = "vlan", .vlan = 20, .parent = 4, .master = 6,
			.mac = "3c:ec:ef:00:00:01", UP},
		{6, "br0", .kind = "bridge", .mac = "3c:ec:ef:00:00:01", UP},
		{7, "vnet0", .kind = "tun", .mac = "fe:54:00:aa:bb:cc", .master = 6, UP},
		{8, "tun0", .kind = "tun", .hardware = ARPHRD_NONE, .state = 2},
		{9, "veth1", .kind = "veth", .mac = "aa:00:00:00:00:01", .parent = 2,
			.parent_elsewhere = 1},
		{10, "wg0", .kind = "wireguard", .hardware = ARPHRD_NONE, .mtu = 1420,
			.flags = IFF_UP},
	};
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		nlw_link(&c->link, &links[i]);
	nlw_address(&c->address, 1, "127.0.0.1/8", RT_SCOPE_HOST, 0);
	nlw_address(&c->address, 6, "10.9.9.9/32", RT_SCOPE_UNIVERSE, 0);
	nlw_address(&c->address, 6, "192.0.2.10/25", RT_SCOPE_UNIVERSE, 0);
	nlw_address(&c->address, 6, "fe80::1/64", RT_SCOPE_LINK, 0);
	nlw_address(&c->address, 6, "2001:db8::7/64", RT_SCOPE_UNIVERSE, IFA_F_TEMPORARY);
	nlw_address(&c->address, 6, "2001:db8::8/64", RT_SCOPE_UNIVERSE, IFA_F_TENTATIVE);
	nlw_route(&c->route, "", 9, "198.51.100.1", NULL, 600);
	nlw_route(&c->route, "", 6, "192.0.2.1", NULL, 100);
	nlw_route(&c->route, "", 6, "fe80::ff", NULL, 0);
	nlw_neighbour(&c->neighbour, 9, "192.0.2.1", "02:00:00:00:00:99", NUD_REACHABLE);
	nlw_neighbour(&c->neighbour, 6, "192.0.2.1", "02:00:00:00:00:01", NUD_STALE);
}

static void test_host(void **state)
{
	struct captured c;
	captured_init(&c);
	put_host(&c);
	captured_write(&c);
	struct json *doc = root_document(c.root);
	assert_json(json_get(doc, "nic"),
		"{\"lo\":{\"kind\":\"loopback\",\"state\":\"unknown\",\"up\":true,\"mtu\":65536,"
		"\"address\":{\"127.0.0.1/8\":\"host\"}},"
		"\"eno1\":{\"kind\":\"physical\",\"state\":\"up\",\"up\":true,\"mtu\":1500,"
		"\"mac\":\"3c:ec:ef:00:00:01\",\"permanent_mac\":\"3c:ec:ef:00:00:01\",\"master\":"
		"\"bond0\"},"
		"\"eno2\":{\"kind\":\"physical\",\"state\":\"up\",\"up\":true,\"mtu\":1500,"
		"\"mac\":\"3c:ec:ef:00:00:01\",\"permanent_mac\":\"3c:ec:ef:00:00:02\",\"master\":"
		"\"bond0\"},"
		"\"bond0\":{\"kind\":\"bond\",\"state\":\"up\",\"up\":true,\"mtu\":1500,"
		"\"mac\":\"3c:ec:ef:00:00:01\"},"
		"\"bond0.20\":{\"kind\":\"vlan\",\"state\":\"up\",\"up\":true,\"mtu\":1500,"
		"\"mac\":\"3c:ec:ef:00:00:01\",\"vlan\":20,\"master\":\"br0\",\"parent\":\"bond0\"}"
		","
		"\"br0\":{\"kind\":\"bridge\",\"state\":\"up\",\"up\":true,\"mtu\":1500,"
		"\"mac\":\"3c:ec:ef:00:00:01\",\"address\":{\"10.9.9.9/32\":\"global\","
		"\"192.0.2.10/25\":\"global\",\"fe80::1/64\":\"link\"}},"
		"\"vnet0\":{\"kind\":\"tap\",\"state\":\"up\",\"up\":true,\"mtu\":1500,"
		"\"mac\":\"fe:54:00:aa:bb:cc\",\"master\":\"br0\"},"
		"\"tun0\":{\"kind\":\"tun\",\"state\":\"down\",\"up\":false,\"mtu\":1500},"
		"\"veth1\":{\"kind\":\"veth\",\"state\":\"unknown\",\"up\":false,\"mtu\":1500,"
		"\"mac\":\"aa:00:00:00:00:01\"},"
		"\"wg0\":{\"kind\":\"wireguard\",\"state\":\"unknown\",\"up\":true,\"mtu\":1420}}");
	assert_string_equal(attribute(doc, "host.ip"), "192.0.2.10"); /* beside the gateway */
	assert_string_equal(attribute(doc, "host.mac"), "3c:ec:ef:00:00:01");
	assert_string_equal(attribute(doc, "him.gateway.nic"), "br0");
	assert_string_equal(attribute(doc, "him.gateway.ip"), "192.0.2.1");
	assert_string_equal(attribute(doc, "him.gateway.mac"), "02:00:00:00:00:01");
	json_free(doc);
	captured_release(&c);
}

/* Rows: one default route, the addresses of its interface joined by blanks, and the address
 * told. */
static const struct {
	const char *what, *gateway, *source, *addresses[3], *ip;
} ways_out[] = {
	{"the route names it", "192.0.2.1", "198.51.100.7", {"192.0.2.7/24", "198.51.100.7/32"},
		"198.51.100.7"},
	{"in the gateway's network", "192.0.2.1", NULL, {"198.51.100.7/24", "192.0.2.7/24"},
		"192.0.2.7"},
	{"no network holds the gateway", "203.0.113.1", NULL, {"198.51.100.7/32", "192.0.2.7/24"},
		"198.51.100.7"},
	{"odd prefix", "192.0.2.129", NULL, {"192.0.2.7/25", "192.0.2.200/26", "192.0.2.131/29"},
		"192.0.2.131"},
	{"IPv6", "fe80::1", NULL, {"192.0.2.7/24", "2001:db8::7/64"}, "2001:db8::7"},
	{"no address", "192.0.2.1", NULL, {NULL}, ""},
};

static void test_ways_out(void **state)
{
	for (size_t i = 0; i < sizeof(ways_out) / sizeof(ways_out[0]); i++) {
		struct captured c;
		captured_init(&c);
		nlw_link(&c.link, &(struct nlw_link){2, "eth0", .mac = "02:00:00:00:00:07", UP});
		for (size_t k = 0; k < 3 && ways_out[i].addresses[k]; k++)
			nlw_address(&c.address, 2, ways_out[i].addresses[k], RT_SCOPE_UNIVERSE, 0);
		nlw_route(&c.route, "", 2, ways_out[i].gateway, ways_out[i].source, 0);
		captured_write(&c);
		struct json *doc = root_document(c.root);
		if (strcmp(attribute(doc, "host.ip"), ways_out[i].ip) != 0)
			fail_msg("%s: %s", ways_out[i].what, attribute(doc, "host.ip"));
		assert_string_equal(attribute(doc, "him.gateway.ip"), ways_out[i].gateway);
		json_free(doc);
		captured_release(&c);
	}
}

/* A gateway nobody talks to drops out of the kernel's table; that is no change of the machine. */
static void test_forgotten_gateway(void **state)
{
	struct captured c;
	captured_init(&c);
	put_host(&c);
	captured_write(&c);
	struct probe_ctx *p = probe_open(c.root);
	struct json *first = json_object(), *second = json_object(), *third = json_object();
	assert_int_equal(probe_collect(p, first, NULL), 0);
	root_text(c.root, "/netlink/neighbour", "");
	assert_int_equal(probe_collect(p, second, NULL), 0);
	assert_true(json_equal(first, second));

	buf_clear(&c.route); /* another gateway: the old MAC says nothing about it */
	nlw_route(&c.route, "", 6, "192.0.2.2", NULL, 0);
	root_file(c.root, "/netlink/route", buf_str(&c.route), c.route.len);
	assert_int_equal(probe_collect(p, third, NULL), 0);
	assert_string_equal(attribute(third, "him.gateway.ip"), "192.0.2.2");
	assert_string_equal(attribute(third, "him.gateway.mac"), "");
	json_free(first);
	json_free(second);
	json_free(third);
	probe_close(p);
	captured_release(&c);
}

static void test_too_many(void **state)
{
	struct captured c;
	captured_init(&c);
	put_host(&c);
	for (int i = 11; i <= 1025; i++) {
		char name[16];
		snprintf(name, sizeof(name), "veth%d", i);
		nlw_link(&c.link, &(struct nlw_link){i, name, .kind = "veth"});
	}
	captured_write(&c);
	struct json *doc = root_document(c.root);
	assert_false(json_has(doc, "nic"));
	assert_json(json_get(json_get(doc, "attributes"), "him.probe.errors"),
		"{\"nic\":\"there are more than 1024 entries\"}");
	assert_string_equal(
		attribute(doc, "host.ip"), "192.0.2.10"); /* the way out is known all the same */
	json_free(doc);
	captured_release(&c);
}

/* ---- a real kernel ---- */

static void ip(const char *arguments)
{
	const char *argv[32] = {"ip"};
	char copy[256];
	struct err e = ERR_INIT;
	struct buf out;
	int code = -1;
	size_t n = 1;
	snprintf(copy, sizeof(copy), "%s", arguments);
	for (char *rest, *word = strtok_r(copy, " ", &rest); word;
		word = strtok_r(NULL, " ", &rest))
		argv[n++] = word;
	buf_init(&out, 4096);
	if (proc_run(argv, 30000, &out, &code, &e) || code != 0)
		fail_msg("ip %s: exit %d %s", arguments, code, e.text);
	buf_release(&out);
}

static void test_live(void **state)
{
	if (geteuid() != 0 || unshare(CLONE_NEWNET))
		skip();
	ip("link set lo up");
	ip("link add veth0 address 02:00:00:00:00:10 type veth peer name veth1");
	ip("link add br0 address 02:00:00:00:00:20 type bridge");
	ip("link set veth0 master br0");
	ip("link set veth0 up");
	ip("link set veth1 up");
	ip("link set br0 up");
	ip("address add 192.0.2.10/24 dev br0");
	ip("route add default via 192.0.2.1");
	ip("neighbour add 192.0.2.1 lladdr 02:00:00:00:00:01 dev br0");
	struct json *doc = root_document("");
	struct json *nics = json_get(doc, "nic");
	struct json *veth = json_get(nics, "veth0"), *bridge = json_get(nics, "br0");
	assert_string_equal(json_str(json_get(veth, "kind")), "veth");
	assert_string_equal(json_str(json_get(veth, "mac")), "02:00:00:00:00:10");
	assert_string_equal(json_str(json_get(veth, "master")), "br0");
	assert_string_equal(json_str(json_get(veth, "parent")), "veth1");
	assert_string_equal(json_str(json_get(bridge, "kind")), "bridge");
	assert_string_equal(
		json_str(json_get(json_get(bridge, "address"), "192.0.2.10/24")), "global");
	assert_string_equal(json_str(json_get(json_get(nics, "lo"), "kind")), "loopback");
	assert_string_equal(attribute(doc, "host.ip"), "192.0.2.10");
	assert_string_equal(attribute(doc, "host.mac"), "02:00:00:00:00:20");
	assert_string_equal(attribute(doc, "him.gateway.ip"), "192.0.2.1");
	assert_string_equal(attribute(doc, "him.gateway.mac"), "02:00:00:00:00:01");
	json_free(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_ways_out),
		cmocka_unit_test(test_forgotten_gateway),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_live),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
