/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Merkle tree of RFC 6962 over agents' ids. A tree of n leaves is split at the largest power of two below n, so all
 * levels can be kept as plain arrays: on each level an odd last node goes up unchanged, which gives the same tree.
 */
#include "base/arena.h"
#include "base/text.h"
#include "wire/sign.h"
#include <assert.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

struct merkle {
	size_t n, depth;
	uint8_t *levels[MERKLE_DEPTH_MAX + 1]; /* level 0: leaves */
	size_t widths[MERKLE_DEPTH_MAX + 1];
};

static void leaf_hash(const char *id, size_t len, uint8_t out[MERKLE_STEP])
{
	uint8_t data[1 + ID_LEN];

	assert(len <= ID_LEN);
	data[0] = 0;
	memcpy(data + 1, id, len);
	SHA256(data, 1 + len, out);
}

static void node_hash(const uint8_t *left, const uint8_t *right, uint8_t out[MERKLE_STEP])
{
	uint8_t data[1 + 2 * MERKLE_STEP];

	data[0] = 1;
	memcpy(data + 1, left, MERKLE_STEP);
	memcpy(data + 1 + MERKLE_STEP, right, MERKLE_STEP);
	SHA256(data, sizeof data, out);
}

struct merkle *merkle_new(const char (*ids)[ID_SIZE], size_t n)
{
	struct merkle *m = xcalloc(1, sizeof *m);

	assert(n >= 1 && n <= (size_t)1 << MERKLE_DEPTH_MAX);
	m->n = n;
	m->widths[0] = n;
	m->levels[0] = xmalloc(n * MERKLE_STEP);
	for (size_t i = 0; i < n; i++)
		leaf_hash(ids[i], strlen(ids[i]), m->levels[0] + i * MERKLE_STEP);
	for (size_t width = n; width > 1; m->depth++) {
		const uint8_t *below = m->levels[m->depth];
		size_t up = (width + 1) / 2;
		uint8_t *level = xmalloc(up * MERKLE_STEP);
		for (size_t i = 0; i < width / 2; i++)
			node_hash(below + 2 * i * MERKLE_STEP, below + (2 * i + 1) * MERKLE_STEP,
				level + i * MERKLE_STEP);
		if (width % 2)
			memcpy(level + (up - 1) * MERKLE_STEP, below + (width - 1) * MERKLE_STEP,
				MERKLE_STEP);
		m->levels[m->depth + 1] = level;
		m->widths[m->depth + 1] = width = up;
	}
	return m;
}

void merkle_free(struct merkle *m)
{
	if (!m)
		return;
	for (size_t i = 0; i <= m->depth; i++)
		free(m->levels[i]);
	free(m);
}

void merkle_root(const struct merkle *m, char out[DIGEST_LEN + 1])
{
	text_hex(m->levels[m->depth], MERKLE_STEP, out);
}

size_t merkle_path(const struct merkle *m, size_t index, uint8_t *path)
{
	size_t steps = 0;

	assert(index < m->n);
	for (size_t level = 0; level < m->depth; level++, index /= 2) {
		size_t other = index ^ 1;
		if (other >= m->widths[level])
			continue; /* it goes up unchanged: no step */
		memcpy(path + steps++ * MERKLE_STEP, m->levels[level] + other * MERKLE_STEP,
			MERKLE_STEP);
	}
	return steps;
}

/* RFC 9162, section 2.1.3.2. */
bool merkle_check(const char *id, uint64_t index, uint64_t count, const uint8_t *path,
	size_t path_len, const char root[DIGEST_LEN + 1])
{
	uint8_t hash[MERKLE_STEP], want[MERKLE_STEP];
	uint64_t fn = index, sn = count - 1;

	if (count == 0 || index >= count || path_len % MERKLE_STEP != 0 ||
		path_len / MERKLE_STEP > MERKLE_DEPTH_MAX || strlen(id) > ID_LEN ||
		text_unhex(root, want, sizeof want) < 0)
		return false;
	leaf_hash(id, strlen(id), hash);
	for (size_t i = 0; i < path_len; i += MERKLE_STEP) {
		if (sn == 0)
			return false;
		if (fn & 1 || fn == sn) {
			node_hash(path + i, hash, hash);
			while (!(fn & 1) && fn != 0) {
				fn >>= 1;
				sn >>= 1;
			}
		} else {
			node_hash(hash, path + i, hash);
		}
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 && memcmp(hash, want, sizeof hash) == 0;
}
