// SPDX-License-Identifier: Apache-2.0
/*
 * Hosts of every platform, captured: what stands in their folders and what their programs printed.
 * And the watch over folders that change.
 */
#include "probe/guests_host.h"
#include "base/file.h"
#include "guests_kit.h"
#include "root.h"
#include <setjmp.h>
#include <stdarg.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define A "11111111-1111-1111-1111-111111111111"
#define B "22222222-2222-2222-2222-222222222222"
#define C "33333333-3333-3333-3333-333333333333"
#define ID "7938ef110db9744de8952b584fe6b17ee6e4175f0d1aa52e1fb0c6f3a0eaad59"
#define ID2 "8938ef110db9744de8952b584fe6b17ee6e4175f0d1aa52e1fb0c6f3a0eaad59"

/* The records of a root, and its errors, against JSON. */
static void expect_without(
	const char *without, const char *root, const char *want, const char *want_errors)
{
	struct json *errors = json_object();
	struct guests list;
	guests_init(&list);
	guests_host(root, without, &list, errors, NULL);
	struct json *got = guests_records(&list);
	assert_json(got, want);
	assert_json(errors, want_errors);
	json_free(got);
	json_free(errors);
	guests_release(&list);
}

static void expect(const char *root, const char *want, const char *want_errors)
{
	expect_without(NULL, root, want, want_errors);
}

static void domain(
	const char *root, const char *path, const char *state, const char *name, const char *uuid)
{
	char text[1024];
	snprintf(text, sizeof(text),
		"%s%s%s<domain "
		"type='kvm'><name>%s</name><uuid>%s</uuid><memory>1024</memory><vcpu>2</vcpu>"
		"<devices><interface type='user'><mac "
		"address='52:54:00:00:00:01'/></interface></devices></domain>%s",
		state ? "<domstatus state='" : "", state ? state : "", state ? "' pid='1'>" : "",
		name, uuid, state ? "</domstatus>" : "");
	root_text(root, path, text);
}

#define REST "\"mac\":[\"52:54:00:00:00:01\"],\"vcpus\":2,\"memory_bytes\":1048576}"

static void test_libvirt(void **state)
{
	static const char words[] = "qemu-system-x86_64\0-uuid\0" A "\0";
	char *root = root_make();
	domain(root, "/var/run/libvirt/qemu/web.xml", "paused", "web", A);
	root_text(root, "/var/run/libvirt/qemu/web.pid", "42\n");
	root_text(root, "/proc/42/comm", "qemu-system-x86\n");
	/* The same process is no second guest. */
	root_file(root, "/proc/42/cmdline", words, sizeof(words) - 1);
	domain(root, "/etc/libvirt/qemu/web.xml", NULL, "web", A);
	domain(root, "/etc/libvirt/qemu/db.xml", NULL, "db", B);
	domain(root, "/etc/libvirt/qemu/sleeper.xml", NULL, "sleeper", C);
	root_text(root, "/var/lib/libvirt/qemu/save/sleeper.save", "");
	root_text(root, "/etc/libvirt/qemu/networks/default.xml", "<network/>");
	root_text(root, "/var/run/libvirt/qemu/new.xml.new", "half of");
	/* Its process is gone: what libvirt left behind. */
	domain(root, "/var/run/libvirt/qemu/ghost.xml", "running", "ghost",
		"44444444444444444444444444444444");
	root_text(root, "/var/run/libvirt/qemu/ghost.pid", "43\n");
	domain(root, "/var/run/libvirt/lxc/box.xml", "running", "box", A);
	root_text(root, "/var/run/libvirt/lxc/box.pid", "42\n");
	expect(root,
		"{\"libvirt-qemu:" A
		"\":{\"platform\":\"libvirt-qemu\",\"name\":\"web\",\"uuid\":\"" A
		"\",\"state\":\"paused\"," REST ",\"libvirt-qemu:" B
		"\":{\"platform\":\"libvirt-qemu\",\"name\":\"db\",\"uuid\":\"" B
		"\",\"state\":\"off\"," REST ",\"libvirt-qemu:" C
		"\":{\"platform\":\"libvirt-qemu\",\"name\":\"sleeper\",\"uuid\":\"" C
		"\",\"state\":\"suspended\"," REST ",\"libvirt-lxc:" A
		"\":{\"platform\":\"libvirt-lxc\",\"name\":\"box\",\"uuid\":\"" A
		"\",\"state\":\"running\"," REST "}",
		"{}");
	root_remove(root);
}

