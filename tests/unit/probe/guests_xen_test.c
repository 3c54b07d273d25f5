// SPDX-License-Identifier: Apache-2.0
/* Xen: S-expressions of two generations, libxl's JSON, the tables of xm and xl. */
#include "guests_kit.h"
#include "base/file.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define UUID "596a5d21-71f4-8fb2-e068-e2386a5c413e"

static const struct guests_case sxp[] = {
	{"xend", "xm-list-l",
		"(domain\n (domid 5)\n (uuid 596a5d2171f48fb2e068e2386a5c413e)\n (vcpus 2)\n "
		"(memory 175)\n"
		" (maxmem 385)\n (name 'rhel (5)')\n (image (linux (args 'ro root=/dev/x (y)') "
		"(name evil)))\n"
		" (device (vif (backend 0) (mac 00:16:3E:1d:06:15)))\n (device (vbd (mac "
		"00:16:3e:00:00:01)))\n"
		" (device (vif (mac 00:16:3e:1d:06:16)))\n (state -b----))\n",
		"rhel (5) " UUID " 00:16:3e:1d:06:15,00:16:3e:1d:06:16 403701760 2 running\n"},
	{"several, and the host", "xm-list-l",
		"(domain (domid 0) (name Domain-0))(domain (domid 3) (name a) (state "
		"--p---))\n(domain (name b))",
		"a - - - - paused\nb - - - - off\n"},
	{"as it is kept", "xm-list-l",
		"(vm (name a) (memory 64) (device (vif (mac 00:16:3e:1d:06:15))))",
		"a - 00:16:3e:1d:06:15 67108864 - off\n"},
	{"early libxl", "xl-list-l",
		"(domain\n\t(domid 2)\n\t(create_info)\n\t(hvm 0)\n\t(name pv)\n\t(uuid " UUID
		")\n\t(build_info)\n"
		"\t(max_vcpus 3)\n\t(max_memkb 262144)\n\t(target_memkb "
		"131072)\n\t(device\n\t\t(vif\n"
		"\t\t\t(mac 00163e1d0615)\n\t\t)\n\t)\n)\n",
		"pv " UUID " 00:16:3e:1d:06:15 268435456 3 -\n"},
	{"no end", "xm-list-l", "(domain (name a)", NULL, "no end"},
	{"an end too much", "xm-list-l", "(domain (domid 1) (name a)))", NULL, "too much"},
	{"a quote without an end", "xm-list-l", "(domain (name 'a))", NULL, "quoted atom"},
	{"no name", "xm-list-l", "(domain (domid 1))", NULL, "no name"},
	{"another list", "xm-list-l", "(cpu (name a))", NULL, "no domain"},
	{"something outside", "xm-list-l", "(domain (domid 1)(name a)) x", NULL, "outside"},
};

static const struct guests_case json[] = {
	{"a list", "xl-list-l",
		"[{\"domid\":0,\"config\":{\"c_info\":{\"name\":\"Domain-0\"}}},"
		"{\"domid\":7,\"config\":{\"c_info\":{\"name\":\"a\",\"uuid\":\"" UUID
		"\",\"domid\":4294967295},"
		"\"b_info\":{\"max_vcpus\":6,\"avail_vcpus\":[0,1],\"max_memkb\":1048576,\"target_"
		"memkb\":524288},"
		"\"nics\":[{\"devid\":0,\"mac\":\"00:16:3e:66:12:b4\"},{\"devid\":1,\"mac\":\"00:"
		"16:3E:66:12:B5\"}]}}]",
		"a " UUID " 00:16:3e:66:12:b4,00:16:3e:66:12:b5 1073741824 6 -\n"},
	{"one configuration", "xl-list-l",
		"{\"c_info\":{\"name\":\"a\"},\"b_info\":{\"avail_vcpus\":[0,1]}}",
		"a - - - 2 -\n"},
	{"nobody", "xl-list-l", "[]", ""},
	{"a number", "xl-list-l", "7", NULL, "no object"},
	{"another object", "xl-list-l", "[{}]", NULL, "neither config nor c_info"},
	{"a bad uuid", "xl-list-l", "[{\"c_info\":{\"uuid\":\"x\"}}]", NULL, "no UUID"},
	{"cut off", "xl-list-l", "[{\"domid\":1,", NULL, "not JSON"},
};

