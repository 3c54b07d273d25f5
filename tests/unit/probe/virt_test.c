// SPDX-License-Identifier: Apache-2.0
/*
 * Which machine am I in: a machine for every row of the tables. Those of clouds and of Ohai's
 * cases are recorded (tests/data/detect); the rest is the facts that such a machine is known to
 * show, written down here.
 */
#include "probe/virt.h"
#include "cloud_record.h"
#include "base/arena.h"
#include "base/file.h"
#include "probe/probe.h"
#include "root.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct fact_text {
	enum fact fact;
	const char *text;
};

struct machine {
	const char *name;
	struct fact_text facts[6];
	const char *kind, *hypervisor, *role, *container, *provider;
};

#define X86                                                                                        \
	{                                                                                          \
		FACT_ARCH, "x86_64"                                                                \
	}
#define ARM                                                                                        \
	{                                                                                          \
		FACT_ARCH, "aarch64"                                                               \
	}
#define ASKED                                                                                      \
	{                                                                                          \
		FACT_CPUID_READ, "yes"                                                             \
	}
#define VENDOR(t)                                                                                  \
	{                                                                                          \
		FACT_SYS_VENDOR, t                                                                 \
	}
#define PRODUCT(t)                                                                                 \
	{                                                                                          \
		FACT_PRODUCT_NAME, t                                                               \
	}
#define BIOS(t)                                                                                    \
	{                                                                                          \
		FACT_BIOS_VENDOR, t                                                                \
	}
#define ASSET(t)                                                                                   \
	{                                                                                          \
		FACT_CHASSIS_ASSET_TAG, t                                                          \
	}
#define SIGNATURE(t) {FACT_CPUID, t}, ASKED
#define FLAG                                                                                       \
	{                                                                                          \
		FACT_CPU_HYPERVISOR, "yes"                                                         \
	}
#define NO_FLAG                                                                                    \
	{                                                                                          \
		FACT_CPU_HYPERVISOR, "no"                                                          \
	}
#define VM(hypervisor) "vm", hypervisor, "guest", NULL, NULL
#define IN(provider, hypervisor) "vm", hypervisor, "guest", NULL, provider
#define CONTAINER(name) "container", NULL, "guest", name, NULL
#define HOST(hypervisor) "physical", hypervisor, "host", NULL, NULL
#define METAL "physical", NULL, "none", NULL, NULL

