// SPDX-License-Identifier: Apache-2.0
/* The administrator's rules: what a file may say, what it may not, and which machines fit. */
#include "probe/providers.h"
#include "probe/probe.h"
#include "root.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct providers *parse(const char *text, struct err *e)
{
	return providers_parse(text, strlen(text), "rules", e);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{"dmi.sys_vendor = x\n", "rules line 1: a rule begins with [PROVIDER]"},
		{"[a]\n", "rules line 2: the rule of 'a' has no condition"},
		{"[a]\n[b]\ndmi.sys_vendor=x\n", "rules line 2: the rule of 'a' has no condition"},
		{"# c\n[a\n", "rules line 2: a rule begins with [PROVIDER]"},
		{"[a b]\n", "rules line 1:"},
		{"[]\n", "rules line 1:"},
		{"[a]\nhello\n", "rules line 2: a line is 'key = pattern' or [PROVIDER]"},
		{"[a]\ndmi.sys_vendro = x\n", "did you mean 'dmi.sys_vendor'?"},
		{"[a]\ncolour = x\n", "unknown key 'colour'"},
		{"[a]\ndmi.sys_vendor =\n", "dmi.sys_vendor has no value"},
		{"[a]\nhost.name = x\nhost.name = y\n", "line 3: host.name stands twice"},
		{"[a]\nnetwork = public\nnetwork = public\n", "network stands twice"},
		{"[a]\nnetwork = mine\n", "proprietary, private or public, not 'mine'"},
		{"[a]\nhost.ip = 192.0.2.0/33\n", "host.ip"},
		{"[a]\nhost.ip = 192.0.2/24\n", "'192.0.2/24' is no network"},
		{"[a]\nhost.ip = web1\n", "is no network"},
		{"[a]\nhost.name = \xff\n", "not UTF-8"},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct err e = ERR_INIT;
		struct providers *p = parse(rows[i].text, &e);
		if (p || !strstr(e.text, rows[i].says))
			fail_msg("'%s' says '%s', expected '%s'", rows[i].text, e.text,
				rows[i].says);
	}
}

static void test_limits(void **state)
{
	struct err e = ERR_INIT;
	struct buf text;
	buf_init(&text, 1 << 20);
	for (int i = 0; i <= PROVIDERS_RULES; i++)
		buf_printf(&text, "[p]\nhost.name=h%d\n", i);
	assert_null(parse(buf_str(&text), &e));
	assert_non_null(strstr(e.text, "more than 256 rules"));
	buf_clear(&text);
	for (int i = 0; i <= PROVIDERS_MAX / 2; i++)
		buf_adds(&text, "# ");
	assert_null(parse(buf_str(&text), &e));
	assert_int_equal(e.code, ERR_TOO_LARGE);
	buf_clear(&text);
	buf_adds(&text, "[p]\nhost.name = ");
	for (int i = 0; i < 201; i++)
		buf_addc(&text, 'x');
	assert_null(parse(buf_str(&text), &e));
	assert_non_null(strstr(e.text, "the limit is 200"));
	buf_release(&text);
}

/* Everybody's machine: GoGrid's firmware, two addresses, a gateway. */
static const char *fitting(const char *rule)
{
	static const char nics[] = "{\"eth0\":{\"mac\":\"00:16:3e:01:02:03\",\"address\":{\"192.0."
				   "2.77/24\":\"global\","
				   "\"2001:db8:5::1/64\":\"global\"}},\"lo\":{}}";
	struct err e = ERR_INIT;
	struct providers *p = parse(rule, &e);
	struct json *j = json_parse(nics, strlen(nics), NULL);
	struct surroundings around = {"web7.gogrid.example", j, "00:00:5e:00:01:2a"};
	struct virt v = {.why = json_array()};
	struct evidence ev = {0};
	static char provider[80];

	if (!p)
		fail_msg("%s", e.text);
	evidence_set(&ev, FACT_SYS_VENDOR, "GoGrid Inc.", 11);
	providers_apply(p, &ev, &around, &v);
	snprintf(provider, sizeof(provider), "%s %s", v.provider ? v.provider : "-",
		v.network ? v.network : "-");
	if (v.provider)
		assert_int_equal(json_len(v.why), 1);
	json_free(v.why);
	json_free(j);
	providers_free(p);
	return provider;
}

