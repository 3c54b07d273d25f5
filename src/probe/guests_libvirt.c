// SPDX-License-Identifier: Apache-2.0
/*
 * libvirt: the XML of domains and the table of `virsh list`.
 *
 * The same elements stand in what `virsh dumpxml` prints, in the definitions below /etc/libvirt and
 * in the status files below /run/libvirt, whose root is <domstatus state='…'>. So a <domain> is
 * taken wherever it stands outside of another one. Several documents may follow one another, as one
 * virsh that was given several commands prints them.
 *
 * Elements count only in the namespace of their <domain>: <metadata> and qemu:commandline hold
 * foreign ones of equal names. A document type, and with it every entity of its own, is refused.
 */
#include "probe/guests.h"
#include "base/text.h"
#include <ctype.h>
#include <expat.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 256
#define TEXT_BYTES 4096

struct reading {
	XML_Parser parser;
	struct guests *list;
	struct guest *guest; /* of the <domain> we are in */
	char *ns;            /* its namespace, "" for none; allocated */
	int depth;           /* of the element we are in, 1 for the root */
	int domain_depth;    /* of that <domain>; 0 outside of one */
	int odd_depth; /* of the outermost element that says nothing to us; 0: we are in none */
	bool in_devices, in_interface;
	enum guest_state state; /* of the <domstatus> around it */
	char *unit;             /* of <memory>; allocated */
	char text[TEXT_BYTES];  /* of the element we are in */
	size_t text_len;
	size_t found;
	bool ended; /* the root was closed */
	struct err *e;
	bool failed;
};

static void fail(struct reading *r)
{
	r->failed = true;
	XML_StopParser(r->parser, XML_FALSE);
}

/* "uri\nlocal" or "local": the local name; *ns_len is the length of the uri. */
static const char *local_name(const char *name, size_t *ns_len)
{
	const char *at = strchr(name, '\n');
	*ns_len = at ? (size_t)(at - name) : 0;
	return at ? at + 1 : name;
}

static const char *attribute(const char **attributes, const char *name)
{
	for (; *attributes; attributes += 2)
		if (strcmp(attributes[0], name) == 0)
			return attributes[1];
	return NULL;
}

static void domain_begins(
	struct reading *r, const char *name, size_t ns_len, const char **attributes)
{
	const char *id = attribute(attributes, "id");

	r->guest = guests_add(r->list, r->e);
	if (!r->guest) {
		fail(r);
		return;
	}
	free(r->ns);
	r->ns = xstrndup(name, ns_len);
	r->domain_depth = r->depth;
	r->found++;
	r->guest->state = r->state;
	/* Domain 0 of Xen is the host itself. */
	const char *type = attribute(attributes, "type");
	r->guest->ignored = id && type && strcmp(type, "xen") == 0 && strcmp(id, "0") == 0;
}

static void element_begins(struct reading *r, const char *name, const char **attributes)
{
	int level = r->depth - r->domain_depth;

	if (level == 1 && strcmp(name, "memory") == 0) {
		const char *unit = attribute(attributes, "unit");
		free(r->unit);
		r->unit = xstrdup(unit ? unit : "KiB");
	} else if (level == 1 && strcmp(name, "devices") == 0) {
		r->in_devices = true;
	} else if (level == 2 && r->in_devices && strcmp(name, "interface") == 0) {
		r->in_interface = true;
	} else if (level == 3 && r->in_interface && strcmp(name, "mac") == 0) {
		const char *mac = attribute(attributes, "address");
		if (mac)
			guest_mac(r->list, r->guest, mac, strlen(mac));
	} else if (level != 1 ||
		(strcmp(name, "name") && strcmp(name, "uuid") && strcmp(name, "vcpu"))) {
		r->odd_depth = r->depth;
	}
}

static void XMLCALL on_start(void *ctx, const char *full, const char **attributes)
{
	struct reading *r = ctx;
	size_t ns_len;
	const char *name = local_name(full, &ns_len);

	r->depth++;
	r->text_len = 0;
	if (r->depth > DEPTH_MAX) {
		err_set(r->e, ERR_INVALID, "its elements are over %d deep", DEPTH_MAX);
		fail(r);
	} else if (r->odd_depth) {
		return;
	} else if (r->domain_depth) {
		if (strlen(r->ns) != ns_len || strncmp(r->ns, full, ns_len) != 0)
			r->odd_depth = r->depth;
		else
			element_begins(r, name, attributes);
	} else if (strcmp(name, "domain") == 0) {
		domain_begins(r, full, ns_len, attributes);
	} else if (strcmp(name, "domstatus") == 0) {
		const char *state = attribute(attributes, "state");
		r->state = state ? guest_state(state) : GUEST_UNKNOWN;
	}
}

