/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of what was refused. Whoever holds a certificate can send forged envelopes by the thousand; each is counted, but
 * the log and the database must not grow with them. The memory has a ceiling too: the longest known makes room.
 */
#include "server/refused.h"
#include "base/arena.h"
#include "base/id.h"
#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>

#define PAIRS_MAX 10000
#define EVERY_MS 3600000

struct pair {
	char key[2 * ID_LEN + 2];
	int64_t said_ms;
	UT_hash_handle hh;
};

struct refused {
	struct pair *pairs; /* walks in the order in which they were first said */
};

struct refused *refused_new(void)
{
	return xcalloc(1, sizeof(struct refused));
}

void refused_free(struct refused *r)
{
	struct pair *p, *tmp;

	if (!r)
		return;
	HASH_ITER (hh, r->pairs, p, tmp) {
		HASH_DEL(r->pairs, p);
		free(p);
	}
	free(r);
}

bool refused_is_news(struct refused *r, const char *brought_by, const char *agent, int64_t now_ms)
{
	char key[sizeof r->pairs->key];
	struct pair *p;

	snprintf(key, sizeof key, "%s/%s", brought_by, agent);
	HASH_FIND_STR(r->pairs, key, p);
	if (p && now_ms >= p->said_ms && now_ms - p->said_ms < EVERY_MS)
		return false;
	if (!p && HASH_COUNT(r->pairs) >= PAIRS_MAX) {
		p = r->pairs;
		HASH_DEL(r->pairs, p);
		free(p);
		p = NULL;
	}
	if (!p) {
		p = xcalloc(1, sizeof *p);
		snprintf(p->key, sizeof p->key, "%s", key);
		HASH_ADD_STR(r->pairs, key, p);
	}
	p->said_ms = now_ms;
	return true;
}
