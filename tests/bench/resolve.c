// SPDX-License-Identifier: Apache-2.0
/*
 * The resolver at size: a million sightings on 100,000 hosts from nothing, and one more report's component. Figures
 * and targets, never a verdict. Every host lists four guests and a half; every guest has an agent.
 */
#include "core/resolve.h"
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define HOSTS 100000
#define GUESTS 450000
#define TIMES 20000

/* Of this process: what else the machine does is not measured. */
static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void make_keys(struct arena *a, struct resolve_sighting *s, unsigned number, unsigned macs,
	const char *net)
{
	struct resolve_key *k = arena_alloc(a, (macs + 2) * sizeof *k);

	k[0] = (struct resolve_key){.kind = RESOLVE_UUID,
		.value = arena_printf(a, "%08x-51d2-4a2b-9c3d-0123456789ab", number * 2654435761U)};
	for (unsigned i = 0; i < macs; i++)
		k[i + 1] = (struct resolve_key){.kind = RESOLVE_MAC,
			.scope = net,
			.value = arena_printf(a, "52:54:%02x:%02x:%02x:%02x", i, number >> 16 & 255,
				number >> 8 & 255, number & 255)};
	k[macs + 1] = (struct resolve_key){
		.kind = RESOLVE_MAC, .value = "02:42:ac:11:00:01", .foreign = true};
	s->keys = k;
	s->keys_n = macs + 2;
}

/* Sighting i of the fleet: hosts, then pairs of listed and agent. */
static void make_sighting(struct arena *a, struct resolve_sighting *s, unsigned i)
{
	unsigned guest = (i - HOSTS) / 2, host = i < HOSTS ? i : guest % HOSTS;
	const char *net =
		arena_printf(a, "00:1b:21:00:%02x:%02x", host >> 11 & 255, host >> 3 & 255);

	*s = (struct resolve_sighting){
		.key = "", .live = true, .running = true, .since_ms = 1000, .seen_ms = 900000};
	if (i < HOSTS) {
		s->source = arena_printf(a, "01host%020u", i);
		s->host = true;
		s->kind = RESOLVE_PHYSICAL;
		make_keys(a, s, 0x800000 + i, 2, net);
	} else if (i % 2) {
		s->source = arena_printf(a, "01host%020u", host);
		s->key = arena_printf(a, "%08x-51d2-4a2b", guest);
		s->on = "";
		s->host = true;
		s->kind = RESOLVE_VM;
		make_keys(a, s, guest, 2, NULL);
	} else {
		s->source = arena_printf(a, "01agent%019u", guest);
		s->kind = RESOLVE_VM;
		make_keys(a, s, guest, 2, net);
	}
}

static void from_nothing(void)
{
	struct arena *a = arena_new(), *answer = arena_new();
	size_t n = HOSTS + 2 * GUESTS;
	struct resolve_sighting *s = arena_alloc(a, n * sizeof *s);
	struct resolve_input in = {.sightings = s, .sightings_n = n};
	struct resolve_output out;
	struct rusage usage;
	double begin;

	for (unsigned i = 0; i < n; i++)
		make_sighting(a, &s[i], i);
	begin = now_s();
	resolve(&in, answer, &out);
	printf("resolve: %zu sightings on %d hosts from nothing: %.2f s of one core (target 5 s)\n",
		n, HOSTS, now_s() - begin);
	getrusage(RUSAGE_SELF, &usage);
	printf("resolve: memory with its input: %.2f GB (target under 2 GB); %zu machines, %zu "
	       "links, %zu rows of evidence\n",
		(double)usage.ru_maxrss / 1e6, out.groups_n, out.links_n, out.evidence_n);
	arena_free(answer);
	arena_free(a);
}

/* A host that reports: itself, its guests, their agents. */
static void one_more(void)
{
	struct arena *a = arena_new();
	struct resolve_sighting s[12];
	struct resolve_input in = {.sightings = s, .sightings_n = 12};
	double begin;

	make_sighting(a, &s[0], 0);
	for (unsigned i = 0; i < 11; i++)
		make_sighting(a, &s[i + 1], HOSTS + i / 2 * 2 * HOSTS + i % 2);
	begin = now_s();
	for (int i = 0; i < TIMES; i++) {
		struct arena *answer = arena_new();
		struct resolve_output out;
		resolve(&in, answer, &out);
		arena_free(answer);
	}
	printf("resolve: a component of 12 sightings: %.1f us (target 50 us)\n",
		(now_s() - begin) / TIMES * 1e6);
	arena_free(a);
}

int main(void)
{
	from_nothing();
	one_more();
	return 0;
}
