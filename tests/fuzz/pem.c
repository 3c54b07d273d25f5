/* SPDX-License-Identifier: Apache-2.0 */
/* Foreign certificates and requests, as PEM. */
#include "wire/pki.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

static char *ca_key, *ca_cert;

static void ca_make(void)
{
	struct err e = ERR_INIT;
	struct buf key, cert;

	buf_init(&key, PKI_PEM_MAX);
	buf_init(&cert, PKI_PEM_MAX);
	assert(pki_ca_new(1000, &key, &cert, &e) == 0);
	ca_key = buf_steal(&key);
	ca_cert = buf_steal(&cert);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	uint8_t pin[PKI_PIN_BYTES];
	struct err e = ERR_INIT;
	struct pki_cert cert;
	struct buf chain;

	if (!ca_key)
		ca_make();
	memcpy(text, data, size);
	text[size] = '\0';
	buf_init(&chain, PKI_PEM_MAX);
	struct pki_issue in = {.ca_key = ca_key,
		.ca_cert = ca_cert,
		.csr = text,
		.role = PKI_AGENT,
		.id = "01aaaaaaaaaaaaaaaaaaaaaaaa",
		.not_before_ms = 1000,
		.not_after_ms = 100000};
	(void)pki_issue(&in, &chain, &e);
	assert(pki_cert_check(text, ca_cert, NULL, &cert, &e) < 0 ||
		strstr(text, "BEGIN CERTIFICATE"));
	(void)pki_pin(text, pin, &e);
	buf_release(&chain);
	free(text);
	return 0;
}
