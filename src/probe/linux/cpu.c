// SPDX-License-Identifier: Apache-2.0
/*
 * The processors: who made them, what they are, and how many sockets, cores and threads.
 *
 * Names come from /proc/cpuinfo. Counts come from the topology in /sys, where every thread lists
 * the threads of its core and of its package: a thread that is the first of such a list stands
 * for the core or the package, so counting them needs no table. Where /sys has no topology, the
 * ids in cpuinfo are counted.
 *
 * ARM processors carry numbers where x86 carries names; the tables below translate the ones that
 * run servers.
 */
#include "probe/linux/cpu.h"
#include "base/arena.h"
#include "base/text.h"
#include "probe/linux/look.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CPUINFO_MAX (32 * 1024 * 1024)
#define TOPOLOGY "/sys/devices/system/cpu/cpu%d/topology/"

struct arm_part {
	unsigned part;
	const char *name;
};

static const struct arm_part arm_parts[] = {{0xb76, "ARM1176"}, {0xc07, "Cortex-A7"},
	{0xc08, "Cortex-A8"}, {0xc09, "Cortex-A9"}, {0xc0f, "Cortex-A15"}, {0xd03, "Cortex-A53"},
	{0xd04, "Cortex-A35"}, {0xd05, "Cortex-A55"}, {0xd07, "Cortex-A57"}, {0xd08, "Cortex-A72"},
	{0xd09, "Cortex-A73"}, {0xd0a, "Cortex-A75"}, {0xd0b, "Cortex-A76"}, {0xd0c, "Neoverse-N1"},
	{0xd0d, "Cortex-A77"}, {0xd40, "Neoverse-V1"}, {0xd41, "Cortex-A78"}, {0xd44, "Cortex-X1"},
	{0xd46, "Cortex-A510"}, {0xd47, "Cortex-A710"}, {0xd48, "Cortex-X2"},
	{0xd49, "Neoverse-N2"}, {0xd4a, "Neoverse-E1"}, {0xd4f, "Neoverse-V2"},
	{0xd84, "Neoverse-V3"}, {0xd8e, "Neoverse-N3"}, {0, NULL}};
static const struct arm_part cavium_parts[] = {{0xa1, "ThunderX"}, {0xaf, "ThunderX2"}, {0, NULL}};
static const struct arm_part fujitsu_parts[] = {{0x1, "A64FX"}, {0, NULL}};
static const struct arm_part hisilicon_parts[] = {{0xd01, "Kunpeng-920"}, {0, NULL}};
static const struct arm_part nvidia_parts[] = {{0x4, "Carmel"}, {0, NULL}};
static const struct arm_part apm_parts[] = {{0x0, "X-Gene"}, {0, NULL}};
static const struct arm_part ampere_parts[] = {
	{0xac3, "Ampere-1"}, {0xac4, "Ampere-1a"}, {0, NULL}};
static const struct arm_part no_parts[] = {{0, NULL}};

static const struct {
	unsigned implementer;
	const char *name;
	const struct arm_part *parts;
} arm_vendors[] = {
	{0x41, "ARM", arm_parts},
	{0x42, "Broadcom", no_parts},
	{0x43, "Cavium", cavium_parts},
	{0x46, "Fujitsu", fujitsu_parts},
	{0x48, "HiSilicon", hisilicon_parts},
	{0x4e, "NVIDIA", nvidia_parts},
	{0x50, "APM", apm_parts},
	{0x51, "Qualcomm", no_parts},
	{0x53, "Samsung", no_parts},
	{0x56, "Marvell", no_parts},
	{0x61, "Apple", no_parts},
	{0x69, "Intel", no_parts},
	{0x6d, "Microsoft", no_parts},
	{0xc0, "Ampere", ampere_parts},
};

/* ---- /proc/cpuinfo ---- */

struct reading {
	struct cpuinfo *out;
	uint64_t *cores;       /* package << 32 | core, one a thread that has both */
	int64_t package, core; /* of the thread being read, -1 unknown */
	int counted;
	int64_t implementer, variant, part, revision; /* of the first ARM core, -1 unknown */
	int64_t other_part; /* of a core of another kind beside it, -1 none */
};

static void end_thread(struct reading *r)
{
	if (r->package >= 0 && r->core >= 0)
		r->cores[r->counted++] = (uint64_t)r->package << 32 | (uint64_t)r->core;
	r->package = r->core = -1;
}

