// SPDX-License-Identifier: Apache-2.0
/* MACs, UUIDs, amounts, sets of processors and words of state, in every spelling that is met. */
#include "probe/guest.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void test_mac(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"52:54:00:AB:cd:eF", "52:54:00:ab:cd:ef"},
		{"52-54-00-ab-cd-ef", "52:54:00:ab:cd:ef"},
		{"080027AB01ff", "08:00:27:ab:01:ff"},
		{" 0:16:3e:1:2:3\n", "00:16:3e:01:02:03"},
		{"00:16:3e:xx:xx:xx", NULL},
		{"00:00:00:00:00:00", NULL},
		{"000000000000", NULL},
		{"52:54:00:ab:cd", NULL},
		{"52:54:00:ab:cd:ef:01", NULL},
		{"52:54:00:ab:cd:123", NULL},
		{"08002750DAF", NULL},
		{"08002750DAF77", NULL},
		{"", NULL},
		{":::::", NULL},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct guests list;
		guests_init(&list);
		struct guest *g = guests_add(&list, NULL);
		bool found = guest_mac(&list, g, cases[i].text, strlen(cases[i].text));
		assert_int_equal(found, cases[i].want != NULL);
		assert_int_equal(g->macs_count, found);
		if (found)
			assert_string_equal(g->macs[0], cases[i].want);
		guests_release(&list);
	}
}

static void test_many_macs(void **state)
{
	struct guests list;
	guests_init(&list);
	struct guest *g = guests_add(&list, NULL);
	char mac[32];
	for (int i = 0; i < GUEST_MACS_MAX + 10; i++) {
		snprintf(mac, sizeof(mac), "02:00:00:00:%02x:%02x", i >> 8, i & 255);
		assert_int_equal(guest_mac(&list, g, mac, strlen(mac)), i < GUEST_MACS_MAX);
	}
	assert_int_equal(g->macs_count, GUEST_MACS_MAX);
	assert_string_equal(g->macs[0], "02:00:00:00:00:00");
	assert_string_equal(g->macs[255], "02:00:00:00:00:ff");
	assert_true(guest_has_mac(g, "02:00:00:00:00:FF"));
	assert_false(guest_has_mac(g, "02:00:00:00:01:ff"));
	guests_release(&list);
}

static void test_uuid(void **state)
{
	static const char want[] = "564d9176-621f-0239-f5ad-3a002371953b";
	static const char *const good[] = {"564D9176-621F-0239-F5AD-3A002371953B",
		"564d9176621f0239f5ad3a002371953b", "{564d9176-621f-0239-f5ad-3a002371953b}",
		"56 4d 91 76 62 1f 02 39-f5 ad 3a 00 23 71 95 3b"};
	static const char *const bad[] = {"", "564d9176-621f-0239-f5ad-3a002371953",
		"564d9176-621f-0239-f5ad-3a002371953b0", "564d9176-621f-0239-f5ad-3a002371953g",
		"a uuid"};
	struct guests list;
	guests_init(&list);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct guest *g = guests_add(&list, NULL);
		assert_true(guest_uuid(&list, g, good[i]));
		assert_string_equal(g->uuid, want);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct guest *g = guests_add(&list, NULL);
		assert_false(guest_uuid(&list, g, bad[i]));
		assert_null(g->uuid);
	}
	guests_release(&list);
}

