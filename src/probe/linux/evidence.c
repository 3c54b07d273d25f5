// SPDX-License-Identifier: Apache-2.0
/*
 * Reads the evidence of a machine: tables of files, each with the fact it says or the parser that
 * takes it. Of long files only the beginning is read (/proc/cpuinfo of 500 processors says the
 * same 500 times), so all of it fits on the stack.
 */
#include "probe/linux/evidence.h"
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define START_MAX (16 * 1024)
#define DMI "/sys/class/dmi/id/"

static const struct {
	const char *path;
	enum fact fact;
} lines[] = {
	{DMI "sys_vendor", FACT_SYS_VENDOR},
	{DMI "product_name", FACT_PRODUCT_NAME},
	{DMI "product_version", FACT_PRODUCT_VERSION},
	{DMI "product_serial", FACT_PRODUCT_SERIAL},
	{DMI "product_uuid", FACT_PRODUCT_UUID},
	{DMI "product_family", FACT_PRODUCT_FAMILY},
	{DMI "bios_vendor", FACT_BIOS_VENDOR},
	{DMI "bios_version", FACT_BIOS_VERSION},
	{DMI "board_vendor", FACT_BOARD_VENDOR},
	{DMI "board_name", FACT_BOARD_NAME},
	{DMI "board_asset_tag", FACT_BOARD_ASSET_TAG},
	{DMI "chassis_vendor", FACT_CHASSIS_VENDOR},
	{DMI "chassis_asset_tag", FACT_CHASSIS_ASSET_TAG},
	{"/proc/sys/kernel/arch", FACT_ARCH},
	{"/proc/sys/kernel/osrelease", FACT_KERNEL_RELEASE},
	{"/proc/sys/kernel/version", FACT_KERNEL_VERSION},
	{"/sys/hypervisor/type", FACT_HYPERVISOR_TYPE},
	{"/sys/hypervisor/uuid", FACT_HYPERVISOR_UUID},
	{"/sys/hypervisor/properties/features", FACT_XEN_FEATURES},
	{"/sys/hypervisor/guest_type", FACT_XEN_GUEST_TYPE},
	{"/proc/xen/capabilities", FACT_XEN_CAPABILITIES},
	{"/proc/device-tree/hypervisor/compatible", FACT_TREE_HYPERVISOR},
	{"/proc/device-tree/compatible", FACT_TREE_COMPATIBLE},
	{"/run/host/container-manager", FACT_CONTAINER_MANAGER},
	{"/run/systemd/container", FACT_CONTAINER_SYSTEMD},
};

static const struct {
	const char *path;
	enum fact fact;
} files[] = {
	{"/proc/xen", FACT_PROC_XEN},
	{"/proc/device-tree/fw-cfg", FACT_TREE_FW_CFG},
	{"/proc/device-tree/fw-cfg@9020000", FACT_TREE_FW_CFG}, /* QEMU's board "virt" */
	{"/proc/device-tree/ibm,partition-name", FACT_LPAR},
	{"/proc/ppc64/lparcfg", FACT_LPAR},
	{"/dev/mdesc", FACT_MDESC},
	{"/sys/class/vlds/ctrl", FACT_VLDS_CONTROL},
	{"/sys/devices/virtual/misc/kvm", FACT_KVM_DEVICE},
	{"/dev/kvm", FACT_KVM_DEVICE},
	{"/var/lib/hyperv/.kvp_pool_3", FACT_KVP_POOL},
	{"/proc/vz", FACT_VZ},
	{"/proc/bc", FACT_VZ_HOST},
	{"/run/.containerenv", FACT_FILE_CONTAINERENV},
	{"/.dockerenv", FACT_FILE_DOCKERENV},
	{"/.dockerinit", FACT_FILE_DOCKERINIT},
	{"/dev/lxd/sock", FACT_FILE_LXD_SOCKET},
	{"/dev/incus/sock", FACT_FILE_INCUS_SOCKET},
	{"/var/lib/lxd/devlxd", FACT_FILE_LXD_HOST},
	{"/var/snap/lxd/common/lxd/devlxd", FACT_FILE_LXD_HOST},
	{"/native/.zonecontrol/metadata.sock", FACT_FILE_ZONE_SOCKET},
	{"/run/scaleway", FACT_FILE_SCALEWAY},
	{"/var/run/scaleway", FACT_FILE_SCALEWAY},
	{"/etc/vultr", FACT_FILE_VULTR},
	{"/root/provisioningConfiguration.cfg", FACT_FILE_IBM},
};

