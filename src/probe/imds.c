// SPDX-License-Identifier: Apache-2.0
/*
 * The metadata services as data: a provider is a row, its requests are asked in their order, and
 * each says which members of the answer are which fact. One reader serves all of them.
 *
 * Where a service offers single values they are asked for, not the whole document, which may
 * carry megabytes of the user's scripts and keys that are nobody's business here.
 *
 * A value is one line of at most 127 printable characters; anything else (a page of HTML from a
 * portal that answers everything) is refused.
 */
#include "probe/imds.h"
#include "base/text.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define LINK_LOCAL "169.254.169.254"
#define AWS_TOKEN                                                                                  \
	{                                                                                          \
		"X-aws-ec2-metadata-token", "%s"                                                   \
	}
#define ALI_TOKEN                                                                                  \
	{                                                                                          \
		"X-aliyun-ecs-metadata-token", "%s"                                                \
	}
#define GOOGLE                                                                                     \
	{                                                                                          \
		"Metadata-Flavor", "Google"                                                        \
	}
#define WHOLE ""

static const struct imds_service services[] = {
	{"aws", LINK_LOCAL,
		{{"PUT", "/latest/api/token", {{"X-aws-ec2-metadata-token-ttl-seconds", "60"}},
			 false, {{WHOLE, 0, FORM_TOKEN}}},
			{"GET", "/latest/dynamic/instance-identity/document", {AWS_TOKEN}, false,
				{{"accountId", IMDS_ACCOUNT}, {"region", IMDS_REGION},
					{"availabilityZone", IMDS_ZONE}, {"instanceId", IMDS_ID},
					{"instanceType", IMDS_TYPE}}},
			{"GET", "/latest/meta-data/instance-life-cycle", {AWS_TOKEN}, true,
				{{WHOLE, IMDS_LIFECYCLE, FORM_SPOT}}}}},
	{"azure", LINK_LOCAL,
		{{"GET", "/metadata/instance?api-version=2021-02-01&format=json",
			{{"Metadata", "true"}}, false,
			{{"compute/subscriptionId", IMDS_ACCOUNT},
				{"compute/location", IMDS_REGION}, {"compute/zone", IMDS_ZONE},
				{"compute/vmId", IMDS_ID}, {"compute/vmSize", IMDS_TYPE},
				{"compute/priority", IMDS_LIFECYCLE, FORM_SPOT}}}}},
	{"gcp", LINK_LOCAL,
		{{"GET", "/computeMetadata/v1/project/project-id", {GOOGLE}, false,
			 {{WHOLE, IMDS_ACCOUNT}}},
			{"GET", "/computeMetadata/v1/instance/id", {GOOGLE}, false,
				{{WHOLE, IMDS_ID}}},
			{"GET", "/computeMetadata/v1/instance/zone", {GOOGLE}, false,
				{{WHOLE, IMDS_ZONE, FORM_LAST}, {WHOLE, IMDS_REGION, FORM_REGION}}},
			{"GET", "/computeMetadata/v1/instance/machine-type", {GOOGLE}, false,
				{{WHOLE, IMDS_TYPE, FORM_LAST}}},
			{"GET", "/computeMetadata/v1/instance/scheduling/preemptible", {GOOGLE},
				true, {{WHOLE, IMDS_LIFECYCLE, FORM_SPOT}}}}},
	{"alibaba_cloud", "100.100.100.200",
		{{"PUT", "/latest/api/token", {{"X-aliyun-ecs-metadata-token-ttl-seconds", "60"}},
			 false, {{WHOLE, 0, FORM_TOKEN}}},
			{"GET", "/latest/meta-data/owner-account-id", {ALI_TOKEN}, false,
				{{WHOLE, IMDS_ACCOUNT}}},
			{"GET", "/latest/meta-data/region-id", {ALI_TOKEN}, false,
				{{WHOLE, IMDS_REGION}}},
			{"GET", "/latest/meta-data/zone-id", {ALI_TOKEN}, false,
				{{WHOLE, IMDS_ZONE}}},
			{"GET", "/latest/meta-data/instance-id", {ALI_TOKEN}, false,
				{{WHOLE, IMDS_ID}}},
			{"GET", "/latest/meta-data/instance/instance-type", {ALI_TOKEN}, false,
				{{WHOLE, IMDS_TYPE}}}}},
	{"tencent_cloud", "169.254.0.23",
		{{"GET", "/latest/meta-data/app-id", {{0}}, true, {{WHOLE, IMDS_ACCOUNT}}},
			{"GET", "/latest/meta-data/placement/region", {{0}}, false,
				{{WHOLE, IMDS_REGION}}},
			{"GET", "/latest/meta-data/placement/zone", {{0}}, false,
				{{WHOLE, IMDS_ZONE}}},
			{"GET", "/latest/meta-data/instance-id", {{0}}, false, {{WHOLE, IMDS_ID}}},
			{"GET", "/latest/meta-data/instance/instance-type", {{0}}, true,
				{{WHOLE, IMDS_TYPE}}},
			{"GET", "/latest/meta-data/payment/charge-type", {{0}}, true,
				{{WHOLE, IMDS_LIFECYCLE, FORM_SPOT}}}}},
	{"oracle_cloud", LINK_LOCAL,
		{{"GET", "/opc/v2/instance/", {{"Authorization", "Bearer Oracle"}}, false,
			{{"compartmentId", IMDS_ACCOUNT}, {"canonicalRegionName", IMDS_REGION},
				{"availabilityDomain", IMDS_ZONE}, {"id", IMDS_ID},
				{"shape", IMDS_TYPE}}}}},
	{"ibm_cloud", LINK_LOCAL,
		{{"PUT", "/instance_identity/v1/token?version=2022-03-01",
			 {{"Metadata-Flavor", "ibm"}}, false, {{"access_token", 0, FORM_TOKEN}}},
			{"GET", "/metadata/v1/instance?version=2022-03-01",
				{{"Authorization", "Bearer %s"}}, false,
				{{"id", IMDS_ID}, {"profile/name", IMDS_TYPE},
					{"zone/name", IMDS_ZONE},
					{"zone/name", IMDS_REGION, FORM_REGION}}}}},
	{"openstack", LINK_LOCAL,
		{{"GET", "/openstack/latest/meta_data.json", {{0}}, false,
			 {{"project_id", IMDS_ACCOUNT}, {"availability_zone", IMDS_ZONE},
				 {"uuid", IMDS_ID}}},
			{"GET", "/latest/meta-data/instance-type", {{0}}, true,
				{{WHOLE, IMDS_TYPE}}}}},
	{"rackspace", LINK_LOCAL,
		{{"GET", "/openstack/latest/meta_data.json", {{0}}, false,
			{{"project_id", IMDS_ACCOUNT}, {"availability_zone", IMDS_ZONE},
				{"uuid", IMDS_ID}}}}},
	{"ovh", LINK_LOCAL,
		{{"GET", "/openstack/latest/meta_data.json", {{0}}, false,
			{{"project_id", IMDS_ACCOUNT}, {"availability_zone", IMDS_ZONE},
				{"uuid", IMDS_ID}}}}},
	{"digitalocean", LINK_LOCAL,
		{{"GET", "/metadata/v1/id", {{0}}, false, {{WHOLE, IMDS_ID}}},
			{"GET", "/metadata/v1/region", {{0}}, false, {{WHOLE, IMDS_REGION}}}}},
	{"hetzner", LINK_LOCAL,
		{{"GET", "/hetzner/v1/metadata/instance-id", {{0}}, false, {{WHOLE, IMDS_ID}}},
			{"GET", "/hetzner/v1/metadata/region", {{0}}, true, {{WHOLE, IMDS_REGION}}},
			{"GET", "/hetzner/v1/metadata/availability-zone", {{0}}, true,
				{{WHOLE, IMDS_ZONE}}}}},
	{"vultr", LINK_LOCAL,
		{{"GET", "/v1.json", {{"Metadata-Token", "vultr"}}, false,
			{{"instance-v2-id", IMDS_ID}, {"region/regioncode", IMDS_REGION}}}}},
	{"upcloud", LINK_LOCAL,
		{{"GET", "/metadata/v1.json", {{0}}, false,
			{{"instance_id", IMDS_ID}, {"region", IMDS_REGION}}}}},
	{"scaleway", "169.254.42.42",
		{{"GET", "/conf?format=json", {{0}}, false,
			{{"id", IMDS_ID}, {"organization", IMDS_ACCOUNT},
				{"commercial_type", IMDS_TYPE}, {"location/zone_id", IMDS_ZONE},
				{"location/zone_id", IMDS_REGION, FORM_REGION}}}}},
	{"linode", LINK_LOCAL,
		{{"PUT", "/v1/token", {{"Metadata-Token-Expiry-Seconds", "60"}}, false,
			 {{WHOLE, 0, FORM_TOKEN}}},
			{"GET", "/v1/instance",
				{{"Metadata-Token", "%s"}, {"Accept", "application/json"}}, false,
				{{"account_euuid", IMDS_ACCOUNT}, {"region", IMDS_REGION},
					{"id", IMDS_ID}, {"type", IMDS_TYPE}}}}},
	{"exoscale", LINK_LOCAL,
		{{"GET", "/1.0/meta-data/instance-id", {{0}}, false, {{WHOLE, IMDS_ID}}},
			{"GET", "/1.0/meta-data/service-offering", {{0}}, true,
				{{WHOLE, IMDS_TYPE}}},
			{"GET", "/1.0/meta-data/availability-zone", {{0}}, true,
				{{WHOLE, IMDS_ZONE}}}}},
};

