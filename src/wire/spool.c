/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spool: one file an envelope, named by a number that only rises (20 digits, so names sort), holding
 * the frame exactly as it travels. An index of them lives in memory. The last file that left is kept as "spare", to be
 * the next: an agent that sends one thing at a time makes no file and takes none away.
 *
 * Invariants: a file is complete or absent (written aside, synced, renamed); files leave only when the
 * server committed them; in a stream, numbers have no gap; `prev` of each names the body before it, across
 * streams, through the file "last". What does not fit is refused, and whoever made it keeps it.
 */
#include "wire/spool.h"
#include "base/arena.h"
#include "base/file.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct entry {
	int64_t number, seq, size;
	char stream[STREAM_LEN + 1];
	enum { UNSENT, SENT, ACCEPTED } state;
	int64_t ticket;
};

struct spool {
	char *dir;
	char agent[ID_SIZE];
	uint8_t key[MAC_KEY_BYTES];
	int64_t max_bytes, bytes, next_number, next_ticket, last_number;
	int max_files;
	char stream[STREAM_LEN + 1];
	int64_t seq;
	char last[DIGEST_LEN + 1];
	bool spare;            /* there is a file that may be written over */
	bool torn;             /* something is missing in a stream that is in it */
	struct entry *entries; /* in the order of their numbers */
	size_t n, room;
};

#define PATH_SIZE 4096
#define SPARE_MAX 65536 /* a larger file is not kept */
#define HEAD_MAX 256    /* of an envelope's frame: all but its body */

static void entry_path(const struct spool *s, int64_t number, char out[PATH_SIZE])
{
	snprintf(out, PATH_SIZE, "%s/%020lld", s->dir, (long long)number);
}

static void spare_path(const struct spool *s, char out[PATH_SIZE])
{
	snprintf(out, PATH_SIZE, "%s/spare", s->dir);
}

static int entry_write(struct spool *s, int64_t number, const void *data, size_t len, struct err *e)
{
	char path[PATH_SIZE], spare[PATH_SIZE];

	entry_path(s, number, path);
	spare_path(s, spare);
	/* Of one that is there the old bytes are kept until the new ones stand. */
	if (s->spare && number == s->next_number) {
		s->spare = false;
		if (file_write_over(spare, path, data, len, NULL) == 0)
			return 0;
	}
	return file_write(path, data, len, 0600, e);
}

static struct entry *entry_push(struct spool *s)
{
	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 16;
		s->entries = xrealloc(s->entries, s->room * sizeof *s->entries);
	}
	memset(&s->entries[s->n], 0, sizeof s->entries[s->n]);
	return &s->entries[s->n++];
}

static int entry_read(
	const struct spool *s, int64_t number, struct buf *out, struct envelope *env, struct err *e)
{
	char path[PATH_SIZE];
	struct frame f;
	size_t begin = out->len, pos = 0;

	entry_path(s, number, path);
	if (file_read(path, out, e) == 0) {
		if (out->len > begin &&
			frame_next(out->data + begin, out->len - begin, &pos, &f, e) > 0 &&
			pos == out->len - begin && envelope_parse(&f, env, e) == 0)
			return 0;
		err_set(e, ERR_PROTOCOL, "%s is not an envelope", path);
	}
	out->len = begin; /* half of one must not travel */
	out->full = false;
	if (out->data)
		out->data[begin] = '\0';
	return -1;
}

static int write_envelope(
	struct spool *s, int64_t number, struct envelope *env, int64_t *size, struct err *e)
{
	struct buf frame;
	int rc;

	buf_init(&frame, FRAME_BODY_MAX + FRAME_LINE_MAX + 2);
	if (envelope_add(&frame, env, s->key) < 0) {
		buf_release(&frame);
		return err_set(e, ERR_TOO_LARGE, "a %s of %zu bytes is over the limit of %u",
			env->kind, env->len, FRAME_BODY_MAX);
	}
	*size = (int64_t)frame.len;
	rc = entry_write(s, number, frame.data, frame.len, e);
	buf_release(&frame);
	return rc;
}

/* ---- numbering anew ---- */

/* Writes entry x anew as the next of the current stream. */
static int renumber(struct spool *s, struct entry *x, struct buf *b, struct err *e)
{
	struct envelope env;
	int64_t size;

	buf_clear(b);
	if (entry_read(s, x->number, b, &env, e) < 0)
		return -1;
	memcpy(env.agent, s->agent, sizeof env.agent);
	memcpy(env.stream, s->stream, sizeof env.stream);
	env.seq = s->seq + 1;
	if (write_envelope(s, x->number, &env, &size, e) < 0)
		return -1;
	s->bytes += size - x->size;
	x->size = size;
	memcpy(x->stream, s->stream, sizeof x->stream);
	x->seq = ++s->seq;
	x->state = UNSENT;
	return 0;
}

