/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why the resolver concluded what it did: every reason once, with its stable word (JSON, database) and its sentence.
 * A reason stands with a sighting's place, with a piece of evidence, or with a link. A sentence has no subject: it
 * follows "this sighting …" (place), "this key …" (evidence), "this link …".
 */
#ifndef HIM_CORE_RESOLVE_WHY_H
#define HIM_CORE_RESOLVE_WHY_H

#include <stdbool.h>

/* clang-format off */
#define RESOLVE_REASON_ROWS(R) \
	/* Places. */ \
	R(OWN_AGENT, "own-agent", "is a live agent's word about itself: a machine of its own") \
	R(REINSTALLED, "reinstalled", "is of an agent that fell silent before a newer one enrolled on the same hardware") \
	R(MATCHED, "matched", "matches it clearly best") /* evidence too: a shared key that decided */ \
	R(HELD, "held", "was one with it before, and nothing matches better") /* evidence too */ \
	R(SAID, "said", "belongs to it because a person said so") /* evidence too */ \
	R(DOM0, "dom0", "is the host's own entry in its list of domains") \
	R(ALONE, "alone", "is a machine that no agent speaks for") \
	R(CONTEXT, "context", "stays where it was resolved before") \
	R(AMBIGUOUS, "ambiguous", "matches several about as well, so none") /* evidence too */ \
	R(NOT_BELIEVED, "not-believed", "comes from a source that is not marked as one that may list others") \
	/* Evidence. */ \
	R(WEAK, "weak", "is too little to go by on its own") \
	R(BEATEN, "beaten", "lost to a clearly better match") \
	R(OTHER_RECORD, "other-record", "lost: another record of the same source matches that machine better") \
	R(TWO_LIVE, "two-live", "is claimed by two live sources at the same time: a clone, a template or a lie") \
	R(CROWDED, "crowded", "is shared by too many to tell them apart") \
	R(TOO_MANY, "too-many", "is one of more MACs than a machine has") \
	R(NEVER, "never", "is a value that many machines are made with") \
	R(MALFORMED, "malformed", "is not a value of its kind") \
	R(FOREIGN, "foreign", "is of an interface that is not the machine's own") \
	R(OUTER, "outer", "is the host's, which a container shows as its own") \
	R(NETWORK, "network", "is the same MAC in another network") \
	R(CONTRADICTED, "contradicted", "speaks against it: both are live and tell different hardware") \
	R(BOTH_RUN, "both-run", "does not join them: both run at the same time in two places") \
	R(PARTED, "parted", "does not join them: a person said that they are two") \
	R(NOT_SAME, "not-same", "was not followed: both agents are live, one is not believed, or newer words say otherwise") /* a person's word */ \
	/* Links. */ \
	R(RUNS_THERE, "runs-there", "is what a live host says: it runs there") \
	R(LAST_KNOWN, "last-known", "is the last that is known; its source is offline, or it does not run now") \
	R(TWO_HOSTS, "two-hosts", "is one of several: more than one host says that it runs it") \
	R(WHICH_GUEST, "which-guest", "is one of several: the listed guest may be any of them") \
	R(SAYS_OFF, "says-off", "is in doubt: its host says that it is off, and it talks") \
	R(OLDER, "older", "lost to a newer one, or to one that runs") \
	R(OWN_GUEST, "own-guest", "is refused: nothing runs on itself") \
	R(CYCLE, "cycle", "is refused: it would close a circle") \
	R(NO_HOST, "no-host", "is left out: what it runs on is not known, or not believed")
/* clang-format on */

enum resolve_reason {
#define R(name, word, sentence) RESOLVE_##name,
	RESOLVE_REASON_ROWS(R)
#undef R
		RESOLVE_REASONS
};

enum resolve_verdict {
	RESOLVE_COUNTED,      /* for it */
	RESOLVE_LOST,         /* for it, but not enough */
	RESOLVE_DISCOUNTED,   /* a key that is nobody's */
	RESOLVE_DISQUALIFIED, /* a key that several claim */
	RESOLVE_AGAINST,
	RESOLVE_REFUSED,
	RESOLVE_VERDICTS
};

const char *resolve_reason_word(enum resolve_reason r);     /* "two-live": stable */
const char *resolve_reason_sentence(enum resolve_reason r); /* "is claimed by two live …" */
const char *resolve_verdict_word(enum resolve_verdict v);   /* "counted" … */

#endif
