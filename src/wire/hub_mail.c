/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mailboxes of the hub. Mail lives in memory until its child acknowledges it; the owner's disk is what
 * survives (the server's database, the relay's spool), and re-posts after a restart.
 *
 * Invariants: a child's mails stand in the order of their cursors; cursors of one child only rise, from a
 * random start, so that an acknowledgement from before a restart cannot free anything; a key stands at
 * most once; a record lives while a mail refers to it.
 */
#include "wire/hub_internal.h"
#include "base/arena.h"
#include "base/id.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SWEEP_S 1 /* so long a record may wait for its first mail */

/* The lists, by slot. */
static const struct {
	const char *type;
	bool relays_only;
	bool rides_along; /* who has one is not answered for a newer one */
	bool pings;       /* an urgent one is worth a ping to those that do not hold */
} lists[HUB_BROADCASTS] = {
	{"revoked", true, false, false},
	{"relays", false, false, false},
	{"time", false, true, false},
	{"providers", false, false, true},
};

int hub_list_slot(const char *type)
{
	for (int i = 0; i < HUB_BROADCASTS; i++)
		if (strcmp(lists[i].type, type) == 0)
			return i;
	return -1;
}

static void rec_free(struct hub *h, struct hub_rec *r)
{
	HASH_DEL(h->recs, r);
	free(r->frame);
	free(r);
}

static void rec_unref(struct hub *h, struct hub_rec *r)
{
	if (r && --r->refs == 0)
		rec_free(h, r);
}

void hub_records_sweep(struct hub *h)
{
	struct hub_rec *r, *tmp;

	HASH_ITER (hh, h->recs, r, tmp)
		if (r->refs == 0)
			rec_free(h, r);
}

static void mail_free(struct hub *h, struct hub_child *c, struct hub_mail *m)
{
	HASH_DEL(c->mails, m);
	h->counts.mail--;
	h->counts.mail_bytes -= (int64_t)m->len;
	rec_unref(h, m->rec);
	free(m->frame);
	free(m->key);
	free(m);
}

void hub_record(struct hub *h, const char *id, const void *frame, size_t len)
{
	struct timeval wait = {SWEEP_S, 0};
	struct hub_rec *r;

	HASH_FIND_STR(h->recs, id, r);
	if (r)
		return;
	r = xcalloc(1, sizeof *r);
	memcpy(r->id, id, strnlen(id, ID_LEN));
	r->frame = memcpy(xmalloc(len), frame, len);
	r->len = len;
	HASH_ADD_STR(h->recs, id, r);
	if (!evtimer_pending(h->sweep, NULL))
		evtimer_add(h->sweep, &wait);
}

bool hub_has_record(const struct hub *h, const char *id)
{
	struct hub_rec *r;

	HASH_FIND_STR(h->recs, id, r);
	return r != NULL;
}

int hub_post(struct hub *h, const struct hub_post *p, struct err *e)
{
	struct hub_child *c = hub_find(h, p->child);
	struct hub_rec *rec = NULL;
	struct hub_mail *m;

	if (p->record) {
		HASH_FIND_STR(h->recs, p->record, rec);
		if (!rec)
			return err_set(
				e, ERR_NOT_FOUND, "no signed record %s is known here", p->record);
	}
	if (h->counts.mail_bytes + (int64_t)p->len > (int64_t)h->conf.mail_max_bytes)
		return err_set(e, ERR_NO_SPACE, "the mailboxes hold their limit of %zu bytes",
			h->conf.mail_max_bytes);
	HASH_FIND_STR(c->mails, p->key, m);
	if (rec)
		rec->refs++; /* before the old mail lets go of it */
	bool told = m && m->told;
	if (m)
		mail_free(h, c, m);
	m = xcalloc(1, sizeof *m);
	m->key = xstrdup(p->key);
	m->cursor = c->next++;
	m->rec = rec;
	m->frame = memcpy(xmalloc(p->len ? p->len : 1), p->frame, p->len);
	m->len = p->len;
	m->lazy = p->lazy;
	m->told = told;
	m->tag = p->tag;
	HASH_ADD_KEYPTR(hh, c->mails, m->key, strlen(m->key), m);
	h->counts.mail++;
	h->counts.mail_bytes += (int64_t)m->len;
	if (!p->lazy || c->held)
		hub_wake(h, c);
	return 0;
}

bool hub_unpost(struct hub *h, const char *child, const char *key)
{
	struct hub_child *c = hub_find(h, child);
	struct hub_mail *m;

	HASH_FIND_STR(c->mails, key, m);
	if (!m)
		return false;
	mail_free(h, c, m);
	return true;
}

