/* SPDX-License-Identifier: Apache-2.0 */
/* Keys are made anew for each test: nothing here depends on which ones. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "kit.h"
#include <stdio.h>
#include <string.h>

static void move(struct buf *b, char out[PKI_PEM_MAX])
{
	assert_true(b->len < PKI_PEM_MAX);
	snprintf(out, PKI_PEM_MAX, "%s", buf_str(b));
	buf_release(b);
}

void kit_ca(struct kit_ca *ca)
{
	struct err e = ERR_INIT;
	struct buf key, cert;

	buf_init(&key, PKI_PEM_MAX);
	buf_init(&cert, PKI_PEM_MAX);
	assert_int_equal(pki_ca_new(KIT_FROM_MS, &key, &cert, &e), 0);
	move(&key, ca->key);
	move(&cert, ca->cert);
	assert_int_equal(pki_pin(ca->cert, ca->pin, &e), 0);
}

void kit_sign(const struct kit_ca *ca, enum pki_role role, const char *id, const char *csr,
	char chain[PKI_PEM_MAX])
{
	struct pki_issue in = {.ca_key = ca->key,
		.ca_cert = ca->cert,
		.csr = csr,
		.role = role,
		.id = id,
		.not_before_ms = KIT_FROM_MS,
		.not_after_ms = KIT_TO_MS};
	struct err e = ERR_INIT;
	struct buf b;

	buf_init(&b, PKI_PEM_MAX);
	assert_int_equal(pki_issue(&in, &b, &e), 0);
	move(&b, chain);
}

void kit_leaf(const struct kit_ca *ca, enum pki_role role, const char *id, struct kit_leaf *out)
{
	struct err e = ERR_INIT;
	char csr[PKI_PEM_MAX];
	struct buf b;

	buf_init(&b, PKI_PEM_MAX);
	assert_int_equal(pki_keygen(&b, &e), 0);
	move(&b, out->key);
	assert_int_equal(pki_csr(out->key, &b, &e), 0);
	move(&b, csr);
	kit_sign(ca, role, id, csr, out->chain);
}

void kit_trust(const struct kit_ca *ca, struct trust *t, uint8_t seed[SIGN_KEY_BYTES],
	char text[PKI_PEM_MAX])
{
	uint8_t secret[BOX_KEY_BYTES];
	struct err e = ERR_INIT;
	struct buf b;

	memset(t, 0, sizeof *t);
	snprintf(t->server, sizeof t->server, "%s", KIT_SERVER);
	snprintf(t->ca, sizeof t->ca, "%s", ca->cert);
	sign_keygen(seed, t->signing);
	box_keygen(secret, t->box);
	buf_init(&b, PKI_PEM_MAX);
	assert_int_equal(trust_print(t, ca->key, &b, &e), 0);
	move(&b, text);
}
