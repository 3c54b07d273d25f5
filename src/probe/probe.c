// SPDX-License-Identifier: Apache-2.0
/*
 * The engine behind the probes: it knows when to look and what was seen last, and nothing of the
 * machine. The platform gives a table of subjects (subject.h); each keeps its own share of the
 * document here, so that an unchanged one costs a comparison of stamps and no reading.
 *
 * A stamp is a hash over the sources of a subject: device, inode, size and time of change for
 * files on disk, the content for files of /proc and /sys, whose times say nothing. The stamp is
 * taken before the look, so that a change during the look is seen by the next one.
 *
 * Invariants:
 *  1. what a subject gave last is kept until a look gives something else; `made` counts those;
 *  2. a look that fails leaves its sentence in place of its section, whatever else it gave; what
 *     is given from outside may have both;
 *  3. a document printed stays below PROBE_DOCUMENT_MAX: the largest section is left out first.
 */
#include "probe/probe.h"
#include "base/arena.h"
#include "base/clock.h"
#include "model/patch.h"
#include "probe/subject.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LOOK_AGAIN_MS (3600 * 1000)
#define GIVEN_MAX (8 * 1024 * 1024)
#define SOURCE_MAX (1024 * 1024) /* compared by content; a larger one counts as always new */

struct share { /* what one subject gave last */
	struct json *attributes, *section;
	size_t bytes;     /* of the section, printed */
	struct err error; /* why there is no section; code ERR_NONE when the look succeeded */
	uint64_t stamp;
	int64_t looked_ms;
	bool looked, again; /* again: something else than its sources changed */
	/* From outside, by probe_give: the section printed, because a thousand guests as values take
	 * ten times the room of their text. An error tells what it lacks. */
	char *given;
};

struct probe_ctx {
	char *root, *rules;
	struct share *shares;     /* one a subject */
	uint64_t made, collected; /* changes so far, and how many of them probe_collect has told */
};

struct probe_ctx *probe_open(const char *root)
{
	struct probe_ctx *p = xcalloc(1, sizeof(*p));
	p->root = xstrdup(root ? root : "");
	p->shares = xcalloc(subjects_count, sizeof(*p->shares));
	for (size_t i = 0; i < subjects_count; i++) {
		p->shares[i].attributes = json_object();
		p->shares[i].section = json_object();
	}
	p->made = 1;
	return p;
}

void probe_close(struct probe_ctx *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < subjects_count; i++) {
		json_free(p->shares[i].attributes);
		json_free(p->shares[i].section);
		free(p->shares[i].given);
	}
	free(p->shares);
	free(p->rules);
	free(p->root);
	free(p);
}

static uint64_t hash_stat(uint64_t hash, const struct stat *st)
{
	uint64_t v[] = {st->st_dev, st->st_ino, (uint64_t)st->st_size, (uint64_t)st->st_mtim.tv_sec,
		(uint64_t)st->st_mtim.tv_nsec};
	return subject_hash(hash, v, sizeof(v));
}

static uint64_t hash_source(const struct probe_env *env, uint64_t hash, const char *source)
{
	if (strncmp(source, "/proc/", 6) == 0 || strncmp(source, "/sys/", 5) == 0) {
		struct buf content;
		buf_init(&content, SOURCE_MAX);
		if (subject_read(env, source, &content, NULL))
			hash ^= (uint64_t)clock_mono_us();
		hash = subject_hash(hash, buf_str(&content), content.len);
		buf_release(&content);
		return subject_hash(hash, "", 1);
	}
	char path[PATH_MAX];
	struct stat st = {0}, link = {0};
	if (subject_path(env, path, "%s", source) || lstat(path, &link))
		return subject_hash(hash, "", 1);
	if (S_ISLNK(link.st_mode) && stat(path, &st) == 0)
		hash = hash_stat(hash, &st);
	return hash_stat(hash, &link);
}

static uint64_t stamp(const struct probe_env *env, const struct subject *s)
{
	uint64_t hash = UINT64_C(14695981039346656037);
	for (size_t i = 0; i < SUBJECT_SOURCES && s->sources[i]; i++)
		hash = hash_source(env, hash, s->sources[i]);
	return hash;
}

static bool is_due(const struct subject *s, const struct share *kept, uint64_t now_stamp)
{
	return !kept->looked || kept->again || s->when == SUBJECT_ALWAYS ||
		now_stamp != kept->stamp || clock_mono_ms() - kept->looked_ms >= LOOK_AGAIN_MS;
}

static size_t printed_bytes(const struct json *section)
{
	struct buf out;
	buf_init(&out, PROBE_DOCUMENT_MAX);
	size_t n = json_print(section, &out) ? PROBE_DOCUMENT_MAX : out.len;
	buf_release(&out);
	return n;
}

/* Looks once. True when the share became another one. */
static bool look(const struct probe_env *env, const struct subject *s, struct share *kept)
{
	struct err e = ERR_INIT;
	struct subject_out out = {
		json_object(), json_object(), kept->attributes, kept->section, s->max};

	if (s->look(env, &out, &e)) {
		json_free(out.section);
		out.section = json_object();
	}
	if (kept->looked && strcmp(e.text, kept->error.text) == 0 &&
		json_equal(out.attributes, kept->attributes) &&
		json_equal(out.section, kept->section)) {
		json_free(out.attributes);
		json_free(out.section);
		return false;
	}
	json_free(kept->attributes);
	json_free(kept->section);
	kept->attributes = out.attributes;
	kept->section = out.section;
	kept->bytes = printed_bytes(out.section);
	kept->error = e;
	return true;
}