static const struct {
	const char *path;
	void (*parse)(struct evidence *ev, const char *text, size_t len);
	bool captured; /* only beside the folders of a captured machine */
} texts[] = {
	{"/uname", evidence_uname, true},
	{"/cpuid", evidence_cpuid, true},
	{"/proc/cpuinfo", evidence_cpuinfo, false},
	{"/proc/cmdline", evidence_command, false},
	{"/proc/1/environ", evidence_environ, false},
	{"/proc/self/cgroup", evidence_cgroup, false},
	{"/proc/1/cgroup", evidence_cgroup, false},
	{"/proc/self/status", evidence_status, false},
	{"/proc/modules", evidence_modules, false},
	{"/proc/sysinfo", evidence_sysinfo, false},
	{"/dmidecode.txt", evidence_dmidecode, true},
};

/* The beginning of a file; -1 when there is none. */
static ssize_t start_of(const struct probe_env *env, const char *path, char *out, size_t size)
{
	char full[PATH_MAX];
	size_t n = 0;
	ssize_t got;
	int fd;

	if (subject_path(env, full, "%s", path) || (fd = open(full, O_RDONLY | O_CLOEXEC)) < 0)
		return -1;
	while (n < size && (got = read(fd, out + n, size - n)) > 0)
		n += (size_t)got;
	close(fd);
	return (ssize_t)n;
}

/* Of SMBIOS too where only the folder was captured that the usual path is a link to. */
static ssize_t start_of_line(const struct probe_env *env, const char *path, char *out, size_t size)
{
	static const char dmi[] = DMI;
	ssize_t n = start_of(env, path, out, size);
	char other[128];

	if (n >= 0 || strncmp(path, dmi, sizeof(dmi) - 1) != 0)
		return n;
	snprintf(other, sizeof(other), "/sys/devices/virtual/dmi/id/%s", path + sizeof(dmi) - 1);
	return start_of(env, other, out, size);
}

static bool there(const struct probe_env *env, const char *path)
{
	char full[PATH_MAX];
	struct stat st;
	return subject_path(env, full, "%s", path) == 0 && lstat(full, &st) == 0;
}

static void gather_live(struct evidence *ev)
{
	struct utsname names;

	evidence_ask_cpu(ev);
	if (uname(&names) == 0) {
		evidence_suggest(ev, FACT_ARCH, names.machine, strlen(names.machine));
		evidence_suggest(ev, FACT_KERNEL_RELEASE, names.release, strlen(names.release));
		evidence_suggest(ev, FACT_KERNEL_VERSION, names.version, strlen(names.version));
	}
}

void evidence_gather(const struct probe_env *env, struct evidence *ev)
{
	char text[START_MAX];
	ssize_t n;

	memset(ev, 0, sizeof(*ev));
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if ((n = start_of_line(env, lines[i].path, text, EVIDENCE_TEXT * 2)) >= 0)
			evidence_set(ev, lines[i].fact, text, (size_t)n);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (there(env, files[i].path))
			evidence_set(ev, files[i].fact, "yes", 3);
	if (!env->root[0])
		gather_live(ev);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if ((!texts[i].captured || env->root[0]) &&
			(n = start_of(env, texts[i].path, text, sizeof(text))) >= 0)
			texts[i].parse(ev, text, (size_t)n);
	if ((n = start_of(env, "/sys/firmware/dmi/entries/0-0/raw", text, sizeof(text))) >= 0)
		evidence_smbios_raw(ev, text, (size_t)n);
}