static const char *const attributes_of[IMDS_FACTS] = {"cloud.account.id", "cloud.region",
	"cloud.availability_zone", "host.id", "host.type", "him.cloud.lifecycle"};

const struct imds_service *imds_at(size_t i)
{
	return i < sizeof(services) / sizeof(services[0]) ? &services[i] : NULL;
}

const struct imds_service *imds_service(const char *provider)
{
	const struct imds_service *s;

	for (size_t i = 0; (s = imds_at(i)); i++)
		if (strcmp(s->provider, provider) == 0)
			return s;
	return NULL;
}

/* Printable ASCII without a blank or a tag; white space around it is cut. */
static int take_text(const char *text, size_t len, char *out, size_t size, struct err *e)
{
	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r' || text[len - 1] == ' '))
		len--;
	if (len >= size)
		return err_set(e, ERR_TOO_LARGE,
			"the metadata service answered %zu characters for a value of at most %zu",
			len, size - 1);
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~' || text[i] == '<')
			return err_set(e, ERR_PROTOCOL,
				"the metadata service answered with what is no value");
	memcpy(out, text, len);
	out[len] = 0;
	return 0;
}

/* The member at a/b/c; numbers as their digits. Absent or empty: "". */
static int take_member(
	const struct json *root, const char *path, char *out, size_t size, struct err *e)
{
	const struct json *at = root;
	char name[64], digits[24];
	int64_t number;

	while (*path) {
		size_t n = strcspn(path, "/");
		snprintf(name, sizeof(name), "%.*s", (int)n, path);
		at = json_get(at, name);
		path += path[n] ? n + 1 : n;
	}
	out[0] = 0;
	if (json_str(at))
		return take_text(json_str(at), json_str_len(at), out, size, e);
	if (json_to_int(at, &number) == 0) {
		snprintf(digits, sizeof(digits), "%lld", (long long)number);
		return take_text(digits, strlen(digits), out, size, e);
	}
	return 0;
}

