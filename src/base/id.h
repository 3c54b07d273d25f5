/* SPDX-License-Identifier: Apache-2.0 */
/* Ids are ULIDs in lower case: 26 characters, sorted by the time they were made, 80 random bits. */
#ifndef HIM_BASE_ID_H
#define HIM_BASE_ID_H

#include <stdbool.h>
#include <stddef.h>

#define ID_LEN 26
#define ID_SIZE (ID_LEN + 1)

void id_new(char out[ID_SIZE]);
bool id_valid(const char *s); /* exactly 26 characters of Crockford's alphabet, lower case */

/* len random bytes from the kernel. Never fails (aborts). */
void random_bytes(void *out, size_t len);

#endif
