// SPDX-License-Identifier: Apache-2.0
/*
 * Parsers of evidence: each takes the text of one file and sets the facts that stand in it. They
 * are forgiving on purpose: the files come from kernels of twenty years, and a line that is not
 * understood is simply no evidence.
 */
#include "probe/evidence.h"
#include <ctype.h>
#include <string.h>
#include <strings.h>

struct line {
	const char *at;
	size_t len;
};

/* The next line, without its newline; false at the end. */
static bool next_line(const char **text, size_t *len, struct line *out)
{
	if (*len == 0)
		return false;
	const char *eol = memchr(*text, '\n', *len);
	out->at = *text;
	out->len = eol ? (size_t)(eol - *text) : *len;
	size_t used = out->len + (eol ? 1 : 0);
	*text += used;
	*len -= used;
	return true;
}

static bool begins(const struct line *l, const char *word)
{
	size_t n = strlen(word);
	return l->len >= n && memcmp(l->at, word, n) == 0;
}

static bool holds(const char *text, size_t len, const char *part)
{
	return memmem(text, len, part, strlen(part)) != NULL;
}

/* "key : value", "key:\tvalue": the value, when the key is this one. */
static bool value_of(const struct line *l, const char *key, struct line *value)
{
	size_t n = strlen(key);
	if (!begins(l, key))
		return false;
	while (n < l->len && (l->at[n] == ' ' || l->at[n] == '\t'))
		n++;
	if (n == l->len || l->at[n] != ':')
		return false;
	*value = (struct line){l->at + n + 1, l->len - n - 1};
	return true;
}

static void yes(struct evidence *ev, enum fact fact)
{
	evidence_set(ev, fact, "yes", 3);
}

/* ---- dmidecode ---- */

static const struct {
	const char *section, *key;
	enum fact fact;
} dmi_rows[] = {
	{"BIOS Information", "Vendor", FACT_BIOS_VENDOR},
	{"BIOS Information", "Version", FACT_BIOS_VERSION},
	{"System Information", "Manufacturer", FACT_SYS_VENDOR},
	{"System Information", "Product Name", FACT_PRODUCT_NAME},
	{"System Information", "Version", FACT_PRODUCT_VERSION},
	{"System Information", "Serial Number", FACT_PRODUCT_SERIAL},
	{"System Information", "UUID", FACT_PRODUCT_UUID},
	{"System Information", "Family", FACT_PRODUCT_FAMILY},
	{"Base Board Information", "Manufacturer", FACT_BOARD_VENDOR},
	{"Base Board Information", "Product Name", FACT_BOARD_NAME},
	{"Base Board Information", "Asset Tag", FACT_BOARD_ASSET_TAG},
	{"Chassis Information", "Manufacturer", FACT_CHASSIS_VENDOR},
	{"Chassis Information", "Asset Tag", FACT_CHASSIS_ASSET_TAG},
};

static void dmi_line(struct evidence *ev, const struct line *section, const struct line *l)
{
	struct line in = *l, value;

	while (in.len > 0 && isspace((unsigned char)*in.at))
		in.at++, in.len--;
	for (size_t i = 0; i < sizeof(dmi_rows) / sizeof(dmi_rows[0]); i++)
		if (begins(section, dmi_rows[i].section) &&
			value_of(&in, dmi_rows[i].key, &value) &&
			!holds(value.at, value.len, "Not Specified"))
			evidence_suggest(ev, dmi_rows[i].fact, value.at, value.len);
	if (begins(section, "BIOS Information") && begins(&in, "System is a virtual machine"))
		yes(ev, FACT_SMBIOS_VM);
}

void evidence_dmidecode(struct evidence *ev, const char *text, size_t len)
{
	struct line l, section = {"", 0};

	while (next_line(&text, &len, &l)) {
		if (l.len > 0 && !isspace((unsigned char)*l.at))
			section = l;
		else if (l.len > 0)
			dmi_line(ev, &section, &l);
		/* A firmware that fills in its characteristics would say so. */
		if (l.len > 0 && l.at[0] == '\t' && begins(&section, "BIOS Information") &&
			holds(l.at, l.len, "Characteristics"))
			evidence_suggest(ev, FACT_SMBIOS_VM, "no", 2);
	}
}

