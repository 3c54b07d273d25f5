// SPDX-License-Identifier: Apache-2.0
/*
 * The resolver against everything that is known to break it: a file each in tests/data/topology, whole answers, and what
 * must hold of any answer, in any order. Prints precision and recall over all files. Then what files cannot hold:
 * a thousand clones, random fleets, and that a component gives the answer that the whole gives.
 */
#include "resolve_check.h"
#include "resolve_scenario.h"
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static int is_scenario(const struct dirent *d)
{
	size_t n = strlen(d->d_name);
	return n > 5 && strcmp(d->d_name + n - 5, ".json") == 0;
}

static double share(size_t right, size_t other)
{
	return right + other ? 100.0 * (double)right / (double)(right + other) : 100.0;
}

static void test_scenarios(void **state)
{
	struct scenario_count c = {0};
	struct dirent **files;
	struct buf problems;
	char path[512];
	int n = scandir(TOPOLOGY, &files, is_scenario, alphasort);

	assert_true(n > 40);
	buf_init(&problems, 1 << 20);
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof path, "%s/%s", TOPOLOGY, files[i]->d_name);
		scenario_run(path, &c, &problems);
		free(files[i]);
	}
	free(files);
	printf("%d scenarios, %zu steps\n", n, c.steps);
	printf("sightings of one machine: precision %.2f %%, recall %.2f %% (%zu pairs)\n",
		share(c.pairs_right, c.pairs_wrong), share(c.pairs_right, c.pairs_missed),
		c.pairs_right);
	printf("links: precision %.2f %%, recall %.2f %% (%zu links)\n",
		share(c.links_right, c.links_wrong), share(c.links_right, c.links_missed),
		c.links_right);
	if (problems.len)
		fail_msg("%s", buf_str(&problems));
	buf_release(&problems);
}

/* ---- a thousand clones of one image ---- */

#define CLONES 1000

/* uuid, mac: whether each clone has its own. 10 hosts list 100 each. */
static void make_clones(struct arena *a, bool uuid, bool mac, struct resolve_input *in)
{
	struct resolve_sighting *s = arena_alloc(a, (10 + 2 * CLONES) * sizeof *s);
	size_t n = 0;

	for (int h = 0; h < 10; h++)
		s[n++] = (struct resolve_sighting){.source = arena_printf(a, "host%d", h),
			.key = "",
			.host = true,
			.live = true,
			.kind = RESOLVE_PHYSICAL,
			.seen_ms = 1000000};
	for (int i = 0; i < CLONES; i++) {
		struct resolve_key *k = arena_alloc(a, 3 * sizeof *k);
		k[0] = (struct resolve_key){.kind = RESOLVE_UUID,
			.value =
				arena_printf(a, "4c9ab7e0-51d2-4a2b-9c3d-%012x", uuid ? i + 1 : 1)};
		k[1] = (struct resolve_key){.kind = RESOLVE_MAC,
			.value = arena_printf(
				a, "52:54:00:01:%02x:%02x", mac ? i >> 8 : 0, mac ? i & 255 : 1)};
		k[2] = (struct resolve_key){
			.kind = RESOLVE_MACHINE_ID, .value = "b08dfa6083e7567a1921a715000001fb"};
		s[n++] = (struct resolve_sighting){.source = arena_printf(a, "host%d", i % 10),
			.key = arena_printf(a, "vm%d", i),
			.on = "",
			.host = true,
			.live = true,
			.running = true,
			.kind = RESOLVE_VM,
			.seen_ms = 1000000,
			.keys = k,
			.keys_n = 2};
		s[n++] = (struct resolve_sighting){.source = arena_printf(a, "agent%d", i),
			.key = "",
			.live = true,
			.kind = RESOLVE_VM,
			.seen_ms = 1000000,
			.keys = k,
			.keys_n = 3};
	}
	*in = (struct resolve_input){.sightings = s, .sightings_n = n};
}

static size_t certain_links(const struct resolve_output *out)
{
	size_t n = 0;

	for (size_t i = 0; i < out->links_n; i++)
		n += out->links[i].certain;
	return n;
}

static void test_thousand_clones(void **state)
{
	static const struct {
		bool uuid, mac;
		size_t machines, links;
	} cases[] = {
		{true, true, 10 + CLONES, CLONES},  /* only the machine-id is the image's */
		{true, false, 10 + CLONES, CLONES}, /* and the template's MAC */
		{false, true, 10 + CLONES, CLONES}, /* and the template's UUID */
		{false, false, 10 + 2 * CLONES,
			CLONES}, /* nothing tells them apart: agents, and listed machines */
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena *a = arena_new();
		struct resolve_input in;
		struct resolve_output out;
		make_clones(a, cases[i].uuid, cases[i].mac, &in);
		resolve(&in, a, &out);
		resolve_check(&in, &out);
		assert_int_equal(out.groups_n, cases[i].machines);
		assert_int_equal(certain_links(&out), cases[i].links);
		for (size_t j = 10; j < in.sightings_n; j += 2)
			assert_true((out.places[j].group == out.places[j + 1].group) ==
				(cases[i].uuid || cases[i].mac));
		arena_free(a);
	}
}