static const struct machine machines[] = {
	{"nothing known", {{0}}, METAL},
	{"a laptop", {VENDOR("LENOVO"), PRODUCT("4384BR2"), NO_FLAG, SIGNATURE("@")}, METAL},
	{"a host of KVM", {VENDOR("Dell Inc."), NO_FLAG, {FACT_KVM_DEVICE, "yes"}}, HOST("kvm")},
	{"a host of VirtualBox", {NO_FLAG, {FACT_VBOX_HOST, "yes"}}, HOST("virtualbox")},
	{"a Nutanix node", {VENDOR("Nutanix"), PRODUCT("NX-1065-G5"), NO_FLAG}, METAL},
	{"a Chromebook", {VENDOR("Google"), PRODUCT("Eve"), BIOS("coreboot")}, METAL},
	{"an Oracle server",
		{VENDOR("Oracle Corporation"), PRODUCT("SUN FIRE X4170 M2 SERVER"),
			{FACT_BOARD_VENDOR, "Oracle Corporation"}, NO_FLAG},
		METAL},

	/* own marks */
	{"UML", {{FACT_CPU_VENDOR, "User Mode Linux"}}, VM("uml")},
	{"Xen on ia64", {{FACT_CPU_VENDOR, "Xen/ia64"}}, VM("xen")},
	{"Lx86", {{FACT_CPU_VENDOR, "PowerVM Lx86"}}, VM("powervm")},
	{"Nutanix AHV", {VENDOR("Nutanix"), PRODUCT("AHV"), SIGNATURE("KVMKVMKVM")},
		VM("nutanix_ahv")},
	{"VirtualBox over KVM",
		{VENDOR("innotek GmbH"), PRODUCT("VirtualBox"), SIGNATURE("KVMKVMKVM")},
		VM("virtualbox")},
	{"VirtualBox's board", {{FACT_BOARD_NAME, "VirtualBox"}}, VM("virtualbox")},
	{"VirtualBox's vendor", {VENDOR("innotek GmbH")}, VM("virtualbox")},
	{"VirtualBox's firmware", {BIOS("innotek GmbH")}, VM("virtualbox")},
	{"VirtualBox's module", {{FACT_VBOX_GUEST, "yes"}}, VM("virtualbox")},
	{"Parallels' vendor", {VENDOR("Parallels Software International Inc.")}, VM("parallels")},
	{"Parallels' product", {PRODUCT("Parallels Virtual Platform")}, VM("parallels")},
	{"Parallels' firmware", {BIOS("Parallels International GmbH.")}, VM("parallels")},
	{"bhyve's firmware", {BIOS("BHYVE")}, VM("bhyve")},
	{"bhyve's product", {PRODUCT("BHYVE"), SIGNATURE("bhyve bhyve")}, VM("bhyve")},
	{"vmm's vendor", {VENDOR("OpenBSD"), PRODUCT("VMM")}, VM("vmm")},
	{"vmm's firmware", {BIOS("OpenBSD")}, VM("vmm")},
	{"Veertu", {VENDOR("Veertu")}, VM("veertu")},
	{"Apple", {PRODUCT("Apple Virtualization Generic Platform"), ARM}, VM("apple")},
	{"Virtage", {VENDOR("HITACHI"), PRODUCT("HITACHI LPAR")}, VM("virtage")},
	{"Xen HVM that pleases Windows",
		{VENDOR("Xen"), PRODUCT("HVM domU"), SIGNATURE("Microsoft Hv")}, VM("xen")},
	{"Xen's firmware", {BIOS("Xen")}, VM("xen")},
	{"Xen's product", {PRODUCT("HVM domU")}, VM("xen")},
	{"Xen PV inside KVM", {{FACT_PROC_XEN, "yes"}, SIGNATURE("KVMKVMKVM")}, VM("xen")},
	{"Xen PV", {{FACT_HYPERVISOR_TYPE, "xen"}}, VM("xen")},
	{"Xen's control domain",
		{{FACT_PROC_XEN, "yes"}, {FACT_XEN_CAPABILITIES, "control_d"}, VENDOR("Dell Inc.")},
		HOST("xen")},
	{"Xen's control domain by its features",
		{{FACT_HYPERVISOR_TYPE, "xen"}, {FACT_XEN_FEATURES, "00000fc3"},
			SIGNATURE("KVMKVMKVM")},
		HOST("xen")},
	{"Xen's guest by its features",
		{{FACT_HYPERVISOR_TYPE, "xen"}, {FACT_XEN_FEATURES, "000002fe"}}, VM("xen")},

	{"Xen by its UUID", {{FACT_HYPERVISOR_UUID, "0a1b"}}, VM("xen")},
	{"Virtual PC", {VENDOR("Microsoft Corporation"), PRODUCT("Virtual Machine"), ASKED, X86},
		VM("virtualpc")},
	{"a bare machine of Vultr", {VENDOR("Supermicro"), {FACT_KERNEL_COMMAND, "vultr"}},
		"physical", NULL, "none", NULL, "vultr"},

	/* signatures */
	{"KVM", {SIGNATURE("KVMKVMKVM"), FLAG}, VM("kvm")},
	{"KVM by another name", {SIGNATURE("Linux KVM Hv"), FLAG}, VM("kvm")},
	{"QEMU", {SIGNATURE("TCGTCGTCGTCG"), FLAG}, VM("qemu")},
	{"Xen", {SIGNATURE("XenVMMXenVMM"), FLAG}, VM("xen")},
	{"VMware", {SIGNATURE("VMwareVMware"), FLAG}, VM("vmware")},
	{"VirtualBox", {SIGNATURE("VBoxVBoxVBox"), FLAG}, VM("virtualbox")},
	{"Parallels", {SIGNATURE("lrpepyh  vr"), FLAG}, VM("parallels")},
	{"Parallels too", {SIGNATURE("prl hyperv"), FLAG}, VM("parallels")},
	{"bhyve", {SIGNATURE("bhyve bhyve"), FLAG}, VM("bhyve")},
	{"vmm", {SIGNATURE("OpenBSDVMM58"), FLAG}, VM("vmm")},
	{"lkvm", {SIGNATURE("LKVMLKVMLKVM"), FLAG}, VM("lkvm")},
	{"ACRN", {SIGNATURE("ACRNACRNACRN"), FLAG}, VM("acrn")},
	{"QNX", {SIGNATURE("QNXQVMBSQG"), FLAG}, VM("qnx")},
	{"Jailhouse", {SIGNATURE("Jailhouse"), FLAG}, VM("jailhouse")},
	{"SRE", {SIGNATURE("SRESRESRESRE"), FLAG}, VM("sre")},
	{"HAXM", {SIGNATURE("HAXMHAXMHAXM"), FLAG}, VM("haxm")},
	{"NVMM", {SIGNATURE("___ NVMM ___"), FLAG}, VM("nvmm")},
	{"sPAR", {SIGNATURE("UnisysSpar64"), FLAG}, VM("spar")},
	{"Apple's", {SIGNATURE("Apple VZ"), FLAG}, VM("apple")},
	{"Hyper-V",
		{SIGNATURE("Microsoft Hv"), VENDOR("Microsoft Corporation"),
			PRODUCT("Virtual Machine")},
		VM("hyperv")},
	{"Hyper-V, firmware unknown", {SIGNATURE("Microsoft Hv"), FLAG}, VM("hyperv")},
	{"KVM that pleases Windows", {SIGNATURE("Microsoft Hv"), VENDOR("Red Hat"), PRODUCT("KVM")},
		VM("kvm")},
	{"QEMU's machine that pleases Windows",
		{SIGNATURE("Microsoft Hv"), VENDOR("QEMU"),
			PRODUCT("Standard PC (Q35 + ICH9, 2009)")},
		VM("kvm")},
	{"a cloud's KVM that pleases Windows", {SIGNATURE("Microsoft Hv"), VENDOR("DigitalOcean")},
		IN("digitalocean", "kvm")},
	{"VMware that pleases Windows", {SIGNATURE("Microsoft Hv"), VENDOR("VMware, Inc.")},
		VM("vmware")},

	/* platforms */
	{"KVM on a tree", {{FACT_TREE_HYPERVISOR, "linux,kvm"}, ARM}, VM("kvm")},
	{"Xen on arm64", {{FACT_TREE_HYPERVISOR, "xen,xen-4.17xen,xen"}, ARM}, VM("xen")},
	{"VMware on arm64", {{FACT_TREE_HYPERVISOR, "vmware"}, ARM}, VM("vmware")},
	{"KVM on POWER",
		{{FACT_CPU_PLATFORM, "CHRP IBM pSeries (emulated by qemu)"}, {FACT_LPAR, "yes"}},
		VM("kvm")},
	{"pSeries of QEMU", {{FACT_TREE_COMPATIBLE, "qemu,pseries"}, {FACT_LPAR, "yes"}},
		VM("kvm")},
	{"QEMU's board", {{FACT_TREE_FW_CFG, "yes"}, ARM}, VM("qemu")},
	{"LPAR", {{FACT_LPAR, "yes"}, {FACT_CPU_PLATFORM, "CHRP IBM,9117-MMA"}}, VM("powervm")},
	{"PowerNV", {{FACT_CPU_PLATFORM, "PowerNV 8247-22L"}}, METAL},
	{"z/VM", {{FACT_CONTROL_PROGRAM, "z/VM    6.1.0"}, {FACT_ARCH, "s390x"}}, VM("zvm")},
	{"KVM on Z", {{FACT_CONTROL_PROGRAM, "KVM/Linux"}, {FACT_ARCH, "s390x"}}, VM("kvm")},
	{"a logical domain", {{FACT_MDESC, "yes"}, {FACT_ARCH, "sparc64"}}, VM("ldoms")},
	{"a logical domain's cpuinfo", {{FACT_CPU_PLATFORM, "sun4v"}}, VM("ldoms")},
	{"the control domain",
		{{FACT_MDESC, "yes"}, {FACT_ARCH, "sparc64"}, {FACT_VLDS_CONTROL, "yes"}},
		HOST("ldoms")},

	/* firmware */
	{"KVM on arm64", {VENDOR("QEMU"), PRODUCT("KVM Virtual Machine"), ARM}, VM("kvm")},
	{"QEMU on arm64", {VENDOR("QEMU"), PRODUCT("QEMU Virtual Machine"), ARM}, VM("qemu")},
	{"QEMU, CPUID unknown", {VENDOR("QEMU"), X86}, VM("kvm")},
	{"QEMU, CPUID says nothing", {VENDOR("QEMU"), ASKED, X86}, VM("qemu")},
	{"QEMU's chassis", {{FACT_CHASSIS_VENDOR, "QEMU"}}, VM("kvm")},
	{"QEMU's board vendor", {{FACT_BOARD_VENDOR, "QEMU"}}, VM("kvm")},
	{"Bochs", {VENDOR("Bochs"), SIGNATURE("?")}, VM("qemu")},
	{"Bochs' firmware", {BIOS("Bochs"), SIGNATURE("?")}, VM("qemu")},
	{"SeaBIOS", {BIOS("SeaBIOS"), FLAG}, VM("kvm")},
	{"QEMU's processor", {{FACT_CPU_MODEL, "QEMU Virtual CPU version 0.13.0"}, ASKED},
		VM("qemu")},
	{"KVM's processor", {{FACT_CPU_MODEL, "Common KVM processor"}}, VM("kvm")},
	{"KVM's small processor", {{FACT_CPU_MODEL, "Common 32-bit KVM processor"}}, VM("kvm")},
	{"RHEV", {VENDOR("Red Hat"), PRODUCT("RHEV Hypervisor")}, VM("kvm")},
	{"RHEL", {VENDOR("Red Hat"), PRODUCT("RHEL")}, VM("kvm")},
	{"oVirt", {VENDOR("oVirt")}, VM("kvm")},
	{"oVirt's product", {PRODUCT("oVirt Node")}, VM("kvm")},
	{"KubeVirt", {VENDOR("KubeVirt")}, VM("kvm")},
	{"KubeVirt's product", {PRODUCT("KubeVirt")}, VM("kvm")},
	{"KubeVirt's family", {{FACT_PRODUCT_FAMILY, "KubeVirt"}}, VM("kvm")},
	{"VMware's vendor", {VENDOR("VMware, Inc.")}, VM("vmware")},
	{"VMware's product", {PRODUCT("VMware7,1")}, VM("vmware")},
	{"VMware's firmware", {BIOS("VMW71.00V")}, VM("vmware")},
	{"Hyper-V's firmware", {VENDOR("Microsoft Corporation"), PRODUCT("Virtual Machine"), ARM},
		VM("hyperv")},
	{"Hyper-V's version", {{FACT_PRODUCT_VERSION, "Hyper-V UEFI Release v4.1"}}, VM("hyperv")},
	{"Hyper-V's pool", {{FACT_KVP_POOL, "yes"}}, VM("hyperv")},
	{"a Surface", {VENDOR("Microsoft Corporation"), PRODUCT("Surface Pro 7"), NO_FLAG}, METAL},
	{"the flag alone", {FLAG}, VM(NULL)},
	{"the bit alone", {{FACT_SMBIOS_VM, "yes"}}, VM(NULL)},
	{"KVM nested, signature hidden", {FLAG, {FACT_KVM_DEVICE, "yes"}}, VM("kvm")},

	/* containers */
	{"OpenVZ", {{FACT_VZ, "yes"}}, CONTAINER("openvz")},
	{"OpenVZ's host", {{FACT_VZ, "yes"}, {FACT_VZ_HOST, "yes"}}, HOST(NULL)},
	{"a zone", {{FACT_KERNEL_VERSION, "BrandZ virtual linux"}}, CONTAINER("illumos-lx")},
	{"WSL 1", {{FACT_KERNEL_RELEASE, "4.4.0-18362-Microsoft"}}, CONTAINER("wsl")},
	{"WSL 2",
		{{FACT_KERNEL_RELEASE, "5.15.90.1-microsoft-standard-WSL2"},
			SIGNATURE("Microsoft Hv")},
		"container", "hyperv", "guest", "wsl", NULL},
	{"a WSL kernel by name", {{FACT_KERNEL_RELEASE, "5.10.0-WSL2"}}, CONTAINER("wsl")},
	{"nspawn says so itself", {{FACT_CONTAINER_MANAGER, "systemd-nspawn"}},
		CONTAINER("systemd-nspawn")},
	{"systemd wrote it down", {{FACT_CONTAINER_SYSTEMD, "podman"}}, CONTAINER("podman")},
	{"an engine of tomorrow", {{FACT_CONTAINER_ENVIRON, "quux"}}, CONTAINER("other")},
	{"LXC", {{FACT_CONTAINER_ENVIRON, "lxc"}, {FACT_KVM_DEVICE, "yes"}}, CONTAINER("lxc")},
	{"LXD", {{FACT_FILE_LXD_SOCKET, "yes"}}, CONTAINER("lxd")},
	{"LXD's VM",
		{{FACT_FILE_LXD_SOCKET, "yes"}, {FACT_BOARD_NAME, "LXD"}, SIGNATURE("KVMKVMKVM")},
		VM("kvm")},
	{"Incus", {{FACT_FILE_INCUS_SOCKET, "yes"}}, CONTAINER("incus")},
	{"Podman with Docker's file",
		{{FACT_FILE_CONTAINERENV, "yes"}, {FACT_FILE_DOCKERENV, "yes"}},
		CONTAINER("podman")},
	{"Docker on a VM",
		{{FACT_FILE_DOCKERENV, "yes"}, SIGNATURE("KVMKVMKVM"), VENDOR("Amazon EC2")},
		"container", "kvm", "guest", "docker", "aws"},
	{"Docker long ago", {{FACT_FILE_DOCKERINIT, "yes"}}, CONTAINER("docker")},
	{"by its control group", {{FACT_CONTAINER_CGROUP, "kubernetes"}}, CONTAINER("kubernetes")},
	{"VServer", {{FACT_VSERVER_CONTEXT, "40001"}}, CONTAINER("linux-vserver")},
	{"VServer's host", {{FACT_VSERVER_CONTEXT, "0"}}, HOST(NULL)},
	{"LXD's host", {{FACT_FILE_LXD_HOST, "yes"}}, HOST(NULL)},

	/* clouds; those recorded in clouds.jsonl are not here */
	{"EC2 by its UUID in Xen",
		{{FACT_HYPERVISOR_UUID, "ec2c6e2f-5fac-4fc7-9c82-74127ec14bbb"},
			{FACT_HYPERVISOR_TYPE, "xen"}},
		IN("aws", "xen")},
	{"EC2 by serial and UUID",
		{{FACT_PRODUCT_UUID, "EC23A875-0000"}, {FACT_PRODUCT_SERIAL, "ec23a875-0000"},
			FLAG},
		IN("aws", "kvm")},
	{"EC2's firmware", {BIOS("Amazon EC2"), ARM}, IN("aws", "kvm")},
	{"EC2's Xen", {{FACT_BIOS_VERSION, "4.2.amazon"}, VENDOR("Xen")}, IN("aws", "xen")},
	{"EC2's Xen, by product", {{FACT_PRODUCT_VERSION, "4.11.amazon"}, VENDOR("Xen")},
		IN("aws", "xen")},
	{"EC2 metal by its name", {VENDOR("Amazon EC2"), PRODUCT("c6g.metal"), ARM}, "physical",
		NULL, "none", NULL, "aws"},
	{"Google by its serial", {{FACT_PRODUCT_SERIAL, "GoogleCloud-8f2e88f"}, FLAG},
		IN("gcp", "kvm")},
	{"Google long ago", {VENDOR("Google"), PRODUCT("Google"), FLAG}, IN("gcp", "kvm")},
	{"Google metal by its firmware", {PRODUCT("Google Compute Engine"), BIOS("Google LLC")},
		"physical", NULL, "none", NULL, "gcp"},
	{"Alibaba by product", {PRODUCT("Alibaba Cloud ECS"), SIGNATURE("XenVMMXenVMM")},
		IN("alibaba_cloud", "xen")},
	{"Alibaba metal", {VENDOR("Alibaba Cloud"), NO_FLAG}, "physical", NULL, "none", NULL,
		"alibaba_cloud"},
	{"Alibaba metal on arm64", {VENDOR("Alibaba Cloud"), ARM, {FACT_SMBIOS_VM, "no"}},
		"physical", NULL, "none", NULL, "alibaba_cloud"},
	{"Tencent", {VENDOR("Tencent Cloud"), PRODUCT("CVM"), SIGNATURE("KVMKVMKVM")},
		IN("tencent_cloud", "kvm")},
	{"Oracle", {ASSET("OracleCloud.com"), VENDOR("QEMU"), SIGNATURE("KVMKVMKVM")},
		IN("oracle_cloud", "kvm")},
	{"Oracle metal",
		{ASSET("OracleCloud.com"), VENDOR("Oracle Corporation"),
			PRODUCT("ORACLE SERVER X7-2"), NO_FLAG},
		"physical", NULL, "none", NULL, "oracle_cloud"},
	{"IBM", {ASSET("ibmcloud"), SIGNATURE("KVMKVMKVM")}, IN("ibm_cloud", "kvm")},
	{"IBM's vendor", {VENDOR("IBM:Cloud Compute Server 1.0:bx2-2x8"), FLAG},
		IN("ibm_cloud", NULL)},
	{"IBM classic", {{FACT_FILE_IBM, "yes"}, {FACT_PROC_XEN, "yes"}}, IN("ibm_cloud", "xen")},
	{"DigitalOcean", {VENDOR("DigitalOcean"), PRODUCT("Droplet"), FLAG},
		IN("digitalocean", "kvm")},
	{"Hetzner", {VENDOR("Hetzner"), PRODUCT("vServer"), ARM}, IN("hetzner", "kvm")},
	{"Vultr", {VENDOR("Vultr"), SIGNATURE("KVMKVMKVM")}, IN("vultr", "kvm")},
	{"Vultr by its file", {{FACT_FILE_VULTR, "yes"}, FLAG}, IN("vultr", "kvm")},
	{"Vultr's word", {{FACT_KERNEL_COMMAND, "vultr"}, FLAG}, IN("vultr", "kvm")},
	{"UpCloud", {VENDOR("UpCloud"), PRODUCT("Server"), FLAG}, IN("upcloud", "kvm")},
	{"Scaleway", {VENDOR("Scaleway"), SIGNATURE("KVMKVMKVM")}, IN("scaleway", "kvm")},
	{"Scaleway's word", {{FACT_KERNEL_COMMAND, "scaleway"}, FLAG}, IN("scaleway", "kvm")},
	{"Scaleway's file", {{FACT_FILE_SCALEWAY, "yes"}, FLAG}, IN("scaleway", "kvm")},
	{"Linode", {VENDOR("Linode"), FLAG}, IN("linode", "kvm")},
	{"Akamai", {VENDOR("Akamai"), FLAG}, IN("linode", "kvm")},
	{"Exoscale", {PRODUCT("Exoscale Compute Platform"), FLAG}, IN("exoscale", "kvm")},
	{"Exoscale's vendor", {VENDOR("Exoscale"), FLAG}, IN("exoscale", "kvm")},
	{"OVH says so", {VENDOR("OVHcloud"), SIGNATURE("KVMKVMKVM")}, IN("ovh", "kvm")},
	{"Rackspace", {VENDOR("Rackspace"), FLAG}, IN("rackspace", NULL)},
	{"Rackspace's product", {PRODUCT("Rackspace OnMetal"), FLAG}, IN("rackspace", NULL)},
	{"Rackspace's kernel", {{FACT_KERNEL_RELEASE, "2.6.35.4-rscloud"}, {FACT_PROC_XEN, "yes"}},
		IN("rackspace", "xen")},
	{"Brightbox", {{FACT_PRODUCT_SERIAL, "srv-otuxg.gb1.brightbox.com"}, FLAG},
		IN("brightbox", "kvm")},
	{"ZStack", {ASSET("123456.zstack.io"), FLAG}, IN("zstack", "kvm")},
	{"e24cloud", {VENDOR("e24cloud"), FLAG}, IN("e24cloud", NULL)},
	{"Outscale", {VENDOR("3DS Outscale"), PRODUCT("3DS Outscale VM"), FLAG},
		IN("outscale", "kvm")},
	{"CloudSigma", {PRODUCT("CloudSigma"), FLAG}, IN("cloudsigma", "kvm")},
	{"NWCS", {VENDOR("NWCS"), FLAG}, IN("nwcs", "kvm")},
	{"CloudCIX", {PRODUCT("CloudCIX"), FLAG}, IN("cloudcix", NULL)},
	{"Yandex", {VENDOR("Yandex"), FLAG}, IN("yandex_cloud", "kvm")},
	{"netcup", {VENDOR("netcup"), FLAG}, IN("netcup", "kvm")},
	{"SmartOS", {PRODUCT("SmartDC HVM"), FLAG}, IN("smartos", "kvm")},
	{"Joyent", {VENDOR("Joyent"), FLAG}, IN("smartos", "kvm")},
	{"a zone of SmartOS",
		{{FACT_KERNEL_VERSION, "BrandZ virtual linux"}, {FACT_FILE_ZONE_SOCKET, "yes"}},
		"container", NULL, "guest", "illumos-lx", "smartos"},
	{"CloudStack", {PRODUCT("CloudStack KVM Hypervisor"), SIGNATURE("KVMKVMKVM")},
		IN("cloudstack", "kvm")},
	{"OpenStack", {VENDOR("RDO"), PRODUCT("OpenStack Compute"), FLAG}, IN("openstack", "kvm")},
	{"OpenStack's vendor", {VENDOR("OpenStack Foundation")}, IN("openstack", "kvm")},
	{"OpenStack's asset tag", {ASSET("OpenStack Nova"), FLAG}, IN("openstack", "kvm")},
	{"OpenStack's containers",
		{{FACT_PRODUCT_ENVIRON, "OpenStack Nova"}, {FACT_CONTAINER_ENVIRON, "lxc"}},
		"container", NULL, "guest", "lxc", "openstack"},
	{"Telekom", {ASSET("OpenTelekomCloud"), FLAG}, IN("openstack", "kvm")},
	{"SAP", {ASSET("SAP CCloud VM"), FLAG}, IN("openstack", "kvm")},
	{"Huawei", {ASSET("HUAWEICLOUD"), FLAG}, IN("openstack", "kvm")},
};

