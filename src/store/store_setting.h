/* SPDX-License-Identifier: Apache-2.0 */
/* Values of the installation: generation, versions of signed lists. */
#ifndef HIM_STORE_SETTING_H
#define HIM_STORE_SETTING_H

#include "store/row.h"

/* Rules for providers, as they were written, and their version: the time of the writing, 0 while there were none. */
#define SETTING_PROVIDERS "providers"
#define SETTING_PROVIDERS_VERSION "providers_version"

/* 1 found, 0 absent. */
int setting_get(
	struct db *db, const char *name, struct arena *a, const char **value, struct err *e);
int setting_set(struct db *db, const char *name, const char *value, struct err *e);
int setting_int(struct db *db, const char *name, int64_t *value, struct err *e); /* 0 when absent */
/* Adds one and returns the new value in *value. */
int setting_next(struct db *db, const char *name, int64_t *value, struct err *e);

#endif