static void test_libvirt_broken(void **state)
{
	char *root = root_make();
	domain(root, "/etc/libvirt/qemu/db.xml", NULL, "db", B);
	root_text(root, "/etc/libvirt/qemu/a.xml", "<domain><name>a</name>");
	expect(root,
		"{\"libvirt-qemu:" B
		"\":{\"platform\":\"libvirt-qemu\",\"name\":\"db\",\"uuid\":\"" B
		"\",\"state\":\"off\"," REST "}",
		"{\"libvirt-qemu\":\"/etc/libvirt/qemu/a.xml: no XML: no element found in line "
		"1\"}");
	root_remove(root);
}

static void test_xen(void **state)
{
	char *root = root_make();
	root_text(root, "/proc/xen/capabilities", "control_d\n");
	root_text(root, "/commands/xl list -l",
		"[{\"domid\":0,\"config\":{\"c_info\":{\"name\":\"Domain-0\"}}},{\"domid\":1,"
		"\"config\":{\"c_info\":"
		"{\"name\":\"a\",\"uuid\":\"" A
		"\"},\"b_info\":{\"max_vcpus\":2,\"max_memkb\":1024}}}]");
	root_text(root, "/commands/xl list",
		"Name ID Mem VCPUs State Time(s)\nDomain-0 0 512 4 r----- 1.0\na 1 1 2 --p--- "
		"1.0\n");
	root_text(root, "/etc/xen/a.cfg", "name = 'a'\n");
	root_text(root, "/etc/xen/b.cfg", "name = 'b'\nmemory = 1\n");
	expect(root,
		"{\"xen:" A "\":{\"platform\":\"xen\",\"name\":\"a\",\"uuid\":\"" A
		"\",\"state\":\"paused\",\"vcpus\":2,\"memory_bytes\":1048576},\"xen:b\":{"
		"\"platform\":\"xen\","
		"\"name\":\"b\",\"state\":\"off\",\"vcpus\":1,\"memory_bytes\":1048576}}",
		"{}");
	root_remove(root);
}

static void test_xenserver(void **state)
{
	char *root = root_make();
	root_text(root, "/proc/xen/capabilities", "control_d\n");
	root_text(root, "/etc/xensource-inventory", "PRODUCT='x'\nINSTALLATION_UUID='" B "'\n");
	root_text(root, "/commands/xe vm-list resident-on=" B " is-control-domain=false params=all",
		"uuid ( RO): " A "\nname-label ( RW): a\npower-state ( RO): running\n");
	root_text(root, "/commands/xe vif-list params=uuid,vm-uuid,MAC",
		"uuid ( RO): " C "\nvm-uuid ( RO): " A
		"\nMAC ( RO): 7a:00:00:00:00:01\n\n\nuuid ( RO): " B "\nvm-uuid ( RO): " C
		"\nMAC ( RO): 7a:00:00:00:00:02\n");
	expect(root,
		"{\"xen:" A "\":{\"platform\":\"xen\",\"name\":\"a\",\"uuid\":\"" A
		"\",\"mac\":[\"7a:00:00:00:00:01\"],\"state\":\"running\"}}",
		"{}");
	root_remove(root);
}

static void test_xen_guest(void **state)
{
	/* A guest of Xen hosts nobody, even where tools are. */
	char *root = root_make();
	root_text(root, "/sys/hypervisor/type", "xen\n");
	root_text(root, "/sys/hypervisor/uuid", A "\n");
	root_text(root, "/commands/xl list -l", "[{\"c_info\":{\"name\":\"a\"}}]");
	expect(root, "{}", "{}");
	root_text(root, "/sys/hypervisor/uuid", "00000000-0000-0000-0000-000000000000\n");
	expect(root, "{\"xen:a\":{\"platform\":\"xen\",\"name\":\"a\"}}", "{}");
	root_remove(root);
}

