/* SPDX-License-Identifier: Apache-2.0 */
/* X25519: the sealed box of an enrolment and the MAC key both sides derive. docs/protocol.md, "Trust". */
#ifndef HIM_WIRE_SEAL_H
#define HIM_WIRE_SEAL_H

#include "base/buf.h"
#include "base/err.h"
#include "wire/envelope.h"

#define BOX_KEY_BYTES 32
#define SEAL_SECRET_BYTES 32

void box_keygen(uint8_t secret[BOX_KEY_BYTES], uint8_t pub[BOX_KEY_BYTES]);
int box_public(const uint8_t secret[BOX_KEY_BYTES], uint8_t pub[BOX_KEY_BYTES]);

/* Appends the box to out; key receives the key that the answer will be sealed under. */
int seal_request(const uint8_t to[BOX_KEY_BYTES], const void *text, size_t len, struct buf *out,
	uint8_t key[SEAL_SECRET_BYTES], struct err *e);
/* The server's side. ERR_UNAUTHORIZED when it does not open. */
int seal_open_request(const uint8_t secret[BOX_KEY_BYTES], const void *box, size_t len,
	struct buf *text, uint8_t key[SEAL_SECRET_BYTES], struct err *e);
int seal_answer(const uint8_t key[SEAL_SECRET_BYTES], const void *text, size_t len, struct buf *out,
	struct err *e);
int seal_open_answer(const uint8_t key[SEAL_SECRET_BYTES], const void *box, size_t len,
	struct buf *text, struct err *e);

/* own secret, peer's public key; `agent_pub` and `server_pub` fix the salt for both sides. */
int mac_key_derive(const uint8_t secret[BOX_KEY_BYTES], const uint8_t peer[BOX_KEY_BYTES],
	const uint8_t agent_pub[BOX_KEY_BYTES], const uint8_t server_pub[BOX_KEY_BYTES],
	const char *agent_id, uint8_t key[MAC_KEY_BYTES]);

#endif
