// SPDX-License-Identifier: Apache-2.0
/*
 * The verdict: kind, hypervisor, role.
 *
 * No single mark is to be trusted, so the order of the tables is what this file knows:
 *
 *  1. Xen's control domain is the machine itself, whatever it sees of another hypervisor below.
 *  2. Hypervisors that borrow KVM's or Microsoft's CPUID, or let a guest see an outer one's (Xen
 *     PV), are told by what is theirs alone: DMI of VirtualBox, Parallels, Nutanix …, /proc/xen.
 *  3. The CPUID signature. Microsoft's is no proof: KVM, Xen and others show it to please Windows.
 *     Then the firmware decides, and only a firmware that says nothing leaves it Microsoft's.
 *  4. Device tree and what POWER, Z and SPARC say in /proc.
 *  5. The firmware's names. QEMU's name where CPUID was asked and did not say KVM is plain QEMU.
 *  6. The cloud: an arm64 guest shows no hypervisor at all, but AWS has only one.
 *  7. A hypervisor flag or the SMBIOS bit alone: a VM on something not known.
 *
 * A container's kind is container, and its hypervisor that of the kernel below it, if visible.
 */
#include "probe/virt.h"
#include "probe/providers.h"
#include <stdlib.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

struct row {
	struct condition a, b; /* b.text NULL: only a */
	const char *hypervisor;
};

static const struct row own_marks[] = {
	{{FACT_CPU_VENDOR, BEGINS, "User Mode Linux"}, {0}, "uml"},
	{{FACT_CPU_VENDOR, BEGINS, "Xen"}, {0}, "xen"}, /* ia64: "Xen/ia64" */
	{{FACT_CPU_VENDOR, CONTAINS, "PowerVM Lx86"}, {0}, "powervm"},
	{{FACT_SYS_VENDOR, BEGINS, "Nutanix"}, {FACT_PRODUCT_NAME, IS, "AHV"}, "nutanix_ahv"},
	{{FACT_PRODUCT_NAME, IS, "VirtualBox"}, {0}, "virtualbox"},
	{{FACT_BOARD_NAME, IS, "VirtualBox"}, {0}, "virtualbox"},
	{{FACT_SYS_VENDOR, BEGINS, "innotek"}, {0}, "virtualbox"},
	{{FACT_BIOS_VENDOR, BEGINS, "innotek"}, {0}, "virtualbox"},
	{{FACT_PRODUCT_NAME, BEGINS, "Parallels"}, {0}, "parallels"},
	{{FACT_SYS_VENDOR, BEGINS, "Parallels"}, {0}, "parallels"},
	{{FACT_BIOS_VENDOR, BEGINS, "Parallels"}, {0}, "parallels"},
	{{FACT_PRODUCT_NAME, BEGINS, "BHYVE"}, {0}, "bhyve"},
	{{FACT_BIOS_VENDOR, BEGINS, "BHYVE"}, {0}, "bhyve"},
	{{FACT_SYS_VENDOR, IS, "OpenBSD"}, {0}, "vmm"},
	{{FACT_BIOS_VENDOR, IS, "OpenBSD"}, {0}, "vmm"},
	{{FACT_SYS_VENDOR, IS, "Veertu"}, {0}, "veertu"},
	{{FACT_PRODUCT_NAME, BEGINS, "Apple Virtualization"}, {0}, "apple"},
	{{FACT_SYS_VENDOR, BEGINS, "HITACHI"}, {FACT_PRODUCT_NAME, CONTAINS, "LPAR"}, "virtage"},
	{{FACT_SYS_VENDOR, IS, "Xen"}, {0}, "xen"},
	{{FACT_BIOS_VENDOR, IS, "Xen"}, {0}, "xen"},
	{{FACT_PRODUCT_NAME, IS, "HVM domU"}, {0}, "xen"},
	{{FACT_HYPERVISOR_TYPE, IS, "xen"}, {0}, "xen"},
	{{FACT_HYPERVISOR_UUID, KNOWN, NULL}, {0}, "xen"}, /* the kernel has it for Xen only */
	{{FACT_PROC_XEN, KNOWN, NULL}, {0}, "xen"},
};

