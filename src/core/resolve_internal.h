/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the resolver share. Inside, a sighting is known by its rank: its place in an order that depends on
 * (source, key) alone, so that nothing depends on the order of the input. Ranks of one group form a ring.
 */
#ifndef HIM_CORE_RESOLVE_INTERNAL_H
#define HIM_CORE_RESOLVE_INTERNAL_H

#include "core/resolve.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NOBODY UINT32_MAX

/* Points (of one shared key: resolve_key_points). */
#define POINTS_MAC_UNSCOPED 30  /* a MAC where one side does not know its network */
#define POINTS_CONTRADICTED -30 /* both are live and tell different hardware */
#define POINTS_JOIN 30          /* a listed one joins from here: one MAC will do */
#define POINTS_REINSTALL 80     /* an old agent joins a new one from here: two kinds of key */

/* What is compared, in one spelling: a MAC or a UUID is a number, the rest is text. */
struct spelt {
	uint64_t high, low;
	const char *text; /* NULL: a number */
	uint32_t kind;
};

/* A usable key stands in a run: all the keys that are spelt the same. */
struct known_key {
	uint32_t owner;    /* rank */
	uint32_t run;      /* NOBODY: not usable */
	uint32_t scope;    /* number of a MAC's network, of a cloud's provider; 0: not known */
	uint8_t kind, why; /* why: RESOLVE_MATCHED while usable */
	bool clash;        /* a self's: another live self claims it now */
	bool crowded;      /* as its owner was given */
	uint32_t rival;    /* which; NOBODY */
};

/* Numbered as they come: the runs of one sighting's keys mostly lie together. */
struct run {
	uint32_t first, n; /* in by_run, by owner */
	bool crowded;
};

struct known {
	const struct resolve_sighting *s;
	uint32_t input; /* its place in the input */
	uint32_t key_first, keys_n;
	uint32_t up, ring;    /* union-find; the next of its group */
	uint32_t hint;        /* number of its machine id; NOBODY */
	uint32_t parent;      /* listed: rank of what it runs on; NOBODY */
	uint32_t source_self; /* rank of its source's own sighting; NOBODY */
	uint32_t source;      /* number of its source */
	uint32_t live_self;   /* this and alive, worded, has_self: of a whole group, at its root */
	uint8_t level;        /* 0: on nothing; 1: on its source; 2: on another record */
	bool self, context; /* context: as used; one whose machine has full members is no context */
	bool live, running, ended; /* of *s, at hand: these are asked most */
	uint8_t kind;
	bool believed;  /* takes part */
	bool placed;    /* has a group */
	uint8_t reason; /* of its place */
	bool alive, worded, has_self;
};

/* One that x may be, gathered by shared keys, then one a group. */
struct candidate {
	uint32_t rank, root;
	int score, claimed; /* claimed: what it would be if nobody else claimed the same keys */
	bool shares, held, dropped; /* shares: a key that is the same in the same network */
};

/* An ambiguous x, and one that it may be. */
struct maybe {
	uint32_t x, rank;
};

/* A row of evidence, smaller: there are millions. NOBODY where a resolve_evidence has RESOLVE_NONE. */
struct told {
	uint32_t a, b, key;
	int32_t score;
	uint8_t verdict, reason;
};

struct evidence_list {
	struct told *rows;
	size_t n, cap;
};

/* Numbers for what is spelt the same. */
struct number_table {
	struct number_slot *slots;
	struct spelt *known; /* by number */
	uint32_t mask, n;
};

struct resolver {
	const struct resolve_input *in;
	struct arena *scratch;
	struct known *known;
	uint32_t n;
	uint64_t *hashes; /* of (source, key), by rank */
	uint32_t *ranks;  /* by place in the input, and so: */
	bool *believed;
	struct known_key
		*keys; /* in the order of the input, where those of one sighting lie together */
	uint32_t keys_n;
	uint32_t *by_run; /* indices of keys */
	struct run *runs;
	uint32_t runs_n;
	const char **hints; /* machine ids by number */
	uint32_t hints_n;
	uint32_t *parted; /* pairs of ranks that a person keeps apart */
	size_t parted_n;
	struct candidate *candidates;
	uint32_t candidates_n, candidates_cap;
	uint32_t *slot; /* by rank: its candidate + 1 while gathering */
	struct maybe *maybes;
	size_t maybes_n, maybes_cap;
	struct evidence_list evidence;
	int64_t again_ms;
};

/* resolve_table.c. */
uint64_t resolve_hash(const char *s);
void resolve_table_init(struct number_table *t, uint32_t expected);
void resolve_table_release(struct number_table *t);
/* The same number for the same: 0, 1, … as they come. Texts are borrowed until released. */
uint32_t resolve_number(struct number_table *t, const struct spelt *what);

/* resolve_key.c. One spelling, and RESOLVE_MATCHED or what speaks against the key (whether its source is believed is not
 * asked). text: room for out->text. */
enum resolve_reason resolve_key_spell(const struct resolve_sighting *s, size_t i, struct spelt *out,
	char text[RESOLVE_CONNECT_MAX]);
void resolve_scope_spell(const char *scope, struct spelt *out); /* a gateway's MAC, or any text */
int resolve_key_points(enum resolve_key_kind k);
bool resolve_key_is_zero(const struct resolve_key *k); /* a UUID of zeros: Xen's own domain */

/* resolve_index.c. Fills known, keys, runs, hints, slot from the input. */
void resolve_index(struct resolver *r);

/* resolve_join.c. Groups, and what stands before any matching. */
uint32_t resolve_root(struct resolver *r, uint32_t rank);
bool resolve_allowed(struct resolver *r, uint32_t a, uint32_t b); /* may two roots be one? */
void resolve_join(struct resolver *r, uint32_t x, uint32_t y);    /* they are allowed */
void resolve_place_as(struct resolver *r, uint32_t x, enum resolve_reason why);
void resolve_words(struct resolver *r);
void resolve_clashes(struct resolver *r);   /* marks keys that two live agents claim */
void resolve_tell_keys(struct resolver *r); /* a row for every key that does not count at all */
void resolve_tell(struct resolver *r, const struct resolve_evidence *row); /* a and b are ranks */
void resolve_note(struct resolver *r, uint32_t x, uint32_t y, enum resolve_verdict v,
	enum resolve_reason why);
void resolve_again(struct resolver *r, int64_t since_ms, int64_t after_ms); /* that long after it */

/* resolve_match.c. Who is whom: every believed sighting is placed, or AMBIGUOUS. */
void resolve_match(struct resolver *r);

/* resolve_score.c. */
typedef bool resolve_wanted(const struct resolver *r, uint32_t x, uint32_t y);
/* Fills candidates: whoever wanted() among those sharing a usable key with x. */
void resolve_gather(struct resolver *r, uint32_t x, resolve_wanted *wanted);
/* Rows for every key that x and y share: verdict and reason where they count. */
void resolve_tell_pair(struct resolver *r, uint32_t x, uint32_t y, enum resolve_verdict v,
	enum resolve_reason why);
/* How long both were vouched for at the same time; negative: one after the other. */
int64_t resolve_overlap(const struct resolve_sighting *a, const struct resolve_sighting *b);

/* resolve_out.c. Groups with their ids and members; group_of: by rank, RESOLVE_NONE. */
void resolve_groups(
	struct resolver *r, struct arena *a, struct resolve_output *out, size_t *group_of);
void resolve_evidence(struct resolver *r, struct arena *a, struct resolve_output *out);

/* resolve_link.c. */
void resolve_links(
	struct resolver *r, struct arena *a, struct resolve_output *out, const size_t *group_of);

#endif