static void expect(const char *machine, const char *what, const char *got, const char *want)
{
	if ((got == NULL) != (want == NULL) || (got && strcmp(got, want) != 0))
		fail_msg("%s: %s is %s, expected %s", machine, what, got ? got : "null",
			want ? want : "null");
}

static void expect_all(const struct virt *v, const struct machine *m)
{
	expect(m->name, "kind", v->kind, m->kind);
	expect(m->name, "hypervisor", v->hypervisor, m->hypervisor);
	expect(m->name, "role", v->role, m->role);
	expect(m->name, "container", v->container, m->container);
	expect(m->name, "provider", v->provider, m->provider);
}

static void set(struct evidence *ev, enum fact fact, const char *text)
{
	if (text)
		evidence_set(ev, fact, text, strlen(text));
}

static void test_machines(void **state)
{
	for (size_t i = 0; i < COUNT(machines); i++) {
		struct evidence ev = {0};
		struct virt v;
		for (size_t k = 0; k < COUNT(machines[i].facts); k++)
			set(&ev, machines[i].facts[k].fact, machines[i].facts[k].text);
		virt_judge(&ev, NULL, NULL, &v);
		expect_all(&v, &machines[i]);
		json_free(v.why);
	}
}

static void test_xen_mode(void **state)
{
	static const struct {
		struct fact_text a, b;
		const char *mode;
	} rows[] = {
		{{FACT_XEN_CAPABILITIES, "control_d"}, {0}, "dom0"},
		{{FACT_XEN_GUEST_TYPE, "PV"}, {FACT_HYPERVISOR_TYPE, "xen"}, "pv"},
		{{FACT_XEN_GUEST_TYPE, "PVH"}, {FACT_HYPERVISOR_TYPE, "xen"}, "pvh"},
		{{FACT_XEN_GUEST_TYPE, "HVM"}, {FACT_HYPERVISOR_TYPE, "xen"}, "hvm"},
		{VENDOR("Xen"), {0}, "hvm"},
		{{FACT_PROC_XEN, "yes"}, {0}, "pv"},
		{SIGNATURE("KVMKVMKVM"), NULL},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct evidence ev = {0};
		struct virt v;
		set(&ev, rows[i].a.fact, rows[i].a.text);
		set(&ev, rows[i].b.fact, rows[i].b.text);
		virt_judge(&ev, NULL, NULL, &v);
		expect(rows[i].a.text, "mode", v.mode, rows[i].mode);
		json_free(v.why);
	}
}

