// SPDX-License-Identifier: Apache-2.0
/* The query language: canonical forms, errors with their column, what hits which machine in a real database, and that no
 * query sees beyond its scope. */
#include "core/target.h"
#include "base/clock.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sqlite3.h>
#include <cmocka.h>

#define MINUTE 60000LL
#define DAY (24 * 60 * MINUTE)

static const struct target_query *parse(const char *text, struct arena *a)
{
	const struct target_query *q = NULL;
	struct err e = ERR_INIT;

	if (target_parse(text, a, &q, &e) < 0)
		fail_msg("'%s': %s", text, e.text);
	return q;
}

static const struct {
	const char *text, *canonical;
} canonical[] = {
	{"web1", "web1"},
	{"  web*\t db?  ", "web* db?"},
	{"web* and db*", "web* db*"},
	{"web* AND db* OR x", "web* db* or x"},
	{"a or b c", "a or b c"},
	{"(a or b) c", "(a or b) c"},
	{"((a)) (b (c d))", "a b c d"},
	{"a or (b or c)", "a or b or c"},
	{"not a b", "not a b"},
	{"not (a b)", "not (a b)"},
	{"not not a", "not not a"},
	{"not(a)or(b)", "not a or b"},
	{"site:lab", "him.site:lab"},
	{"SITE=lab", "him.site:lab"},
	{"him.site!=lab", "not him.site:lab"},
	{"state:online,late", "state:online,late"},
	{"memory>=8GiB", "host.memory>=8GiB"},
	{"host.memory:*", "host.memory:*"},
	{"os.name:\"Debian GNU*\"", "os.name:\"Debian GNU*\""},
	{"os.name:Debian\\ GNU*", "os.name:\"Debian GNU*\""},
	{"os.name:\"Debian\"*", "os.name:Debian*"},
	{"os.name:\"a\\\"b\"", "os.name:\"a\\\"b\""},
	{"os.name:\\*", "os.name:\\*"},
	{"os.name:\"\\*\\?\\\\\"", "os.name:\\*\\?\\\\"},
	{"\"and\" \"or\"", "\"and\" \"or\""},
	{"orion android nothing", "orion android nothing"},
	{"\"a:b\"", "\"a:b\""},
	{"a\\:b", "\"a:b\""},
	{"\"\"", "\"\""},
	{"\"-a\" \\!b", "\"-a\" \"!b\""},
	{"mac:52:54:*", "mac:52:54:*"},
	{"ip:fe80::1", "ip:fe80::1"},
	{"ip:10.0.0.0/8,::/0", "ip:10.0.0.0/8,::/0"},
	{"seen<10m boot>30d", "seen<10m him.os.boot>30d"},
	{"created>2026-01-02T03:04:05Z", "created>2026-01-02T03:04:05Z"},
	{"web1,web2", "web1,web2"},
	{"name:ünï*", "name:ünï*"},
	{"((((((((((((((((a))))))))))))))))", "a"},
};

static void test_canonical(void **state)
{
	for (size_t i = 0; i < sizeof canonical / sizeof *canonical; i++) {
		struct arena *a = arena_new();
		const char *once = target_print(parse(canonical[i].text, a), a);
		assert_string_equal(once, canonical[i].canonical);
		assert_string_equal(target_print(parse(once, a), a), once);
		arena_free(a);
	}
}

