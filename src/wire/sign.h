/* SPDX-License-Identifier: Apache-2.0 */
/* Signed records and the Merkle tree that says whom an action is for. See docs/protocol.md, "Down". */
#ifndef HIM_WIRE_SIGN_H
#define HIM_WIRE_SIGN_H

#include "base/id.h"
#include "wire/envelope.h"
#include "wire/frame.h"

#define SIGN_KEY_BYTES 32 /* Ed25519 seed, and public key */
#define SIGNATURE_BYTES 64
#define MERKLE_STEP 32
#define MERKLE_DEPTH_MAX 32

struct signed_record {
	char type[17];
	char id[ID_SIZE];          /* an id, or a decimal version, or "time" */
	int64_t issued, deadline;  /* ms; deadline 0: none */
	int64_t count;             /* leaves of the tree; 0: no tree */
	char root[DIGEST_LEN + 1]; /* DIGEST_ZERO when no tree */
	char digest[DIGEST_LEN + 1];
	char sig[2 * SIGNATURE_BYTES + 1];
	const char *body; /* borrowed */
	size_t len;
};

void sign_keygen(uint8_t seed[SIGN_KEY_BYTES], uint8_t pub[SIGN_KEY_BYTES]);
int sign_public(const uint8_t seed[SIGN_KEY_BYTES], uint8_t pub[SIGN_KEY_BYTES]);

/* Form only. */
int signed_parse(const struct frame *f, struct signed_record *out, struct err *e);
/* Digest and signature. false: forged or damaged. */
bool signed_check(const struct signed_record *r, const uint8_t pub[SIGN_KEY_BYTES]);
/* Fills digest and sig from the other members and appends the frame. */
int signed_add(struct buf *out, struct signed_record *r, const uint8_t seed[SIGN_KEY_BYTES]);

/* The tree over n ids (ascending, distinct; n >= 1). Keeps its own copy of all hashes: 64 n bytes. */
struct merkle;
struct merkle *merkle_new(const char (*ids)[ID_SIZE], size_t n);
void merkle_free(struct merkle *m);
void merkle_root(const struct merkle *m, char out[DIGEST_LEN + 1]);
/* Steps of leaf `index` into path (room for MERKLE_DEPTH_MAX steps); returns their number. */
size_t merkle_path(const struct merkle *m, size_t index, uint8_t *path);
/* Whether id is leaf `index` of a tree of `count` leaves with that root. */
bool merkle_check(const char *id, uint64_t index, uint64_t count, const uint8_t *path,
	size_t path_len, const char root[DIGEST_LEN + 1]);

#endif
