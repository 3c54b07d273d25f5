/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rtnetlink: asking the kernel for its interfaces, addresses, routes and neighbours, and reading
 * its answers. The readers take bytes, so a test needs no kernel. A reader calls `each` for
 * every record of its kind and passes over all others; -1 of each ends it. All fail on bytes
 * that are cut short or are an error message of the kernel.
 */
#ifndef HIM_PROBE_LINUX_NETLINK_H
#define HIM_PROBE_LINUX_NETLINK_H

#include "base/buf.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NETLINK_DUMP_MAX (16 * 1024 * 1024)
#define NETLINK_MAC_MAX 20 /* InfiniBand's; Ethernet has 6 */

struct netlink_mac {
	uint8_t bytes[NETLINK_MAC_MAX];
	uint8_t len; /* 0: none */
};

struct netlink_ip {
	int family; /* AF_INET, AF_INET6; 0: none */
	uint8_t bytes[16];
};

struct netlink_link {
	int index;
	char name[16];
	char kind[32]; /* the kernel's word for what it is: "bond"; "" for a device without one */
	uint16_t hardware; /* ARPHRD_… */
	unsigned flags;    /* IFF_… */
	uint32_t mtu;
	uint8_t state; /* IF_OPER_… */
	struct netlink_mac mac, permanent;
	int master, parent;    /* index, 0: none */
	bool parent_elsewhere; /* the parent's index counts in another network namespace */
	int vlan;              /* 0: none */
};

struct netlink_address {
	int link; /* index */
	struct netlink_ip ip;
	uint8_t prefix, scope; /* RT_SCOPE_… */
	uint32_t flags;        /* IFA_F_… */
};

struct netlink_route { /* only default routes of the main table */
	int family, link;
	struct netlink_ip gateway, source; /* of family 0 when the route names none */
	uint32_t metric;
};

struct netlink_neighbour {
	int link;
	struct netlink_ip ip;
	struct netlink_mac mac;
};

int netlink_links(const void *data, size_t len,
	int (*each)(void *ctx, const struct netlink_link *l, struct err *e), void *ctx,
	struct err *e);
int netlink_addresses(const void *data, size_t len,
	int (*each)(void *ctx, const struct netlink_address *a, struct err *e), void *ctx,
	struct err *e);
int netlink_default_routes(const void *data, size_t len,
	int (*each)(void *ctx, const struct netlink_route *r, struct err *e), void *ctx,
	struct err *e);
int netlink_neighbours(const void *data, size_t len,
	int (*each)(void *ctx, const struct netlink_neighbour *n, struct err *e), void *ctx,
	struct err *e);

/* Fills an empty buffer with the kernel's answer to a dump request (RTM_GETLINK, RTM_GETADDR,
 * RTM_GETNEIGH, and RTM_GETROUTE, of which only the default routes are kept). A kernel that
 * stays silent for five seconds is an error. */
int netlink_dump(int request, struct buf *out, struct err *e);

#endif
