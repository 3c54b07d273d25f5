/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence about the machine we are in: facts, each a short text, "" where it is not known. A
 * platform fills them in (linux/evidence.c), virt.c, container.c and cloud.c judge them by tables
 * of conditions. Everything here is pure: no file is opened.
 */
#ifndef HIM_PROBE_EVIDENCE_H
#define HIM_PROBE_EVIDENCE_H

#include "base/json.h"
#include <stdbool.h>
#include <stddef.h>

#define EVIDENCE_TEXT 128

/* X(FACT, "name", "what it is, as a sentence begins") */
#define EVIDENCE_DMI(X)                                                                            \
	X(SYS_VENDOR, "sys_vendor", "the SMBIOS system vendor")                                    \
	X(PRODUCT_NAME, "product_name", "the SMBIOS product name")                                 \
	X(PRODUCT_VERSION, "product_version", "the SMBIOS product version")                        \
	X(PRODUCT_SERIAL, "product_serial", "the SMBIOS serial number")                            \
	X(PRODUCT_UUID, "product_uuid", "the SMBIOS UUID")                                         \
	X(PRODUCT_FAMILY, "product_family", "the SMBIOS product family")                           \
	X(BIOS_VENDOR, "bios_vendor", "the firmware's vendor")                                     \
	X(BIOS_VERSION, "bios_version", "the firmware's version")                                  \
	X(BOARD_VENDOR, "board_vendor", "the SMBIOS board vendor")                                 \
	X(BOARD_NAME, "board_name", "the SMBIOS board name")                                       \
	X(BOARD_ASSET_TAG, "board_asset_tag", "the SMBIOS board asset tag")                        \
	X(CHASSIS_VENDOR, "chassis_vendor", "the SMBIOS chassis vendor")                           \
	X(CHASSIS_ASSET_TAG, "chassis_asset_tag", "the SMBIOS chassis asset tag")

/* Facts of yes and no are "yes", "no" or not known; those of a file are "yes" where it exists. */
#define EVIDENCE_OTHER(X)                                                                          \
	X(SMBIOS_VM, "", "the SMBIOS bit of virtual machines")                                     \
	X(CPUID, "", "the hypervisor's CPUID signature")                                           \
	X(CPUID_READ, "", "the CPUID instruction was asked")                                       \
	X(CPU_HYPERVISOR, "", "the processor flag \"hypervisor\"")                                 \
	X(CPU_VENDOR, "", "the processor's vendor")                                                \
	X(CPU_MODEL, "", "the processor's model name")                                             \
	X(CPU_PLATFORM, "", "the platform in /proc/cpuinfo")                                       \
	X(ARCH, "", "the architecture")                                                            \
	X(KERNEL_RELEASE, "", "the kernel's release")                                              \
	X(KERNEL_VERSION, "", "the kernel's version")                                              \
	X(KERNEL_COMMAND, "", "a cloud's word on the kernel's command line")                       \
	X(HYPERVISOR_TYPE, "", "/sys/hypervisor/type")                                             \
	X(HYPERVISOR_UUID, "", "/sys/hypervisor/uuid")                                             \
	X(XEN_FEATURES, "", "/sys/hypervisor/properties/features")                                 \
	X(XEN_GUEST_TYPE, "", "/sys/hypervisor/guest_type")                                        \
	X(XEN_CAPABILITIES, "", "/proc/xen/capabilities")                                          \
	X(PROC_XEN, "", "/proc/xen")                                                               \
	X(TREE_HYPERVISOR, "", "the device tree's hypervisor")                                     \
	X(TREE_COMPATIBLE, "", "the device tree's first compatible machine")                       \
	X(TREE_FW_CFG, "", "the device tree's node fw-cfg")                                        \
	X(LPAR, "", "a POWER partition's name or /proc/ppc64/lparcfg")                             \
	X(CONTROL_PROGRAM, "", "the control program in /proc/sysinfo")                             \
	X(MDESC, "", "/dev/mdesc")                                                                 \
	X(VLDS_CONTROL, "", "/sys/class/vlds/ctrl")                                                \
	X(KVM_DEVICE, "", "the kernel's KVM device")                                               \
	X(VBOX_GUEST, "", "the kernel module vboxguest")                                           \
	X(VBOX_HOST, "", "the kernel module vboxdrv")                                              \
	X(KVP_POOL, "", "/var/lib/hyperv/.kvp_pool_3")                                             \
	X(VZ, "", "/proc/vz")                                                                      \
	X(VZ_HOST, "", "/proc/bc")                                                                 \
	X(VSERVER_CONTEXT, "", "the Linux-VServer context in /proc/self/status")                   \
	X(CONTAINER_MANAGER, "", "/run/host/container-manager")                                    \
	X(CONTAINER_SYSTEMD, "", "/run/systemd/container")                                         \
	X(CONTAINER_ENVIRON, "", "the variable \"container\" of process 1")                        \
	X(CONTAINER_CGROUP, "", "the container engine in the path of our control group")           \
	X(PRODUCT_ENVIRON, "", "the variable \"product_name\" of process 1")                       \
	X(FILE_CONTAINERENV, "", "/run/.containerenv")                                             \
	X(FILE_DOCKERENV, "", "/.dockerenv")                                                       \
	X(FILE_DOCKERINIT, "", "/.dockerinit")                                                     \
	X(FILE_LXD_SOCKET, "", "/dev/lxd/sock")                                                    \
	X(FILE_INCUS_SOCKET, "", "/dev/incus/sock")                                                \
	X(FILE_LXD_HOST, "", "LXD's folder devlxd")                                                \
	X(FILE_ZONE_SOCKET, "", "/native/.zonecontrol/metadata.sock")                              \
	X(FILE_SCALEWAY, "", "/run/scaleway")                                                      \
	X(FILE_VULTR, "", "/etc/vultr")                                                            \
	X(FILE_IBM, "", "/root/provisioningConfiguration.cfg")