/* ---- random fleets ---- */

static unsigned next_random(unsigned *seed)
{
	return (unsigned)rand_r(seed);
}

static void random_input(unsigned seed, struct arena *a, struct resolve_input *in)
{
	uint8_t bytes[700];
	size_t n = 20 + next_random(&seed) % (sizeof bytes - 20);

	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(next_random(&seed) >> 8);
	resolve_from_bytes(bytes, n, a, in);
}

static void test_any_order(void **state)
{
	for (unsigned seed = 0; seed < 400; seed++) {
		struct arena *a = arena_new();
		struct resolve_input in;
		random_input(seed, a, &in);
		resolve_check_all(&in, a);
		arena_free(a);
	}
}

/* ---- a component answers as the whole does ---- */

static bool share_connecting(const struct resolve_sighting *s, const struct resolve_sighting *t)
{
	char a[RESOLVE_CONNECT_MAX], b[RESOLVE_CONNECT_MAX];

	for (size_t i = 0; i < s->keys_n; i++)
		for (size_t j = 0; resolve_connects(s, i, a) && j < t->keys_n; j++)
			if (resolve_connects(t, j, b) && strcmp(a, b) == 0)
				return true;
	return s->machine && t->machine && strcmp(s->machine, t->machine) == 0;
}

/* In: 2 marks full members, 1 context. Grows from x as the header says. */
static void grow(const struct resolve_input *in, size_t x, char *mark)
{
	bool grown = true;

	mark[x] = 2;
	while (grown) {
		grown = false;
		for (size_t i = 0; i < in->sightings_n; i++)
			for (size_t j = 0; mark[i] == 2 && j < in->sightings_n; j++)
				if (mark[j] != 2 &&
					share_connecting(&in->sightings[i], &in->sightings[j])) {
					mark[j] = 2;
					grown = true;
				}
	}
	for (size_t i = 0; i < in->sightings_n; i++)
		for (size_t j = 0; mark[i] == 2 && j < in->sightings_n; j++) {
			const struct resolve_sighting *s = &in->sightings[i],
						      *t = &in->sightings[j];
			bool far = strcmp(s->source, t->source) == 0 &&
				(!*t->key || (s->on && strcmp(s->on, t->key) == 0));
			if (*s->key && far && !mark[j] && t->machine)
				mark[j] = 1;
		}
}

static bool is_context_link(const char *line)
{
	return strstr(line, " context self ") != NULL;
}

/* The lines of a brief answer that speak of full members alone must stand in the whole's. */
static void check_component(
	const struct resolve_input *in, const char *whole, size_t x, struct arena *a)
{
	char *mark = arena_alloc(a, in->sightings_n), *text, *save;
	struct resolve_sighting *s = arena_alloc(a, in->sightings_n * sizeof *s);
	struct resolve_input part = {.sightings = s};
	struct resolve_output out;

	grow(in, x, mark);
	for (size_t i = 0; i < in->sightings_n; i++)
		if (mark[i]) {
			s[part.sightings_n] = in->sightings[i];
			s[part.sightings_n++].context = mark[i] == 1;
		}
	resolve(&part, a, &out);
	resolve_check(&part, &out);
	text = arena_strdup(a, resolve_print(&part, &out, true, a));
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (strncmp(line, "machine", 7) == 0 && !is_context_link(line) &&
			!strstr(whole, arena_printf(a, "%s\n", line)))
			fail_msg("component of %s/%s:\n%s\nwhole:\n%s", in->sightings[x].source,
				in->sightings[x].key, resolve_print(&part, &out, true, a), whole);
}

static void test_component(void **state)
{
	size_t components = 0;

	for (unsigned seed = 0; seed < 200; seed++) {
		struct arena *a = arena_new();
		struct resolve_input in, known;
		struct resolve_output out;
		struct resolve_sighting *s;
		random_input(seed, a, &in);
		in.words_n = in.above_n = 0;
		s = arena_memdup(a, in.sightings, in.sightings_n * sizeof *s);
		for (size_t i = 0; i < in.sightings_n; i++)
			s[i].context = false;
		in.sightings = s;
		resolve(&in, a, &out);
		resolve_feed_back(&in, &out, a, &known);
		resolve(&known, a, &out);
		for (size_t x = 0; x < in.sightings_n; x += 5, components++)
			check_component(&known, resolve_print(&known, &out, true, a), x, a);
		arena_free(a);
	}
	assert_true(components > 300);
}

