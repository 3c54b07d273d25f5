/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Newcomers: a sealed box with a token and a certificate request comes in (directly, or through a relay that cannot
 * read it); in one transaction the token is spent, an agent and its machine or relay are made, its certificate is
 * issued; a sealed answer goes out. Failures make an address wait (rate.h).
 */
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "server/api.h"
#include "server/dispatch.h"
#include "server/rate.h"
#include "store/store_event.h"
#include "store/store_people.h"
#include "store/store_trust.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_MAX 65536
#define NAME_MAX_ 255
#define ADDRESSES_MAX 16

struct enrolment {
	struct store_job job;
	struct server *s;
	struct http_req *req; /* NULL: gone */
	struct arena *arena;
	uint8_t key[SEAL_SECRET_BYTES];
	struct json *asked;
	const char *role, *token, *csr, *box, *name, *addresses;
	char id[ID_SIZE], machine[ID_SIZE];
	const char *site, *from;
	struct buf chain, relays;
};

static void free_all(struct enrolment *n)
{
	json_free(n->asked);
	buf_release(&n->chain);
	buf_release(&n->relays);
	explicit_bzero(n->key, sizeof n->key);
	arena_free(n->arena);
	free(n);
}

/* ---- the answer ---- */

static void answer(struct enrolment *n, struct json *j)
{
	struct err e = ERR_INIT;
	struct buf text, box;

	buf_init(&text, 2u << 20);
	buf_init(&box, (2u << 20) + 64);
	if (json_print(j, &text) < 0 || seal_answer(n->key, text.data, text.len, &box, &e) < 0) {
		err_set(&e, ERR_INTERNAL, "the answer cannot be sealed");
		http_reply_err(n->req, &e);
	} else {
		http_reply(n->req, 200, "application/octet-stream", box.data, box.len);
	}
	buf_release(&text);
	buf_release(&box);
}

static void answer_err(struct enrolment *n, const struct err *e)
{
	struct json *j = json_object(), *x = json_object();

	json_set_int(x, "status", err_http(e->code));
	json_set_string(x, "field", e->field);
	json_set_string(x, "text", e->text);
	json_set(j, "error", x);
	answer(n, j);
	json_free(j);
}

static void answer_ok(struct enrolment *n)
{
	struct json *j = json_object();
	struct buf b64;

	buf_init(&b64, 2u << 20);
	text_base64(n->relays.data, n->relays.len, &b64);
	json_set_string(j, "id", n->id);
	json_set_string(j, "cert", buf_str(&n->chain));
	json_set_string(j, "site", n->site);
	json_set_string(j, "relays", buf_str(&b64));
	answer(n, j);
	buf_release(&b64);
	json_free(j);
}

/* ---- in the writer thread ---- */

static int work(struct store_job *job, struct db *db)
{
	struct enrolment *n = (struct enrolment *)job;
	bool relay = strcmp(n->role, "relay") == 0;
	int64_t now = clock_now_ms();
	struct token t;
	char hash[65];

	secret_hash(n->token, hash);
	if (token_spend(db, hash, n->role, now, n->arena, &t, &job->err) < 0)
		return -1;
	id_new(n->id);
	id_new(n->machine);
	n->site = t.site;
	struct agent x = {.id = n->id,
		.machine = relay ? NULL : n->machine,
		.role = n->role,
		.site = t.site,
		.token = t.id,
		.box = n->box};
	struct event_row v = {.kind = relay ? "relay.enrolled" : "machine.enrolled",
		.site = t.site,
		.machine = x.machine,
		.text = arena_printf(n->arena, "%s %s enrolled with token %s",
			relay ? "relay" : "machine", n->name, t.id)};
	buf_clear(&n->chain);
	if (keys_issue(&n->s->keys, n->csr, relay ? PKI_RELAY : PKI_AGENT, n->id, &n->chain,
		    &x.cert_until, &job->err) < 0 ||
		trust_enrol(db, &x, n->name, n->addresses, now, &job->err) < 0)
		return -1;
	buf_clear(&n->relays);
	return lists_relays_frame(n->s, db, &n->relays, &job->err) < 0
		? -1
		: event_put(db, &v, &job->err);
}

