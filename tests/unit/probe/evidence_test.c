// SPDX-License-Identifier: Apache-2.0
/* The parsers of evidence, each with the shapes its file is known to have. */
#include "probe/evidence.h"
#include "probe/linux/evidence.h"
#include "root.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

typedef void parser(struct evidence *ev, const char *text, size_t len);

static const struct {
	parser *parse;
	const char *text;
	enum fact fact;
	const char *want;
} rows[] = {
	/* dmidecode */
	{evidence_dmidecode,
		"BIOS Information\n\tVendor: Amazon EC2\n\tCharacteristics:\n\t\tPCI is "
		"supported\n",
		FACT_BIOS_VENDOR, "Amazon EC2"},
	{evidence_dmidecode,
		"BIOS Information\n\tVendor: x\n\tCharacteristics:\n\t\tPCI is supported\n",
		FACT_SMBIOS_VM, "no"},
	{evidence_dmidecode,
		"BIOS Information\n\tCharacteristics:\n\t\tSystem is a virtual machine\n\tBIOS "
		"Revision: 1.0\n",
		FACT_SMBIOS_VM, "yes"},
	{evidence_dmidecode, "BIOS Information\n\tVendor: x\n", FACT_SMBIOS_VM, ""},
	{evidence_dmidecode, "System Information\n\tSystem is a virtual machine\n", FACT_SMBIOS_VM,
		""},
	{evidence_dmidecode,
		"System Information\n\tManufacturer: QEMU\n\nHandle 0x0300\nChassis Information\n"
		"\tManufacturer: Red Hat\n",
		FACT_SYS_VENDOR, "QEMU"},
	{evidence_dmidecode,
		"System Information\n\tProduct Name: A\n\nSystem Information\n\tProduct Name: B\n",
		FACT_PRODUCT_NAME, "A"},
	{evidence_dmidecode, "System Information\n\tVersion: Not Specified\n", FACT_PRODUCT_VERSION,
		""},
	{evidence_dmidecode, "Base Board Information\n\tAsset Tag: i-04f9b1c5\n",
		FACT_BOARD_ASSET_TAG, "i-04f9b1c5"},
	{evidence_dmidecode, "Chassis Information\n\tAsset Tag: OracleCloud.com",
		FACT_CHASSIS_ASSET_TAG, "OracleCloud.com"},
	{evidence_dmidecode, "# dmidecode 2.11\n/dev/mem: Operation not permitted\n",
		FACT_SYS_VENDOR, ""},

	/* cpuinfo */
	{evidence_cpuinfo, "flags\t\t: fpu vme de pse tsc hypervisor lahf_lm\n",
		FACT_CPU_HYPERVISOR, "yes"},
	{evidence_cpuinfo, "flags\t\t: fpu vme de pse tsc lahf_lm\n", FACT_CPU_HYPERVISOR, "no"},
	{evidence_cpuinfo, "fpu\t\t: yes\nflags\t: fpu tsc_known hypervisor_x tsc\n",
		FACT_CPU_HYPERVISOR, "no"},
	{evidence_cpuinfo, "Features\t: fp asimd evtstrm\n", FACT_CPU_HYPERVISOR, ""},
	{evidence_cpuinfo, "vendor_id\t: User Mode Linux\nmodel name\t: UML\n", FACT_CPU_VENDOR,
		"User Mode Linux"},
	{evidence_cpuinfo, "vendor     : Xen/ia64\n", FACT_CPU_VENDOR, "Xen/ia64"},
	{evidence_cpuinfo, "QEMU Virtual CPU", FACT_CPU_MODEL, "QEMU Virtual CPU"},
	{evidence_cpuinfo, "model name\t: Common KVM processor\n", FACT_CPU_MODEL,
		"Common KVM processor"},
	{evidence_cpuinfo, "machine\t\t: CHRP IBM pSeries (emulated by qemu)\n", FACT_CPU_PLATFORM,
		"CHRP IBM pSeries (emulated by qemu)"},
	{evidence_cpuinfo, "type\t\t: sun4v\n", FACT_CPU_PLATFORM, "sun4v"},

	/* cpuid, uname */
	{evidence_cpuid, "bhyve bhyve \n", FACT_CPUID, "bhyve bhyve"},
	{evidence_cpuid, "\n", FACT_CPUID, ""},
	{evidence_cpuid, "", FACT_CPUID_READ, "yes"},
	{evidence_cpuid, "KVMKVMKVM\001\nXenVMMXenVMM\n", FACT_CPUID, "KVMKVMKVM"},
	{evidence_uname, "x86_64\n", FACT_ARCH, "x86_64"},
	{evidence_uname, "Linux web1 6.1.0-37-arm64 #1 SMP aarch64 GNU/Linux\n", FACT_ARCH,
		"aarch64"},
	{evidence_uname, "Linux web1 2.6.35.4-rscloud #8 SMP x86_64\n", FACT_KERNEL_RELEASE,
		"2.6.35.4-rscloud"},
	{evidence_uname, "BrandZ virtual linux\n", FACT_KERNEL_VERSION, "BrandZ virtual linux"},
	{evidence_uname, "toaster\n", FACT_ARCH, ""},

	/* control groups */
	{evidence_cgroup, "8:blkio:/docker/baa660ed81bc\n1:cpuset:/\n", FACT_CONTAINER_CGROUP,
		"docker"},
	{evidence_cgroup, "1:name=systemd:/docker-ce/docker/b15b85d1\n", FACT_CONTAINER_CGROUP,
		"docker"},
	{evidence_cgroup, "0::/system.slice/docker-47341c91.scope\n", FACT_CONTAINER_CGROUP,
		"docker"},
	{evidence_cgroup, "0::/system.slice/docker.service\n", FACT_CONTAINER_CGROUP, ""},
	{evidence_cgroup, "0::/system.slice/docker.socket\n4:cpu:/docker\n", FACT_CONTAINER_CGROUP,
		""},
	{evidence_cgroup, "0::/system.slice/containerd.service\n", FACT_CONTAINER_CGROUP, "docker"},
	{evidence_cgroup, "8:blkio:/lxc/vanilla\n", FACT_CONTAINER_CGROUP, "lxc"},
	{evidence_cgroup, "0::/lxc.payload.web1/init.scope\n", FACT_CONTAINER_CGROUP, "lxc"},
	{evidence_cgroup, "0::/machine.slice/libpod-0a1b.scope/container\n", FACT_CONTAINER_CGROUP,
		"podman"},
	{evidence_cgroup, "0::/machine.slice/machine-lxc\\x2d42\\x2dweb.scope\n",
		FACT_CONTAINER_CGROUP, "lxc-libvirt"},
	{evidence_cgroup, "0::/machine.slice/systemd-nspawn@web.service/payload\n",
		FACT_CONTAINER_CGROUP, "systemd-nspawn"},
	{evidence_cgroup, "0::/kubepods/besteffort/pod1/0a1b\n", FACT_CONTAINER_CGROUP,
		"kubernetes"},
	{evidence_cgroup, "0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-0a1b.scope\n",
		FACT_CONTAINER_CGROUP, "containerd"},
	{evidence_cgroup, "0::/kubepods.slice/crio-0a1b.scope\n", FACT_CONTAINER_CGROUP, "crio"},
	{evidence_cgroup, "0::/garden/0a1b\n", FACT_CONTAINER_CGROUP, "garden"},
	{evidence_cgroup, "8:blkio:/Charlie\n0::/user.slice/user-1000.slice\n",
		FACT_CONTAINER_CGROUP, ""},

	/* the rest of /proc */
	{evidence_command, "BOOT_IMAGE=/vmlinuz root=/dev/vda1 scaleway boot=local\n",
		FACT_KERNEL_COMMAND, "scaleway"},
	{evidence_command, "root=/dev/vultr quiet\n", FACT_KERNEL_COMMAND, ""},
	{evidence_status, "Name:\tcat\nVxID:\t40001\n", FACT_VSERVER_CONTEXT, "40001"},
	{evidence_status, "s_context: 0\n", FACT_VSERVER_CONTEXT, "0"},
	{evidence_status, "Name:\tVxID\n", FACT_VSERVER_CONTEXT, ""},
	{evidence_modules, "loop 1 0\nvboxdrv 268268 3 vboxnetadp\n", FACT_VBOX_HOST, "yes"},
	{evidence_modules, "vboxguest 214901 2 vboxsf\n", FACT_VBOX_GUEST, "yes"},
	{evidence_modules, "vboxguestx 1 0\n", FACT_VBOX_GUEST, ""},
	{evidence_sysinfo, "Manufacturer: IBM\nVM00 Control Program: z/VM    6.1.0\n",
		FACT_CONTROL_PROGRAM, "z/VM    6.1.0"},
};

