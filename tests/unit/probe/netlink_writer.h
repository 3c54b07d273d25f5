/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes what the kernel would answer, so that tests can read it: begin a message, put
 * attributes, nest, end.
 */
#ifndef HIM_TESTS_PROBE_NETLINK_WRITER_H
#define HIM_TESTS_PROBE_NETLINK_WRITER_H

#include "base/buf.h"
#include <stdint.h>

/* Each pair returns where it began; hand that to the end. */
size_t nlw_begin(struct buf *b, int type, const void *header, size_t len);
void nlw_end(struct buf *b, size_t begin);
void nlw_put(struct buf *b, int type, const void *data, size_t len);
void nlw_u32(struct buf *b, int type, uint32_t v);
void nlw_u8(struct buf *b, int type, uint8_t v);
void nlw_text(struct buf *b, int type, const char *text);
size_t nlw_nest(struct buf *b, int type);
void nlw_nest_end(struct buf *b, size_t begin);

/* A whole interface. mac and permanent as "aa:bb:cc:dd:ee:ff" or NULL, kind NULL for none. */
struct nlw_link {
	int index;
	const char *name, *kind, *mac, *permanent, *bond_permanent;
	uint16_t hardware; /* 0: Ethernet */
	int master, parent, vlan;
	int parent_elsewhere;
	uint8_t state;
	unsigned flags;
	uint32_t mtu;
};
void nlw_link(struct buf *b, const struct nlw_link *l);
/* "192.0.2.7/24" on an interface, with flags and scope. */
void nlw_address(struct buf *b, int index, const char *address, int scope, uint32_t flags);
/* A route to "" (default) or "192.0.2.0/24"; gateway, source may be NULL. */
void nlw_route(struct buf *b, const char *to, int index, const char *gateway, const char *source,
	uint32_t metric);
void nlw_neighbour(struct buf *b, int index, const char *ip, const char *mac, int state);
void nlw_done(struct buf *b);

#endif
