/* SPDX-License-Identifier: Apache-2.0 */
#include "kit.h"
#include "base/file.h"
#include "store/migrate.h"
#include "store/store_trust.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t kit_ok(struct kit *k, int64_t rc, const char *call)
{
	if (rc < 0)
		fail_msg("%s: %s", call, k->e.text);
	return rc;
}

void kit_fails(struct kit *k, int64_t rc, enum err_code wanted, const char *call)
{
	if (rc >= 0)
		fail_msg("%s succeeds", call);
	if (k->e.code != wanted || !k->e.text[0])
		fail_msg("%s: %s (%s), expected %s", call, err_word(k->e.code), k->e.text,
			err_word(wanted));
	k->e = ERR_INIT;
}

int kit_setup(void **state)
{
	struct kit *k = xcalloc(1, sizeof *k);

	snprintf(k->home, sizeof k->home, "%s/him-store-XXXXXX",
		file_exists("/dev/shm") ? "/dev/shm" : "/tmp");
	if (!mkdtemp(k->home))
		return -1;
	snprintf(k->path, sizeof k->path, "%s/server.db", k->home);
	k->a = arena_new();
	k->db = db_open(k->path, DB_WRITE, &k->e);
	if (!k->db || migrate(k->db, server_migrations, &k->e) < 0) {
		print_error("%s\n", k->e.text);
		return -1;
	}
	*state = k;
	return 0;
}

int kit_teardown(void **state)
{
	struct kit *k = *state;

	db_close(k->db);
	arena_free(k->a);
	(void)file_remove_tree(k->home, NULL);
	free(k);
	return 0;
}

const char *kit_id(struct kit *k, char kind, int n)
{
	return arena_printf(k->a, "%c%025d", kind, n);
}

void kit_enrol(struct kit *k, int n, const char *name, const char *site)
{
	struct agent x = {.id = kit_id(k, 'a', n),
		.machine = kit_id(k, 'm', n),
		.role = "agent",
		.site = site,
		.box = "00",
		.cert_until = NOW + 1000};

	ok(k, trust_enrol(k->db, &x, name, NULL, NOW, &k->e));
}

void kit_relay(struct kit *k, int n, const char *name, const char *site)
{
	struct agent x = {.id = kit_id(k, 'r', n),
		.role = "relay",
		.site = site,
		.box = "00",
		.cert_until = NOW + 1000};

	ok(k, trust_enrol(k->db, &x, name, "[\"127.0.0.1:1\"]", NOW, &k->e));
}

static size_t leaf_path(void *ctx, size_t leaf, uint8_t *out)
{
	memset(out, (int)leaf, 32);
	return 32;
}

size_t kit_action(struct kit *k, int n, const struct action *like)
{
	struct action x = like ? *like : (struct action){.timeout_ms = 60000};
	struct target *targets;
	size_t count;

	x.id = kit_id(k, 'c', n);
	x.kind = "run";
	x.by = "kim";
	x.query = "*";
	x.command = "[\"id\"]";
	x.made = NOW;
	x.deadline = x.deadline ? x.deadline : NOW + 1000;
	x.frame = (struct bytes){"frame", 5};
	ok(k, action_targets(k->db, "1 = 1", NULL, 0, 1000, k->a, &targets, &count, &k->e));
	ok(k, action_create(k->db, &x, targets, count, leaf_path, NULL, &k->e));
	return count;
}

int64_t kit_number(struct kit *k, const char *sql)
{
	struct stmt *s = db_prepare_once(k->db, sql, &k->e);
	int64_t n;

	if (!s || db_step(s, &k->e) <= 0)
		fail_msg("%s: %s", sql, k->e.text);
	n = col_int(s, 0);
	db_done(s);
	return n;
}
