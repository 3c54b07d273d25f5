/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the server sends through this relay. Signed lists that are for relays (revoked, relays, time, providers) are
 * checked and put in force; everything else is passed on without being interpreted: `give`, `committed` and
 * the like go into the mailbox of the next hop, under a key that makes a second copy replace the first.
 */
#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "relay/relay.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How each kind of mail is keyed: the attributes that make it the same mail, and whether it can wait until the
 * child comes by itself, and need not survive: the child asks again. */
static const struct {
	const char *kind, *attr;
	bool lazy;
} mails[] = {
	{"give", "record", false},
	{"committed", "stream", true},
	{"resend", "stream", false},
	{"full", NULL, false},
	{"cert", NULL, false},
};

/* ---- lists ---- */

static int revoked_take(struct relay *r, const struct signed_record *s, struct err *e)
{
	struct revoked *x, *tmp;
	int64_t version;
	const char *p = s->body, *end = s->body + s->len;

	if (text_int(s->id, "version", 0, INT64_MAX, &version, e) < 0)
		return -1;
	if (version <= r->revoked_version)
		return 0;
	HASH_ITER (hh, r->revoked, x, tmp) {
		HASH_DEL(r->revoked, x);
		free(x);
	}
	while (p < end) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((eol ? eol : end) - p);
		x = xcalloc(1, sizeof *x);
		if (len == ID_LEN) {
			memcpy(x->id, p, ID_LEN);
			HASH_ADD_STR(r->revoked, id, x);
			if (r->hub) {
				hub_drop(r->hub, x->id, PKI_AGENT);
				hub_drop(r->hub, x->id, PKI_RELAY);
			}
		} else {
			free(x);
		}
		p += len + 1;
	}
	r->revoked_version = version;
	return 1;
}

/* Rules for the children's probes; here they only pass through. */
static int providers_take(struct relay *r, const struct signed_record *s, struct err *e)
{
	int64_t version;

	if (text_int(s->id, "version", 0, INT64_MAX, &version, e) < 0)
		return -1;
	if (version <= r->providers_version)
		return 0;
	r->providers_version = version;
	return 1;
}

static int64_t list_version(const struct relay *r, const struct signed_record *s)
{
	return strcmp(s->type, "revoked") == 0      ? r->revoked_version
		: strcmp(s->type, "relays") == 0    ? r->id.relays_version
		: strcmp(s->type, "providers") == 0 ? r->providers_version
						    : s->issued;
}

int down_list(struct relay *r, const char *name, const void *data, size_t len, struct err *e)
{
	struct signed_record s;
	struct frame f;
	size_t pos = 0;
	int got;

	if (frame_next(data, len, &pos, &f, e) <= 0 || signed_parse(&f, &s, e) < 0)
		return -1;
	if (!signed_check(&s, r->id.trust.signing) || strcmp(s.type, name) != 0)
		return err_set(e, ERR_FORBIDDEN, "a list '%s' that the server did not sign", name);
	if (strcmp(name, "relays") == 0)
		got = identity_take_relays(&r->id, &f, e);
	else
		got = strcmp(name, "revoked") == 0       ? revoked_take(r, &s, e)
			: strcmp(name, "providers") == 0 ? providers_take(r, &s, e)
							 : 1;
	if (strcmp(name, "time") == 0) {
		r->signed_ms = s.issued;
		r->signed_mono = clock_mono_ms();
	}
	if (got > 0 && r->hub)
		hub_broadcast(r->hub, name, list_version(r, &s), data, len,
			strcmp(name, "revoked") == 0 || strcmp(name, "providers") == 0);
	return got;
}

int64_t down_now(const struct relay *r)
{
	return r->signed_ms ? r->signed_ms + clock_mono_ms() - r->signed_mono : clock_now_ms();
}

/* ---- mail ---- */

/* The next hop: the first of the route, which is taken off; without a route the agent itself. */
static int next_hop(const struct frame *f, struct down *out, struct err *e)
{
	char route[513], agent[ID_SIZE], *comma;

	if (frame_text(f, "route", route, sizeof route) < 0 ||
		frame_text(f, "agent", agent, sizeof agent) < 0 || !id_valid(agent))
		return err_set(e, ERR_PROTOCOL, "a %s frame without agent and route", f->kind);
	if (!*route) {
		memcpy(out->child, agent, sizeof agent);
		return buf_add(&out->frame, f->raw, f->raw_len);
	}
	comma = strchr(route, ',');
	if (comma)
		*comma = '\0';
	if (!id_valid(route))
		return err_set(e, ERR_PROTOCOL, "a route that is not ids");
	memcpy(out->child, route, ID_SIZE);
	return frame_add_with(&out->frame, f, "route", comma ? comma + 1 : "");
}

static int mail_frame(const struct frame *f, size_t kind, struct down *out, struct err *e)
{
	char agent[ID_SIZE], which[64] = "";

	if (next_hop(f, out, e) < 0)
		return -1;
	frame_text(f, "agent", agent, sizeof agent);
	if (mails[kind].attr && frame_text(f, mails[kind].attr, which, sizeof which) < 0)
		return err_set(e, ERR_PROTOCOL, "a %s frame without %s", f->kind, mails[kind].attr);
	snprintf(out->key, sizeof out->key, "%s:%s:%s", mails[kind].kind, agent, which);
	if (strcmp(f->kind, "give") == 0)
		snprintf(out->record, sizeof out->record, "%.*s", ID_LEN, which);
	out->lazy = mails[kind].lazy;
	return 1;
}

static int sign_frame(struct relay *r, const struct frame *f, struct down *out, struct err *e)
{
	static const char *const lists[] = {"revoked", "relays", "time", "providers"};
	struct signed_record s;

	if (signed_parse(f, &s, e) < 0)
		return -1;
	if (!signed_check(&s, r->id.trust.signing))
		return err_set(
			e, ERR_FORBIDDEN, "a %s record that the server did not sign", s.type);
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		if (strcmp(s.type, lists[i]) == 0) {
			int got = down_list(r, lists[i], f->raw, f->raw_len, e);
			if (got > 0)
				keep_list(r, lists[i], f->raw, f->raw_len);
			if (got > 0 && strcmp(s.type, "relays") == 0)
				r->parents_stale = true;
			return got < 0 ? -1 : 0;
		}
	memcpy(out->record, s.id, sizeof out->record);
	out->deadline = s.deadline;
	return buf_add(&out->frame, f->raw, f->raw_len) < 0 ? -1 : 2;
}

static int own_cert(struct relay *r, const struct frame *f, struct err *e)
{
	int got = identity_renewed(&r->id, f->body, f->body_len, e);

	r->tls_stale |= got > 0;
	return got < 0 ? -1 : 0;
}

int down_frame(struct relay *r, const struct frame *f, struct down *out, struct err *e)
{
	char agent[ID_SIZE] = "";

	if (frame_is(f, "sign"))
		return sign_frame(r, f, out, e);
	frame_text(f, "agent", agent, sizeof agent);
	if (strcmp(agent, r->id.id) == 0) /* for ourselves */
		return frame_is(f, "cert") ? own_cert(r, f, e) : 0;
	for (size_t i = 0; i < sizeof mails / sizeof *mails; i++)
		if (frame_is(f, mails[i].kind))
			return mail_frame(f, i, out, e);
	return 0; /* a kind of a later version: not ours to judge */
}
