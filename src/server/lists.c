/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed lists: who is revoked, which relays there are, which rules name providers, what time it is. Each is read from the
 * database, signed and broadcast by the hub; children say which version they have. The set of the revoked also stands in memory, where
 * every request is judged against it.
 */
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "server/dispatch.h"
#include "store/store_setting.h"
#include "store/store_trust.h"
#include "wire/sign.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct list_job {
	struct store_job job;
	struct server *s;
	struct arena *arena;
	void (*set)(struct list_job *l); /* puts in force what was read, in the loop */
	const char *failure;
	bool urgent;
	const char **ids;
	size_t n;
	int64_t version;
	struct buf frame;
};

static struct list_job *job_new(struct server *s)
{
	struct list_job *l = xcalloc(1, sizeof *l);

	l->s = s;
	l->arena = arena_new();
	buf_init(&l->frame, FRAME_BODY_MAX + FRAME_LINE_MAX);
	return l;
}

static void job_free(struct list_job *l)
{
	buf_release(&l->frame);
	arena_free(l->arena);
	free(l);
}

static void list_done(struct store_job *job)
{
	struct list_job *l = (struct list_job *)job;

	if (job->err.code)
		log_error("%s: %s", l->failure, job->err.text);
	else
		l->set(l);
	job_free(l);
}

static int sign_list(const struct server *s, const char *type, int64_t version, const char *body,
	size_t len, struct buf *frame, struct err *e)
{
	struct signed_record r = {
		.issued = clock_now_ms(), .root = DIGEST_ZERO, .body = body, .len = len};

	snprintf(r.type, sizeof r.type, "%s", type);
	if (strcmp(type, "time") == 0)
		snprintf(r.id, sizeof r.id, "time");
	else
		snprintf(r.id, sizeof r.id, "%lld", (long long)version);
	return signed_add(frame, &r, s->keys.sign_seed) < 0
		? err_set(e, ERR_TOO_LARGE, "the list of %s is over its limit", type)
		: 0;
}

/* ---- revoked ---- */

static int revoked_work(struct store_job *job, struct db *db)
{
	struct list_job *l = (struct list_job *)job;
	struct buf body;
	int rc;

	if (trust_revoked(db, clock_now_ms(), l->arena, &l->ids, &l->n, &l->version, &job->err) < 0)
		return -1;
	buf_init(&body, FRAME_BODY_MAX);
	for (size_t i = 0; i < l->n; i++)
		buf_printf(&body, "%s\n", l->ids[i]);
	rc = body.full
		? err_set(&job->err, ERR_TOO_LARGE, "the list of the revoked is over its limit")
		: sign_list(l->s, "revoked", l->version, buf_str(&body), body.len, &l->frame,
			  &job->err);
	buf_release(&body);
	return rc;
}

static void revoked_set(struct list_job *l)
{
	struct server *s = l->s;
	struct revoked_id *x;

	for (size_t i = 0; i < l->n; i++) {
		HASH_FIND_STR(s->revoked, l->ids[i], x);
		if (x)
			continue;
		x = xcalloc(1, sizeof *x);
		snprintf(x->id, sizeof x->id, "%s", l->ids[i]);
		HASH_ADD_STR(s->revoked, id, x);
		if (s->hub) {
			hub_drop(s->hub, x->id, PKI_AGENT);
			hub_drop(s->hub, x->id, PKI_RELAY);
		}
	}
	s->revoked_version = l->version;
	if (s->hub)
		hub_broadcast(
			s->hub, "revoked", l->version, l->frame.data, l->frame.len, l->urgent);
}

void lists_revoked(struct server *s, bool urgent)
{
	struct list_job *l = job_new(s);

	l->urgent = urgent;
	l->job.work = revoked_work;
	l->job.done = list_done;
	l->set = revoked_set;
	l->failure = "the list of the revoked cannot be made";
	store_read(s->store, &l->job);
}

bool lists_is_revoked(const struct server *s, const char *id)
{
	struct revoked_id *x;

	HASH_FIND_STR(s->revoked, id, x);
	return x != NULL;
}

/* ---- relays ---- */

static int relays_body(
	struct server *s, struct db *db, struct arena *a, struct buf *out, struct err *e)
{
	struct json *j = json_object(), *relays = json_array(), *servers = json_array(),
		    *me = json_object();
	struct json *addresses = json_array();
	struct scope all = {.all = true};
	struct relay *list;
	char text[300];
	size_t n;
	int rc = relay_list(db, &all, a, &list, &n, e);

