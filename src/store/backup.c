/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backups: entries -> zstd -> chunks under AES-256-GCM. Writing and reading are mirror images; both stream, so
 * memory does not grow with the database. What is restored is unpacked beside the old, and the
 * old is replaced, by renames, only after the last chunk proved that all of it is there and unchanged.
 */
#include "store/backup.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "base/text.h"
#include "store/db.h"
#include "store/migrate.h"
#include "store/store_setting.h"
#include <argon2.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#define MAGIC "HIM-BACKUP-1\n"
#define SALT 16
#define NONCE 12
#define TAG 16
#define CHUNK (1u << 20)
#define LAST 0x80000000u
#define PATH_BYTES 2048

struct pack {
	FILE *file;
	const char *path;
	uint8_t key[32];
	uint64_t n; /* of the next chunk */
	EVP_CIPHER_CTX *cipher;
	ZSTD_CCtx *z;
	uint8_t *plain, *sealed;
	size_t plain_len;
};

struct unpack {
	FILE *file;
	const char *path;
	uint8_t key[32];
	uint64_t n;
	EVP_CIPHER_CTX *cipher;
	ZSTD_DCtx *z;
	uint8_t *plain, *sealed;
	size_t plain_len, plain_at;
	bool last;
};

static int derive(const char *passphrase, const uint8_t salt[SALT], uint8_t key[32], struct err *e)
{
	if (strlen(passphrase) < BACKUP_PASSPHRASE_MIN)
		return err_field(e, ERR_INVALID, "passphrase",
			"a passphrase has at least %d characters", BACKUP_PASSPHRASE_MIN);
	if (argon2id_hash_raw(3, 262144, 1, passphrase, strlen(passphrase), salt, SALT, key, 32) !=
		ARGON2_OK)
		return err_set(e, ERR_INTERNAL, "the key of the backup cannot be derived");
	return 0;
}

static void additional(uint64_t n, bool last, uint8_t out[21])
{
	memcpy(out, "him-backup-1", 12);
	for (int i = 0; i < 8; i++)
		out[12 + i] = (uint8_t)(n >> (56 - 8 * i));
	out[20] = last;
}

/* ---- writing ---- */

static int chunk_write(struct pack *p, bool last, struct err *e)
{
	uint8_t aad[21], nonce[NONCE], tag[TAG], head[4];
	uint32_t len = (uint32_t)(NONCE + p->plain_len + TAG) | (last ? LAST : 0);
	int n, m = 0;

	additional(p->n++, last, aad);
	random_bytes(nonce, sizeof nonce);
	for (int i = 0; i < 4; i++)
		head[i] = (uint8_t)(len >> (24 - 8 * i));
	if (EVP_EncryptInit_ex(p->cipher, EVP_aes_256_gcm(), NULL, p->key, nonce) != 1 ||
		EVP_EncryptUpdate(p->cipher, NULL, &n, aad, sizeof aad) != 1 ||
		EVP_EncryptUpdate(p->cipher, p->sealed, &m, p->plain, (int)p->plain_len) != 1 ||
		EVP_EncryptFinal_ex(p->cipher, p->sealed + m, &n) != 1 ||
		EVP_CIPHER_CTX_ctrl(p->cipher, EVP_CTRL_AEAD_GET_TAG, TAG, tag) != 1)
		return err_set(e, ERR_INTERNAL, "the backup cannot be encrypted");
	if (fwrite(head, 1, 4, p->file) != 4 || fwrite(nonce, 1, NONCE, p->file) != NONCE ||
		fwrite(p->sealed, 1, p->plain_len, p->file) != p->plain_len ||
		fwrite(tag, 1, TAG, p->file) != TAG)
		return err_errno(e, "cannot write %s", p->path);
	p->plain_len = 0;
	return 0;
}

static int pack_bytes(
	struct pack *p, const void *data, size_t len, ZSTD_EndDirective how, struct err *e)
{
	ZSTD_inBuffer in = {data, len, 0};
	size_t left;

	do {
		ZSTD_outBuffer out = {p->plain, CHUNK, p->plain_len};
		left = ZSTD_compressStream2(p->z, &out, &in, how);
		if (ZSTD_isError(left))
			return err_set(e, ERR_INTERNAL, "the backup cannot be compressed: %s",
				ZSTD_getErrorName(left));
		p->plain_len = out.pos;
		if (p->plain_len == CHUNK && chunk_write(p, false, e) < 0)
			return -1;
	} while (in.pos < in.size || (how == ZSTD_e_end && left > 0));
	return how == ZSTD_e_end ? chunk_write(p, true, e) : 0;
}

