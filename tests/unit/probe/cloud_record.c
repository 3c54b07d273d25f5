// SPDX-License-Identifier: Apache-2.0
/* See cloud_record.h. */
#include "cloud_record.h"
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	const char *label, *provider, *arm_hypervisor;
} clouds[] = {
	{"alicloud", "alibaba_cloud", "kvm"}, {"aws", "aws", "kvm"}, {"azure", "azure", "hyperv"},
	{"gcp", "gcp", "kvm"},
	{"ovh", "openstack", "kvm"}, /* its machines say OpenStack and nothing of OVH */
};

static const struct {
	const char *vendor, *signature, *hypervisor;
} vendors[] = {{"KVM", "KVMKVMKVM", "kvm"}, {"Xen", "XenVMMXenVMM", "xen"},
	{"Microsoft", "Microsoft Hv", "hyperv"}};

static void set(struct evidence *ev, enum fact fact, const char *text)
{
	if (text)
		evidence_set(ev, fact, text, strlen(text));
}

void cloud_record_evidence(const struct json *record, struct evidence *ev)
{
	const struct json *cpu = json_get(record, "lscpu");
	const char *vendor = json_str(json_get(cpu, "hypervisor_vendor"));
	bool flag = false, bit = false;
	struct json_iter it = json_iter(json_get(record, "dmi"));

	while (json_next(&it))
		if (evidence_named(it.key) != FACTS)
			set(ev, evidence_named(it.key), json_str(it.value));
	set(ev, FACT_ARCH, json_str(json_get(cpu, "arch")));
	json_to_bool(json_get(cpu, "hypervisor_flag"), &flag);
	json_to_bool(json_get(record, "smbios_vm_flag"), &bit);
	set(ev, FACT_SMBIOS_VM, bit ? "yes" : "no");
	if (!evidence_is_x86(ev))
		return;
	set(ev, FACT_CPU_HYPERVISOR, flag ? "yes" : "no");
	set(ev, FACT_CPUID_READ, "yes");
	for (size_t i = 0; vendor && i < COUNT(vendors); i++)
		if (strcmp(vendor, vendors[i].vendor) == 0)
			set(ev, FACT_CPUID, vendors[i].signature);
}

struct verdict cloud_record_expected(const struct json *record)
{
	struct verdict want = {"vm", NULL, "guest", NULL, NULL};
	const char *label = json_str(json_get(record, "cloud"));
	const char *vendor = json_str(json_get(json_get(record, "lscpu"), "hypervisor_vendor"));
	bool metal = strstr(json_str(json_get(record, "instance_type")), "metal") != NULL;

	for (size_t i = 0; i < COUNT(clouds); i++)
		if (strcmp(label, clouds[i].label) == 0) {
			want.provider = clouds[i].provider;
			want.hypervisor = clouds[i].arm_hypervisor;
		}
	for (size_t i = 0; vendor && i < COUNT(vendors); i++)
		if (strcmp(vendor, vendors[i].vendor) == 0)
			want.hypervisor = vendors[i].hypervisor;
	if (metal)
		want = (struct verdict){"physical", NULL, "none", NULL, want.provider};
	return want;
}