/* libvirt's units: KB, MB, GB, TB are powers of 1000; b, bytes, K, KiB, M, MiB … of 1024. */
static int64_t memory_of(const char *digits, const char *unit)
{
	static const struct {
		const char *unit;
		int64_t bytes;
	} decimal[] = {{"kb", 1000}, {"mb", 1000000}, {"gb", 1000000000}, {"tb", 1000000000000}};
	char *both;
	int64_t n;

	for (size_t i = 0; i < sizeof(decimal) / sizeof(decimal[0]); i++)
		if (strcasecmp(unit, decimal[i].unit) == 0)
			return guest_amount(digits, decimal[i].bytes);
	both = xasprintf("%s %s", digits, unit);
	n = guest_amount(both, 1024);
	free(both);
	return n;
}

static int element_ends(struct reading *r, const char *name)
{
	struct guest *g = r->guest;
	char *text = r->text;

	text[r->text_len] = 0;
	if (strcmp(name, "name") == 0)
		return guest_name(r->list, g, text, r->e);
	if (strcmp(name, "uuid") == 0 && !guest_uuid(r->list, g, text))
		return err_set(r->e, ERR_INVALID, "'%.60s' is no UUID", text);
	if (strcmp(name, "memory") == 0 && r->unit)
		g->memory_bytes = memory_of(text, r->unit);
	if (strcmp(name, "vcpu") == 0)
		g->vcpus = guest_count(text, "");
	return 0;
}

static void XMLCALL on_end(void *ctx, const char *full)
{
	struct reading *r = ctx;
	size_t ns_len;
	const char *name = local_name(full, &ns_len);
	int level = r->depth - r->domain_depth;

	if (r->odd_depth) {
		if (r->odd_depth == r->depth)
			r->odd_depth = 0;
	} else if (r->domain_depth && level == 0) {
		if (!r->guest->name && !r->guest->uuid) {
			err_set(r->e, ERR_INVALID, "a domain has neither name nor UUID");
			fail(r);
		}
		r->domain_depth = 0;
		r->guest = NULL;
	} else if (r->domain_depth && level == 1) {
		r->in_devices = false;
		if (element_ends(r, name))
			fail(r);
	} else if (r->domain_depth && level == 2) {
		r->in_interface = false;
	}
	r->text_len = 0;
	if (--r->depth == 0) {
		r->ended = true;
		XML_StopParser(r->parser, XML_FALSE);
	}
}

static void XMLCALL on_text(void *ctx, const char *text, int len)
{
	struct reading *r = ctx;

	if (!r->domain_depth || r->odd_depth || r->depth != r->domain_depth + 1)
		return;
	if (r->text_len + (size_t)len >= sizeof(r->text)) {
		/* Only the white space between children is so long. */
		for (int i = 0; i < len; i++)
			if (!isspace((unsigned char)text[i])) {
				err_set(r->e, ERR_TOO_LARGE, "a text is over %d bytes", TEXT_BYTES);
				fail(r);
				return;
			}
		return;
	}
	memcpy(r->text + r->text_len, text, (size_t)len);
	r->text_len += (size_t)len;
}

static void XMLCALL on_doctype(
	void *ctx, const char *name, const char *system, const char *public, int internal)
{
	struct reading *r = ctx;
	err_set(r->e, ERR_INVALID, "a document type has no place in it");
	fail(r);
}

/* One document from text; *used is where it ended. */
static int one_document(struct reading *r, const char *text, size_t len, size_t *used)
{
	enum XML_Status status;
	int rc = -1;

	r->parser = XML_ParserCreateNS(NULL, '\n');
	if (!r->parser)
		abort(); /* memory ran out */
	r->depth = r->domain_depth = r->odd_depth = 0;
	r->in_devices = r->in_interface = r->ended = false;
	r->state = GUEST_UNKNOWN;
	XML_SetUserData(r->parser, r);
	XML_SetElementHandler(r->parser, on_start, on_end);
	XML_SetCharacterDataHandler(r->parser, on_text);
	XML_SetStartDoctypeDeclHandler(r->parser, on_doctype);
	status = XML_Parse(r->parser, text, (int)len, XML_TRUE);
	if (r->failed)
		rc = -1;
	else if (r->ended) {
		/* The parser stops inside of the last tag's event. */
		*used = (size_t)XML_GetCurrentByteIndex(r->parser) +
			(size_t)XML_GetCurrentByteCount(r->parser);
		rc = 0;
	} else if (status == XML_STATUS_ERROR) {
		err_set(r->e, ERR_INVALID, "no XML: %s in line %lu",
			XML_ErrorString(XML_GetErrorCode(r->parser)),
			(unsigned long)XML_GetCurrentLineNumber(r->parser));
	} else {
		err_set(r->e, ERR_INVALID, "the XML has no end");
	}
	XML_ParserFree(r->parser);
	r->parser = NULL;
	return rc;
}

