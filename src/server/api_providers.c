/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules that give machines a provider (probe/providers.h): one text for the whole installation. It is parsed here as agents
 * will parse it, so that what is wrong is said to who writes it; then it goes down as a signed list (lists.c).
 */
#include "probe/providers.h"
#include "server/call.h"
#include "store/store_setting.h"
#include "wire/envelope.h"
#include <stdio.h>
#include <string.h>

static int answer(struct call *c, struct db *db)
{
	const char *text = NULL;
	int64_t version;

	if (setting_get(db, SETTING_PROVIDERS, c->arena, &text, &c->job.err) < 0 ||
		setting_int(db, SETTING_PROVIDERS_VERSION, &version, &c->job.err) < 0)
		return -1;
	c->json = json_object();
	json_set_string(c->json, "rules", text ? text : "");
	json_set_time(c->json, "since", version);
	return 0;
}

static int check(const char *text, struct err *e)
{
	struct providers *p = providers_parse(text, strlen(text), "rules", e);

	if (!p && !*e->field)
		snprintf(e->field, sizeof e->field, "rules");
	providers_free(p);
	return p ? 0 : -1;
}

static int set(struct call *c, struct db *db)
{
	static const char *const keys[] = {"rules", NULL};
	const char *text = NULL;
	char digest[DIGEST_LEN + 1];
	struct json *detail;
	int64_t version;

	if (call_body(c, keys) < 0 ||
		json_take_string(c->body, "rules", true, PROVIDERS_MAX, &text, &c->job.err) < 0 ||
		check(text, &c->job.err) < 0 ||
		setting_int(db, SETTING_PROVIDERS_VERSION, &version, &c->job.err) < 0)
		return -1;
	/* The time, so that it grows also where an older database was restored. */
	version = c->now_ms > version ? c->now_ms : version + 1;
	digest_hex(text, strlen(text), digest);
	if (setting_set(db, SETTING_PROVIDERS, text, &c->job.err) < 0 ||
		setting_set(db, SETTING_PROVIDERS_VERSION,
			arena_printf(c->arena, "%lld", (long long)version), &c->job.err) < 0)
		return -1;
	detail = json_object();
	json_set_int(detail, "bytes", (int64_t)strlen(text));
	json_set_string(detail, "sha256", digest);
	if (call_audit(c, db, "providers.set", "", detail) < 0)
		return -1;
	c->providers = true;
	return answer(c, db);
}

const struct route routes_providers[] = {
	{HTTP_GET, "/api/v1/providers", ROLE_VIEWER, ROUTE_EVERYWHERE, answer},
	{HTTP_POST, "/api/v1/providers", ROLE_ADMINISTRATOR, ROUTE_WRITE | ROUTE_EVERYWHERE, set},
	{.pattern = NULL},
};
