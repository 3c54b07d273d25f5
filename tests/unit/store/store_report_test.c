/* SPDX-License-Identifier: Apache-2.0 */
/* Reports: parsing with its limits; patches on the document, and what follows from them: columns, addresses, notices. */
#include "kit.h"
#include "store/store_ingest.h"
#include "store/store_machine.h"
#include "store/store_trust.h"
#include <stdio.h>
#include <string.h>

#define GENERATION 3

static int apply(struct kit *k, struct ingest_report *r, const char *digest, bool *need_full)
{
	struct agent a;
	struct ingest_source from = {&a, digest, GENERATION, NOW};

	assert_int_equal(ok(k, trust_agent(k->db, kit_id(k, 'a', 1), k->a, &a, &k->e)), 1);
	return ingest_report(k->db, &from, r, need_full, &k->e);
}

/* Applies a report; returns whether a full one is needed. */
static bool report(struct kit *k, const char *base, const char *doc, const char *digest)
{
	const char *text = arena_printf(k->a, "{\"base\":\"%s\",\"made\":%lld,\"doc\":%s}", base,
		(long long)NOW + 250, doc);
	struct ingest_report r;
	bool need_full;

	ok(k, ingest_report_parse(text, strlen(text), &r, &k->e));
	ok(k, apply(k, &r, digest, &need_full));
	json_free(r.body);
	return need_full;
}

static struct machine machine(struct kit *k)
{
	struct machine m;

	assert_int_equal(ok(k, machine_by_agent(k->db, kit_id(k, 'a', 1), k->a, &m, &k->e)), 1);
	return m;
}

static void section_is(struct kit *k, const char *name, const char *want)
{
	struct section *list;
	const char *has = NULL;
	size_t n;

	ok(k, machine_sections(k->db, kit_id(k, 'a', 1), k->a, &list, &n, &k->e));
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i].section, name) == 0)
			has = list[i].body;
	if ((has || want) && (!has || !want || strcmp(has, want) != 0))
		fail_msg("section %s is %s, expected %s", name, has, want);
}

static int setup(void **state)
{
	if (kit_setup(state) < 0)
		return -1;
	kit_enrol(*state, 1, "web1", "lab");
	return 0;
}

static void a_document_grows(void **state)
{
	struct kit *k = *state;

	assert_false(report(k, "",
		"{\"attributes\":{\"host.name\":\"web1\",\"host.memory\":8589934592,\"him.os."
		"boot\":77,\"own\":\"kept\"},"
		"\"disk\":{\"sda\":{\"bytes\":5}},\"nic\":{\"eth0\":{\"mac\":\"52:54:00:00:00:01\","
		"\"address\":{\"192.0.2.7/24\":{},\"2001:db8::7/64\":{}}}}}",
		"d1"));
	assert_string_equal(machine(k).host_name, "web1");
	assert_true(machine(k).memory == 8589934592);
	assert_int_equal(machine(k).boot, 77);
	assert_true(machine(k).swap == MODEL_ABSENT);
	assert_int_equal(machine(k).clock_skew_ms, 250);
	assert_true(machine(k).reported == NOW);
	assert_int_equal(kit_number(k, "SELECT COUNT(*) FROM addresses"), 3);
	assert_int_equal(
		kit_number(k,
			"SELECT COUNT(*) FROM addresses WHERE kind = 'ip' AND value = '192.0.2.7'"),
		1);
	assert_false(report(k, "d1",
		"{\"attributes\":{\"host.memory\":null,\"host.arch\":\"arm64\"},"
		"\"disk\":{\"sdb\":{\"bytes\":6}}}",
		"d2"));
	assert_string_equal(machine(k).host_name, "web1");
	assert_string_equal(machine(k).host_arch, "arm64");
	assert_true(machine(k).memory == MODEL_ABSENT);
	section_is(k, "disk", "{\"sda\":{\"bytes\":5},\"sdb\":{\"bytes\":6}}");
	assert_int_equal(kit_number(k, "SELECT COUNT(*) FROM addresses"), 3);
	assert_false(report(
		k, "d2", "{\"nic\":{\"eth0\":{\"address\":{\"192.0.2.7/24\":null}}}}", "d3"));
	assert_int_equal(kit_number(k, "SELECT COUNT(*) FROM addresses"), 2);
}

