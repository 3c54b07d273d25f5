// SPDX-License-Identifier: Apache-2.0
/*
 * Which machine am I in, over the whole of the recorded machines: those whose licence or size
 * keeps them out of this tree lie beside it (../shared/data, or HIM_SHARED_DATA). Where they are
 * not, the tests are skipped and say so. Each prints how many agree; all must.
 */
#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "probe/probe.h"
#include "probe/virt.h"
#include "cloud_record.h"
#include "root.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The text of a file of the corpus, for the caller to free; NULL (and a message) where absent. */
static char *corpus(const char *name)
{
	const char *folder = getenv("HIM_SHARED_DATA");
	char *path = xasprintf("%s/detect/%s", folder ? folder : SHARED_DATA, name);
	struct buf text;
	struct err e = ERR_INIT;
	char *out = NULL;

	buf_init(&text, 8 << 20);
	if (file_read(path, &text, &e) == 0)
		out = buf_steal(&text);
	else
		print_message("skipped: %s\n", e.text);
	buf_release(&text);
	free(path);
	return out;
}

static bool same(const char *got, const char *want)
{
	return got == want || (got && want && strcmp(got, want) == 0);
}

static bool agrees(const char *name, const struct verdict *got, const struct verdict *want)
{
	if (same(got->kind, want->kind) && same(got->hypervisor, want->hypervisor) &&
		same(got->role, want->role) && same(got->container, want->container) &&
		same(got->provider, want->provider))
		return true;
	print_message("%s: got %s %s %s %s %s, expected %s %s %s %s %s\n", name, got->kind,
		got->hypervisor ? got->hypervisor : "-", got->role,
		got->container ? got->container : "-", got->provider ? got->provider : "-",
		want->kind, want->hypervisor ? want->hypervisor : "-", want->role,
		want->container ? want->container : "-", want->provider ? want->provider : "-");
	return false;
}

/* ---- clouds ---- */

/* Every other kind of evidence taken away but the firmware, the verdict is the same: what a
 * cloud's firmware says is enough, but for the flag of hardware that is like everybody's. */
static void forget_cpu(struct evidence *ev)
{
	ev->text[FACT_CPU_HYPERVISOR][0] = ev->text[FACT_CPUID_READ][0] = ev->text[FACT_CPUID][0] =
		0;
	ev->text[FACT_SMBIOS_VM][0] = 0;
}

static size_t check_clouds(const char *text, bool firmware_only, size_t *n)
{
	size_t good = 0;

	for (const char *p = text, *eol; (eol = strchr(p, '\n')); p = eol + 1) {
		struct json *record = json_parse(p, (size_t)(eol - p), NULL);
		assert_non_null(record);
		struct verdict want = cloud_record_expected(record);
		struct evidence ev = {0};
		struct virt v;
		cloud_record_evidence(record, &ev);
		if (firmware_only)
			forget_cpu(&ev);
		virt_judge(&ev, NULL, NULL, &v);
		struct verdict got = {v.kind, v.hypervisor, v.role, v.container, v.provider};
		good += agrees(json_str(json_get(record, "instance_type")), &got, &want);
		json_free(v.why);
		json_free(record);
		++*n;
	}
	return good;
}

static void test_clouds(void **state)
{
	char *text = corpus("cloud-dmi-dev.jsonl");

	if (!text)
		skip();
	for (int firmware_only = 0; firmware_only < 2; firmware_only++) {
		size_t n = 0, good = check_clouds(text, firmware_only, &n);
		print_message("clouds%s: %zu of %zu agree\n",
			firmware_only ? " by their firmware alone" : "", good, n);
		assert_true(n > 900);
		assert_int_equal(good, n);
	}
	free(text);
}

/* ---- captured roots ---- */

static const struct {
	const char *fact;
	struct verdict sets; /* members that are not NULL */
} facts[] = {
	{"kvm", {"vm", "kvm", "guest"}},
	{"qemu", {"vm", "qemu", "guest"}},
	{"xen", {"vm", "xen", "guest"}},
	{"xen-dom0", {"physical", "xen", "host"}},
	{"xen-domU", {NULL}},
	{"xen-hvm", {NULL}},
	{"vmware", {"vm", "vmware", "guest"}},
	{"hyperv", {"vm", "hyperv", "guest"}},
	{"virtualbox", {"vm", "virtualbox", "guest"}},
	{"parallels", {"vm", "parallels", "guest"}},
	{"bhyve", {"vm", "bhyve", "guest"}},
	{"docker", {"container", NULL, "guest", "docker"}},
	{"podman", {"container", NULL, "guest", "podman"}},
	{"lxc", {"container", NULL, "guest", "lxc"}},
	{"aws", {NULL, NULL, NULL, NULL, "aws"}},
};