int guests_libvirt_xml(const char *text, size_t len, struct guests *list, struct err *e)
{
	struct reading *r = xcalloc(1, sizeof(*r));
	size_t used = 0;
	int rc = 0;

	r->list = list;
	r->e = e;
	for (;;) {
		while (len > 0 && isspace((unsigned char)*text))
			text++, len--;
		if (len == 0)
			break;
		rc = len > INT_MAX ? err_set(e, ERR_TOO_LARGE, "the XML is too large")
				   : one_document(r, text, len, &used);
		if (rc)
			break;
		text += used;
		len -= used;
	}
	if (rc == 0 && r->found == 0)
		rc = err_set(e, ERR_INVALID, "there is no <domain> in it");
	free(r->ns);
	free(r->unit);
	free(r);
	return rc;
}

/* ---- virsh list ---- */

static const char *const states[] = {"running", "idle", "paused", "in shutdown", "shut off",
	"crashed", "dying", "pmsuspended", "no state", "blocked"};

/* Cuts the state off the end of a row; NULL when it ends in none. */
static const char *take_state(char *row)
{
	size_t len = strlen(row);

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		size_t n = strlen(states[i]);
		if (len > n && isspace((unsigned char)row[len - n - 1]) &&
			strcmp(row + len - n, states[i]) == 0) {
			row[len - n - 1] = 0;
			return states[i];
		}
	}
	return NULL;
}

/* " 3   name   running [title]" below a head whose columns begin at these places; 0 for none. */
static int table_row(struct guests *list, char *row, size_t title_at, struct err *e)
{
	struct guest *g;
	const char *state;
	char *end;

	if (title_at && strlen(row) > title_at)
		row[title_at] = 0;
	end = row + strlen(row);
	while (end > row && isspace((unsigned char)end[-1]))
		*--end = 0;
	row = text_trim(row);
	state = take_state(row);
	if (!state)
		return err_set(e, ERR_INVALID, "'%.60s' ends in no state of a domain", row);
	size_t id = strcspn(row, " \t");
	if (!row[id] || (strspn(row, "0123456789") != id && !(id == 1 && *row == '-')))
		return err_set(e, ERR_INVALID, "'%.60s' does not begin with an id", row);
	g = guests_add(list, e);
	if (!g || guest_name(list, g, row + id, e))
		return -1;
	g->state = guest_state(state);
	g->ignored = strcmp(text_trim(row + id), "Domain-0") == 0;
	return g->name ? 0 : err_set(e, ERR_INVALID, "a domain has no name");
}

/* A row of --uuid --name; --uuid alone has no name. */
static int uuid_row(struct guests *list, char *row, struct err *e)
{
	struct guest *g;
	char *at = text_trim(row), *name = at + strcspn(at, " \t");

	if (*name)
		*name++ = 0;
	g = guests_add(list, e);
	if (!g)
		return -1;
	if (!guest_uuid(list, g, at))
		return err_set(
			e, ERR_INVALID, "'%.60s' is neither the head of a table nor a UUID", at);
	g->ignored = strcmp(text_trim(name), "Domain-0") == 0;
	return guest_name(list, g, name, e);
}

int guests_virsh_list(const char *text, size_t len, struct guests *list, struct err *e)
{
	char *at = arena_strndup(list->arena, text, len), *line;
	size_t title_at = 0;
	bool head = false, any = false;

	while ((line = guest_line(&at))) {
		char *word = line + strspn(line, " \t");
		if (!*word || strspn(word, "-") == strlen(word))
			continue;
		any = true;
		if (strncmp(word, "Id", 2) == 0 && strstr(word, "Name") && strstr(word, "State")) {
			char *title = strstr(line, "Title");
			title_at = title ? (size_t)(title - line) : 0;
			head = true;
		} else if (head ? table_row(list, line, title_at, e) : uuid_row(list, line, e)) {
			return -1;
		}
	}
	return any ? 0 : err_set(e, ERR_INVALID, "there is no table of domains in it");
}