	for (size_t i = 0; rc == 0 && i < n; i++) {
		struct json *r;
		if (list[i].revoked)
			continue;
		r = json_object();
		json_set_string(r, "id", list[i].id);
		json_set_string(r, "site", list[i].site);
		json_set(r, "addresses",
			list[i].addresses
				? json_parse(list[i].addresses, strlen(list[i].addresses), NULL)
				: json_array());
		json_add(relays, r);
	}
	for (size_t i = 0; i < json_len(s->addresses); i++) {
		snprintf(text, sizeof text,
			strchr(json_str(json_at(s->addresses, i)), ':') ? "[%s]:%d" : "%s:%d",
			json_str(json_at(s->addresses, i)), s->machines_port);
		json_add(addresses, json_string(text));
	}
	json_set_string(me, "id", s->keys.id);
	json_set(me, "addresses", addresses);
	json_add(servers, me);
	json_set(j, "relays", relays);
	json_set(j, "servers", servers);
	if (rc == 0 && json_print(j, out) < 0)
		rc = err_set(e, ERR_TOO_LARGE, "the list of relays is over its limit");
	json_free(j);
	return rc;
}

/* The version moves only when the list is another: its digest is kept beside it. */
static int relays_make(struct server *s, struct db *db, struct arena *a, int64_t *version,
	struct buf *frame, struct err *e)
{
	char digest[DIGEST_LEN + 1];
	const char *had = NULL;
	struct buf body;
	int rc;

	buf_init(&body, FRAME_BODY_MAX);
	rc = relays_body(s, db, a, &body, e);
	if (rc == 0) {
		digest_hex(body.data, body.len, digest);
		rc = setting_get(db, "relays_digest", a, &had, e) < 0 ? -1 : 0;
	}
	if (rc == 0 && (!had || strcmp(had, digest) != 0))
		rc = setting_next(db, "relays_version", version, e) < 0 ||
				setting_set(db, "relays_digest", digest, e) < 0
			? -1
			: 0;
	else if (rc == 0)
		rc = setting_int(db, "relays_version", version, e);
	if (rc == 0)
		rc = sign_list(s, "relays", *version, buf_str(&body), body.len, frame, e);
	buf_release(&body);
	return rc;
}

static int relays_work(struct store_job *job, struct db *db)
{
	struct list_job *l = (struct list_job *)job;

	return relays_make(l->s, db, l->arena, &l->version, &l->frame, &job->err);
}

static void relays_set(struct list_job *l)
{
	if (l->version == l->s->relays_version)
		return;
	l->s->relays_version = l->version;
	hub_broadcast(l->s->hub, "relays", l->version, l->frame.data, l->frame.len, true);
}

void lists_relays(struct server *s)
{
	struct list_job *l = job_new(s);

	l->job.work = relays_work;
	l->job.done = list_done;
	l->set = relays_set;
	l->failure = "the list of relays cannot be made";
	store_write(s->store, &l->job);
}

int lists_relays_frame(struct server *s, struct db *db, struct buf *frame, struct err *e)
{
	struct arena *a = arena_new();
	int64_t version;
	int rc = relays_make(s, db, a, &version, frame, e);

	arena_free(a);
	return rc;
}

/* ---- rules for providers ---- */

static int providers_work(struct store_job *job, struct db *db)
{
	struct list_job *l = (struct list_job *)job;
	const char *text = NULL;

	if (setting_int(db, SETTING_PROVIDERS_VERSION, &l->version, &job->err) < 0 ||
		setting_get(db, SETTING_PROVIDERS, l->arena, &text, &job->err) < 0)
		return -1;
	if (l->version == 0)
		return 0;
	text = text ? text : "";
	return sign_list(l->s, "providers", l->version, text, strlen(text), &l->frame, &job->err);
}

static void providers_set(struct list_job *l)
{
	if (l->version)
		hub_broadcast(
			l->s->hub, "providers", l->version, l->frame.data, l->frame.len, l->urgent);
}

void lists_providers(struct server *s, bool urgent)
{
	struct list_job *l = job_new(s);

	l->urgent = urgent;
	l->job.work = providers_work;
	l->job.done = list_done;
	l->set = providers_set;
	l->failure = "the rules for providers cannot be handed down";
	store_read(s->store, &l->job);
}

/* ---- time ---- */

void lists_time(struct server *s)
{
	struct buf frame;

	buf_init(&frame, 4096);
	if (sign_list(s, "time", 0, "", 0, &frame, NULL) == 0)
		hub_broadcast(s->hub, "time", clock_now_ms(), frame.data, frame.len, false);
	buf_release(&frame);
}

/* ---- at the start ---- */

static int load(void *ctx, struct db *db, struct err *e)
{
	struct list_job *l = ctx;

	if (revoked_work(&l->job, db) < 0) {
		*e = l->job.err;
		return -1;
	}
	revoked_set(l);
	buf_clear(&l->frame);
	if (relays_make(l->s, db, l->arena, &l->version, &l->frame, e) < 0)
		return -1;
	l->s->relays_version = l->version;
	hub_broadcast(l->s->hub, "relays", l->version, l->frame.data, l->frame.len, false);
	buf_clear(&l->frame);
	if (providers_work(&l->job, db) < 0) {
		*e = l->job.err;
		return -1;
	}
	providers_set(l);
	return 0;
}

int lists_load(struct server *s, struct err *e)
{
	struct list_job *l = job_new(s);
	int rc = store_now(s->store, load, l, e);

	job_free(l);
	if (rc == 0)
		lists_time(s);
	return rc;
}