static void test_vmware(void **state)
{
	char *root = root_make();
	root_text(root, "/bin/vim-cmd", "");
	root_text(root, "/commands/vim-cmd vmsvc_getallvms",
		"Vmid   Name   File   Guest OS   Version   Annotation\n"
		"1      a   [data store] a dir/a.vmx   debian   vmx-10   \n2      b   [data store] "
		"b/b.vmx   x   vmx-10\n"
		"3      gone   [data store] gone/gone.vmx   x   vmx-10\n");
	root_text(root, "/vmfs/volumes/data store/a dir/a.vmx", "displayName = \"a\"\n");
	root_text(root, "/vmfs/volumes/data store/b/b.vmx",
		"displayName = \"b\"\nuuid.bios = \"" B "\"\n");
	root_text(root, "/commands/esxcli vm process list",
		"a\n   World ID: 4\n   Display Name: a\n   Config File: /vmfs/volumes/4f59/a "
		"dir/a.vmx\n");
	expect(root,
		"{\"vmware:/vmfs/volumes/data store/a "
		"dir/a.vmx\":{\"platform\":\"vmware\",\"name\":\"a\",\"state\":"
		"\"running\",\"vcpus\":1,\"memory_bytes\":33554432},\"vmware:" B
		"\":{\"platform\":\"vmware\",\"name\":\"b\",\"uuid\":\"" B
		"\",\"state\":\"off\",\"vcpus\":1,\"memory_bytes\":33554432}}",
		"{}");
	root_remove(root);
}

static void test_vbox(void **state)
{
	static const char words[] = "VBoxHeadless\0--comment\0other's\0--startvm\0" B "\0";
	char *root = root_make();
	root_text(root, "/usr/bin/VBoxManage", "");
	root_text(root, "/root/.config/VirtualBox/VirtualBox.xml", "");
	root_text(root, "/commands/VBoxManage list --long vms", "\"mine\" {" A "}\n");
	root_text(root, "/proc/7/comm", "VBoxHeadless\n");
	root_file(root, "/proc/7/cmdline", words, sizeof(words) - 1);
	expect(root,
		"{\"virtualbox:" A "\":{\"platform\":\"virtualbox\",\"name\":\"mine\",\"uuid\":\"" A
		"\"},\"virtualbox:" B
		"\":{\"platform\":\"virtualbox\",\"name\":\"other's\",\"uuid\":\"" B
		"\",\"state\":\"running\"}}",
		"{}");
	root_remove(root);
}

static void test_proxmox(void **state)
{
	static const char words[] = "/usr/bin/kvm\0-id\0"
				    "100\0-name\0a\0";
	char *root = root_make();
	root_text(root, "/etc/pve/qemu-server/100.conf",
		"name: a\nmemory: 1\nnet0: virtio=BC:24:11:00:00:01\n");
	root_text(root, "/etc/pve/qemu-server/101.conf", "memory: 1\nsmbios1: uuid=" A "\n");
	root_text(root, "/etc/pve/lxc/200.conf", "hostname: box\nmemory: 1\ncores: 1\n");
	root_text(root, "/var/run/qemu-server/100.pid", "42\n");
	root_text(root, "/proc/42/comm", "kvm\n");
	root_file(root, "/proc/42/cmdline", words, sizeof(words) - 1);
	root_text(root, "/sys/fs/cgroup/lxc/200/cgroup.freeze", "1\n");
	root_text(root, "/var/lib/lxc/200/config", "lxc.uts.name = box\n");
	expect(root,
		"{\"proxmox:100\":{\"platform\":\"proxmox\",\"name\":\"a\",\"mac\":[\"bc:24:11:00:"
		"00:01\"],\"state\":"
		"\"running\",\"vcpus\":1,\"memory_bytes\":1048576},\"proxmox:" A
		"\":{\"platform\":\"proxmox\",\"name\":\"VM 101\",\"uuid\":\"" A
		"\",\"state\":\"off\",\"vcpus\":1,\"memory_bytes\":1048576},\"proxmox:200\":{"
		"\"platform\":\"proxmox\","
		"\"name\":\"box\",\"state\":\"paused\",\"vcpus\":1,\"memory_bytes\":1048576,"
		"\"container_id\":\"200\"}}",
		"{}");
	root_remove(root);
}

static void test_processes(void **state)
{
	static const char words[] = "qemu-system-x86_64\0-name\0by hand\0-m\0"
				    "64\0";
	static const char of_xen[] = "qemu-system-i386\0-xen-domid\0"
				     "5\0-name\0x\0";
	char *root = root_make();
	root_text(root, "/proc/7/comm", "qemu-system-x86\n");
	root_file(root, "/proc/7/cmdline", words, sizeof(words) - 1);
	root_text(root, "/proc/8/comm", "qemu-system-i38\n");
	root_file(root, "/proc/8/cmdline", of_xen, sizeof(of_xen) - 1);
	root_text(root, "/proc/9/comm", "qemu-nbd\n");
	root_file(root, "/proc/9/cmdline", "qemu-nbd\0-m\0", 12);
	root_text(root, "/proc/10/comm", "kvm-irqfd-clean\n");
	root_text(root, "/proc/10/cmdline", "");
	expect(root,
		"{\"qemu:pid-7\":{\"platform\":\"qemu\",\"name\":\"by "
		"hand\",\"state\":\"running\",\"memory_bytes\":67108864}}",
		"{}");
	root_remove(root);
}