static void done(struct store_job *job)
{
	struct enrolment *n = (struct enrolment *)job;

	if (job->err.code == ERR_UNAUTHORIZED)
		rate_failed(n->s->enrol_rate, n->from, clock_mono_ms());
	if (job->err.code) {
		n->s->counts.enrol_refused++;
		log_limited(
			LOG_WARN_, "enrol", 10000, "an enrolment was refused: %s", job->err.text);
	} else {
		n->s->counts.enrolled++;
		api_events(n->s->api);
		lists_relays(n->s); /* broadcasts it when it is another */
	}
	if (n->req) {
		http_set_on_gone(n->req, NULL, NULL);
		if (job->err.code)
			answer_err(n, &job->err);
		else
			answer_ok(n);
	}
	free_all(n);
}

/* ---- the request ---- */

static int name_check(const char *name, struct err *e)
{
	if (!*name)
		return err_field(e, ERR_INVALID, "name", "name must not be empty");
	for (const char *p = name; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return err_field(
				e, ERR_INVALID, "name", "name must not hold control characters");
	return 0;
}

static int parse(struct enrolment *n, const char *text, size_t len, struct err *e)
{
	static const char *const keys[] = {
		"role", "token", "csr", "box", "name", "addresses", NULL};
	const struct json *addresses;
	uint8_t box[BOX_KEY_BYTES];
	struct buf b;

	n->asked = json_parse(text, len, e);
	if (!n->asked || json_only(n->asked, keys, e) < 0 ||
		json_take_string(n->asked, "role", true, 5, &n->role, e) < 0 ||
		json_take_string(n->asked, "token", true, 256, &n->token, e) < 0 ||
		json_take_string(n->asked, "csr", true, 8192, &n->csr, e) < 0 ||
		json_take_string(n->asked, "box", true, 64, &n->box, e) < 0 ||
		json_take_string(n->asked, "name", true, NAME_MAX_, &n->name, e) < 0 ||
		name_check(n->name, e) < 0)
		return -1;
	if (strcmp(n->role, "agent") != 0 && strcmp(n->role, "relay") != 0)
		return err_field(e, ERR_INVALID, "role", "role must be agent or relay");
	if (text_unhex(n->box, box, sizeof box) < 0)
		return err_field(e, ERR_INVALID, "box", "box must be an X25519 public key in hex");
	addresses = json_get(n->asked, "addresses");
	if (json_len(addresses) > ADDRESSES_MAX)
		return err_field(
			e, ERR_TOO_LARGE, "addresses", "at most %d addresses", ADDRESSES_MAX);
	buf_init(&b, 8192);
	if (json_type(addresses) == JSON_ARRAY && json_print(addresses, &b) == 0)
		n->addresses = arena_strdup(n->arena, buf_str(&b));
	buf_release(&b);
	return 0;
}

static void gone(void *ctx, struct http_req *req)
{
	((struct enrolment *)ctx)->req = NULL;
}

void enrol_handle(struct server *s, struct http_req *req)
{
	struct enrolment *n = xcalloc(1, sizeof *n);
	struct err e = ERR_INIT;
	struct buf text;
	size_t len;
	const char *body = http_body(req, &len);

	n->s = s;
	n->req = req;
	n->arena = arena_new();
	n->from = arena_strdup(n->arena, http_remote(req));
	n->job.work = work;
	n->job.done = done;
	buf_init(&n->chain, PKI_PEM_MAX);
	buf_init(&n->relays, FRAME_BODY_MAX + FRAME_LINE_MAX);
	buf_init(&text, REQUEST_MAX);
	if (len > REQUEST_MAX)
		err_set(&e, ERR_TOO_LARGE, "an enrolment has %zu bytes; the limit is %d", len,
			REQUEST_MAX);
	else if (rate_check(s->enrol_rate, n->from, clock_mono_ms(), &e) < 0 ||
		seal_open_request(s->keys.box, body, len, &text, n->key, &e) < 0)
		; /* answered in the open: there is no key to seal with */
	else if (parse(n, text.data, text.len, &e) < 0) {
		s->counts.enrol_refused++;
		answer_err(n, &e);
		free_all(n);
		n = NULL;
	} else {
		http_set_on_gone(req, gone, n);
		store_write(s->store, &n->job);
		n = NULL;
	}
	if (text.data)
		explicit_bzero(text.data, text.len);
	buf_release(&text);
	if (!n)
		return;
	s->counts.enrol_refused++;
	http_reply_err(req, &e);
	free_all(n);
}