static int pack_file(struct pack *p, const char *path, const char *name, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), rc = -1;
	char line[256], data[65536];
	int64_t left;
	struct stat st;
	ssize_t n = 0;

	if (fd < 0 || fstat(fd, &st) < 0) {
		err_errno(e, "cannot read %s", path);
		goto out;
	}
	left = st.st_size;
	snprintf(line, sizeof line, "%s %lld\n", name, (long long)left);
	rc = pack_bytes(p, line, strlen(line), ZSTD_e_continue, e);
	while (rc == 0 && left > 0) {
		n = read(fd, data, left < (int64_t)sizeof data ? (size_t)left : sizeof data);
		if (n <= 0)
			rc = n < 0
				? err_errno(e, "cannot read %s", path)
				: err_set(e, ERR_IO, "%s became shorter while it was read", path);
		else
			rc = pack_bytes(p, data, (size_t)n, ZSTD_e_continue, e);
		left -= n;
	}
out:
	if (fd >= 0)
		close(fd);
	return rc;
}

static int pack_all(struct pack *p, const char *home, const char *const *files, struct err *e)
{
	char copy[PATH_BYTES], path[PATH_BYTES];
	struct db *db;
	int rc;

	snprintf(path, sizeof path, "%s/server.db", home);
	snprintf(copy, sizeof copy, "%s/backup.tmp", home);
	if (file_remove(copy, e) < 0)
		return -1;
	db = db_open(path, DB_READ, e);
	rc = db ? db_copy_to(db, copy, e) : -1;
	db_close(db);
	if (rc == 0)
		rc = pack_file(p, copy, "server.db", e);
	for (size_t i = 0; rc == 0 && files[i]; i++) {
		snprintf(path, sizeof path, "%s/%s", home, files[i]);
		rc = pack_file(p, path, files[i], e);
	}
	(void)file_remove(copy, NULL);
	return rc == 0 ? pack_bytes(p, "end 0\n", 6, ZSTD_e_end, e) : rc;
}

static int sync_folder_of(const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_BYTES];

	if (!slash)
		return file_sync_dir(".", e);
	snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
	return file_sync_dir(folder, e);
}

int backup_write(const char *home, const char *const *files, const char *path,
	const char *passphrase, struct err *e)
{
	struct pack p = {.path = path};
	char temp[PATH_BYTES];
	uint8_t salt[SALT];
	int fd, rc = -1;

	random_bytes(salt, sizeof salt);
	if (derive(passphrase, salt, p.key, e) < 0)
		return -1;
	snprintf(temp, sizeof temp, "%s.part", path);
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	p.file = fd < 0 ? NULL : fdopen(fd, "wb");
	if (!p.file)
		return err_errno(e, "cannot write %s", temp);
	p.cipher = EVP_CIPHER_CTX_new();
	p.z = ZSTD_createCCtx();
	p.plain = xmalloc(CHUNK);
	p.sealed = xmalloc(CHUNK + 32);
	if (fwrite(MAGIC, 1, strlen(MAGIC), p.file) != strlen(MAGIC) ||
		fwrite(salt, 1, SALT, p.file) != SALT)
		err_errno(e, "cannot write %s", temp);
	else
		rc = pack_all(&p, home, files, e);
	if (rc == 0 && (fflush(p.file) != 0 || fsync(fileno(p.file)) < 0))
		rc = err_errno(e, "cannot write %s", temp);
	if (fclose(p.file) != 0 && rc == 0)
		rc = err_errno(e, "cannot write %s", temp);
	if (rc == 0 && rename(temp, path) < 0)
		rc = err_errno(e, "cannot rename %s", temp);
	if (rc == 0)
		rc = sync_folder_of(path, e);
	if (rc < 0)
		(void)unlink(temp);
	ZSTD_freeCCtx(p.z);
	EVP_CIPHER_CTX_free(p.cipher);
	OPENSSL_cleanse(p.key, sizeof p.key);
	free(p.plain);
	free(p.sealed);
	return rc;
}

/* ---- reading ---- */

static int damaged(const struct unpack *u, const char *how, struct err *e)
{
	return err_set(e, ERR_INVALID, "%s is not restored: %s", u->path, how);
}