/* Begins a new stream and takes into it what stands in the stream `of`; NULL: everything. */
static int restart(struct spool *s, const char *of, struct err *e)
{
	struct buf b;
	int rc = 0;

	stream_new(s->stream);
	s->seq = 0;
	buf_init(&b, FRAME_BODY_MAX + FRAME_LINE_MAX + 2);
	for (size_t i = 0; i < s->n && rc == 0; i++)
		if (!of || strcmp(s->entries[i].stream, of) == 0)
			rc = renumber(s, &s->entries[i], &b, e);
	buf_release(&b);
	return rc;
}

/* ---- opening ---- */

static int by_number(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

static void load_one(struct spool *s, const char *name)
{
	char path[PATH_SIZE], bad[PATH_SIZE + 8];
	struct envelope env;
	struct buf b;
	char *end;
	int64_t number = strtoll(name, &end, 10);

	if (strlen(name) != 20 || *end)
		return;
	if (number >= s->next_number)
		s->next_number = number + 1;
	buf_init(&b, FRAME_BODY_MAX + FRAME_LINE_MAX + 2);
	if (entry_read(s, number, &b, &env, NULL) == 0) {
		struct entry *x = entry_push(s);
		x->number = number;
		x->seq = env.seq;
		x->size = (int64_t)b.len;
		memcpy(x->stream, env.stream, sizeof x->stream);
		s->bytes += x->size;
		if (number > s->last_number) {
			s->last_number = number;
			digest_hex(env.body, env.len, s->last);
		}
	} else {
		s->torn = true;
		entry_path(s, number, path);
		snprintf(bad, sizeof bad, "%s.bad", path);
		(void)!rename(path, bad);
	}
	buf_release(&b);
}

static void last_path(const struct spool *s, char out[PATH_SIZE])
{
	snprintf(out, PATH_SIZE, "%s/last", s->dir);
}

static int load(struct spool *s, struct err *e)
{
	char path[PATH_SIZE];
	struct dirent *d;
	DIR *dir;

	if (file_mkdirs(s->dir, 0700, e) < 0)
		return -1;
	dir = opendir(s->dir);
	if (!dir)
		return err_errno(e, "cannot read the spool %s", s->dir);
	while ((d = readdir(dir)))
		load_one(s, d->d_name);
	closedir(dir);
	spare_path(s, path);
	s->spare = file_exists(path);
	if (s->n > 1)
		qsort(s->entries, s->n, sizeof *s->entries, by_number);
	for (size_t i = 1; i < s->n; i++)
		s->torn |= strcmp(s->entries[i].stream, s->entries[i - 1].stream) == 0 &&
			s->entries[i].seq != s->entries[i - 1].seq + 1;
	last_path(s, path);
	if (s->n == 0 &&
		(file_line(path, s->last, sizeof s->last) < 0 || strlen(s->last) != DIGEST_LEN))
		memcpy(s->last, DIGEST_ZERO, sizeof s->last);
	return 0;
}

struct spool *spool_open(const struct spool_conf *conf, struct err *e)
{
	struct spool *s = xcalloc(1, sizeof *s);

	s->dir = xstrdup(conf->dir);
	memcpy(s->agent, conf->agent, strnlen(conf->agent, ID_LEN));
	memcpy(s->key, conf->key, sizeof s->key);
	s->max_bytes = conf->max_bytes;
	s->max_files = conf->max_files;
	s->next_number = s->next_ticket = 1;
	stream_new(s->stream);
	if (load(s, e) < 0 || (s->torn && restart(s, NULL, e) < 0)) {
		spool_close(s);
		return NULL;
	}
	return s;
}

void spool_close(struct spool *s)
{
	if (!s)
		return;
	free(s->entries);
	free(s->dir);
	explicit_bzero(s->key, sizeof s->key);
	free(s);
}

const char *spool_stream(const struct spool *s)
{
	return s->stream;
}

/* ---- adding ---- */

static void envelope_fill(
	const struct spool *s, const char *kind, const void *body, size_t len, struct envelope *env)
{
	memset(env, 0, sizeof *env);
	snprintf(env->kind, sizeof env->kind, "%s", kind);
	memcpy(env->agent, s->agent, sizeof env->agent);
	memcpy(env->stream, s->stream, sizeof env->stream);
	memcpy(env->prev, s->last, sizeof env->prev);
	env->body = body;
	env->len = len;
}

int spool_add(struct spool *s, const char *kind, const void *body, size_t len, int64_t *seq,
	struct err *e)
{
	struct envelope env;
	struct entry *x;
	int64_t size;

	if (s->bytes + HEAD_MAX + (int64_t)len > s->max_bytes || s->n >= (size_t)s->max_files)
		return err_set(e, ERR_NO_SPACE,
			"the spool holds its limit of %lld bytes in %d files",
			(long long)s->max_bytes, s->max_files);
	envelope_fill(s, kind, body, len, &env);
	env.seq = s->seq + 1;
	if (write_envelope(s, s->next_number, &env, &size, e) < 0)
		return -1;
	x = entry_push(s);
	x->number = s->next_number++;
	x->seq = ++s->seq;
	x->size = size;
	memcpy(x->stream, s->stream, sizeof x->stream);
	s->bytes += size;
	digest_hex(body, len, s->last);
	if (seq)
		*seq = x->seq;
	return 0;
}

int spool_volatile(struct spool *s, const char *kind, const void *body, size_t len, struct buf *out)
{
	struct envelope env;

	envelope_fill(s, kind, body, len, &env);
	return envelope_add(out, &env, s->key);
}

/* ---- sending ---- */

int64_t spool_collect(struct spool *s, struct buf *out, struct err *e)
{
	int64_t ticket = 0;
	struct envelope env;

	for (size_t i = 0; i < s->n; i++) {
		struct entry *x = &s->entries[i];
		if (x->state != UNSENT)
			continue;
		if (out->len + (size_t)x->size > out->max)
			break;
		if (entry_read(s, x->number, out, &env, e) < 0)
			break;
		if (!ticket)
			ticket = s->next_ticket++;
		x->state = SENT;
		x->ticket = ticket;
	}
	return ticket;
}

void spool_accepted(struct spool *s, int64_t ticket)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->entries[i].state == SENT && s->entries[i].ticket == ticket)
			s->entries[i].state = ACCEPTED;
}