enum fact {
#define EVIDENCE_ENUM(name, word, what) FACT_##name,
	EVIDENCE_DMI(EVIDENCE_ENUM) EVIDENCE_OTHER(EVIDENCE_ENUM)
#undef EVIDENCE_ENUM
		FACTS
};

struct evidence {
	char text[FACTS][EVIDENCE_TEXT];
};

enum how { IS, BEGINS, CONTAINS, ENDS, KNOWN /* any text but "no" */ };

/* text NULL in a second condition: there is none. Case does not count, nor white space around. */
struct condition {
	enum fact fact;
	enum how how;
	const char *text;
};

const char *evidence_text(const struct evidence *ev, enum fact fact); /* "" where not known */
/* Takes printable text, white space around it cut, what is over the room left out. */
void evidence_set(struct evidence *ev, enum fact fact, const char *text, size_t len);
/* Only where nothing is known yet. */
void evidence_suggest(struct evidence *ev, enum fact fact, const char *text, size_t len);
bool evidence_match(const struct evidence *ev, const struct condition *c);
bool evidence_yes(const struct evidence *ev, enum fact fact);
bool evidence_no(const struct evidence *ev, enum fact fact);
bool evidence_is_x86(const struct evidence *ev); /* or nothing speaks against it */

/* Adds a sentence about a fact to an array: `the SMBIOS product name is "VirtualBox"`. */
void evidence_why(const struct evidence *ev, enum fact fact, struct json *why);

/* The fact of a name such as "sys_vendor"; FACTS when it is none. Names are those of SMBIOS. */
enum fact evidence_named(const char *name);

/* ---- parsers: text in, facts out; none of them fails, what they do not know they leave ---- */

/* What dmidecode prints. Placeholders ("Not Specified") are left out. */
void evidence_dmidecode(struct evidence *ev, const char *text, size_t len);
/* /proc/cpuinfo, or its beginning. */
void evidence_cpuinfo(struct evidence *ev, const char *text, size_t len);
/* One line: a CPUID signature as a tool wrote it down. Bytes that no signature has make none. */
void evidence_cpuid(struct evidence *ev, const char *text, size_t len);
/* What uname prints, in any of its forms: architecture, release, version. */
void evidence_uname(struct evidence *ev, const char *text, size_t len);
/* /proc/cmdline: the words that some clouds put there. */
void evidence_command(struct evidence *ev, const char *text, size_t len);
/* /proc/1/environ. */
void evidence_environ(struct evidence *ev, const char *text, size_t len);
/* /proc/self/cgroup. */
void evidence_cgroup(struct evidence *ev, const char *text, size_t len);
/* /proc/self/status, /proc/modules, /proc/sysinfo. */
void evidence_status(struct evidence *ev, const char *text, size_t len);
void evidence_modules(struct evidence *ev, const char *text, size_t len);
void evidence_sysinfo(struct evidence *ev, const char *text, size_t len);
/* /sys/firmware/dmi/entries/0-0/raw: the bit "this is a virtual machine". */
void evidence_smbios_raw(struct evidence *ev, const void *data, size_t len);

#endif
