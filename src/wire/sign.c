/* SPDX-License-Identifier: Apache-2.0 */
/* Signed records: Ed25519 over a short text that names everything, the body by its digest. */
#include "wire/sign.h"
#include "base/text.h"
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sign_keygen(uint8_t seed[SIGN_KEY_BYTES], uint8_t pub[SIGN_KEY_BYTES])
{
	random_bytes(seed, SIGN_KEY_BYTES);
	if (sign_public(seed, pub) < 0)
		abort();
}

int sign_public(const uint8_t seed[SIGN_KEY_BYTES], uint8_t pub[SIGN_KEY_BYTES])
{
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, SIGN_KEY_BYTES);
	size_t len = SIGN_KEY_BYTES;
	int ok = key && EVP_PKEY_get_raw_public_key(key, pub, &len) == 1;

	EVP_PKEY_free(key);
	return ok ? 0 : -1;
}

static size_t signed_text(const struct signed_record *r, char *out, size_t size)
{
	return (size_t)snprintf(out, size, "him-sign-1\n%s\n%s\n%lld\n%lld\n%lld\n%s\n%s\n",
		r->type, r->id, (long long)r->issued, (long long)r->deadline, (long long)r->count,
		r->root, r->digest);
}

static bool word(const char *s, size_t min, size_t max, const char *chars)
{
	size_t n = strlen(s);

	return n >= min && n <= max && strspn(s, chars) == n;
}

#define HEX "0123456789abcdef"

int signed_parse(const struct frame *f, struct signed_record *out, struct err *e)
{
	memset(out, 0, sizeof *out);
	if (!frame_is(f, "sign"))
		return err_set(e, ERR_PROTOCOL, "a %s frame is no signed record", f->kind);
	if (frame_text(f, "type", out->type, sizeof out->type) < 0 ||
		!word(out->type, 1, 16, "abcdefghijklmnopqrstuvwxyz"))
		return err_field(e, ERR_PROTOCOL, "type", "a signed record has no type");
	if (frame_text(f, "id", out->id, sizeof out->id) < 0 ||
		!word(out->id, 1, ID_LEN, "0123456789abcdefghijklmnopqrstuvwxyz"))
		return err_field(e, ERR_PROTOCOL, "id", "a signed record has no id");
	if (frame_int(f, "issued", &out->issued) < 0 ||
		frame_int(f, "deadline", &out->deadline) < 0 ||
		frame_int(f, "count", &out->count) < 0)
		return err_field(e, ERR_PROTOCOL, "issued",
			"a signed record lacks issued, deadline or count");
	if (frame_text(f, "root", out->root, sizeof out->root) < 0 ||
		!word(out->root, DIGEST_LEN, DIGEST_LEN, HEX) ||
		frame_text(f, "digest", out->digest, sizeof out->digest) < 0 ||
		!word(out->digest, DIGEST_LEN, DIGEST_LEN, HEX))
		return err_field(e, ERR_PROTOCOL, "root", "a signed record lacks root or digest");
	if (frame_text(f, "sig", out->sig, sizeof out->sig) < 0 ||
		!word(out->sig, 2 * SIGNATURE_BYTES, 2 * SIGNATURE_BYTES, HEX))
		return err_field(e, ERR_PROTOCOL, "sig", "a signed record lacks its signature");
	out->body = f->body;
	out->len = f->body_len;
	return 0;
}

bool signed_check(const struct signed_record *r, const uint8_t pub[SIGN_KEY_BYTES])
{
	char text[512], digest[DIGEST_LEN + 1];
	uint8_t sig[SIGNATURE_BYTES];
	EVP_PKEY *key;
	EVP_MD_CTX *md;
	bool ok;

	digest_hex(r->body, r->len, digest);
	if (strcmp(digest, r->digest) != 0 || text_unhex(r->sig, sig, sizeof sig) < 0)
		return false;
	key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, pub, SIGN_KEY_BYTES);
	md = EVP_MD_CTX_new();
	ok = key && md && EVP_DigestVerifyInit(md, NULL, NULL, NULL, key) == 1 &&
		EVP_DigestVerify(md, sig, sizeof sig, (unsigned char *)text,
			signed_text(r, text, sizeof text)) == 1;
	EVP_MD_CTX_free(md);
	EVP_PKEY_free(key);
	return ok;
}

int signed_add(struct buf *out, struct signed_record *r, const uint8_t seed[SIGN_KEY_BYTES])
{
	char text[512], issued[24], deadline[24], count[24];
	const char *attrs[] = {"type", r->type, "id", r->id, "issued", issued, "deadline", deadline,
		"count", count, "root", r->root, "digest", r->digest, "sig", r->sig, NULL};
	uint8_t sig[SIGNATURE_BYTES];
	size_t len = sizeof sig;
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, SIGN_KEY_BYTES);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool ok;

	digest_hex(r->body, r->len, r->digest);
	ok = key && md && EVP_DigestSignInit(md, NULL, NULL, NULL, key) == 1 &&
		EVP_DigestSign(md, sig, &len, (unsigned char *)text,
			signed_text(r, text, sizeof text)) == 1;
	EVP_MD_CTX_free(md);
	EVP_PKEY_free(key);
	if (!ok)
		return -1;
	text_hex(sig, sizeof sig, r->sig);
	snprintf(issued, sizeof issued, "%lld", (long long)r->issued);
	snprintf(deadline, sizeof deadline, "%lld", (long long)r->deadline);
	snprintf(count, sizeof count, "%lld", (long long)r->count);
	return r->len > FRAME_BODY_MAX ? -1 : frame_add(out, "sign", attrs, r->body, r->len);
}
