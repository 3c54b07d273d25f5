/* SPDX-License-Identifier: Apache-2.0 */
/* X25519, HKDF-SHA-256, AES-256-GCM: a box that only the server opens, an answer that only the asker opens. */
#include "wire/seal.h"
#include "base/id.h"
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NONCE 12
#define TAG 16

void box_keygen(uint8_t secret[BOX_KEY_BYTES], uint8_t pub[BOX_KEY_BYTES])
{
	random_bytes(secret, BOX_KEY_BYTES);
	if (box_public(secret, pub) < 0)
		abort();
}

int box_public(const uint8_t secret[BOX_KEY_BYTES], uint8_t pub[BOX_KEY_BYTES])
{
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret, BOX_KEY_BYTES);
	size_t len = BOX_KEY_BYTES;
	int ok = key && EVP_PKEY_get_raw_public_key(key, pub, &len) == 1;

	EVP_PKEY_free(key);
	return ok ? 0 : -1;
}

/* OpenSSL refuses the all-zero result of a public key of small order. */
static int agree(
	const uint8_t secret[BOX_KEY_BYTES], const uint8_t peer[BOX_KEY_BYTES], uint8_t out[32])
{
	EVP_PKEY *mine = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret, BOX_KEY_BYTES);
	EVP_PKEY *theirs = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, peer, BOX_KEY_BYTES);
	EVP_PKEY_CTX *ctx = mine ? EVP_PKEY_CTX_new(mine, NULL) : NULL;
	size_t len = 32;
	int ok = ctx && theirs && EVP_PKEY_derive_init(ctx) == 1 &&
		EVP_PKEY_derive_set_peer(ctx, theirs) == 1 && EVP_PKEY_derive(ctx, out, &len) == 1;

	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(mine);
	EVP_PKEY_free(theirs);
	return ok ? 0 : -1;
}

static int hkdf(const uint8_t secret[32], const uint8_t salt[64], const char *info, uint8_t out[32])
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char[]){"SHA256"}, 0),
		OSSL_PARAM_construct_octet_string(
			OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)secret, 32),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt, 64),
		OSSL_PARAM_construct_octet_string(
			OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)info, strlen(info)),
		OSSL_PARAM_construct_end()};
	int ok = ctx && EVP_KDF_derive(ctx, out, 32, params) == 1;

	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return ok ? 0 : -1;
}

static void salt_of(const uint8_t a[32], const uint8_t b[32], uint8_t out[64])
{
	memcpy(out, a, 32);
	memcpy(out + 32, b, 32);
}

/* ---- AES-256-GCM: nonce, ciphertext, tag ---- */

static int gcm_seal(const uint8_t key[32], const char *aad, const void *text, size_t len,
	struct buf *out, struct err *e)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t nonce[NONCE], tag[TAG], *sealed = malloc(len + 16);
	int n = 0, m = 0, ok;

	random_bytes(nonce, sizeof nonce);
	ok = ctx && sealed && len < INT32_MAX &&
		EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
		EVP_EncryptUpdate(ctx, NULL, &n, (const uint8_t *)aad, (int)strlen(aad)) == 1 &&
		EVP_EncryptUpdate(ctx, sealed, &m, text, (int)len) == 1 &&
		EVP_EncryptFinal_ex(ctx, sealed + m, &n) == 1 &&
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG, tag) == 1;
	EVP_CIPHER_CTX_free(ctx);
	if (ok &&
		(buf_add(out, nonce, NONCE) < 0 || buf_add(out, sealed, len) < 0 ||
			buf_add(out, tag, TAG) < 0)) {
		free(sealed);
		return err_set(
			e, ERR_TOO_LARGE, "a sealed box is over the limit of %zu bytes", out->max);
	}
	free(sealed);
	return ok ? 0 : err_set(e, ERR_INTERNAL, "a box cannot be sealed");
}

