/* SPDX-License-Identifier: Apache-2.0 */
/* People: login and logout, who I am, users and their roles, API tokens, the audit log. */
#include "base/id.h"
#include "base/text.h"
#include "server/api_internal.h"
#include "store/store_people.h"
#include <stdio.h>
#include <string.h>

#define SESSION_MS (12 * 3600000LL)
#define YEAR_MS 31622400000LL
#define SECRET_BYTES 32
#define PAGE_MAX 1000

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

/* A session or API token for a user; *secret is shown once. */
static int session_make(struct call *c, struct db *db, const char *user, const char *kind,
	int64_t lasts_ms, struct session *x, const char **secret)
{
	char *id = arena_alloc(c->arena, ID_SIZE), *hash = arena_alloc(c->arena, 65);

	id_new(id);
	*secret = secret_new(c->arena);
	secret_hash(*secret, hash);
	*x = (struct session){.id = id,
		.hash = hash,
		.user = user,
		.kind = kind,
		.csrf = secret_new(c->arena),
		.made = c->now_ms,
		.used = c->now_ms,
		.expires = c->now_ms + lasts_ms};
	return session_create(db, x, &c->job.err);
}

/* ---- login ---- */

static const char *cookie_text(struct call *c, const char *secret, int64_t lasts_ms)
{
	return arena_printf(c->arena,
		"him_session=%s; Path=/; HttpOnly; Secure; SameSite=Strict; Max-Age=%lld", secret,
		(long long)lasts_ms / 1000);
}

struct login {
	const char *name, *password, *fresh;
};

static int login_take_form(struct call *c, struct login *l)
{
	const char *fresh = call_form(c, "new_password"), *again = call_form(c, "again");

	l->name = call_form(c, "user");
	l->password = call_form(c, "password");
	l->fresh = fresh && *fresh ? fresh : NULL;
	if (!l->name || !l->password)
		return err_field(&c->job.err, ERR_INVALID, "user", "name and password are needed");
	if (l->fresh && (!again || strcmp(again, fresh) != 0))
		return err_field(&c->job.err, ERR_FORBIDDEN, "new_password",
			"the new password was not typed the same way twice");
	return 0;
}

static int login_take(struct call *c, struct login *l)
{
	static const char *const keys[] = {"user", "password", "new_password", NULL};
	struct err *e = &c->job.err;

	*l = (struct login){0};
	if (c->route->flags & ROUTE_FORM)
		return login_take_form(c, l);
	if (call_body(c, keys) < 0 ||
		json_take_string(c->body, "user", true, 64, &l->name, e) < 0 ||
		json_take_string(c->body, "password", true, PASSWORD_MAX, &l->password, e) < 0)
		return -1;
	return json_take_string(c->body, "new_password", false, PASSWORD_MAX, &l->fresh, e);
}

/* In a reader thread: the password is hashed here, and the writer has only to see that it is still the same. */
static int password_verify(
	struct call *c, struct db *db, const char *name, const char *password, struct user *u)
{
	if (user_login(db, name, password, c->arena, u, &c->job.err) < 0) {
		c->wrong = c->job.err.code == ERR_UNAUTHORIZED;
		return -1;
	}
	c->checked = u->password;
	return 0;
}

static int password_still(struct call *c, struct db *db, const char *name, struct user *u)
{
	int got = user_get(db, name, c->arena, u, &c->job.err);

	if (got < 0)
		return -1;
	if (got == 0 || u->disabled || !c->checked || strcmp(u->password, c->checked) != 0)
		return err_set(
			&c->job.err, ERR_CONFLICT, "the password was changed just now: try again");
	return 0;
}

int login_check(struct call *c, struct db *db)
{
	struct login l;
	struct user u;

	if (login_take(c, &l) < 0 || password_verify(c, db, l.name, l.password, &u) < 0)
		return -1;
	if (u.must_change && !l.fresh)
		return err_field(&c->job.err, ERR_FORBIDDEN, "new_password",
			"the password is one-time: choose a new one of at least %d characters "
			"(new_password)",
			PASSWORD_MIN);
	if (l.fresh && strcmp(l.fresh, l.password) == 0)
		return err_field(&c->job.err, ERR_INVALID, "new_password",
			"the new password is the old one");
	return 0;
}

/* field: what the new password is called in the request; NULL: it is one-time, made here. */
static int password_do(
	struct call *c, struct db *db, const char *name, const char *fresh, const char *field)
{
	if (user_password(db, name, fresh, !field, &c->job.err) < 0)
		return field && c->job.err.code == ERR_INVALID
			? err_field(&c->job.err, ERR_INVALID, field, "%s", c->job.err.text)
			: -1;
	c->first_password_used = strcmp(name, "admin") == 0;
	return call_audit(c, db, "user.password", name, NULL);
}