void spool_lost(struct spool *s, int64_t ticket)
{
	for (size_t i = 0; i < s->n; i++)
		if (ticket == 0 || (s->entries[i].state == SENT && s->entries[i].ticket == ticket))
			s->entries[i].state = UNSENT;
}

bool spool_ask(struct spool *s)
{
	size_t i = 0;

	while (i < s->n && s->entries[i].state != ACCEPTED)
		i++;
	if (i == s->n)
		return false;
	s->entries[i].state = UNSENT;
	return true;
}

static void drop(struct spool *s, size_t i)
{
	char path[PATH_SIZE], spare[PATH_SIZE];

	entry_path(s, s->entries[i].number, path);
	spare_path(s, spare);
	if (!s->spare && s->entries[i].size <= SPARE_MAX && rename(path, spare) == 0)
		s->spare = true;
	else
		(void)file_remove(path, NULL);
	s->bytes -= s->entries[i].size;
	memmove(&s->entries[i], &s->entries[i + 1], (s->n - i - 1) * sizeof *s->entries);
	s->n--;
}

/* In its place and not waited for: at every commit, and without it a stream only begins without a `prev`. */
static void last_write(const char *path, const char digest[DIGEST_LEN])
{
	int fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return;
	(void)!write(fd, digest, DIGEST_LEN);
	close(fd);
}

int spool_committed(struct spool *s, const char *stream, int64_t seq)
{
	char path[PATH_SIZE];

	if (strcmp(stream, s->stream) == 0 && seq > s->seq)
		return -1;
	for (size_t i = 0; i < s->n;)
		if (strcmp(s->entries[i].stream, stream) == 0 && s->entries[i].seq <= seq)
			drop(s, i);
		else
			i++;
	if (s->n == 0) { /* no file is left to read it from; lost, the next stream begins without */
		last_path(s, path);
		last_write(path, s->last);
	}
	return 0;
}

int64_t spool_resend(struct spool *s, const char *stream, int64_t seq)
{
	int64_t first = strcmp(stream, s->stream) == 0 && s->seq >= seq ? s->seq + 1 : seq;
	bool any = false;

	for (size_t i = 0; i < s->n; i++) {
		struct entry *x = &s->entries[i];
		if (strcmp(x->stream, stream) != 0 || x->seq < seq)
			continue;
		x->state = UNSENT;
		if (!any || x->seq < first)
			first = x->seq;
		any = true;
	}
	return first - 1;
}

int spool_restart(struct spool *s, struct err *e)
{
	char old[STREAM_LEN + 1];

	memcpy(old, s->stream, sizeof old);
	return restart(s, old, e);
}

int spool_adopt(struct spool *s, const char *agent, const uint8_t key[MAC_KEY_BYTES], struct err *e)
{
	memcpy(s->agent, agent, sizeof s->agent);
	memcpy(s->key, key, sizeof s->key);
	return restart(s, NULL, e);
}

bool spool_waiting(const struct spool *s)
{
	return s->n > 0;
}

bool spool_holds(const struct spool *s, const char *stream, int64_t seq)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->entries[i].stream, stream) == 0 && s->entries[i].seq == seq)
			return true;
	return false;
}

int64_t spool_bytes(const struct spool *s)
{
	return s->bytes;
}

bool spool_room(const struct spool *s, int64_t bytes)
{
	return s->bytes + bytes <= s->max_bytes / 2 && s->n < (size_t)s->max_files / 2;
}
