// SPDX-License-Identifier: Apache-2.0
/*
 * Installed packages, from dpkg's status file: paragraphs of "Field: value" lines, parted by
 * blank lines, one for every package that is or was installed. Only what is on the disk now is
 * told: those whose status ends in "installed" or waits for a trigger. A file of 5 MB is read
 * once when it changes, in pieces of 64 KiB, and never held whole.
 */
#include "probe/linux/package.h"
#include "base/arena.h"
#include "base/text.h"
#include "probe/linux/look.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define STATUS "/var/lib/dpkg/status"
#define PIECE (64 * 1024)

void dpkg_init(struct dpkg_parser *p,
	int (*each)(void *, const struct dpkg_package *, struct err *), void *ctx)
{
	memset(p, 0, sizeof(*p));
	p->each = each;
	p->ctx = ctx;
}

/* "want flag state": the third word. */
static bool is_installed(const char *status)
{
	static const char *const present[] = {"installed", "triggers-awaited", "triggers-pending"};
	const char *state = strrchr(status, ' ');
	for (size_t i = 0; state && i < sizeof(present) / sizeof(present[0]); i++)
		if (strcmp(state + 1, present[i]) == 0)
			return true;
	return false;
}

static int end_paragraph(struct dpkg_parser *p, struct err *e)
{
	int r = 0;
	if (p->in_paragraph && is_installed(p->status)) {
		if (!p->package.name[0] || !p->package.version[0])
			r = err_set(e, ERR_INVALID,
				"the paragraph before line %zu of dpkg's status lacks a %s",
				p->line_number, p->package.name[0] ? "version" : "name");
		else
			r = p->each(p->ctx, &p->package, e);
	}
	memset(&p->package, 0, sizeof(p->package));
	p->status[0] = 0;
	p->in_paragraph = false;
	return r;
}

static int take_field(struct dpkg_parser *p, struct err *e)
{
	struct {
		const char *name;
		char *value;
	} wanted[] = {{"Package:", p->package.name}, {"Version:", p->package.version},
		{"Architecture:", p->package.arch}, {"Status:", p->status}};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		size_t n = strlen(wanted[i].name);
		if (strncasecmp(p->line, wanted[i].name, n) != 0)
			continue;
		char *value = text_trim(p->line + n);
		if (p->line_len >= sizeof(p->line) || strlen(value) >= DPKG_VALUE_MAX)
			return err_set(e, ERR_TOO_LARGE,
				"line %zu of dpkg's status is over %d bytes", p->line_number,
				DPKG_VALUE_MAX);
		memcpy(wanted[i].value, value, strlen(value) + 1);
		return 0;
	}
	return 0;
}

static int end_line(struct dpkg_parser *p, struct err *e)
{
	p->line_number++;
	p->line[p->line_len < sizeof(p->line) ? p->line_len : sizeof(p->line) - 1] = 0;
	int r = 0;
	if (p->line_len == 0) {
		r = end_paragraph(p, e);
	} else {
		p->in_paragraph = true;
		r = take_field(p, e);
	}
	p->line_len = 0;
	return r;
}

int dpkg_feed(struct dpkg_parser *p, const char *data, size_t len, struct err *e)
{
	const char *end = data + len;
	while (data < end) {
		const char *eol = memchr(data, '\n', (size_t)(end - data));
		size_t n = (size_t)((eol ? eol : end) - data);
		if (p->line_len < sizeof(p->line)) {
			size_t room = sizeof(p->line) - p->line_len;
			memcpy(p->line + p->line_len, data, n < room ? n : room);
		}
		p->line_len += n;
		if (eol && end_line(p, e))
			return -1;
		data = eol ? eol + 1 : end;
	}
	return 0;
}

int dpkg_end(struct dpkg_parser *p, struct err *e)
{
	if (p->line_len > 0 && end_line(p, e))
		return -1;
	return end_paragraph(p, e);
}

static int add(void *ctx, const struct dpkg_package *p, struct err *e)
{
	char key[2 * DPKG_VALUE_MAX + 1];
	size_t n = strlen(p->name), arch = strlen(p->arch);

	memcpy(key, p->name, n);
	if (arch > 0)
		key[n++] = ':';
	memcpy(key + n, p->arch, arch + 1);
	return subject_add(ctx, key, json_string(p->version), e);
}

static int read_status(int fd, struct dpkg_parser *parser, struct err *e)
{
	char *piece = xmalloc(PIECE);
	ssize_t n = 0;
	int r = 0;
	while (r == 0 && (n = read(fd, piece, PIECE)) != 0) {
		if (n > 0)
			r = dpkg_feed(parser, piece, (size_t)n, e);
		else if (errno != EINTR)
			r = err_errno(e, "cannot read %s", STATUS);
	}
	free(piece);
	return r ? -1 : dpkg_end(parser, e);
}

int package_look(const struct probe_env *env, struct subject_out *out, struct err *e)
{
	struct dpkg_parser parser;
	char path[PATH_MAX];

	if (subject_path(env, path, STATUS))
		return 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : err_errno(e, "cannot open %s", STATUS);
	dpkg_init(&parser, add, out);
	int r = read_status(fd, &parser, e);
	close(fd);
	if (r == 0)
		json_set_int(out->attributes, "him.packages", (int64_t)json_len(out->section));
	return r;
}
