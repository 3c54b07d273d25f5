/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plain page: what one needs of HIM in any browser, without a script: log in, find a machine, see what it is, see what
 * actions did. It changes nothing but one's own password and session. It is made of the same calls as the API, inside the
 * same scope, and every word in it that came from elsewhere is escaped by one function (html.c).
 */
#include "base/clock.h"
#include "base/id.h"
#include "base/text.h"
#include "server/embedded.h"
#include "server/page_internal.h"
#include <stdio.h>
#include <string.h>

#define FORM_COOKIE "him_form=%s; Path=/; HttpOnly; Secure; SameSite=Strict"

/* ---- words, shapes, figures ---- */

struct look {
	const char *word, *class, *shape, *shown;
};
static const struct look states[] = {
	{"online", "good", "●", "online"},
	{"late", "warn", "◐", "late"},
	{"offline", "bad", "○", "offline"},
	{"never", "off", "◌", "never heard"},
	{"revoked", "bad", "✕", "revoked"},
	{"waiting", "off", "◌", "waiting"},
	{"notified", "off", "◌", "notified"},
	{"fetched", "off", "◔", "fetched"},
	{"running", "warn", "◑", "running"},
	{"done", "good", "✓", "done"},
	{"failed", "bad", "✕", "failed"},
	{"timed_out", "bad", "✕", "timed out"},
	{"refused", "bad", "✕", "refused"},
	{"expired", "warn", "–", "expired"},
	{"cancelled", "warn", "–", "cancelled"},
	{"open", "warn", "◑", "open"},
	{"ended", "good", "✓", "ended"},
};

static const struct look powers[] = {
	{"running", "good", "●", "running"},
	{"paused", "warn", "◐", "paused"},
	{"suspended", "warn", "◐", "suspended"},
	{"off", "off", "○", "off"},
	{"crashed", "bad", "✕", "crashed"},
	{"gone", "bad", "✕", "gone"},
};

static void look(struct buf *b, const struct look *list, size_t n, const char *word)
{
	size_t i = 0;

	while (i < n && (!word || strcmp(list[i].word, word) != 0))
		i++;
	if (i == n)
		html_add(b, "<span class=\"s off\"><i aria-hidden=true>·</i>%s</span>",
			word ? word : "unknown");
	else
		html_add(b, "<span class=\"s %s\"><i aria-hidden=true>%s</i>%s</span>",
			list[i].class, list[i].shape, list[i].shown);
}

void page_state(struct buf *b, const char *state)
{
	look(b, states, sizeof states / sizeof *states, state);
}

void page_power(struct buf *b, const char *power)
{
	look(b, powers, sizeof powers / sizeof *powers, power);
}

const char *page_number(struct arena *a, int64_t n)
{
	char digits[24], *out = arena_alloc(a, 40), *at = out;
	size_t len;

	if (n == MODEL_ABSENT)
		return "–";
	len = (size_t)snprintf(digits, sizeof digits, "%lld", (long long)n);
	for (size_t i = 0; i < len; i++) {
		*at++ = digits[i];
		if (i + 1 < len && (len - i - 1) % 3 == 0 && digits[i] != '-')
			*at++ = ',';
	}
	return out;
}

const char *page_size(struct arena *a, int64_t bytes)
{
	return bytes == MODEL_ABSENT ? "–" : text_size_format(bytes, arena_alloc(a, 32));
}

const char *page_span(struct arena *a, int64_t ms)
{
	static const struct {
		int64_t ms;
		const char *word;
	} units[] = {{86400000, "days"}, {3600000, "h"}, {60000, "min"}};

	for (size_t i = 0; i < 3; i++) {
		long long whole = ms / units[i].ms, rest = ms % units[i].ms;
		if (whole > 0 && i == 2)
			return arena_printf(a, "%lld min %lld s", whole, rest / 1000);
		if (whole > 0)
			return arena_printf(a, "%lld %s %lld %s", whole, units[i].word,
				rest / (long long)units[i + 1].ms, units[i + 1].word);
	}
	return ms < 1000 ? arena_printf(a, "%lld ms", (long long)ms)
			 : arena_printf(a, "%.1f s", (double)ms / 1000);
}

static const char *age(struct arena *a, int64_t ms, int64_t now)
{
	int64_t s = (now - ms) / 1000;
	long long n = s < 0 ? -s : s;
	const char *unit = n < 60 ? "s" : n < 3600 ? "min" : n < 86400 ? "h" : "days";

	if (n < 2)
		return "now";
	if (n / 86400 == 1)
		unit = "day";
	n /= n < 60 ? 1 : n < 3600 ? 60 : n < 86400 ? 3600 : 86400;
	return s < 0 ? arena_printf(a, "in %lld %s", n, unit)
		     : arena_printf(a, "%lld %s ago", n, unit);
}

