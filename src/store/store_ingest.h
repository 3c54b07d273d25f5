/* SPDX-License-Identifier: Apache-2.0 */
/* What comes up, in the order in which it counts: streams advance, reports are applied. */
#ifndef HIM_STORE_INGEST_H
#define HIM_STORE_INGEST_H

#include "base/json.h"
#include "store/row.h"

enum ingest_verdict {
	INGEST_TAKE,      /* the next of its stream (now recorded as such) */
	INGEST_DUPLICATE, /* had it: answer committed again */
	INGEST_GAP,       /* something before it is missing: ask again from *from */
	INGEST_CLONE /* this stream was followed by another, or has other bytes under this number */
};

struct ingest_envelope {
	const char *agent, *stream, *digest, *prev;
	int64_t seq;
};

/* Judges an envelope of a known agent and, on TAKE, records it. *committed: up to where the stream is committed. */
int ingest_advance(struct db *db, const struct ingest_envelope *v, int64_t now_ms,
	enum ingest_verdict *verdict, int64_t *committed, struct err *e);
/* Its agent says that nothing up to v->seq exists there any more: the stream goes on after it. Only ever forward, and not
 * in a stream that has ended. v's digest and prev are not looked at. */
int ingest_skip(struct db *db, const struct ingest_envelope *v, int64_t now_ms, struct err *e);

/* Whether that stream was followed by another: only its instance can be a copy. */
int ingest_ended(struct db *db, const char *agent, const char *stream, bool *ended, struct err *e);

/* A parsed report body, checked: {"base","made","doc"}. */
struct ingest_report {
	struct json *body; /* the caller frees */
	const char *base;
	int64_t made;
	struct json *doc;
};
int ingest_report_parse(const char *text, size_t len, struct ingest_report *out, struct err *e);

/* Whose report it is, and what is to be kept of it. */
struct ingest_source {
	const struct agent *agent; /* as the database has it now */
	const char *digest;        /* of the report's bytes */
	int64_t generation;        /* the database's */
	int64_t now_ms;
};

/* Applies it; *need_full: its base is not what we have, and nothing was changed. Nor was anything when it fails with
 * ERR_INVALID or ERR_TOO_LARGE. r->doc is used up. */
int ingest_report(struct db *db, const struct ingest_source *from, struct ingest_report *r,
	bool *need_full, struct err *e);

/* The agent's next report must be a full one (asked for, or what it built on is gone). */
int ingest_forget_base(struct db *db, const char *agent, struct err *e);

#endif
