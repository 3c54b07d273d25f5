/* SPDX-License-Identifier: Apache-2.0 */
/* Failures by key. When the table is full the key that may try again soonest makes room. */
#include "server/rate.h"
#include "base/arena.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define KEYS_MAX 10000
#define FREE_TRIES 5
#define WAIT_MAX_MS 300000
#define FORGET_MS 3600000

struct tries {
	char key[96];
	int failures;
	int64_t until_mono, last_mono;
	UT_hash_handle hh;
};

struct rate {
	struct tries *all;
};

struct rate *rate_new(void)
{
	return xcalloc(1, sizeof(struct rate));
}

void rate_free(struct rate *r)
{
	struct tries *t, *tmp;

	if (!r)
		return;
	HASH_ITER(hh, r->all, t, tmp)
	{
		HASH_DEL(r->all, t);
		free(t);
	}
	free(r);
}

static struct tries *find(struct rate *r, const char *key)
{
	char cut[sizeof((struct tries *)0)->key];
	struct tries *t;

	snprintf(cut, sizeof cut, "%s", key);
	HASH_FIND_STR(r->all, cut, t);
	return t;
}

int rate_check(struct rate *r, const char *key, int64_t mono_ms, struct err *e)
{
	struct tries *t = find(r, key);

	if (!t || mono_ms >= t->until_mono)
		return 0;
	return err_set(e, ERR_RATE, "too many failed tries: try again in %lld s", (long long)(t->until_mono - mono_ms) / 1000 + 1);
}

static void make_room(struct rate *r)
{
	struct tries *t, *tmp, *soonest = NULL;

	HASH_ITER(hh, r->all, t, tmp)
		if (!soonest || t->until_mono < soonest->until_mono)
			soonest = t;
	HASH_DEL(r->all, soonest);
	free(soonest);
}

void rate_failed(struct rate *r, const char *key, int64_t mono_ms)
{
	struct tries *t = find(r, key);
	int64_t wait = 1000;

	if (!t) {
		if (HASH_COUNT(r->all) >= KEYS_MAX)
			make_room(r);
		t = xcalloc(1, sizeof *t);
		snprintf(t->key, sizeof t->key, "%s", key);
		HASH_ADD_STR(r->all, key, t);
	}
	if (mono_ms - t->last_mono > FORGET_MS)
		t->failures = 0;
	t->last_mono = mono_ms;
	if (++t->failures <= FREE_TRIES)
		return;
	for (int i = FREE_TRIES + 1; i < t->failures && wait < WAIT_MAX_MS; i++)
		wait *= 2;
	t->until_mono = mono_ms + (wait < WAIT_MAX_MS ? wait : WAIT_MAX_MS);
}

void rate_succeeded(struct rate *r, const char *key)
{
	struct tries *t = find(r, key);

	if (t)
		HASH_DEL(r->all, t);
	free(t);
}