static void test_containers(void **state)
{
	static const char inspect[] =
		"[{\"Id\":\"" ID "\",\"Name\":\"/on\",\"State\":{\"Status\":\"running\"},"
		"\"NetworkSettings\":{\"MacAddress\":\"02:42:ac:11:00:02\"}},"
		"{\"Id\":\"" ID2 "\",\"Name\":\"/off\",\"State\":{\"Status\":\"exited\"},"
		"\"NetworkSettings\":{\"MacAddress\":\"02:42:ac:11:00:02\"}}]";
	char *root = root_make();
	root_text(root, "/var/run/docker.sock", "");
	root_text(root, "/usr/bin/docker", "");
	root_text(root, "/commands/docker ps -aq --no-trunc", ID "\n" ID2 "\n");
	root_text(root, "/commands/docker inspect " ID " " ID2, inspect);
	root_text(root, "/var/lib/lxc/box/config", "lxc.net.0.hwaddr = 00:16:3e:00:00:01\n");
	root_text(root, "/sys/fs/cgroup/lxc.payload.box/cgroup.freeze", "0\n");
	expect(root,
		"{\"docker:" ID "\":{\"platform\":\"docker\",\"name\":\"on\",\"mac\":[\"02:42:ac:"
		"11:00:02\"],\"state\":"
		"\"running\",\"container_id\":\"" ID "\"},\"docker:" ID2
		"\":{\"platform\":\"docker\",\"name\":\"off\",\"state\":\"off\",\"container_id\":"
		"\"" ID2 "\"},\"lxc:box\":{\"platform\":\"lxc\",\"name\":\"box\",\"mac\":[\"00:16:"
		"3e:00:00:01\"],\"state\":"
		"\"running\",\"container_id\":\"box\"}}",
		"{}");
	root_remove(root);
}

static void test_without(void **state)
{
	char *root = root_make();
	root_text(root, "/var/lib/lxc/box/config", "lxc.uts.name = box\n");
	root_text(root, "/etc/libvirt/lxc/a.xml", "<domain><name>a</name></domain>");
	expect_without("docker,lxc", root,
		"{\"libvirt-lxc:a\":{\"platform\":\"libvirt-lxc\",\"name\":\"a\",\"state\":\"off\"}"
		"}",
		"{\"lxc\":\"it took too long and is left alone for a while\"}");
	root_remove(root);
}

static void test_section(void **state)
{
	char *root = root_make();
	domain(root, "/etc/libvirt/qemu/db.xml", NULL, "db", B);
	struct json *doc = root_document(root);
	assert_json(json_get(doc, "guests"),
		"{\"libvirt-qemu:" B
		"\":{\"platform\":\"libvirt-qemu\",\"name\":\"db\",\"uuid\":\"" B
		"\",\"state\":\"off\"," REST "}");
	json_free(doc);
	root_remove(root);
}

static void test_twins(void **state)
{
	/* The same name twice, no UUID: both are told. */
	struct guests list;
	guests_init(&list);
	for (int i = 0; i < 3; i++) {
		struct guest *g = guests_add(&list, NULL);
		g->platform = "xen";
		g->name = "a";
	}
	struct json *got = guests_records(&list);
	assert_true(json_has(got, "xen:a") && json_has(got, "xen:a#2") && json_has(got, "xen:a#3"));
	json_free(got);
	guests_release(&list);
}

/* ---- watching ---- */

static bool readable(const struct guests_watch *w)
{
	struct pollfd p = {.fd = guests_watch_fd(w), .events = POLLIN};
	return poll(&p, 1, 2000) == 1;
}

