/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the store's tests share: a folder that is gone after the test, a migrated database in it, machines to fill it with.
 * Ids are made of small numbers (kit_id), so that their order and their beginnings are the test's to choose.
 */
#ifndef HIM_TESTS_STORE_KIT_H
#define HIM_TESTS_STORE_KIT_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/id.h"
#include "store/store_action.h"

struct kit {
	char home[64], path[96];
	struct db *db;
	struct arena *a;
	struct err e;
};

#define NOW 1700000000000 /* ms: every test's present */

/* A result that must not be negative, else the test ends with the sentence. */
#define ok(k, call) kit_ok((k), (call), #call)
/* A call that must fail with that code. */
#define fails(k, call, wanted) kit_fails((k), (call), (wanted), #call)

int64_t kit_ok(struct kit *k, int64_t rc, const char *call);
void kit_fails(struct kit *k, int64_t rc, enum err_code wanted, const char *call);

int kit_setup(void **state); /* *state is the struct kit, its database open for writing */
int kit_teardown(void **state);

/* "a00000000000000000000000NN"; lives in the kit's arena. */
const char *kit_id(struct kit *k, char kind, int n);
/* Agent kit_id('a', n) with machine kit_id('m', n), named NAME. */
void kit_enrol(struct kit *k, int n, const char *name, const char *site);
void kit_relay(struct kit *k, int n, const char *name, const char *site);
/* An open action kit_id('c', n) for every machine. Returns how many; `like` may be NULL. */
size_t kit_action(struct kit *k, int n, const struct action *like);
/* The one number that a query gives. */
int64_t kit_number(struct kit *k, const char *sql);

#endif
