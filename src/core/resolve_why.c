// SPDX-License-Identifier: Apache-2.0
/*
 * The words and sentences of the resolver's reasons, from the one list in resolve_why.h.
 */
#include "core/resolve_why.h"
#include <assert.h>

static const struct {
	const char *word, *sentence;
} reasons[] = {
#define R(name, word, sentence) [RESOLVE_##name] = {word, sentence},
	RESOLVE_REASON_ROWS(R)
#undef R
};

static const char *const verdicts[] = {
	[RESOLVE_COUNTED] = "counted",
	[RESOLVE_LOST] = "lost",
	[RESOLVE_DISCOUNTED] = "discounted",
	[RESOLVE_DISQUALIFIED] = "disqualified",
	[RESOLVE_AGAINST] = "against",
	[RESOLVE_REFUSED] = "refused",
};

const char *resolve_reason_word(enum resolve_reason r)
{
	assert(r < RESOLVE_REASONS);
	return reasons[r].word;
}

const char *resolve_reason_sentence(enum resolve_reason r)
{
	assert(r < RESOLVE_REASONS);
	return reasons[r].sentence;
}

const char *resolve_verdict_word(enum resolve_verdict v)
{
	assert(v < RESOLVE_VERDICTS);
	return verdicts[v];
}