/* ---- keys ---- */

static const struct {
	enum resolve_key_kind kind;
	const char *scope, *value, *text; /* text NULL: connects nothing */
} spelt[] = {
	{RESOLVE_MAC, NULL, "52:54:00:AA:BB:01", "mac 52:54:00:aa:bb:01"},
	{RESOLVE_MAC, "00:1b:21:00:00:01", "52-54-00-aa-bb-01", "mac 52:54:00:aa:bb:01"},
	{RESOLVE_MAC, NULL, "5254.00aa.bb01", "mac 52:54:00:aa:bb:01"},
	{RESOLVE_MAC, NULL, "525400aabb01", "mac 52:54:00:aa:bb:01"},
	{RESOLVE_MAC, NULL, "52:54:00:aa:bb", NULL},
	{RESOLVE_MAC, NULL, "52:54:00:aa:bb:01:02", NULL},
	{RESOLVE_MAC, NULL, "00:00:00:00:00:00", NULL},
	{RESOLVE_MAC, NULL, "ff:ff:ff:ff:ff:ff", NULL},
	{RESOLVE_MAC, NULL, "fe:ff:ff:ff:ff:ff", NULL},
	{RESOLVE_MAC, NULL, "01:00:5e:00:00:01", NULL},
	{RESOLVE_MAC, NULL, "00:00:5e:00:01:07", NULL},
	{RESOLVE_MAC, NULL, "00:50:56:c0:00:08", NULL},
	{RESOLVE_MAC, NULL, "00:00:0c:9f:f1:23", NULL},
	{RESOLVE_MAC, NULL, "00:00:0c:9e:f1:23", "mac 00:00:0c:9e:f1:23"},
	{RESOLVE_MAC, NULL, "00:50:56:c0:01:08", "mac 00:50:56:c0:01:08"},
	{RESOLVE_UUID, NULL, "33221100-5544-7766-8899-aabbccddeef0",
		"uuid 00112233445566778899aabbccddeef0"},
	{RESOLVE_UUID, NULL, "{00112233-4455-6677-8899-AABBCCDDEEF0}",
		"uuid 00112233445566778899aabbccddeef0"},
	{RESOLVE_XEN, NULL, "00112233-4455-6677-8899-aabbccddeef0",
		"uuid 00112233445566778899aabbccddeef0"},
	{RESOLVE_UUID, NULL, "00112233-4455-6677-8899-aabbccddeeff", NULL},
	{RESOLVE_UUID, NULL, "33221100-5544-7766-8899-aabbccddeeff", NULL},
	{RESOLVE_UUID, NULL, "ffffffff-ffff-ffff-ffff-ffffffffffff", NULL},
	{RESOLVE_UUID, NULL, "fefefefe-fefe-fefe-fefe-fefefefefefe", NULL},
	{RESOLVE_UUID, NULL, "03000200-0400-0500-0006-000700080009", NULL},
	{RESOLVE_UUID, NULL, "4C4C4544-0000-2010-8020-80C04F202020", NULL},
	{RESOLVE_UUID, NULL, "44454C4C-0000-1020-8020-80C04F202020", NULL},
	{RESOLVE_UUID, NULL, "978369dc-54fa-f24c-82c8-b1b5307a6a7f", NULL},
	{RESOLVE_UUID, NULL, "00112233-4455-6677-8899-aabbccddeef0f", NULL},
	{RESOLVE_UUID, NULL, "00112233-4455-6677-8899-aabbccddeef", NULL},
	{RESOLVE_UUID, NULL, "00112233-4455-6677-8899:aabbccddeef0", NULL},
	{RESOLVE_UUID, NULL, "Not Settable", NULL},
	{RESOLVE_UUID, NULL, "", NULL},
	{RESOLVE_UUID, NULL, NULL, NULL},
	{RESOLVE_SERIAL, NULL, " J7K2\t", "serial j7k2"},
	{RESOLVE_SERIAL, "Dell Inc.", "J7K2", "serial dell inc./j7k2"},
	{RESOLVE_SERIAL, NULL, "To be filled by O.E.M.", NULL},
	{RESOLVE_SERIAL, NULL, "Not Specified", NULL},
	{RESOLVE_SERIAL, NULL, "0000000", NULL},
	{RESOLVE_SERIAL, NULL, "x", NULL},
	{RESOLVE_CLOUD, "aws", "i-0A1", "cloud aws/i-0a1"},
	{RESOLVE_VSPHERE, NULL, "5012ABCD", "vsphere 5012abcd"},
	{RESOLVE_CONTAINER, NULL, "5f0c1", "container 5f0c1"},
	{RESOLVE_AGENT, NULL, "me", "agent me"},
	{RESOLVE_AGENT, NULL, "you", NULL},
	{RESOLVE_MACHINE_ID, NULL, "b08dfa6083e7567a1921a715000001fb", NULL},
};

