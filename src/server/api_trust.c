/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolment seen by people: tokens, the line that adds a machine, and the agent that it downloads. */
#include "base/file.h"
#include "base/id.h"
#include "base/text.h"
#include "server/call.h"
#include "store/store_people.h"
#include "store/store_trust.h"
#include <stdio.h>
#include <string.h>

#define YEAR_MS 31622400000LL
#define AGENT_MAX (64u << 20)

static int tokens(struct call *c, struct db *db)
{
	struct json *array = json_array();
	struct token *rows;
	size_t n;

	c->json = json_object();
	json_set(c->json, "tokens", array);
	json_set(c->json, "next", NULL);
	if (token_list(db, &c->scope, c->arena, &rows, &n, &c->job.err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		json_add(array, call_record(&model_records[MODEL_token], &rows[i], false));
	return 0;
}

/* The order is checked, the token made and noted; *secret is shown once. */
static int make(struct call *c, struct db *db, struct token *t, const char **secret)
{
	static const char *const keys[] = {"role", "site", "uses", "expires_ms", NULL};
	char *id = arena_alloc(c->arena, ID_SIZE), *hash = arena_alloc(c->arena, 65);
	const char *role = "agent", *site = "default";
	int64_t uses = 1, lasts = 86400000;
	unsigned char random[24];
	struct json *detail;
	struct buf b;

	if (c->body && (json_only(c->body, keys, &c->job.err) < 0 || json_take_string(c->body, "role", false, 5, &role, &c->job.err) < 0 ||
			       json_take_string(c->body, "site", false, 64, &site, &c->job.err) < 0 ||
			       json_take_int(c->body, "uses", false, 1, 1000000, &uses, &c->job.err) < 0 ||
			       json_take_int(c->body, "expires_ms", false, 60000, YEAR_MS, &lasts, &c->job.err) < 0))
		return -1;
	if (strcmp(role, "agent") != 0 && strcmp(role, "relay") != 0)
		return err_field(&c->job.err, ERR_INVALID, "role", "role must be agent or relay");
	if (text_label(site, "site", 64, &c->job.err) < 0)
		return -1;
	if (!call_may(c, ROLE_ADMINISTRATOR, strcmp(role, "relay") == 0 ? "*" : site))
		return err_set(&c->job.err, ERR_FORBIDDEN, "this needs the role administrator %s",
			strcmp(role, "relay") == 0 ? "everywhere" : "at that site");
	random_bytes(random, sizeof random);
	buf_init(&b, 128);
	text_base64url(random, sizeof random, &b);
	*secret = arena_strdup(c->arena, buf_str(&b));
	buf_release(&b);
	id_new(id);
	secret_hash(*secret, hash);
	*t = (struct token){.id = id, .hash = hash, .role = role, .site = site, .uses = uses, .made = c->now_ms,
		.expires = c->now_ms + lasts, .by = c->who};
	detail = json_object();
	json_set_string(detail, "role", role);
	json_set_string(detail, "site", site);
	json_set_int(detail, "uses", uses);
	return token_create(db, t, &c->job.err) < 0 ? (json_free(detail), -1) : call_audit(c, db, "token.create", id, detail);
}

static int token_make(struct call *c, struct db *db)
{
	const char *secret;
	struct token t;

	if (make(c, db, &t, &secret) < 0)
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

/* The download is checked against the SHA-256 in the line, the server against the CA's fingerprint in the line: nothing is
 * trusted because it was there first. The token goes through standard input, never an argument list. */
static int enrol_line(struct call *c, struct db *db)
{
	const char *host = json_str(json_at(c->s->addresses, 0)), *secret;
	char pin[2 * PKI_PIN_BYTES + 1];
	struct token t;

	if (!c->s->agent_path[0])
		return err_set(&c->job.err, ERR_UNAVAILABLE, "this server has no agent binary to hand out (see --agent-binary)");
	if (make(c, db, &t, &secret) < 0)
		return -1;
	if (strcmp(t.role, "agent") != 0)
		return err_field(&c->job.err, ERR_INVALID, "role", "the line installs agents");
	text_hex(c->s->keys.pin, sizeof c->s->keys.pin, pin);
	c->json = json_object();
	json_set_string(c->json, "line",
		arena_printf(c->arena,
			"printf %%s '%s' | sudo sh -c 'set -e; d=$(mktemp -d); cd \"$d\"; curl -fsSko him-agent https://%s:%d/him/v1/file/him-agent;"
			" echo \"%s  him-agent\" | sha256sum -c --quiet; install -m 755 him-agent /usr/local/sbin/him-agent; cd /; rm -r \"$d\";"
			" /usr/local/sbin/him-agent enroll --server %s:%d --ca-fingerprint %s --token-file -; /usr/local/sbin/him-agent service'",
			secret, host, c->s->port, c->s->agent_sha256, host, c->s->port, pin));
	json_set_string(c->json, "token", t.id);
	json_set_time(c->json, "expires", t.expires);
	c->status = 201;
	return 0;
}

static int agent_file(struct call *c, struct db *db)
{
	struct buf b;
	int rc;

	if (!c->s->agent_path[0])
		return err_set(&c->job.err, ERR_NOT_FOUND, "this server has no agent binary to hand out");
	buf_init(&b, AGENT_MAX);
	rc = file_read(c->s->agent_path, &b, &c->job.err);
	if (rc == 0) {
		c->type = "application/octet-stream";
		c->bytes = arena_memdup(c->arena, b.data, b.len);
		c->bytes_len = b.len;
	}
	buf_release(&b);
	return rc;
}

const struct route routes_trust[] = {
	{HTTP_GET, "/api/v1/tokens", ROLE_ADMINISTRATOR, 0, tokens},
	{HTTP_POST, "/api/v1/tokens", ROLE_ADMINISTRATOR, ROUTE_WRITE, token_make},
	{HTTP_POST, "/api/v1/tokens/{}/revoke", ROLE_ADMINISTRATOR, ROUTE_WRITE, token_end},
	{HTTP_POST, "/api/v1/enrol-line", ROLE_ADMINISTRATOR, ROUTE_WRITE, enrol_line},
	{HTTP_GET, "/him/v1/file/him-agent", ROLE_NONE, ROUTE_PUBLIC, agent_file},
	{.pattern = NULL},
};
