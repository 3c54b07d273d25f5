/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS contexts: 1.3 only, chains verified up to the given CA without looking at dates, usages checked,
 * sessions resumed from the server's cache by stateful tickets (one a connection).
 *
 * OpenSSL takes a certificate without any extended key usage as good for everything. We do not: a leaf must say that it is
 * meant for its side of the connection, so that an agent's certificate never speaks for a server.
 *
 * A client that knows only the pin of the CA trusts whatever certificate of the sent chain has that public key, and
 * nothing else: the pinned one is put into a store of its own and the chain is verified against that.
 */
#include "base/tls.h"
#include "base/arena.h"
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SESSION_SECONDS 86400

const char *tls_error(char *out, size_t size)
{
	unsigned long code = ERR_peek_last_error();

	if (code)
		ERR_error_string_n(code, out, size);
	else
		snprintf(out, size, "unknown TLS error");
	ERR_clear_error();
	return out;
}

static int fail(struct err *e, const char *what)
{
	char text[256];

	return err_set(e, ERR_INVALID, "%s: %s", what, tls_error(text, sizeof text));
}

/* ---- what both sides share ---- */

/* 1: a certificate, 0: the text ends, -1: what stands there is not one. */
static int next_cert(BIO *bio, X509 **out)
{
	unsigned long code;

	*out = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	if (*out)
		return 1;
	code = ERR_peek_last_error();
	if (ERR_GET_LIB(code) != ERR_LIB_PEM || ERR_GET_REASON(code) != PEM_R_NO_START_LINE)
		return -1;
	ERR_clear_error();
	return 0;
}

/* The key of a PEM text. Encrypted ones are refused: OpenSSL would ask at the terminal for their password. */
static EVP_PKEY *read_key(const char *pem)
{
	static char no_password[] = "";
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, no_password);

	BIO_free(bio);
	return key;
}

static int use_identity(SSL_CTX *ctx, const struct tls_identity *id, struct err *e)
{
	BIO *certs = BIO_new_mem_buf(id->cert, -1);
	EVP_PKEY *key = read_key(id->key);
	X509 *x = NULL;
	int more, rc = 0;

	if (!key)
		rc = fail(e, "the private key cannot be used");
	else if (next_cert(certs, &x) != 1 || SSL_CTX_use_certificate(ctx, x) != 1 ||
		SSL_CTX_use_PrivateKey(ctx, key) != 1 || SSL_CTX_check_private_key(ctx) != 1)
		rc = fail(e, "the certificate cannot be used with its key");
	X509_free(x);
	while (rc == 0 && (more = next_cert(certs, &x)) != 0)
		if (more < 0 || SSL_CTX_add0_chain_cert(ctx, x) != 1) {
			X509_free(x);
			rc = fail(e, "the certificate's chain cannot be used");
		}
	EVP_PKEY_free(key);
	BIO_free(certs);
	return rc;
}

static int trust_ca(SSL_CTX *ctx, const char *ca, struct err *e)
{
	BIO *bio = BIO_new_mem_buf(ca, -1);
	X509 *x = NULL;
	int rc = 0;

	if (next_cert(bio, &x) != 1 || X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), x) != 1)
		rc = fail(e, "the CA's certificate cannot be used");
	X509_free(x);
	BIO_free(bio);
	return rc;
}

/* ---- verification ---- */

static void pin_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int index, long argl, void *argp)
{
	free(ptr);
}

static int pin_index(void)
{
	static int index = -1;

	if (index < 0)
		index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, pin_free);
	return index;
}

static bool has_pin(X509 *x, const uint8_t *pin)
{
	unsigned char digest[EVP_MAX_MD_SIZE], *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
	unsigned int n = 0;
	bool same = len > 0 && EVP_Digest(der, (size_t)len, digest, &n, EVP_sha256(), NULL) == 1 &&
		n == 32 && CRYPTO_memcmp(digest, pin, 32) == 0;

	OPENSSL_free(der);
	return same;
}

static int verify_pinned(X509_STORE_CTX *store, const uint8_t *pin)
{
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_untrusted(store), *roots = NULL;
	int ok = 0;

	for (int i = 0; i < sk_X509_num(chain) && !roots; i++)
		if (has_pin(sk_X509_value(chain, i), pin)) {
			roots = sk_X509_new_null();
			sk_X509_push(roots, sk_X509_value(chain, i));
		}
	if (roots) {
		X509_STORE_CTX_set0_trusted_stack(store, roots);
		ok = X509_verify_cert(store);
	} else {
		X509_STORE_CTX_set_error(store, TLS_NOT_PINNED);
	}
	sk_X509_free(roots);
	return ok;
}

static bool leaf_is_for(X509 *leaf, uint32_t usage)
{
	return (X509_get_extension_flags(leaf) & EXFLAG_XKUSAGE) &&
		(X509_get_extended_key_usage(leaf) & usage);
}

static int verify(X509_STORE_CTX *store, void *arg)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	const uint8_t *pin = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), pin_index());

	if ((pin ? verify_pinned(store, pin) : X509_verify_cert(store)) != 1)
		return 0;
	if (leaf_is_for(X509_STORE_CTX_get0_cert(store),
		    SSL_is_server(ssl) ? XKU_SSL_CLIENT : XKU_SSL_SERVER))
		return 1;
	X509_STORE_CTX_set_error(store, X509_V_ERR_INVALID_PURPOSE);
	return 0;
}