static void test_watch(void **state)
{
	char *root = root_make();
	domain(root, "/etc/libvirt/qemu/db.xml", NULL, "db", B);
	struct guests_watch *w = guests_watch_open(root);
	assert_true(guests_watch_changed(w)); /* nothing was known */
	assert_false(guests_watch_changed(w));
	assert_false(guests_watch_drain(w));

	domain(root, "/etc/libvirt/qemu/web.xml", NULL, "web", A);
	assert_true(readable(w));
	assert_true(guests_watch_drain(w));
	assert_false(guests_watch_drain(w));
	assert_true(guests_watch_changed(w));
	assert_false(guests_watch_changed(w));

	/* A folder, and a process, that came later. */
	root_text(root, "/var/run/libvirt/qemu/web.pid", "42\n");
	assert_true(guests_watch_changed(w));
	root_text(root, "/var/run/libvirt/qemu/web.pid", "43\n");
	assert_true(readable(w));
	assert_true(guests_watch_changed(w));
	root_text(root, "/proc/42/comm", "qemu-system-x86\n");
	assert_true(guests_watch_changed(w));
	root_text(root, "/proc/44/comm", "bash\n");
	assert_false(guests_watch_changed(w));
	guests_watch_close(w);
	root_remove(root);
}

/* An agent that starts before libvirt's drivers does. */
static void test_watch_early(void **state)
{
	char *root = root_make();
	root_text(root, "/var/run/libvirt/virtlogd-sock", "");
	struct guests_watch *w = guests_watch_open(root);
	assert_true(guests_watch_changed(w));
	root_text(root, "/var/run/libvirt/qemu/web.pid", "42\n");
	assert_true(readable(w));
	assert_true(guests_watch_drain(w));
	guests_watch_close(w);
	root_remove(root);
}

static void folder(const char *root, const char *path)
{
	char *full = xasprintf("%s%s", root, path);
	assert_int_equal(mkdir(full, 0755), 0);
	free(full);
}

static void no_folder(const char *root, const char *path)
{
	char *full = xasprintf("%s%s", root, path);
	assert_int_equal(rmdir(full), 0);
	free(full);
}

/* Something happened that counts: it is taken, and what came is watched. */
static void assert_news(struct guests_watch *w)
{
	assert_true(readable(w));
	assert_true(guests_watch_drain(w));
	guests_watch_changed(w);
	guests_watch_drain(w);
}

/* Which folders are watched, as the kernel has it. */
static char *watched(const struct guests_watch *w)
{
	char *path = xasprintf("/proc/self/fdinfo/%d", guests_watch_fd(w));
	struct err e = ERR_INIT;
	struct buf b;
	buf_init(&b, 1 << 20);
	assert_int_equal(file_read(path, &b, &e), 0);
	char *text = xstrdup(buf_str(&b));
	buf_release(&b);
	free(path);
	return text;
}

/* On a fresh host no folder of any platform is there yet. */
static void test_watch_fresh(void **state)
{
	char *root = root_make();
	root_text(root, "/var/lib/dpkg/status", "");
	struct guests_watch *w = guests_watch_open(root);
	assert_true(guests_watch_changed(w));
	guests_watch_drain(w);
	folder(root, "/var/lib/docker");
	assert_news(w);
	folder(root, "/var/lib/docker/containers");
	assert_news(w);
	folder(root, "/var/lib/docker/containers/" ID);
	assert_news(w);
	root_text(root, "/var/lib/lxc/box/config", "lxc.uts.name = a\n"); /* all at once */
	assert_news(w);
	root_text(root, "/var/lib/lxc/box/config", "lxc.uts.name = b\n");
	assert_news(w);
	guests_watch_close(w);
	root_remove(root);
}

/* Where all the world writes, only what is waited for is news, and waiting costs nothing. */
static void test_watch_waiting(void **state)
{
	char *root = root_make(), *before, *after;
	root_text(root, "/var/lib/dpkg/status", "");
	struct guests_watch *w = guests_watch_open(root);
	assert_true(guests_watch_changed(w));
	guests_watch_drain(w);
	before = watched(w);
	for (int i = 0; i < 3; i++)
		assert_false(guests_watch_changed(w));
	after = watched(w);
	assert_string_equal(after, before);
	assert_false(guests_watch_drain(w));
	folder(root, "/var/lib/dockers");
	folder(root, "/var/lib/dock");
	assert_true(readable(w));
	assert_false(guests_watch_drain(w));
	/* What was waited for is gone again, with the folder above: the next one is seen as the first. */
	folder(root, "/var/lib/docker");
	assert_news(w);
	no_folder(root, "/var/lib/docker");
	assert_news(w);
	folder(root, "/var/lib/docker");
	assert_news(w);
	free(before);
	free(after);
	guests_watch_close(w);
	root_remove(root);
}

