// SPDX-License-Identifier: Apache-2.0
/*
 * Which cloud, by the marks a provider leaves in its machines' firmware. A row is a provider with
 * the condition that gives it away; the order goes from marks nobody else has to marks that many
 * share: OpenStack's name is last, for providers that build on it and say so stand before it.
 *
 * Names are OpenTelemetry's where it has one. A cloud that only says OpenStack is "openstack":
 * whose it is cannot be seen, a rule of the administrator (providers.h) can say it.
 */
#include "probe/virt.h"
#include <string.h>

static const struct cloud clouds[] = {
	{"aws", "public", "kvm", true, {FACT_PRODUCT_NAME, CONTAINS, ".metal"}},
	{"azure", "public", "hyperv", false, {0}},
	/* a guest's firmware is "Google"'s */
	{"gcp", "public", "kvm", false, {FACT_BIOS_VENDOR, IS, "Google LLC"}},
	{"alibaba_cloud", "public", "kvm", true, {FACT_PRODUCT_NAME, CONTAINS, "Bare Metal"}},
	{"tencent_cloud", "public", "kvm", false, {0}},
	{"oracle_cloud", "public", "kvm", false, {FACT_PRODUCT_NAME, BEGINS, "ORACLE SERVER"}},
	{"ibm_cloud", "public", NULL, false, {0}},
	{"digitalocean", "public", "kvm", false, {0}},
	{"hetzner", "public", "kvm", false, {0}},
	{"vultr", "public", "kvm", false, {0}},
	{"upcloud", "public", "kvm", false, {0}},
	{"scaleway", "public", "kvm", false, {0}},
	{"linode", "public", "kvm", false, {0}},
	{"exoscale", "public", "kvm", false, {0}},
	{"ovh", "public", NULL, false, {0}},
	{"rackspace", "public", NULL, false, {0}},
	{"brightbox", "public", "kvm", false, {0}},
	{"e24cloud", "public", NULL, false, {0}},
	{"outscale", "public", "kvm", false, {0}},
	{"cloudsigma", "public", "kvm", false, {0}},
	{"nwcs", "public", "kvm", false, {0}},
	{"cloudcix", "public", NULL, false, {0}},
	{"yandex_cloud", "public", "kvm", false, {0}},
	{"netcup", "public", "kvm", false, {0}},
	{"smartos", "private", "kvm", false, {0}},
	{"zstack", "private", "kvm", false, {0}},
	{"cloudstack", "private", NULL, false, {0}},
	{"openstack", "private", "kvm", false, {0}},
};

