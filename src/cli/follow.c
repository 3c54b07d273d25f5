/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for an action. Its counters are asked for in growing pauses; only when more machines have ended are results
 * fetched, and never more often than a tenth of the time that fetching takes, so that waiting for ten thousand machines
 * costs the server little. What was printed is remembered by agent: every result is printed once.
 */
#include "cli/follow.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/text.h"
#include "cli/api.h"
#include "cli/format.h"
#include "cli/progress.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uthash.h>

#define PAUSE_MIN_MS 20
#define PAUSE_MAX_MS 1000
#define AWAY_MS 120000
#define HEAD_BYTES 32768 /* of an output that was too long, before what was dropped */

static char *outcome(struct arena *a, const struct json *row)
{
	return progress_outcome(row, a);
}

static const struct column extra[] = {
	{"outcome", "its state with exit code, signal and reason", outcome}, {NULL}};

const struct list result_list = {
	"results", MODEL_result, "name,outcome,started,ended", extra, 1000};
const struct list result_list_output = {
	"results", MODEL_result, "name,outcome,started,ended", extra, 100};

/* ---- one result ---- */

const char *result_bytes(struct cli *c, const struct json *result, const char *name, size_t *len)
{
	const struct json *text = json_get(result, name);
	const char *coded = json_str(json_get(result, arena_printf(c->arena, "%s_base64", name)));
	struct buf b;
	char *bytes;

	if (!coded) {
		*len = json_str_len(text);
		return json_str(text) ? json_str(text) : "";
	}
	buf_init(&b, strlen(coded) + 1);
	(void)text_unbase64(coded, strlen(coded), &b);
	*len = b.len;
	bytes = arena_strndup(c->arena, "", 0);
	if (b.len)
		bytes = arena_memdup(c->arena, b.data, b.len);
	buf_release(&b);
	return bytes;
}

static void print_lines(FILE *to, const char *prefix, const char *text, size_t len)
{
	while (len > 0) {
		const char *end = memchr(text, '\n', len);
		size_t n = end ? (size_t)(end - text) : len;
		fprintf(to, "%s: ", prefix);
		fwrite(text, 1, n, to);
		fputc('\n', to);
		n += end != NULL;
		text += n;
		len -= n;
	}
	fflush(to);
}

static void print_output(
	struct cli *c, FILE *to, const char *prefix, const struct json *result, const char *name)
{
	int64_t dropped = 0;
	size_t len, head;
	const char *bytes = result_bytes(c, result, name, &len);
	char n[32];

	json_to_int(json_get(result, arena_printf(c->arena, "%s_dropped", name)), &dropped);
	head = dropped > 0 && len > HEAD_BYTES ? HEAD_BYTES : len;
	if (isatty(fileno(to))) { /* what a machine prints must not steer this terminal */
		const char *clean = format_clean(c->arena, bytes, head);
		print_lines(to, prefix, clean, strlen(clean));
		clean = format_clean(c->arena, bytes + head, len - head);
		if (dropped > 0)
			fprintf(to, "%s: … %s bytes of %s were not kept …\n", prefix,
				format_count(dropped, n), name);
		print_lines(to, prefix, clean, strlen(clean));
		return;
	}
	print_lines(to, prefix, bytes, head);
	if (dropped > 0)
		fprintf(stderr, "%s: %s bytes of %s were not kept\n", prefix,
			format_count(dropped, n), name);
	print_lines(to, prefix, bytes + head, len - head);
}

void result_print(const struct cli *c, const struct json *result)
{
	struct cli brief = *c;
	const char *state = json_str(json_get(result, "state")),
		   *name = json_str(json_get(result, "name"));

	brief.arena = arena_new();
	if (!name || !*name)
		name = json_str(json_get(result, "machine"));
	name = format_clean(brief.arena, name ? name : "?", name ? strlen(name) : 1);
	print_output(&brief, stdout, name, result, "stdout");
	print_output(&brief, stderr, name, result, "stderr");
	if (!state || strcmp(state, "done") != 0) {
		const char *text = progress_outcome(result, brief.arena);
		text = format_clean(brief.arena, text, strlen(text));
		fprintf(stderr, "%s: %s%s%s\n", name, c->color ? format_color(state) : "", text,
			c->color && *format_color(state) ? FORMAT_PLAIN : "");
	}
	arena_free(brief.arena);
}

/* ---- waiting ---- */

struct seen {
	char agent[ID_SIZE];
	UT_hash_handle hh;
};

struct follow {
	struct cli *c;
	const char *id;
	bool output, bar;
	struct seen *seen;
	int64_t due_ms;  /* results are not fetched before */
	int64_t away_ms; /* since when the server cannot be reached; 0: it can */
};

static int print_new(void *ctx, const struct json *row, struct err *e)
{
	struct follow *f = ctx;
	const char *agent = json_str(json_get(row, "agent"));
	struct seen *s;

	if (!agent || strlen(agent) > ID_LEN ||
		!progress_is_final(json_str(json_get(row, "state"))))
		return 0;
	HASH_FIND_STR(f->seen, agent, s);
	if (s)
		return 0;
	s = xcalloc(1, sizeof *s);
	snprintf(s->agent, sizeof s->agent, "%s", agent);
	HASH_ADD_STR(f->seen, agent, s);
	result_print(f->c, row);
	return 0;
}