void evidence_smbios_raw(struct evidence *ev, const void *data, size_t len)
{
	const unsigned char *p = data;

	/* Type 0: the second byte of the characteristics' extension stands at 19 (DSP0134). */
	if (len < 20 || p[0] != 0 || p[1] < 20)
		return;
	if (p[19] & 0x10)
		yes(ev, FACT_SMBIOS_VM);
	else
		evidence_set(ev, FACT_SMBIOS_VM, "no", 2);
}

/* ---- /proc/cpuinfo ---- */

static bool has_word(const struct line *l, const char *word)
{
	size_t n = strlen(word);
	for (size_t i = 0; i + n <= l->len; i++)
		if (memcmp(l->at + i, word, n) == 0 &&
			(i == 0 || isspace((unsigned char)l->at[i - 1])) &&
			(i + n == l->len || isspace((unsigned char)l->at[i + n])))
			return true;
	return false;
}

static const struct {
	const char *key;
	enum fact fact;
} cpuinfo_rows[] = {
	{"vendor_id", FACT_CPU_VENDOR}, {"vendor", FACT_CPU_VENDOR}, /* ia64 */
	{"model name", FACT_CPU_MODEL},
	{"machine", FACT_CPU_PLATFORM},  /* POWER: "CHRP IBM pSeries (emulated by qemu)" */
	{"platform", FACT_CPU_PLATFORM}, /* POWER: "PowerNV" */
	{"type", FACT_CPU_PLATFORM},     /* SPARC: "sun4v" */
};

/* Models that name themselves, wherever on the line. */
static const char *const cpu_models[] = {
	"QEMU Virtual CPU", "Common KVM processor", "Common 32-bit KVM processor"};

void evidence_cpuinfo(struct evidence *ev, const char *text, size_t len)
{
	struct line l, value;

	while (next_line(&text, &len, &l)) {
		for (size_t i = 0; i < sizeof(cpuinfo_rows) / sizeof(cpuinfo_rows[0]); i++)
			if (value_of(&l, cpuinfo_rows[i].key, &value))
				evidence_suggest(ev, cpuinfo_rows[i].fact, value.at, value.len);
		for (size_t i = 0; i < sizeof(cpu_models) / sizeof(cpu_models[0]); i++)
			if (holds(l.at, l.len, cpu_models[i]))
				evidence_suggest(
					ev, FACT_CPU_MODEL, cpu_models[i], strlen(cpu_models[i]));
		if (has_word(&l, "fpu") && has_word(&l, "tsc")) { /* the flags of an x86 */
			if (has_word(&l, "hypervisor"))
				yes(ev, FACT_CPU_HYPERVISOR);
			else
				evidence_suggest(ev, FACT_CPU_HYPERVISOR, "no", 2);
		}
	}
}

/* ---- CPUID and uname ---- */

void evidence_cpuid(struct evidence *ev, const char *text, size_t len)
{
	struct line l = {"", 0};

	yes(ev, FACT_CPUID_READ);
	next_line(&text, &len, &l);
	evidence_set(ev, FACT_CPUID, l.at, l.len);
}

static const char *const arches[] = {"x86_64", "amd64", "i386", "i486", "i586", "i686", "aarch64",
	"arm64", "armv6l", "armv7l", "armv8l", "ppc64le", "ppc64", "ppc", "s390x", "s390", "ia64",
	"sparc64", "sparc", "riscv64", "loongarch64"};

void evidence_uname(struct evidence *ev, const char *text, size_t len)
{
	static const char brandz[] = "BrandZ virtual linux";
	struct line l;

	while (next_line(&text, &len, &l)) {
		for (size_t i = 0; i < sizeof(arches) / sizeof(arches[0]); i++)
			if (has_word(&l, arches[i]))
				evidence_suggest(ev, FACT_ARCH, arches[i], strlen(arches[i]));
		if (holds(l.at, l.len, brandz))
			evidence_set(ev, FACT_KERNEL_VERSION, brandz, sizeof(brandz) - 1);
		/* "Linux NAME RELEASE …": the release is the word that begins with a digit. */
		for (size_t i = 1; i < l.len; i++)
			if (isdigit((unsigned char)l.at[i]) && l.at[i - 1] == ' ' &&
				begins(&l, "Linux ")) {
				const char *end = memchr(l.at + i, ' ', l.len - i);
				evidence_suggest(ev, FACT_KERNEL_RELEASE, l.at + i,
					end ? (size_t)(end - l.at) - i : l.len - i);
				break;
			}
	}
}

/* ---- /proc/1/environ and the rest of /proc ---- */