static const char *lifecycle(const char *word)
{
	static const char *const spot[] = {"spot", "true", "low", "spotpaid", "preemptible"};

	for (size_t i = 0; i < sizeof(spot) / sizeof(spot[0]); i++)
		if (strcasecmp(word, spot[i]) == 0)
			return "spot";
	return "on-demand";
}

static void shape(char *text, enum imds_form form)
{
	char *slash = strrchr(text, '/'), *dash;

	if ((form == FORM_LAST || form == FORM_REGION) && slash)
		memmove(text, slash + 1, strlen(slash));
	if (form == FORM_REGION && (dash = strrchr(text, '-')))
		*dash = 0;
	if (form == FORM_SPOT && text[0])
		snprintf(text, IMDS_TEXT, "%s", lifecycle(text));
}

int imds_read(const struct imds_request *r, const char *text, size_t len, struct imds_facts *out,
	char *token, struct err *e)
{
	bool is_json = r->takes[0].path[0] != 0;
	struct json *root = is_json ? json_parse(text, len, e) : NULL;
	struct imds_facts got = *out;
	int rc = 0;

	if (is_json && !root)
		return err_where(e, "the answer of the metadata service");
	if (is_json && json_type(root) != JSON_OBJECT)
		rc = err_set(
			e, ERR_PROTOCOL, "the answer of the metadata service is no JSON object");
	for (size_t i = 0; i < sizeof(r->takes) / sizeof(r->takes[0]) && rc == 0; i++) {
		const struct imds_take *t = &r->takes[i];
		if (!t->path)
			break;
		char *to = t->form == FORM_TOKEN ? token : got.text[t->fact];
		size_t size = t->form == FORM_TOKEN ? IMDS_TOKEN : IMDS_TEXT;
		rc = is_json ? take_member(root, t->path, to, size, e)
			     : take_text(text, len, to, size, e);
		if (rc == 0 && t->form == FORM_TOKEN && !to[0])
			rc = err_set(e, ERR_PROTOCOL, "the metadata service gave no token");
		if (rc == 0 && t->form != FORM_TOKEN)
			shape(to, t->form);
	}
	json_free(root);
	if (rc == 0)
		*out = got;
	return rc;
}

void imds_attributes(const struct imds_facts *f, struct json *attributes)
{
	for (size_t i = 0; i < IMDS_FACTS; i++)
		if (f->text[i][0])
			json_set_string(attributes, attributes_of[i], f->text[i]);
}
