/* SPDX-License-Identifier: Apache-2.0 */
/* The trust document: everything a newcomer must know, checkable with the CA's fingerprint alone. */
#ifndef HIM_WIRE_TRUST_H
#define HIM_WIRE_TRUST_H

#include "base/buf.h"
#include "base/err.h"
#include "wire/pki.h"
#include "wire/seal.h"
#include "wire/sign.h"

struct trust {
	char server[ID_SIZE];
	char ca[PKI_PEM_MAX]; /* PEM */
	uint8_t signing[SIGN_KEY_BYTES];
	uint8_t box[BOX_KEY_BYTES];
};

/* Appends the JSON document, signed with the CA's key. */
int trust_print(const struct trust *t, const char *ca_key, struct buf *out, struct err *e);
/* Parses and checks: the CA's public key has this pin, the signature holds. */
int trust_parse(const char *text, size_t len, const uint8_t pin[PKI_PIN_BYTES], struct trust *out,
	struct err *e);

#endif
