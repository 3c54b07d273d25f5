/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's loop: opens what it has (identity, spool, jobs, probes), hangs them on one uplink and lets
 * events do the rest. Everything that can wait on a disk or a network is elsewhere; this file is wiring.
 *
 * It ends on SIGTERM or SIGINT; commands that run go on under their own supervisors and are found again.
 */
#include "agent/agent.h"
#include "agent/rules.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/text.h"
#include "base/zbody.h"
#include <event2/dns.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SPOOL_FILES_MAX 4096
#define PARENTS_MAX 64
#define HOURLY_MS 3600000
#define TIMER_MS 300000
#define ASK_MIN_MS 4000
#define ASK_COPIES_MS 1000

/* ---- what the uplink asks ---- */

static void on_hello(void *ctx, struct json *hello)
{
	struct agent *a = ctx;
	char notice[200];

	json_set_int(hello, "relays", a->id.relays_version);
	json_set_int(hello, "providers", a->rules_version);
	json_set_int(hello, "spool_bytes", spool_bytes(a->spool));
	json_set_int(hello, "spool_max_bytes", a->conf->spool_max_bytes);
	if (!a->forged)
		return;
	snprintf(notice, sizeof notice, "refused %llu records that the server did not sign",
		(unsigned long long)a->forged);
	json_set_string(hello, "notice", notice);
}

static int64_t on_collect(void *ctx, struct buf *out)
{
	struct agent *a = ctx;
	struct err e = ERR_INIT;
	int64_t ticket;
	bool said;

	if (a->renewal.len) { /* alone: with a certificate that has ended nothing else would be taken */
		said = buf_add(out, a->renewal.data, a->renewal.len) == 0;
		buf_clear(&a->renewal);
		return said ? UPLINK_VOLATILE : 0;
	}
	said = a->live.len && buf_add(out, a->live.data, a->live.len) == 0;
	ticket = spool_collect(a->spool, out, &e);

	buf_clear(&a->live);
	if (e.code)
		log_limited(LOG_WARN_, "spool", 60000, "the spool cannot be read: %s", e.text);
	if (!ticket && said)
		return UPLINK_VOLATILE; /* nobody waits for it */
	return ticket;
}

/* ---- accepted and not committed ---- */

static void ask_in(struct agent *a, int64_t ms)
{
	struct timeval tv = {ms / 1000, ms % 1000 * 1000};

	event_add(a->ask_timer, &tv);
}

/* It is on the parent's disk, but the server did not say that it has it: the way up is cut, or the answer went another way
 * (to a copy of us, say). One envelope, sent again, brings a new answer; the pauses grow, for the way may be cut for long. */
static void on_ask(evutil_socket_t fd, short what, void *arg)
{
	struct agent *a = arg;

	if (!spool_ask(a->spool)) {
		a->ask_ms = ASK_MIN_MS;
		return;
	}
	uplink_wake(a->uplink);
	a->ask_ms = a->ask_ms * 2 > HOURLY_MS ? HOURLY_MS : a->ask_ms * 2;
	ask_in(a, a->ask_ms);
}

void ask_soon(struct agent *a)
{
	a->ask_ms = ASK_MIN_MS;
	if (spool_waiting(a->spool))
		ask_in(a, a->ask_ms);
	else
		event_del(a->ask_timer);
}

static void on_accepted(void *ctx, int64_t ticket)
{
	struct agent *a = ctx;

	spool_accepted(a->spool, ticket);
	if (!event_pending(a->ask_timer, EV_TIMEOUT, NULL))
		ask_in(a, a->ask_ms);
}

static void on_lost(void *ctx, int64_t ticket)
{
	spool_lost(((struct agent *)ctx)->spool, ticket);
}

static void on_down(void *ctx, const char *frames, size_t len, uint64_t cursor)
{
	struct agent *a = ctx;

	bool soon = order_frames(a, frames, len);

	zbody_trim(); /* unpacking them took 120 KiB */
	/* Jobs are journalled, lists and certificates saved. */
	(soon ? uplink_ack : uplink_ack_later)(a->uplink, cursor);
	if (a->tls_stale || a->parents_stale)
		event_active(a->timer, EV_TIMEOUT, 0);
}

static int on_judge(void *ctx, const char *uri, struct err *e)
{
	return identity_judge(&((struct agent *)ctx)->id, uri, e);
}

static void on_parent(void *ctx, const char *uri)
{
	struct agent *a = ctx;

	spool_lost(a->spool, 0); /* accepted by another is not committed */
}

static bool on_waiting(void *ctx)
{
	return spool_waiting(((struct agent *)ctx)->spool);
}

