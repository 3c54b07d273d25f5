/* SPDX-License-Identifier: Apache-2.0 */
/* The small CA: what it issues is what was asked for, and what it did not issue does not pass. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "kit.h"
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

static struct kit_ca ca, other;

static int make_cas(void **state)
{
	kit_ca(&ca);
	kit_ca(&other);
	return 0;
}

static X509 *read_cert(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	BIO_free(bio);
	assert_non_null(x);
	return x;
}

static void test_names(void **state)
{
	static const char *const bad[] = {"", "him://agent/", "him://agent/01",
		"him://person/" KIT_AGENT, "him://agent/" KIT_AGENT "/", "HIM://agent/" KIT_AGENT,
		"http://agent/" KIT_AGENT, "him://agent/01AAAAAAAAAAAAAAAAAAAAAAAA"};
	enum pki_role role;
	char uri[80], id[ID_SIZE];

	for (int r = PKI_SERVER; r <= PKI_AGENT; r++) {
		pki_uri((enum pki_role)r, KIT_AGENT, uri, sizeof uri);
		assert_int_equal(pki_uri_parse(uri, &role, id), 0);
		assert_int_equal(role, r);
		assert_string_equal(id, KIT_AGENT);
		assert_int_equal(pki_role_parse(pki_role_word((enum pki_role)r), &role), 0);
		assert_int_equal(role, r);
	}
	assert_int_equal(pki_role_parse("person", &role), -1);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(pki_uri_parse(bad[i], &role, id), -1);
}

static void test_issued_and_checked(void **state)
{
	static const struct {
		enum pki_role role;
		const char *id;
		uint32_t usage;
	} table[] = {
		{PKI_SERVER, KIT_SERVER, XKU_SSL_SERVER | XKU_SSL_CLIENT},
		{PKI_RELAY, KIT_RELAY, XKU_SSL_SERVER | XKU_SSL_CLIENT},
		{PKI_AGENT, KIT_AGENT, XKU_SSL_CLIENT},
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct kit_leaf leaf;
		struct pki_cert cert;
		struct err e = ERR_INIT;
		X509 *x;
		kit_leaf(&ca, table[i].role, table[i].id, &leaf);
		assert_int_equal(pki_cert_check(leaf.chain, ca.cert, leaf.key, &cert, &e), 0);
		assert_int_equal(cert.role, table[i].role);
		assert_string_equal(cert.id, table[i].id);
		assert_true(cert.not_before_ms == KIT_FROM_MS && cert.not_after_ms == KIT_TO_MS);
		x = read_cert(leaf.chain);
		assert_int_equal(X509_get_extended_key_usage(x), table[i].usage);
		assert_int_equal(X509_check_ca(x), 0);
		X509_free(x);
	}
}

static void test_what_does_not_pass(void **state)
{
	struct kit_leaf mine, another;
	struct pki_cert cert;
	struct err e = ERR_INIT;

	kit_leaf(&ca, PKI_AGENT, KIT_AGENT, &mine);
	kit_leaf(&ca, PKI_AGENT, KIT_AGENT, &another);
	assert_int_equal(pki_cert_check(mine.chain, ca.cert, NULL, &cert, &e), 0);
	assert_int_equal(pki_cert_check(mine.chain, other.cert, NULL, &cert, &e), -1);
	assert_non_null(strstr(e.text, "CA"));
	assert_int_equal(pki_cert_check(mine.chain, ca.cert, another.key, &cert, &e), -1);
	assert_non_null(strstr(e.text, "key"));
	assert_int_equal(pki_cert_check(mine.chain, ca.cert, "no key", &cert, &e), -1);
	assert_int_equal(pki_cert_check("no certificate", ca.cert, NULL, &cert, &e), -1);
	assert_int_equal(
		pki_cert_check(ca.cert, ca.cert, NULL, &cert, &e), -1); /* it has no name */
}

/* An agent's certificate must not be able to issue others, even to those who send it along as a CA. */
static void test_a_leaf_issues_nothing(void **state)
{
	struct kit_leaf mine, below;
	struct kit_ca fake;
	struct pki_cert cert;
	struct err e = ERR_INIT;

	kit_leaf(&ca, PKI_AGENT, KIT_AGENT, &mine);
	memcpy(fake.key, mine.key, sizeof fake.key);
	memcpy(fake.cert, mine.chain, sizeof fake.cert);
	kit_leaf(&fake, PKI_SERVER, KIT_SERVER, &below);
	assert_int_equal(pki_cert_check(below.chain, ca.cert, NULL, &cert, &e), -1);
}

static void request_with(EVP_PKEY *key, EVP_PKEY *signer, char out[PKI_PEM_MAX])
{
	X509_REQ *req = X509_REQ_new();
	BIO *bio = BIO_new(BIO_s_mem());
	int n;

	X509_REQ_set_pubkey(req, key);
	assert_true(X509_REQ_sign(req, signer, EVP_sha256()) > 0);
	PEM_write_bio_X509_REQ(bio, req);
	n = BIO_read(bio, out, PKI_PEM_MAX - 1);
	assert_true(n > 0);
	out[n] = '\0';
	BIO_free(bio);
	X509_REQ_free(req);
}