static int print_results(struct follow *f, struct err *e)
{
	int64_t begin = clock_mono_ms(), now;
	int rc = list_walk(f->c, &result_list_output,
		arena_printf(f->c->arena, "/actions/%s/results?output=1", api_segment(f->c, f->id)),
		-1, NULL, print_new, f, e);

	now = clock_mono_ms();
	f->due_ms = now + 10 * (now - begin);
	return rc;
}

static void draw(const struct follow *f, const struct progress *p)
{
	struct arena *a;

	if (!f->bar)
		return;
	a = arena_new();
	fprintf(stderr, "\r\033[K%s", progress_bar(p, f->c->width - 1, a));
	fflush(stderr);
	arena_free(a);
}

static void erase(const struct follow *f)
{
	if (f->bar)
		fprintf(stderr, "\r\033[K");
}

/* A server that cannot be reached for a while is no reason to give up: the action goes on without us. 0: try again. */
static int away(struct follow *f, struct err *e)
{
	int64_t now = clock_mono_ms();

	if (e->code != ERR_UNAVAILABLE || (f->away_ms && now - f->away_ms > AWAY_MS))
		return -1;
	if (!f->away_ms) {
		erase(f);
		fprintf(stderr, "him: %s; trying again\n", e->text);
		f->away_ms = now;
	}
	return 0;
}

/* One look. 1: the action has ended and all was printed; 0: not yet. */
static int look(struct follow *f, struct json **action, struct err *e)
{
	struct progress p;
	struct json *now = NULL;

	if (api_get(f->c, arena_printf(f->c->arena, "/actions/%s", api_segment(f->c, f->id)), &now,
		    e) < 0)
		return away(f, e);
	json_free(*action);
	*action = now;
	progress_read(now, &p);
	if (f->output && progress_ended(&p) > (int64_t)HASH_COUNT(f->seen) &&
		(!p.open || clock_mono_ms() >= f->due_ms)) {
		erase(f);
		if (print_results(f, e) < 0)
			return away(f, e);
	}
	f->away_ms = 0;
	draw(f, &p);
	return !p.open;
}

int follow_action(struct cli *c, const char *id, bool output, struct json **action, struct err *e)
{
	struct follow f = {.c = c, .id = id, .output = output};
	struct arena *whole = c->arena;
	struct seen *s, *tmp;
	int pause = PAUSE_MIN_MS, rc;

	f.bar = isatty(STDERR_FILENO) && c->terminal;
	for (;;) {
		c->arena = arena_new(); /* of one look: waiting may take days */
		rc = look(&f, action, e);
		arena_free(c->arena);
		c->arena = whole;
		if (rc)
			break;
		nanosleep(&(struct timespec){.tv_sec = pause / 1000,
				  .tv_nsec = pause % 1000 * 1000000L},
			NULL);
		pause = pause < PAUSE_MAX_MS ? pause + pause / 4 : pause;
	}
	erase(&f);
	HASH_ITER (hh, f.seen, s, tmp) {
		HASH_DEL(f.seen, s);
		free(s);
	}
	return rc < 0 ? -1 : 0;
}

/* ---- the end ---- */

struct rows {
	struct buf b;
	size_t n;
};

static int print_row(void *ctx, const struct json *row, struct err *e)
{
	struct rows *r = ctx;

	buf_clear(&r->b);
	if (json_print(row, &r->b) < 0)
		return err_set(e, ERR_TOO_LARGE, "a result is too large to print");
	printf("%s\n%s", r->n++ ? "," : "", buf_str(&r->b));
	return 0;
}

int follow_print_json(struct cli *c, const struct json *action, bool output, struct err *e)
{
	const char *id = json_str(json_get(action, "id"));
	const char *path = arena_printf(c->arena, "/actions/%s/results%s",
		api_segment(c, id ? id : ""), output ? "?output=1" : "");
	struct rows r = {0};
	int rc = 0;

	buf_init(&r.b, 64 << 20);
	if (json_print(action, &r.b) < 0)
		rc = err_set(e, ERR_TOO_LARGE, "the action is too large to print");
	if (rc == 0) {
		printf("%.*s,\"results\":[", (int)r.b.len - 1,
			buf_str(&r.b)); /* its closing brace comes at the end */
		rc = list_walk(c, output ? &result_list_output : &result_list, path, -1, NULL,
			print_row, &r, e);
	}
	if (rc == 0)
		printf("%s],\"next\":null}\n", r.n ? "\n" : "");
	buf_release(&r.b);
	return rc;
}

int follow_end(struct cli *c, const struct json *action)
{
	struct progress p;

	progress_read(action, &p);
	if (!c->json)
		fprintf(stderr, "%s\n", progress_summary(&p, c->arena));
	return progress_all_done(&p) ? 0 : 1;
}