/* A base that is not what we have changes nothing at all. */
static void another_base(void **state)
{
	struct kit *k = *state;

	assert_false(report(k, "", "{\"attributes\":{\"host.name\":\"web1\"}}", "d1"));
	assert_true(report(k, "d0", "{\"attributes\":{\"host.name\":\"web2\"},\"disk\":{}}", "d2"));
	assert_string_equal(machine(k).host_name, "web1");
	section_is(k, "disk", NULL);
	assert_false(report(k, "d1", "{}", "d3")); /* the base did not move either */
	ok(k, ingest_forget_base(k->db, kit_id(k, 'a', 1), &k->e));
	assert_true(report(k, "d3", "{}", "d4"));
	assert_false(report(k, "", "{}", "d5"));
	ok(k,
		db_exec(k->db, "UPDATE agents SET generation = 2",
			&k->e)); /* of a database before this one */
	assert_true(report(k, "d5", "{}", "d6"));
}

static void what_goes_takes_its_columns(void **state)
{
	static const char full[] =
		"{\"attributes\":{\"host.name\":\"web1\",\"him.swap\":9},"
		"\"nic\":{\"eth0\":{\"mac\":\"52:54:00:00:00:01\"}},\"user\":{}}";
	struct kit *k = *state;

	assert_false(report(k, "", full, "d1"));
	assert_false(report(k, "d1", "{\"nic\":null}", "d2"));
	assert_int_equal(kit_number(k, "SELECT COUNT(*) FROM addresses"), 0);
	assert_string_equal(machine(k).host_name, "web1");
	assert_false(report(k, "d2", "{\"attributes\":null}", "d3"));
	assert_null(machine(k).host_name);
	assert_true(machine(k).swap == MODEL_ABSENT);
	assert_string_equal(machine(k).name, "web1"); /* people's, not the report's */
	assert_false(report(k, "", full, "d4"));
	assert_int_equal(kit_number(k, "SELECT COUNT(*) FROM addresses"), 1);
	assert_false(report(k, "", "{\"disk\":{}}", "d5")); /* a full one that speaks of neither */
	assert_null(machine(k).host_name);
	assert_int_equal(kit_number(k, "SELECT COUNT(*) FROM addresses"), 0);
	section_is(k, "user", NULL);
	section_is(k, "disk", "{}");
}

static void wrong_types(void **state)
{
	struct kit *k = *state;

	assert_false(report(k, "",
		"{\"attributes\":{\"host.name\":5,\"host.memory\":\"much\",\"os.type\":\"linux\","
		"\"him.swap\":null,\"unheard.of\":[1]}}",
		"d1"));
	assert_null(machine(k).host_name);
	assert_true(machine(k).memory == MODEL_ABSENT);
	assert_string_equal(machine(k).os_type, "linux");
	assert_non_null(strstr(machine(k).notice, "2 of its attributes"));
	assert_non_null(strstr(machine(k).notice, "host.memory"));
	assert_false(report(
		k, "d1", "{\"attributes\":{\"host.name\":\"web1\",\"host.memory\":1}}", "d2"));
	assert_null(machine(k).notice);
	ok(k, machine_notice(k->db, kit_id(k, 'a', 1), "its spool is full", &k->e));
	assert_false(report(k, "d2", "{\"attributes\":{\"host.memory\":2}}", "d3"));
	assert_string_equal(machine(k).notice, "its spool is full"); /* not ours to take away */
}

