/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 and HMAC-SHA-256 (RFC 2104) over what travels. */
#ifndef HIM_WIRE_MAC_H
#define HIM_WIRE_MAC_H

#include <stddef.h>
#include <stdint.h>

#define MAC_KEY_BYTES 32
#define MAC_BYTES 32
#define DIGEST_LEN 64 /* SHA-256 as hex */
#define DIGEST_ZERO "0000000000000000000000000000000000000000000000000000000000000000"

/* SHA-256 of data as 64 hex digits and a NUL. */
void digest_hex(const void *data, size_t len, char out[DIGEST_LEN + 1]);

/* HMAC over two pieces, as if they were one; `b` may be NULL when b_len is 0. */
void mac_sum(const uint8_t key[MAC_KEY_BYTES], const void *a, size_t a_len, const void *b,
	size_t b_len, uint8_t out[MAC_BYTES]);
/* The same as 64 hex digits and a NUL. */
void mac_hex(const uint8_t key[MAC_KEY_BYTES], const void *a, size_t a_len, const void *b,
	size_t b_len, char out[DIGEST_LEN + 1]);

#endif
