/* SPDX-License-Identifier: Apache-2.0 */
/* An installation in miniature for the tests of certificates, trust and identities. Asserts that all of it works. */
#ifndef HIM_TESTS_WIRE_KIT_H
#define HIM_TESTS_WIRE_KIT_H

#include "wire/pki.h"
#include "wire/trust.h"

#define KIT_AGENT "01aaaaaaaaaaaaaaaaaaaaaaaa"
#define KIT_SERVER "01bbbbbbbbbbbbbbbbbbbbbbbb"
#define KIT_RELAY "01cccccccccccccccccccccccc"
#define KIT_FROM_MS 1700000000000
#define KIT_TO_MS 1800000000000

struct kit_ca {
	char key[PKI_PEM_MAX], cert[PKI_PEM_MAX];
	uint8_t pin[PKI_PIN_BYTES];
};

struct kit_leaf {
	char key[PKI_PEM_MAX], chain[PKI_PEM_MAX];
};

void kit_ca(struct kit_ca *ca);
void kit_leaf(const struct kit_ca *ca, enum pki_role role, const char *id, struct kit_leaf *out);
/* A certificate for a request that is there already. */
void kit_sign(const struct kit_ca *ca, enum pki_role role, const char *id, const char *csr,
	char chain[PKI_PEM_MAX]);
/* A trust document of that CA; its parts into t, the signing key's seed into seed. */
void kit_trust(const struct kit_ca *ca, struct trust *t, uint8_t seed[SIGN_KEY_BYTES],
	char text[PKI_PEM_MAX]);

#endif
