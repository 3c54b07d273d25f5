/* SPDX-License-Identifier: Apache-2.0 */
/*
 * him login: which server, and that it is the right one. The server's trust document names its CA; the fingerprint of that
 * CA is given on the command line, or shown and asked about, and from then on only certificates of this CA are taken.
 * Nothing secret is sent before that.
 */
#include "base/text.h"
#include "cli/api.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "wire/trust.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRUST_MAX (64u << 10)

/* ---- the CA ---- */

/* The document's CA, before anything of it was checked. */
static int ca_of(const char *text, size_t len, uint8_t pin[PKI_PIN_BYTES], struct err *e)
{
	struct json *j = json_parse(text, len, e);
	const char *ca = json_str(json_get(j, "ca"));
	int rc = ca ? pki_pin(ca, pin, e)
		    : err_set(e, ERR_PROTOCOL, "this is not a server of HIM: it shows no CA");

	json_free(j);
	return rc;
}

/* The fingerprint that was given, or that a person says yes to. */
static int agree(const char *url, const char *given, uint8_t pin[PKI_PIN_BYTES], struct err *e)
{
	char hex[2 * PKI_PIN_BYTES + 1], question[400];
	uint8_t wanted[PKI_PIN_BYTES];
	int yes;

	text_hex(pin, PKI_PIN_BYTES, hex);
	if (given) {
		if (text_unhex(given, wanted, sizeof wanted) < 0)
			return err_field(e, ERR_USAGE, "ca-fingerprint",
				"--ca-fingerprint takes 64 hex digits");
		if (memcmp(wanted, pin, sizeof wanted) != 0)
			return err_field(e, ERR_FORBIDDEN, "ca-fingerprint",
				"the CA of %s is another one: its fingerprint is %s", url, hex);
		return 0;
	}
	snprintf(question, sizeof question,
		"The CA of %.150s has the fingerprint\n  %s\n(him status on the server shows it). "
		"Is it the right one?",
		url, hex);
	yes = terminal_confirm(question, "give --ca-fingerprint", e);
	return yes < 0 ? -1
		: yes  ? 0
		       : err_set(e, ERR_FORBIDDEN, "not logged in: the CA was not confirmed");
}

static int pin_ca(struct cli *c, const char *url, const char *given, const char **ca, struct err *e)
{
	struct trust *t = arena_alloc(c->arena, sizeof *t);
	uint8_t pin[PKI_PIN_BYTES];
	struct buf b;
	int rc = -1;

	buf_init(&b, TRUST_MAX);
	if (api_call_at(url, NULL, "GET", "/him/v1/trust", NULL, &b, e) == 0 &&
		ca_of(buf_str(&b), b.len, pin, e) == 0 && agree(url, given, pin, e) == 0)
		rc = trust_parse(buf_str(&b), b.len, pin, t, e);
	buf_release(&b);
	*ca = t->ca;
	return rc;
}

/* ---- the password ---- */

static int ask_password(bool from_stdin, const char *user, char out[SECRET_MAX + 1], struct err *e)
{
	char prompt[120];

	if (from_stdin)
		return terminal_stdin_line("password", out, e);
	snprintf(prompt, sizeof prompt, "Password of %.80s: ", user);
	return terminal_secret(prompt, "use --password-stdin", out, e);
}

static int post_login(const struct session_login *to, const char *password,
	const char *new_password, struct buf *out, struct err *e)
{
	struct json *body = json_object();
	int rc;

	json_set_string(body, "user", to->user);
	json_set_string(body, "password", password);
	if (new_password)
		json_set_string(body, "new_password", new_password);
	rc = api_call_at(to->url, to->ca, "POST", "/api/v1/login", body, out, e);
	json_free(body);
	return rc;
}

/* A one-time password must be changed at once: by a second line of standard input, or by asking. */
static int log_in(const struct session_login *to, bool from_stdin, struct buf *out, struct err *e)
{
	char password[SECRET_MAX + 1], fresh[SECRET_MAX + 1];
	int rc = ask_password(from_stdin, to->user, password, e);

	if (rc == 0)
		rc = post_login(to, password, NULL, out, e);
	if (rc < 0 && e->code == ERR_FORBIDDEN && strcmp(e->field, "new_password") == 0) {
		fprintf(stderr, "%s\n", e->text);
		buf_clear(out);
		rc = from_stdin
			? terminal_stdin_line("second line with the new password", fresh, e)
			: terminal_new_secret("New password: ", "use --password-stdin", fresh, e);
		if (rc == 0)
			rc = post_login(to, password, fresh, out, e);
		explicit_bzero(fresh, sizeof fresh);
	}
	explicit_bzero(password, sizeof password);
	return rc;
}

static int keep_token(
	struct cli *c, struct session_login *to, const struct buf *answer, struct err *e)
{
	struct json *j = json_parse(buf_str(answer), answer->len, e);

	if (!j)
		return err_where(e, "the answer of %s", to->url);
	to->token = arena_strdup(c->arena, json_str(json_get(j, "token")));
	json_free(j);
	if (!to->token)
		return err_set(e, ERR_PROTOCOL, "the answer of %s holds no token", to->url);
	return session_save(c->arena, to, e);
}

int cmd_login(struct cli *c, const struct args *a, struct err *e)
{
	const char *server = a->n_words ? a->words[0] : c->server;
	struct session_login to = {.user = args_get(a, "user")};
	struct buf answer;
	int rc;

	if (!server)
		return err_set(e, ERR_USAGE, "which server? him login URL");
	if (!to.user)
		to.user = getenv("USER") ? getenv("USER") : "admin";
	if (session_url(c->arena, server, &to.url, e) < 0 ||
		pin_ca(c, to.url, args_get(a, "ca-fingerprint"), &to.ca, e) < 0)
		return -1;
	buf_init(&answer, 64 << 10);
	rc = log_in(&to, args_flag(a, "password-stdin"), &answer, e);
	if (rc == 0)
		rc = keep_token(c, &to, &answer, e);
	if (rc == 0)
		printf("logged in to %s as %s\n", to.url, to.user);
	if (answer.data)
		explicit_bzero(answer.data, answer.len);
	buf_release(&answer);
	return rc;
}

int cmd_logout(struct cli *c, const struct args *a, struct err *e)
{
	const char *server = a->n_words ? a->words[0] : c->server, *url = NULL;
	struct session_login login;
	int found;

	if (server && session_url(c->arena, server, &url, e) < 0)
		return -1;
	found = session_load(c->arena, url, &login, e);
	if (found <= 0)
		return found < 0 ? -1
				 : err_set(e, ERR_NOT_FOUND, "nobody is logged in%s%s",
					   url ? " to " : "", url ? url : "");
	/* Ended there when it can be, forgotten here in any case. */
	c->server = login.url;
	if (api_call(c, "POST", "/logout", NULL, NULL, e) < 0)
		fprintf(stderr, "him: %s\n", e->text);
	if (session_forget(c->arena, login.url, e) < 0)
		return -1;
	printf("logged out of %s\n", login.url);
	return 0;
}
