// SPDX-License-Identifier: Apache-2.0
/*
 * Guests that are nothing but processes: QEMU that somebody started by hand, and VirtualBox, whose
 * list of machines is each user's own and whose running ones tell their name and UUID.
 *
 * A QEMU is another platform's when that lists its UUID or name already, when libvirt's daemon keeps
 * files for it, when it has Proxmox' number, or when it only makes devices for a guest of Xen.
 */
#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "probe/linux/host.h"
#include <stdlib.h>
#include <string.h>

static bool read_words(struct host *h, const char *pid, struct buf *out)
{
	char *path = xasprintf("%s/proc/%s/cmdline", h->root, pid);
	bool read = file_read(path, out, NULL) == 0 && out->len > 0;
	free(path);
	return read;
}

/* Walks the words; NULL behind the last one. */
static const char *next(const struct buf *words, const char *word)
{
	const char *after = word + strlen(word) + 1;
	return after < words->data + words->len ? after : NULL;
}

static bool is_of_another(const struct host *h, const struct buf *words)
{
	for (const char *word = words->data; word; word = next(words, word)) {
		if (strstr(word, "/var/lib/libvirt/qemu/") && host_is_libvirt_here(h->root, "qemu"))
			return true;
		if (strcmp(word, "-id") == 0 && host_exists(h->root, "/etc/pve/qemu-server"))
			return true;
		if (strcmp(word, "-xen-domid") == 0 || strcmp(word, "xenfv") == 0 ||
			strcmp(word, "xenpv") == 0)
			return true;
	}
	return false;
}

/* Listed by a platform before? A name alone is none of a key, so both must have no UUID then. */
static bool is_known(const struct host *h, const struct guest *g)
{
	for (size_t i = 0; i < h->before; i++) {
		const struct guest *other = h->list->items[i];
		if (g->uuid && other->uuid && strcmp(g->uuid, other->uuid) == 0)
			return true;
	}
	return false;
}

/* What is called like QEMU and is none (qemu-nbd, qemu-ga) is passed over in silence. */
static void add_qemu(struct host *h, const char *pid)
{
	size_t first = h->list->count;
	struct buf words;

	buf_init(&words, 2 * 1024 * 1024);
	if (read_words(h, pid, &words) && !is_of_another(h, &words) &&
		guests_qemu(words.data, words.len, h->list, NULL) == 0 &&
		!is_known(h, h->list->items[first])) {
		h->list->items[first]->platform = h->platform;
		h->list->items[first]->local = arena_printf(h->list->arena, "pid-%s", pid);
	} else {
		h->list->count = first;
	}
	buf_release(&words);
}

void host_list_qemu(struct host *h)
{
	static const char *const names[] = {"qemu", "kvm", NULL};
	host_each_process(h, names, add_qemu);
}

/* ---- VirtualBox ---- */

static const char *word_after(const struct buf *words, const char *option)
{
	for (const char *word = words->data; word; word = next(words, word))
		if (strcmp(word, option) == 0)
			return next(words, word);
	return NULL;
}

static void add_vbox(struct host *h, const char *pid)
{
	struct guest known = {0}, *g;
	struct buf words;
	const char *uuid, *name;

	buf_init(&words, 65536);
	if (read_words(h, pid, &words) && (uuid = word_after(&words, "--startvm")) &&
		guest_uuid(h->list, &known, uuid) && !host_find(h, known.uuid, NULL) &&
		(g = guests_add(h->list, h->e))) {
		*g = known;
		g->platform = h->platform;
		g->state = GUEST_RUNNING;
		name = word_after(&words, "--comment");
		if (name)
			guest_name(h->list, g, name, NULL);
	}
	buf_release(&words);
}

void host_list_vbox(struct host *h)
{
	static const char *const argv[] = {"VBoxManage", "list", "--long", "vms", NULL};
	static const char *const names[] = {"VBoxHeadless", "VirtualBoxVM", "VirtualBox", NULL};
	struct buf text;

	/* Asking starts VirtualBox' server: not where root has no machines. */
	if (host_exists(h->root, "/root/.config/VirtualBox/VirtualBox.xml") ||
		host_exists(h->root, "/root/.VirtualBox/VirtualBox.xml")) {
		buf_init(&text, GUESTS_TEXT_MAX);
		if (host_run(h, argv, &text) == 0)
			host_parse(h, guests_vbox, argv[0], &text);
		buf_release(&text);
	}
	host_each_process(h, names, add_vbox);
}
