/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports: a merge patch on the agent's document, which is kept a row a section, so that a report rewrites only
 * the sections that it touches. Scalars of the section `attributes` that model.def knows become columns of the machine, the
 * addresses of `nic` rows of their own; nothing else is interpreted. Columns and addresses always say what the sections
 * say: a section that goes takes them with it.
 *
 * An attribute of the wrong type is left out, and the machine's notice says so; the report is taken all the same, for
 * refusing it would lose what is right in it.
 */
#include "store/store_ingest.h"
#include "base/arena.h"
#include "model/patch.h"
#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTION_MAX (1u << 20)
#define SECTIONS_MAX 64
#define SECTION_NAME_MAX 32
#define ADDRESS_MAX 63

struct document { /* whose document a report changes, and how */
	struct db *db;
	const char *agent, *machine;
	bool full;
	int64_t skew_ms, now_ms;
};

/* ---- parsing ---- */

static int doc_check(const struct json *doc, struct err *e)
{
	if (json_type(doc) != JSON_OBJECT || json_len(doc) > SECTIONS_MAX)
		return err_field(e, ERR_INVALID, "doc",
			"doc must be an object of at most %d sections", SECTIONS_MAX);
	for (struct json_iter it = json_iter(doc); json_next(&it);) {
		if (!*it.key || strlen(it.key) > SECTION_NAME_MAX)
			return err_field(e, ERR_INVALID, "doc",
				"the name of a section has 1 to %d characters", SECTION_NAME_MAX);
		if (json_type(it.value) != JSON_OBJECT && json_type(it.value) != JSON_NULL)
			return err_field(e, ERR_INVALID, "doc",
				"section %s must be an object, or null to take it away", it.key);
	}
	return 0;
}

int ingest_report_parse(const char *text, size_t len, struct ingest_report *out, struct err *e)
{
	static const char *const keys[] = {"base", "made", "doc", NULL};

	memset(out, 0, sizeof *out);
	out->base = "";
	out->body = json_parse(text, len, e);
	if (!out->body)
		return -1;
	out->doc = json_get(out->body, "doc");
	if (json_only(out->body, keys, e) == 0 &&
		json_take_string(out->body, "base", true, 64, &out->base, e) == 0 &&
		json_take_int(out->body, "made", true, 0, INT64_MAX, &out->made, e) == 0 &&
		doc_check(out->doc, e) == 0)
		return 0;
	json_free(out->body);
	memset(out, 0, sizeof *out);
	return -1;
}

/* ---- sections ---- */

struct section_change { /* what a report makes of a section */
	const char *name;
	struct buf text;
	bool gone, known; /* known: there is a row of it */
};

/* The section's new text: the stored one with the patch laid over it. */
static int section_merge(
	const struct document *d, struct section_change *c, struct json *patch, struct err *e)
{
	struct stmt *s =
		db_prepare(d->db, "SELECT body FROM sections WHERE agent = ?1 AND section = ?2", e);
	const char *text = NULL;
	int got = 0;

	if (!s)
		return -1;
	if (!d->full) {
		bind_text(s, 1, d->agent);
		bind_text(s, 2, c->name);
		got = db_step(s, e);
		c->known = got > 0;
		if (got > 0)
			text = col_text(s, 0);
	}
	if (got >= 0)
		got = patch_text(text ? text : "{}", text ? strlen(text) : 2, patch, &c->text, e);
	db_done(s);
	if (got == 0 && c->text.full)
		return err_field(e, ERR_TOO_LARGE, c->name,
			"section %s is over the limit of %u bytes", c->name, SECTION_MAX);
	return got;
}

/* Which of the two is known: one statement for both would cost a journal of its own. */
static int section_save(const struct document *d, const struct section_change *c, struct err *e)
{
	struct stmt *s = c->known
		? db_prepare(d->db,
			  "UPDATE sections SET body = ?3 WHERE agent = ?1 AND section = ?2", e)
		: db_prepare(d->db,
			  "INSERT INTO sections (agent, section, body) VALUES (?1, ?2, ?3)", e);

	if (!s)
		return -1;
	bind_text(s, 1, d->agent);
	bind_text(s, 2, c->name);
	bind_text_len(s, 3, c->text.data, c->text.len);
	return db_run(s, e) < 0 ? -1 : 0;
}

/* ---- columns of the machine ---- */

/* False: it is of another type than the column. */
static bool bind_attribute(struct stmt *s, int i, const struct model_field *f, const struct json *v)
{
	bool there = json_type(v) != JSON_NULL;
	int64_t n;

	if (f->type == MODEL_TEXT) {
		bind_text(s, i, json_str(v)); /* null when it is no text */
		return !there || json_str(v);
	}
	if (json_to_int(v, &n) == 0) {
		bind_int(s, i, n);
		return true;
	}
	if (f->flags & NULLABLE)
		bind_null(s, i);
	else
		bind_int(s, i, 0);
	return !there;
}

