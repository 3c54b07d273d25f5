/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS contexts the way HIM wants them: TLS 1.3 only, P-256 certificates, mutual where asked, sessions
 * resumed from a stateful cache (one ticket a connection), buffers released when idle. Chains are
 * always verified up to the given CA; dates are not (the parent judges dates itself, at every
 * request, since a resumed session re-checks nothing). Names are not either: callers judge the URI.
 */
#ifndef HIM_BASE_TLS_H
#define HIM_BASE_TLS_H

#include "base/err.h"
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#define TLS_URI_MAX 160

/* PEM texts; borrowed during the call only. */
struct tls_identity {
	const char *cert; /* leaf, then whatever is needed up to the CA */
	const char *key;
};

enum tls_client_cert { TLS_CERT_NONE, TLS_CERT_OPTIONAL, TLS_CERT_REQUIRED };

/* Both sides' leaves must say in their extended key usage that they are meant for that side. */

/* A listener's context. ca: PEM of the CA that client certificates must chain to (NULL with
 * TLS_CERT_NONE). cache: sessions kept (0: no resumption). The caller frees with SSL_CTX_free. */
SSL_CTX *tls_server_ctx(const struct tls_identity *id, const char *ca, enum tls_client_cert want,
	long cache, struct err *e);

/* SSL_get_verify_result() when no certificate of the chain has the pin. */
#define TLS_NOT_PINNED X509_V_ERR_APPLICATION_VERIFICATION

/* A client's context. id may be NULL (no client certificate). The server's chain must end in `ca`
 * (PEM), or, when ca is NULL, in a CA whose public key has the SHA-256 `pin` (32 bytes, over the DER
 * SubjectPublicKeyInfo) and that the server sends along; one of both is given. Freed with SSL_CTX_free. */
SSL_CTX *tls_client_ctx(
	const struct tls_identity *id, const char *ca, const uint8_t *pin, struct err *e);

/* Who is at the other end, from the certificate it showed (in this handshake or in the one that the
 * session was resumed from). */
struct tls_peer {
	bool present;          /* it showed a certificate */
	bool resumed;          /* this connection resumed a session */
	char uri[TLS_URI_MAX]; /* its only URI name; "" when it has none or several */
	int64_t not_before_ms, not_after_ms;
	uint8_t fingerprint[32]; /* SHA-256 of the certificate */
};
void tls_peer(SSL *ssl, struct tls_peer *out);

/* Takes every session of that peer out of a listener's context: its next handshake is a full one. */
void tls_forget(SSL_CTX *ctx, const char *uri);

/* The newest sentence of OpenSSL's error queue, which is emptied; "unknown TLS error" when empty. */
const char *tls_error(char *out, size_t size);

#endif