void evidence_command(struct evidence *ev, const char *text, size_t len)
{
	static const char *const words[] = {"scaleway", "vultr"};
	struct line l = {text, len};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (has_word(&l, words[i]))
			evidence_suggest(ev, FACT_KERNEL_COMMAND, words[i], strlen(words[i]));
}

void evidence_environ(struct evidence *ev, const char *text, size_t len)
{
	while (len > 0) {
		const char *end = memchr(text, 0, len);
		struct line l = {text, end ? (size_t)(end - text) : len};
		if (begins(&l, "container="))
			evidence_set(ev, FACT_CONTAINER_ENVIRON, l.at + 10, l.len - 10);
		if (begins(&l, "product_name="))
			evidence_set(ev, FACT_PRODUCT_ENVIRON, l.at + 13, l.len - 13);
		size_t used = l.len + (end ? 1 : 0);
		text += used;
		len -= used;
	}
}

/* One component of a control group's path, as engines call theirs. `rest` rows want more after
 * them: a host has a group "docker" of its own, an empty one. */
static const struct {
	const char *begin, *end;
	bool rest;
	const char *engine;
} cgroup_rows[] = {
	{"libpod-", "", false, "podman"},
	{"libpod_parent", "", false, "podman"},
	{"docker-", ".scope", false, "docker"},
	{"docker", "", true, "docker"},
	{"lxc.payload", "", false, "lxc"},
	{"lxc", "", true, "lxc"},
	{"machine-lxc\\x2d", "", false, "lxc-libvirt"},
	{"systemd-nspawn@", "", false, "systemd-nspawn"},
	{"crio-", "", false, "crio"},
	{"cri-containerd-", "", false, "containerd"},
	{"garden", "", true, "garden"},
	{"kubepods", "", false, "kubernetes"},
	/* A command that containerd's shim started and gave no group of its own: Docker in a runner
	 * of builds. */
	{"containerd.service", "", false, "docker"},
};

static const char *component_engine(const struct line *c, bool more)
{
	for (size_t i = 0; i < sizeof(cgroup_rows) / sizeof(cgroup_rows[0]); i++) {
		size_t begin = strlen(cgroup_rows[i].begin), end = strlen(cgroup_rows[i].end);
		if (cgroup_rows[i].rest && (!more || c->len != begin))
			continue;
		if (c->len >= begin + end && begins(c, cgroup_rows[i].begin) &&
			memcmp(c->at + c->len - end, cgroup_rows[i].end, end) == 0)
			return cgroup_rows[i].engine;
	}
	return NULL;
}

/* The innermost engine of a path: a container may stand in a container. */
static const char *path_engine(const struct line *l)
{
	const char *path = memchr(l->at, '/', l->len), *end = l->at + l->len, *engine = NULL;

	while (path && ++path < end) {
		const char *slash = memchr(path, '/', (size_t)(end - path));
		struct line c = {path, (size_t)((slash ? slash : end) - path)};
		const char *here = component_engine(&c, slash && slash + 1 < end);
		engine = here ? here : engine;
		path = slash;
	}
	return engine;
}

void evidence_cgroup(struct evidence *ev, const char *text, size_t len)
{
	struct line l;

	while (next_line(&text, &len, &l)) {
		const char *engine = path_engine(&l);
		if (engine)
			evidence_suggest(ev, FACT_CONTAINER_CGROUP, engine, strlen(engine));
	}
}

void evidence_status(struct evidence *ev, const char *text, size_t len)
{
	struct line l, value;

	while (next_line(&text, &len, &l))
		if (value_of(&l, "VxID", &value) || value_of(&l, "s_context", &value))
			evidence_suggest(ev, FACT_VSERVER_CONTEXT, value.at, value.len);
}

void evidence_modules(struct evidence *ev, const char *text, size_t len)
{
	struct line l;

	while (next_line(&text, &len, &l)) {
		if (begins(&l, "vboxguest "))
			yes(ev, FACT_VBOX_GUEST);
		if (begins(&l, "vboxdrv "))
			yes(ev, FACT_VBOX_HOST);
	}
}

void evidence_sysinfo(struct evidence *ev, const char *text, size_t len)
{
	struct line l, value;

	while (next_line(&text, &len, &l))
		if (value_of(&l, "VM00 Control Program", &value))
			evidence_suggest(ev, FACT_CONTROL_PROGRAM, value.at, value.len);
}
