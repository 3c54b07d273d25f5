/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolment, the newcomer's side: from a token and a fingerprint to an identity.json. */
#ifndef HIM_WIRE_ENROL_H
#define HIM_WIRE_ENROL_H

#include "wire/identity.h"

struct enrol_request {
	enum pki_role role;
	const char *
		server; /* "host:port" or "https://host:port" of the people's listener or of a relay */
	uint8_t pin[PKI_PIN_BYTES];
	const char *token;
	const char *name;             /* host name */
	const char *const *addresses; /* relays: where children reach it; NULL-terminated or NULL */
	int64_t timeout_ms;
};

/* Blocking, with an event loop of its own. Writes dir/identity.json on success, else nothing. */
int enrol_run(const struct enrol_request *r, const char *dir, struct err *e);

/* 64 hex digits, with or without colons. */
int enrol_pin_parse(const char *text, uint8_t pin[PKI_PIN_BYTES], struct err *e);

#endif
