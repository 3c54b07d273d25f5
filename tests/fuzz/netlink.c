// SPDX-License-Identifier: Apache-2.0
/* The kernel's answers by rtnetlink, read as each of the four kinds. */
#include "probe/linux/netlink.h"
#include <assert.h>
#include <string.h>

static int link_(void *ctx, const struct netlink_link *l, struct err *e)
{
	assert(l->name[0] && strlen(l->name) < sizeof(l->name) &&
		strlen(l->kind) < sizeof(l->kind));
	assert(l->mac.len <= NETLINK_MAC_MAX && l->permanent.len <= NETLINK_MAC_MAX);
	return 0;
}

static int address(void *ctx, const struct netlink_address *a, struct err *e)
{
	assert(a->ip.family != 0);
	return 0;
}

static int route(void *ctx, const struct netlink_route *r, struct err *e)
{
	assert(r->link > 0);
	return 0;
}

static int neighbour(void *ctx, const struct netlink_neighbour *n, struct err *e)
{
	assert(n->ip.family != 0 && n->mac.len > 0 && n->mac.len <= NETLINK_MAC_MAX);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	netlink_links(data, size, link_, NULL, NULL);
	netlink_addresses(data, size, address, NULL, NULL);
	netlink_default_routes(data, size, route, NULL, NULL);
	netlink_neighbours(data, size, neighbour, NULL, NULL);
	return 0;
}
