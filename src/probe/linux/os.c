// SPDX-License-Identifier: Apache-2.0
/*
 * The operating system: what os-release says, the point release where the distribution keeps it
 * elsewhere (Debian), the kernel, the architecture and the time of boot.
 *
 * The kernel counts the time of boot back from the clock, so it moves whenever somebody sets the
 * clock. The time told before stays until the new one is a minute off.
 */
#include "probe/linux/os.h"
#include "base/text.h"
#include "probe/linux/look.h"
#include <ctype.h>
#include <string.h>
#include <sys/utsname.h>

#define RELEASE_MAX (64 * 1024)
#define STAT_MAX (4 * 1024 * 1024)
#define BOOT_STEP_MS (60 * 1000)

static const struct {
	const char *variable, *attribute;
} release_variables[] = {
	{"NAME", "os.name"},
	{"VERSION_ID", "os.version"},
	{"ID", "him.os.id"},
	{"PRETTY_NAME", "os.description"},
	{"BUILD_ID", "os.build_id"},
	{"VERSION_CODENAME", "him.os.codename"},
};

/* What the kernel calls a machine and what OpenTelemetry calls it. */
static const struct {
	const char *machine, *arch;
} arches[] = {
	{"x86_64", "amd64"},
	{"i386", "x86"},
	{"i486", "x86"},
	{"i586", "x86"},
	{"i686", "x86"},
	{"aarch64", "arm64"},
	{"armv6l", "arm32"},
	{"armv7l", "arm32"},
	{"armv8l", "arm32"},
	{"ppc64", "ppc64"},
	{"ppc64le", "ppc64"},
	{"ppc", "ppc32"},
	{"s390x", "s390x"},
	{"ia64", "ia64"},
};

/* The value after '=', without its quotes, into out. */
static void unquote(const char *p, const char *end, struct buf *out)
{
	char quote = 0;
	for (; p < end; p++) {
		if (*p == '\\' && quote != '\'' && p + 1 < end)
			buf_addc(out, *++p);
		else if (!quote && (*p == '"' || *p == '\''))
			quote = *p;
		else if (quote && *p == quote)
			quote = 0;
		else if (!quote && isspace((unsigned char)*p))
			return;
		else
			buf_addc(out, *p);
	}
}

static void release_line(const char *line, const char *end, struct json *out)
{
	char name[64];
	size_t n = 0;

	while (line < end && isspace((unsigned char)*line))
		line++;
	while (line + n < end && (isalnum((unsigned char)line[n]) || line[n] == '_'))
		n++;
	if (n == 0 || n >= sizeof(name) || line + n == end || line[n] != '=')
		return;
	memcpy(name, line, n);
	name[n] = 0;

	struct buf value;
	buf_init(&value, RELEASE_MAX);
	unquote(line + n + 1, end, &value);
	json_del(out, name);
	subject_text(out, name, buf_str(&value));
	buf_release(&value);
}

void os_release_parse(const char *text, size_t len, struct json *out)
{
	const char *end = text + len;
	while (text < end) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));
		release_line(text, eol ? eol : end, out);
		text = eol ? eol + 1 : end;
	}
}

int os_boot_parse(const char *text, size_t len, int64_t *ms)
{
	const char *end = text + len;
	while (text < end) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));
		if (!eol)
			eol = end;
		if (eol - text > 6 && eol - text < 32 && memcmp(text, "btime ", 6) == 0) {
			char digits[32] = "";
			memcpy(digits, text + 6, (size_t)(eol - text - 6));
			int64_t seconds;
			if (text_int(digits, "btime", 0, INT64_MAX / 1000, &seconds, NULL))
				return -1;
			*ms = seconds * 1000;
			return 0;
		}
		text = eol < end ? eol + 1 : end;
	}
	return -1;
}

static int look_at_release(const struct probe_env *env, struct json *attributes, struct err *e)
{
	static const char *const files[] = {"/etc/os-release", "/usr/lib/os-release"};
	struct json *release = json_object();
	struct buf text;
	int r = 0;

	buf_init(&text, RELEASE_MAX);
	for (size_t i = 0; i < 2 && r == 0 && text.len == 0; i++)
		r = subject_read(env, files[i], &text, e);
	os_release_parse(buf_str(&text), text.len, release);
	for (size_t i = 0; i < sizeof(release_variables) / sizeof(release_variables[0]); i++) {
		const char *value = json_str(json_get(release, release_variables[i].variable));
		if (value)
			json_set_string(attributes, release_variables[i].attribute, value);
	}
	buf_release(&text);
	json_free(release);
	return r;
}

/* Debian's VERSION_ID is "12"; the point release stands in a file of its own ("12.11", or
 * "trixie/sid" before there is one). Its children have that file too, with their parent's
 * version. */
static void look_at_debian_version(const struct probe_env *env, struct json *attributes)
{
	const char *id = json_str(json_get(attributes, "him.os.id"));
	char line[64];

	if (id && strcmp(id, "debian") == 0 &&
		subject_line(env, line, sizeof(line), "/etc/debian_version") &&
		isdigit((unsigned char)line[0]))
		subject_text(attributes, "os.version", line);
}

/* A captured machine is asked by its files only (since Linux 6.1 /proc tells the architecture). */
static void look_at_kernel(const struct probe_env *env, struct json *attributes)
{
	char line[128];
	struct utsname names;

	if (subject_line(env, line, sizeof(line), "/proc/sys/kernel/osrelease"))
		subject_text(attributes, "him.os.kernel", line);
	if (!subject_line(env, line, sizeof(line), "/proc/sys/kernel/arch")) {
		if (env->root[0] || uname(&names))
			return;
		memcpy(line, names.machine, sizeof(names.machine));
	}
	const char *arch = line;
	for (size_t i = 0; i < sizeof(arches) / sizeof(arches[0]); i++)
		if (strcmp(line, arches[i].machine) == 0)
			arch = arches[i].arch;
	subject_text(attributes, "host.arch", arch);
}

static int look_at_boot(const struct probe_env *env, struct subject_out *out, struct err *e)
{
	struct buf text;
	int64_t boot, told;
	int r;

	buf_init(&text, STAT_MAX);
	r = subject_read(env, "/proc/stat", &text, e);
	if (r == 0 && os_boot_parse(buf_str(&text), text.len, &boot) == 0) {
		if (json_to_int(json_get(out->attributes_before, "him.os.boot"), &told) == 0 &&
			boot - told < BOOT_STEP_MS && told - boot < BOOT_STEP_MS)
			boot = told;
		json_set_int(out->attributes, "him.os.boot", boot);
	}
	buf_release(&text);
	return r;
}

int os_look(const struct probe_env *env, struct subject_out *out, struct err *e)
{
	json_set_string(out->attributes, "os.type", "linux");
	look_at_kernel(env, out->attributes);
	if (look_at_release(env, out->attributes, e))
		return -1;
	look_at_debian_version(env, out->attributes);
	return look_at_boot(env, out, e);
}