static SSL_CTX *ctx_new(const SSL_METHOD *method)
{
	SSL_CTX *ctx = SSL_CTX_new(method);

	if (!ctx)
		abort();
	SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
	SSL_CTX_set_mode(ctx,
		SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
			SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
	X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_NO_CHECK_TIME);
	SSL_CTX_set1_groups_list(ctx, "X25519:P-256");
	SSL_CTX_set_cert_verify_callback(ctx, verify, NULL);
	return ctx;
}

/* ---- contexts ---- */

SSL_CTX *tls_server_ctx(const struct tls_identity *id, const char *ca, enum tls_client_cert want,
	long cache, struct err *e)
{
	static const unsigned char context[] = "him";
	SSL_CTX *ctx = ctx_new(TLS_server_method());
	int mode = want == TLS_CERT_NONE ? SSL_VERIFY_NONE : SSL_VERIFY_PEER;

	if (want == TLS_CERT_REQUIRED)
		mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	SSL_CTX_set_verify(ctx, mode, NULL);
	SSL_CTX_set_purpose(ctx, X509_PURPOSE_SSL_CLIENT);
	SSL_CTX_set_session_id_context(ctx, context, sizeof context - 1);
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_num_tickets(ctx, cache > 0 ? 1 : 0);
	SSL_CTX_set_session_cache_mode(ctx, cache > 0 ? SSL_SESS_CACHE_SERVER : SSL_SESS_CACHE_OFF);
	SSL_CTX_sess_set_cache_size(ctx, cache);
	SSL_CTX_set_timeout(ctx, SESSION_SECONDS);
	if (use_identity(ctx, id, e) < 0 || (ca && trust_ca(ctx, ca, e) < 0)) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

static void use_pin(SSL_CTX *ctx, const uint8_t *pin)
{
	uint8_t *copy = xmalloc(32);

	memcpy(copy, pin, 32);
	SSL_CTX_set_ex_data(ctx, pin_index(), copy);
}

SSL_CTX *tls_client_ctx(
	const struct tls_identity *id, const char *ca, const uint8_t *pin, struct err *e)
{
	SSL_CTX *ctx = ctx_new(TLS_client_method());

	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_purpose(ctx, X509_PURPOSE_SSL_SERVER);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	if (!ca)
		use_pin(ctx, pin);
	if ((ca && trust_ca(ctx, ca, e) < 0) || (id && use_identity(ctx, id, e) < 0)) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

/* ---- who is there ---- */

static int64_t time_ms(const ASN1_TIME *t)
{
	struct tm tm;

	return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) * 1000 : 0;
}

static void only_uri(X509 *x, char out[TLS_URI_MAX])
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	int found = 0;

	out[0] = '\0';
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);
		const unsigned char *text;
		int len;
		if (n->type != GEN_URI)
			continue;
		text = ASN1_STRING_get0_data(n->d.uniformResourceIdentifier);
		len = ASN1_STRING_length(n->d.uniformResourceIdentifier);
		if (++found > 1 || len >= TLS_URI_MAX || memchr(text, '\0', (size_t)len)) {
			out[0] = '\0';
			break;
		}
		memcpy(out, text, (size_t)len);
		out[len] = '\0';
	}
	GENERAL_NAMES_free(names);
}

void tls_peer(SSL *ssl, struct tls_peer *out)
{
	X509 *x = SSL_get0_peer_certificate(ssl);
	unsigned int n = sizeof out->fingerprint;

	memset(out, 0, sizeof *out);
	out->resumed = SSL_session_reused(ssl) == 1;
	if (!x)
		return;
	out->present = true;
	only_uri(x, out->uri);
	out->not_before_ms = time_ms(X509_get0_notBefore(x));
	out->not_after_ms = time_ms(X509_get0_notAfter(x));
	X509_digest(x, EVP_sha256(), out->fingerprint, &n);
}

/* ---- sessions ---- */

struct found {
	const char *uri;
	size_t uri_len, n, room;
	SSL_SESSION **list;
};

/* Looks for the URI's bytes in the certificate's names, without decoding them: one too many forgotten is a full handshake
 * more, and this way the cache of a large installation is walked in a moment. */
static void find_session(void *entry, void *arg)
{
	SSL_SESSION *session = entry;
	struct found *f = arg;
	X509 *x = SSL_SESSION_get0_peer(session);
	int at = x ? X509_get_ext_by_NID(x, NID_subject_alt_name, -1) : -1;
	const ASN1_OCTET_STRING *names =
		at < 0 ? NULL : X509_EXTENSION_get_data(X509_get_ext(x, at));

	if (!names ||
		!memmem(ASN1_STRING_get0_data(names), (size_t)ASN1_STRING_length(names), f->uri,
			f->uri_len))
		return;
	if (f->n == f->room) {
		f->room = f->room ? 2 * f->room : 16;
		f->list = xrealloc(f->list, f->room * sizeof *f->list);
	}
	SSL_SESSION_up_ref(session);
	f->list[f->n++] = session;
}

void tls_forget(SSL_CTX *ctx, const char *uri)
{
	struct found f = {.uri = uri, .uri_len = strlen(uri)};

	OPENSSL_LH_doall_arg((OPENSSL_LHASH *)SSL_CTX_sessions(ctx), find_session, &f);
	for (size_t i = 0; i < f.n; i++) {
		SSL_CTX_remove_session(ctx, f.list[i]);
		SSL_SESSION_free(f.list[i]);
	}
	free(f.list);
}
