/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of actions: the latest, one with its results, one result with its output. */
#include "base/text.h"
#include "server/page_internal.h"
#include <string.h>

#define ROWS 50
#define RESULTS 200

/* ---- the list ---- */

static void row(struct call *c, const struct action *x)
{
	struct buf *b = &c->out;
	int64_t well = x->done,
		ill = x->failed + x->timed_out + x->refused + x->expired + x->cancelled;

	html_add(b, "<tr><td>");
	page_state(b, x->state);
	html_add(b,
		"</td><td class=cut><a "
		"href=\"/actions/%s\"><code>%s</code></a></td><td>%s</td><td>%s</td>",
		x->id, page_command(c->arena, x), x->query, x->by);
	html_add(b, "<td class=n>%s</td><td class=n>%s</td><td class=\"n %s\">%s</td><td class=t>",
		page_number(c->arena, x->targets), page_number(c->arena, well), ill ? "bad" : "",
		page_number(c->arena, ill));
	page_time(c, x->made);
	html_add(b, "</td></tr>\n");
}

int page_actions(struct call *c, struct db *db)
{
	const char *state = call_query(c, "state"), *next;
	struct action *rows;
	size_t n;

	if (actions_page(c, db, ROWS, &rows, &n, &next) < 0)
		return -1;
	page_begin(c, "Actions", "/actions");
	html_add(&c->out, "<h1>Actions</h1>\n<p class=sub>newest first</p>\n");
	if (n == 0)
		html_add(&c->out, "<p class=none>Nothing was run yet.</p>\n");
	else
		html_add(&c->out,
			"<div "
			"class=wide><table><thead><tr><th>State</th><th>Command</th><th>On</"
			"th><th>By</th>"
			"<th class=n>Machines</th><th class=n>Done</th><th "
			"class=n>Not done</th><th>Made</th></tr></thead><tbody>\n");
	for (size_t i = 0; i < n; i++)
		row(c, &rows[i]);
	if (n > 0)
		html_add(&c->out, "</tbody></table></div>\n");
	page_next(c, "/actions", state ? arena_printf(c->arena, "state=%s", state) : "", next);
	page_end(c);
	return 0;
}

/* ---- one ---- */

static void tally(struct call *c, const struct action *x)
{
	const struct {
		const char *word;
		int64_t n;
	} counts[] = {{"waiting", x->waiting}, {"notified", x->notified}, {"fetched", x->fetched},
		{"running", x->running}, {"done", x->done}, {"failed", x->failed},
		{"timed_out", x->timed_out}, {"refused", x->refused}, {"expired", x->expired},
		{"cancelled", x->cancelled}};
	const char *here = call_query(c, "state");
	struct buf *b = &c->out;

	html_add(b, "<ul class=tally>\n<li><a href=\"/actions/%s\"%s>all %s</a></li>\n", x->id,
		here ? "" : " aria-current=true", page_number(c->arena, x->targets));
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
		bool is_here = here && strcmp(here, counts[i].word) == 0;
		if (counts[i].n == 0 && !is_here)
			continue;
		html_add(b, "<li><a href=\"/actions/%s?state=%s\"%s>", x->id, counts[i].word,
			is_here ? " aria-current=true" : "");
		page_state(b, counts[i].word);
		html_add(b, " %s</a></li>\n", page_number(c->arena, counts[i].n));
	}
	html_add(b, "</ul>\n");
}

static const char *took(struct call *c, const struct result *r)
{
	return r->started && r->ended >= r->started ? page_span(c->arena, r->ended - r->started)
						    : "";
}

static void result_row(struct call *c, const struct action *x, const struct result *r)
{
	struct buf *b = &c->out;

	html_add(b, "<tr><td>");
	page_state(b, r->state);
	html_add(b,
		"</td><td><a href=\"/actions/%s/%s\">%s</a></td><td>%s</td><td "
		"class=n>%s</td><td>%s</td>",
		x->id, r->agent, r->name && *r->name ? r->name : r->machine, r->site,
		r->exit_code == MODEL_ABSENT ? r->signal : page_number(c->arena, r->exit_code),
		r->reason);
	html_add(b, "<td class=n>%s</td><td class=n>%s</td><td class=t>",
		r->stdout_bytes ? page_size(c->arena, r->stdout_bytes) : "", took(c, r));
	page_time(c, r->updated);
	html_add(b, "</td></tr>\n");
}

