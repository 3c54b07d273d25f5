// SPDX-License-Identifier: Apache-2.0
/*
 * Every recorded case of a collection that is not ours to ship: domain XML, .vmx and libxl JSON of
 * libvirt's tests (LGPL-2.1+), listings of GLPI's agent (GPL-2+), each with what others read from
 * it. It lies beside the project, or where HIM_SHARED_DATA says; without it the test is skipped.
 *
 * The labels of libvirt are held to in full. Those of GLPI's agent in what they mean:
 *  - memory is in MiB there ("524" of 524288 KiB is a slip of theirs: it is 512 MiB);
 *  - "blocked" of Xen is running: the guest waits for something to do;
 *  - a container's id is no UUID, and 12 digits of it are a part of it.
 */
#include "guests_kit.h"
#include "base/file.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static char *folder;
static int tried, agreed;

static struct json *read_json(const char *name)
{
	struct err e = ERR_INIT;
	struct buf text;
	char *path = xasprintf("%s/hosts/%s", folder, name);
	buf_init(&text, GUESTS_TEXT_MAX);
	struct json *j = file_read(path, &text, &e) ? NULL : json_parse(text.data, text.len, &e);
	if (!j)
		fail_msg("%s: %s", path, e.text);
	buf_release(&text);
	free(path);
	return j;
}

static void read_listing(const char *kind, const char *name, struct guests *list)
{
	struct err e = ERR_INIT;
	struct buf text;
	char *path = xasprintf("%s/hosts/%s", folder, name);
	buf_init(&text, GUESTS_TEXT_MAX);
	guests_init(list);
	if (file_read(path, &text, &e) || guests_parse(kind, buf_str(&text), text.len, list, &e))
		fail_msg("%s: %s", path, e.text);
	buf_release(&text);
	free(path);
}

static void judge(bool same, const char *name, const char *what)
{
	tried++;
	agreed += same;
	if (!same)
		print_error("%s: not the same %s\n", name, what);
}

static bool same_text(const char *got, const struct json *want)
{
	const char *text = json_str(want);
	return got && text ? strcmp(got, text) == 0 : !got && !text;
}

static bool same_macs(const struct guest *g, const struct json *want)
{
	if (g->macs_count != json_len(want))
		return false;
	for (size_t i = 0; i < g->macs_count; i++)
		if (!same_text(g->macs[i], json_at(want, i)))
			return false;
	return true;
}

static int64_t number(const struct json *of, const char *key)
{
	const char *text = json_str(json_get(of, key));
	int64_t n = 0;
	if (text)
		n = strtoll(text, NULL, 10);
	else
		json_to_int(json_get(of, key), &n);
	return n;
}

static void libvirt_case(const char *kind, const char *file, const struct json *want)
{
	struct guests list;
	read_listing(kind, file, &list);
	struct guest none = {0}, *g = list.count == 1 ? list.items[0] : &none;
	judge(same_text(g->name, json_get(want, "name")) &&
			same_text(g->uuid, json_get(want, "uuid")) &&
			same_macs(g, json_get(want, "macs")) && g->vcpus == number(want, "vcpu") &&
			g->memory_bytes == number(want, "memory_kib") * 1024,
		file, "guest");
	guests_release(&list);
}

static void test_libvirt(void **state)
{
	static const struct {
		const char *suite, *kind, *file;
	} suites[] = {{"vmx", "vmx", "vmx"}, {"libxl_json", "xl-list-l", "json"},
		{"domain_xml", "virsh-dumpxml", "file"}};
	struct json *all = read_json("libvirt-dev.json");

	tried = agreed = 0;
	for (size_t s = 0; s < sizeof(suites) / sizeof(suites[0]); s++) {
		const struct json *suite = json_get(json_get(all, "suites"), suites[s].suite);
		for (size_t i = 0; i < json_len(suite); i++) {
			const struct json *c = json_at(suite, i);
			libvirt_case(suites[s].kind, json_str(json_get(c, suites[s].file)),
				json_has(c, "expected") ? json_get(c, "expected") : c);
		}
	}
	print_message("libvirt: %d of %d agree\n", agreed, tried);
	assert_true(tried > 30);
	assert_int_equal(agreed, tried);
	json_free(all);
}

static const char *state_of_label(const char *label)
{
	return label && strcmp(label, "blocked") == 0 ? "running" : label;
}