static int gcm_open(const uint8_t key[32], const char *aad, const uint8_t *box, size_t len,
	struct buf *text, struct err *e)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t *plain = malloc(len + 16);
	int n = 0, m = 0, ok;

	ok = ctx && plain && len >= NONCE + TAG && len < INT32_MAX &&
		EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, box) == 1 &&
		EVP_DecryptUpdate(ctx, NULL, &n, (const uint8_t *)aad, (int)strlen(aad)) == 1 &&
		EVP_DecryptUpdate(ctx, plain, &m, box + NONCE, (int)(len - NONCE - TAG)) == 1 &&
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG,
			(void *)(uintptr_t)(box + len - TAG)) == 1 &&
		EVP_DecryptFinal_ex(ctx, plain + m, &n) == 1;
	EVP_CIPHER_CTX_free(ctx);
	if (ok && buf_add(text, plain, len - NONCE - TAG) < 0)
		ok = err_set(e, ERR_TOO_LARGE, "what was sealed is over the limit of %zu bytes",
			     text->max) == 0;
	else if (!ok)
		err_set(e, ERR_UNAUTHORIZED,
			"the sealed box does not open: it is damaged or meant for another server");
	if (plain)
		explicit_bzero(plain, len);
	free(plain);
	return ok ? 0 : -1;
}

/* ---- the two directions ---- */

int seal_request(const uint8_t to[BOX_KEY_BYTES], const void *text, size_t len, struct buf *out,
	uint8_t key[SEAL_SECRET_BYTES], struct err *e)
{
	uint8_t secret[32], pub[32], shared[32], salt[64];
	int rc = -1;

	box_keygen(secret, pub);
	salt_of(pub, to, salt);
	if (agree(secret, to, shared) < 0 || hkdf(shared, salt, "him-enrol-1", key) < 0)
		err_set(e, ERR_INVALID, "the server's box key cannot be used");
	else if (buf_add(out, pub, sizeof pub) < 0)
		err_set(e, ERR_TOO_LARGE, "a sealed box is over the limit of %zu bytes", out->max);
	else
		rc = gcm_seal(key, "request", text, len, out, e);
	explicit_bzero(secret, sizeof secret);
	explicit_bzero(shared, sizeof shared);
	return rc;
}

int seal_open_request(const uint8_t secret[BOX_KEY_BYTES], const void *box, size_t len,
	struct buf *text, uint8_t key[SEAL_SECRET_BYTES], struct err *e)
{
	uint8_t pub[32], shared[32], salt[64];
	const uint8_t *from = box;
	int rc;

	if (len < 32 + NONCE + TAG || box_public(secret, pub) < 0)
		return err_set(
			e, ERR_UNAUTHORIZED, "the sealed box does not open: it is too short");
	salt_of(from, pub, salt);
	if (agree(secret, from, shared) < 0 || hkdf(shared, salt, "him-enrol-1", key) < 0)
		return err_set(e, ERR_UNAUTHORIZED,
			"the sealed box does not open: its key cannot be used");
	rc = gcm_open(key, "request", from + 32, len - 32, text, e);
	explicit_bzero(shared, sizeof shared);
	return rc;
}

int seal_answer(const uint8_t key[SEAL_SECRET_BYTES], const void *text, size_t len, struct buf *out,
	struct err *e)
{
	return gcm_seal(key, "answer", text, len, out, e);
}

int seal_open_answer(const uint8_t key[SEAL_SECRET_BYTES], const void *box, size_t len,
	struct buf *text, struct err *e)
{
	return gcm_open(key, "answer", box, len, text, e);
}

int mac_key_derive(const uint8_t secret[BOX_KEY_BYTES], const uint8_t peer[BOX_KEY_BYTES],
	const uint8_t agent_pub[BOX_KEY_BYTES], const uint8_t server_pub[BOX_KEY_BYTES],
	const char *agent_id, uint8_t key[MAC_KEY_BYTES])
{
	uint8_t shared[32], salt[64];
	char info[64];
	int rc;

	salt_of(agent_pub, server_pub, salt);
	snprintf(info, sizeof info, "him-mac-1%s", agent_id);
	rc = agree(secret, peer, shared) < 0 ? -1 : hkdf(shared, salt, info, key);
	explicit_bzero(shared, sizeof shared);
	return rc;
}