/* Signatures without the white space around them. */
static const struct row signatures[] = {
	{{FACT_CPUID, IS, "KVMKVMKVM"}, {0}, "kvm"},
	{{FACT_CPUID, IS, "Linux KVM Hv"}, {0}, "kvm"},
	{{FACT_CPUID, IS, "TCGTCGTCGTCG"}, {0}, "qemu"},
	{{FACT_CPUID, IS, "XenVMMXenVMM"}, {0}, "xen"},
	{{FACT_CPUID, IS, "VMwareVMware"}, {0}, "vmware"},
	{{FACT_CPUID, IS, "VBoxVBoxVBox"}, {0}, "virtualbox"},
	{{FACT_CPUID, IS, "lrpepyh  vr"}, {0}, "parallels"},
	{{FACT_CPUID, IS, "prl hyperv"}, {0}, "parallels"},
	{{FACT_CPUID, IS, "bhyve bhyve"}, {0}, "bhyve"},
	{{FACT_CPUID, IS, "OpenBSDVMM58"}, {0}, "vmm"},
	{{FACT_CPUID, IS, "LKVMLKVMLKVM"}, {0}, "lkvm"},
	{{FACT_CPUID, IS, "ACRNACRNACRN"}, {0}, "acrn"},
	{{FACT_CPUID, BEGINS, "QNXQVMBSQG"}, {0}, "qnx"},
	{{FACT_CPUID, BEGINS, "Jailhouse"}, {0}, "jailhouse"},
	{{FACT_CPUID, IS, "SRESRESRESRE"}, {0}, "sre"},
	{{FACT_CPUID, IS, "HAXMHAXMHAXM"}, {0}, "haxm"},
	{{FACT_CPUID, IS, "___ NVMM ___"}, {0}, "nvmm"},
	{{FACT_CPUID, IS, "UnisysSpar64"}, {0}, "spar"},
	{{FACT_CPUID, BEGINS, "Apple VZ"}, {0}, "apple"},
};

static const struct row platforms[] = {
	{{FACT_TREE_HYPERVISOR, BEGINS, "linux,kvm"}, {0}, "kvm"},
	{{FACT_TREE_HYPERVISOR, CONTAINS, "xen"}, {0}, "xen"},
	{{FACT_TREE_HYPERVISOR, CONTAINS, "vmware"}, {0}, "vmware"},
	{{FACT_CPU_PLATFORM, CONTAINS, "emulated by qemu"}, {0}, "kvm"},
	{{FACT_TREE_COMPATIBLE, BEGINS, "qemu,pseries"}, {0}, "kvm"},
	{{FACT_TREE_FW_CFG, KNOWN, NULL}, {0}, "qemu"},
	{{FACT_LPAR, KNOWN, NULL}, {0}, "powervm"},
	{{FACT_CONTROL_PROGRAM, BEGINS, "z/VM"}, {0}, "zvm"},
	{{FACT_CONTROL_PROGRAM, BEGINS, "KVM"}, {0}, "kvm"},
	{{FACT_CPU_PLATFORM, BEGINS, "sun4v"}, {0}, "ldoms"},
	{{FACT_MDESC, KNOWN, NULL}, {FACT_ARCH, BEGINS, "sparc"}, "ldoms"},
};

static const struct row firmwares[] = {
	{{FACT_PRODUCT_NAME, BEGINS, "KVM"}, {0}, "kvm"},
	{{FACT_PRODUCT_NAME, BEGINS, "RHEV"}, {0}, "kvm"},
	{{FACT_PRODUCT_NAME, BEGINS, "RHEL"}, {FACT_SYS_VENDOR, BEGINS, "Red Hat"}, "kvm"},
	{{FACT_PRODUCT_NAME, BEGINS, "oVirt"}, {0}, "kvm"},
	{{FACT_SYS_VENDOR, BEGINS, "oVirt"}, {0}, "kvm"},
	{{FACT_SYS_VENDOR, BEGINS, "KubeVirt"}, {0}, "kvm"},
	{{FACT_PRODUCT_NAME, BEGINS, "KubeVirt"}, {0}, "kvm"},
	{{FACT_PRODUCT_FAMILY, BEGINS, "KubeVirt"}, {0}, "kvm"},
	{{FACT_PRODUCT_NAME, IS, "QEMU Virtual Machine"}, {0}, "qemu"},
	{{FACT_SYS_VENDOR, BEGINS, "QEMU"}, {0}, NULL}, /* NULL: KVM or QEMU, see borrowed() */
	{{FACT_BOARD_VENDOR, BEGINS, "QEMU"}, {0}, NULL},
	{{FACT_CHASSIS_VENDOR, BEGINS, "QEMU"}, {0}, NULL},
	{{FACT_SYS_VENDOR, IS, "Bochs"}, {0}, NULL},
	{{FACT_BIOS_VENDOR, IS, "Bochs"}, {0}, NULL},
	{{FACT_BIOS_VENDOR, IS, "SeaBIOS"}, {0}, NULL},
	{{FACT_CPU_MODEL, CONTAINS, "QEMU Virtual CPU"}, {0}, NULL},
	{{FACT_CPU_MODEL, CONTAINS, "Common KVM processor"}, {0}, "kvm"},
	{{FACT_CPU_MODEL, CONTAINS, "Common 32-bit KVM processor"}, {0}, "kvm"},
	{{FACT_SYS_VENDOR, BEGINS, "VMware"}, {0}, "vmware"},
	{{FACT_PRODUCT_NAME, BEGINS, "VMware"}, {0}, "vmware"},
	{{FACT_BIOS_VENDOR, BEGINS, "VMW"}, {0}, "vmware"},
	{{FACT_VBOX_GUEST, KNOWN, NULL}, {0}, "virtualbox"},
	{{FACT_SYS_VENDOR, BEGINS, "Microsoft"}, {FACT_PRODUCT_NAME, IS, "Virtual Machine"},
		"hyperv"},
	{{FACT_PRODUCT_VERSION, BEGINS, "Hyper-V"}, {0}, "hyperv"},
	{{FACT_KVP_POOL, KNOWN, NULL}, {0}, "hyperv"},
};