static void test_network(void **state)
{
	static const struct {
		const char *vendor, *network;
	} rows[] = {{"Hetzner", "public"}, {"OpenStack Foundation", "private"},
		{"LENOVO", "proprietary"}};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct evidence ev = {0};
		struct virt v;
		set(&ev, FACT_SYS_VENDOR, rows[i].vendor);
		virt_judge(&ev, NULL, NULL, &v);
		expect(rows[i].vendor, "network", v.network, rows[i].network);
		json_free(v.why);
	}
}

/* ---- recorded clouds ---- */

static size_t check_clouds(const char *path)
{
	struct err e = ERR_INIT;
	struct buf text;
	size_t n = 0;
	buf_init(&text, 4 << 20);
	if (file_read(path, &text, &e))
		fail_msg("%s", e.text);
	for (const char *p = buf_str(&text), *eol; (eol = strchr(p, '\n')); p = eol + 1) {
		struct json *record = json_parse(p, (size_t)(eol - p), &e);
		if (!record)
			fail_msg("%s line %zu: %s", path, n + 1, e.text);
		struct verdict told = cloud_record_expected(record);
		struct machine want = {json_str(json_get(record, "instance_type")), {{0}},
			told.kind, told.hypervisor, told.role, told.container, told.provider};
		struct evidence ev = {0};
		struct virt v;
		cloud_record_evidence(record, &ev);
		virt_judge(&ev, NULL, NULL, &v);
		expect_all(&v, &want);
		json_free(v.why);
		json_free(record);
		n++;
	}
	buf_release(&text);
	return n;
}

