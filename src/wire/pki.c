/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The small CA. P-256 keys, one URI name a certificate, usages by role: servers and relays may be TLS servers and
 * clients, agents clients only. The CA is its own root with path length 0.
 *
 * Where a text is to name the CA it must hold one certificate: if it could hold two, the fingerprint might be taken
 * of one and the trust given to the other.
 */
#include "wire/pki.h"
#include "base/text.h"
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DAY_MS 86400000LL

static const char *const roles[] = {"server", "relay", "agent"};

const char *pki_role_word(enum pki_role role)
{
	return roles[role];
}

int pki_role_parse(const char *word, enum pki_role *out)
{
	for (int i = 0; i < 3; i++)
		if (strcmp(roles[i], word) == 0) {
			*out = (enum pki_role)i;
			return 0;
		}
	return -1;
}

void pki_uri(enum pki_role role, const char *id, char *out, size_t size)
{
	snprintf(out, size, "him://%s/%s", roles[role], id);
}

int pki_uri_parse(const char *uri, enum pki_role *role, char id[ID_SIZE])
{
	char expected[64];

	for (int i = 0; i < 3; i++) {
		int n = snprintf(expected, sizeof expected, "him://%s/", roles[i]);
		if (strncmp(uri, expected, (size_t)n) != 0 || !id_valid(uri + n))
			continue;
		*role = (enum pki_role)i;
		memcpy(id, uri + n, ID_SIZE);
		return 0;
	}
	return -1;
}

/* ---- PEM in and out ---- */

static int fail(struct err *e, const char *what)
{
	const char *why = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	return err_set(e, ERR_INVALID, "%s%s%s", what, why ? ": " : "", why ? why : "");
}

static int bio_out(BIO *bio, struct buf *out, struct err *e)
{
	char *data;
	long len = BIO_get_mem_data(bio, &data);

	return buf_add(out, data, (size_t)len) == 0
		? 0
		: err_set(e, ERR_TOO_LARGE, "a PEM text is over the limit of %zu bytes", out->max);
}

static EVP_PKEY *key_in(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)(uintptr_t) "");

	BIO_free(bio);
	return key;
}

static X509 *cert_in(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *x = PEM_read_bio_X509(bio, NULL, NULL, (void *)(uintptr_t) "");

	BIO_free(bio);
	return x;
}

/* The certificate of a CA; NULL when the text holds none, more than one, or one that its own key did not sign. */
static X509 *ca_in(const char *pem)
{
	static const char begin[] = "-----BEGIN ";
	const char *first = strstr(pem, begin);
	X509 *x = first && !strstr(first + 1, begin) ? cert_in(pem) : NULL;

	if (x && X509_self_signed(x, 1) != 1) {
		X509_free(x);
		x = NULL;
	}
	return x;
}

/* By its name: a curve spelled out in numbers is refused, as RFC 5480 wants it. */
static bool is_p256(EVP_PKEY *key)
{
	char group[32] = "";
	int spelled_out = 0;
	size_t len;

	return key && EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
		EVP_PKEY_get_group_name(key, group, sizeof group, &len) == 1 &&
		strcmp(group, "prime256v1") == 0 &&
		EVP_PKEY_get_int_param(
			key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &spelled_out) == 1 &&
		!spelled_out;
}

static int key_out(EVP_PKEY *key, struct buf *out, struct err *e)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	int rc = key && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1
		? bio_out(bio, out, e)
		: fail(e, "a key cannot be made");

	BIO_free(bio);
	return rc;
}

int pki_keygen(struct buf *key_pem, struct err *e)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	int rc = key_out(key, key_pem, e);

	EVP_PKEY_free(key);
	return rc;
}

/* ---- making certificates ---- */

static int ext(X509 *x, X509V3_CTX *ctx, int nid, const char *value)
{
	X509_EXTENSION *ex = X509V3_EXT_conf_nid(NULL, ctx, nid, value);
	int ok = ex && X509_add_ext(x, ex, -1) == 1;

	X509_EXTENSION_free(ex);
	return ok ? 0 : -1;
}

static int frame_cert(X509 *x, const char *name, int64_t from_ms, int64_t to_ms)
{
	BIGNUM *serial = BN_new();
	int ok;

	ok = X509_set_version(x, 2) == 1 &&
		BN_rand(serial, 128, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
		BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(x)) &&
		X509_time_adj_ex(X509_getm_notBefore(x), 0, 0, &(time_t){from_ms / 1000}) &&
		X509_time_adj_ex(X509_getm_notAfter(x), 0, 0, &(time_t){to_ms / 1000}) &&
		X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
			(const unsigned char *)name, -1, -1, 0) == 1;
	BN_free(serial);
	return ok ? 0 : -1;
}

