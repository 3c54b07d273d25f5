// SPDX-License-Identifier: Apache-2.0
/* Answers of metadata services, in the shapes that the providers document, and answers that are none. */
#include "probe/imds.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct imds_request *request_of(const char *provider, const char *path)
{
	const struct imds_service *s = imds_service(provider);
	for (size_t i = 0; s && i < IMDS_REQUESTS && s->requests[i].method; i++)
		if (strcmp(s->requests[i].path, path) == 0)
			return &s->requests[i];
	fail_msg("%s has no request %s", provider, path);
	return NULL;
}

static const struct {
	const char *provider, *path, *answer;
	const char *want; /* account region zone id type lifecycle, joined by '|' */
} rows[] = {
	{"aws", "/latest/dynamic/instance-identity/document",
		"{\"accountId\":\"0123456789\",\"availabilityZone\":\"us-east-1f\",\"kernelId\":"
		"null,"
		"\"instanceId\":\"i-1234567890abcdef0\",\"instanceType\":\"m4.xlarge\",\"region\":"
		"\"us-east-1\"}",
		"0123456789|us-east-1|us-east-1f|i-1234567890abcdef0|m4.xlarge|"},
	{"aws", "/latest/meta-data/instance-life-cycle", "spot", "|||||spot"},
	{"aws", "/latest/meta-data/instance-life-cycle", "on-demand\n", "|||||on-demand"},
	{"azure", "/metadata/instance?api-version=2021-02-01&format=json",
		"{\"compute\":{\"location\":\"eastus2\",\"subscriptionId\":\"12aad61c\",\"vmId\":"
		"\"ff702a6b\","
		"\"vmSize\":\"Standard_DS1_v2\",\"zone\":\"\",\"priority\":\"Spot\"}}",
		"12aad61c|eastus2||ff702a6b|Standard_DS1_v2|spot"},
	{"azure", "/metadata/instance?api-version=2021-02-01&format=json",
		"{\"compute\":{\"zone\":\"2\",\"priority\":\"\"}}", "||2|||"},
	{"gcp", "/computeMetadata/v1/project/project-id", "my-project", "my-project|||||"},
	{"gcp", "/computeMetadata/v1/instance/id", "12206944706428651580",
		"|||12206944706428651580||"},
	{"gcp", "/computeMetadata/v1/instance/zone", "projects/728618928092/zones/europe-west3-c",
		"|europe-west3|europe-west3-c|||"},
	{"gcp", "/computeMetadata/v1/instance/machine-type",
		"projects/728618928092/machineTypes/n1-standard-2", "||||n1-standard-2|"},
	{"gcp", "/computeMetadata/v1/instance/scheduling/preemptible", "TRUE", "|||||spot"},
	{"gcp", "/computeMetadata/v1/instance/scheduling/preemptible", "FALSE", "|||||on-demand"},
	{"oracle_cloud", "/opc/v2/instance/",
		"{\"availabilityDomain\":\"qIZq:PHX-AD-1\",\"compartmentId\":\"ocid1.tenancy.oc1.."
		"a\","
		"\"id\":\"ocid1.instance.oc1.phx.a\",\"region\":\"phx\",\"canonicalRegionName\":"
		"\"us-phoenix-1\","
		"\"shape\":\"VM.Standard2.1\"}",
		"ocid1.tenancy.oc1..a|us-phoenix-1|qIZq:PHX-AD-1|ocid1.instance.oc1.phx.a|VM."
		"Standard2.1|"},
	{"ibm_cloud", "/metadata/v1/instance?version=2022-03-01",
		"{\"id\":\"0717_e21b7391\",\"profile\":{\"name\":\"bx2-2x8\"},\"zone\":{\"name\":"
		"\"us-south-1\"}}",
		"|us-south|us-south-1|0717_e21b7391|bx2-2x8|"},
	{"openstack", "/openstack/latest/meta_data.json",
		"{\"availability_zone\":\"nova\",\"uuid\":\"b0fa911b\",\"project_id\":\"f7ac731c\","
		"\"meta\":{}}",
		"f7ac731c||nova|b0fa911b||"},
	{"vultr", "/v1.json",
		"{\"instance-v2-id\":\"29bea708\",\"region\":{\"regioncode\":\"EWR\"}}",
		"|EWR||29bea708||"},
	{"upcloud", "/metadata/v1.json", "{\"instance_id\":\"00322b68\",\"region\":\"fi-hel2\"}",
		"|fi-hel2||00322b68||"},
	{"scaleway", "/conf?format=json",
		"{\"id\":\"77fab916\",\"organization\":\"89f39224\",\"commercial_type\":\"DEV1-S\","
		"\"location\":{\"zone_id\":\"fr-par-1\"}}",
		"89f39224|fr-par|fr-par-1|77fab916|DEV1-S|"},
	{"scaleway", "/conf?format=json", "{\"location\":{\"zone_id\":\"par1\"}}", "|par1|par1|||"},
	{"linode", "/v1/instance",
		"{\"id\":123456,\"region\":\"us-ord\",\"type\":\"g6-standard-2\"}",
		"|us-ord||123456|g6-standard-2|"},
	{"digitalocean", "/metadata/v1/id", "2756924", "|||2756924||"},
	{"hetzner", "/hetzner/v1/metadata/availability-zone", "fsn1-dc14", "||fsn1-dc14|||"},
	{"exoscale", "/1.0/meta-data/service-offering", "Tiny", "||||Tiny|"},
	{"alibaba_cloud", "/latest/meta-data/instance/instance-type", "ecs.g8i.large",
		"||||ecs.g8i.large|"},
	{"tencent_cloud", "/latest/meta-data/payment/charge-type", "SPOTPAID", "|||||spot"},
};

