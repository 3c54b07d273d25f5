// SPDX-License-Identifier: Apache-2.0
/* The listings that are lines: .vmx, xe, LXC, VirtualBox, QEMU's command lines, Proxmox; and
 * Docker's. */
#include "guests_kit.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define NIL "00000000-0000-0000-0000-000000000000"
#define UUID "564d9176-621f-0239-f5ad-3a002371953b"
#define ID "7938ef110db9744de8952b584fe6b17ee6e4175f0d1aa52e1fb0c6f3a0eaad59"

static const struct guests_case vmx[] = {
	{"all of it", "vmx",
		"#!/usr/bin/vmware\r\n.encoding = \"UTF-8\"\r\nconfig.version = "
		"\"8\"\r\nDISPLAYNAME = \"caf\xc3\xa9\"\r\n"
		"memSize = \"2048\"\r\nnumvcpus = \"4\"\r\nuuid.bios = \"56 4d 91 76 62 1f 02 "
		"39-f5 ad 3a 00 23 71 95 3b\"\r\n"
		"ethernet1.present = \"TRUE\"\r\nethernet1.addressType = "
		"\"vpx\"\r\nethernet1.generatedAddress = \"00:50:56:9F:08:51\"\r\n"
		"ethernet0.present = \"true\"\r\nethernet0.addressType = "
		"\"static\"\r\nethernet0.generatedAddress = \"00:0c:29:00:00:01\"\r\n"
		"ethernet0.address = \"00:50:56:00:00:02\"\r\nethernet2.addressType = "
		"\"generated\"\r\n"
		"ethernet2.generatedAddress = \"00:0c:29:00:00:03\"\r\nethernet3.present = "
		"\"FALSE\"\r\n"
		"ethernet3.generatedAddress = \"00:0c:29:00:00:04\"\r\n",
		"caf\xc3\xa9 " UUID " 00:50:56:00:00:02,00:50:56:9f:08:51 2147483648 4 -\n"},
	{"what is left out", "vmx", "config.version = \"8\"\n", "- " NIL " - 33554432 1 -\n"},
	{"no quotes", "vmx", "displayName=plain\nmemsize=64", "plain " NIL " - 67108864 1 -\n"},
	{"Windows' encoding", "vmx", ".encoding = \"windows-1252\"\ndisplayName = \"\x80 \xfc\"\n",
		"\xe2\x82\xac \xc3\xbc " NIL " - 33554432 1 -\n"},
	{"escapes", "vmx", "displayName = \"a|22b%2fc|7C 100% |\"\n",
		"a\"b/c| 100% | " NIL " - 33554432 1 -\n"},
	{"one that sleeps", "vmx", "displayName = \"a\"\ncheckpoint.vmState = \"a-1.vmss\"\n",
		"a " NIL " - 33554432 1 suspended\n"},
	{"a comment with =", "vmx", "# a = b\ndisplayName = \"a = b\"\n",
		"a = b " NIL " - 33554432 1 -\n"},
	{"cut off", "vmx", "displayName = \"a\"\nethernet0.gen", NULL, "'ethernet0.gen' is not"},
	{"a quote without an end", "vmx", "displayName = \"a\n", NULL, "no end"},
	{"a bad uuid", "vmx", "displayName = \"a\"\nuuid.bios = \"56 4d\"\n", NULL, "no UUID"},
	{"other keys", "vmx", "a = \"b\"\n", NULL, "no key of a .vmx"},
};

static const struct guests_case xe[] = {
	{"machines, then interfaces", "xe-vm-param-list",
		"uuid ( RO)                  : " UUID
		"\n          name-label ( RW): core (02): x\n    name-description ( RW): "
		"two\n\nlines\n"
		"   is-control-domain ( RO): false\n         power-state ( RO): running\n       "
		"memory-actual ( RO): 21474836480\n"
		"   memory-static-max ( RW): 42949672960\n           VCPUs-max ( RW): 16\n\n\n"
		"uuid ( RO)                  : a444ab5d-d1fc-f1a5-5ab4-3f0c3c07352e\n          "
		"name-label ( RW): off\n"
		"         power-state ( RO): halted\n       memory-actual ( RO): 0\n  "
		"memory-dynamic-max ( RW): 1073741824\n\n\n"
		"uuid ( RO)                  : a444ab5d-d1fc-f1a5-5ab4-3f0c3c07352f\n   "
		"is-control-domain ( RO): true\n\n"
		"uuid ( RO)                  : a444ab5d-d1fc-f1a5-5ab4-3f0c3c073530\n       "
		"is-a-template ( RW): true\n\n"
		"    vm-uuid ( RO)    : " UUID "\n        MAC ( RO)    : 7A:01:02:03:04:05\n\n\n"
		"uuid ( RO)       : 11111111-d1fc-f1a5-5ab4-3f0c3c07352e\n    vm-uuid ( RO): " UUID
		"\n        MAC ( RO): 7a:01:02:03:04:06\n",
		"core (02): x " UUID " 7a:01:02:03:04:05,7a:01:02:03:04:06 21474836480 16 running\n"
		"off a444ab5d-d1fc-f1a5-5ab4-3f0c3c07352e - 1073741824 - off\n"},
	{"states", "xe-vm-param-list",
		"uuid ( RO): " UUID
		"\nname-label ( RW): a\npower-state ( RO): suspended\n\nuuid ( RO): " UUID "\n"
		"name-label ( RW): b\npower-state ( RO): paused\n",
		"a " UUID " - - - suspended\nb " UUID " - - - paused\n"},
	{"nobody", "xe-vm-param-list", "\n\n", ""},
	{"an error of xe", "xe-vm-param-list", "Lost connection to the server.\n", NULL,
		"KEY: VALUE"},
	{"no uuid", "xe-vm-param-list", "name-label ( RW): a\n", NULL, "no uuid"},
};

