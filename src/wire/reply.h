/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's plain answers to one agent: committed, resend, full. They free what an agent keeps, so each is under the key
 * that the two of them share: a relay on the way carries them and can make none. docs/protocol.md, "Down".
 */
#ifndef HIM_WIRE_REPLY_H
#define HIM_WIRE_REPLY_H

#include "wire/envelope.h"

struct reply {
	const char *kind, *agent;
	const char *stream; /* "" where it is about none */
	int64_t seq;
};

/* The value of the attribute mac. */
void reply_mac(const struct reply *r, const uint8_t key[MAC_KEY_BYTES], char out[DIGEST_LEN + 1]);

/* Whether the frame, of whatever kind, is the server's to the agent that it names. Absent attributes count as "" and 0.
 * Constant time in the mac. */
bool reply_check(const struct frame *f, const uint8_t key[MAC_KEY_BYTES]);

#endif
