/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the engine (probe.c) asks of a platform, and what the subjects of a platform share. A
 * subject is one row of the platform's table and one file: it looks at one side of the machine
 * and fills attributes and, where it has one, its section.
 */
#ifndef HIM_PROBE_SUBJECT_H
#define HIM_PROBE_SUBJECT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define SUBJECT_SOURCES 4

enum subject_when {
	SUBJECT_ALWAYS,    /* at every look: cheap, or changing without a trace */
	SUBJECT_ON_CHANGE, /* when a source changed, and every hour */
};

struct probe_env {
	const char *root;  /* "" for this machine */
	const char *rules; /* providers.h; those the server handed down, or NULL */
};

struct subject_out {
	struct json
		*attributes;  /* empty at first; what stands here counts even when the look fails */
	struct json *section; /* the same, but left out when the look fails */
	const struct json *attributes_before, *section_before; /* what the last look gave */
	size_t max;                                            /* entries the section may have */
};

struct subject {
	const char *name; /* names it in him.probe.errors; also its section, when it has one */
	bool has_section;
	size_t max; /* entries of the section */
	enum subject_when when;
	const char *sources
		[SUBJECT_SOURCES]; /* files; those in /proc and /sys by content, others by stat */
	int (*look)(const struct probe_env *env, struct subject_out *out, struct err *e);
};

/* The platform's. */
extern const struct subject subjects[];
extern const size_t subjects_count;

/* A path below the root. -1 when it is over PATH_MAX (then it exists for nobody). */
int subject_path(const struct probe_env *env, char out[PATH_MAX], const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Fills an empty buffer with a file below the root. One that is absent or not for us to read is
 * empty; one over the buffer's ceiling is an error. */
int subject_read(const struct probe_env *env, const char *path, struct buf *out, struct err *e);

/* hash with len bytes more of what a source holds (FNV-1a: sources are ours, nobody gains by a collision). */
uint64_t subject_hash(uint64_t hash, const void *data, size_t len);

/* The first line of a small file below the root, white space around it cut; false when there is
 * none or it is blank. */
bool subject_line(const struct probe_env *env, char *out, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* A number that is the whole of a small file; false when it is none. */
bool subject_number(const struct probe_env *env, int64_t *out, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Sets a text member, white space around it cut, invalid UTF-8 replaced; blank text sets
 * nothing. */
void subject_text(struct json *object, const char *key, const char *text);

/* Adds an entry to the section and takes value over; a key that is there already is replaced.
 * -1 (value freed) when the section is full. */
int subject_add(struct subject_out *out, const char *key, struct json *value, struct err *e);

/* A volatile percentage as reports tell it: the value told before stays until the exact one is 5
 * off; then it is rounded to 5. before: the member of the last look, NULL when there was none. */
int64_t subject_steady_percent(double exact, const struct json *before);

#endif
