/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams and reports.
 *
 * Per agent and stream the last committed number and the digest of that body are kept. A stream that begins
 * ends the one before; if the ended one speaks again with something new, two installations share an identity.
 *
 * A report is a merge patch on the agent's document, which is kept a row a section, so that a report rewrites
 * only the sections that it touches. Scalars of the section `attributes` that model.def knows become columns of the
 * machine, addresses rows of their own; nothing else is interpreted.
 */
#include "store/store_ingest.h"
#include "base/text.h"
#include "model/patch.h"
#include <stdio.h>
#include <string.h>

#define SECTION_MAX (1u << 20)
#define SECTIONS_MAX 64

/* ---- streams ---- */

struct known {
	bool there;
	int64_t seq, ended;
	char digest[65];
};

static int stream_get(
	struct db *db, const struct ingest_envelope *v, struct known *k, struct err *e)
{
	struct stmt *s = db_prepare(
		db, "SELECT seq, ended, digest FROM streams WHERE agent = ?1 AND stream = ?2", e);
	int got;

	memset(k, 0, sizeof *k);
	if (!s)
		return -1;
	bind_text(s, 1, v->agent);
	bind_text(s, 2, v->stream);
	got = db_step(s, e);
	if (got > 0) {
		k->there = true;
		k->seq = col_int(s, 0);
		k->ended = col_int(s, 1);
		snprintf(k->digest, sizeof k->digest, "%s", col_text(s, 2) ? col_text(s, 2) : "");
	}
	db_done(s);
	return got < 0 ? -1 : 0;
}

static int stream_set(struct db *db, const struct ingest_envelope *v, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"INSERT INTO streams (agent, stream, seq, digest, ended) VALUES (?1, ?2, ?3, ?4, 0)"
		" ON CONFLICT (agent, stream) DO UPDATE SET seq = excluded.seq, digest = "
		"excluded.digest",
		e);

	if (!s)
		return -1;
	bind_text(s, 1, v->agent);
	bind_text(s, 2, v->stream);
	bind_int(s, 3, v->seq);
	bind_text(s, 4, v->digest);
	return db_run(s, e) < 0 ? -1 : 0;
}

/* The others of this agent have ended; those that ended a month ago are forgotten. */
static int stream_begin(
	struct db *db, const struct ingest_envelope *v, int64_t now_ms, struct err *e)
{
	static const char *const texts[] = {
		"UPDATE streams SET ended = ?3 WHERE agent = ?1 AND stream <> ?2 AND ended = 0",
		"DELETE FROM streams WHERE agent = ?1 AND stream <> ?2 AND ended > 0 AND ended < "
		"?3 - 2592000000"};

	for (size_t i = 0; i < 2; i++) {
		struct stmt *s = db_prepare(db, texts[i], e);
		if (!s)
			return -1;
		bind_text(s, 1, v->agent);
		bind_text(s, 2, v->stream);
		bind_int(s, 3, now_ms);
		if (db_run(s, e) < 0)
			return -1;
	}
	return 0;
}

static int last_digest(struct db *db, const char *agent, char out[65], struct err *e)
{
	struct stmt *s =
		db_prepare(db, "SELECT digest FROM streams WHERE agent = ?1 AND ended = 0", e);
	int got;

	out[0] = '\0';
	if (!s)
		return -1;
	bind_text(s, 1, agent);
	got = db_step(s, e);
	if (got > 0 && col_text(s, 0))
		snprintf(out, 65, "%s", col_text(s, 0));
	db_done(s);
	return got < 0 ? -1 : 0;
}

int ingest_advance(struct db *db, const struct ingest_envelope *v, int64_t now_ms, bool insist,
	enum ingest_verdict *verdict, int64_t *committed, struct err *e)
{
	struct known k;
	char last[65];

	if (stream_get(db, v, &k, e) < 0)
		return -1;
	*committed = k.seq;
	if (k.there && v->seq <= k.seq) {
		*verdict = v->seq == k.seq && strcmp(k.digest, v->digest) != 0 ? INGEST_CLONE
									       : INGEST_DUPLICATE;
		return 0;
	}
	if (k.there && k.ended) {
		*verdict = INGEST_CLONE;
		return 0;
	}
	if (!k.there && v->seq > 1 &&
		!insist) { /* fine when it follows what we had, else something is missing */
		if (last_digest(db, v->agent, last, e) < 0)
			return -1;
		insist = last[0] && strcmp(last, v->prev) == 0;
	}
	if (v->seq > k.seq + 1 && !insist) {
		*verdict = INGEST_GAP;
		return 0;
	}
	*verdict = INGEST_TAKE;
	*committed = v->seq;
	if (!k.there && stream_begin(db, v, now_ms, e) < 0)
		return -1;
	return stream_set(db, v, e);
}

