/* SPDX-License-Identifier: Apache-2.0 */
/* The 33-byte datagrams of the ping channel: coded and checked here, sent elsewhere. */
#ifndef HIM_WIRE_PING_H
#define HIM_WIRE_PING_H

#include <stddef.h>
#include <stdint.h>

#define PING_BYTES 33
#define PING_KEY_BYTES 32
#define PING_KEEPALIVE 'K'
#define PING_ANSWER 'A'
#define PING_PING 'P'

struct ping {
	char type;
	uint64_t channel, seq;
};

void ping_encode(const struct ping *p, const uint8_t key[PING_KEY_BYTES], uint8_t out[PING_BYTES]);
/* The channel of a datagram of the right size and a known type, before its MAC is checked (so the
 * key can be found); -1 for anything else. */
int ping_peek(const uint8_t *data, size_t len, uint64_t *channel);
int ping_decode(
	const uint8_t *data, size_t len, const uint8_t key[PING_KEY_BYTES], struct ping *out);

#endif
