/* SPDX-License-Identifier: Apache-2.0 */
/* Who may join: relays, enrolment tokens, the one line that installs an agent elsewhere. */
#include "cli/api.h"
#include "cli/commands.h"
#include "cli/terminal.h"
#include <stdio.h>

const struct list relay_list = {"relays", MODEL_relay,
	"id,name,state,seen,him.site,children,spool_bytes,addresses", NULL, 0};
const struct list token_list = {
	"tokens", MODEL_token, "id,role,him.site,used,uses,expires,by,revoked", NULL, 0};

int cmd_relays(struct cli *c, const struct args *a, struct err *e)
{
	return list_print(c, a, &relay_list, "/relays", e);
}

int cmd_relay_revoke(struct cli *c, const struct args *a, struct err *e)
{
	const char *question = arena_printf(c->arena,
		"Cut relay %s off at once? What hangs on it looks for another one.", a->words[0]);
	int yes = args_flag(a, "yes") ? 1 : terminal_confirm(question, "say --yes", e);

	if (yes <= 0)
		return yes < 0 ? -1 : 1;
	return api_call(c, "POST",
		arena_printf(c->arena, "/relays/%s/revoke", api_segment(c, a->words[0])), NULL,
		NULL, e);
}

/* Asks for a token, alone or in the line that uses it; prints the member `key` of the answer. */
static int make_token(
	struct cli *c, const struct args *a, const char *path, const char *key, struct err *e)
{
	struct json *order = json_object(), *answer = NULL;
	int64_t uses = 1, expires = 0;
	const char *text;
	int rc = args_int(a, "uses", 1, 1000000, &uses, e) < 0 ||
			args_duration(a, "expires", 60000, 31622400000, &expires, e) < 0
		? -1
		: 0;

	json_set_string(order, "role", args_get(a, "role"));
	json_set_string(order, "site", args_get(a, "site"));
	json_set_int(order, "uses", uses);
	json_set_int(order, "expires_ms", expires);
	if (rc == 0)
		rc = api_call(c, "POST", path, order, &answer, e);
	json_free(order);
	text = json_str(json_get(answer, key));
	if (rc == 0 && c->json)
		rc = cli_print_json(c, answer, e);
	else if (rc == 0 && !text)
		rc = err_set(e, ERR_PROTOCOL, "the server's answer holds no '%s'", key);
	else if (rc == 0)
		printf("%s\n", text);
	json_free(answer);
	return rc;
}

int cmd_token_create(struct cli *c, const struct args *a, struct err *e)
{
	return make_token(c, a, "/tokens", "token", e);
}

int cmd_enroll(struct cli *c, const struct args *a, struct err *e)
{
	return make_token(c, a, "/enrol-line", "line", e);
}

int cmd_token_list(struct cli *c, const struct args *a, struct err *e)
{
	return list_print(c, a, &token_list, "/tokens", e);
}

int cmd_token_revoke(struct cli *c, const struct args *a, struct err *e)
{
	return api_call(c, "POST",
		arena_printf(c->arena, "/tokens/%s/revoke", api_segment(c, a->words[0])), NULL,
		NULL, e);
}