/* What is in QEMU's machine: KVM, unless its CPUID was asked and said nothing of it. Elsewhere
 * than on x86 nothing can be asked, and KVM is by far the more frequent. */
static const char *borrowed(const struct evidence *ev)
{
	return evidence_yes(ev, FACT_CPUID_READ) && evidence_is_x86(ev) ? "qemu" : "kvm";
}

static const char *look_up(
	const struct evidence *ev, const struct row *rows, size_t n, struct json *why)
{
	for (size_t i = 0; i < n; i++)
		if (evidence_match(ev, &rows[i].a) &&
			(!rows[i].b.text || evidence_match(ev, &rows[i].b))) {
			evidence_why(ev, rows[i].a.fact, why);
			return rows[i].hypervisor ? rows[i].hypervisor : borrowed(ev);
		}
	return NULL;
}

/* The CPUID is Microsoft's: Hyper-V itself, or another that shows it for Windows' sake. */
static const char *behind_microsoft(
	const struct evidence *ev, const struct cloud *cloud, struct json *why)
{
	const char *found;

	evidence_why(ev, FACT_CPUID, why);
	found = look_up(ev, firmwares, COUNT(firmwares), why);
	if (!found)
		return cloud->hypervisor ? cloud->hypervisor : "hyperv";
	if (strcmp(found, "qemu") == 0)
		found = "kvm"; /* plain QEMU shows no such thing */
	return found;
}

static const char *hypervisor_find(
	const struct evidence *ev, const struct cloud *cloud, struct json *why)
{
	static const struct condition microsoft = {FACT_CPUID, IS, "Microsoft Hv"};
	const char *found = look_up(ev, own_marks, COUNT(own_marks), why);

	if (!found)
		found = look_up(ev, signatures, COUNT(signatures), why);
	if (!found && evidence_match(ev, &microsoft))
		return behind_microsoft(ev, cloud, why);
	if (!found)
		found = look_up(ev, platforms, COUNT(platforms), why);
	if (!found)
		found = look_up(ev, firmwares, COUNT(firmwares), why);
	/* Hyper-V names itself to who asks; its forerunner with the same firmware did not. */
	if (found && strcmp(found, "hyperv") == 0 && evidence_yes(ev, FACT_CPUID_READ) &&
		evidence_is_x86(ev))
		found = "virtualpc";
	return found;
}

/* No hypervisor is named: is this a virtual machine all the same? */
static bool is_unnamed_vm(const struct evidence *ev, const struct cloud *cloud, struct json *why)
{
	if (evidence_yes(ev, FACT_SMBIOS_VM) || evidence_yes(ev, FACT_CPU_HYPERVISOR)) {
		evidence_why(ev,
			evidence_yes(ev, FACT_SMBIOS_VM) ? FACT_SMBIOS_VM : FACT_CPU_HYPERVISOR,
			why);
		return true;
	}
	if (!cloud->provider)
		return false;
	if (evidence_no(ev, FACT_CPU_HYPERVISOR)) {
		evidence_why(ev, FACT_CPU_HYPERVISOR, why);
		return false;
	}
	if (cloud->bit_decides && evidence_no(ev, FACT_SMBIOS_VM)) {
		evidence_why(ev, FACT_SMBIOS_VM, why);
		return false;
	}
	if (cloud->metal.text && evidence_match(ev, &cloud->metal)) {
		evidence_why(ev, cloud->metal.fact, why);
		return false;
	}
	/* CPUID was asked on an x86 and names nobody: nothing runs below. */
	if (evidence_yes(ev, FACT_CPUID_READ) && evidence_is_x86(ev)) {
		json_add(why, json_string("CPUID names no hypervisor"));
		return false;
	}
	if (!cloud->by_firmware) /* a bare machine's kernel may have been told the name too */
		return false;
	json_add(why,
		json_string(
			"machines of this provider are virtual unless something says otherwise"));
	return true;
}