static const struct {
	const char *text, *error;
} errors[] = {
	{"", "the query is empty; * is every machine"},
	{" \n", "the query is empty; * is every machine"},
	{"stat:online", "column 1: there is no field 'stat'; did you mean 'state'?"},
	{"web* and ünï stat:online", "column 14: there is no field 'stat'; did you mean 'state'?"},
	{"qqqqqqqq:1",
		"column 1: there is no field 'qqqqqqqq'; a name that holds ':' goes into quotes"},
	{"state:onlin", "column 7: state is never 'onlin'; did you mean 'online'?"},
	{"(a or b", "column 1: this parenthesis is not closed"},
	{"a )", "column 3: this parenthesis closes nothing"},
	{"()", "column 2: a name or a condition is missing before ')'"},
	{"a or", "column 5: the query ends where a name or a condition is missing"},
	{"not", "column 4: the query ends where a name or a condition is missing"},
	{"or a",
		"column 1: 'or' needs something on both sides; a machine of that name goes into "
		"quotes"},
	{"a and and b",
		"column 7: 'and' needs something on both sides; a machine of that name goes into "
		"quotes"},
	{"name:\"abc", "column 6: this quote is not closed"},
	{"name:abc\\", "column 9: a mark must follow the backslash"},
	{"name:", "column 6: a value is missing at the end"},
	{"name:a,,b", "column 8: a value is missing before ','"},
	{"memory >= 8GiB", "column 8: '>=' stands between a field and a value, without blanks"},
	{"!state:online", "column 1: nothing begins with '!'; say 'not' to leave out"},
	{"memory>=lots",
		"column 9: host.memory must be a size such as 512M, 8GiB or 1.5T, not 'lots'"},
	{"memory>1G,2G", "column 10: a list of values goes with ':', '=' or '!=' only"},
	{"memory:8*", "column 8: host.memory takes no pattern; a lone * is any value"},
	{"cores>many", "column 7: him.cpu.cores must be a whole number, not 'many'"},
	{"name>a", "column 6: name has no order: it takes ':', '=' and '!=' only"},
	{"seen:10m",
		"column 6: no time is exactly 10m ago: say seen<10m for less or seen>10m for more"},
	{"seen<soon",
		"column 6: seen is a time: an age such as 10m, a day such as 2026-01-02, or RFC "
		"3339, not 'soon'"},
	{"ip:10.0.0",
		"column 4: ip is an address such as 10.0.0.7, or a pattern of one with *, not "
		"'10.0.0'"},
	{"ip:10.0.0.0/33", "column 4: the length of the prefix is 33; it must be 0 to 32"},
	{"ip:2001:db8:0:1::/64",
		"column 4: '2001:db8:0:1::/64' has a group of zeros in its prefix; write a pattern "
		"with *"},
	{"a\001", "the query holds a control character"},
	{"a\xff", "the query is not UTF-8"},
	{"(((((((((((((((((a)))))))))))))))))",
		"column 18: parentheses and 'not' may be nested 16 deep"},
};

static void test_errors(void **state)
{
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
		struct arena *a = arena_new();
		const struct target_query *q = NULL;
		struct err e = ERR_INIT;
		assert_int_equal(target_parse(errors[i].text, a, &q, &e), -1);
		assert_string_equal(e.text, errors[i].error);
		assert_string_equal(e.field, "query");
		assert_null(q);
		arena_free(a);
	}
}

static void test_limits(void **state)
{
	struct arena *a = arena_new();
	const struct target_query *q;
	struct err e = ERR_INIT;
	struct buf b;

	buf_init(&b, 8192);
	for (int i = 0; i < TARGET_TERMS_MAX; i++)
		buf_printf(&b, "%sw%d", i == 0 ? "" : i % 2 ? "," : " ", i);
	assert_int_equal(target_parse(buf_str(&b), a, &q, &e), 0);
	buf_adds(&b, " one-more");
	assert_int_equal(target_parse(buf_str(&b), a, &q, &e), -1);
	assert_non_null(strstr(e.text, "64 values"));
	buf_clear(&b);
	for (int i = 0; i <= TARGET_TEXT_MAX; i++)
		buf_addc(&b, 'x');
	assert_int_equal(target_parse(buf_str(&b), a, &q, &e), -1);
	assert_int_equal(e.code, ERR_TOO_LARGE);
	buf_release(&b);
	arena_free(a);
}

/* ---- what is hit, in a real database ---- */

static const char schema[] = "CREATE TABLE machines (id TEXT, name TEXT, agent TEXT, site TEXT, "
			     "state TEXT, channel TEXT, seen BIGINT, created BIGINT,"
			     " boot BIGINT, revoked BIGINT, host_name TEXT, os_type TEXT, os_name "
			     "TEXT, memory BIGINT, cpu_cores BIGINT,"
			     " clock_skew_ms BIGINT, ip TEXT, gateway_mac TEXT);"
			     "CREATE TABLE addresses (machine TEXT, kind TEXT, value TEXT);";

#define GIB "1073741824"
#define NOW_TEXT "2026-03-01T12:00:00Z"

