/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thing seen from two sides: sightings become machines, and links between them (guest runs on host).
 *
 * A pure function: arrays in, arrays out; no clock, no I/O. The answer depends on the sightings as a set, never on their
 * order, and giving an answer's machines back as `machine` (NULL where there is no group) gives the same answer again.
 * docs/topology.md: the method.
 *
 * What always holds of an answer:
 * - two live agents are never one machine, whatever they say and whatever people say;
 * - what an agent says of itself is believed about itself only; what is listed counts when the source may list;
 * - a believed sighting is in one group, or its place is AMBIGUOUS; every machine id is in at most one group;
 * - certain links make no cycle, and a group has at most one.
 *
 * The caller gives the component of what changed: start with the changed sightings and add, until nothing new comes,
 *   1. sightings that share a connecting key (resolve_connects), unless more than RESOLVE_SHARERS_MAX do: such a key
 *      is not followed and is given with `crowded` set;
 *   2. sightings that bear the same `machine`;
 *   3. the other end of a word that says `same`. Words whose two ends are in go with them.
 * Then, as `context`: for every listed one, the record it runs on and the source's own sighting, where not in yet.
 * It resolves again when a source comes or goes (live changes), and at `again_ms`.
 */
#ifndef HIM_CORE_RESOLVE_H
#define HIM_CORE_RESOLVE_H

#include "base/arena.h"
#include "core/resolve_why.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RESOLVE_SHARERS_MAX 128 /* sightings that may share a key before it says nothing */
#define RESOLVE_MACS_MAX 64     /* own MACs of one sighting; of one that tells more, none counts */
#define RESOLVE_VALUE_MAX 128   /* bytes of a value, and of a scope */
#define RESOLVE_CONNECT_MAX 288 /* room for the text of a connecting key, with its NUL */
#define RESOLVE_SILENCE_MS 300000 /* an agent that talks no more is known to be silent by then */
#define RESOLVE_OVERLAP_MS 60000  /* two may say the same thing this long: a move, a restart */
#define RESOLVE_NONE ((size_t)-1) /* no group, no sighting, no key */

enum resolve_key_kind {
	RESOLVE_AGENT,   /* id of the agent inside, told by its host; a self's own is its source */
	RESOLVE_MAC,     /* scope: the MAC of its gateway, "" unknown (matches every scope) */
	RESOLVE_UUID,    /* SMBIOS, either byte order; a domain's UUID as its hypervisor lists it */
	RESOLVE_XEN,     /* /sys/hypervisor/uuid: the same space of values as RESOLVE_UUID */
	RESOLVE_SERIAL,  /* SMBIOS or board serial; scope: vendor or "" */
	RESOLVE_CLOUD,   /* instance id; scope: provider */
	RESOLVE_VSPHERE, /* instanceUuid; scope "" */
	RESOLVE_CONTAINER,  /* a runtime's id, whole; scope "" */
	RESOLVE_MACHINE_ID, /* /etc/machine-id: weak, every clone of an image has the same */
	RESOLVE_KEY_KINDS
};

struct resolve_key {
	enum resolve_key_kind kind;
	const char *scope; /* NULL is "" */
	const char *value; /* any spelling; compared in a canonical one */
	bool foreign;      /* on an interface that is not the machine's own: resolve_nic_mac() */
	bool crowded;      /* the caller met more than RESOLVE_SHARERS_MAX sharers */
};

enum resolve_kind { RESOLVE_UNKNOWN, RESOLVE_PHYSICAL, RESOLVE_VM, RESOLVE_CONTAINED };

/*
 * What one source says about one thing. Strings are borrowed, by the answer too. (source, key) is unique.
 *
 * key      "": an agent about itself (a driver never says that). Else the source's name for the record it lists, one
 *          that stays when people rename it (a domain's UUID, a VM's id) where there is such.
 * machine  what it was resolved to before, or NULL.
 * on       listed: key of the record that it runs on, of the same source; "": the source's own machine; NULL: nothing
 *          is said (a host of a vCenter, an instance of a public cloud). A self's is ignored.
 * host     its source may list others: a driver, or an agent that an administrator marked.
 * live     said now, by a source that is not offline, and not ended.
 * ended    listed: its source lists it no more. It keeps a machine together over renames and moves, and links nothing.
 * running  listed: it runs there, and is not only defined. A self's is ignored.
 * context  only the far end of links: it stays with `machine` (then not NULL) and matches nothing.
 * since    a self: when it enrolled. Listed: since when it stands with this `running`.
 * seen     until when this is vouched for: now, while live.
 */