static const struct guests_case lxc[] = {
	{"version 3", "lxc-config",
		"# made by lxc-create\nlxc.uts.name = web\nlxc.net.1.hwaddr = "
		"00:16:3e:00:00:02\nlxc.net.0.type = veth\n"
		"lxc.net.0.hwaddr = 00:16:3E:00:00:01\nlxc.cgroup2.memory.max = "
		"512M\nlxc.cgroup2.cpuset.cpus = 0-3\n",
		"web - 00:16:3e:00:00:01,00:16:3e:00:00:02 536870912 4 -\n"},
	{"before", "lxc-config",
		"lxc.network.type=veth\nlxc.network.hwaddr=00:16:3e:00:00:02\nlxc.network.type="
		"veth\n"
		"lxc.network.hwaddr=00:16:3e:00:00:01\nlxc.utsname=old\nlxc.cgroup.memory.limit_in_"
		"bytes = 1073741824\n",
		"old - 00:16:3e:00:00:02,00:16:3e:00:00:01 1073741824 - -\n"},
	{"lxc-info", "lxc-config",
		"Name:           web\nState:          FROZEN\nPID: 4\nlxc.cgroup.cpuset.cpus = "
		"0,2\n\nlxc.net.0.hwaddr = FA:EE:26:EF:6B:1C\n",
		"web - fa:ee:26:ef:6b:1c - 2 paused\n"},
	{"a share of the processors", "lxc-config",
		"lxc.cgroup2.cpu.max = 150000 100000\nlxc.cgroup2.memory.max = max\n",
		"- - - - 2 -\n"},
	{"a key that is not there", "lxc-config",
		"State: STOPPED\nlxc.net.0.hwaddr invalid\nlxc.cgroup.memory.limit_in_bytes =\n",
		"- - - - - off\n"},
	{"a template of an address", "lxc-config", "lxc.net.0.hwaddr = 00:16:3e:xx:xx:xx\n",
		"- - - - - -\n"},
	{"other keys", "lxc-config", "a = b\n", NULL, "no key"},
	{"a line of prose", "lxc-config", "lxc.uts.name = a\nno such container\n", NULL,
		"KEY = VALUE"},
};