static void test_keys(void **state)
{
	char text[RESOLVE_CONNECT_MAX], longest[RESOLVE_VALUE_MAX + 2];
	struct resolve_key k = {0};
	struct resolve_sighting s = {.source = "me", .key = "", .keys = &k, .keys_n = 1};

	for (size_t i = 0; i < sizeof spelt / sizeof *spelt; i++) {
		k = (struct resolve_key){
			.kind = spelt[i].kind, .scope = spelt[i].scope, .value = spelt[i].value};
		if (resolve_connects(&s, 0, text) != (spelt[i].text != NULL))
			fail_msg("'%s' gives '%s'", spelt[i].value, text);
		if (spelt[i].text)
			assert_string_equal(text, spelt[i].text);
	}
	memset(longest, 'a', sizeof longest);
	longest[RESOLVE_VALUE_MAX + 1] = '\0';
	k = (struct resolve_key){.kind = RESOLVE_CONTAINER, .value = longest};
	assert_false(resolve_connects(&s, 0, text));
	k.value = longest + 1;
	k.scope = longest + 1;
	assert_true(resolve_connects(&s, 0, text));
	k = (struct resolve_key){
		.kind = RESOLVE_MAC, .value = "52:54:00:aa:bb:01", .foreign = true};
	assert_false(resolve_connects(&s, 0, text));
}

/* A listing connects only when its source may list; a container's hardware is not its own. */
static void test_connects(void **state)
{
	char text[RESOLVE_CONNECT_MAX];
	struct resolve_key k = {
		.kind = RESOLVE_UUID, .value = "00112233-4455-6677-8899-aabbccddeef0"};
	struct resolve_sighting s = {.source = "me", .key = "vm", .keys = &k, .keys_n = 1};
	enum resolve_key_kind kind;

	assert_false(resolve_connects(&s, 0, text));
	s.host = true;
	assert_true(resolve_connects(&s, 0, text));
	s.kind = RESOLVE_CONTAINED;
	assert_true(resolve_connects(&s, 0, text)); /* the hypervisor's name for it */
	s.key = "";
	assert_false(resolve_connects(&s, 0, text));
	for (size_t i = 0; i < RESOLVE_KEY_KINDS; i++) {
		assert_true(resolve_key_kind(resolve_key_word((enum resolve_key_kind)i), &kind));
		assert_int_equal(kind, i);
	}
	assert_false(resolve_key_kind("nonsense", &kind));
}

static void test_words(void **state)
{
	for (int i = 0; i < RESOLVE_REASONS; i++) {
		assert_true(strlen(resolve_reason_sentence((enum resolve_reason)i)) > 10);
		for (int j = 0; j < i; j++)
			assert_string_not_equal(resolve_reason_word((enum resolve_reason)i),
				resolve_reason_word((enum resolve_reason)j));
	}
	for (int i = 0; i < RESOLVE_VERDICTS; i++)
		assert_non_null(resolve_verdict_word((enum resolve_verdict)i));
}

/* A key that too many share says nothing, by count or because the caller counted. */
static void test_crowded(void **state)
{
	for (size_t n = RESOLVE_SHARERS_MAX; n <= RESOLVE_SHARERS_MAX + 1; n++) {
		struct arena *a = arena_new();
		struct resolve_sighting *s = arena_alloc(a, n * sizeof *s);
		struct resolve_key k = {.kind = RESOLVE_CONTAINER, .value = "5f0c1"};
		struct resolve_input in = {.sightings = s, .sightings_n = n};
		struct resolve_output out;
		for (size_t i = 0; i < n; i++)
			s[i] = (struct resolve_sighting){.source = arena_printf(a, "d%zu", i),
				.key = "c",
				.host = true,
				.live = true,
				.keys = &k,
				.keys_n = 1};
		resolve(&in, a, &out);
		assert_int_equal(out.groups_n, n > RESOLVE_SHARERS_MAX ? n : 1);
		k.crowded = true;
		resolve(&in, a, &out);
		assert_int_equal(out.groups_n, n);
		assert_int_equal(out.evidence[0].reason, RESOLVE_CROWDED);
		arena_free(a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_connects),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_scenarios),
		cmocka_unit_test(test_crowded),
		cmocka_unit_test(test_thousand_clones),
		cmocka_unit_test(test_any_order),
		cmocka_unit_test(test_component),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