bool probe_changed(struct probe_ctx *p)
{
	struct probe_env env = {p->root, p->rules};
	for (size_t i = 0; i < subjects_count; i++) {
		const struct subject *s = &subjects[i];
		struct share *kept = &p->shares[i];
		uint64_t now_stamp = stamp(&env, s);
		if (kept->given || !is_due(s, kept, now_stamp))
			continue;
		if (look(&env, s, kept))
			p->made++;
		kept->looked = true;
		kept->again = false;
		kept->looked_ms = clock_mono_ms();
		kept->stamp = now_stamp;
	}
	return p->made != p->collected;
}

static struct share *share_of(const struct probe_ctx *p, const char *subject)
{
	size_t i = 0;
	while (i < subjects_count && strcmp(subjects[i].name, subject) != 0)
		i++;
	assert(i < subjects_count);
	return &p->shares[i];
}

void probe_rules(struct probe_ctx *p, const char *text)
{
	free(p->rules);
	p->rules = text ? xstrdup(text) : NULL;
	share_of(p, "machine")->again = true;
}

void probe_give(
	struct probe_ctx *p, const char *subject, const struct json *section, const struct err *why)
{
	struct share *kept = share_of(p, subject);
	struct err none = ERR_INIT;
	struct buf text;

	if (!why)
		why = &none;
	if (strcmp(why->text, kept->error.text) != 0)
		p->made++;
	kept->error = *why;
	buf_init(&text, GIVEN_MAX);
	if (!kept->given)
		kept->given = xstrdup("{}");
	if (section && json_print(section, &text) == 0 &&
		strcmp(kept->given, buf_str(&text)) != 0) {
		free(kept->given);
		kept->given = xstrndup(text.data, text.len); /* without the room it grew in */
		kept->bytes = text.len;
		p->made++;
	}
	buf_release(&text);
}

static struct json *section_of(const struct share *kept)
{
	return kept->given ? json_parse(kept->given, strlen(kept->given), NULL)
			   : json_copy(kept->section);
}

struct json *probe_section(const struct probe_ctx *p, const char *subject)
{
	return section_of(share_of(p, subject));
}

/* Which sections stay: the largest are left out until the rest fits. errors gets their
 * sentences. */
static void fit(const struct probe_ctx *p, bool *left_out, struct json *errors)
{
	const size_t margin = 32 * 1024; /* attributes, errors, the names of the sections */
	size_t total = margin;
	for (size_t i = 0; i < subjects_count; i++)
		total += p->shares[i].bytes;

	while (total > PROBE_DOCUMENT_MAX) {
		size_t worst = 0;
		for (size_t i = 1; i < subjects_count; i++)
			if (left_out[worst] ||
				(!left_out[i] && p->shares[i].bytes > p->shares[worst].bytes))
				worst = i;
		if (left_out[worst])
			return;
		left_out[worst] = true;
		total -= p->shares[worst].bytes;
		char *text = xasprintf("all of it does not fit into a report of at most %d bytes",
			PROBE_DOCUMENT_MAX);
		json_set_string(errors, subjects[worst].name, text);
		free(text);
	}
}

static void fill(const struct probe_ctx *p, struct json *doc)
{
	bool *left_out = xcalloc(subjects_count, sizeof(*left_out));
	struct json *attributes = json_object(), *errors = json_object();

	json_set(doc, "attributes", attributes);
	json_set_string(attributes, "him.version", HIM_VERSION);
	fit(p, left_out, errors);
	for (size_t i = 0; i < subjects_count; i++) {
		const struct share *kept = &p->shares[i];
		patch_apply(attributes, kept->attributes);
		if (kept->error.code != ERR_NONE)
			json_set_string(errors, subjects[i].name, kept->error.text);
		if ((kept->error.code == ERR_NONE || kept->given) && subjects[i].has_section &&
			!left_out[i])
			json_set(doc, subjects[i].name, section_of(kept));
	}
	if (json_len(errors) > 0)
		json_set(attributes, "him.probe.errors", errors);
	else
		json_free(errors);
	free(left_out);
}

int probe_check_root(const char *root, struct err *e)
{
	struct stat st;
	if (root[0] && stat(root, &st))
		return err_errno(e, "cannot look at %s", root);
	if (root[0] && !S_ISDIR(st.st_mode))
		return err_set(e, ERR_INVALID, "%s is not a folder", root);
	return 0;
}

int probe_collect(struct probe_ctx *p, struct json *doc, struct err *e)
{
	if (probe_check_root(p->root, e))
		return -1;
	probe_changed(p);
	fill(p, doc);
	p->collected = p->made;
	return 0;
}

int probe_print(const char *root, const char *rules, struct buf *out, struct err *e)
{
	struct probe_ctx *p = probe_open(root);
	struct json *doc = json_object();
	int r;

	probe_rules(p, rules);
	r = probe_collect(p, doc, e);
	if (r == 0 && (json_print_pretty(doc, out) || buf_addc(out, '\n')))
		r = err_set(e, ERR_TOO_LARGE, "the document is over %zu bytes", out->max);
	json_free(doc);
	probe_close(p);
	return r;
}