static void test_requests_that_are_refused(void **state)
{
	EVP_PKEY *p256 = EVP_EC_gen("P-256"), *p384 = EVP_EC_gen("P-384"), *rsa = EVP_RSA_gen(2048),
		 *stranger = EVP_EC_gen("P-256");
	const struct {
		EVP_PKEY *key, *signer;
		const char *says;
	} table[] = {
		{p256, p256, NULL},
		{p384, p384, "P-256"},
		{rsa, rsa, "P-256"},
		{p256, stranger, "not signed by its own key"},
		{NULL, NULL, "cannot be read"},
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		char csr[PKI_PEM_MAX] = "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n";
		struct pki_issue in = {.ca_key = ca.key,
			.ca_cert = ca.cert,
			.csr = csr,
			.role = PKI_AGENT,
			.id = KIT_AGENT,
			.not_before_ms = KIT_FROM_MS,
			.not_after_ms = KIT_TO_MS};
		struct err e = ERR_INIT;
		struct buf chain;
		if (table[i].key)
			request_with(table[i].key, table[i].signer, csr);
		buf_init(&chain, PKI_PEM_MAX);
		assert_int_equal(pki_issue(&in, &chain, &e), table[i].says ? -1 : 0);
		assert_true(!table[i].says || (strstr(e.text, table[i].says) && !chain.len));
		buf_release(&chain);
	}
	EVP_PKEY_free(p256);
	EVP_PKEY_free(p384);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(stranger);
}

static void test_names_of_a_listener(void **state)
{
	static const char *const names[] = {"DNS:him.example", "IP:127.0.0.1", NULL};
	struct kit_leaf leaf;
	struct pki_issue in = {.ca_key = ca.key,
		.ca_cert = ca.cert,
		.role = PKI_SERVER,
		.id = KIT_SERVER,
		.not_before_ms = KIT_FROM_MS,
		.not_after_ms = KIT_TO_MS,
		.names = names};
	struct pki_cert cert;
	struct err e = ERR_INIT;
	struct buf csr, chain;
	X509 *x;

	kit_leaf(&ca, PKI_SERVER, KIT_SERVER, &leaf);
	buf_init(&csr, PKI_PEM_MAX);
	buf_init(&chain, PKI_PEM_MAX);
	assert_int_equal(pki_csr(leaf.key, &csr, &e), 0);
	in.csr = buf_str(&csr);
	assert_int_equal(pki_issue(&in, &chain, &e), 0);
	assert_int_equal(pki_cert_check(buf_str(&chain), ca.cert, leaf.key, &cert, &e), 0);
	x = read_cert(buf_str(&chain));
	assert_int_equal(X509_check_host(x, "him.example", 0, 0, NULL), 1);
	assert_int_equal(X509_check_ip_asc(x, "127.0.0.1", 0), 1);
	assert_int_equal(X509_check_host(x, "other.example", 0, 0, NULL), 0);
	X509_free(x);
	buf_release(&csr);
	buf_release(&chain);
}

static void test_pin_is_the_ca_of_a_chain(void **state)
{
	uint8_t pin[PKI_PIN_BYTES];
	struct kit_leaf leaf;
	struct err e = ERR_INIT;

	kit_leaf(&ca, PKI_AGENT, KIT_AGENT, &leaf);
	assert_int_equal(pki_pin(leaf.chain, pin, &e), 0);
	assert_memory_equal(pin, ca.pin, sizeof pin);
	assert_memory_not_equal(pin, other.pin, sizeof pin);
	assert_int_equal(pki_pin("nothing", pin, &e), -1);
}

static void test_signatures(void **state)
{
	static const char text[] = "what is said";
	struct err e = ERR_INIT;
	struct buf sig;

	buf_init(&sig, 1024);
	assert_int_equal(pki_sign(ca.key, text, sizeof text, &sig, &e), 0);
	assert_true(pki_verify(ca.cert, text, sizeof text, buf_str(&sig)));
	assert_false(pki_verify(other.cert, text, sizeof text, buf_str(&sig)));
	assert_false(pki_verify(ca.cert, text, sizeof text - 1, buf_str(&sig)));
	for (size_t i = 0; i < sig.len; i++) {
		char was = sig.data[i];
		sig.data[i] = was == '0' ? '1' : '0';
		assert_false(pki_verify(ca.cert, text, sizeof text, buf_str(&sig)));
		sig.data[i] = was;
	}
	assert_false(pki_verify(ca.cert, text, sizeof text, ""));
	assert_false(pki_verify(ca.cert, text, sizeof text, "0"));
	assert_false(pki_verify(ca.cert, text, sizeof text, "zz"));
	assert_false(pki_verify("no certificate", text, sizeof text, buf_str(&sig)));
	assert_int_equal(pki_sign("no key", text, sizeof text, &sig, &e), -1);
	buf_release(&sig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_issued_and_checked),
		cmocka_unit_test(test_what_does_not_pass),
		cmocka_unit_test(test_a_leaf_issues_nothing),
		cmocka_unit_test(test_requests_that_are_refused),
		cmocka_unit_test(test_names_of_a_listener),
		cmocka_unit_test(test_pin_is_the_ca_of_a_chain),
		cmocka_unit_test(test_signatures),
	};

	return cmocka_run_group_tests(tests, make_cas, NULL);
}