struct resolve_sighting {
	const char *source, *key, *machine, *on;
	bool host, live, ended, running, context;
	enum resolve_kind kind;
	int64_t since_ms, seen_ms;
	const struct resolve_key *keys;
	size_t keys_n;
};

/* What a person said about two sightings. The newest word about two wins, and over all evidence; only that two live
 * agents were one is refused. To merge machines: one word between their self sightings (or any). To split: a word
 * between the sighting to part and each self of its group (or any one other member, when there is no self). */
struct resolve_word {
	size_t a, b; /* indices of sightings */
	bool same;
	int64_t when_ms;
};

/* A link resolved before among machines above the context: the chain up from each context machine. For cycles only. */
struct resolve_above {
	const char *guest, *host; /* machine ids */
};

struct resolve_input {
	const struct resolve_sighting *sightings;
	size_t sightings_n;
	const struct resolve_word *words;
	size_t words_n;
	const struct resolve_above *above;
	size_t above_n;
};

struct resolve_place {
	size_t group; /* RESOLVE_NONE: AMBIGUOUS or NOT_BELIEVED */
	enum resolve_reason reason;
};

struct resolve_group {
	const char *machine; /* the id it keeps; NULL: the caller makes one */
	size_t self;         /* sighting of its live agent, else of its latest; RESOLVE_NONE */
	size_t first, n;     /* members[first .. first + n): self first, then newest first */
	bool listed;         /* some host lists it as its guest: never mark it a host by itself */
	bool context;        /* made of context alone: nothing to write */
};

/* Rows with the same guest are alternatives (which host?), rows with the same sighting too (which guest?). */
struct resolve_link {
	size_t guest, host; /* groups; never equal */
	size_t sighting;    /* the listed one that says so */
	bool certain;
	bool live; /* false: as of the sighting's seen_ms */
	enum resolve_reason reason;
};

struct resolve_evidence {
	size_t a, b; /* sightings: a the listed or older one; b RESOLVE_NONE: about a alone */
	size_t key;  /* index in a's keys; RESOLVE_NONE: not about one key */
	int score;   /* points; 0: it counts nothing, below: against */
	enum resolve_verdict verdict;
	enum resolve_reason reason;
};

/* A machine id that no group keeps any more. into RESOLVE_NONE: what spoke of it is ambiguous or not believed now. */
struct resolve_absorbed {
	const char *machine;
	size_t into;
};

struct resolve_output {
	struct resolve_place *places; /* one a sighting, in the input's order */
	struct resolve_group *groups;
	size_t groups_n;
	size_t *members;
	struct resolve_link *links; /* by guest */
	size_t links_n;
	struct resolve_evidence *evidence; /* by a, in the order it was weighed */
	size_t evidence_n;
	struct resolve_absorbed *absorbed;
	size_t absorbed_n;
	int64_t again_ms; /* resolve again at this time even if nothing is reported; 0: no need */
};

/* Cannot fail; all of *out lives in the arena, strings are the input's. Asserts what the input promises (unique
 * (source, key), indices in range, context has a machine). Time and memory grow with sightings and keys, about n log n. */
void resolve(const struct resolve_input *in, struct arena *a, struct resolve_output *out);

/* Key i of s as the text by which others find it, the same for every spelling: "mac 52:54:00:00:00:01", "uuid …". MACs
 * connect across scopes. false: it connects nothing (weak, foreign, never believed, a container's hardware, a listing
 * not believed), and needs no place in an index.
 * A self gives its own id as a RESOLVE_AGENT key if its hosts may tell that; no other value of a self's counts. */
bool resolve_connects(const struct resolve_sighting *s, size_t i, char out[RESOLVE_CONNECT_MAX]);

const char *resolve_key_word(enum resolve_key_kind k); /* "mac", "uuid" … */
bool resolve_key_kind(const char *word, enum resolve_key_kind *out);

#endif
