/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsers of what hypervisors print and keep about their guests. All have one shape: text of len
 * bytes, a NUL behind it, into a list that has what was found before already; -1 with a sentence
 * when the text is not what it should be. None reads a file or starts a program.
 */
#ifndef HIM_PROBE_GUESTS_H
#define HIM_PROBE_GUESTS_H

#include "base/buf.h"
#include "base/err.h"
#include "probe/guest.h"

#define GUESTS_TEXT_MAX (16 * 1024 * 1024) /* of one listing */

typedef int guests_parser(const char *text, size_t len, struct guests *list, struct err *e);

/* libvirt: domain XML, one or more documents one after the other, each a <domain>, a <domstatus>
 * or anything that holds some; `virsh list [--all] [--title | --uuid --name]`. */
guests_parser guests_libvirt_xml, guests_virsh_list;

/* Xen: S-expressions (`xm list -l`, old `xl list -l`), libxl's JSON (`xl list -l`, one domain or
 * an array), the table of `xl list [-v]` and `xm list`, and a domain's configuration file. */
guests_parser guests_xen_sxp, guests_xen_json, guests_xen_table, guests_xen_cfg;

/* XenServer: blocks of `xe vm-list params=all` or `xe vm-param-list`; blocks of `xe vif-list
 * params=vm-uuid,MAC` after them give the MACs. */
guests_parser guests_xe;

/* VMware: one .vmx file. */
guests_parser guests_vmx;

/* LXC: a container's configuration, or what `lxc-info -s -c KEY …` prints. */
guests_parser guests_lxc;

/* VirtualBox: `VBoxManage list [--long] vms`, `showvminfo [--machinereadable]`. */
guests_parser guests_vbox;

/* QEMU: a line for each process as ps prints it or a shell would take it, or one /proc/PID/cmdline
 * (words with a NUL behind each). Lines that start something else are passed over. */
guests_parser guests_qemu;

/* Docker, Podman: `inspect`. */
guests_parser guests_docker;

/* Proxmox: one file of qemu-server/ or lxc/. */
guests_parser guests_proxmox;

/* Any of them by its name in `him-agent guests --kind`; *e names the kinds when there is none such. */
int guests_parse(
	const char *kind, const char *text, size_t len, struct guests *list, struct err *e);

#endif
