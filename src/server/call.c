/* SPDX-License-Identifier: Apache-2.0 */
/* What handlers use of a call: its parameters with their limits, its body, its scope as SQL, the audit log. */
#include "server/call.h"
#include "base/text.h"
#include "store/store_action.h"
#include "store/store_people.h"
#include <string.h>

#define LIMIT_DEFAULT 100
#define DETAIL_MAX (1u << 20)

_Static_assert(sizeof(struct param) == sizeof(struct target_param),
	"a query's parameters are the store's");

const char *call_query(const struct call *c, const char *name)
{
	return form_get(&c->query, name);
}

const char *call_form(const struct call *c, const char *name)
{
	return form_get(&c->form, name);
}

int call_flag(struct call *c, const char *name, bool *out)
{
	const char *text = call_query(c, name);

	*out = text && strcmp(text, "1") == 0;
	if (text && !*out && strcmp(text, "0") != 0)
		return err_field(&c->job.err, ERR_INVALID, name, "%s must be 0 or 1", name);
	return 0;
}

int call_limit(struct call *c, int max, int *limit)
{
	const char *text = call_query(c, "limit");
	int64_t v = max < LIMIT_DEFAULT ? max : LIMIT_DEFAULT;

	if (text && text_int(text, "limit", 1, max, &v, &c->job.err) < 0)
		return -1;
	*limit = (int)v;
	return 0;
}

int call_where(struct call *c, const char *query, struct machines_where *out)
{
	struct target_scope scope = {c->scope.all, c->scope.sites, c->scope.n};
	const struct target_query *q = NULL;
	struct target_sql sql;
	struct param *params;

	if (query && *query && target_parse(query, c->arena, &q, &c->job.err) < 0)
		return -1;
	target_sql(q, &scope, c->now_ms, c->arena, &sql);
	params = arena_alloc(c->arena, (sql.n + 1) * sizeof *params);
	for (size_t i = 0; i < sql.n; i++)
		params[i] =
			(struct param){sql.params[i].is_int, sql.params[i].i, sql.params[i].text};
	*out = (struct machines_where){sql.where, params, sql.n};
	return 0;
}

int call_audit(
	struct call *c, struct db *db, const char *what, const char *object, struct json *detail)
{
	struct audit_entry x = {.who = c->who,
		.from = c->from,
		.what = what,
		.object = object,
		.now_ms = c->now_ms};
	struct buf b;
	int rc;

	buf_init(&b, DETAIL_MAX);
	if (detail && json_print(detail, &b) == 0)
		x.detail = buf_str(&b);
	rc = audit_add(db, &x, &c->job.err);
	buf_release(&b);
	json_free(detail);
	return rc;
}

int call_body(struct call *c, const char *const *keys)
{
	if (!c->body)
		return err_set(&c->job.err, ERR_INVALID, "a JSON body is needed");
	if (json_type(c->body) != JSON_OBJECT)
		return err_set(&c->job.err, ERR_INVALID, "the body must be a JSON object");
	return json_only(c->body, keys, &c->job.err);
}

struct json *call_record(const struct model_record *r, const void *record, bool whole)
{
	struct json *j = json_object();

	model_json(r, record, whole, j);
	return j;
}
