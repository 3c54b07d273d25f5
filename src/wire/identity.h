/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who an enrolled installation is: its keys, its certificate, whom it trusts. One file, DIR/identity.json,
 * mode 0600, written whole: an installation is enrolled or it is not.
 */
#ifndef HIM_WIRE_IDENTITY_H
#define HIM_WIRE_IDENTITY_H

#include "base/json.h"
#include "base/tls.h"
#include "wire/pki.h"
#include "wire/seal.h"
#include "wire/trust.h"

struct identity {
	char dir[1024];
	enum pki_role role;
	char id[ID_SIZE];
	char site[65];
	struct trust trust;
	char trust_text[PKI_PEM_MAX]; /* the document as it came */
	uint8_t pin[PKI_PIN_BYTES];
	char key[PKI_PEM_MAX], cert[PKI_PEM_MAX]; /* PEM: private key; chain up to the CA */
	char next_key[PKI_PEM_MAX];               /* of a renewal under way, "" else */
	uint8_t box[BOX_KEY_BYTES], box_pub[BOX_KEY_BYTES];
	uint8_t next_box[BOX_KEY_BYTES]; /* of a fork under way */
	uint8_t mac[MAC_KEY_BYTES];
	int64_t not_before_ms, not_after_ms;
	struct buf relays; /* the newest signed list of relays, as a frame; empty: none yet */
	int64_t relays_version;
};

/* Reads and checks DIR/identity.json. ERR_NOT_FOUND: not enrolled. out must outlive its users and be
 * emptied with identity_release. */
int identity_load(const char *dir, struct identity *out, struct err *e);
void identity_release(struct identity *i);
int identity_save(const struct identity *i, struct err *e);

/* Begins a renewal (or, with fork, a new identity): makes the next keys, unless they are made already, and appends the JSON
 * body of the envelope. Saved, so that the answer may come after a restart. */
int identity_renew(struct identity *i, bool fork, struct buf *body, struct err *e);
bool identity_forking(const struct identity *i); /* a fork was begun and not answered */
/* The answer: a chain for the next key, ours by name and CA. 1: it is in force and saved; 0: it is
 * not an answer to anything asked, ignored. With another id than ours it is a fork's. */
int identity_renewed(struct identity *i, const char *chain, size_t len, struct err *e);
bool identity_renew_due(const struct identity *i, int64_t now_ms);
/* How long until a renewal is due, or is to be asked for again when it is; from a second to max_ms; ten
 * seconds after the end. */
int64_t identity_renew_wait_ms(const struct identity *i, int64_t now_ms, int64_t max_ms);

/* Takes a signed "relays" frame when it is newer and well signed. 1 taken, 0 old, -1 bad. */
int identity_take_relays(struct identity *i, const struct frame *f, struct err *e);
/* The addresses this one may go to, best first: relays of its site, else all; the server last. Strings
 * belong to *doc, which the caller frees. A relay never finds itself in it. */
size_t identity_parents(const struct identity *i, struct json **doc, const char **out, size_t max);
/* Whether the peer with that URI may be a parent of ours. */
int identity_judge(const struct identity *i, const char *uri, struct err *e);

SSL_CTX *identity_client_ctx(const struct identity *i, struct err *e);

#endif
