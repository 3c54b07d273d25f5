// SPDX-License-Identifier: Apache-2.0
/* Domain XML in all its dressings, and the table of virsh list. */
#include "guests_kit.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define UUID "c7a5fdbd-edaf-9455-926a-d65c16db1809"

static const struct guests_case xml[] = {
	{"all of it", "virsh-dumpxml",
		"<domain type='kvm' id='6'>\n <name>web &amp; "
		"mail</name><uuid>C7A5FDBDEDAF9455926AD65C16DB1809</uuid>"
		"<memory unit='MiB'>2048</memory><currentMemory unit='KiB'>7</currentMemory>"
		"<vcpu placement='static' current='1'>4</vcpu><devices>"
		"<interface type='network'><mac address='52:54:00:AA:bb:cc'/><source "
		"network='default'/></interface>"
		"<interface type='direct'><model type='virtio'/><mac "
		"address=\"52:54:00:aa:bb:cd\"/></interface>"
		"</devices></domain>\n",
		"web & mail " UUID " 52:54:00:aa:bb:cc,52:54:00:aa:bb:cd 2147483648 4 -\n"},
	{"units", "virsh-dumpxml",
		"<domain><name>a</name><memory unit='KB'>1</memory></domain>"
		"<domain><name>b</name><memory unit='GiB'>1</memory></domain>"
		"<domain><name>c</name><memory unit='b'>5</memory></domain>"
		"<domain><name>d</name><memory>5</memory></domain>"
		"<domain><name>e</name><memory unit='ells'>5</memory></domain>"
		"<domain><name>f</name><memory unit='T'>1</memory></domain>",
		"a - - 1000 - -\nb - - 1073741824 - -\nc - - 5 - -\nd - - 5120 - -\ne - - - - -\n"
		"f - - 1099511627776 - -\n"},
	{"one virsh that was told twice", "virsh-dumpxml",
		"<?xml "
		"version='1.0'?><domain><name>a</name></domain>\n\n<domain><name>b</name></"
		"domain>\n\n",
		"a - - - - -\nb - - - - -\n"},
	{"a status file", "virsh-dumpxml",
		"<!-- do not edit -->\n<domstatus state='paused' reason='user' pid='4242'>"
		"<monitor path='/x'/><vcpus><vcpu id='0' pid='1'/></vcpus>"
		"<domain type='qemu' id='1'><name>a</name></domain></domstatus>",
		"a - - - - paused\n"},
	{"the state is of one document", "virsh-dumpxml",
		"<domstatus "
		"state='crashed'><domain><name>a</name></domain></domstatus><domain><name>b</"
		"name></domain>",
		"a - - - - crashed\nb - - - - -\n"},
	{"elements of others do not count", "virsh-dumpxml",
		"<domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><name>a</name>"
		"<metadata><x:name "
		"xmlns:x='urn:x'>evil</x:name><name>evil</name><domain><name>evil</name></domain></"
		"metadata>"
		"<qemu:name>evil</qemu:name><os><name>evil</name></os>"
		"<devices><hostdev><mac address='52:54:00:00:00:01'/></hostdev>"
		"<interface><source><mac "
		"address='52:54:00:00:00:02'/></source></interface></devices></domain>",
		"a - - - - -\n"},
	{"a default namespace", "virsh-dumpxml",
		"<d:domain xmlns:d='urn:d'><d:name>a</d:name><name>b</name></d:domain>",
		"a - - - - -\n"},
	{"domain 0 of Xen", "virsh-dumpxml",
		"<domain type='xen' id='0'><name>Domain-0</name></domain><domain type='xen' "
		"id='1'><name>b</name></domain>",
		"b - - - - -\n"},
	{"text in pieces", "virsh-dumpxml", "<domain><name>a<![CDATA[<b>]]>&#99;</name></domain>",
		"a<b>c - - - - -\n"},
	{"entities", "virsh-dumpxml",
		"<!DOCTYPE d [<!ENTITY e SYSTEM "
		"'file:///etc/passwd'>]><domain><name>&e;</name></domain>",
		NULL, "document type"},
	{"cut off", "virsh-dumpxml", "<domain><name>a</name>", NULL, "no element found"},
	{"no name", "virsh-dumpxml", "<domain><uuid>" UUID "</uuid></domain>",
		"- " UUID " - - - -\n"},
	{"nor a UUID", "virsh-dumpxml", "<domain><memory>1</memory></domain>", NULL,
		"neither name nor UUID"},
	{"a bad uuid", "virsh-dumpxml", "<domain><name>a</name><uuid>12</uuid></domain>", NULL,
		"'12' is no UUID"},
	{"no domain", "virsh-dumpxml", "<network><name>a</name></network>", NULL, "no <domain>"},
	{"nothing", "virsh-dumpxml", "", NULL, "no <domain>"},
	{"rubbish behind", "virsh-dumpxml", "<domain><name>a</name></domain>rubbish", NULL,
		"no XML"},
};

