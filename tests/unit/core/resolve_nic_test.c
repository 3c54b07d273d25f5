// SPDX-License-Identifier: Apache-2.0
/* Whose MAC is it: by kind, and by who copies whom. */
#include "core/resolve_nic.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define A "52:54:00:00:00:0a"
#define B "52:54:00:00:00:0b"

static const struct {
	struct resolve_nic nic;
	enum resolve_kind kind;
	const char *mac; /* NULL: none */
	bool foreign;
} cases[] = {
	{{"lo", "loopback", "00:00:00:00:00:00"}, RESOLVE_VM, NULL, false},
	{{"eth0", "physical", A}, RESOLVE_VM, A, false},
	{{"eth0", NULL, A}, RESOLVE_VM, A, false},
	{{"eth0", "physical", ""}, RESOLVE_VM, NULL, false},
	{{"ib0", "some-new-kind", A}, RESOLVE_VM, A, false},
	{{"bond0", "bond", A}, RESOLVE_PHYSICAL, A, true},
	{{"eth1", "physical", A, B, "bond0"}, RESOLVE_PHYSICAL, B,
		false}, /* a port that was lent another's */
	{{"eth1", "physical", A, "", "bond0"}, RESOLVE_PHYSICAL, A, false},
	{{"eth1", "physical", A, B, "br0"}, RESOLVE_PHYSICAL, A,
		false},                                           /* a bridge lends nothing */
	{{"eth1", "physical", A, B}, RESOLVE_PHYSICAL, A, false}, /* set by its administrator */
	{{"br0", "bridge", A}, RESOLVE_PHYSICAL, A, true},
	{{"docker0", "bridge", "02:42:ac:11:00:01"}, RESOLVE_VM, "02:42:ac:11:00:01", true},
	{{"eth0.7", "vlan", A, NULL, NULL, "eth0"}, RESOLVE_PHYSICAL, A, true},
	{{"veth1", "veth", A}, RESOLVE_VM, A, true},
	{{"eth0", "veth", A}, RESOLVE_CONTAINED, A, false}, /* seen from inside it is its own */
	{{"eth0", "macvlan", A}, RESOLVE_CONTAINED, A, false},
	{{"mv0", "macvlan", A}, RESOLVE_PHYSICAL, A, true},
	{{"vnet0", "tap", "fe:54:00:00:00:0a"}, RESOLVE_PHYSICAL, "fe:54:00:00:00:0a", true},
	{{"macvtap0", "macvtap", A}, RESOLVE_PHYSICAL, A, true},
	{{"tun0", "tun", A}, RESOLVE_VM, NULL, false},
};

static void test_kinds(void **state)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct resolve_nic nics[] = {
			{"bond0", "bond", A}, {"br0", "bridge", A}, cases[i].nic};
		bool foreign;
		const char *mac = resolve_nic_mac(nics, 3, 2, cases[i].kind, &foreign);
		if ((mac == NULL) != (cases[i].mac == NULL) ||
			(mac && strcmp(mac, cases[i].mac) != 0) ||
			(mac && foreign != cases[i].foreign))
			fail_msg("%s (%s): %s, %s", cases[i].nic.name,
				cases[i].nic.kind ? cases[i].nic.kind : "-", mac ? mac : "none",
				foreign ? "foreign" : "own");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_kinds)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
