/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a public cloud's metadata service says of the machine that asks: a table of requests per
 * provider, and the reader of their answers. Pure: agent/metadata.c does the asking, and only
 * where the firmware (or a rule) named the provider.
 *
 * Formats are those the providers document: AWS (IMDSv2, instance identity document), Azure
 * (instance, api-version 2021-02-01), GCP (computeMetadata/v1), Alibaba, Oracle (opc/v2), IBM
 * (metadata/v1), OpenStack (meta_data.json), DigitalOcean, Hetzner, Vultr, UpCloud, Scaleway,
 * Linode, Exoscale, Tencent.
 */
#ifndef HIM_PROBE_IMDS_H
#define HIM_PROBE_IMDS_H

#include "base/err.h"
#include "base/json.h"
#include <stdbool.h>
#include <stddef.h>

#define IMDS_TEXT 128
#define IMDS_TOKEN 4096
#define IMDS_ANSWER_MAX (128 * 1024) /* answers carry the user's own data too */

enum imds_fact {
	IMDS_ACCOUNT,
	IMDS_REGION,
	IMDS_ZONE,
	IMDS_ID,
	IMDS_TYPE,
	IMDS_LIFECYCLE, /* on-demand, spot */
	IMDS_FACTS
};

struct imds_facts {
	char text[IMDS_FACTS][IMDS_TEXT]; /* "" where the service does not say */
};

enum imds_form {
	FORM_PLAIN,
	FORM_LAST,   /* what is after the last '/': projects/7/zones/europe-west3-c */
	FORM_REGION, /* a zone without its last part: europe-west3-c is in europe-west3 */
	FORM_SPOT,   /* a word that means spot or not */
	FORM_TOKEN,  /* for the requests after this one */
};

struct imds_take {
	const char
		*path; /* members of a JSON object, joined by '/'; "" the whole text; NULL ends */
	enum imds_fact fact;
	enum imds_form form;
};

struct imds_header {
	const char *name, *value; /* in value %s is the token */
};

struct imds_request {
	const char *method, *path; /* a NULL method ends the list */
	struct imds_header headers[2];
	bool optional; /* 404 is an answer: nothing */
	struct imds_take takes[6];
};

#define IMDS_REQUESTS 8

struct imds_service {
	const char *provider, *address;
	struct imds_request requests[IMDS_REQUESTS];
};

/* NULL when this provider has no service that is known here. */
const struct imds_service *imds_service(const char *provider);
/* The services one by one, NULL at the end. */
const struct imds_service *imds_at(size_t i);

/* Reads the answer to a request. Facts that stand in it are set, others left; `token` (IMDS_TOKEN
 * bytes) is set by a request for one. Fails when the answer is not what such a request gives. */
int imds_read(const struct imds_request *r, const char *text, size_t len, struct imds_facts *out,
	char *token, struct err *e);

/* Sets them as OpenTelemetry's attributes: cloud.account.id, cloud.region,
 * cloud.availability_zone, host.id, host.type, and him.cloud.lifecycle. */
void imds_attributes(const struct imds_facts *f, struct json *attributes);

#endif