void page_time(struct call *c, int64_t ms)
{
	char text[CLOCK_TEXT];

	if (ms == 0)
		html_add(&c->out, "<span class=dim>–</span>");
	else
		html_add(&c->out, "<time datetime=\"%s\" title=\"%s\">%s</time>",
			clock_format(ms, text), text, age(c->arena, ms, c->now_ms));
}

const char *page_command(struct arena *a, const struct action *x)
{
	struct json *words = x->command ? json_parse(x->command, strlen(x->command), NULL) : NULL;
	const char *text = x->script ? "script" : "";

	for (size_t i = 0; i < json_len(words); i++) {
		const char *word = json_str(json_at(words, i));
		text = arena_printf(a, *word && !strpbrk(word, " \t\n'\"") ? "%s%s%s" : "%s%s'%s'",
			text, *text ? " " : "", word);
	}
	json_free(words);
	return text;
}

void page_next(struct call *c, const char *path, const char *query, const char *next)
{
	if (next)
		html_add(&c->out,
			"<p class=more><a href=\"%s?%s%safter=%s\" rel=next>Next page</a></p>\n",
			path, query, *query ? "&" : "", html_url(next, c->arena));
}

/* ---- the frame ---- */

static void menu_item(struct call *c, const char *path, const char *word, const char *here)
{
	html_add(&c->out,
		strcmp(path, here) == 0 ? "<a href=\"%s\" aria-current=page>%s</a>"
					: "<a href=\"%s\">%s</a>",
		path, word);
}

void page_begin(struct call *c, const char *title, const char *here)
{
	struct buf *b = &c->out;

	c->type = "text/html; charset=utf-8";
	html_add(b,
		"<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n"
		"<meta name=viewport content=\"width=device-width, initial-scale=1\">\n<meta "
		"name=robots content=noindex>\n"
		"<title>%s – HIM</title>\n<link rel=stylesheet href=/style.css>\n",
		title);
	if (c->who) {
		html_add(b, "<header><nav><b>HIM</b>");
		menu_item(c, "/", "Machines", here);
		menu_item(c, "/actions", "Actions", here);
		html_add(b, "<span class=who>%s</span>", c->who);
		if (c->user)
			menu_item(c, "/password", "Password", here);
		if (c->session)
			html_add(b,
				"<form method=post action=/logout><input type=hidden name=csrf "
				"value=\"%s\">"
				"<button class=quiet>Log out</button></form>",
				c->csrf);
		html_add(b, "</nav></header>\n");
	}
	html_add(b, "<main>\n");
}

void page_end(struct call *c)
{
	html_add(&c->out, "</main>\n</html>\n");
}

/* ---- logging in and out ---- */

static const char *form_secret(struct call *c)
{
	unsigned char random[16];
	char *hex = arena_alloc(c->arena, 2 * sizeof random + 1);

	random_bytes(random, sizeof random);
	text_hex(random, sizeof random, hex);
	c->cookie = arena_printf(c->arena, FORM_COOKIE, hex);
	return hex;
}

static void password_field(struct buf *b, const char *name, const char *word, const char *kind)
{
	html_add(b,
		"<label>%s<input type=password name=%s autocomplete=%s required "
		"maxlength=256></label>\n",
		word, name, kind);
}

static void login_page(struct call *c, const char *wrong, bool fresh)
{
	const char *user = c->route->flags & ROUTE_LIMITED ? call_form(c, "user") : NULL;
	struct buf *b = &c->out;

	c->who = NULL;
	page_begin(c, "Log in", "");
	html_add(b, "<form class=narrow method=post action=/login>\n<h1>HIM</h1>\n");
	html_add(b, "<p class=sub>%s</p>\n",
		fresh ? "The password was for one time: choose your own."
		      : "Log in to see your machines.");
	if (wrong)
		html_add(b, "<p class=wrong role=alert>%s</p>\n", wrong);
	html_add(b, "<input type=hidden name=csrf value=\"%s\">\n", form_secret(c));
	html_add(b,
		"<label>Name<input name=user value=\"%s\" autocomplete=username "
		"autocapitalize=none required maxlength=64%s></label>\n",
		user, user ? "" : " autofocus");
	password_field(b, "password", fresh ? "One-time password" : "Password", "current-password");
	if (fresh) {
		password_field(
			b, "new_password", "New password, 12 characters or more", "new-password");
		password_field(b, "again", "The new password again", "new-password");
	}
	html_add(b, "<button>Log in</button>\n</form>\n");
	page_end(c);
}