static void test_clouds(void **state)
{
	assert_int_equal(check_clouds(TEST_DATA "/detect/clouds.jsonl"), 23);
}

/* ---- Ohai's cases, as files below a root ---- */

/* Its words, where ours is another. NULL: that a program is installed says nothing about which
 * machine this is. */
static const struct {
	const char *system, *hypervisor, *container;
} ohai_words[] = {{"vbox", "virtualbox", NULL}, {"amazonec2", "kvm", NULL},
	{"docker", NULL, "docker"}, {"lxc", NULL, "lxc"}, {"lxd", NULL, "lxd"},
	{"openvz", NULL, "openvz"}, {"linux-vserver", NULL, "linux-vserver"}};

static void ohai_root(const struct json *c, const char *root)
{
	static const struct {
		const char *dmi, *file;
	} dmi[] = {{"manufacturer", "sys_vendor"}, {"product_name", "product_name"},
		{"version", "product_version"}};
	const struct json *files = json_get(c, "files"), *exists = json_get(c, "exists");
	struct json_iter it = json_iter(files);

	root_text(root, "/etc/hostname", "x\n");
	for (size_t i = 0; i < json_len(exists); i++) {
		const char *path = json_str(json_at(exists, i));
		/* a folder of /proc has something in it */
		char *name = strcmp(path, "/proc/xen") == 0 ? xstrdup("/proc/xen/privcmd")
							    : xstrdup(path);
		if (!json_has(files, path))
			root_text(root, name, "");
		free(name);
	}
	while (json_next(&it))
		root_text(root, it.key, json_str(it.value));
	for (size_t i = 0; i < COUNT(dmi); i++) {
		char *path = xasprintf("/sys/class/dmi/id/%s", dmi[i].file);
		const char *text = json_str(json_get(json_get(c, "dmi"), dmi[i].dmi));
		if (text)
			root_text(root, path, text);
		free(path);
	}
	if (json_str(json_get(json_get(c, "lscpu"), "hypervisor_vendor")))
		root_text(root, "/cpuid", "KVMKVMKVM\n");
}

