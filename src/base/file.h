/* SPDX-License-Identifier: Apache-2.0 */
/* Files, whole: read with a cap, written so that a crash leaves the old one or the new one. */
#ifndef HIM_BASE_FILE_H
#define HIM_BASE_FILE_H

#include "base/buf.h"
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Appends the file to out; over out's ceiling is ERR_TOO_LARGE, absent is ERR_NOT_FOUND. Works for
 * /proc and /sys, whose sizes lie. path "-" is standard input. */
int file_read(const char *path, struct buf *out, struct err *e);

/* The first line of a small file without its newline and trailing blanks, into out (NUL-terminated);
 * -1 when absent or it does not fit. */
int file_line(const char *path, char *out, size_t size);

/* Temporary file in the same folder, fsync, rename, fsync of the folder. mode e.g. 0600. */
int file_write(const char *path, const void *data, size_t len, mode_t mode, struct err *e);
/* As file_write(), but the file is made of one of the same folder that nobody needs any more, which spares the file system making
 * one and taking one away. When it fails `old` is gone too. */
int file_write_over(const char *old, const char *path, const void *data, size_t len, struct err *e);
/* As file_write(), but not waited for: a reader sees it whole or not at all; after a loss of power it may be missing, empty or torn. */
int file_write_soft(const char *path, const void *data, size_t len, mode_t mode, struct err *e);

int file_mkdirs(const char *path, mode_t mode, struct err *e); /* mkdir -p; existing is fine */
int file_remove(const char *path, struct err *e);              /* absent is fine */
int file_remove_tree(const char *path, struct err *e); /* never follows links; absent is fine */
int file_sync_dir(const char *path, struct err *e);
bool file_exists(const char *path);
int64_t file_free_bytes(const char *path); /* of the file system that holds path; -1 unknown */

/* Takes an exclusive lock on path (made when absent, mode 0600) and keeps it until the returned
 * descriptor closes (close-on-exec). Held by another: ERR_CONFLICT, and *holder gets the pid that
 * stands in the file (0 unknown; holder may be NULL). Our pid is written into it. */
int file_lock(const char *path, pid_t *holder, struct err *e);

#endif
