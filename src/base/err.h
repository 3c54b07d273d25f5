/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors a person can use. What can fail returns 0 or -1 and fills the caller's struct err; only the
 * line that fails writes the sentence. A code decides the HTTP status and the exit code, in one table.
 */
#ifndef HIM_BASE_ERR_H
#define HIM_BASE_ERR_H

#include <stdarg.h>

enum err_code {
	ERR_NONE,
	ERR_USAGE,        /* the command line is off */
	ERR_INVALID,      /* a value does not fit its field */
	ERR_TOO_LARGE,    /* over a limit the sentence names */
	ERR_UNAUTHORIZED, /* who are you? */
	ERR_FORBIDDEN,    /* known, and not allowed */
	ERR_NOT_FOUND,
	ERR_AMBIGUOUS,   /* a name fits several; the sentence lists their ids */
	ERR_CONFLICT,    /* the state does not allow it now */
	ERR_EXPIRED,     /* what was asked for has ended */
	ERR_RATE,        /* too many tries; the sentence says when to come back */
	ERR_UNAVAILABLE, /* the other side cannot be reached or is not ready */
	ERR_NO_SPACE,    /* the disk or a spool is full */
	ERR_IO,          /* the operating system said no */
	ERR_PROTOCOL,    /* the peer speaks nonsense */
	ERR_INTERNAL,    /* our bug, caught */
	ERR_CODES
};

struct err {
	enum err_code code;
	char field[64]; /* name of the offending field, "" where none */
	char text[512]; /* one sentence, no newline */
};

#define ERR_INIT ((struct err){ERR_NONE, "", ""})

/* Fills e (may be NULL) and returns -1, so that `return err_set(...)` reads well. Text over its room
 * is cut at a character boundary and ends in "..." (an error about a long value must not fail); control
 * characters in it become blanks. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The same, naming the field at fault. */
int err_field(struct err *e, enum err_code code, const char *field, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Adds strerror(errno) after the text: "cannot open PATH: No space left on device". ENOSPC, EDQUOT
 * turn the code into ERR_NO_SPACE; else ERR_IO. */
int err_errno(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Says where: text becomes "WHERE: text". Keeps code and field. Returns -1. */
int err_where(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "too-large": lower case, stable, for problem+json types. */
const char *err_word(enum err_code code);
const char *err_title(enum err_code code); /* "Too large" */
int err_http(enum err_code code);          /* 413 */
int err_exit(enum err_code code);          /* 2 usage, 3 unreachable or not allowed, else 1 */
enum err_code err_from_http(int status);   /* the way back, for clients */

#endif