/* ---- reports ---- */

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
		json_take_int(out->body, "made", true, 0, INT64_MAX, &out->made, e) == 0) {
		if (json_type(out->doc) == JSON_OBJECT && json_len(out->doc) <= SECTIONS_MAX)
			return 0;
		err_field(e, ERR_INVALID, "doc", "doc must be an object of at most %d sections",
			SECTIONS_MAX);
	}
	json_free(out->body);
	out->body = NULL;
	return -1;
}

static struct json *section_load(
	struct db *db, const char *agent, const char *section, struct err *e)
{
	struct stmt *s =
		db_prepare(db, "SELECT body FROM sections WHERE agent = ?1 AND section = ?2", e);
	struct json *j = NULL;

	if (!s)
		return NULL;
	bind_text(s, 1, agent);
	bind_text(s, 2, section);
	if (db_step(s, e) > 0 && col_text(s, 0))
		j = json_parse(col_text(s, 0), strlen(col_text(s, 0)), NULL);
	db_done(s);
	return j ? j : json_object();
}

static int section_save(struct db *db, const char *agent, const char *section,
	const struct json *body, struct err *e)
{
	struct stmt *s = db_prepare(db,
		"INSERT INTO sections (agent, section, body) VALUES (?1, ?2, ?3)"
		" ON CONFLICT (agent, section) DO UPDATE SET body = excluded.body",
		e);
	struct buf text;
	int rc = -1;

	buf_init(&text, SECTION_MAX);
	if (json_print(body, &text) < 0)
		err_field(e, ERR_TOO_LARGE, section, "section %s is over the limit of %u bytes",
			section, SECTION_MAX);
	else if (s) {
		bind_text(s, 1, agent);
		bind_text(s, 2, section);
		bind_text_len(s, 3, text.data, text.len);
		rc = db_step(s, e) < 0 ? -1 : 0;
	}
	db_done(s);
	buf_release(&text);
	return rc;
}

static int section_drop(struct db *db, const char *agent, const char *section, struct err *e)
{
	struct stmt *s = db_prepare(
		db, "DELETE FROM sections WHERE agent = ?1 AND (?2 IS NULL OR section = ?2)", e);

	if (!s)
		return -1;
	bind_text(s, 1, agent);
	bind_text(s, 2, section);
	return db_run(s, e) < 0 ? -1 : 0;
}

/* ---- columns of the machine ---- */

static void bind_attribute(struct stmt *s, int i, const struct model_field *f, const struct json *v)
{
	int64_t n;

	if (f->type == MODEL_TEXT)
		bind_text(s, i, json_str(v)); /* another type, or absent: null */
	else if (json_to_int(v, &n) == 0)
		bind_int(s, i, n);
	else if (f->flags & NULLABLE)
		bind_null(s, i);
	else
		bind_int(s, i, 0);
}

/* UPDATE text for the AGENT columns, made once per connection's life in static storage: it never differs. */
static const char *columns_sql(void)
{
	static char text[4096];
	static _Thread_local bool made;
	const struct model_record *r = &model_records[MODEL_machine];
	size_t len;
	int p = 4;

	if (made)
		return text;
	len = (size_t)snprintf(
		text, sizeof text, "UPDATE machines SET reported = ?2, clock_skew_ms = ?3");
	for (size_t i = 0; i < r->n; i++)
		if (r->fields[i].flags & AGENT)
			len += (size_t)snprintf(text + len, sizeof text - len, ", %s = ?%d",
				r->fields[i].column, p++);
	snprintf(text + len, sizeof text - len, " WHERE agent = ?1");
	made = true;
	return text;
}

static int columns_save(struct db *db, const char *agent, const struct json *attributes,
	int64_t skew_ms, int64_t now_ms, struct err *e)
{
	const struct model_record *r = &model_records[MODEL_machine];
	struct stmt *s = db_prepare(db, columns_sql(), e);
	int p = 4;

	if (!s)
		return -1;
	bind_text(s, 1, agent);
	bind_int(s, 2, now_ms);
	bind_int(s, 3, skew_ms);
	for (size_t i = 0; i < r->n; i++)
		if (r->fields[i].flags & AGENT)
			bind_attribute(
				s, p++, &r->fields[i], json_get(attributes, r->fields[i].name));
	return db_run(s, e) < 0 ? -1 : 0;
}

static int touched(struct db *db, const char *agent, int64_t skew_ms, int64_t now_ms, struct err *e)
{
	struct stmt *s = db_prepare(
		db, "UPDATE machines SET reported = ?2, clock_skew_ms = ?3 WHERE agent = ?1", e);

	if (!s)
		return -1;
	bind_text(s, 1, agent);
	bind_int(s, 2, now_ms);
	bind_int(s, 3, skew_ms);
	return db_run(s, e) < 0 ? -1 : 0;
}