static void test_answers(void **state)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct err e = ERR_INIT;
		struct imds_facts f = {0};
		char token[IMDS_TOKEN] = "", got[800];
		if (imds_read(request_of(rows[i].provider, rows[i].path), rows[i].answer,
			    strlen(rows[i].answer), &f, token, &e))
			fail_msg("%s: %s", rows[i].path, e.text);
		snprintf(got, sizeof(got), "%s|%s|%s|%s|%s|%s", f.text[IMDS_ACCOUNT],
			f.text[IMDS_REGION], f.text[IMDS_ZONE], f.text[IMDS_ID], f.text[IMDS_TYPE],
			f.text[IMDS_LIFECYCLE]);
		assert_string_equal(got, rows[i].want);
	}
}

static void test_tokens(void **state)
{
	struct imds_facts f = {0};
	char token[IMDS_TOKEN] = "";
	struct err e = ERR_INIT;
	assert_int_equal(
		imds_read(request_of("aws", "/latest/api/token"), "AQAEAF==", 8, &f, token, &e), 0);
	assert_string_equal(token, "AQAEAF==");
	const char *json = "{\"access_token\":\"eyJ\"}";
	assert_int_equal(
		imds_read(request_of("ibm_cloud", "/instance_identity/v1/token?version=2022-03-01"),
			json, strlen(json), &f, token, &e),
		0);
	assert_string_equal(token, "eyJ");
	assert_int_equal(
		imds_read(request_of("aws", "/latest/api/token"), "", 0, &f, token, &e), -1);
	assert_non_null(strstr(e.text, "no token"));
	/* A line break would let the service write headers of ours. */
	assert_int_equal(
		imds_read(request_of("aws", "/latest/api/token"), "a\r\nb", 4, &f, token, &e), -1);
}

static void test_refused(void **state)
{
	static const struct {
		const char *provider, *path, *answer;
	} bad[] = {
		{"gcp", "/computeMetadata/v1/instance/id", "<html><body>log in</body></html>"},
		{"gcp", "/computeMetadata/v1/instance/id", "1\n2"},
		{"azure", "/metadata/instance?api-version=2021-02-01&format=json", "<html></html>"},
		{"azure", "/metadata/instance?api-version=2021-02-01&format=json", "[]"},
		{"azure", "/metadata/instance?api-version=2021-02-01&format=json",
			"{\"compute\":{\"location\":\"east us\"}}"},
	};
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct err e = ERR_INIT;
		struct imds_facts f = {{{"kept"}}};
		char token[IMDS_TOKEN] = "";
		assert_int_equal(imds_read(request_of(bad[i].provider, bad[i].path), bad[i].answer,
					 strlen(bad[i].answer), &f, token, &e),
			-1);
		assert_true(e.text[0] != 0);
		assert_string_equal(f.text[0], "kept");
		assert_string_equal(f.text[IMDS_REGION], "");
	}
}

static void test_too_long(void **state)
{
	struct imds_facts f = {0};
	char token[IMDS_TOKEN] = "", answer[IMDS_TEXT];
	struct err e = ERR_INIT;
	memset(answer, 'x', sizeof(answer));
	assert_int_equal(imds_read(request_of("digitalocean", "/metadata/v1/id"), answer,
				 IMDS_TEXT - 1, &f, token, &e),
		0);
	assert_int_equal(imds_read(request_of("digitalocean", "/metadata/v1/id"), answer, IMDS_TEXT,
				 &f, token, &e),
		-1);
	assert_int_equal(e.code, ERR_TOO_LARGE);
}

/* The table itself: tokens before they are used, paths and addresses that are some. */
static void test_table(void **state)
{
	const struct imds_service *s;
	for (size_t i = 0; (s = imds_at(i)); i++) {
		bool token = false;
		assert_ptr_equal(imds_service(s->provider), s);
		for (size_t k = 0; k < IMDS_REQUESTS && s->requests[k].method; k++) {
			const struct imds_request *r = &s->requests[k];
			assert_int_equal(r->path[0], '/');
			assert_non_null(r->takes[0].path);
			for (size_t h = 0; h < 2 && r->headers[h].name; h++)
				if (strstr(r->headers[h].value, "%s"))
					assert_true(token);
			token |= r->takes[0].form == FORM_TOKEN;
		}
		assert_non_null(s->requests[0].method);
	}
	assert_null(imds_service("gogrid"));
}

static void test_attributes(void **state)
{
	struct imds_facts f = {{"1", "eu", "eu-1", "i-7", "big", "spot"}};
	struct json *o = json_object();
	imds_attributes(&f, o);
	assert_string_equal(json_str(json_get(o, "cloud.account.id")), "1");
	assert_string_equal(json_str(json_get(o, "cloud.region")), "eu");
	assert_string_equal(json_str(json_get(o, "cloud.availability_zone")), "eu-1");
	assert_string_equal(json_str(json_get(o, "host.id")), "i-7");
	assert_string_equal(json_str(json_get(o, "host.type")), "big");
	assert_string_equal(json_str(json_get(o, "him.cloud.lifecycle")), "spot");
	json_free(o);
	o = json_object();
	imds_attributes(&(struct imds_facts){0}, o);
	assert_int_equal(json_len(o), 0);
	json_free(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_attributes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
