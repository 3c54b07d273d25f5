/* SPDX-License-Identifier: Apache-2.0 */
/* A root folder made for one test: files put below it, and the whole of it removed at the end. */
#ifndef HIM_TESTS_PROBE_ROOT_H
#define HIM_TESTS_PROBE_ROOT_H

#include "base/json.h"
#include <stddef.h>

char *root_make(void);        /* a new folder; the caller frees the name after root_remove */
void root_remove(char *root); /* frees root */
void root_file(const char *root, const char *path, const void *data, size_t len);
void root_text(const char *root, const char *path, const char *text);

/* The document of a captured machine; fails the test when there is none. The caller frees. */
struct json *root_document(const char *root);

/* Fails with both when `got` is not the JSON that `want` is. */
void assert_json(const struct json *got, const char *want);

#endif
