/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Most of what is summed here is short, and looking an algorithm up costs OpenSSL as much as such a sum, as does making
 * what it works in. So algorithms are looked up once a process, and each thread keeps one context, which begins anew
 * with every sum.
 */
#include "wire/mac.h"
#include "base/text.h"
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>
#include <stdlib.h>

static EVP_MD *sha256;
static EVP_MAC *hmac;
static pthread_key_t context; /* of this thread */

static void context_free(void *ctx)
{
	EVP_MAC_CTX_free(ctx);
}

static void prepare(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	if (!sha256 || !hmac || pthread_key_create(&context, context_free) != 0)
		abort();
}

static void ready(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, prepare);
}

static EVP_MAC_CTX *context_new(void)
{
	OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", (char[]){"SHA256"}, 0),
		OSSL_PARAM_construct_end()};
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(hmac);

	if (!ctx || EVP_MAC_CTX_set_params(ctx, params) != 1 ||
		pthread_setspecific(context, ctx) != 0)
		abort();
	return ctx;
}

static EVP_MAC_CTX *own_context(void)
{
	EVP_MAC_CTX *ctx;

	ready();
	ctx = pthread_getspecific(context);
	return ctx ? ctx : context_new();
}

void digest_hex(const void *data, size_t len, char out[DIGEST_LEN + 1])
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned int n;

	ready();
	if (EVP_Digest(data ? data : "", len, digest, &n, sha256, NULL) != 1)
		abort();
	text_hex(digest, n, out);
}

void mac_sum(const uint8_t key[MAC_KEY_BYTES], const void *a, size_t a_len, const void *b,
	size_t b_len, uint8_t out[MAC_BYTES])
{
	EVP_MAC_CTX *ctx = own_context();
	size_t n;

	if (EVP_MAC_init(ctx, key, MAC_KEY_BYTES, NULL) != 1 ||
		EVP_MAC_update(ctx, a, a_len) != 1 ||
		(b_len && EVP_MAC_update(ctx, b, b_len) != 1) ||
		EVP_MAC_final(ctx, out, &n, MAC_BYTES) != 1)
		abort();
}

void mac_hex(const uint8_t key[MAC_KEY_BYTES], const void *a, size_t a_len, const void *b,
	size_t b_len, char out[DIGEST_LEN + 1])
{
	uint8_t sum[MAC_BYTES];

	mac_sum(key, a, a_len, b, b_len, sum);
	text_hex(sum, sizeof sum, out);
}