int login_do(struct call *c, struct db *db, const char **secret)
{
	struct session x;
	struct login l;
	struct user u;

	if (login_take(c, &l) < 0 || password_still(c, db, l.name, &u) < 0)
		return -1;
	c->who = u.name;
	if (l.fresh && password_do(c, db, u.name, l.fresh, "new_password") < 0)
		return -1;
	if (session_make(c, db, u.name, "session", SESSION_MS, &x, secret) < 0)
		return -1;
	c->csrf = x.csrf;
	c->cookie = cookie_text(c, *secret, SESSION_MS);
	return call_audit(c, db, "user.login", u.name, NULL);
}

static int login(struct call *c, struct db *db)
{
	const char *secret;

	if (login_do(c, db, &secret) < 0)
		return -1;
	c->json = json_object();
	json_set_string(c->json, "token", secret);
	json_set_time(c->json, "expires", c->now_ms + SESSION_MS);
	json_set_string(c->json, "csrf", c->csrf);
	return 0;
}

int logout_do(struct call *c, struct db *db)
{
	c->cookie = "him_session=; Path=/; HttpOnly; Secure; SameSite=Strict; Max-Age=0";
	if (!c->session)
		return 0;
	return session_end(db, c->session, c->user, &c->job.err) < 0
		? -1
		: call_audit(c, db, "user.logout", c->user, NULL);
}

static int logout(struct call *c, struct db *db)
{
	c->status = 204;
	return logout_do(c, db);
}

static struct json *grants_json(const struct grant *grants, size_t n)
{
	struct json *array = json_array();

	for (size_t i = 0; i < n; i++)
		json_add(array, call_record(&model_records[MODEL_grant], &grants[i], false));
	return array;
}

static int me(struct call *c, struct db *db)
{
	struct grant all = {.user = c->who, .site = "*", .role = "administrator"};

	c->json = json_object();
	json_set_string(c->json, "name", c->who);
	json_set(c->json, "grants",
		c->local ? grants_json(&all, 1) : grants_json(c->grants, c->grants_n));
	return 0;
}

/* ---- users ---- */

static int users(struct call *c, struct db *db)
{
	struct json *array;
	struct user *rows;
	size_t n;

	if (user_list(db, c->arena, &rows, &n, &c->job.err) < 0)
		return -1;
	c->json = json_object();
	json_set(c->json, "users", array = json_array());
	json_set(c->json, "next", NULL);
	for (size_t i = 0; i < n; i++) {
		struct json *x = call_record(&model_records[MODEL_user], &rows[i], false);
		struct grant *grants;
		size_t k;
		json_add(array, x);
		if (grant_list(db, rows[i].name, c->arena, &grants, &k, &c->job.err) < 0)
			return -1;
		json_set(x, "grants", grants_json(grants, k));
	}
	return 0;
}

static int site_check(const char *site, struct err *e)
{
	return strcmp(site, "*") == 0 ? 0 : text_label(site, "site", 64, e);
}

static int user_make(struct call *c, struct db *db)
{
	static const char *const keys[] = {"name", "site", "role", NULL};
	const char *name = NULL, *site = "*", *role = NULL, *password = secret_new(c->arena);
	enum role known;
	struct json *detail;

	if (call_body(c, keys) < 0 ||
		json_take_string(c->body, "name", true, 64, &name, &c->job.err) < 0 ||
		json_take_string(c->body, "site", false, 64, &site, &c->job.err) < 0 ||
		json_take_string(c->body, "role", false, 16, &role, &c->job.err) < 0 ||
		site_check(site, &c->job.err) < 0)
		return -1;
	if (role && role_parse(role, &known) < 0)
		return err_field(&c->job.err, ERR_INVALID, "role",
			"role must be viewer, operator or administrator");
	if (!role && json_has(c->body, "site"))
		return err_field(&c->job.err, ERR_INVALID, "role",
			"role must say what the user may do at that site");
	if (user_create(db, name, password, true, c->now_ms, &c->job.err) < 0 ||
		(role && grant_set(db, name, site, role, &c->job.err) < 0))
		return -1;
	detail = json_object();
	json_set_string(detail, "site", role ? site : NULL);
	json_set_string(detail, "role", role);
	c->json = json_object();
	json_set_string(c->json, "name", name);
	json_set_string(c->json, "password", password);
	c->status = 201;
	return call_audit(c, db, "user.create", name, detail);
}