int pki_ca_new(int64_t now_ms, struct buf *key_pem, struct buf *cert_pem, struct err *e)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	BIO *bio = BIO_new(BIO_s_mem());
	X509V3_CTX ctx;
	bool made = false;
	int rc;

	if (frame_cert(x, "HIM CA", now_ms, now_ms + PKI_CA_DAYS * DAY_MS) == 0 &&
		X509_set_issuer_name(x, X509_get_subject_name(x)) == 1 &&
		X509_set_pubkey(x, key) == 1) {
		X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
		made = ext(x, &ctx, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") == 0 &&
			ext(x, &ctx, NID_key_usage, "critical,keyCertSign,cRLSign") == 0 &&
			ext(x, &ctx, NID_subject_key_identifier, "hash") == 0 &&
			X509_sign(x, key, EVP_sha256()) > 0 && PEM_write_bio_X509(bio, x) == 1;
	}
	if (!made)
		rc = fail(e, "the CA cannot be made");
	else
		rc = key_out(key, key_pem, e) < 0 ? -1 : bio_out(bio, cert_pem, e);
	BIO_free(bio);
	X509_free(x);
	EVP_PKEY_free(key);
	return rc;
}

int pki_csr(const char *key_pem, struct buf *csr_pem, struct err *e)
{
	EVP_PKEY *key = key_in(key_pem);
	X509_REQ *req = X509_REQ_new();
	BIO *bio = BIO_new(BIO_s_mem());
	int rc;

	rc = key && X509_REQ_set_version(req, 0) == 1 && X509_REQ_set_pubkey(req, key) == 1 &&
			X509_REQ_sign(req, key, EVP_sha256()) > 0 &&
			PEM_write_bio_X509_REQ(bio, req) == 1
		? bio_out(bio, csr_pem, e)
		: fail(e, "a certificate request cannot be made");
	BIO_free(bio);
	X509_REQ_free(req);
	EVP_PKEY_free(key);
	return rc;
}

static int names_text(const struct pki_issue *in, char *out, size_t size)
{
	char uri[80];
	size_t n;

	pki_uri(in->role, in->id, uri, sizeof uri);
	n = (size_t)snprintf(out, size, "URI:%s", uri);
	for (size_t i = 0; in->names && in->names[i] && n < size; i++)
		n += (size_t)snprintf(out + n, size - n, ",%s", in->names[i]);
	return n < size ? 0 : -1;
}

static int extensions(X509 *x, X509 *ca, const struct pki_issue *in)
{
	char names[8192];
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, ca, x, NULL, NULL, 0);
	return names_text(in, names, sizeof names) < 0 ||
			ext(x, &ctx, NID_basic_constraints, "critical,CA:FALSE") < 0 ||
			ext(x, &ctx, NID_key_usage, "critical,digitalSignature") < 0 ||
			ext(x, &ctx, NID_ext_key_usage,
				in->role == PKI_AGENT ? "clientAuth" : "serverAuth,clientAuth") <
				0 ||
			ext(x, &ctx, NID_subject_alt_name, names) < 0 ||
			ext(x, &ctx, NID_subject_key_identifier, "hash") < 0 ||
			ext(x, &ctx, NID_authority_key_identifier, "keyid") < 0
		? -1
		: 0;
}

static X509_REQ *csr_in(const char *pem, EVP_PKEY **key, struct err *e)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509_REQ *req = PEM_read_bio_X509_REQ(bio, NULL, NULL, (void *)(uintptr_t) "");

	BIO_free(bio);
	*key = req ? X509_REQ_get_pubkey(req) : NULL;
	if (!req)
		fail(e, "the certificate request cannot be read");
	else if (!is_p256(*key))
		err_field(e, ERR_INVALID, "csr", "the key of a certificate request must be P-256");
	else if (X509_REQ_verify(req, *key) != 1)
		fail(e, "the certificate request is not signed by its own key");
	else
		return req;
	EVP_PKEY_free(*key);
	X509_REQ_free(req);
	*key = NULL;
	return NULL;
}

int pki_issue(const struct pki_issue *in, struct buf *chain_pem, struct err *e)
{
	EVP_PKEY *key = NULL, *ca_key = NULL;
	X509_REQ *req = csr_in(in->csr, &key, e);
	X509 *ca = NULL, *x = NULL;
	BIO *bio = NULL;
	int rc = -1;

	if (!req)
		return -1;
	ca = cert_in(in->ca_cert);
	ca_key = key_in(in->ca_key);
	x = X509_new();
	bio = BIO_new(BIO_s_mem());
	if (ca && ca_key && X509_check_private_key(ca, ca_key) == 1 &&
		frame_cert(x, in->id, in->not_before_ms, in->not_after_ms) == 0 &&
		X509_set_issuer_name(x, X509_get_subject_name(ca)) == 1 &&
		X509_set_pubkey(x, key) == 1 && extensions(x, ca, in) == 0 &&
		X509_sign(x, ca_key, EVP_sha256()) > 0 && PEM_write_bio_X509(bio, x) == 1 &&
		PEM_write_bio_X509(bio, ca) == 1)
		rc = bio_out(bio, chain_pem, e);
	else
		fail(e, "a certificate cannot be issued");
	BIO_free(bio);
	X509_free(x);
	X509_free(ca);
	EVP_PKEY_free(ca_key);
	EVP_PKEY_free(key);
	X509_REQ_free(req);
	return rc;
}