static void test_texts(void **state)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct evidence ev = {0};
		/* exactly as long as it is, so that a look beyond is seen */
		size_t len = strlen(rows[i].text);
		char *text = malloc(len + !len);
		memcpy(text, rows[i].text, len);
		rows[i].parse(&ev, text, len);
		if (strcmp(evidence_text(&ev, rows[i].fact), rows[i].want) != 0)
			fail_msg("%s gives '%s', expected '%s'", rows[i].text,
				evidence_text(&ev, rows[i].fact), rows[i].want);
		free(text);
	}
}

static void test_environ(void **state)
{
	static const char text[] = "\0LANG=C\0container=lxc\0product_name=OpenStack Nova\0";
	struct evidence ev = {0};
	evidence_environ(&ev, text, sizeof(text));
	assert_string_equal(evidence_text(&ev, FACT_CONTAINER_ENVIRON), "lxc");
	assert_string_equal(evidence_text(&ev, FACT_PRODUCT_ENVIRON), "OpenStack Nova");
}

static void test_smbios_raw(void **state)
{
	static const struct {
		unsigned char length, byte;
		size_t len;
		const char *want;
	} bits[] = {{24, 0x1c, 26, "yes"}, {24, 0x0c, 26, "no"}, {19, 0x1c, 26, ""},
		{24, 0x1c, 19, ""}};
	for (size_t i = 0; i < COUNT(bits); i++) {
		unsigned char raw[26] = {0, bits[i].length};
		struct evidence ev = {0};
		raw[19] = bits[i].byte;
		evidence_smbios_raw(&ev, raw, bits[i].len);
		assert_string_equal(evidence_text(&ev, FACT_SMBIOS_VM), bits[i].want);
	}
}

