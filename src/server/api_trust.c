/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolment seen by people: tokens, the line that adds a machine, and the agent that it downloads. */
#include "base/id.h"
#include "base/text.h"
#include "server/call.h"
#include "store/store_people.h"
#include "store/store_trust.h"
#include <stdio.h>
#include <string.h>

#define DAY_MS 86400000LL
#define YEAR_MS 31622400000LL
#define SECRET_BYTES 24

static int tokens(struct call *c, struct db *db)
{
	struct json *array;
	struct token *rows;
	size_t n;

	if (token_list(db, &c->scope, c->arena, &rows, &n, &c->job.err) < 0)
		return -1;
	c->json = json_object();
	json_set(c->json, "tokens", array = json_array());
	json_set(c->json, "next", NULL);
	for (size_t i = 0; i < n; i++)
		json_add(array, call_record(&model_records[MODEL_token], &rows[i], false));
	return 0;
}

struct token_order {
	const char *role, *site;
	int64_t uses, lasts_ms;
};

static int order_take(struct call *c, struct token_order *o)
{
	static const char *const keys[] = {"role", "site", "uses", "expires_ms", NULL};
	struct err *e = &c->job.err;

	*o = (struct token_order){"agent", "default", 1, DAY_MS};
	if (c->body &&
		(call_body(c, keys) < 0 ||
			json_take_string(c->body, "role", false, 5, &o->role, e) < 0 ||
			json_take_string(c->body, "site", false, 64, &o->site, e) < 0 ||
			json_take_int(c->body, "uses", false, 1, 1000000, &o->uses, e) < 0 ||
			json_take_int(
				c->body, "expires_ms", false, 60000, YEAR_MS, &o->lasts_ms, e) < 0))
		return -1;
	if (strcmp(o->role, "agent") != 0 && strcmp(o->role, "relay") != 0)
		return err_field(e, ERR_INVALID, "role", "role must be agent or relay");
	if (text_label(o->site, "site", 64, e) < 0)
		return -1;
	if (call_may(c, ROLE_ADMINISTRATOR, strcmp(o->role, "relay") == 0 ? "*" : o->site))
		return 0;
	return err_set(e, ERR_FORBIDDEN, "this needs the role administrator %s",
		strcmp(o->role, "relay") == 0 ? "everywhere" : "at that site");
}

static const char *secret_new(struct arena *a)
{
	unsigned char random[SECRET_BYTES];
	const char *text;
	struct buf b;

	random_bytes(random, sizeof random);
	buf_init(&b, 128);
	text_base64url(random, sizeof random, &b);
	text = arena_strdup(a, buf_str(&b));
	buf_release(&b);
	return text;
}

/* The token is made and noted; *secret is shown once. */
static int make(struct call *c, struct db *db, const struct token_order *o, struct token *t,
	const char **secret)
{
	char *id = arena_alloc(c->arena, ID_SIZE), *hash = arena_alloc(c->arena, 65);
	struct json *detail;

	*secret = secret_new(c->arena);
	id_new(id);
	secret_hash(*secret, hash);
	*t = (struct token){.id = id,
		.hash = hash,
		.role = o->role,
		.site = o->site,
		.uses = o->uses,
		.made = c->now_ms,
		.expires = c->now_ms + o->lasts_ms,
		.by = c->who};
	if (token_create(db, t, &c->job.err) < 0)
		return -1;
	detail = json_object();
	json_set_string(detail, "role", o->role);
	json_set_string(detail, "site", o->site);
	json_set_int(detail, "uses", o->uses);
	json_set_time(detail, "expires", t->expires);
	return call_audit(c, db, "token.create", id, detail);
}

static int token_make(struct call *c, struct db *db)
{
	struct token_order o;
	const char *secret;
	struct token t;

	if (order_take(c, &o) < 0 || make(c, db, &o, &t, &secret) < 0)
		return -1;
	c->json = call_record(&model_records[MODEL_token], &t, false);
	json_set_string(c->json, "token", secret);
	c->status = 201;
	return 0;
}

static int token_end(struct call *c, struct db *db)
{
	c->status = 204;
	return token_revoke(db, c->params[0], &c->scope, c->now_ms, &c->job.err) < 0
		? -1
		: call_audit(c, db, "token.revoke", c->params[0], NULL);
}

/* "host:port", an IPv6 address in brackets. */
static const char *reached_at(struct call *c)
{
	const char *host = json_str(json_at(c->s->addresses, 0));

	return arena_printf(c->arena, strchr(host, ':') ? "[%s]:%d" : "%s:%d", host, c->s->port);
}

/* The download is checked against the SHA-256 in the line, the server against the CA's fingerprint in the line: nothing is
 * trusted because it was there first. The token goes through standard input, never an argument list. */
static int enrol_line(struct call *c, struct db *db)
{
	const char *at = reached_at(c), *secret;
	char pin[2 * PKI_PIN_BYTES + 1];
	struct token_order o;
	struct token t;

	if (!c->s->agent_path[0])
		return err_set(&c->job.err, ERR_UNAVAILABLE,
			"this server has no agent binary to hand out (see --agent-binary)");
	if (order_take(c, &o) < 0)
		return -1;
	if (strcmp(o.role, "agent") != 0)
		return err_field(&c->job.err, ERR_INVALID, "role", "the line installs agents");
	if (make(c, db, &o, &t, &secret) < 0)
		return -1;
	text_hex(c->s->keys.pin, sizeof c->s->keys.pin, pin);
	c->json = json_object();
	json_set_string(c->json, "line",
		arena_printf(c->arena,
			"printf %%s '%s' | $([ $(id -u) = 0 ] || echo sudo) sh -c 'set -e; "
			"d=$(mktemp -d); trap \"rm -rf $d\" EXIT; cd \"$d\"; "
			"curl -fsSko him-agent https://%s/him/v1/file/him-agent;"
			" echo \"%s  him-agent\" | sha256sum -c; mkdir -p /usr/local/sbin; "
			"chmod 755 him-agent; mv -f him-agent /usr/local/sbin/; cd /;"
			" /usr/local/sbin/him-agent enroll --server %s --ca-fingerprint %s "
			"--token-file -; /usr/local/sbin/him-agent service'",
			secret, at, c->s->agent_sha256, at, pin));
	json_set_string(c->json, "token", t.id);
	json_set_time(c->json, "expires", t.expires);
	c->status = 201;
	return 0;
}

static int agent_file(struct call *c, struct db *db)
{
	if (!c->s->agent_path[0])
		return err_set(
			&c->job.err, ERR_NOT_FOUND, "this server has no agent binary to hand out");
	c->file = c->s->agent_path;
	c->type = "application/octet-stream";
	return 0;
}

const struct route routes_trust[] = {
	{HTTP_GET, "/api/v1/tokens", ROLE_ADMINISTRATOR, 0, tokens},
	{HTTP_POST, "/api/v1/tokens", ROLE_ADMINISTRATOR, ROUTE_WRITE, token_make},
	{HTTP_POST, "/api/v1/tokens/{}/revoke", ROLE_ADMINISTRATOR, ROUTE_WRITE, token_end},
	{HTTP_POST, "/api/v1/enrol-line", ROLE_ADMINISTRATOR, ROUTE_WRITE, enrol_line},
	{HTTP_GET, "/him/v1/file/him-agent", ROLE_NONE, ROUTE_PUBLIC, agent_file},
	{.pattern = NULL},
};
