/* SPDX-License-Identifier: Apache-2.0 */
/* Envelopes: what an agent sends up, numbered and under its MAC. See docs/protocol.md, "Up". */
#ifndef HIM_WIRE_ENVELOPE_H
#define HIM_WIRE_ENVELOPE_H

#include "base/id.h"
#include "wire/frame.h"
#include "wire/mac.h"

#define STREAM_LEN 16

struct envelope {
	char kind[17];
	char agent[ID_SIZE];
	char stream[STREAM_LEN + 1];
	int64_t seq; /* 0: volatile */
	char prev[DIGEST_LEN + 1];
	char mac[DIGEST_LEN + 1];
	const char *body; /* borrowed from the frame */
	size_t len;
};

/* Checks form only (ids, hex, a known kind, seq 0 exactly for volatile kinds), not the MAC. */
int envelope_parse(const struct frame *f, struct envelope *out, struct err *e);

/* True when e->mac is right under key. Constant time. */
bool envelope_check(const struct envelope *env, const uint8_t key[MAC_KEY_BYTES]);

/* Appends the frame of an envelope: kind, agent, stream, seq, prev, body are given, mac is computed. */
int envelope_add(struct buf *out, const struct envelope *env, const uint8_t key[MAC_KEY_BYTES]);

/* Numbered kinds have a seq from 1 on, volatile ones 0; of an unknown kind nothing fits. */
bool envelope_seq_fits(const char *kind, int64_t seq);

void stream_new(char out[STREAM_LEN + 1]);

#endif