/* What is no address is none; the same address on two interfaces is there once. */
static void odd_addresses(void **state)
{
	struct kit *k = *state;
	char doc[400];

	snprintf(doc, sizeof doc,
		"{\"nic\":{\"a\":{\"mac\":\"%0100d\",\"address\":{\"/24\":{},\"192.0.2.1/24\":{}}},"
		"\"b\":{\"mac\":7,\"address\":{\"192.0.2.1/32\":{}}},\"c\":\"no interface\"}}",
		0);
	assert_false(report(k, "", doc, "d1"));
	assert_int_equal(kit_number(k, "SELECT COUNT(*) FROM addresses"), 1);
}

static void parsing(void **state)
{
	static const struct {
		const char *text, *says; /* NULL: it is fine */
	} rows[] = {
		{"{\"base\":\"\",\"made\":1,\"doc\":{}}", NULL},
		{"{\"base\":\"\",\"made\":1,\"doc\":{\"a\":null,\"b\":{}}}", NULL},
		{"", ""},
		{"[]", ""},
		{"{\"base\":\"\",\"made\":1}", "doc"},
		{"{\"base\":\"\",\"made\":1,\"doc\":[]}", "doc"},
		{"{\"base\":\"\",\"made\":1,\"doc\":{\"disk\":5}}", "disk"},
		{"{\"base\":\"\",\"made\":1,\"doc\":{\"disk\":[{}]}}", "disk"},
		{"{\"base\":\"\",\"made\":1,\"doc\":{\"\":{}}}", "section"},
		{"{\"base\":\"\",\"made\":1,\"doc\":{\"a12345678901234567890123456789012\":{}}}",
			"32"},
		{"{\"base\":5,\"made\":1,\"doc\":{}}", "base"},
		{"{\"made\":1,\"doc\":{}}", "base"},
		{"{\"base\":\"\",\"made\":-1,\"doc\":{}}", "made"},
		{"{\"base\":\"\",\"made\":\"now\",\"doc\":{}}", "made"},
		{"{\"base\":\"\",\"made\":1,\"doc\":{},\"docs\":{}}", "docs"},
		{"{\"base\":\"\",\"base\":\"\",\"made\":1,\"doc\":{}}", ""},
	};
	struct kit *k = *state;
	struct ingest_report r;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int rc = ingest_report_parse(rows[i].text, strlen(rows[i].text), &r, &k->e);
		if ((rc == 0) != !rows[i].says || (rc < 0 && !strstr(k->e.text, rows[i].says)))
			fail_msg("%s: %s", rows[i].text, rc == 0 ? "taken" : k->e.text);
		assert_true(rc == 0 || !r.body);
		json_free(r.body);
	}
	assert_int_equal(
		ingest_report_parse("{\"base\":\"\",\"made\":1,\"doc\":{}}x", 31, &r, &k->e), -1);
}

/* A section over its limit is refused, whoever asked, and the rest of its report was not begun. */
static void too_large(void **state)
{
	struct kit *k = *state;
	struct ingest_report r;
	struct buf b;
	bool need_full;

	assert_false(report(
		k, "", "{\"attributes\":{\"host.name\":\"web1\"},\"user\":{\"root\":1}}", "d1"));
	buf_init(&b, 4 << 20);
	buf_adds(&b,
		"{\"base\":\"\",\"made\":1,\"doc\":{\"attributes\":{\"host.name\":\"web2\"},"
		"\"package\":{");
	for (int i = 0; i < 40000; i++)
		buf_printf(&b, "%s\"package-%d\":\"%020d\"", i ? "," : "", i, i);
	buf_adds(&b, "}}}");
	ok(k, ingest_report_parse(b.data, b.len, &r, &k->e));
	fails(k, apply(k, &r, "d2", &need_full), ERR_TOO_LARGE);
	assert_string_equal(machine(k).host_name, "web1");
	section_is(k, "user", "{\"root\":1}");
	assert_false(report(k, "d1", "{}", "d2"));
	json_free(r.body);
	buf_release(&b);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, kit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(a_document_grows), TEST(another_base),
		TEST(what_goes_takes_its_columns), TEST(wrong_types), TEST(odd_addresses),
		TEST(parsing), TEST(too_large)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
