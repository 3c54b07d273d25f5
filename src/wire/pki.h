/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The small CA: P-256 keys, certificates with one URI name him://ROLE/ID and matching usages.
 * Keys and certificates travel as PEM text in caller's buffers.
 */
#ifndef HIM_WIRE_PKI_H
#define HIM_WIRE_PKI_H

#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"
#include <stdbool.h>
#include <stdint.h>

/* A certificate of ours takes under 1 KiB, and every agent holds five such texts. */
#define PKI_PEM_MAX 8192
#define PKI_CERT_DAYS 90
#define PKI_CA_DAYS 7300
#define PKI_PIN_BYTES 32

enum pki_role { PKI_SERVER, PKI_RELAY, PKI_AGENT };
const char *pki_role_word(enum pki_role role);
int pki_role_parse(const char *word, enum pki_role *out);

/* "him://agent/ID" both ways. -1 when the text is not one. */
void pki_uri(enum pki_role role, const char *id, char *out, size_t size);
int pki_uri_parse(const char *uri, enum pki_role *role, char id[ID_SIZE]);

int pki_keygen(struct buf *key_pem, struct err *e); /* PKCS#8 */
int pki_ca_new(int64_t now_ms, struct buf *key_pem, struct buf *cert_pem, struct err *e);
int pki_csr(const char *key_pem, struct buf *csr_pem, struct err *e);

struct pki_issue {
	const char *ca_key, *ca_cert, *csr; /* PEM */
	enum pki_role role;
	const char *id;
	int64_t not_before_ms, not_after_ms;
	/* Extra names for the people's listener (servers only): "DNS:him-server", "IP:127.0.0.1";
	 * NULL-terminated or NULL. */
	const char *const *names;
};
/* Checks the request's own signature and that its key is P-256; appends leaf then CA to chain_pem. */
int pki_issue(const struct pki_issue *in, struct buf *chain_pem, struct err *e);

/* SHA-256 over the DER SubjectPublicKeyInfo of the last certificate in the PEM text (the CA). */
int pki_pin(const char *cert_pem, uint8_t pin[PKI_PIN_BYTES], struct err *e);

struct pki_cert {
	enum pki_role role;
	char id[ID_SIZE];
	int64_t not_before_ms, not_after_ms;
};
/* The first certificate of chain_pem: verified up to ca_cert (not its dates), its names and dates
 * out, and, when key_pem is given, that it is that key's. */
int pki_cert_check(const char *chain_pem, const char *ca_cert, const char *key_pem,
	struct pki_cert *out, struct err *e);

/* ECDSA P-256 SHA-256 over data, DER-coded signature as hex. A text with more than one certificate verifies nothing. */
int pki_sign(const char *key_pem, const void *data, size_t len, struct buf *sig_hex, struct err *e);
bool pki_verify(const char *cert_pem, const void *data, size_t len, const char *sig_hex);

#endif
