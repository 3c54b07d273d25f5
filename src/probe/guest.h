/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest as a host sees it, and lists of them. The platforms' outputs differ in units, words and
 * spellings; everything is brought into one form on its way in, here:
 *
 * MAC	aa:bb:cc:dd:ee:ff, in the order of the listing; one without an address is left out
 * uuid	lower case with dashes
 * memory	bytes, the most the guest may use
 * vcpus	the most the guest may have
 * state	a word of GUEST_STATES
 *
 * A list and all its texts are one arena.
 */
#ifndef HIM_PROBE_GUEST_H
#define HIM_PROBE_GUEST_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUESTS_MAX 16384 /* guests of one host */
#define GUEST_MACS_MAX 256
#define GUEST_TEXT_MAX 1024 /* bytes of a name */

#define GUEST_STATES(S)                                                                            \
	S(RUNNING, "running")                                                                      \
	S(PAUSED, "paused")                                                                        \
	S(SUSPENDED, "suspended")                                                                  \
	S(OFF, "off")                                                                              \
	S(CRASHED, "crashed")

enum guest_state {
	GUEST_UNKNOWN,
#define GUEST_STATE_ENUM(name, word) GUEST_##name,
	GUEST_STATES(GUEST_STATE_ENUM)
#undef GUEST_STATE_ENUM
};

struct guest {
	const char *name, *uuid, *container; /* NULL: not known; container: its id */
	const char **macs;
	size_t macs_count;
	int64_t memory_bytes, vcpus; /* 0: not known */
	enum guest_state state;
	const char *platform; /* set by who lists a host; static text */
	const char *local;    /* what tells it from others there when it has no UUID; or NULL */
	bool ignored;         /* a control domain, a template: dropped by guests_settle */
};

struct guests {
	struct arena *arena;
	struct guest **items; /* of the arena; a guest does not move when others are added */
	size_t count, room;
};

void guests_init(struct guests *list);
void guests_release(struct guests *list);

/* A new guest, nothing known. Fails when there are GUESTS_MAX of them. */
struct guest *guests_add(struct guests *list, struct err *e);

/* Drops the ignored ones. */
void guests_settle(struct guests *list);

/* [{"name","uuid","host.mac":[…],"memory_bytes","vcpus","state"}], what is not known null;
 * "platform" and "container.id" follow where there is one. The caller frees. */
struct json *guests_json(const struct guests *list);

/* The next line of a text that ends in a NUL, cut out of it in place, CR LF taken for one end; NULL
 * behind the last one. *at moves on. */
char *guest_line(char **at);

/* The value behind KEY in "KEY: VALUE" or "KEY = VALUE" lines (separator ':' or '='): white space
 * cut, key in place without it; NULL when the line has no separator or no key. */
char *guest_pair(char *line, char separator);

/* {KEY:{"platform","name","uuid","mac":[…],"state","vcpus","memory_bytes","container_id"}} as
 * reports tell it, what is not known left out. KEY is "PLATFORM:" and what stays the same while the
 * guest lives: its UUID, else its container id, else what tells it from others there, else its
 * name. A UUID of zeros is none. The caller frees. */
struct json *guests_records(const struct guests *list);

/* A text of the guest's, copied; white space around it is cut; NULL when nothing is left. Fails
 * when it is over GUEST_TEXT_MAX. */
int guest_text(
	struct guests *list, const char **field, const char *text, size_t len, struct err *e);

/* The same for a name, of a text that ends in a NUL. */
int guest_name(struct guests *list, struct guest *g, const char *text, struct err *e);

/* Sets uuid when the text is one: 32 hex digits, with or without dashes, blanks, braces. False
 * when it is none. */
bool guest_uuid(struct guests *list, struct guest *g, const char *text);

/* Adds a MAC: six groups of one or two hex digits between ':' or '-', or 12 hex digits. What is
 * no address (a template such as 00:16:3e:xx:xx:xx), or all zero, adds nothing and is false. */
bool guest_mac(struct guests *list, struct guest *g, const char *text, size_t len);
bool guest_has_mac(const struct guest *g, const char *mac);

/* "1024", "2048MB", "512 MiB", "1.5G" in bytes. A number without a unit counts in unit_bytes. K M
 * G T, with or without B or iB, are powers of 1024, as hypervisors mean them. 0 when it is no
 * amount, is zero, or does not fit. */
int64_t guest_amount(const char *text, int64_t unit_bytes);

/* A positive count at the start of the text, nothing but white space or one of `ends` after it; 0
 * when there is none. */
int64_t guest_count(const char *text, const char *ends);

/* How many processors "0,2-3,7" names; "^3" takes one out. 0 when it is no such list. */
int64_t guest_cpuset(const char *text);

/* What a platform calls a state, in any case; GUEST_UNKNOWN for a word nobody knows. */
enum guest_state guest_state(const char *word);
const char *guest_state_word(enum guest_state state); /* NULL for GUEST_UNKNOWN */

/* Xen's letters: r running, b blocked (waits, so it runs), p paused, s shut down, c crashed, d
 * dying; none: a domain that waits for a processor. */
enum guest_state guest_state_letters(const char *letters);

#endif