/* Times are minutes before now. */
static const char rows[] =
	"INSERT INTO machines VALUES"
	" ('01aa','web1','ga','lab','online','ping',%1$lld-90*60000,%1$lld-57*86400000,%1$lld-40*"
	"86400000,0,'web1.lan','linux',"
	"'Debian GNU/Linux',8*" GIB ",4,10,'10.0.0.7','52:54:00:aa:bb:01'),"
	" ('01ab','WEB2','gb','rennes','late','held',%1$lld-5*60000,%1$lld-1*86400000,%1$lld-2*"
	"86400000,0,'other','linux',"
	"'Debian GNU/Linux',4*" GIB ",2,-7000,'10.1.0.7',NULL),"
	" ('01ac','db1','gc','other','offline','poll',%1$lld-20*60000,%1$lld,0,%1$lld,'db1','"
	"windows','100%% pure_os',16*" GIB ",8,NULL,'192.168.0.9',NULL),"
	" ('01ad',NULL,'gd',NULL,'never',NULL,0,%1$lld,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL)"
	";"
	"INSERT INTO addresses VALUES "
	"('01aa','ip','10.0.0.7'),('01aa','ip','fe80::1'),('01aa','mac','52:54:00:00:00:01'),"
	"('01ab','ip','10.1.0.7'),('01ab','ip','2001:db8:1::7'),('01ac','ip','192.168.0.9'),('01ac'"
	",'mac','00:0c:29:00:00:02');";

static sqlite3 *open_database(int64_t now)
{
	sqlite3 *db;
	char text[4096];

	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, schema, NULL, NULL, NULL), SQLITE_OK);
	snprintf(text, sizeof text, rows, (long long)now);
	if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s", sqlite3_errmsg(db));
	return db;
}

