/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Providers an administrator defines: rules that give a machine a provider by its firmware, its
 * network and its name, for a cloud of one's own and for those that the built-in table does not
 * know. A rule wins over that table. They stand in a list that the server hands down to all (him provider
 * set), and, asked before that, in a machine's own file /etc/him/providers.conf:
 *
 *	# comment
 *	[gogrid]                       the provider; letters, digits, '.', '_', '-'
 *	network = public               proprietary, private or public; public where it is left out
 *	dmi.sys_vendor = GoGrid*       a name of /sys/class/dmi/id
 *	host.name = *.gogrid.example   the host name
 *	host.ip = 192.0.2.0/24         one of the machine's addresses is in there
 *	host.mac = 00:16:3e:*          one of its interfaces has such an address
 *	him.gateway.mac = 00:00:5e:*   the gateway of its default route has
 *
 * Within a rule every condition must hold and each key stands once; a provider may have several
 * rules, the first that fits counts. In patterns * is any text and ? any character; case does
 * not count. What is not understood is an error with its line, and then no rule is in force.
 */
#ifndef HIM_PROBE_PROVIDERS_H
#define HIM_PROBE_PROVIDERS_H

#include "base/err.h"
#include "probe/virt.h"
#include <stdbool.h>
#include <stddef.h>

#define PROVIDERS_FILE "/etc/him/providers.conf"
#define PROVIDERS_MAX (64 * 1024) /* bytes of the file */
#define PROVIDERS_RULES 256

struct providers;

/* NULL when the text is not a list of rules; `name` is what errors call it: "NAME line N: …". */
struct providers *providers_parse(const char *text, size_t len, const char *name, struct err *e);
void providers_free(struct providers *p); /* accepts NULL */

/* Asks `then` where no rule of p fits. p owns it from now on; NULL: nothing. */
void providers_then(struct providers *p, struct providers *then);

/* A rule asks for addresses, so that they have to be looked up before providers_apply. */
bool providers_need_network(const struct providers *p);

/* What rules can ask for besides evidence. */
struct surroundings {
	const char *name;        /* of the host; "" where there is none */
	const struct json *nics; /* the section `nic` of a report; NULL: not known */
	const char *gateway_mac; /* NULL where there is none */
};

/* Sets provider and network of the verdict by the first rule that fits, and says so in why. The
 * provider's name is borrowed from p. */
void providers_apply(const struct providers *p, const struct evidence *ev,
	const struct surroundings *around, struct virt *out);

#endif
