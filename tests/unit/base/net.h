/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of TLS and HTTP share: certificates made on the spot, and a loop that is turned until something is so. */
#ifndef HIM_TEST_NET_H
#define HIM_TEST_NET_H

#include "base/clock.h"
#include "base/tls.h"
#include <event2/event.h>

#define NET_LIMIT_MS 30000

struct net_cert {
	char *cert, *key; /* PEM; a leaf is followed by its CA */
};

struct net_leaf {
	const char *names; /* of the subject alternative name: "URI:him://agent/a"; NULL: none */
	const char *usage; /* "serverAuth", "serverAuth,clientAuth"; NULL: none said */
	long ends_in_s;    /* from now; may be past */
};

void net_ca(struct net_cert *out);
void net_issue(const struct net_cert *ca, const struct net_leaf *leaf, struct net_cert *out);
void net_pin(const struct net_cert *ca, uint8_t pin[32]); /* of the last certificate */
void net_cert_free(struct net_cert *c);

void net_turn(struct event_base *base); /* once, without waiting for long */

#define NET_WAIT(base, condition)                                                                  \
	do {                                                                                       \
		int64_t limit_ = clock_mono_ms() + NET_LIMIT_MS;                                   \
		while (!(condition)) {                                                             \
			assert_true(clock_mono_ms() < limit_);                                     \
			net_turn(base);                                                            \
		}                                                                                  \
	} while (0)

#endif
