// SPDX-License-Identifier: Apache-2.0
/* /proc/cpuinfo of x86 and ARM, lists of processors, and topologies that disagree with them. */
#include "base/arena.h"
#include "probe/linux/cpu.h"
#include "root.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const struct {
	const char *text;
	struct cpuinfo want;
} infos[] = {
	{"", {"", "", "", "", "", 0, 0, 0}},
	{"processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 1\n"
	 "model name\t: AMD EPYC 7763 64-Core Processor\nstepping\t: 1\nphysical id\t: 0\ncore "
	 "id\t\t: 0\n\n"
	 "processor\t: 1\nphysical id\t: 0\ncore id\t\t: 0\n\n"
	 "processor\t: 2\nphysical id\t: 1\ncore id\t\t: 0\n\n"
	 "processor\t: 3\nphysical id\t: 1\ncore id\t\t: 1\n",
		{"AuthenticAMD", "AMD EPYC 7763 64-Core Processor", "25", "1", "1", 2, 3, 4}},
	{"processor\t: 0\nBogoMIPS\t: 243.75\nCPU implementer\t: 0x41\nCPU architecture: 8\n"
	 "CPU variant\t: 0x3\nCPU part\t: 0xd0c\nCPU revision\t: 1\n\nprocessor\t: 1\n"
	 "CPU implementer\t: 0x41\nCPU variant\t: 0x3\nCPU part\t: 0xd0c\nCPU revision\t: 1\n",
		{"ARM", "Neoverse-N1", "", "0xd0c", "r3p1", 0, 0, 2}},
	{"processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd03\nprocessor\t: 1\n"
	 "CPU implementer\t: 0x41\nCPU part\t: 0xd08\n",
		{"ARM", "Cortex-A53 + Cortex-A72", "", "0xd03", "", 0, 0, 2}},
	{"processor\t: 0\nCPU implementer\t: 0x77\nCPU part\t: 0x001\n",
		{"0x77", "", "", "0x001", "", 0, 0, 1}},
	{"Processor\t: ARMv7 Processor rev 4 (v7l)\nprocessor\t: 0\nmodel name\t: ARMv7 Processor "
	 "rev 4 (v7l)\n"
	 "CPU implementer\t: 0x41\nCPU part\t: 0xd03\n",
		{"ARM", "ARMv7 Processor rev 4 (v7l)", "", "0xd03", "", 0, 0, 1}},
	{"nonsense\n:\n : \nprocessor : x\nphysical id : 99999999999\n",
		{"", "", "", "", "", 0, 0, 0}},
};

static void test_infos(void **state)
{
	for (size_t i = 0; i < sizeof(infos) / sizeof(infos[0]); i++) {
		struct err e = ERR_INIT;
		struct cpuinfo got;
		assert_int_equal(cpuinfo_parse(infos[i].text, strlen(infos[i].text), &got, &e), 0);
		assert_string_equal(got.vendor, infos[i].want.vendor);
		assert_string_equal(got.model_name, infos[i].want.model_name);
		assert_string_equal(got.family, infos[i].want.family);
		assert_string_equal(got.model, infos[i].want.model);
		assert_string_equal(got.stepping, infos[i].want.stepping);
		assert_int_equal(got.sockets, infos[i].want.sockets);
		assert_int_equal(got.cores, infos[i].want.cores);
		assert_int_equal(got.threads, infos[i].want.threads);
	}
}

static void test_too_many(void **state)
{
	struct buf text;
	struct cpuinfo got;
	struct err e = ERR_INIT;
	buf_init(&text, 1 << 20);
	for (int i = 0; i <= CPU_MAX; i++)
		buf_printf(&text, "processor : %d\nphysical id : 0\ncore id : %d\n", i, i);
	assert_int_equal(cpuinfo_parse(buf_str(&text), text.len, &got, &e), -1);
	assert_non_null(strstr(e.text, "8192"));
	buf_release(&text);
}

static const struct {
	const char *text;
	int count, first;
} lists[] = {
	{"0", 1, 0},
	{"0-3", 4, 0},
	{"2,4-5", 3, 2},
	{"8191", 1, 8191},
	{"8192", -1, 0},
	{"", -1, 0},
	{"3-1", -1, 0},
	{"0-", -1, 0},
	{"0,", -1, 0},
	{"0 1", -1, 0},
	{"a", -1, 0},
	{"99999999999999999999", -1, 0},
};

static void test_lists(void **state)
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		int first = -1;
		assert_int_equal(cpu_list_parse(lists[i].text, &first, NULL, NULL), lists[i].count);
		if (lists[i].count > 0)
			assert_int_equal(first, lists[i].first);
	}
}

static void put_thread(const char *root, int cpu, const char *core, const char *package)
{
	char path[128];
	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list",
		cpu);
	root_text(root, path, core);
	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/topology/package_cpus_list",
		cpu);
	if (package)
		root_text(root, path, package);
}

static void expect_counts(const char *root, int64_t sockets, int64_t cores, int64_t threads)
{
	struct json *doc = root_document(root), *attributes = json_get(doc, "attributes");
	int64_t got[3] = {0};
	json_to_int(json_get(attributes, "him.cpu.sockets"), &got[0]);
	json_to_int(json_get(attributes, "him.cpu.cores"), &got[1]);
	json_to_int(json_get(attributes, "him.cpu.threads"), &got[2]);
	assert_int_equal(got[0], sockets);
	assert_int_equal(got[1], cores);
	assert_int_equal(got[2], threads);
	json_free(doc);
}

/* cpuinfo knows no cores here, as on ARM; the topology does, old and new names of files mixed. */
static void test_topology(void **state)
{
	char *root = root_make();
	root_text(root, "/proc/cpuinfo",
		"processor : 0\nprocessor : 1\nprocessor : 2\nprocessor : 3\n");
	expect_counts(root, 0, 0, 4);
	root_text(root, "/sys/devices/system/cpu/online", "0-3\n");
	put_thread(root, 0, "0,2\n", "0,2\n");
	put_thread(root, 1, "1,3\n", "1,3\n");
	put_thread(root, 2, "0,2\n", "0,2\n");
	put_thread(root, 3, "1,3\n", NULL);
	expect_counts(root, 0, 0, 4); /* one thread's package is not known */
	put_thread(root, 3, "1,3\n", "1,3\n");
	expect_counts(root, 2, 2, 4);
	root_text(root, "/sys/devices/system/cpu/online", "0,2\n");
	expect_counts(root, 1, 1, 2);
	root_remove(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_infos),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_topology),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