static int user_there(struct call *c, struct db *db, const char *name)
{
	struct user u;
	int got = user_get(db, name, c->arena, &u, &c->job.err);

	return got == 0
		? err_field(&c->job.err, ERR_NOT_FOUND, "name", "there is no user %.60s", name)
		: got < 0 ? -1
			  : 0;
}

static int user_grant(struct call *c, struct db *db)
{
	static const char *const keys[] = {"site", "role", NULL};
	const char *site = NULL, *role = NULL;
	enum role known;
	struct json *detail;

	if (call_body(c, keys) < 0 ||
		json_take_string(c->body, "site", true, 64, &site, &c->job.err) < 0 ||
		json_take_string(c->body, "role", false, 16, &role, &c->job.err) < 0 ||
		site_check(site, &c->job.err) < 0 || user_there(c, db, c->params[0]) < 0)
		return -1;
	if (!json_has(c->body, "role") || (role && role_parse(role, &known) < 0))
		return err_field(&c->job.err, ERR_INVALID, "role",
			"role must be viewer, operator, administrator or null");
	detail = json_object();
	json_set_string(detail, "site", site);
	json_set_string(detail, "role", role);
	c->status = 204;
	return call_audit(c, db, "user.grant", c->params[0], detail) < 0
		? -1
		: grant_set(db, c->params[0], site, role, &c->job.err);
}

static int user_off(struct call *c, struct db *db)
{
	c->status = 204;
	return user_disable(db, c->params[0], c->now_ms, &c->job.err) < 0
		? -1
		: call_audit(c, db, "user.disable", c->params[0], NULL);
}

/* One's own with the old one; another's, by an administrator everywhere, one-time. */
static int new_password_take(struct call *c, const char **old, const char **fresh)
{
	static const char *const keys[] = {"old", "new", NULL};
	bool own = c->user && strcmp(c->user, c->params[0]) == 0;

	if (!own && !call_may(c, ROLE_ADMINISTRATOR, "*"))
		return err_set(&c->job.err, ERR_FORBIDDEN,
			"only an administrator may change another's password");
	if (!own && c->body)
		return err_set(&c->job.err, ERR_INVALID,
			"another's password is made by the server: send no body");
	if (!own)
		return 0;
	if (call_body(c, keys) < 0 ||
		json_take_string(c->body, "old", true, PASSWORD_MAX, old, &c->job.err) < 0)
		return -1;
	return json_take_string(c->body, "new", true, PASSWORD_MAX, fresh, &c->job.err);
}

/* Whether the old password of a user who is logged in is right. */
static int own_verify(struct call *c, struct db *db, const char *old)
{
	struct user u;

	if (password_verify(c, db, c->user, old, &u) == 0)
		return 0;
	return c->wrong ? err_field(&c->job.err, ERR_FORBIDDEN, "old", "the old password is wrong")
			: -1;
}

static int new_password_check(struct call *c, struct db *db)
{
	const char *old = NULL, *fresh = NULL;

	if (new_password_take(c, &old, &fresh) < 0)
		return -1;
	return old ? own_verify(c, db, old) : 0;
}

static int new_password(struct call *c, struct db *db)
{
	const char *name = c->params[0], *old = NULL, *fresh = NULL;
	struct user u;

	if (new_password_take(c, &old, &fresh) < 0 ||
		(old ? password_still(c, db, name, &u) : user_there(c, db, name)) < 0)
		return -1;
	c->json = json_object();
	if (old)
		return password_do(c, db, name, fresh, "new");
	fresh = secret_new(c->arena);
	json_set_string(c->json, "password", fresh);
	return password_do(c, db, name, fresh, NULL);
}

/* The same from the page's form. */
int password_check(struct call *c, struct db *db)
{
	const char *old = call_form(c, "old"), *fresh = call_form(c, "new_password"),
		   *again = call_form(c, "again");

	if (!c->user)
		return err_set(&c->job.err, ERR_INVALID, "the owner of the data has no password");
	if (!old || !fresh || !again)
		return err_field(
			&c->job.err, ERR_INVALID, "old", "the old and the new password are needed");
	if (strcmp(fresh, again) != 0)
		return err_field(&c->job.err, ERR_INVALID, "again",
			"the new password was not typed the same way twice");
	return own_verify(c, db, old);
}

int password_change(struct call *c, struct db *db)
{
	struct user u;

	if (password_still(c, db, c->user, &u) < 0)
		return -1;
	return password_do(c, db, c->user, call_form(c, "new_password"), "new_password");
}