/* ---- reading certificates ---- */

int pki_pin(const char *cert_pem, uint8_t pin[PKI_PIN_BYTES], struct err *e)
{
	BIO *bio = BIO_new_mem_buf(cert_pem, -1);
	X509 *x = NULL, *next;
	unsigned char *der = NULL;
	unsigned int n = PKI_PIN_BYTES;
	int len, ok = 0;

	while ((next = PEM_read_bio_X509(bio, NULL, NULL, (void *)(uintptr_t) ""))) {
		X509_free(x);
		x = next;
	}
	ERR_clear_error();
	if (x) {
		len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
		ok = len > 0 && EVP_Digest(der, (size_t)len, pin, &n, EVP_sha256(), NULL) == 1;
	}
	OPENSSL_free(der);
	X509_free(x);
	BIO_free(bio);
	return ok ? 0 : err_set(e, ERR_INVALID, "there is no certificate to take a fingerprint of");
}

static int64_t time_ms(const ASN1_TIME *t)
{
	struct tm tm;

	return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) * 1000 : 0;
}

static int names_take(X509 *x, struct pki_cert *out)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	char uri[128] = "";
	int found = 0;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);
		const unsigned char *text;
		size_t len;
		if (n->type != GEN_URI)
			continue;
		text = ASN1_STRING_get0_data(n->d.uniformResourceIdentifier);
		len = (size_t)ASN1_STRING_length(n->d.uniformResourceIdentifier);
		found += len < sizeof uri && !memchr(text, '\0', len) ? 1 : 2; /* 2: refused */
		if (found == 1)
			memcpy(uri, text, len); /* and what follows is zero */
	}
	GENERAL_NAMES_free(names);
	return found == 1 ? pki_uri_parse(uri, &out->role, out->id) : -1;
}

static bool chain_holds(X509 *x, X509 *ca)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	bool ok = X509_STORE_add_cert(store, ca) == 1 &&
		X509_STORE_CTX_init(ctx, store, x, NULL) == 1;

	if (ok) {
		X509_VERIFY_PARAM_set_flags(
			X509_STORE_CTX_get0_param(ctx), X509_V_FLAG_NO_CHECK_TIME);
		ok = X509_verify_cert(ctx) == 1;
	}
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	return ok;
}

int pki_cert_check(const char *chain_pem, const char *ca_cert, const char *key_pem,
	struct pki_cert *out, struct err *e)
{
	X509 *x = cert_in(chain_pem), *ca = ca_in(ca_cert);
	EVP_PKEY *key = key_pem ? key_in(key_pem) : NULL;
	int rc = -1;

	if (!x || !ca)
		fail(e, "a certificate cannot be read");
	else if (!chain_holds(x, ca))
		fail(e, "a certificate is not issued by the installation's CA");
	else if (names_take(x, out) < 0)
		err_set(e, ERR_INVALID, "a certificate has not exactly one name him://ROLE/ID");
	else if (key_pem && (!key || X509_check_private_key(x, key) != 1))
		fail(e, "a certificate does not belong to its key");
	else {
		out->not_before_ms = time_ms(X509_get0_notBefore(x));
		out->not_after_ms = time_ms(X509_get0_notAfter(x));
		rc = 0;
	}
	EVP_PKEY_free(key);
	X509_free(x);
	X509_free(ca);
	ERR_clear_error();
	return rc;
}

/* ---- signatures by the CA's key ---- */

int pki_sign(const char *key_pem, const void *data, size_t len, struct buf *sig_hex, struct err *e)
{
	EVP_PKEY *key = key_in(key_pem);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	unsigned char sig[256];
	char hex[2 * sizeof sig + 1];
	size_t n = sizeof sig;
	int ok = key && EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key) == 1 &&
		EVP_DigestSign(md, sig, &n, data, len) == 1;

	EVP_MD_CTX_free(md);
	EVP_PKEY_free(key);
	if (!ok)
		return fail(e, "cannot sign");
	text_hex(sig, n, hex);
	return buf_adds(sig_hex, hex) == 0
		? 0
		: err_set(e, ERR_TOO_LARGE, "a signature is over the limit of %zu bytes",
			  sig_hex->max);
}

bool pki_verify(const char *cert_pem, const void *data, size_t len, const char *sig_hex)
{
	X509 *x = ca_in(cert_pem);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	unsigned char sig[256];
	size_t n = strlen(sig_hex) / 2;
	bool ok = x && n > 0 && n <= sizeof sig && text_unhex(sig_hex, sig, n) == 0 &&
		EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, X509_get0_pubkey(x)) == 1 &&
		EVP_DigestVerify(md, sig, n, data, len) == 1;

	EVP_MD_CTX_free(md);
	X509_free(x);
	ERR_clear_error();
	return ok;
}