static const struct guests_case tables[] = {
	{"xl", "xl-list",
		"Name                                        ID   Mem VCPUs\tState\tTime(s)\n"
		"Domain-0                                     0   512    48     r-----  1655498.2\n"
		"vm1                                          4 20480     4     -b----  1415311.0\n"
		"my vm 2                                      5  4096     2     --p---       1.0\n",
		"vm1 - - 21474836480 4 running\nmy vm 2 - - 4294967296 2 paused\n"},
	{"xl -v", "xl-list",
		"Name   ID   Mem VCPUs      State   Time(s)   UUID                            "
		"Reason-Code   Security Label\n"
		"a b    11  4096     2     ---s--  175637.0 " UUID "     poweroff         -\n",
		"a b " UUID " - 4294967296 2 off\n"},
	{"xm, with one that does not run", "xl-list",
		"Name                                      ID Mem(MiB) VCPUs State   Time(s)\n"
		"Fedora3                                  164      128     1 ------     81.9\n"
		"halted                                            256     2            11.0\n"
		"old                                               256     2 ------     11.0\n",
		NULL, "no row"},
	{"xm, by its letters", "xl-list",
		"Name                                      ID Mem(MiB) VCPUs State   Time(s)\n"
		"Fedora3                                  164      128     1 ------     81.9\n"
		"old                                               256     2 ------     11.0\n",
		"Fedora3 - - 134217728 1 running\nold - - 268435456 2 off\n"},
	{"the first Xen", "xl-list",
		"Name              Id  Mem(MB)  CPU VCPU(s)  State  Time(s)  Console\n"
		"Domain-0           0      507    0    1      r----     36.4\n"
		"vm1                1      128    3    2      -b---      8.5    9601\n",
		"vm1 - - 134217728 2 running\n"},
	{"nobody", "xl-list", "Name  ID   Mem VCPUs\tState\tTime(s)\n", ""},
	{"no head", "xl-list", "vm1  4 20480     4     -b----  1415311.0\n", NULL, "head"},
	{"an error of xl", "xl-list", "libxl: error: cannot open\n", NULL, "head"},
	{"a row cut off", "xl-list", "Name  ID   Mem VCPUs\tState\tTime(s)\nvm1 4 20480\n", NULL,
		"no row"},
};

static const struct guests_case cfg[] = {
	{"all of it", "xl-cfg",
		"# a guest\nname = \"XenGuest2\"\nuuid = "
		"'c7a5fdb0-cdaf-9455-926a-d65c16db1809'\nmaxmem = 579\nmemory = 394\n"
		"vcpus = 1 # one\nmaxvcpus=4\nbuilder=\"hvm\"\non_poweroff = \"destroy\"\n"
		"vif = [ \"mac=00:16:3E:66:92:9C,bridge=xenbr1,script=vif-bridge,model=e1000\",\n"
		"        'bridge=xenbr2, mac=00:16:3e:66:92:9d', # the second\n        "
		"'bridge=xenbr0', ]\n"
		"disk = [ [ 'mac=00:16:3e:00:00:01' ] ]\n",
		"XenGuest2 c7a5fdb0-cdaf-9455-926a-d65c16db1809 "
		"00:16:3e:66:92:9c,00:16:3e:66:92:9d 607125504 4 -\n"},
	{"one line, and no line end", "xl-cfg",
		"name=\"a\"; memory=0x100; vif=['mac = 00:16:3e:66:92:9c']",
		"a - 00:16:3e:66:92:9c 268435456 1 -\n"},
	{"Python between", "xl-cfg",
		"import os, re\narch = os.uname()[4]\nif re.search('64', arch):\n    arch_libdir = "
		"'lib64'\n"
		"name = 'a'\nextra = '''x\nname = \"evil\"'''\nmemory = '512'\n",
		"a - - 536870912 1 -\n"},
	{"no name", "xl-cfg", "memory = 5\n", NULL, "no name"},
	{"a list without an end", "xl-cfg", "name = 'a'\nvif = [ 'mac=00:16:3e:66:92:9c'\n", NULL,
		"a list has no end"},
	{"a text without an end", "xl-cfg", "name = 'a\nmemory = 5\n", NULL, "no end"},
	{"a bad uuid", "xl-cfg", "name = 'a'\nuuid = 'b'\n", NULL, "uuid"},
};

static void test_sxp(void **state)
{
	GUESTS_CHECK(sxp);
}

static void test_json(void **state)
{
	GUESTS_CHECK(json);
}

static void test_tables(void **state)
{
	GUESTS_CHECK(tables);
}

static void test_cfg(void **state)
{
	GUESTS_CHECK(cfg);
}

static void test_deep(void **state)
{
	struct err e = ERR_INIT;
	char text[200];
	memset(text, '(', sizeof(text));
	assert_null(guests_lines("xm-list-l", text, sizeof(text), &e));
	assert_non_null(strstr(e.text, "too deep"));
}

/* What xl of a real dom0 says (tests/labs/200-xen.bats). */
static void test_recorded(void **state)
{
	struct err e = ERR_INIT;
	struct buf text;
	char *got;

	buf_init(&text, GUESTS_TEXT_MAX);
	assert_int_equal(file_read(TEST_DATA "/guests/xen-xl-list-l-real.json", &text, &e), 0);
	got = guests_lines("xl-list-l", buf_str(&text), text.len, &e);
	assert_non_null(got);
	assert_string_equal(
		got, "x1 b1589f9d-51c5-4423-ac60-4c8d2227a844 00:16:3e:77:03:01 167772160 1 -\n");
	free(got);
	buf_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sxp),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_cfg),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_recorded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
