// SPDX-License-Identifier: Apache-2.0
/*
 * Facts and conditions over them: what virt.c, container.c, cloud.c and providers.c judge by.
 *
 * A fact is foreign text: it is cleaned on its way in (control characters and what is over the
 * room are left out), so that a sentence that quotes it is one printable line.
 */
#include "probe/evidence.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct {
	const char *name, *what;
} facts[FACTS] = {
#define EVIDENCE_ROW(fact, name, what) [FACT_##fact] = {name, what},
	EVIDENCE_DMI(EVIDENCE_ROW) EVIDENCE_OTHER(EVIDENCE_ROW)
#undef EVIDENCE_ROW
};

const char *evidence_text(const struct evidence *ev, enum fact fact)
{
	return ev->text[fact];
}

void evidence_set(struct evidence *ev, enum fact fact, const char *text, size_t len)
{
	char *out = ev->text[fact];
	size_t n = 0;

	while (len > 0 && (isspace((unsigned char)*text) || *text == 0))
		text++, len--;
	for (size_t i = 0; i < len && n < EVIDENCE_TEXT - 1 && text[i] && text[i] != '\n'; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c >= ' ' && c < 127)
			out[n++] = (char)c;
	}
	while (n > 0 && out[n - 1] == ' ')
		n--;
	out[n] = 0;
}

void evidence_suggest(struct evidence *ev, enum fact fact, const char *text, size_t len)
{
	if (!ev->text[fact][0])
		evidence_set(ev, fact, text, len);
}

static bool contains(const char *text, const char *part)
{
	size_t n = strlen(part);
	for (; *text; text++)
		if (strncasecmp(text, part, n) == 0)
			return true;
	return false;
}

bool evidence_match(const struct evidence *ev, const struct condition *c)
{
	const char *text = ev->text[c->fact];
	size_t len = strlen(text), n = c->text ? strlen(c->text) : 0;

	switch (c->how) {
	case IS:
		return strcasecmp(text, c->text) == 0;
	case BEGINS:
		return strncasecmp(text, c->text, n) == 0;
	case CONTAINS:
		return contains(text, c->text);
	case ENDS:
		return len >= n && strcasecmp(text + len - n, c->text) == 0;
	case KNOWN:
		return len > 0 && strcmp(text, "no") != 0;
	}
	return false;
}

bool evidence_yes(const struct evidence *ev, enum fact fact)
{
	return strcmp(ev->text[fact], "yes") == 0;
}

bool evidence_no(const struct evidence *ev, enum fact fact)
{
	return strcmp(ev->text[fact], "no") == 0;
}

bool evidence_is_x86(const struct evidence *ev)
{
	const char *arch = ev->text[FACT_ARCH];
	return !arch[0] || strcmp(arch, "x86_64") == 0 || strcmp(arch, "amd64") == 0 ||
		(arch[0] == 'i' && strcmp(arch + 2, "86") == 0);
}

void evidence_why(const struct evidence *ev, enum fact fact, struct json *why)
{
	const char *text = ev->text[fact];
	char sentence[EVIDENCE_TEXT + 128];

	if (strcmp(text, "yes") == 0)
		snprintf(sentence, sizeof(sentence), "%s is there", facts[fact].what);
	else if (strcmp(text, "no") == 0 || !text[0])
		snprintf(sentence, sizeof(sentence), "%s is not there", facts[fact].what);
	else
		snprintf(sentence, sizeof(sentence), "%s is \"%s\"", facts[fact].what, text);
	json_add(why, json_string(sentence));
}

enum fact evidence_named(const char *name)
{
	for (size_t i = 0; i < FACTS; i++)
		if (name[0] && strcmp(facts[i].name, name) == 0)
			return (enum fact)i;
	return FACTS;
}