static void renew(struct agent *a)
{
	struct err e = ERR_INIT;
	struct buf body;

	buf_init(&body, 65536);
	if (identity_renew(&a->id, false, &body, &e) < 0 ||
		spool_volatile(a->spool, "renew", body.data, body.len, &a->renewal) < 0)
		log_limited(LOG_ERROR_, "renew", HOURLY_MS, "the certificate cannot be renewed: %s",
			e.text);
	buf_release(&body);
	uplink_wake(a->uplink);
}

/* The time for judging our certificate: the earlier of our clock and the parent's, of which one may be wrong, and not before
 * what the server signed. Too early costs nothing: a parent for which it has ended says so. */
static int64_t certificate_now(const struct agent *a)
{
	int64_t skew = uplink_skew_ms(a->uplink), now = clock_now_ms() + (skew < 0 ? skew : 0);

	return now > a->signed_time_ms ? now : a->signed_time_ms;
}

static void on_contact(void *ctx, bool made, const char *parent, const struct err *why)
{
	if (made) {
		log_info("in contact with %s", parent);
		return;
	}
	log_limited(LOG_WARN_, "contact", 600000, "no contact with %s: %s", parent, why->text);
	if (why->code == ERR_UNAUTHORIZED) /* our certificate has ended, by the parent's clock */
		renew(ctx);
}

/* The parent saw another one with our identity, or says so: the server shall judge by what we say to it. What comes down for
 * us may be taken by the other one meanwhile, so what is not answered is asked often. */
static void on_copies(void *ctx)
{
	struct agent *a = ctx;

	report_speak(a);
	if (a->ask_ms <= ASK_COPIES_MS)
		return;
	a->ask_ms = ASK_COPIES_MS;
	if (event_pending(a->ask_timer, EV_TIMEOUT, NULL))
		ask_in(a, a->ask_ms);
}

static const struct uplink_ops uplink_ops = {on_hello, on_collect, on_accepted, on_lost, on_down,
	on_judge, on_parent, on_waiting, on_contact, on_copies};

/* ---- parents, certificates ---- */

static int parents_apply(struct agent *a, struct err *e)
{
	const char *list[PARENTS_MAX];
	char *copy = xstrdup(a->conf->parents ? a->conf->parents : ""), *fields[PARENTS_MAX];
	struct json *doc = NULL;
	size_t n = 0;
	int rc;

	if (*copy) {
		n = text_split(copy, ",", fields, PARENTS_MAX);
		for (size_t i = 0; i < n; i++)
			list[i] = text_trim(fields[i]);
	} else {
		n = identity_parents(&a->id, &doc, list, PARENTS_MAX);
	}
	rc = uplink_set_parents(a->uplink, list, n, e);
	json_free(doc);
	free(copy);
	return rc;
}

static int tls_apply(struct agent *a, struct err *e)
{
	SSL_CTX *ctx = identity_client_ctx(&a->id, e);

	if (!ctx)
		return -1;
	uplink_set_tls(a->uplink, ctx);
	SSL_CTX_free(ctx);
	return 0;
}

void agent_trim(void)
{
	extern const char __executable_start, etext;
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE),
		  from = (uintptr_t)&__executable_start & ~(page - 1),
		  to = (uintptr_t)&etext & ~(page - 1);

	zbody_trim();
	malloc_trim(0);
	/* The start, a handshake and a look at the machine go through most of our code once. It is never written, so what is
	 * needed again comes from the file; the rest need not stay mapped. */
	(void)madvise((void *)from, to - from, MADV_DONTNEED);
}

/* Every few minutes, when a renewal is due, and whenever something came that has to be put in force outside the uplink's callback. */
static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct agent *a = arg;
	struct timeval again;
	struct err e = ERR_INIT;
	int64_t wait;

	if ((a->parents_stale && parents_apply(a, &e) < 0) ||
		(a->tls_stale && tls_apply(a, &e) < 0))
		log_error("%s", e.text);
	a->parents_stale = a->tls_stale = false;
	if (identity_renew_due(&a->id, certificate_now(a)))
		renew(a);
	jobs_forget_before(a->jobs, order_now(a));
	if (clock_mono_ms() - a->resent_mono >
		HOURLY_MS) { /* accepted for so long and not committed */
		spool_lost(a->spool, 0);
		a->resent_mono = clock_mono_ms();
	}
	wait = identity_renew_wait_ms(&a->id, certificate_now(a), TIMER_MS);
	again = (struct timeval){wait / 1000, wait % 1000 * 1000};
	event_add(a->timer, &again);
	agent_trim();
}

static void on_signal(evutil_socket_t sig, short what, void *arg)
{
	event_base_loopbreak(arg);
}