static void test_fits(void **state)
{
	static const struct {
		const char *rule, *want;
	} rows[] = {
		{"[gogrid]\ndmi.sys_vendor = GoGrid*\n", "gogrid public"},
		{"[gogrid]\nnetwork = private\ndmi.sys_vendor = gogrid inc.\n", "gogrid private"},
		{"[gogrid]\ndmi.sys_vendor = GoGrid\n", "- -"},
		{"[gogrid]\ndmi.product_name = *\n", "- -"},
		{"[gogrid]\ndmi.sys_vendor = *rid?Inc*\n", "gogrid public"},
		{"[a]\nhost.name = *.gogrid.example\n", "a public"},
		{"[a]\nhost.name = *.example.gogrid\n", "- -"},
		{"[a]\nhost.ip = 192.0.2.64/26\n", "a public"},
		{"[a]\nhost.ip = 192.0.2.0/26\n", "- -"},
		{"[a]\nhost.ip = 192.0.2.77\n", "a public"},
		{"[a]\nhost.ip = 2001:db8::/32\n", "a public"},
		{"[a]\nhost.ip = 2001:db9::/32\n", "- -"},
		{"[a]\nhost.ip = 0.0.0.0/0\n", "a public"},
		{"[a]\nhost.mac = 00:16:3E:*\n", "a public"},
		{"[a]\nhost.mac = 52:54:*\n", "- -"},
		{"[a]\nhim.gateway.mac = 00:00:5e:*\n", "a public"},
		{"[a]\nhim.gateway.mac = 00:00:5f:*\n", "- -"},
		{"[a]\nhost.name = web7*\nhost.ip = 10.0.0.0/8\n[a]\nhost.name = web7*\nhost.ip = "
		 "192.0.2.0/24\n",
			"a public"},
		{"[b]\nhost.name = db*\n[a]\nhost.name = web*\n[c]\nhost.name = *\n", "a public"},
		{"# nothing\n\n", "- -"},
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		if (strcmp(fitting(rows[i].rule), rows[i].want) != 0)
			fail_msg("%s gives '%s', expected '%s'", rows[i].rule,
				fitting(rows[i].rule), rows[i].want);
}

static void test_need(void **state)
{
	struct providers *p = parse("[a]\nhost.name = x\n", NULL);
	assert_false(providers_need_network(p));
	providers_free(p);
	p = parse("[a]\nhost.ip = 10.0.0.0/8\n", NULL);
	assert_true(providers_need_network(p));
	providers_free(p);
	assert_false(providers_need_network(NULL));
}

/* A rule of the file counts more than the built-in table, in a whole report too. */
static void test_in_a_report(void **state)
{
	char *root = root_make();
	root_text(root, "/etc/hostname", "web1\n");
	root_text(root, "/sys/class/dmi/id/product_name", "OpenStack Nova\n");
	root_text(root, "/etc/him/providers.conf",
		"[ovh]\ndmi.product_name = OpenStack*\nhost.name = web*\n");
	struct json *doc = root_document(root), *attributes = json_get(doc, "attributes");
	assert_json(json_get(attributes, "cloud.provider"), "\"ovh\"");
	assert_json(json_get(attributes, "him.network"), "\"public\"");
	assert_json(json_get(attributes, "him.hypervisor"), "\"kvm\"");
	json_free(doc);
	root_remove(root);
}

/* Rules that came from the server are asked after those of the machine's own file, and are seen when they come. */
static void test_of_the_server(void **state)
{
	static const char rules[] = "[server]\nhost.name = web*\n[other]\nhost.name = *\n";
	char *root = root_make();
	struct json *doc, *verdict = NULL;
	struct probe_ctx *p;

	root_text(root, "/etc/hostname", "web1\n");
	root_text(root, "/sys/class/dmi/id/product_name", "OpenStack Nova\n");
	p = probe_open(root);
	for (int i = 0; i < 4; i++) {
		static const char *const want[] = {
			"\"openstack\"", "\"server\"", "\"file\"", "\"other\""};
		doc = json_object();
		if (i == 1)
			probe_rules(p, rules);
		if (i == 2)
			root_text(root, "/etc/him/providers.conf",
				"[file]\nhost.name = web*\n[odd]\nhost.name = *.odd\n");
		if (i == 3)
			root_text(root, "/etc/hostname", "db1\n");
		if (i == 3) /* a name alone is no reason to look */
			probe_rules(p, rules);
		assert_int_equal(probe_collect(p, doc, NULL), 0);
		assert_json(json_get(json_get(doc, "attributes"), "cloud.provider"), want[i]);
		json_free(doc);
	}
	probe_rules(p, "[x]\nhost.name = db1\ncolour = blue\n");
	doc = json_object();
	assert_int_equal(probe_collect(p, doc, NULL), 0);
	assert_json(json_get(json_get(json_get(doc, "attributes"), "him.probe.errors"), "machine"),
		"\"the server's rules line 3: unknown key 'colour'\"");
	json_free(doc);
	probe_close(p);
	assert_int_equal(probe_detect(root, rules, &verdict, NULL), 0);
	assert_json(json_get(verdict, "cloud.provider"), "\"other\"");
	json_free(verdict);
	root_remove(root);
}

static void test_wrong_in_a_report(void **state)
{
	char *root = root_make();
	struct json *verdict = NULL;
	struct err e = ERR_INIT;
	root_text(root, "/sys/class/dmi/id/product_name", "OpenStack Nova\n");
	root_text(root, "/etc/him/providers.conf", "[ovh]\ncolour = blue\n");
	struct json *doc = root_document(root), *attributes = json_get(doc, "attributes");
	assert_json(json_get(attributes, "cloud.provider"), "\"openstack\"");
	assert_json(json_get(json_get(attributes, "him.probe.errors"), "machine"),
		"\"/etc/him/providers.conf line 2: unknown key 'colour'\"");
	assert_int_equal(probe_detect(root, NULL, &verdict, &e), -1);
	assert_non_null(strstr(e.text, "line 2"));
	json_free(doc);
	root_remove(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_fits),
		cmocka_unit_test(test_need),
		cmocka_unit_test(test_in_a_report),
		cmocka_unit_test(test_of_the_server),
		cmocka_unit_test(test_wrong_in_a_report),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
