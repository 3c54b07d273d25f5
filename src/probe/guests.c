// SPDX-License-Identifier: Apache-2.0
/*
 * The kinds of listings by name. The names are an interface: scripts and tests use them.
 */
#include "probe/guests.h"
#include <string.h>

static const struct {
	const char *name;
	guests_parser *parse;
	bool binary; /* NULs are part of it */
} kinds[] = {
	{"virsh-dumpxml", guests_libvirt_xml},
	{"virsh-list", guests_virsh_list},
	{"xl-list-l", guests_xen_json},
	{"xm-list-l", guests_xen_json}, /* knows the older form by its first character */
	{"xl-list", guests_xen_table},
	{"xl-cfg", guests_xen_cfg},
	{"vmx", guests_vmx},
	{"xe-vm-param-list", guests_xe},
	{"lxc-config", guests_lxc},
	{"vboxmanage", guests_vbox},
	{"qemu-cmdline", guests_qemu, true},
	{"docker-inspect", guests_docker},
	{"proxmox-conf", guests_proxmox},
};

static int unknown(const char *kind, struct err *e)
{
	struct buf names;

	buf_init(&names, 400);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		buf_printf(&names, "%s%s", i ? ", " : "", kinds[i].name);
	err_field(e, ERR_USAGE, "kind", "there is no kind '%.40s'; there are %s", kind,
		buf_str(&names));
	buf_release(&names);
	return -1;
}

int guests_parse(const char *kind, const char *text, size_t len, struct guests *list, struct err *e)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kind, kinds[i].name) != 0)
			continue;
		if (!kinds[i].binary && memchr(text, 0, len))
			return err_set(e, ERR_INVALID, "no text: it has a NUL byte");
		if (kinds[i].parse(text, len, list, e))
			return -1;
		guests_settle(list);
		return 0;
	}
	return unknown(kind, e);
}