static void limits(struct call *c, const struct action *x)
{
	struct arena *a = c->arena;

	html_add(&c->out,
		"<p class=sub><span>on %s</span><span>by %s</span><span>as %s</span><span>at most "
		"%s, %s, ",
		x->query, x->by, x->run_as, page_span(a, x->timeout_ms),
		page_size(a, x->memory_bytes));
	html_add(&c->out, "%s %% of a core</span><span>made ", page_number(a, x->cpu_percent));
	page_time(c, x->made);
	html_add(&c->out, "</span><span>%s ", x->ended ? "ended" : "to be fetched");
	page_time(c, x->ended ? x->ended : x->deadline);
	html_add(&c->out, "</span>");
	if (x->cancelled_by)
		html_add(&c->out, "<span>cancelled by %s</span>", x->cancelled_by);
	html_add(&c->out, "</p>\n");
}

int page_action(struct call *c, struct db *db)
{
	const char *state = call_query(c, "state"), *next, *command;
	struct result *rows;
	struct action x;
	size_t n;

	if (action_find(c, db, c->params[0], &x) < 0 ||
		results_page(c, db, x.id, RESULTS, &rows, &n, &next) < 0)
		return -1;
	command = page_command(c->arena, &x);
	page_begin(c, command, "");
	html_add(&c->out, "<h1><code>%s</code></h1>\n", command);
	limits(c, &x);
	if (x.script)
		html_add(&c->out, "<h2>Script</h2>\n<pre>%s</pre>\n<h2>Results</h2>\n", x.script);
	tally(c, &x);
	html_add(&c->out,
		"<div class=wide><table><thead><tr><th>Result</th><th>Machine</th><th>Site</th><th "
		"class=n>Exit</th>"
		"<th>Reason</th><th class=n>Output</th><th "
		"class=n>Took</th><th>When</th></tr></thead><tbody>\n");
	for (size_t i = 0; i < n; i++)
		result_row(c, &x, &rows[i]);
	html_add(&c->out, "</tbody></table></div>\n");
	if (n == 0)
		html_add(&c->out, "<p class=none>None.</p>\n");
	page_next(c, arena_printf(c->arena, "/actions/%s", x.id),
		state ? arena_printf(c->arena, "state=%s", state) : "", next);
	page_end(c);
	return 0;
}

/* ---- one result ---- */

static void output(
	struct call *c, const char *title, const struct bytes *kept, int64_t all, int64_t dropped)
{
	struct buf clean;

	html_add(&c->out, "<h2>%s</h2>\n", title);
	if (dropped > 0)
		html_add(&c->out,
			"<p class=note>%s bytes in all; %s of them were dropped between head and "
			"tail.</p>\n",
			page_number(c->arena, all), page_number(c->arena, dropped));
	if (kept->len == 0) {
		html_add(&c->out, "<p class=dim>Nothing.</p>\n");
		return;
	}
	buf_init(&clean, 3 * kept->len);
	text_utf8_clean(
		kept->data, kept->len, &clean); /* here because of NUL bytes, which end a string */
	html_add(&c->out, "<pre>%s</pre>\n", buf_str(&clean));
	buf_release(&clean);
}

int page_result(struct call *c, struct db *db)
{
	struct buf *b = &c->out;
	const char *name;
	struct action x;
	struct result r;
	int got;

	if (action_find(c, db, c->params[0], &x) < 0)
		return -1;
	got = result_get(db, x.id, c->params[1], &c->scope, c->arena, &r, &c->job.err);
	if (got == 0)
		return err_field(&c->job.err, ERR_NOT_FOUND, "action",
			"the action was not for %.60s", c->params[1]);
	if (got < 0)
		return -1;
	name = r.name && *r.name ? r.name : r.machine;
	page_begin(c, name, "");
	html_add(b, "<h1><a href=\"/machines/%s\">%s</a></h1>\n<p class=sub><span>", r.machine,
		name);
	page_state(b, r.state);
	html_add(b, "</span><span><a href=\"/actions/%s\"><code>%s</code></a></span>", x.id,
		page_command(c->arena, &x));
	if (r.exit_code != MODEL_ABSENT)
		html_add(b, "<span>exit %s</span>", page_number(c->arena, r.exit_code));
	if (r.signal && *r.signal)
		html_add(b, "<span>ended by %s</span>", r.signal);
	if (*took(c, &r))
		html_add(b, "<span>took %s</span>", took(c, &r));
	html_add(b, "</p>\n");
	if (r.reason && *r.reason)
		html_add(b, "<p class=note>%s</p>\n", r.reason);
	output(c, "Standard output", &r.stdout_, r.stdout_bytes, r.stdout_dropped);
	output(c, "Standard error", &r.stderr_, r.stderr_bytes, r.stderr_dropped);
	page_end(c);
	return 0;
}
