/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backup: the database and the key files of an installation in one encrypted file.
 *
 * Format: the line "HIM-BACKUP-1\n"; 16 bytes salt; then chunks: 4 bytes big-endian length of what follows, with the top bit
 * set on the last; 12 bytes nonce; AES-256-GCM ciphertext of at most 1 MiB of a zstd stream; 16 bytes tag. The additional data of
 * chunk N is "him-backup-1", N (8 bytes big endian) and the last flag (1 byte), so that none can be cut, moved or added.
 * Key: argon2id(passphrase, salt, 256 MiB, 3 passes). The zstd stream is a sequence of entries: a line "NAME SIZE\n", SIZE bytes; the last
 * entry is "end 0".
 */
#ifndef HIM_STORE_BACKUP_H
#define HIM_STORE_BACKUP_H

#include "base/err.h"
#include <stddef.h>

#define BACKUP_PASSPHRASE_MIN 12

/* files: NULL-terminated names below home, in order. The database home/server.db is copied consistently while it is in use. The
 * new file is 0600, written aside and renamed. */
int backup_write(const char *home, const char *const *files, const char *path,
	const char *passphrase, struct err *e);

/* Checks the whole file first, into home/restore.tmp; only then replaces what is in home. The caller holds the
 * server's lock. The restored database begins a new generation; one of a newer
 * version is refused. Only names in `files` and server.db are taken. */
int backup_restore(const char *home, const char *const *files, const char *path,
	const char *passphrase, struct err *e);

#endif
