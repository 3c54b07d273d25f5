/* SPDX-License-Identifier: Apache-2.0 */
/* People: who they are, what they may do where, passwords; and API tokens, which act for a person. */
#include "cli/api.h"
#include "cli/commands.h"
#include "cli/terminal.h"
#include <stdio.h>
#include <string.h>

/* "operator at lab, viewer everywhere" */
static char *grants(struct arena *a, const struct json *row)
{
	const struct json *list = json_get(row, "grants");
	char *line = arena_strdup(a, "");

	for (size_t i = 0; i < json_len(list); i++) {
		const char *role = json_str(json_get(json_at(list, i), "role"));
		const char *site = json_str(json_get(json_at(list, i), "him.site"));
		bool everywhere = site && strcmp(site, "*") == 0;
		line = arena_printf(a, "%s%s%s %s%s", line, i ? ", " : "", role ? role : "",
			everywhere ? "" : "at ",
			everywhere     ? "everywhere"
				: site ? site
				       : "");
	}
	return line;
}

static const struct column extra[] = {{"grants", "what they may do, and where", grants}, {NULL}};

const struct list user_list = {
	"users", MODEL_user, "name,grants,made,must_change,disabled", extra, 0};
const struct list api_token_list = {"api_tokens", MODEL_session, "id,made,used,expires", NULL, 0};

static const char *user_path(struct cli *c, const struct args *a, const char *what)
{
	return arena_printf(c->arena, "/users/%s%s", api_segment(c, a->words[0]), what);
}

/* Sends it and prints one member of the answer, a secret that is shown this once. */
static int post_for(
	struct cli *c, const char *path, const struct json *body, const char *key, struct err *e)
{
	struct json *answer = NULL;
	const char *secret;
	int rc = api_call(c, "POST", path, body, &answer, e);

	secret = json_str(json_get(answer, key));
	if (rc == 0 && c->json)
		rc = cli_print_json(c, answer, e);
	else if (rc == 0 && secret)
		printf("%s\n", secret);
	json_free(answer);
	return rc;
}

int cmd_user_create(struct cli *c, const struct args *a, struct err *e)
{
	const char *site = args_get(a, "site"), *role = args_get(a, "role");
	struct json *body = json_object();
	int rc;

	json_set_string(body, "name", a->words[0]);
	if (role) {
		json_set_string(body, "site", site);
		json_set_string(body, "role", role);
	}
	rc = post_for(c, "/users", body, "password", e);
	json_free(body);
	if (rc == 0 && !c->json && c->terminal)
		fprintf(stderr,
			"This is a one-time password: it must be changed at the first login.\n");
	return rc;
}

int cmd_user_list(struct cli *c, const struct args *a, struct err *e)
{
	return list_print(c, a, &user_list, "/users", e);
}

int cmd_user_grant(struct cli *c, const struct args *a, struct err *e)
{
	const char *role = args_get(a, "role");
	struct json *body;
	int rc;

	if (!role)
		return err_set(e, ERR_USAGE,
			"which role? --role viewer, operator, administrator, or none to take it "
			"away");
	body = json_object();
	json_set_string(body, "site", args_get(a, "site"));
	json_set_string(body, "role", strcmp(role, "none") == 0 ? NULL : role);
	rc = api_call(c, "POST", user_path(c, a, "/grants"), body, NULL, e);
	json_free(body);
	return rc;
}

int cmd_user_disable(struct cli *c, const struct args *a, struct err *e)
{
	return api_call(c, "POST", user_path(c, a, "/disable"), NULL, NULL, e);
}

/* ---- passwords ---- */

static int read_passwords(
	bool from_stdin, char old[SECRET_MAX + 1], char fresh[SECRET_MAX + 1], struct err *e)
{
	if (from_stdin)
		return terminal_stdin_line("password", old, e) < 0
			? -1
			: terminal_stdin_line("second line with the new password", fresh, e);
	return terminal_secret("Password until now: ", "use --password-stdin", old, e) < 0
		? -1
		: terminal_new_secret("New password: ", "use --password-stdin", fresh, e);
}

static int own_password(struct cli *c, bool from_stdin, struct err *e)
{
	char old[SECRET_MAX + 1], fresh[SECRET_MAX + 1];
	struct json *me = NULL, *body = json_object();
	const char *name;
	int rc = api_get(c, "/me", &me, e);

	name = arena_strdup(c->arena, json_str(json_get(me, "name")));
	json_free(me);
	if (rc == 0)
		rc = read_passwords(from_stdin, old, fresh, e);
	if (rc == 0) {
		json_set_string(body, "old", old);
		json_set_string(body, "new", fresh);
		rc = api_call(c, "POST",
			arena_printf(
				c->arena, "/users/%s/password", api_segment(c, name ? name : "")),
			body, NULL, e);
	}
	if (rc == 0)
		fprintf(stderr, "changed; your logins have ended, log in again\n");
	json_free(body);
	explicit_bzero(old, sizeof old);
	explicit_bzero(fresh, sizeof fresh);
	return rc;
}

int cmd_user_password(struct cli *c, const struct args *a, struct err *e)
{
	if (a->n_words == 0)
		return own_password(c, args_flag(a, "password-stdin"), e);
	return post_for(c, user_path(c, a, "/password"), NULL, "password", e);
}

/* ---- API tokens ---- */

int cmd_api_token_create(struct cli *c, const struct args *a, struct err *e)
{
	struct json *body = json_object();
	int64_t expires = 0;
	int rc = args_duration(a, "expires", 60000, 31622400000, &expires, e);

	json_set_int(body, "expires_ms", expires);
	if (rc == 0)
		rc = post_for(c, "/api-tokens", body, "token", e);
	json_free(body);
	return rc;
}

int cmd_api_token_list(struct cli *c, const struct args *a, struct err *e)
{
	return list_print(c, a, &api_token_list, "/api-tokens", e);
}

int cmd_api_token_revoke(struct cli *c, const struct args *a, struct err *e)
{
	return api_call(c, "DELETE",
		arena_printf(c->arena, "/api-tokens/%s", api_segment(c, a->words[0])), NULL, NULL,
		e);
}