static const struct guests_case vbox[] = {
	{"long", "vboxmanage",
		"Name:                        web 1\nGroups:                      /\nGuest OS:     "
		"               Debian (64-bit)\n"
		"UUID:                        " UUID
		"\nHardware UUID:               11111111-621f-0239-f5ad-3a002371953b\n"
		"Memory size                  1024MB\nVRAM size:                   16MB\nNumber of "
		"CPUs:              2\n"
		"State:                       paused (since 2024-01-01T00:00:00.000000000)\n"
		"NIC 1:                       MAC: 08002750DAF7, Attachment: NAT, Cable connected: "
		"on\n"
		"NIC 1 Settings:  MTU: 0, Socket (send: 64, receive: 64)\nNIC 2:                   "
		"    disabled\n"
		"Index:            0\nName:             Keyboard\nVendorId: 05ac\n"
		"Snapshots:\n\n   Name: before (UUID: 22222222-621f-0239-f5ad-3a002371953b)\n\n"
		"Name:            two\nGuest OS:        Other\nUUID:            "
		"22222222-621f-0239-f5ad-3a002371953b\nState:           saved (since x)\n",
		"web 1 " UUID " 08:00:27:50:da:f7 1073741824 2 paused\n"
		"two 22222222-621f-0239-f5ad-3a002371953b - - - suspended\n"},
	{"for machines", "vboxmanage",
		"name=\"we \\\"b\\\"\"\ngroups=\"/\"\nostype=\"Debian (64-bit)\"\nUUID=\"" UUID
		"\"\nmemory=2048\ncpus=3\nVMState=\"running\"\n"
		"nic1=\"nat\"\nmacaddress1=\"080027AB01FF\"\nmacaddress2=\"080027AB0200\"\nnic3="
		"\"none\"\n"
		"SharedFolderNameMachineMapping1=\"x\"\nUSBFilterName1=\"x\"\nSnapshotName="
		"\"x\"\nSnapshotUUID=\"y\"\n",
		"we \"b\" " UUID " 08:00:27:ab:01:ff,08:00:27:ab:02:00 2147483648 3 running\n"},
	{"short", "vboxmanage",
		"\"web {1}\" {" UUID "}\n\"two\" {22222222-621f-0239-f5ad-3a002371953b}\n",
		"web {1} " UUID " - - - -\ntwo 22222222-621f-0239-f5ad-3a002371953b - - - -\n"},
	{"none", "vboxmanage", "", ""},
	{"an error", "vboxmanage", "VBoxManage: error: no such machine\n", NULL,
		"no virtual machine"},
	{"no uuid", "vboxmanage", "\"web\" {12}\n", NULL, "UUID"},
};

static const struct guests_case qemu[] = {
	{"as one types it", "qemu-cmdline", "qemu -hda /dev/hda -m 256 foobar\n",
		"/dev/hda - - 268435456 - running\n"},
	{"of libvirt, on many lines", "qemu-cmdline",
		"LC_ALL=C \\\nPATH=/bin \\\n/usr/bin/qemu-system-x86_64 \\\n-name "
		"guest=QEMU,,1,debug-threads=on \\\n-S \\\n"
		"-m size=219136k,slots=16,maxmem=1099511627776k \\\n-smp "
		"2,maxcpus=4,sockets=4,cores=1,threads=1 \\\n"
		"-uuid " UUID " \\\n-device "
		"'{\"driver\":\"virtio-net-pci\",\"netdev\":\"n0\",\"mac\":\"52:54:"
		"00:aa:bb:01\"}' \\\n"
		"-netdev tap,id=n1 -device e1000,netdev=n1,id=net1,mac=52:54:00:AA:BB:02,bus=pci.0 "
		"\\\n-msg timestamp=on\n",
		"QEMU,1 " UUID " 52:54:00:aa:bb:01,52:54:00:aa:bb:02 224395264 4 running\n"},
	{"of ps", "qemu-cmdline",
		"root 1 0.0 init\nroot  4242  1.0  /usr/bin/kvm -name web -smp cpus=3 -m 1.5G -net "
		"nic,macaddr=52:54:00:aa:bb:03 -net user\n"
		"root 4243 grep qemu\nu 5 qemu-system-arm --nic user,mac=52:54:00:aa:bb:04 -smp "
		"sockets=2,cores=3 -smbios type=1,uuid=" UUID "\n",
		"web - 52:54:00:aa:bb:03 1610612736 3 running\n- " UUID
		" 52:54:00:aa:bb:04 - 6 running\n"},
	{"JSON as ps prints it", "qemu-cmdline",
		"  77 /usr/bin/qemu-system-x86_64 -name guest=web -device "
		"{\"driver\":\"e1000\",\"mac\":\"52:54:00:aa:bb:05\"} -m 1\n",
		"web - 52:54:00:aa:bb:05 1048576 - running\n"},
	{"an option without its value", "qemu-cmdline", "qemu-kvm -name", "- - - - - running\n"},
	{"no QEMU", "qemu-cmdline", "grep qemu-system x\n", NULL, "no QEMU"},
};

