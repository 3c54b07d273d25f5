// SPDX-License-Identifier: Apache-2.0
/*
 * The platforms of Linux hosts: how each is seen, which folders change when its guests do. Their
 * order matters once: QEMU's processes come behind those whose guests they are.
 *
 *	platform	what changes, and when it is seen
 *	libvirt-*	status files, definitions	at once
 *	xen		created and destroyed at once, a pause at the next poll
 *	vmware		registered at once, switched on and off at the next poll
 *	virtualbox	root's list at once, processes at the next poll
 *	proxmox		pid files, cgroups and files of its own at once; of other nodes at the next poll
 *	qemu		processes at the next poll
 *	docker, podman	folders of containers and of what runs, at once
 *	lxc		configurations and cgroups, at once
 */
#include "base/arena.h"
#include "base/file.h"
#include "probe/linux/host.h"
#include <stdlib.h>
#include <string.h>

static bool libvirt_qemu_is_here(const char *root)
{
	return host_is_libvirt_here(root, "qemu");
}

static bool libvirt_lxc_is_here(const char *root)
{
	return host_is_libvirt_here(root, "lxc");
}

static bool line_has(const char *root, const char *path, const char *text)
{
	char line[128], *full = xasprintf("%s%s", root, path);
	bool has = file_line(full, line, sizeof(line)) == 0 && strstr(line, text);
	free(full);
	return has;
}

/* Domain 0: it may control others; its own UUID is all zero. */
static bool xen_is_here(const char *root)
{
	return line_has(root, "/proc/xen/capabilities", "control_d") ||
		(line_has(root, "/sys/hypervisor/type", "xen") &&
			line_has(root, "/sys/hypervisor/uuid",
				"00000000-0000-0000-0000-000000000000"));
}

static bool vmware_is_here(const char *root)
{
	return host_has_program(root, "vim-cmd") || host_has_program(root, "vmware-cmd") ||
		host_has_program(root, "vmrun");
}

static bool vbox_is_here(const char *root)
{
	return host_has_program(root, "VBoxManage");
}

static bool proxmox_is_here(const char *root)
{
	return host_exists(root, "/etc/pve/qemu-server") || host_exists(root, "/etc/pve/lxc");
}

static bool proc_is_here(const char *root)
{
	return host_exists(root, "/proc/self") || root[0];
}

static bool docker_is_here(const char *root)
{
	return host_exists(root, "/var/run/docker.sock") && host_has_program(root, "docker");
}

static bool podman_is_here(const char *root)
{
	return host_exists(root, "/var/lib/containers/storage") && host_has_program(root, "podman");
}

static bool lxc_is_here(const char *root)
{
	return host_exists(root, "/var/lib/lxc");
}

const struct platform platforms[] = {
	{"libvirt-qemu", libvirt_qemu_is_here,
		{"/var/run/libvirt/qemu", "/etc/libvirt/qemu", "/var/lib/libvirt/qemu/save"}, false,
		host_list_libvirt_qemu},
	{"libvirt-lxc", libvirt_lxc_is_here, {"/var/run/libvirt/lxc", "/etc/libvirt/lxc"}, false,
		host_list_libvirt_lxc},
	{"xen", xen_is_here, {"/var/lib/xen", "/etc/xen", "/etc/libvirt/libxl"}, true,
		host_list_xen},
	{"vmware", vmware_is_here, {"/etc/vmware/hostd"}, true, host_list_vmware},
	{"virtualbox", vbox_is_here, {"/root/.config/VirtualBox"}, false, host_list_vbox},
	{"proxmox", proxmox_is_here,
		{"/etc/pve/qemu-server", "/etc/pve/lxc", "/var/run/qemu-server",
			"/sys/fs/cgroup/lxc", "/sys/fs/cgroup/systemd/lxc"},
		false, host_list_proxmox},
	{"qemu", proc_is_here, {NULL}, false, host_list_qemu},
	{"docker", docker_is_here, {"/var/lib/docker/containers/"}, false, host_list_docker},
	{"podman", podman_is_here,
		{"/var/lib/containers/storage/overlay-containers", "/run/crun", "/run/runc"}, false,
		host_list_podman},
	{"lxc", lxc_is_here,
		{"/var/lib/lxc/", "/sys/fs/cgroup", "/sys/fs/cgroup/lxc",
			"/sys/fs/cgroup/systemd/lxc", "/sys/fs/cgroup/systemd"},
		false, host_list_lxc},
};
const size_t platforms_count = sizeof(platforms) / sizeof(platforms[0]);
