/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks a cloud's metadata service, request by request of probe/imds.h's table, on the loop: plain
 * HTTP to the provider's own address, two seconds each, no redirects, no proxies. Whoever calls
 * knows the provider already; nothing is asked blindly.
 */
#ifndef HIM_AGENT_METADATA_H
#define HIM_AGENT_METADATA_H

#include "base/err.h"
#include "probe/imds.h"
#include <event2/event.h>

struct metadata;

/* NULL when the provider has no service. `done` is called once, from the loop, with facts or, when
 * they are NULL, why there are none; it may free the metadata. */
struct metadata *metadata_start(struct event_base *base, const char *provider,
	void (*done)(void *ctx, const struct imds_facts *facts, const struct err *e), void *ctx);
/* Ends what is under way without calling `done`. Accepts NULL. */
void metadata_free(struct metadata *m);

/* The same on a loop of its own, until it is done. Fails where the provider has no service. */
int metadata_ask(const char *provider, struct imds_facts *out, struct err *e);

#endif