/* Control characters and what is over the room do not come in. */
static void test_foreign_text(void **state)
{
	struct evidence ev = {0};
	char text[400];
	memset(text, 'x', sizeof(text));
	text[1] = '\033';
	text[2] = (char)0xff;
	evidence_set(&ev, FACT_SYS_VENDOR, text, sizeof(text));
	assert_int_equal(strlen(evidence_text(&ev, FACT_SYS_VENDOR)), EVIDENCE_TEXT - 1);
	assert_null(strpbrk(evidence_text(&ev, FACT_SYS_VENDOR), "\033\377"));
}

/* Every file of the tables, in a root of its own. */
static void test_gather(void **state)
{
	static const struct {
		const char *path, *text;
		enum fact fact;
		const char *want;
	} files[] = {
		{"/sys/class/dmi/id/sys_vendor", "QEMU\n", FACT_SYS_VENDOR, "QEMU"},
		{"/sys/class/dmi/id/chassis_asset_tag", "x\n", FACT_CHASSIS_ASSET_TAG, "x"},
		{"/sys/devices/virtual/dmi/id/sys_vendor", "QEMU\n", FACT_SYS_VENDOR, "QEMU"},
		{"/dev/kvm", "", FACT_KVM_DEVICE, "yes"},
		{"/proc/sys/kernel/osrelease", "6.1.0\n", FACT_KERNEL_RELEASE, "6.1.0"},
		{"/sys/hypervisor/uuid", "ec2a\n", FACT_HYPERVISOR_UUID, "ec2a"},
		{"/proc/xen/capabilities", "control_d\n", FACT_PROC_XEN, "yes"},
		{"/proc/device-tree/hypervisor/compatible", "xen,xen", FACT_TREE_HYPERVISOR,
			"xen,xen"},
		{"/proc/device-tree/ibm,partition-name", "p", FACT_LPAR, "yes"},
		{"/run/systemd/container", "podman\n", FACT_CONTAINER_SYSTEMD, "podman"},
		{"/.dockerenv", "", FACT_FILE_DOCKERENV, "yes"},
		{"/dev/mdesc", "", FACT_MDESC, "yes"},
		{"/proc/bc/0", "", FACT_VZ_HOST, "yes"},
		{"/cpuid", "KVMKVMKVM\n", FACT_CPUID, "KVMKVMKVM"},
		{"/uname", "aarch64\n", FACT_ARCH, "aarch64"},
		{"/dmidecode.txt", "System Information\n\tManufacturer: Xen\n", FACT_SYS_VENDOR,
			"Xen"},
		{"/sys/firmware/dmi/entries/0-0/raw", "", FACT_SMBIOS_VM, ""},
	};
	for (size_t i = 0; i < COUNT(files); i++) {
		char *root = root_make();
		struct probe_env env = {root};
		struct evidence ev;
		root_text(root, files[i].path, files[i].text);
		evidence_gather(&env, &ev);
		if (strcmp(evidence_text(&ev, files[i].fact), files[i].want) != 0)
			fail_msg("%s gives '%s'", files[i].path, evidence_text(&ev, files[i].fact));
		root_remove(root);
	}
}

/* What sysfs says counts more than a text that dmidecode wrote some day. */
static void test_both(void **state)
{
	char *root = root_make();
	struct probe_env env = {root};
	struct evidence ev;
	root_text(root, "/sys/class/dmi/id/sys_vendor", "QEMU\n");
	root_text(root, "/dmidecode.txt", "System Information\n\tManufacturer: Xen\n");
	evidence_gather(&env, &ev);
	assert_string_equal(evidence_text(&ev, FACT_SYS_VENDOR), "QEMU");
	root_remove(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_environ),
		cmocka_unit_test(test_smbios_raw),
		cmocka_unit_test(test_foreign_text),
		cmocka_unit_test(test_gather),
		cmocka_unit_test(test_both),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