/* ---- opening and closing ---- */

static int spool_start(struct agent *a, struct err *e)
{
	char dir[1200];
	struct spool_conf conf = {.dir = dir,
		.agent = a->id.id,
		.max_bytes = a->conf->spool_max_bytes,
		.max_files = SPOOL_FILES_MAX};

	snprintf(dir, sizeof dir, "%s/spool", a->dir);
	memcpy(conf.key, a->id.mac, sizeof conf.key);
	a->spool = spool_open(&conf, e);
	return a->spool ? 0 : -1;
}

static int jobs_start(struct agent *a, struct err *e)
{
	static const struct jobs_ops ops = {.on_started = outcome_started,
		.on_live = outcome_live,
		.on_outcome = outcome_ended};
	char dir[1200];
	struct jobs_conf conf = {.dir = dir,
		.base = a->base,
		.running_max = (int)a->conf->jobs,
		.ops = &ops,
		.ctx = a,
		.now_ms = order_now(a)};

	snprintf(dir, sizeof dir, "%s/jobs", a->dir);
	a->jobs = jobs_open(&conf, e);
	return a->jobs ? 0 : -1;
}

static int uplink_begin(struct agent *a, struct err *e)
{
	const struct agent_conf *c = a->conf;
	struct uplink_conf conf = {.base = a->base,
		.dns = a->dns,
		.ops = &uplink_ops,
		.ctx = a,
		.version = HIM_VERSION,
		.stream = spool_stream(a->spool),
		.hold_ms = c->hold_ms,
		.poll_ms = c->poll_ms,
		.keepalive_ms = c->keepalive_ms,
		.retry_max_ms = c->retry_max_ms,
		.better_ms = c->better_ms};

	a->uplink = uplink_new(&conf);
	return tls_apply(a, e) < 0 || parents_apply(a, e) < 0 ? -1 : 0;
}

static int open_all(struct agent *a, struct err *e)
{
	struct timeval soon = {1, 0};

	a->base = loop_new();
	a->dns = evdns_base_new(
		a->base, EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE);
	buf_init(&a->live, 512u << 10);
	buf_init(&a->renewal, 65536);
	if (identity_load(a->dir, &a->id, e) < 0)
		return e->code == ERR_NOT_FOUND
			? err_set(e, ERR_USAGE,
				  "not enrolled: run him-agent enroll first (no identity in %s)",
				  a->dir)
			: -1;
	order_load_time(a);
	if (spool_start(a, e) < 0 || uplink_begin(a, e) < 0 || jobs_start(a, e) < 0 ||
		report_open(a, e) < 0)
		return -1;
	rules_open(a);
	a->ask_timer = event_new(a->base, -1, 0, on_ask, a);
	a->ask_ms = ASK_MIN_MS;
	a->timer = event_new(a->base, -1, 0, on_timer, a);
	event_add(a->timer, &soon);
	return 0;
}

static void close_all(struct agent *a)
{
	report_close(a);
	jobs_close(a->jobs);
	uplink_free(a->uplink);
	spool_close(a->spool);
	identity_release(&a->id);
	buf_release(&a->live);
	buf_release(&a->renewal);
	outcome_close(a);
	if (a->timer)
		event_free(a->timer);
	if (a->ask_timer)
		event_free(a->ask_timer);
	if (a->dns)
		evdns_base_free(a->dns, 1);
	loop_free(a->base);
}

int agent_run(const struct agent_conf *conf, struct err *e)
{
	struct agent *a = xcalloc(1, sizeof *a);
	struct event *term = NULL, *intr = NULL;
	char lock[1200];
	int rc = -1, fd;

	a->conf = conf;
	snprintf(a->dir, sizeof a->dir, "%s/agent", conf->home);
	snprintf(lock, sizeof lock, "%s/lock", a->dir);
	fd = file_mkdirs(a->dir, 0700, e) < 0 ? -1 : file_lock(lock, NULL, e);
	if (fd < 0) {
		free(a);
		return -1;
	}
	signal(SIGPIPE, SIG_IGN); /* writing to a peer that went away is an error, not the end */
	rc = open_all(a, e);
	if (rc == 0) {
		term = evsignal_new(a->base, SIGTERM, on_signal, a->base);
		intr = evsignal_new(a->base, SIGINT, on_signal, a->base);
		evsignal_add(term, NULL);
		evsignal_add(intr, NULL);
		log_info("agent %s of %s, version %s", a->id.id, a->id.site, HIM_VERSION);
		uplink_start(a->uplink);
		event_base_dispatch(a->base);
		event_free(term);
		event_free(intr);
	}
	close_all(a);
	free(a);
	close(fd);
	return rc;
}
