/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a machine says about itself: the document of a report. Its shape is
 *
 * {"attributes":{"host.name":"web1",…},"disk":{"sda":{…}},"filesystem":{"/":{…}},
 *  "guests":{"libvirt-qemu:…":{…}},"nic":{"eth0":{…}},"package":{"openssl:amd64":"3.0.11-1"},"user":{"root@pts/0":{…}}}
 *
 * Attributes are the rows of model/model.def flagged AGENT and those of probe/document.def,
 * where the members of the sections stand too. Times are integers, ms since 1970. No value is
 * null; what is not known is left out. Volatile numbers are left out or move in coarse steps, so
 * that two documents of a machine on which nothing happened are equal.
 *
 * A root folder other than "" names a captured machine: the same files below that folder, and
 * netlink dumps in ROOT/netlink/{link,address,route,neighbour}.
 */
#ifndef HIM_PROBE_PROBE_H
#define HIM_PROBE_PROBE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include <stdbool.h>

/* A document printed is never over this: it has to fit into one frame with room for its
 * envelope. */
#define PROBE_DOCUMENT_MAX (960 * 1024)

struct probe_ctx;

/* root is copied; "" (or NULL) is this machine. Looks at nothing yet. */
struct probe_ctx *probe_open(const char *root);
void probe_close(struct probe_ctx *p); /* accepts NULL */

/* Looks at whatever is due: what changes without a trace every time, the rest when its source
 * changed or an hour went by. An unchanged source costs a stat. True when the document is
 * another than the last probe_collect filled in; true as long as there was none. */
bool probe_changed(struct probe_ctx *p);

/* probe_changed, then fills doc, an empty object of the caller's, with the whole document. A
 * subject over its limit is left out and "him.probe.errors" says so; that is no failure. Fails
 * only when root is not a folder. */
int probe_collect(struct probe_ctx *p, struct json *doc, struct err *e);

/* The server's rules for providers (providers.h) from now on, copied; NULL: none. What in them is not understood the next
 * document says. */
void probe_rules(struct probe_ctx *p, const char *text);

/* One look, printed for people: the document as indented JSON appended to out. rules as in probe_rules. */
int probe_print(const char *root, const char *rules, struct buf *out, struct err *e);

/* Which machine am I in: an object for the caller to free, with him.kind, him.hypervisor,
 * him.virt.role, him.container, cloud.provider, him.network (null where there is none) and `why`,
 * the sentences that led there (docs/topology.md); rules as in probe_rules. Fails when root is no
 * folder or rules, those or the file's, are wrong. */
int probe_detect(const char *root, const char *rules, struct json **out, struct err *e);

/* Fails when a root other than "" is not a folder. */
int probe_check_root(const char *root, struct err *e);
/* Takes the share of a subject from outside from now on: it is not looked at here any more. section
 * is borrowed; NULL leaves what was given before. why, may be NULL, says what the section lacks; both
 * are told. The subject must exist. */
void probe_give(struct probe_ctx *p, const char *subject, const struct json *section,
	const struct err *why);

/* The section of a subject as it was last; the caller frees. */
struct json *probe_section(const struct probe_ctx *p, const char *subject);

struct probe_identity {
	char name[256];      /* host name */
	char machine_id[33]; /* 32 hex digits, "" where the system has none */
};

/* Who this machine is, for enrolment. Fails when it has no host name. */
int probe_identity(const char *root, struct probe_identity *out, struct err *e);

#endif
