/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The installation's keys: the only state outside the database, in HOME/keys, each file 0600, made at the
 * first start, the same for every server of an installation.
 */
#ifndef HIM_SERVER_KEYS_H
#define HIM_SERVER_KEYS_H

#include "wire/pki.h"
#include "wire/seal.h"
#include "wire/sign.h"
#include "wire/trust.h"

struct keys {
	char dir[1024];
	char id[ID_SIZE]; /* the server's id: one an installation */
	char ca_key[PKI_PEM_MAX], ca_cert[PKI_PEM_MAX];
	char tls_key[PKI_PEM_MAX], tls_cert[PKI_PEM_MAX]; /* chain */
	uint8_t sign_seed[SIGN_KEY_BYTES], sign_pub[SIGN_KEY_BYTES];
	uint8_t box[BOX_KEY_BYTES], box_pub[BOX_KEY_BYTES];
	uint8_t pin[PKI_PIN_BYTES];
	struct buf trust; /* the trust document */
	int64_t tls_not_before_ms, tls_not_after_ms;
	int64_t cert_ms; /* how long certificates last: 90 days unless it is set */
	bool fresh;      /* made just now: the first start */
};

/* The files, in the order they are backed up; ends with NULL. */
extern const char *const keys_files[];

/* Reads HOME/keys, making what does not exist. names: "DNS:…", "IP:…" for the people's listener,
 * NULL-terminated. k is large: not for the stack. */
int keys_open(
	struct keys *k, const char *home, const char *const *names, int64_t cert_ms, struct err *e);
void keys_release(struct keys *k); /* wipes; accepts zeroed */

/* A new TLS certificate when the old one is past two thirds of its time, or lacks a name. 1: changed. */
int keys_renew(struct keys *k, const char *const *names, bool force, struct err *e);

/* Issues a certificate to an agent or relay: appends the chain. */
int keys_issue(const struct keys *k, const char *csr, enum pki_role role, const char *id,
	struct buf *chain, int64_t *not_after_ms, struct err *e);

#endif