static int chunk_read(struct unpack *u, struct err *e)
{
	uint8_t aad[21], head[4], nonce[NONCE], tag[TAG];
	uint32_t len;
	int n, m = 0;

	if (u->last)
		return damaged(u, "it ends too soon", e);
	if (fread(head, 1, 4, u->file) != 4)
		return damaged(u, "it is cut off", e);
	len = (uint32_t)head[0] << 24 | (uint32_t)head[1] << 16 | (uint32_t)head[2] << 8 | head[3];
	u->last = len & LAST;
	len &= ~LAST;
	if (len < NONCE + TAG || len > NONCE + CHUNK + TAG)
		return damaged(u, "a chunk has an impossible length", e);
	len -= NONCE + TAG;
	if (fread(nonce, 1, NONCE, u->file) != NONCE || fread(u->sealed, 1, len, u->file) != len ||
		fread(tag, 1, TAG, u->file) != TAG)
		return damaged(u, "it is cut off", e);
	additional(u->n++, u->last, aad);
	if (EVP_DecryptInit_ex(u->cipher, EVP_aes_256_gcm(), NULL, u->key, nonce) != 1 ||
		EVP_DecryptUpdate(u->cipher, NULL, &n, aad, sizeof aad) != 1 ||
		EVP_DecryptUpdate(u->cipher, u->plain, &m, u->sealed, (int)len) != 1 ||
		EVP_CIPHER_CTX_ctrl(u->cipher, EVP_CTRL_AEAD_SET_TAG, TAG, tag) != 1 ||
		EVP_DecryptFinal_ex(u->cipher, u->plain + m, &n) != 1)
		return damaged(u,
			u->n == 1 ? "the passphrase is wrong, or the file was changed"
				  : "the file was changed",
			e);
	u->plain_len = len;
	u->plain_at = 0;
	return 0;
}

/* Exactly len bytes of the unpacked stream. */
static int unpack_bytes(struct unpack *u, void *data, size_t len, struct err *e)
{
	ZSTD_outBuffer out = {data, len, 0};

	while (out.pos < len) {
		ZSTD_inBuffer in = {u->plain, u->plain_len, u->plain_at};
		size_t before = out.pos, rc = ZSTD_decompressStream(u->z, &out, &in);
		if (ZSTD_isError(rc))
			return damaged(u, ZSTD_getErrorName(rc), e);
		u->plain_at = in.pos;
		if (out.pos == before && u->plain_at == u->plain_len && chunk_read(u, e) < 0)
			return -1;
	}
	return 0;
}

static int entry_head(struct unpack *u, char *name, size_t size, int64_t *len, struct err *e)
{
	char line[256], *space;
	size_t n = 0;

	do
		if (n + 1 >= sizeof line || unpack_bytes(u, line + n, 1, e) < 0)
			return n + 1 >= sizeof line ? damaged(u, "an entry has no name", e) : -1;
	while (line[n++] != '\n');
	line[n - 1] = '\0';
	space = strchr(line, ' ');
	if (!space)
		return damaged(u, "an entry has no size", e);
	*space = '\0';
	snprintf(name, size, "%.*s", (int)size - 1, line);
	return text_int(space + 1, "size", 0, INT64_MAX, len, e);
}

static int entry_body(struct unpack *u, const char *path, int64_t len, struct err *e)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600), rc = 0;
	char *data = xmalloc(CHUNK);

	if (fd < 0)
		rc = err_errno(e, "cannot write %s", path);
	while (rc == 0 && len > 0) {
		size_t n = len < CHUNK ? (size_t)len : CHUNK;
		rc = unpack_bytes(u, data, n, e);
		if (rc == 0 && write(fd, data, n) != (ssize_t)n)
			rc = err_errno(e, "cannot write %s", path);
		len -= (int64_t)n;
	}
	if (rc == 0 && fsync(fd) < 0)
		rc = err_errno(e, "cannot write %s", path);
	if (fd >= 0)
		close(fd);
	free(data);
	return rc;
}

static bool expected(const char *name, const char *const *files)
{
	for (size_t i = 0; files[i]; i++)
		if (strcmp(files[i], name) == 0)
			return true;
	return strcmp(name, "server.db") == 0;
}

static void flat(const char *temp, const char *name, char out[PATH_BYTES])
{
	size_t n = (size_t)snprintf(out, PATH_BYTES, "%s/%s", temp, name);

	for (size_t i = strlen(temp) + 1; i < n && i < PATH_BYTES; i++)
		if (out[i] == '/')
			out[i] = '%';
}