/* A folder is watched for its own sake and for one that is to come. */
static void test_watch_both(void **state)
{
	char *root = root_make();
	root_text(root, "/var/lib/lxc/box/config", "lxc.uts.name = a\n");
	folder(root, "/sys");
	folder(root, "/sys/fs");
	folder(root, "/sys/fs/cgroup");
	struct guests_watch *w = guests_watch_open(root);
	assert_true(guests_watch_changed(w));
	guests_watch_drain(w);
	folder(root, "/sys/fs/cgroup/lxc.payload.box");
	assert_news(w);
	no_folder(root, "/sys/fs/cgroup/lxc.payload.box");
	assert_news(w);
	guests_watch_close(w);
	root_remove(root);
}

static void test_watch_inside(void **state)
{
	char *root = root_make();
	root_text(root, "/var/lib/lxc/box/config", "lxc.uts.name = a\n");
	struct guests_watch *w = guests_watch_open(root);
	assert_true(guests_watch_changed(w));
	root_text(root, "/var/lib/lxc/box/config", "lxc.uts.name = b\n");
	assert_true(readable(w));
	guests_watch_close(w);
	root_remove(root);
}

/* Containers that come and go use up no watches. */
static void test_watch_many(void **state)
{
	enum { AT_ONCE = 2100 };
	char *root = root_make(), *path;
	root_text(root, "/var/lib/lxc/stays/config", "lxc.uts.name = a\n");
	struct guests_watch *w = guests_watch_open(root);
	for (int round = 0; round < 3; round++)
		for (int there = 1; there >= 0; there--) {
			for (int i = 0; i < AT_ONCE; i++) {
				path = xasprintf("%s/var/lib/lxc/%d.%d", root, round, i);
				assert_int_equal(there ? mkdir(path, 0755) : rmdir(path), 0);
				free(path);
			}
			assert_true(guests_watch_changed(w));
			guests_watch_drain(w);
		}
	root_text(root, "/var/lib/lxc/new/config", "lxc.uts.name = b\n");
	assert_true(guests_watch_changed(w));
	guests_watch_drain(w);
	root_text(root, "/var/lib/lxc/new/config", "lxc.uts.name = c\n");
	assert_true(readable(w));
	guests_watch_close(w);
	root_remove(root);
}

/* `xl list -l` makes and removes locks beside what it reads. */
static void test_watch_locks(void **state)
{
	char *root = root_make();
	root_text(root, "/proc/xen/capabilities", "control_d\n");
	root_text(root, "/var/lib/xen/userdata-d.1." A ".libxl-json", "{}");
	struct guests_watch *w = guests_watch_open(root);
	assert_true(guests_watch_changed(w));
	guests_watch_drain(w);
	root_text(root, "/var/lib/xen/userdata-l.1." A ".domain-userdata-lock", "");
	root_text(root, "/var/lib/xen/userdata-l.1." A ".libxl-device-changes-lock", "");
	assert_true(readable(w));
	assert_false(guests_watch_drain(w));
	root_text(root, "/var/lib/xen/userdata-l.2." B ".domain-userdata-lock", "");
	root_text(root, "/var/lib/xen/userdata-d.2." B ".libxl-json", "{}");
	assert_true(readable(w));
	assert_true(guests_watch_drain(w));
	guests_watch_close(w);
	root_remove(root);
}

static void test_watch_silent(void **state)
{
	char *root = root_make();
	root_text(root, "/proc/xen/capabilities", "control_d\n");
	struct guests_watch *w = guests_watch_open(root);
	assert_true(guests_watch_changed(w));
	assert_true(guests_watch_changed(w)); /* a pause leaves no trace */
	guests_watch_close(w);
	guests_watch_close(NULL);
	root_remove(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_libvirt),
		cmocka_unit_test(test_libvirt_broken),
		cmocka_unit_test(test_xen),
		cmocka_unit_test(test_xenserver),
		cmocka_unit_test(test_xen_guest),
		cmocka_unit_test(test_vmware),
		cmocka_unit_test(test_vbox),
		cmocka_unit_test(test_proxmox),
		cmocka_unit_test(test_processes),
		cmocka_unit_test(test_containers),
		cmocka_unit_test(test_without),
		cmocka_unit_test(test_section),
		cmocka_unit_test(test_twins),
		cmocka_unit_test(test_watch),
		cmocka_unit_test(test_watch_early),
		cmocka_unit_test(test_watch_fresh),
		cmocka_unit_test(test_watch_waiting),
		cmocka_unit_test(test_watch_both),
		cmocka_unit_test(test_watch_inside),
		cmocka_unit_test(test_watch_many),
		cmocka_unit_test(test_watch_locks),
		cmocka_unit_test(test_watch_silent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