/* ---- API tokens ---- */

static int api_tokens(struct call *c, struct db *db)
{
	struct session *rows = NULL;
	struct json *array;
	size_t n = 0;

	if (c->user &&
		session_list(db, c->user, "api", c->now_ms, c->arena, &rows, &n, &c->job.err) < 0)
		return -1;
	c->json = json_object();
	json_set(c->json, "api_tokens", array = json_array());
	json_set(c->json, "next", NULL);
	for (size_t i = 0; i < n; i++)
		json_add(array, call_record(&model_records[MODEL_session], &rows[i], false));
	return 0;
}

static int api_token_make(struct call *c, struct db *db)
{
	static const char *const keys[] = {"expires_ms", NULL};
	int64_t lasts = 90 * 86400000LL;
	const char *secret;
	struct session x;

	if (!c->user)
		return err_set(
			&c->job.err, ERR_INVALID, "an API token belongs to a user: log in as one");
	if (c->body &&
		(json_only(c->body, keys, &c->job.err) < 0 ||
			json_take_int(c->body, "expires_ms", false, 60000, YEAR_MS, &lasts,
				&c->job.err) < 0))
		return -1;
	if (session_make(c, db, c->user, "api", lasts, &x, &secret) < 0)
		return -1;
	c->json = call_record(&model_records[MODEL_session], &x, false);
	json_set_string(c->json, "token", secret);
	c->status = 201;
	return call_audit(c, db, "api-token.create", x.id, NULL);
}

static int api_token_end(struct call *c, struct db *db)
{
	c->status = 204;
	return session_end(db, c->params[0], c->user ? c->user : "", &c->job.err) < 0
		? -1
		: call_audit(c, db, "api-token.end", c->params[0], NULL);
}

/* ---- audit ---- */

static int audit(struct call *c, struct db *db)
{
	const char *after = call_query(c, "after");
	struct json *array;
	int64_t before = 0;
	struct audit *rows;
	size_t n;
	int limit;

	if ((after && text_int(after, "after", 1, INT64_MAX, &before, &c->job.err) < 0) ||
		call_limit(c, PAGE_MAX, &limit) < 0 ||
		audit_list(db, before, limit, c->arena, &rows, &n, &c->job.err) < 0)
		return -1;
	c->json = json_object();
	json_set(c->json, "audit", array = json_array());
	for (size_t i = 0; i < n; i++)
		json_add(array, call_record(&model_records[MODEL_audit], &rows[i], false));
	json_set_string(c->json, "next",
		(int)n == limit ? arena_printf(c->arena, "%lld", (long long)rows[n - 1].id) : NULL);
	return 0;
}

const struct route routes_people[] = {
	{HTTP_POST, "/api/v1/login", ROLE_NONE, ROUTE_WRITE | ROUTE_PUBLIC | ROUTE_LIMITED, login,
		.check = login_check},
	{HTTP_POST, "/api/v1/logout", ROLE_NONE, ROUTE_WRITE, logout},
	{HTTP_GET, "/api/v1/me", ROLE_NONE, 0, me},
	{HTTP_GET, "/api/v1/users", ROLE_ADMINISTRATOR, ROUTE_EVERYWHERE, users},
	{HTTP_POST, "/api/v1/users", ROLE_ADMINISTRATOR, ROUTE_EVERYWHERE | ROUTE_WRITE, user_make},
	{HTTP_POST, "/api/v1/users/{}/grants", ROLE_ADMINISTRATOR, ROUTE_EVERYWHERE | ROUTE_WRITE,
		user_grant},
	{HTTP_POST, "/api/v1/users/{}/disable", ROLE_ADMINISTRATOR, ROUTE_EVERYWHERE | ROUTE_WRITE,
		user_off},
	{HTTP_POST, "/api/v1/users/{}/password", ROLE_NONE, ROUTE_WRITE | ROUTE_LIMITED,
		new_password, .check = new_password_check},
	{HTTP_GET, "/api/v1/api-tokens", ROLE_NONE, 0, api_tokens},
	{HTTP_POST, "/api/v1/api-tokens", ROLE_NONE, ROUTE_WRITE, api_token_make},
	{HTTP_DELETE, "/api/v1/api-tokens/{}", ROLE_NONE, ROUTE_WRITE, api_token_end},
	{HTTP_GET, "/api/v1/audit", ROLE_ADMINISTRATOR, ROUTE_EVERYWHERE, audit, "limit after"},
	{.pattern = NULL},
};