static void glpi_guest(const char *file, const struct guest *g, const struct json *want)
{
	const char *status = state_of_label(json_str(json_get(want, "STATUS")));
	const char *uuid = json_str(json_get(want, "UUID")), *mac = json_str(json_get(want, "MAC"));
	int64_t memory = number(want, "MEMORY"), mib = memory < 1 << 20 ? memory << 20 : memory;

	judge(same_text(g->name, json_get(want, "NAME")), file, "name");
	judge(!status ||
			(guest_state_word(g->state) &&
				strcmp(guest_state_word(g->state), status) == 0),
		file, "state");
	judge(!memory || g->memory_bytes == mib, file, "memory");
	judge(!number(want, "VCPU") || g->vcpus == number(want, "VCPU"), file,
		"number of processors");
	judge(!uuid ||
			(g->container ? strncmp(g->container, uuid, strlen(uuid)) == 0
				      : g->uuid && strcmp(g->uuid, uuid) == 0),
		file, "UUID");
	judge(!mac || (g->macs_count == 1 && strcmp(g->macs[0], mac) == 0), file, "MAC");
}

/* GLPI's label, of a list or of one guest. */
static void glpi_case(const char *kind, const char *file, const struct json *label)
{
	const struct json *vms = json_get(label, "expected_vms"),
			  *one = json_get(label, "expected");
	struct guests list;

	read_listing(kind, file, &list);
	if (json_has(one, "result"))
		one = json_get(one, "result");
	if (json_has(label, "expected_vms")) {
		judge(list.count == json_len(vms), file, "number of guests");
		for (size_t i = 0; i < list.count && i < json_len(vms); i++)
			glpi_guest(file, list.items[i], json_at(vms, i));
	} else if (list.count == 1 && json_has(one, "NAME")) {
		glpi_guest(file, list.items[0], one);
	} else if (list.count == 1 && json_has(one, "uuid")) {
		judge(same_text(list.items[0]->uuid, json_get(one, "uuid")), file, "UUID");
		judge(list.items[0]->vcpus == number(one, "vcpu"), file, "number of processors");
		judge(list.items[0]->memory_bytes == INT64_C(512) << 20, file, "memory");
	} else {
		const char *word = json_str(one);
		struct guest none = {0}, *g = list.count == 1 ? list.items[0] : &none;
		const char *state = guest_state_word(g->state);
		judge(word &&
				((g->uuid && strcmp(g->uuid, word) == 0) ||
					(state && strcmp(state, word) == 0)),
			file, "answer");
	}
	guests_release(&list);
}

static void test_glpi(void **state)
{
	static const struct {
		const char *label, *kind;
	} kinds[] = {{"xm-list-table", "xl-list"}, {"xen-uuid", "xl-list"},
		{"virsh-list", "virsh-list"}, {"virsh-dumpxml", "virsh-dumpxml"},
		{"vboxmanage", "vboxmanage"}, {"xe-vm-list", "xe-vm-param-list"},
		{"xe-vm-param-list", "xe-vm-param-list"}, {"lxc-config", "lxc-config"},
		{"lxc-info", "lxc-config"}, {"docker-ps", "docker-inspect"}};
	struct json *all = read_json("glpi/cases.json");
	const struct json *cases = json_get(all, "cases");

	tried = agreed = 0;
	for (size_t i = 0; i < json_len(cases); i++) {
		const struct json *c = json_at(cases, i), *fixture = json_get(c, "fixture");
		const char *label = json_str(json_get(c, "kind"));
		/* Docker's has two files; the first is what inspect printed. */
		const char *file =
			json_str(json_type(fixture) == JSON_ARRAY ? json_at(fixture, 0) : fixture);
		for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
			if (strcmp(label, kinds[k].label) == 0 && file) {
				const char *inner = strstr(file, "virtualization/");
				inner = inner ? inner + strlen("virtualization/")
					      : strchr(file, '/') + 1;
				char *path = xasprintf("glpi/%s", inner);
				glpi_case(kinds[k].kind, path, c);
				free(path);
			}
	}
	print_message("GLPI: %d of %d facts agree\n", agreed, tried);
	assert_true(tried > 100);
	assert_int_equal(agreed, tried);
	json_free(all);
}

/* What has no label, and what it has to say. */
static void test_unlabelled(void **state)
{
	struct guests list;
	read_listing("xm-list-l", "xen/libvirt-curmem.sxp", &list);
	assert_int_equal(list.count, 1);
	assert_string_equal(list.items[0]->macs[0], "00:16:3e:1d:06:15");
	guests_release(&list);
	read_listing("xl-list-l", "xen/xl-list-l-constructed.json", &list);
	assert_true(list.count > 2); /* and not the host */
	for (size_t i = 0; i < list.count; i++)
		assert_string_not_equal(list.items[i]->name, "Domain-0");
	guests_release(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_libvirt),
		cmocka_unit_test(test_glpi),
		cmocka_unit_test(test_unlabelled),
	};
	folder = getenv("HIM_SHARED_DATA");
	folder = xstrdup(folder ? folder : SHARED_DATA);
	char *probe = xasprintf("%s/hosts", folder);
	bool there = file_exists(probe);
	free(probe);
	if (!there) {
		printf("skipped: there is no %s/hosts\n", folder);
		free(folder);
		return 77; /* what meson calls a skipped test */
	}
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	free(folder);
	return rc;
}