/* The statement is the same for every report, and statements are found again by the address of their text. */
#define ATTRIBUTES_FROM 6
#define IGNORED "ignored: "
static char columns_text[4096];

static void columns_make(void)
{
	const struct model_record *r = &model_records[MODEL_machine];
	int p = ATTRIBUTES_FROM;
	struct buf b;

	buf_init(&b, sizeof columns_text - 1);
	buf_adds(&b,
		"UPDATE machines SET reported = ?2, clock_skew_ms = ?3, notice = CASE"
		" WHEN ?4 IS NOT NULL THEN ?4 WHEN notice LIKE '" IGNORED "%' THEN NULL"
		" ELSE notice END");
	for (size_t i = 0; i < r->n; i++)
		if (r->fields[i].flags & AGENT)
			buf_printf(&b, ", %s = ?%d", r->fields[i].column, p++);
	buf_adds(&b, " WHERE id = ?5 AND agent = ?1"); /* by its key: it is one */
	assert(!b.full);
	memcpy(columns_text, buf_str(&b), b.len + 1);
	buf_release(&b);
}

static const char *columns_sql(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, columns_make);
	return columns_text;
}

/* attributes: the whole section; NULL when there is none any more. */
static int columns_save(const struct document *d, const struct json *attributes, struct err *e)
{
	const struct model_record *r = &model_records[MODEL_machine];
	struct stmt *s = db_prepare(d->db, columns_sql(), e);
	const char *wrong = NULL;
	char notice[160];
	int p = ATTRIBUTES_FROM, count = 0;

	if (!s)
		return -1;
	bind_text(s, 1, d->agent);
	bind_int(s, 2, d->now_ms);
	bind_int(s, 3, d->skew_ms);
	for (size_t i = 0; i < r->n; i++)
		if (r->fields[i].flags & AGENT &&
			!bind_attribute(
				s, p++, &r->fields[i], json_get(attributes, r->fields[i].name))) {
			wrong = r->fields[i].name;
			count++;
		}
	if (wrong)
		snprintf(notice, sizeof notice,
			IGNORED "%d of its attributes, of the wrong type: %s%s", count, wrong,
			count > 1 ? " and others" : "");
	bind_text(s, 4, wrong ? notice : NULL);
	bind_text(s, 5, d->machine);
	return db_run(s, e) < 0 ? -1 : 0;
}

/* A report came that says nothing of attributes. */
static int touched(const struct document *d, struct err *e)
{
	struct stmt *s = db_prepare(d->db,
		"UPDATE machines SET reported = ?2, clock_skew_ms = ?3 WHERE id = ?4 AND agent = "
		"?1",
		e);

	if (!s)
		return -1;
	bind_text(s, 1, d->agent);
	bind_int(s, 2, d->now_ms);
	bind_int(s, 3, d->skew_ms);
	bind_text(s, 4, d->machine);
	return db_run(s, e) < 0 ? -1 : 0;
}

/* ---- addresses ---- */

struct nic { /* whose addresses are added */
	struct db *db;
	const char *machine, *name;
};

static int address_add(const struct nic *nic, const char *kind, const char *value, struct err *e)
{
	size_t len = strcspn(value, "/"); /* without its prefix length */
	struct stmt *s;

	if (len == 0 || len > ADDRESS_MAX)
		return 0; /* no address */
	s = db_prepare(nic->db,
		"INSERT INTO addresses (machine, kind, value, nic) VALUES (?1, ?2, ?3, ?4)"
		" ON CONFLICT (machine, kind, value) DO NOTHING",
		e);
	if (!s)
		return -1;
	bind_text(s, 1, nic->machine);
	bind_text(s, 2, kind);
	bind_text_len(s, 3, value, len);
	bind_text(s, 4, nic->name);
	return db_run(s, e) < 0 ? -1 : 0;
}

static int nic_addresses(const struct nic *nic, const struct json *v, struct err *e)
{
	static const char *const macs[] = {"mac", "permanent_mac"};
	int rc = 0;

	for (size_t i = 0; i < 2 && rc == 0; i++)
		if (json_str(json_get(v, macs[i])))
			rc = address_add(nic, "mac", json_str(json_get(v, macs[i])), e);
	for (struct json_iter it = json_iter(json_get(v, "address")); rc == 0 && json_next(&it);)
		rc = address_add(nic, "ip", it.key, e);
	return rc;
}

/* 1: the machine of this agent; 0: it has none. */
static int machine_of(const struct document *d, char machine[64], struct err *e)
{
	struct stmt *s = db_prepare(d->db, "SELECT id FROM machines WHERE agent = ?1", e);
	int got;

	if (!s)
		return -1;
	bind_text(s, 1, d->agent);
	got = db_step(s, e);
	if (got > 0)
		snprintf(machine, 64, "%s", col_text(s, 0));
	db_done(s);
	return got;
}

