/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams: type, channel, sequence, and 16 bytes of HMAC-SHA-256 over these 17. */
#include "wire/ping.h"
#include "base/text.h"
#include "wire/mac.h"
#include <stdlib.h>
#include <string.h>

#define SIGNED 17

static void put64(uint8_t *to, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		to[i] = (uint8_t)(v >> (56 - 8 * i));
}

static uint64_t get64(const uint8_t *from)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | from[i];
	return v;
}

void ping_encode(const struct ping *p, const uint8_t key[PING_KEY_BYTES], uint8_t out[PING_BYTES])
{
	uint8_t digest[MAC_BYTES];

	out[0] = (uint8_t)p->type;
	put64(out + 1, p->channel);
	put64(out + 9, p->seq);
	mac_sum(key, out, SIGNED, NULL, 0, digest);
	memcpy(out + SIGNED, digest, PING_BYTES - SIGNED);
}

int ping_peek(const uint8_t *data, size_t len, uint64_t *channel)
{
	if (len != PING_BYTES || !data[0] || !strchr("KAP", data[0]))
		return -1;
	*channel = get64(data + 1);
	return 0;
}

int ping_decode(
	const uint8_t *data, size_t len, const uint8_t key[PING_KEY_BYTES], struct ping *out)
{
	uint8_t digest[MAC_BYTES];
	uint64_t channel;

	if (ping_peek(data, len, &channel) < 0)
		return -1;
	mac_sum(key, data, SIGNED, NULL, 0, digest);
	if (!text_equal_const_time(digest, data + SIGNED, PING_BYTES - SIGNED))
		return -1;
	*out = (struct ping){(char)data[0], channel, get64(data + 9)};
	return 0;
}