static struct verdict facts_expected(const struct json *list)
{
	struct verdict want = {"physical", NULL, "none", NULL, NULL};

	for (size_t i = 0; i < json_len(list); i++)
		for (size_t k = 0; k < COUNT(facts); k++) {
			const struct verdict *s = &facts[k].sets;
			if (strcmp(json_str(json_at(list, i)), facts[k].fact) != 0)
				continue;
			want.kind = s->kind ? s->kind : want.kind;
			want.hypervisor = s->hypervisor ? s->hypervisor : want.hypervisor;
			want.role = s->role ? s->role : want.role;
			want.container = s->container ? s->container : want.container;
			want.provider = s->provider ? s->provider : want.provider;
		}
	return want;
}

static void make_root(const struct json *c, const char *root)
{
	static const struct {
		const char *tool, *file;
	} tools[] = {{"virt-what-cpuid-helper", "/cpuid"}, {"uname", "/uname"},
		{"dmidecode", "/dmidecode.txt"}};
	struct json_iter it = json_iter(json_get(c, "file_contents"));

	while (json_next(&it)) {
		const char *text = json_str(json_get(it.value, "text"));
		const char *coded = json_str(json_get(it.value, "base64"));
		char *path = xasprintf("/%s", it.key);
		struct buf data;
		buf_init(&data, 1 << 20);
		if (coded)
			assert_int_equal(text_unbase64(coded, strlen(coded), &data), 0);
		else
			buf_adds(&data, text);
		root_file(root, path, buf_str(&data), data.len);
		buf_release(&data);
		free(path);
	}
	for (size_t i = 0; i < COUNT(tools); i++) {
		const char *said =
			json_str(json_get(json_get(json_get(c, "mock"), tools[i].tool), "stdout"));
		if (said)
			root_text(root, tools[i].file, said);
	}
}

static bool check_root(const struct json *c)
{
	char *root = root_make();
	struct json *verdict = NULL;
	struct verdict want = facts_expected(json_get(c, "expected"));

	make_root(c, root);
	assert_int_equal(probe_detect(root, NULL, &verdict, NULL), 0);
	struct verdict got = {json_str(json_get(verdict, "him.kind")),
		json_str(json_get(verdict, "him.hypervisor")),
		json_str(json_get(verdict, "him.virt.role")),
		json_str(json_get(verdict, "him.container")),
		json_str(json_get(verdict, "cloud.provider"))};
	bool good = agrees(json_str(json_get(c, "case")), &got, &want);
	json_free(verdict);
	root_remove(root);
	return good;
}

static void test_roots(void **state)
{
	char *text = corpus("virt-what-dev.json");
	size_t good = 0, n = 0;

	if (!text)
		skip();
	struct json *all = json_parse(text, strlen(text), NULL);
	assert_non_null(all);
	for (size_t i = 0; i < json_len(json_get(all, "cases")); i++, n++)
		good += check_root(json_at(json_get(all, "cases"), i));
	print_message("captured roots: %zu of %zu agree\n", good, n);
	assert_int_equal(good, n);
	json_free(all);
	free(text);
}

/* ---- CPUID signatures that another detector knows ---- */

static void test_signatures(void **state)
{
	static const struct {
		const char *theirs, *ours;
	} words[] = {{"microsoft", "hyperv"}};
	char *text = corpus("systemd-virt-tables.json");
	size_t n = 0;

	if (!text)
		skip();
	struct json *all = json_parse(text, strlen(text), NULL);
	assert_non_null(all);
	struct json_iter it = json_iter(json_get(all, "cpuid_0x40000000"));
	while (json_next(&it)) {
		const char *want = json_str(it.value);
		struct evidence ev = {0};
		struct virt v;
		for (size_t i = 0; i < COUNT(words); i++)
			if (strcmp(want, words[i].theirs) == 0)
				want = words[i].ours;
		evidence_cpuid(&ev, it.key, strlen(it.key));
		virt_judge(&ev, NULL, NULL, &v);
		assert_string_equal(v.hypervisor, want);
		json_free(v.why);
		n++;
	}
	print_message("signatures: %zu agree\n", n);
	assert_true(n > 8);
	json_free(all);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clouds),
		cmocka_unit_test(test_roots),
		cmocka_unit_test(test_signatures),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
