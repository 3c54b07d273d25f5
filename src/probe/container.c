// SPDX-License-Identifier: Apache-2.0
/*
 * Which container, by marks that engines leave: first what a kernel with containers of its own
 * says (OpenVZ, Linux-VServer, the zones of illumos, WSL), then what the manager wrote for its
 * guest to read, then the files engines put into a root folder, last the control group, which
 * tells only what nobody hid.
 *
 * Podman goes before Docker, for its images may hold Docker's file. A machine's own programs
 * (docker in the PATH) are no evidence: installed is not running in.
 */
#include "probe/virt.h"
#include <string.h>
#include <strings.h>

static const struct {
	struct condition a, b;
	const char *container; /* NULL: the text of fact a, translated */
} rows[] = {
	{{FACT_VZ, KNOWN, NULL}, {FACT_VZ_HOST, IS, ""}, "openvz"},
	{{FACT_KERNEL_VERSION, CONTAINS, "BrandZ virtual linux"}, {0}, "illumos-lx"},
	{{FACT_KERNEL_RELEASE, CONTAINS, "Microsoft"}, {0}, "wsl"},
	{{FACT_KERNEL_RELEASE, CONTAINS, "WSL"}, {0}, "wsl"},
	{{FACT_CONTAINER_MANAGER, KNOWN, NULL}, {0}, NULL},
	{{FACT_CONTAINER_SYSTEMD, KNOWN, NULL}, {0}, NULL},
	/* A virtual machine of LXD has the socket too, and says LXD in its SMBIOS. */
	{{FACT_FILE_LXD_SOCKET, KNOWN, NULL}, {FACT_BOARD_NAME, IS, ""}, "lxd"},
	{{FACT_FILE_INCUS_SOCKET, KNOWN, NULL}, {FACT_BOARD_NAME, IS, ""}, "incus"},
	{{FACT_CONTAINER_ENVIRON, KNOWN, NULL}, {0}, NULL},
	{{FACT_FILE_CONTAINERENV, KNOWN, NULL}, {0}, "podman"},
	{{FACT_FILE_DOCKERENV, KNOWN, NULL}, {0}, "docker"},
	{{FACT_FILE_DOCKERINIT, KNOWN, NULL}, {0}, "docker"},
	{{FACT_CONTAINER_CGROUP, KNOWN, NULL}, {0}, NULL},
};

/* Words of managers, for our words; foreign ones not in this list are "other". */
static const char *const known[] = {"lxc", "lxc-libvirt", "systemd-nspawn", "docker", "podman",
	"rkt", "oci", "wsl", "proot", "pouch", "crio", "containerd", "garden", "kubernetes",
	"flatpak", "bubblewrap", "openvz", "lxd", "incus"};

static const char *translate(const char *word)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcasecmp(word, known[i]) == 0)
			return known[i];
	return "other";
}

/* Contexts of Linux-VServer: 0 is the host, and the kernel without it has no such line. */
static bool is_vserver_guest(const struct evidence *ev)
{
	const char *context = evidence_text(ev, FACT_VSERVER_CONTEXT);
	return context[0] && strcmp(context, "0") != 0;
}

const char *container_find(const struct evidence *ev, struct json *why)
{
	if (is_vserver_guest(ev)) {
		evidence_why(ev, FACT_VSERVER_CONTEXT, why);
		return "linux-vserver";
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!evidence_match(ev, &rows[i].a) ||
			(rows[i].b.text && !evidence_match(ev, &rows[i].b)))
			continue;
		evidence_why(ev, rows[i].a.fact, why);
		return rows[i].container ? rows[i].container
					 : translate(evidence_text(ev, rows[i].a.fact));
	}
	return NULL;
}

bool container_host(const struct evidence *ev, struct json *why)
{
	static const struct condition marks[] = {{FACT_VZ_HOST, KNOWN, NULL},
		{FACT_VSERVER_CONTEXT, IS, "0"}, {FACT_FILE_LXD_HOST, KNOWN, NULL}};

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (evidence_match(ev, &marks[i])) {
			evidence_why(ev, marks[i].fact, why);
			return true;
		}
	return false;
}