static struct machine ohai_expected(const struct json *c)
{
	const struct json *want = json_get(c, "expected");
	const char *system = json_str(json_get(want, "system")),
		   *role = json_str(json_get(want, "role"));
	struct machine m = {.name = json_str(json_get(c, "name")),
		.kind = "physical",
		.role = "none",
		.hypervisor = system};

	for (size_t i = 0; system && i < COUNT(ohai_words); i++)
		if (strcmp(system, ohai_words[i].system) == 0) {
			m.hypervisor = ohai_words[i].hypervisor;
			m.container = ohai_words[i].container;
		}
	if (!role)
		return m;
	m.role = role;
	if (strcmp(role, "host") == 0)
		m.container = NULL; /* what it hosts is not what it is in */
	else
		m.kind = m.container ? "container" : "vm";
	return m;
}

static void expect_json(const struct json *got, const struct machine *m)
{
	expect(m->name, "kind", json_str(json_get(got, "him.kind")), m->kind);
	expect(m->name, "hypervisor", json_str(json_get(got, "him.hypervisor")), m->hypervisor);
	expect(m->name, "role", json_str(json_get(got, "him.virt.role")), m->role);
	expect(m->name, "container", json_str(json_get(got, "him.container")), m->container);
}

static struct json *read_json(const char *path)
{
	struct err e = ERR_INIT;
	struct buf text;
	buf_init(&text, 4 << 20);
	if (file_read(path, &text, &e))
		fail_msg("%s", e.text);
	struct json *j = json_parse(buf_str(&text), text.len, &e);
	if (!j)
		fail_msg("%s: %s", path, e.text);
	buf_release(&text);
	return j;
}

