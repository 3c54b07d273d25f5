/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates for tests, made with OpenSSL alone: what a test of TLS proves must not depend on our own CA. */
#include "net.h"
#include "base/arena.h"
#include <assert.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *text_of(BIO *bio)
{
	char *data;
	long len = BIO_get_mem_data(bio, &data);
	char *text = xstrndup(data, (size_t)len);

	BIO_free(bio);
	return text;
}

static char *pem_of_cert(X509 *x, const char *chain)
{
	BIO *bio = BIO_new(BIO_s_mem());

	PEM_write_bio_X509(bio, x);
	BIO_puts(bio, chain);
	return text_of(bio);
}

static char *pem_of_key(EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());

	PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
	return text_of(bio);
}

static EVP_PKEY *key_of(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);

	BIO_free(bio);
	return key;
}

/* The last one of the text. */
static X509 *cert_of(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *last = NULL, *x;

	while ((x = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		X509_free(last);
		last = x;
	}
	BIO_free(bio);
	return last;
}

static void extend(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert(ext);
	X509_add_ext(x, ext, -1);
	X509_EXTENSION_free(ext);
}

static X509 *cert_new(EVP_PKEY *key, const char *name, long ends_in_s)
{
	static long serial;
	X509 *x = X509_new();

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(x), -86400);
	X509_gmtime_adj(X509_getm_notAfter(x), ends_in_s);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
		(const unsigned char *)name, -1, -1, 0);
	return x;
}

void net_ca(struct net_cert *out)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = cert_new(key, "a CA for tests", 86400);

	X509_set_issuer_name(x, X509_get_subject_name(x));
	extend(x, NID_basic_constraints, "critical,CA:TRUE");
	extend(x, NID_key_usage, "critical,keyCertSign");
	X509_sign(x, key, EVP_sha256());
	*out = (struct net_cert){pem_of_cert(x, ""), pem_of_key(key)};
	X509_free(x);
	EVP_PKEY_free(key);
}

void net_issue(const struct net_cert *ca, const struct net_leaf *leaf, struct net_cert *out)
{
	EVP_PKEY *key = EVP_EC_gen("P-256"), *ca_key = key_of(ca->key);
	X509 *issuer = cert_of(ca->cert), *x = cert_new(key, "a leaf", leaf->ends_in_s);

	X509_set_issuer_name(x, X509_get_subject_name(issuer));
	extend(x, NID_key_usage, "critical,digitalSignature");
	if (leaf->usage)
		extend(x, NID_ext_key_usage, leaf->usage);
	if (leaf->names)
		extend(x, NID_subject_alt_name, leaf->names);
	X509_sign(x, ca_key, EVP_sha256());
	*out = (struct net_cert){pem_of_cert(x, ca->cert), pem_of_key(key)};
	X509_free(x);
	X509_free(issuer);
	EVP_PKEY_free(key);
	EVP_PKEY_free(ca_key);
}

void net_pin(const struct net_cert *ca, uint8_t pin[32])
{
	X509 *x = cert_of(ca->cert);
	unsigned char *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);

	EVP_Digest(der, (size_t)len, pin, NULL, EVP_sha256(), NULL);
	OPENSSL_free(der);
	X509_free(x);
}

void net_cert_free(struct net_cert *c)
{
	free(c->cert);
	free(c->key);
	*c = (struct net_cert){0};
}

void net_turn(struct event_base *base)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
	usleep(200);
}
