/* SPDX-License-Identifier: Apache-2.0 */
/* Failures by key. When the table is full the key that may try again soonest makes room. */
#include "server/rate.h"
#include "base/arena.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define KEYS_MAX 10000
#define FORGET_MS 3600000

struct tries {
	char key[RATE_KEY];
	int failures;
	int64_t until_mono, last_mono;
	UT_hash_handle hh;
};

struct rate {
	struct tries *all;
	int free_tries;
	int64_t wait_max_ms;
};

struct rate *rate_new(int free_tries, int64_t wait_max_ms)
{
	struct rate *r = xcalloc(1, sizeof *r);

	r->free_tries = free_tries;
	r->wait_max_ms = wait_max_ms;
	return r;
}

void rate_free(struct rate *r)
{
	struct tries *t, *tmp;

	if (!r)
		return;
	HASH_ITER (hh, r->all, t, tmp) {
		HASH_DEL(r->all, t);
		free(t);
	}
	free(r);
}

static struct tries *find(struct rate *r, const char *key)
{
	char cut[RATE_KEY];
	struct tries *t;

	snprintf(cut, sizeof cut, "%s", key);
	HASH_FIND_STR(r->all, cut, t);
	return t;
}

int rate_check(struct rate *r, const char *key, int64_t mono_ms, struct err *e)
{
	struct tries *t = find(r, key);
	int64_t left = t ? t->until_mono - mono_ms : 0;

	if (left <= 0)
		return 0;
	return err_set(e, ERR_RATE, "too many failed tries: try again in %lld s",
		(long long)(left + 999) / 1000);
}

static void make_room(struct rate *r)
{
	struct tries *t, *tmp, *soonest = NULL;

	HASH_ITER (hh, r->all, t, tmp)
		if (!soonest || t->until_mono < soonest->until_mono)
			soonest = t;
	HASH_DEL(r->all, soonest);
	free(soonest);
}

static struct tries *find_or_add(struct rate *r, const char *key)
{
	struct tries *t = find(r, key);

	if (t)
		return t;
	if (HASH_COUNT(r->all) >= KEYS_MAX)
		make_room(r);
	t = xcalloc(1, sizeof *t);
	snprintf(t->key, sizeof t->key, "%s", key);
	HASH_ADD_STR(r->all, key, t);
	return t;
}

void rate_failed(struct rate *r, const char *key, int64_t mono_ms)
{
	struct tries *t = find_or_add(r, key);
	int64_t wait = 1000;

	if (mono_ms - t->last_mono > FORGET_MS)
		t->failures = 0;
	t->last_mono = mono_ms;
	if (++t->failures <= r->free_tries)
		return;
	for (int i = r->free_tries + 1; i < t->failures && wait < r->wait_max_ms; i++)
		wait *= 2;
	t->until_mono = mono_ms + (wait < r->wait_max_ms ? wait : r->wait_max_ms);
}

void rate_give_back(struct rate *r, const char *key)
{
	struct tries *t = find(r, key);

	if (!t)
		return;
	if (--t->failures <= r->free_tries)
		t->until_mono = 0;
	if (t->failures <= 0)
		rate_succeeded(r, key);
}

void rate_succeeded(struct rate *r, const char *key)
{
	struct tries *t = find(r, key);

	if (t)
		HASH_DEL(r->all, t);
	free(t);
}

char *rate_address(const char *address, char out[RATE_KEY])
{
	unsigned char six[16];

	snprintf(out, RATE_KEY, "%s", address);
	if (inet_pton(AF_INET6, address, six) == 1) {
		memset(six + 8, 0, 8);
		inet_ntop(AF_INET6, six, out, INET6_ADDRSTRLEN);
	}
	return out;
}