static int64_t number(const char *value)
{
	char *end;
	long long v = strtoll(value, &end, 0);
	return end == value || *end || v < 0 || v > UINT32_MAX ? -1 : v;
}

static void take_text(char *out, size_t size, const char *value)
{
	if (!out[0] && strlen(value) < size)
		memcpy(out, value, strlen(value) + 1);
}

static void take_number(int64_t *out, const char *value)
{
	if (*out < 0)
		*out = number(value);
}

static void take(struct reading *r, const char *name, const char *value)
{
	struct cpuinfo *out = r->out;

	if (strcmp(name, "vendor_id") == 0)
		take_text(out->vendor, sizeof(out->vendor), value);
	else if (strcmp(name, "model name") == 0)
		take_text(out->model_name, sizeof(out->model_name), value);
	else if (strcmp(name, "cpu family") == 0)
		take_text(out->family, sizeof(out->family), value);
	else if (strcmp(name, "model") == 0)
		take_text(out->model, sizeof(out->model), value);
	else if (strcmp(name, "stepping") == 0)
		take_text(out->stepping, sizeof(out->stepping), value);
	else if (strcmp(name, "physical id") == 0)
		r->package = number(value);
	else if (strcmp(name, "core id") == 0)
		r->core = number(value);
	else if (strcmp(name, "CPU implementer") == 0)
		take_number(&r->implementer, value);
	else if (strcmp(name, "CPU variant") == 0)
		take_number(&r->variant, value);
	else if (strcmp(name, "CPU revision") == 0)
		take_number(&r->revision, value);
	else if (strcmp(name, "CPU part") == 0 && r->part >= 0 && number(value) != r->part)
		take_number(&r->other_part, value);
	else if (strcmp(name, "CPU part") == 0)
		take_number(&r->part, value);
}

/* "name : value"; a line without a colon says nothing. */
static int read_line(struct reading *r, const char *line, size_t len, struct err *e)
{
	char copy[512];
	if (len >= sizeof(copy)) /* the flags */
		return 0;
	memcpy(copy, line, len);
	copy[len] = 0;
	char *value = strchr(copy, ':');
	if (!value)
		return 0;
	*value++ = 0;
	char *name = text_trim(copy);
	value = text_trim(value);
	if (strcmp(name, "processor") == 0 && number(value) >= 0) {
		end_thread(r);
		if (r->out->threads >= CPU_MAX)
			return err_set(
				e, ERR_TOO_LARGE, "there are more than %d processors", CPU_MAX);
		r->out->threads++;
		return 0;
	}
	take(r, name, value);
	return 0;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static void count_cores(struct reading *r)
{
	qsort(r->cores, (size_t)r->counted, sizeof(*r->cores), by_value);
	for (int i = 0; i < r->counted; i++) {
		bool first = i == 0;
		if (first || r->cores[i] != r->cores[i - 1])
			r->out->cores++;
		if (first || r->cores[i] >> 32 != r->cores[i - 1] >> 32)
			r->out->sockets++;
	}
}

static const char *part_name(const struct arm_part *parts, int64_t part)
{
	for (; parts->name; parts++)
		if (parts->part == part)
			return parts->name;
	return NULL;
}

/* Names for an ARM processor's numbers. Two kinds of cores in one processor are told as "A + B". */
static void name_arm(const struct reading *r)
{
	struct cpuinfo *out = r->out;
	for (size_t i = 0; i < sizeof(arm_vendors) / sizeof(arm_vendors[0]); i++) {
		if (arm_vendors[i].implementer != r->implementer)
			continue;
		const char *one = part_name(arm_vendors[i].parts, r->part);
		const char *two = part_name(arm_vendors[i].parts, r->other_part);
		take_text(out->vendor, sizeof(out->vendor), arm_vendors[i].name);
		if (one && !out->model_name[0])
			snprintf(out->model_name, sizeof(out->model_name), "%s%s%s", one,
				two ? " + " : "", two ? two : "");
	}
	if (r->implementer >= 0 && !out->vendor[0])
		snprintf(out->vendor, sizeof(out->vendor), "0x%02x", (unsigned)r->implementer);
	if (r->part >= 0 && !out->model[0])
		snprintf(out->model, sizeof(out->model), "0x%03x", (unsigned)r->part);
	if (r->variant >= 0 && r->revision >= 0 && !out->stepping[0])
		snprintf(out->stepping, sizeof(out->stepping), "r%up%u", (unsigned)r->variant,
			(unsigned)r->revision);
}

int cpuinfo_parse(const char *text, size_t len, struct cpuinfo *out, struct err *e)
{
	struct reading r = {out, NULL, -1, -1, 0, -1, -1, -1, -1, -1};
	const char *end = text + len;
	int result = 0;

	*out = (struct cpuinfo){0};
	r.cores = xcalloc(CPU_MAX + 1, sizeof(*r.cores));
	while (text < end && result == 0) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));
		if (!eol)
			eol = end;
		result = read_line(&r, text, (size_t)(eol - text), e);
		text = eol < end ? eol + 1 : end;
	}
	if (result == 0) {
		end_thread(&r);
		count_cores(&r);
		name_arm(&r);
	}
	free(r.cores);
	return result;
}