static void problem_page(struct call *c, const struct err *e)
{
	page_begin(c, err_title(e->code), "");
	html_add(&c->out,
		"<h1>%s</h1>\n<p class=wrong role=alert>%s</p>\n<p><a href=\"%s\">%s</a></p>\n",
		err_title(e->code), e->text, c->route->flags & ROUTE_FORM ? c->path : "/",
		c->route->flags & ROUTE_FORM ? "Try again" : "Back to the machines");
	page_end(c);
}

void page_problem(struct call *c)
{
	struct err e = c->job.err;
	bool login = strcmp(c->path, "/login") == 0, fresh = strcmp(e.field, "new_password") == 0;
	bool first = fresh &&
		!call_form(c, "new_password"); /* nothing was wrong: it is only not enough */

	c->job.err = ERR_INIT;
	buf_clear(&c->out);
	c->status = err_http(e.code);
	c->location = c->file = NULL;
	if (login || e.code == ERR_UNAUTHORIZED)
		login_page(c, login && !first ? e.text : NULL, fresh);
	else
		problem_page(c, &e);
}

static int see(struct call *c, const char *where)
{
	c->status = 303;
	c->location = where;
	return 0;
}

static int login(struct call *c, struct db *db)
{
	const char *secret;

	return login_do(c, db, &secret) < 0 ? -1 : see(c, "/");
}

static int login_form(struct call *c, struct db *db)
{
	if (c->user || c->local)
		return see(c, "/");
	login_page(c, NULL, false);
	return 0;
}

static int logout(struct call *c, struct db *db)
{
	return logout_do(c, db) < 0 ? -1 : see(c, "/login");
}

static int password_form(struct call *c, struct db *db)
{
	struct buf *b = &c->out;

	page_begin(c, "Password", "/password");
	html_add(b,
		"<form class=narrow method=post action=/password>\n<h1>Change your password</h1>\n"
		"<p class=sub>All your sessions and API tokens end with it.</p>\n");
	html_add(b, "<input type=hidden name=csrf value=\"%s\">\n", c->csrf);
	password_field(b, "old", "Old password", "current-password");
	password_field(b, "new_password", "New password, 12 characters or more", "new-password");
	password_field(b, "again", "The new password again", "new-password");
	html_add(b, "<button>Change it</button>\n</form>\n");
	page_end(c);
	return 0;
}

static int password(struct call *c, struct db *db)
{
	return password_change(c, db) < 0 ? -1 : see(c, "/login");
}

static int style(struct call *c, struct db *db)
{
	buf_add(&c->out, page_css, page_css_len);
	c->type = "text/css; charset=utf-8";
	return 0;
}

const struct route routes_page[] = {
	{HTTP_GET, "/", ROLE_VIEWER, ROUTE_PAGE, page_machines, "query sort after"},
	{HTTP_GET, "/machines/{}", ROLE_VIEWER, ROUTE_PAGE, page_machine},
	{HTTP_GET, "/actions", ROLE_VIEWER, ROUTE_PAGE, page_actions, "state after"},
	{HTTP_GET, "/actions/{}", ROLE_VIEWER, ROUTE_PAGE, page_action, "state after"},
	{HTTP_GET, "/actions/{}/{}", ROLE_VIEWER, ROUTE_PAGE, page_result},
	{HTTP_GET, "/login", ROLE_NONE, ROUTE_PAGE | ROUTE_PUBLIC, login_form},
	{HTTP_POST, "/login", ROLE_NONE,
		ROUTE_PAGE | ROUTE_PUBLIC | ROUTE_FORM | ROUTE_WRITE | ROUTE_LIMITED, login,
		.check = login_check},
	{HTTP_POST, "/logout", ROLE_NONE, ROUTE_PAGE | ROUTE_FORM | ROUTE_WRITE, logout},
	{HTTP_GET, "/password", ROLE_NONE, ROUTE_PAGE, password_form},
	{HTTP_POST, "/password", ROLE_NONE, ROUTE_PAGE | ROUTE_FORM | ROUTE_WRITE | ROUTE_LIMITED,
		password, .check = password_check},
	{HTTP_GET, "/style.css", ROLE_NONE, ROUTE_PUBLIC, style},
	{.pattern = NULL},
};
