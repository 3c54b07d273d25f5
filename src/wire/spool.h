/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An agent's spool: its durable envelopes on disk, a file each, from the moment they are made until the
 * server committed them. Numbers them, chains their digests, computes their MACs.
 */
#ifndef HIM_WIRE_SPOOL_H
#define HIM_WIRE_SPOOL_H

#include "base/buf.h"
#include "base/err.h"
#include "wire/envelope.h"

struct spool;

struct spool_conf {
	const char *dir;
	const char *agent; /* id; copied */
	uint8_t key[MAC_KEY_BYTES];
	int64_t max_bytes;
	int max_files;
};

/* Opens or makes the folder, reads what is in it, begins a new stream. Damaged files are moved aside as NAME.bad; where
 * one is missing, what is left is numbered anew in the new stream, so that nobody waits for it. */
struct spool *spool_open(const struct spool_conf *conf, struct err *e);
void spool_close(struct spool *s); /* accepts NULL */

const char *spool_stream(const struct spool *s);

/* Puts an envelope on the disk; *seq (may be NULL) gets its number in the current stream. Over a cap:
 * ERR_NO_SPACE and nothing changed. */
int spool_add(struct spool *s, const char *kind, const void *body, size_t len, int64_t *seq,
	struct err *e);
/* Appends a volatile envelope to out; nothing is kept. */
int spool_volatile(
	struct spool *s, const char *kind, const void *body, size_t len, struct buf *out);

/* Appends unsent envelopes, oldest first, while they fit; returns a ticket for what was appended, or 0. */
int64_t spool_collect(struct spool *s, struct buf *out, struct err *e);
void spool_accepted(struct spool *s, int64_t ticket);
void spool_lost(
	struct spool *s, int64_t ticket); /* and also: everything uncommitted, with ticket 0 */

/* The oldest that was accepted is to be sent once more: what the server answers to it says how matters stand. false: nothing
 * was accepted. */
bool spool_ask(struct spool *s);

/* The server has this stream up to seq: files go. Returns -1 when seq is beyond what that stream ever sent
 * (this installation is a restored snapshot: the caller begins a new stream). */
int spool_committed(struct spool *s, const char *stream, int64_t seq);
/* Everything of that stream from seq on is to be sent again. Returns up to which number nothing of it is left: seq - 1
 * when nothing is missing. */
int64_t spool_resend(struct spool *s, const char *stream, int64_t seq);

/* A new stream, in which what was not committed of the current one is numbered anew. */
int spool_restart(struct spool *s, struct err *e);
/* The same for everything in it, under another agent's id and key: this installation was forked. */
int spool_adopt(
	struct spool *s, const char *agent, const uint8_t key[MAC_KEY_BYTES], struct err *e);

bool spool_waiting(const struct spool *s); /* something is not committed */
bool spool_holds(const struct spool *s, const char *stream, int64_t seq);
int64_t spool_bytes(const struct spool *s);
bool spool_room(
	const struct spool *s, int64_t bytes); /* half of the cap is kept for what must not wait */

#endif