void hub_ack(struct hub *h, struct hub_child *c, uint64_t cursor)
{
	struct hub_mail *m, *tmp;

	if (cursor <= c->acked || cursor >= c->next)
		return;
	c->acked = cursor;
	HASH_ITER (hh, c->mails, m, tmp) {
		if (m->cursor > cursor)
			break;
		h->conf.ops->acked(h->conf.ctx, c->id, m->key, m->tag);
		mail_free(h, c, m);
	}
}

static bool list_due(const struct hub *h, const struct hub_child *c, int slot)
{
	const struct hub_list *l = &h->lists[slot];

	return l->frame && l->version > c->given[slot] &&
		(!lists[slot].relays_only || c->role == PKI_RELAY);
}

bool hub_mail_urgent(const struct hub *h, const struct hub_child *c)
{
	struct hub_mail *last =
		c->mails ? ELMT_FROM_HH(c->mails->hh.tbl, c->mails->hh.tbl->tail) : NULL;

	for (; last && last->cursor > c->delivered; last = last->hh.prev)
		if (!last->lazy)
			return true;
	for (int i = 0; i < HUB_BROADCASTS; i++)
		if (lists[i].pings && list_due(h, c, i))
			return true;
	return false;
}

bool hub_mail_any(const struct hub *h, const struct hub_child *c)
{
	for (int i = 0; i < HUB_BROADCASTS; i++)
		if (list_due(h, c, i) && !(lists[i].rides_along && c->given[i]))
			return true;
	return c->mails != NULL;
}

static bool mail_add(struct hub *h, struct hub_mail *m, struct buf *out)
{
	struct hub_rec *r = m->rec;
	size_t need = m->len + (r && r->mark != h->answers ? r->len : 0);

	if (out->len && out->len + need > HUB_ANSWER_BYTES)
		return false;
	if (r && r->mark != h->answers) {
		buf_add(out, r->frame, r->len);
		r->mark = h->answers;
	}
	buf_add(out, m->frame, m->len);
	assert(!out->full); /* one record and one mail always fit */
	return true;
}

uint64_t hub_mail_collect(struct hub *h, struct hub_child *c, struct buf *out, bool *more)
{
	struct hub_mail *m, *tmp;
	uint64_t cursor = c->acked;

	h->answers++;
	*more = false;
	if (c->renew_only) {
		HASH_ITER (hh, c->mails, m, tmp)
			if (strncmp(m->key, "cert:", 5) == 0)
				*more |= !mail_add(h, m, out);
		return cursor;
	}
	for (int i = 0; i < HUB_BROADCASTS; i++) {
		if (!list_due(h, c, i))
			continue;
		buf_add(out, h->lists[i].frame, h->lists[i].len);
		c->given[i] = h->lists[i].version;
	}
	HASH_ITER (hh, c->mails, m, tmp) {
		if (!mail_add(h, m, out)) {
			*more = true;
			break;
		}
		cursor = m->cursor;
	}
	if (cursor > c->delivered)
		c->delivered = cursor;
	return cursor;
}

/* Tells the owner of every mail that the child was now told of. */
void hub_mail_told(struct hub *h, struct hub_child *c)
{
	struct hub_mail *m;

	if (!h->conf.ops->told || !c->mails)
		return;
	m = ELMT_FROM_HH(c->mails->hh.tbl, c->mails->hh.tbl->tail);
	for (; m && !m->told; m = m->hh.prev) {
		m->told = true;
		if (!m->lazy)
			h->conf.ops->told(h->conf.ctx, c->id, m->key, m->tag);
	}
}

void hub_mail_clear(struct hub *h, struct hub_child *c)
{
	struct hub_mail *m, *tmp;

	HASH_ITER (hh, c->mails, m, tmp)
		mail_free(h, c, m);
}

void hub_broadcast(struct hub *h, const char *type, int64_t version, const void *frame, size_t len,
	bool urgent)
{
	int slot = hub_list_slot(type);
	struct hub_child *c, *tmp;
	struct hub_list *l;

	assert(slot >= 0);
	l = &h->lists[slot];
	/* Two were read at once, and the older one came later. */
	if (version < l->version && !lists[slot].rides_along)
		return;
	free(l->frame);
	l->frame = memcpy(xmalloc(len), frame, len);
	l->len = len;
	l->version = version;
	if (!urgent)
		return;
	HASH_ITER (hh, h->children, c, tmp)
		if (c->held || lists[slot].pings)
			hub_wake(h, c);
}