static void test_amount(void **state)
{
	static const struct {
		const char *text;
		int64_t unit, want;
	} cases[] = {
		{"1024", 1024, 1 << 20},
		{" 855MB ", 1, INT64_C(855) << 20},
		{"512 MiB", 1, 512 << 20},
		{"1.5G", 1, INT64_C(3) << 29},
		{"219136k", 1 << 20, 219136 * 1024},
		{"7 bytes", 1024, 7},
		{"7b", 1024, 7},
		{"0", 1024, 0},
		{"", 1024, 0},
		{"max", 1024, 0},
		{"-5", 1024, 0},
		{"5X", 1024, 0},
		{"5Mx", 1024, 0},
		{"99999999999999999999", 1, 0},
		{"9007199254740991", 1024, INT64_MAX - 1023},
		{"9007199254740992", 1024, 0},
		{"9223372036854775807", 1, 0},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (guest_amount(cases[i].text, cases[i].unit) != cases[i].want)
			fail_msg("'%s' is %lld", cases[i].text,
				(long long)guest_amount(cases[i].text, cases[i].unit));
}

static void test_counts(void **state)
{
	assert_int_equal(guest_count(" 4\n", ""), 4);
	assert_int_equal(guest_count("4,", ","), 4);
	assert_int_equal(guest_count("4,", ""), 0);
	assert_int_equal(guest_count("four", ""), 0);
	assert_int_equal(guest_count("99999999999", ""), 0);
	assert_int_equal(guest_cpuset("0,2"), 2);
	assert_int_equal(guest_cpuset("0-3, 7"), 5);
	assert_int_equal(guest_cpuset("0-7,^3"), 7);
	assert_int_equal(guest_cpuset("3-1"), 0);
	assert_int_equal(guest_cpuset("0-"), 0);
	assert_int_equal(guest_cpuset("all"), 0);
	assert_int_equal(guest_cpuset("0-99999999999999999999"), 0);
}

static void test_states(void **state)
{
	assert_int_equal(guest_state("shut off"), GUEST_OFF);
	assert_int_equal(guest_state("RUNNING"), GUEST_RUNNING);
	assert_int_equal(guest_state("pmsuspended"), GUEST_SUSPENDED);
	assert_int_equal(guest_state("flying"), GUEST_UNKNOWN);
	assert_int_equal(guest_state_letters("-b----"), GUEST_RUNNING);
	assert_int_equal(guest_state_letters("--p---"), GUEST_PAUSED);
	assert_int_equal(guest_state_letters("---s--"), GUEST_OFF);
	assert_int_equal(guest_state_letters("----c-"), GUEST_CRASHED);
	assert_int_equal(guest_state_letters("-----d"), GUEST_OFF);
	assert_int_equal(guest_state_letters("---sc-"), GUEST_CRASHED);
	/* It has a number and no letter: it waits for a processor, so it runs. */
	assert_int_equal(guest_state_letters("------"), GUEST_RUNNING);
	assert_null(guest_state_word(GUEST_UNKNOWN));
	assert_string_equal(guest_state_word(GUEST_CRASHED), "crashed");
}

static void test_limits(void **state)
{
	struct guests list;
	struct err e = ERR_INIT;
	guests_init(&list);
	for (int i = 0; i < GUESTS_MAX; i++)
		assert_non_null(guests_add(&list, &e));
	assert_null(guests_add(&list, &e));
	assert_non_null(strstr(e.text, "16384"));
	char *name = xmalloc(GUEST_TEXT_MAX + 2);
	memset(name, 'n', GUEST_TEXT_MAX + 1);
	name[GUEST_TEXT_MAX + 1] = 0;
	assert_int_equal(guest_name(&list, list.items[0], name, &e), -1);
	assert_int_equal(guest_name(&list, list.items[0], name + 1, &e), 0);
	assert_int_equal(guest_name(&list, list.items[0], " \t", &e), 0);
	assert_null(list.items[0]->name);
	free(name);
	guests_release(&list);
}

static void test_json(void **state)
{
	struct guests list;
	struct buf out;
	guests_init(&list);
	buf_init(&out, 4096);
	struct guest *g = guests_add(&list, NULL);
	guest_name(&list, g, "caf\xe9", NULL); /* no UTF-8 */
	guests_add(&list, NULL)->ignored = true;
	g = guests_add(&list, NULL);
	g->platform = "docker";
	g->container = "0123";
	g->vcpus = 2;
	g->state = GUEST_PAUSED;
	guests_settle(&list);
	struct json *all = guests_json(&list);
	json_print(all, &out);
	assert_string_equal(buf_str(&out),
		"[{\"name\":\"caf\xef\xbf\xbd\",\"uuid\":null,\"host.mac\":[],\"memory_bytes\":"
		"null,"
		"\"vcpus\":null,\"state\":null},{\"name\":null,\"uuid\":null,\"host.mac\":[],"
		"\"memory_bytes\":null,\"vcpus\":2,\"state\":\"paused\",\"platform\":\"docker\","
		"\"container.id\":\"0123\"}]");
	json_free(all);
	buf_release(&out);
	guests_release(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mac),
		cmocka_unit_test(test_many_macs),
		cmocka_unit_test(test_uuid),
		cmocka_unit_test(test_amount),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