/* Marks of programs that are installed, which Ohai takes for a host of theirs: installed is not
 * running, and a fleet's laptops all have Docker. */
static bool is_about_programs(const struct json *c)
{
	return json_len(json_get(c, "commands_on_path")) > 0;
}

static void test_ohai(void **state)
{
	struct json *all = read_json(TEST_DATA "/detect/ohai.json");
	const struct json *cases = json_get(all, "cases");
	size_t n = 0;

	for (size_t i = 0; i < json_len(cases); i++) {
		const struct json *c = json_at(cases, i);
		if (is_about_programs(c))
			continue;
		char *root = root_make();
		struct machine want = ohai_expected(c);
		struct json *got = NULL;
		ohai_root(c, root);
		assert_int_equal(probe_detect(root, NULL, &got, NULL), 0);
		expect_json(got, &want);
		json_free(got);
		root_remove(root);
		n++;
	}
	assert_int_equal(n, 49);
	json_free(all);
}

/* Its table of SMBIOS texts; the words of clouds are our providers. */
static void test_ohai_dmi(void **state)
{
	struct json *all = read_json(TEST_DATA "/detect/ohai.json");
	const struct json *table = json_get(all, "dmi_table");

	for (size_t i = 0; i < json_len(table); i++) {
		const struct json *args = json_get(json_at(table, i), "args");
		const char *want = json_str(json_get(json_at(table, i), "expected"));
		struct evidence ev = {0};
		struct virt v;
		set(&ev, FACT_SYS_VENDOR, json_str(json_at(args, 0)));
		set(&ev, FACT_PRODUCT_NAME, json_str(json_at(args, 1)));
		set(&ev, FACT_PRODUCT_VERSION, json_str(json_at(args, 2)));
		virt_judge(&ev, NULL, NULL, &v);
		if (want && strcmp(want, "amazonec2") == 0)
			expect(want, "provider", v.provider, "aws");
		else if (want && strcmp(want, "openstack") == 0)
			expect(want, "provider", v.provider, "openstack");
		else
			expect(want, "hypervisor", v.hypervisor,
				want && strcmp(want, "vbox") == 0 ? "virtualbox" : want);
		json_free(v.why);
	}
	json_free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_machines),
		cmocka_unit_test(test_xen_mode),
		cmocka_unit_test(test_network),
		cmocka_unit_test(test_clouds),
		cmocka_unit_test(test_ohai),
		cmocka_unit_test(test_ohai_dmi),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