/* The last letters of the ids that a query hits, in order: "ab". */
static void hits(
	sqlite3 *db, const char *query, const struct target_scope *scope, int64_t now, char out[8])
{
	struct arena *a = arena_new();
	struct target_sql sql;
	sqlite3_stmt *s;
	size_t n = 0;

	target_sql(query ? parse(query, a) : NULL, scope, now, a, &sql);
	if (sqlite3_prepare_v2(db,
		    arena_printf(
			    a, "SELECT m.id FROM machines m WHERE %s ORDER BY m.id", sql.where),
		    -1, &s, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql.where, sqlite3_errmsg(db));
	assert_int_equal(sqlite3_bind_parameter_count(s), (int)sql.n);
	for (size_t i = 0; i < sql.n; i++)
		if (sql.params[i].is_int)
			sqlite3_bind_int64(s, (int)i + 1, sql.params[i].i);
		else
			sqlite3_bind_text(s, (int)i + 1, sql.params[i].text, -1, SQLITE_STATIC);
	while (sqlite3_step(s) == SQLITE_ROW)
		out[n++] = (char)sqlite3_column_text(s, 0)[3];
	out[n] = '\0';
	sqlite3_finalize(s);
	arena_free(a);
}

static const struct {
	const char *query, *hits;
} found[] = {
	{"*", "abcd"},
	{"web1", "a"},
	{"WEB*", "ab"},
	{"web", ""},
	{"web?", "ab"},
	{"other", "b"}, /* the host name */
	{"web1.lan", "a"},
	{"web1,db1", "ac"},
	{"site:lab", "a"},
	{"site:LAB,rennes", "ab"},
	{"not site:lab", "bcd"},
	{"site!=lab", "bcd"},
	{"site:*", "abc"},
	{"not site:*", "d"},
	{"site:l* or db1", "ac"},
	{"(site:lab or site:rennes) state:online", "a"},
	{"site:lab or site:rennes state:online", "a"},
	{"os:linux memory>=8GiB", "a"},
	{"memory<8GiB", "b"},
	{"memory<=8GiB", "ab"},
	{"memory:16384M", "c"},
	{"memory:*", "abc"},
	{"not memory>4G", "bd"},
	{"cores:2,8", "bc"},
	{"cores!=2", "acd"},
	{"skew<-5s", "b"},
	{"state:ON*", "a"},
	{"channel:*", "abc"},
	{"id:01AB", "b"},
	{"id:01a*", "abcd"},
	{"agent:gc", "c"},
	{"seen<10m", "ab"}, /* one online is seen now */
	{"seen>10m", "c"},
	{"seen>=5m", "bc"},
	{"seen<=5m", "ab"},
	{"seen:*", "abc"},
	{"boot>30d", "a"},
	{"boot<30d", "b"},
	{"created<2026-01-03", ""},
	{"created:2026-01-03", "a"},
	{"created<=2026-01-03", "a"},
	{"created>2026-01-03", "bcd"},
	{"created>=2026-02-28T12:00:00Z", "bcd"},
	{"created>2026-02-28T12:00:00Z", "cd"},
	{"created:2026-03-01T13:00:00+01:00", "cd"},
	{"revoked:*", "c"},
	{"not revoked:*", "abd"},
	{"os.name:\"debian gnu*\"", "ab"},
	{"os.name:100%*", "c"},
	{"os.name:%", ""},
	{"os.name:*_os", "c"},
	{"os.name:*e_os", "c"},
	{"os.name:*x_os", ""},
	{"os.name:debian_gnu*", ""},
	{"os.name:\\*", ""},
	{"ip:10.0.*", "a"},
	{"ip:10.0.0.0/8", "ab"},
	{"ip:10.0.0.0/16", "a"},
	{"ip:10.0.0.0/15", "ab"},
	{"ip:10.0.0.4/30", "a"},
	{"ip:10.0.0.7/32", "a"},
	{"ip:0.0.0.0/0", "abc"},
	{"ip:::/0", "ab"},
	{"ip:fe80::/10", "a"},
	{"ip:2001:db8::/32", "b"},
	{"ip:2000::/3", "b"},
	{"ip:FE80:0::1", "a"},
	{"ip:*", "abc"},
	{"host.ip:192.168.0.0/16", "c"},
	{"mac:52:54:*", "a"},
	{"mac:00-0C-29-00-00-02", "c"},
	{"him.gateway.mac:*", "a"},
};

static const char *const lab[] = {"lab"};

static void test_hits(void **state)
{
	struct target_scope all = {.all = true};
	int64_t now;
	sqlite3 *db;

	assert_int_equal(clock_parse(NOW_TEXT, &now), 0);
	db = open_database(now);
	for (size_t i = 0; i < sizeof found / sizeof *found; i++) {
		char got[8];
		hits(db, found[i].query, &all, now, got);
		if (strcmp(got, found[i].hits) != 0)
			fail_msg("'%s' hits '%s', not '%s'", found[i].query, got, found[i].hits);
	}
	sqlite3_close(db);
}

/* Whatever the query, what it hits in a scope is what it hits at all and the scope holds. */
static void test_scope(void **state)
{
	static const char *const greedy[] = {"site:other or *", "*", "not site:lab",
		"not (site:lab) or not not *", "\") OR 1=1 --\" or *",
		"site:\"' OR '1'='1\" or site:*"};
	struct target_scope none = {0}, one = {.sites = lab, .n = 1};
	int64_t now;
	sqlite3 *db;
	char got[8];

	assert_int_equal(clock_parse(NOW_TEXT, &now), 0);
	db = open_database(now);
	for (size_t i = 0; i < sizeof greedy / sizeof *greedy; i++) {
		hits(db, greedy[i], &none, now, got);
		assert_string_equal(got, "");
		hits(db, greedy[i], &one, now, got);
		assert_true(strcmp(got, "a") == 0 || strcmp(got, "") == 0);
	}
	for (size_t i = 0; i < sizeof found / sizeof *found; i++) {
		hits(db, found[i].query, &one, now, got);
		assert_string_equal(got, strchr(found[i].hits, 'a') ? "a" : "");
		hits(db, found[i].query, &none, now, got);
		assert_string_equal(got, "");
	}
	hits(db, NULL, &one, now, got);
	assert_string_equal(got, "a");
	hits(db, NULL, &none, now, got);
	assert_string_equal(got, "");
	sqlite3_close(db);
}

/* The largest query a person can make still is SQL that SQLite takes. */
static void test_largest(void **state)
{
	struct target_scope all = {.all = true};
	struct buf b;
	char got[8];
	int64_t now = 1700000000000;
	sqlite3 *db = open_database(now);

	buf_init(&b, 8192);
	for (int i = 0; i < TARGET_TERMS_MAX; i++)
		buf_printf(
			&b, "%s%sip:%d.0.0.0/1", i ? " or " : "", i % 2 ? "" : "not ", i % 2 * 128);
	hits(db, buf_str(&b), &all, now, got);
	assert_string_equal(got, "cd");
	buf_release(&b);
	sqlite3_close(db);
}

static void test_names(void **state)
{
	struct target_name n;
	size_t i = 0, sites = 0;

	for (; target_name(i, &n); i++) {
		struct arena *a = arena_new();
		assert_non_null(n.doc);
		parse(arena_printf(a, "%s:*", n.name), a);
		if (n.alias)
			parse(arena_printf(a, "%s:*", n.alias), a);
		sites += strcmp(n.name, "him.site") == 0 && strcmp(n.alias, "site") == 0;
		arena_free(a);
	}
	assert_true(i > 40);
	assert_int_equal(sites, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_canonical),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_hits),
		cmocka_unit_test(test_scope),
		cmocka_unit_test(test_largest),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
