/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's one struct. agent.c wires it, report.c says what the machine is, order.c takes what comes down,
 * outcome.c sends what came of it.
 */
#ifndef HIM_AGENT_AGENT_H
#define HIM_AGENT_AGENT_H

#include "agent/jobs.h"
#include "agent/metadata.h"
#include "base/buf.h"
#include "probe/probe.h"
#include "wire/identity.h"
#include "wire/spool.h"
#include "wire/uplink.h"
#include <event2/event.h>

struct agent_conf {
	char *home, *parents, *log_level, *server, *ca_fingerprint, *token_file, *name, *root,
		*kind, *without;
	const char *file; /* the word behind the options, where there is one */
	int64_t report_ms, spool_max_bytes, jobs, hold_ms, poll_ms, keepalive_ms, better_ms,
		retry_max_ms, clock_offset_ms;
	bool json, records, metadata;
};

struct hosted;          /* hosted.c: who watches for guests */
struct attachment_pump; /* outcome.c: a whole output on its way into the spool */

struct agent {
	const struct agent_conf *conf;
	char dir[1024]; /* HOME/agent */
	struct event_base *base;
	struct evdns_base *dns;
	struct identity id;
	struct spool *spool;
	struct uplink *uplink;
	struct jobs *jobs;
	struct probe_ctx *probe;
	int64_t rules_version; /* rules.c */
	struct hosted *hosted;
	struct event *timer, *report_timer, *ask_timer;
	int64_t resent_mono;
	int64_t ask_ms; /* the next pause before the oldest that is accepted and not committed goes again */

	/* report.c */
	char base_digest[DIGEST_LEN +
		1];    /* of the last committed report; "": the next is a full one */
	bool pending;  /* a report is on its way */
	bool unsent;   /* something changed that no report says yet */
	bool speak;    /* a report is due even if nothing changed */
	bool soon;     /* and it shall be said as soon as the one on its way is committed */
	bool full_due; /* a full report was asked for: what is committed meanwhile is no base */
	char pending_stream[STREAM_LEN + 1], pending_digest[DIGEST_LEN + 1];
	int64_t pending_seq, full_after_mono, speak_after_mono;
	const struct imds_service *cloud_service; /* of the provider the probes see; NULL: none */
	struct metadata *metadata;                /* while it is asked */
	struct imds_facts cloud;                  /* what it said; all empty before */
	bool cloud_known, cloud_waits;            /* waits: the first report does, for the answer */
	int64_t cloud_after_mono;                 /* when it may be asked again */
	int64_t look_cpu_us;                      /* what we had used when the last look was over */

	/* order.c */
	int64_t signed_time_ms, signed_time_saved_ms; /* the newest time the server signed */
	uint64_t forged;               /* orders and lists that were not the server's */
	bool tls_stale, parents_stale; /* to be put in force when the frames are done with */

	/* outcome.c */
	struct buf live;    /* volatile envelopes for the next exchange */
	struct buf renewal; /* a request for the next certificate: travels before everything else */
	struct attachment_pump *pumps;
};

/* report.c */
int report_open(struct agent *a, struct err *e);
void report_close(struct agent *a);
void report_committed(struct agent *a, const char *stream, int64_t seq);
void report_full(struct agent *a); /* the server wants everything */
void report_soon(struct agent *a); /* the probes have something new */
/* Something is to be said, even if nothing changed: at most every few seconds. */
void report_speak(struct agent *a);

/* order.c */
/* True when the parent shall know soon that they came. */
bool order_frames(struct agent *a, const char *frames, size_t len);
int64_t order_now(const struct agent *a); /* the later of our clock and the newest signed time */
void order_load_time(struct agent *a);

/* outcome.c */
void outcome_started(void *ctx, const char *action, int64_t started_ms);
void outcome_live(void *ctx, const char *action, const char *name, int64_t offset, const void *data,
	size_t len);
void outcome_ended(void *ctx, const char *action, const char *json, size_t len);
/* What was not taken at all: state "refused" or "expired". */
void outcome_missing(struct agent *a, const char *stream, int64_t from, int64_t upto);
void outcome_refuse(struct agent *a, const char *action, const char *state, const char *reason);
void outcome_pump(struct agent *a); /* there is room in the spool again */
void outcome_close(struct agent *a);

/* agent.c */
void ask_soon(struct agent *a); /* something was committed: what is left will be, too */
int agent_run(const struct agent_conf *conf, struct err *e);
void agent_trim(
	void); /* after work that takes memory and comes once a minute: what is free goes back to the system */

#endif
