/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which machine am I in: the verdict over evidence. virt.c judges the hypervisor and the kind,
 * container.c the container, cloud.c the provider; all by tables whose order is the knowledge
 * (docs/topology.md says why). Pure.
 */
#ifndef HIM_PROBE_VIRT_H
#define HIM_PROBE_VIRT_H

#include "probe/evidence.h"

struct providers; /* providers.h */
struct surroundings;

/* All strings are constants or borrowed from `rules`. */
struct virt {
	const char *kind;       /* physical, vm, container */
	const char *hypervisor; /* kvm, xen …; NULL where there is none or it is not known */
	const char *role;       /* guest, host, none */
	const char *mode;       /* of Xen: dom0, pv, hvm, pvh; else NULL */
	const char *container;  /* docker, lxc …; NULL */
	const char *provider;   /* aws, hetzner …; NULL */
	const char *network;    /* proprietary, private, public */
	struct json *why;       /* array of sentences; the caller frees */
};

/* rules and around may be NULL. Fills all of out. */
void virt_judge(const struct evidence *ev, const struct providers *rules,
	const struct surroundings *around, struct virt *out);

/* The object that `him-agent detect --json` prints; the caller frees. All keys but him.virt.mode
 * are always there. */
struct json *virt_json(const struct virt *v);

/* ---- the parts of the judgement ---- */

/* The container we are in, NULL when in none. Adds its reason to why. */
const char *container_find(const struct evidence *ev, struct json *why);
/* The machine hosts containers of a kind that the kernel itself knows of. */
bool container_host(const struct evidence *ev, struct json *why);

struct cloud {
	const char *provider;   /* NULL: none known */
	const char *network;    /* private, public */
	const char *hypervisor; /* what its guests run on where nothing else says it; may be NULL */
	bool bit_decides;       /* a firmware without the SMBIOS bit of VMs is bare metal there */
	struct condition metal; /* its bare machines say so; text NULL: it has none that do */
	bool by_firmware;       /* set by cloud_find: the mark stood in the firmware */
};

/* The built-in table. Adds its reason to why. */
void cloud_find(const struct evidence *ev, struct cloud *out, struct json *why);
/* The row of a provider by its name, NULL when it is none of the built-in ones. */
const struct cloud *cloud_named(const char *provider);

#endif