/* ---- addresses ---- */

static int address_add(struct db *db, const char *machine, const char *kind, const char *value,
	const char *nic, struct err *e)
{
	struct stmt *s;
	char plain[64];

	snprintf(plain, sizeof plain, "%.*s", (int)strcspn(value, "/"),
		value); /* without its prefix length */
	s = db_prepare(db,
		"INSERT INTO addresses (machine, kind, value, nic) VALUES (?1, ?2, ?3, ?4)"
		" ON CONFLICT (machine, kind, value) DO NOTHING",
		e);
	if (!s)
		return -1;
	bind_text(s, 1, machine);
	bind_text(s, 2, kind);
	bind_text(s, 3, plain);
	bind_text(s, 4, nic);
	return db_run(s, e) < 0 ? -1 : 0;
}

static int nic_addresses(
	struct db *db, const char *machine, const char *nic, const struct json *v, struct err *e)
{
	static const char *const macs[] = {"mac", "permanent_mac"};
	int rc = 0;

	for (size_t i = 0; i < 2 && rc == 0; i++)
		if (json_str(json_get(v, macs[i])))
			rc = address_add(
				db, machine, "mac", json_str(json_get(v, macs[i])), nic, e);
	for (struct json_iter it = json_iter(json_get(v, "address")); rc == 0 && json_next(&it);)
		rc = address_add(db, machine, "ip", it.key, nic, e);
	return rc;
}

static int addresses_save(struct db *db, const char *agent, const struct json *nics, struct err *e)
{
	struct stmt *s = db_prepare(db, "SELECT id FROM machines WHERE agent = ?1", e);
	char machine[64] = "";
	int rc = 0;

	if (!s)
		return -1;
	bind_text(s, 1, agent);
	if (db_step(s, e) > 0)
		snprintf(machine, sizeof machine, "%s", col_text(s, 0));
	db_done(s);
	s = db_prepare(db, "DELETE FROM addresses WHERE machine = ?1", e);
	if (!s)
		return -1;
	bind_text(s, 1, machine);
	if (db_run(s, e) < 0)
		return -1;
	for (struct json_iter it = json_iter(nics); rc == 0 && json_next(&it);)
		rc = nic_addresses(db, machine, it.key, it.value, e);
	return rc;
}

/* ---- applying ---- */

static int section_apply(struct db *db, const char *agent, const char *name,
	const struct json *patch, bool full, int64_t skew_ms, int64_t now_ms, struct err *e)
{
	struct json *body;
	int rc;

	if (json_type(patch) == JSON_NULL)
		return section_drop(db, agent, name, e);
	body = full ? json_object() : section_load(db, agent, name, e);
	if (!body)
		return -1;
	body = patch_apply(body, patch);
	rc = section_save(db, agent, name, body, e);
	if (rc == 0 && strcmp(name, "attributes") == 0)
		rc = columns_save(db, agent, body, skew_ms, now_ms, e);
	if (rc == 0 && strcmp(name, "nic") == 0)
		rc = addresses_save(db, agent, body, e);
	json_free(body);
	return rc;
}

static int base_get(
	struct db *db, const char *agent, char digest[65], int64_t *generation, struct err *e)
{
	struct stmt *s =
		db_prepare(db, "SELECT report_digest, generation FROM agents WHERE id = ?1", e);
	int got;

	digest[0] = '\0';
	*generation = 0;
	if (!s)
		return -1;
	bind_text(s, 1, agent);
	got = db_step(s, e);
	if (got > 0) {
		snprintf(digest, 65, "%s", col_text(s, 0) ? col_text(s, 0) : "");
		*generation = col_int(s, 1);
	}
	db_done(s);
	return got < 0 ? -1 : 0;
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

int ingest_report(struct db *db, const char *agent, const struct ingest_report *r,
	const char *digest, int64_t generation, int64_t now_ms, bool *need_full, struct err *e)
{
	bool full = r->base[0] == '\0';
	int64_t has_generation;
	char has[65];

	if (base_get(db, agent, has, &has_generation, e) < 0)
		return -1;
	*need_full = !full && (strcmp(has, r->base) != 0 || has_generation != generation);
	if (*need_full)
		return 0;
	if (full && section_drop(db, agent, NULL, e) < 0)
		return -1;
	if (touched(db, agent, r->made - now_ms, now_ms, e) < 0)
		return -1;
	for (struct json_iter it = json_iter(r->doc); json_next(&it);) {
		if (strlen(it.key) > 32)
			return err_field(e, ERR_INVALID, "doc",
				"the name of a section has at most 32 characters");
		if (section_apply(db, agent, it.key, it.value, full, r->made - now_ms, now_ms, e) <
			0)
			return -1;
	}
	return base_set(db, agent, digest, generation, e);
}