static bool is_xen_control_domain(const struct evidence *ev, struct json *why)
{
	static const struct condition control = {FACT_XEN_CAPABILITIES, CONTAINS, "control_d"};
	const char *features = evidence_text(ev, FACT_XEN_FEATURES);

	if (evidence_match(ev, &control)) {
		evidence_why(ev, FACT_XEN_CAPABILITIES, why);
		return true;
	}
	/* XENFEAT_dom0 is bit 11 of the features, which are printed in hexadecimal. */
	if (features[0] && strtoull(features, NULL, 16) & (UINT64_C(1) << 11)) {
		evidence_why(ev, FACT_XEN_FEATURES, why);
		return true;
	}
	return false;
}

static const char *xen_mode(const struct evidence *ev)
{
	static const char *const modes[] = {"PV", "pv", "HVM", "hvm", "PVH", "pvh"};
	const char *type = evidence_text(ev, FACT_XEN_GUEST_TYPE);

	for (size_t i = 0; i < COUNT(modes); i += 2)
		if (strcmp(type, modes[i]) == 0)
			return modes[i + 1];
	/* Older kernels: of Xen's guests only a fully virtual one has a firmware. */
	if (evidence_text(ev, FACT_SYS_VENDOR)[0])
		return "hvm";
	return evidence_yes(ev, FACT_PROC_XEN) ? "pv" : NULL;
}

/* A physical machine: which hypervisor its own kernel is. */
static void look_for_host(const struct evidence *ev, struct virt *out)
{
	static const struct row hosts[] = {
		{{FACT_KVM_DEVICE, KNOWN, NULL}, {0}, "kvm"},
		{{FACT_VBOX_HOST, KNOWN, NULL}, {0}, "virtualbox"},
	};

	out->kind = "physical";
	out->hypervisor = look_up(ev, hosts, COUNT(hosts), out->why);
	out->role = out->hypervisor || container_host(ev, out->why) ? "host" : "none";
}

static void judge_machine(const struct evidence *ev, const struct cloud *cloud, struct virt *out)
{
	static const struct condition control = {FACT_VLDS_CONTROL, KNOWN, NULL};

	out->hypervisor = hypervisor_find(ev, cloud, out->why);
	if (!out->hypervisor && is_unnamed_vm(ev, cloud, out->why)) {
		out->kind = "vm";
		/* KVM inside a VM is KVM's or Microsoft's nesting; the latter names itself. */
		out->hypervisor = cloud->hypervisor         ? cloud->hypervisor
			: evidence_yes(ev, FACT_KVM_DEVICE) ? "kvm"
							    : NULL;
	}
	if (out->hypervisor || out->kind) {
		out->kind = "vm";
		out->role = "guest";
	} else {
		look_for_host(ev, out);
	}
	if (out->hypervisor && strcmp(out->hypervisor, "xen") == 0)
		out->mode = xen_mode(ev);
	if (out->hypervisor && strcmp(out->hypervisor, "ldoms") == 0 &&
		evidence_match(ev, &control)) {
		evidence_why(ev, FACT_VLDS_CONTROL, out->why);
		out->kind = "physical";
		out->role = "host";
	}
}

static void judge_container(struct virt *out)
{
	/* The kernel below is a host's: that it offers KVM is nothing of ours. */
	if (strcmp(out->role, "host") == 0 && !out->mode)
		out->hypervisor = NULL;
	out->kind = "container";
	out->role = "guest";
}

void virt_judge(const struct evidence *ev, const struct providers *rules,
	const struct surroundings *around, struct virt *out)
{
	struct cloud cloud;

	*out = (struct virt){.why = json_array()};
	out->container = container_find(ev, out->why);
	cloud_find(ev, &cloud, out->why);
	if (is_xen_control_domain(ev, out->why)) {
		out->kind = "physical";
		out->hypervisor = "xen";
		out->role = "host";
		out->mode = "dom0";
	} else {
		judge_machine(ev, &cloud, out);
	}
	if (out->container)
		judge_container(out);
	out->provider = cloud.provider;
	out->network = cloud.network ? cloud.network : "proprietary";
	if (rules)
		providers_apply(rules, ev, around, out);
}

struct json *virt_json(const struct virt *v)
{
	struct json *o = json_object();

	json_set_string(o, "him.kind", v->kind);
	json_set_string(o, "him.hypervisor", v->hypervisor);
	json_set_string(o, "him.virt.role", v->role);
	json_set_string(o, "him.container", v->container);
	json_set_string(o, "cloud.provider", v->provider);
	json_set_string(o, "him.network", v->network);
	if (v->mode)
		json_set_string(o, "him.virt.mode", v->mode);
	json_set(o, "why", json_copy(v->why));
	return o;
}
