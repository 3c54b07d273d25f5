/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which MACs of a machine's own report are its own: interfaces that copy another's MAC, or that face its guests, are
 * told apart by kind and by who copies whom, never by the locally-administered bit (KVM's 52:54:00 has it).
 */
#ifndef HIM_CORE_RESOLVE_NIC_H
#define HIM_CORE_RESOLVE_NIC_H

#include "core/resolve.h"
#include <stdbool.h>
#include <stddef.h>

/* One member of the section `nic`, its words as there; NULL where not told. */
struct resolve_nic {
	const char *name, *kind, *mac, *permanent_mac, *master, *parent;
};

/* The MAC to give as interface i's key, or NULL when it has none worth telling (loopback, a tunnel). *foreign: give it,
 * with this flag, so that *why* can say that it was seen. kind: the machine's own: in a container a veth is its own. */
const char *resolve_nic_mac(
	const struct resolve_nic *nics, size_t n, size_t i, enum resolve_kind kind, bool *foreign);

#endif