static int unpack_all(struct unpack *u, const char *temp, const char *const *files, struct err *e)
{
	char name[200], path[PATH_BYTES];
	size_t got = 0, want = 1;
	int64_t len;

	while (files[want - 1])
		want++;
	for (;;) {
		if (entry_head(u, name, sizeof name, &len, e) < 0)
			return -1;
		if (strcmp(name, "end") == 0)
			break;
		if (!expected(name, files))
			return damaged(u, "it holds a file that does not belong to a backup", e);
		flat(temp, name, path);
		if (entry_body(u, path, len, e) < 0)
			return -1;
		got++;
	}
	while (!u->last)
		if (chunk_read(u, e) < 0)
			return -1;
	if (got != want || fgetc(u->file) != EOF)
		return damaged(u,
			got != want ? "a file is missing in it"
				    : "there is something after its end",
			e);
	return 0;
}

/* What was fetched may have ended since, and whoever did it says so when it is given again; nobody runs it twice. What cannot be
 * given any more ends as it would have. */
static int give_again(struct db *db, struct err *e)
{
	static const char *const texts[] = {
		"UPDATE results SET state = 'waiting' WHERE state IN ('fetched', 'running') AND "
		"action IN (SELECT id FROM actions WHERE deadline > ?1)",
		"UPDATE actions SET waiting = waiting + fetched + running, fetched = 0, running = "
		"0 WHERE fetched + running > 0 AND deadline > ?1",
	};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct stmt *s = db_prepare_once(db, texts[i], e);
		if (!s)
			return -1;
		bind_int(s, 1, clock_now_ms());
		if (db_run(s, e) < 0)
			return -1;
	}
	return 0;
}

static int generation_next(const char *temp, struct err *e)
{
	char path[PATH_BYTES];
	struct db *db;
	int64_t generation;
	int rc;

	flat(temp, "server.db", path);
	db = db_open(path, DB_WRITE, e);
	rc = db ? migrate(db, server_migrations, e) : -1; /* of a newer version: refused here */
	if (rc == 0)
		rc = setting_next(db, "generation", &generation, e);
	if (rc == 0)
		rc = give_again(db, e);
	if (rc == 0)
		rc = db_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", e);
	db_close(db);
	return rc;
}

static int replace_all(const char *home, const char *temp, const char *const *files, struct err *e)
{
	static const char *const leftovers[] = {"server.db-wal", "server.db-shm"};
	char from[PATH_BYTES], to[PATH_BYTES];

	for (size_t i = 0; i < 2; i++) {
		snprintf(to, sizeof to, "%s/%s", home, leftovers[i]);
		if (file_remove(to, e) < 0)
			return -1;
	}
	for (size_t i = 0;; i++) {
		const char *name = i == 0 ? "server.db" : files[i - 1];
		if (!name)
			return 0;
		flat(temp, name, from);
		snprintf(to, sizeof to, "%s/%s", home, name);
		*strrchr(to, '/') = '\0';
		if (file_mkdirs(to, 0700, e) < 0)
			return -1;
		snprintf(to, sizeof to, "%s/%s", home, name);
		if (rename(from, to) < 0)
			return err_errno(e, "cannot put %s in its place", to);
	}
}

int backup_restore(const char *home, const char *const *files, const char *path,
	const char *passphrase, struct err *e)
{
	struct unpack u = {.path = path, .file = fopen(path, "rbe")};
	char magic[sizeof MAGIC - 1], temp[PATH_BYTES];
	uint8_t salt[SALT];
	int rc = -1;

	snprintf(temp, sizeof temp, "%s/restore.tmp", home);
	if (!u.file)
		return err_errno(e, "cannot open %s", path);
	u.cipher = EVP_CIPHER_CTX_new();
	u.z = ZSTD_createDCtx();
	u.plain = xmalloc(CHUNK + 32);
	u.sealed = xmalloc(CHUNK + 32);
	if (fread(magic, 1, sizeof magic, u.file) != sizeof magic ||
		memcmp(magic, MAGIC, sizeof magic) != 0 || fread(salt, 1, SALT, u.file) != SALT)
		damaged(&u, "it is no backup of HIM", e);
	else if (derive(passphrase, salt, u.key, e) == 0 && file_remove_tree(temp, e) == 0 &&
		file_mkdirs(temp, 0700, e) == 0 && unpack_all(&u, temp, files, e) == 0 &&
		generation_next(temp, e) == 0)
		rc = replace_all(home, temp, files, e);
	(void)file_remove_tree(temp, NULL);
	fclose(u.file);
	ZSTD_freeDCtx(u.z);
	EVP_CIPHER_CTX_free(u.cipher);
	OPENSSL_cleanse(u.key, sizeof u.key);
	OPENSSL_cleanse(u.plain, CHUNK);
	free(u.plain);
	free(u.sealed);
	return rc;
}