static const struct {
	struct condition a, b;
	const char *provider;
} rows[] = {
	{{FACT_SYS_VENDOR, IS, "Amazon EC2"}, {0}, "aws"},
	{{FACT_BIOS_VENDOR, IS, "Amazon EC2"}, {0}, "aws"},
	{{FACT_BIOS_VERSION, CONTAINS, ".amazon"}, {0}, "aws"}, /* its Xen: "4.11.amazon" */
	{{FACT_PRODUCT_VERSION, CONTAINS, ".amazon"}, {0}, "aws"},
	{{FACT_HYPERVISOR_UUID, BEGINS, "ec2"}, {0}, "aws"},
	{{FACT_PRODUCT_UUID, BEGINS, "ec2"}, {FACT_PRODUCT_SERIAL, BEGINS, "ec2"}, "aws"},
	{{FACT_CHASSIS_ASSET_TAG, IS, "7783-7084-3265-9085-8269-3286-77"}, {0}, "azure"},
	{{FACT_PRODUCT_NAME, BEGINS, "Google Compute Engine"}, {0}, "gcp"},
	{{FACT_PRODUCT_SERIAL, BEGINS, "GoogleCloud-"}, {0}, "gcp"},
	{{FACT_SYS_VENDOR, IS, "Google"}, {FACT_PRODUCT_NAME, IS, "Google"}, "gcp"},
	{{FACT_SYS_VENDOR, BEGINS, "Alibaba Cloud"}, {0}, "alibaba_cloud"},
	{{FACT_PRODUCT_NAME, BEGINS, "Alibaba Cloud"}, {0}, "alibaba_cloud"},
	{{FACT_SYS_VENDOR, BEGINS, "Tencent Cloud"}, {0}, "tencent_cloud"},
	{{FACT_CHASSIS_ASSET_TAG, IS, "OracleCloud.com"}, {0}, "oracle_cloud"},
	{{FACT_CHASSIS_ASSET_TAG, IS, "ibmcloud"}, {0}, "ibm_cloud"},
	{{FACT_SYS_VENDOR, BEGINS, "IBM:Cloud Compute Server"}, {0}, "ibm_cloud"},
	{{FACT_FILE_IBM, KNOWN, NULL}, {0}, "ibm_cloud"},
	{{FACT_SYS_VENDOR, BEGINS, "DigitalOcean"}, {0}, "digitalocean"},
	{{FACT_SYS_VENDOR, BEGINS, "Hetzner"}, {0}, "hetzner"},
	{{FACT_SYS_VENDOR, IS, "Vultr"}, {0}, "vultr"},
	{{FACT_FILE_VULTR, KNOWN, NULL}, {0}, "vultr"},
	{{FACT_SYS_VENDOR, IS, "UpCloud"}, {0}, "upcloud"},
	{{FACT_SYS_VENDOR, IS, "Scaleway"}, {0}, "scaleway"},
	{{FACT_FILE_SCALEWAY, KNOWN, NULL}, {0}, "scaleway"},
	{{FACT_KERNEL_COMMAND, IS, "scaleway"}, {0}, "scaleway"},
	{{FACT_KERNEL_COMMAND, IS, "vultr"}, {0}, "vultr"},
	{{FACT_SYS_VENDOR, IS, "Linode"}, {0}, "linode"},
	{{FACT_SYS_VENDOR, IS, "Akamai"}, {0}, "linode"},
	{{FACT_PRODUCT_NAME, BEGINS, "Exoscale"}, {0}, "exoscale"},
	{{FACT_SYS_VENDOR, IS, "Exoscale"}, {0}, "exoscale"},
	{{FACT_SYS_VENDOR, BEGINS, "OVH"}, {0}, "ovh"},
	{{FACT_SYS_VENDOR, BEGINS, "Rackspace"}, {0}, "rackspace"},
	{{FACT_PRODUCT_NAME, BEGINS, "Rackspace"}, {0}, "rackspace"},
	{{FACT_KERNEL_RELEASE, ENDS, "-rscloud"}, {0}, "rackspace"},
	{{FACT_PRODUCT_SERIAL, ENDS, ".brightbox.com"}, {0}, "brightbox"},
	{{FACT_CHASSIS_ASSET_TAG, ENDS, ".zstack.io"}, {0}, "zstack"},
	{{FACT_SYS_VENDOR, IS, "e24cloud"}, {0}, "e24cloud"},
	{{FACT_SYS_VENDOR, BEGINS, "3DS Outscale"}, {0}, "outscale"},
	{{FACT_PRODUCT_NAME, BEGINS, "CloudSigma"}, {0}, "cloudsigma"},
	{{FACT_SYS_VENDOR, IS, "NWCS"}, {0}, "nwcs"},
	{{FACT_PRODUCT_NAME, IS, "CloudCIX"}, {0}, "cloudcix"},
	{{FACT_SYS_VENDOR, BEGINS, "Yandex"}, {0}, "yandex_cloud"},
	{{FACT_SYS_VENDOR, IS, "netcup"}, {0}, "netcup"},
	{{FACT_PRODUCT_NAME, BEGINS, "SmartDC"}, {0}, "smartos"},
	{{FACT_SYS_VENDOR, IS, "Joyent"}, {0}, "smartos"},
	{{FACT_KERNEL_VERSION, CONTAINS, "BrandZ virtual linux"},
		{FACT_FILE_ZONE_SOCKET, IS, "yes"}, "smartos"},
	{{FACT_PRODUCT_NAME, BEGINS, "CloudStack"}, {0}, "cloudstack"},
	{{FACT_PRODUCT_NAME, BEGINS, "OpenStack"}, {0}, "openstack"},
	{{FACT_SYS_VENDOR, BEGINS, "OpenStack"}, {0}, "openstack"},
	{{FACT_PRODUCT_ENVIRON, BEGINS, "OpenStack"}, {0}, "openstack"},
	{{FACT_CHASSIS_ASSET_TAG, BEGINS, "OpenStack"}, {0}, "openstack"},
	/* Clouds whose guests find an OpenStack there, under a name of the provider's. */
	{{FACT_CHASSIS_ASSET_TAG, IS, "OpenTelekomCloud"}, {0}, "openstack"},
	{{FACT_CHASSIS_ASSET_TAG, IS, "SAP CCloud VM"}, {0}, "openstack"},
	{{FACT_CHASSIS_ASSET_TAG, IS, "HUAWEICLOUD"}, {0}, "openstack"},
};

const struct cloud *cloud_named(const char *provider)
{
	for (size_t i = 0; i < sizeof(clouds) / sizeof(clouds[0]); i++)
		if (strcmp(clouds[i].provider, provider) == 0)
			return &clouds[i];
	return NULL;
}

void cloud_find(const struct evidence *ev, struct cloud *out, struct json *why)
{
	*out = (struct cloud){0};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (evidence_match(ev, &rows[i].a) &&
			(!rows[i].b.text || evidence_match(ev, &rows[i].b))) {
			evidence_why(ev, rows[i].a.fact, why);
			*out = *cloud_named(rows[i].provider);
			out->by_firmware = rows[i].a.fact <= FACT_CHASSIS_ASSET_TAG;
			return;
		}
}