/* nics: the whole section; NULL when there is none any more. */
static int addresses_save(const struct document *d, const struct json *nics, struct err *e)
{
	char machine[64];
	struct nic nic = {.db = d->db, .machine = machine};
	int rc = machine_of(d, machine, e);
	struct stmt *s;

	if (rc <= 0)
		return rc;
	s = db_prepare(d->db, "DELETE FROM addresses WHERE machine = ?1", e);
	if (!s)
		return -1;
	bind_text(s, 1, machine);
	rc = db_run(s, e) < 0 ? -1 : 0;
	for (struct json_iter it = json_iter(nics); rc == 0 && json_next(&it);) {
		nic.name = it.key;
		rc = nic_addresses(&nic, it.value, e);
	}
	return rc;
}

/* ---- applying ---- */

/* What else is kept of a section. */
static int section_told(const struct document *d, const struct section_change *c, struct err *e)
{
	bool columns = strcmp(c->name, "attributes") == 0;
	struct json *body;
	int rc;

	if (!columns && strcmp(c->name, "nic") != 0)
		return 0;
	body = c->gone ? NULL : json_parse(c->text.data, c->text.len, e);
	if (!c->gone && !body)
		return -1;
	rc = columns ? columns_save(d, body, e) : addresses_save(d, body, e);
	json_free(body);
	return rc;
}

/* section NULL: all of them. */
static int section_drop(const struct document *d, const char *section, struct err *e)
{
	struct stmt *s = section
		? db_prepare(d->db, "DELETE FROM sections WHERE agent = ?1 AND section = ?2", e)
		: db_prepare(d->db, "DELETE FROM sections WHERE agent = ?1", e);

	if (!s)
		return -1;
	bind_text(s, 1, d->agent);
	if (section)
		bind_text(s, 2, section);
	return db_run(s, e) < 0 ? -1 : 0;
}

/* Reads only: whatever is wrong with a report is known before the first byte of it is written. */
static int document_merge(const struct document *d, const struct json *doc,
	struct section_change *changes, struct err *e)
{
	struct section_change *c = changes;

	for (struct json_iter it = json_iter(doc); json_next(&it); c++) {
		c->name = it.key;
		c->gone = json_type(it.value) == JSON_NULL;
		buf_init(&c->text, SECTION_MAX);
		if (!c->gone && section_merge(d, c, it.value, e) < 0)
			return -1;
	}
	return 0;
}

static int document_save(
	const struct document *d, const struct section_change *changes, size_t n, struct err *e)
{
	if (d->full && section_drop(d, NULL, e) < 0)
		return -1;
	for (const struct section_change *c = changes; c < changes + n; c++)
		if ((c->gone ? section_drop(d, c->name, e) : section_save(d, c, e)) < 0 ||
			section_told(d, c, e) < 0)
			return -1;
	return 0;
}

static int base_set(
	struct db *db, const char *agent, const char *digest, int64_t generation, struct err *e)
{
	struct stmt *s = db_prepare(
		db, "UPDATE agents SET report_digest = ?2, generation = ?3 WHERE id = ?1", e);

	if (!s)
		return -1;
	bind_text(s, 1, agent);
	bind_text(s, 2, digest);
	bind_int(s, 3, generation);
	return db_run(s, e) < 0 ? -1 : 0;
}

int ingest_forget_base(struct db *db, const char *agent, struct err *e)
{
	return base_set(db, agent, NULL, 0, e);
}

/* What a full report does not speak of is gone. */
static int forget_unsaid(const struct document *d, const struct json *doc, struct err *e)
{
	if (d->full && !json_has(doc, "nic") && addresses_save(d, NULL, e) < 0)
		return -1;
	if (json_has(doc, "attributes"))
		return 0;
	return d->full ? columns_save(d, NULL, e) : touched(d, e);
}

int ingest_report(struct db *db, const struct ingest_source *from, struct ingest_report *r,
	bool *need_full, struct err *e)
{
	struct document d = {.db = db,
		.agent = from->agent->id,
		.machine = from->agent->machine,
		.full = r->base[0] == '\0',
		.skew_ms = r->made - from->now_ms,
		.now_ms = from->now_ms};
	size_t n = json_len(r->doc);
	struct section_change *changes;
	const char *has = from->agent->report_digest;
	int rc = -1;

	*need_full = !d.full &&
		(!has || strcmp(has, r->base) != 0 || from->agent->generation != from->generation);
	if (*need_full)
		return 0;
	changes = xcalloc(n, sizeof *changes);
	if (document_merge(&d, r->doc, changes, e) == 0 && document_save(&d, changes, n, e) == 0 &&
		forget_unsaid(&d, r->doc, e) == 0)
		rc = base_set(db, d.agent, from->digest, from->generation, e);
	for (size_t i = 0; i < n; i++)
		buf_release(&changes[i].text);
	free(changes);
	return rc;
}