static const struct guests_case lists[] = {
	{"all words", "virsh-list",
		" Id   Name         State\n-----------------------------\n 1    web          "
		"running\n"
		" 2    my vm        paused\n 3    going         in shutdown\n 4    idle         "
		"idle\n"
		" -    old          shut off\n -    bad          crashed\n 12   asleep       "
		"pmsuspended\n\n",
		"web - - - - running\nmy vm - - - - paused\ngoing - - - - running\nidle - - - - "
		"running\n"
		"old - - - - off\nbad - - - - crashed\nasleep - - - - suspended\n"},
	{"titles", "virsh-list",
		" Id   Name   State      Title\n---------------------------\n 1    web    running  "
		"  It is paused\n"
		" -    db     shut off   \n",
		"web - - - - running\ndb - - - - off\n"},
	{"the host of Xen", "virsh-list",
		" Id Name                 State\n----\n  0 Domain-0             running\n 7 a b "
		"running\n",
		"a b - - - - running\n"},
	{"none", "virsh-list", " Id   Name   State\n--------------------\n\n", ""},
	{"uuids", "virsh-list", UUID "  web 1\nC7A5FDBD-EDAF-9455-926A-D65C16DB1810 \n\n",
		"web 1 " UUID " - - - -\n- c7a5fdbd-edaf-9455-926a-d65c16db1810 - - - -\n"},
	{"no state", "virsh-list", " Id Name State\n---\n 1 web swimming\n", NULL, "no state"},
	{"no id", "virsh-list", " Id Name State\n---\n web running\n", NULL, "id"},
	{"an error of virsh", "virsh-list", "error: failed to connect to the hypervisor\n", NULL,
		"nor a UUID"},
};

static void test_xml(void **state)
{
	GUESTS_CHECK(xml);
}

static void test_lists(void **state)
{
	GUESTS_CHECK(lists);
}

static void test_deep(void **state)
{
	struct err e = ERR_INIT;
	struct buf text;
	buf_init(&text, 1 << 20);
	buf_adds(&text, "<domain><name>a</name>");
	for (int i = 0; i < 300; i++)
		buf_adds(&text, "<x>");
	assert_null(guests_lines("virsh-dumpxml", buf_str(&text), text.len, &e));
	assert_non_null(strstr(e.text, "256 deep"));
	buf_release(&text);
}

static void test_long_text(void **state)
{
	struct err e = ERR_INIT;
	struct buf text;
	buf_init(&text, 1 << 20);
	buf_adds(&text, "<domain><name>");
	for (int i = 0; i < 5000; i++)
		buf_addc(&text, 'n');
	buf_adds(&text, "</name></domain>");
	assert_null(guests_lines("virsh-dumpxml", buf_str(&text), text.len, &e));
	assert_non_null(strstr(e.text, "over"));
	buf_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_xml),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_long_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