static const struct guests_case docker[] = {
	{"networks", "docker-inspect",
		"[{\"Id\":\"" ID
		"\",\"Name\":\"/web\",\"State\":{\"Status\":\"running\",\"Running\":true},"
		"\"HostConfig\":{\"Memory\":536870912,\"NanoCpus\":1500000000,\"CpusetCpus\":\"\"},"
		"\"NetworkSettings\":{\"MacAddress\":\"02:42:ac:11:00:02\",\"Networks\":{"
		"\"bridge\":{\"MacAddress\":\"02:42:ac:11:00:02\"},"
		"\"back\":{\"MacAddress\":\"02:42:ac:12:00:02\"},\"none\":{\"MacAddress\":\"\"}}}}"
		"]",
		"web - 02:42:ac:11:00:02,02:42:ac:12:00:02 536870912 2 running " ID "\n"},
	{"before there were networks", "docker-inspect",
		"{\"Id\":\"" ID "\",\"State\":{\"Running\":true,\"Paused\":true},"
		"\"NetworkSettings\":{\"MacAddress\":\"02:42:ac:11:00:02\"},"
		"\"HostConfig\":{\"Memory\":0,\"CpuQuota\":250000}}",
		"- - 02:42:ac:11:00:02 - 3 paused " ID "\n"},
	{"Podman, off", "docker-inspect",
		"[{\"Id\":\"" ID "\",\"Name\":\"db\",\"State\":{\"Status\":\"exited\"},"
		"\"HostConfig\":{\"CpusetCpus\":\"0-1\"}}]",
		"db - - - 2 off " ID "\n"},
	{"nobody", "docker-inspect", "[]\n", ""},
	{"no id", "docker-inspect", "[{\"Name\":\"a\"}]", NULL, "no Id"},
	{"cut off", "docker-inspect", "[{\"Id\":\"a\"", NULL, "not JSON"},
};

static const struct guests_case proxmox[] = {
	{"a machine", "proxmox-conf",
		"#a%20note: x\nagent: 1\nboot: order=scsi0\ncores: 2\nsockets: 2\nmemory: "
		"4096\nname: web\n"
		"net1: e1000,macaddr=BC:24:11:00:00:02,bridge=vmbr1\nnet0: "
		"virtio=BC:24:11:00:00:01,bridge=vmbr0,firewall=1\n"
		"smbios1: uuid=" UUID ",manufacturer=x\nparent: before\n\n"
		"[before]\nname: evil\nmemory: 1\nnet2: virtio=BC:24:11:00:00:03\n",
		"web " UUID " bc:24:11:00:00:01,bc:24:11:00:00:02 4294967296 4 -\n"},
	{"a container", "proxmox-conf",
		"arch: amd64\ncores: 3\nhostname: db\nmemory: 1024\nnet0: "
		"name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:04,ip=dhcp,type=veth\n"
		"rootfs: local:100/x.raw,size=8G\nlxc.cgroup2.devices.allow: c 10:200 rwm\n",
		"db - bc:24:11:00:00:04 1073741824 3 -\n"},
	{"what is left out", "proxmox-conf", "ostype: l26\nlock: suspended\n",
		"- - - 536870912 1 suspended\n"},
	{"memory of today", "proxmox-conf", "memory: current=2048\n", "- - - 2147483648 1 -\n"},
	{"a template", "proxmox-conf", "name: gold\ntemplate: 1\n", ""},
	{"prose", "proxmox-conf", "no such file\n", NULL, "KEY: VALUE"},
	{"another file", "proxmox-conf", "{\"a\": 1}\n", NULL, "KEY: VALUE"},
	{"nothing", "proxmox-conf", "\n", NULL, "nothing of a guest"},
};

static void test_vmx(void **state)
{
	GUESTS_CHECK(vmx);
}

static void test_xe(void **state)
{
	GUESTS_CHECK(xe);
}

static void test_lxc(void **state)
{
	GUESTS_CHECK(lxc);
}

static void test_vbox(void **state)
{
	GUESTS_CHECK(vbox);
}

static void test_qemu(void **state)
{
	GUESTS_CHECK(qemu);
}

static void test_docker(void **state)
{
	GUESTS_CHECK(docker);
}

static void test_proxmox(void **state)
{
	GUESTS_CHECK(proxmox);
}

static void test_qemu_words(void **state)
{
	static const char words[] =
		"/usr/bin/qemu-system-x86_64\0-name\0guest=a vm,debug-threads=on\0-m\0"
		"64\0";
	struct err e = ERR_INIT;
	char *got = guests_lines("qemu-cmdline", words, sizeof(words) - 1, &e);
	assert_string_equal(got, "a vm - - 67108864 - running\n");
	free(got);
}

static void test_kinds(void **state)
{
	struct err e = ERR_INIT;
	assert_null(guests_lines("virsh", "", 0, &e));
	assert_int_equal(e.code, ERR_USAGE);
	assert_non_null(strstr(e.text, "virsh-dumpxml, virsh-list, xl-list-l"));
	assert_null(guests_lines("vmx", "displayName = \"a\"\n\0", 19, &e));
	assert_non_null(strstr(e.text, "NUL"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vmx),
		cmocka_unit_test(test_xe),
		cmocka_unit_test(test_lxc),
		cmocka_unit_test(test_vbox),
		cmocka_unit_test(test_qemu),
		cmocka_unit_test(test_docker),
		cmocka_unit_test(test_proxmox),
		cmocka_unit_test(test_qemu_words),
		cmocka_unit_test(test_kinds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