/* ---- lists of processors ---- */

static const char *list_number(const char *p, int *out)
{
	if (!isdigit((unsigned char)*p))
		return NULL;
	int v = 0;
	for (; isdigit((unsigned char)*p) && v < CPU_MAX; p++)
		v = v * 10 + (*p - '0');
	*out = v;
	return v < CPU_MAX ? p : NULL;
}

int cpu_list_parse(const char *text, int *first, void (*each)(void *ctx, int cpu), void *ctx)
{
	int count = 0;
	const char *p = text;
	for (;;) {
		int from, to;
		if (!(p = list_number(p, &from)))
			return -1;
		to = from;
		if (*p == '-' && !(p = list_number(p + 1, &to)))
			return -1;
		if (to < from || count > CPU_MAX)
			return -1;
		if (count == 0)
			*first = from;
		count += to - from + 1;
		for (int cpu = from; each && cpu <= to; cpu++)
			each(ctx, cpu);
		if (*p == 0)
			return count;
		if (*p++ != ',')
			return -1;
	}
}

/* ---- the topology ---- */

struct topology {
	const struct probe_env *env;
	int sockets, cores, threads;
	bool complete; /* every thread had its lists */
};

/* Whether the thread is the first of the list in one of two files: today's name and that of
 * older kernels. */
static bool is_first(struct topology *t, int cpu, const char *file, const char *old_file)
{
	char line[4096];
	int first = -1;
	if (!subject_line(t->env, line, sizeof(line), TOPOLOGY "%s", cpu, file) &&
		!subject_line(t->env, line, sizeof(line), TOPOLOGY "%s", cpu, old_file))
		t->complete = false;
	else if (cpu_list_parse(line, &first, NULL, NULL) < 0)
		t->complete = false;
	return first == cpu;
}

static void count_thread(void *ctx, int cpu)
{
	struct topology *t = ctx;
	if (!t->complete)
		return;
	t->threads++;
	t->cores += is_first(t, cpu, "core_cpus_list", "thread_siblings_list");
	t->sockets += is_first(t, cpu, "package_cpus_list", "core_siblings_list");
}

static bool read_topology(const struct probe_env *env, struct topology *t)
{
	char online[4096];
	int first;
	*t = (struct topology){.env = env, .complete = true};
	return subject_line(env, online, sizeof(online), "/sys/devices/system/cpu/online") &&
		cpu_list_parse(online, &first, count_thread, t) > 0 && t->complete;
}

static void tell_count(struct json *attributes, const char *name, int count)
{
	if (count > 0)
		json_set_int(attributes, name, count);
}

int cpu_look(const struct probe_env *env, struct subject_out *out, struct err *e)
{
	struct cpuinfo info;
	struct topology topology;
	struct buf text;

	buf_init(&text, CPUINFO_MAX);
	int r = subject_read(env, "/proc/cpuinfo", &text, e);
	if (r == 0)
		r = cpuinfo_parse(buf_str(&text), text.len, &info, e);
	buf_release(&text);
	if (r)
		return -1;
	if (read_topology(env, &topology)) {
		info.sockets = topology.sockets;
		info.cores = topology.cores;
		info.threads = topology.threads;
	}
	subject_text(out->attributes, "host.cpu.vendor.id", info.vendor);
	subject_text(out->attributes, "host.cpu.model.name", info.model_name);
	subject_text(out->attributes, "host.cpu.family", info.family);
	subject_text(out->attributes, "host.cpu.model.id", info.model);
	subject_text(out->attributes, "host.cpu.stepping", info.stepping);
	tell_count(out->attributes, "him.cpu.sockets", info.sockets);
	tell_count(out->attributes, "him.cpu.cores", info.cores);
	tell_count(out->attributes, "him.cpu.threads", info.threads);
	return 0;
}
