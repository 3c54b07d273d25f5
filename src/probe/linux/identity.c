// SPDX-License-Identifier: Apache-2.0
/*
 * Which machine this is: its name, its machine id, and what its firmware says (SMBIOS, as the
 * kernel shows it in /sys/class/dmi/id; on boards without one, the device tree's model and
 * serial number).
 *
 * Firmware is full of texts that nobody filled in. They are left out: as a serial number or UUID
 * they would tie together machines that share nothing but a careless vendor.
 */
#include "base/text.h"
#include "probe/linux/look.h"
#include "probe/probe.h"
#include <ctype.h>
#include <string.h>
#include <strings.h>

#define DMI "/sys/class/dmi/id/"

static const struct {
	const char *file, *attribute;
} firmware_texts[] = {
	{"sys_vendor", "him.host.vendor"},
	{"product_name", "him.host.model"},
	{"product_serial", "him.host.serial"},
	{"product_uuid", "him.host.uuid"},
	{"bios_version", "him.bios.version"},
	{"bios_vendor", "him.bios.vendor"},
	{"bios_date", "him.bios.date"},
	{"board_vendor", "him.board.vendor"},
	{"board_name", "him.board.model"},
	{"chassis_asset_tag", "him.chassis.asset"},
};

/* Words of vendors who had nothing to say, as they are found in the field. */
static const char *const empty_words[] = {"to be filled by o.e.m.", "to be filled by o.e.m",
	"default string", "not specified", "not applicable", "not available", "not present", "none",
	"n/a", "na", "unknown", "invalid", "empty", "o.e.m.", "oem", "system manufacturer",
	"system product name", "system serial number", "system version", "base board asset tag",
	"chassis asset tag", "no asset tag", "asset-1234567890", "0123456789", "1234567890",
	"123456789", "03000200-0400-0500-0006-000700080009"};

/* One character over and over (0000…, ffff…, xxxx), separators aside. */
static bool is_monotone(const char *text)
{
	char first = 0;
	for (const char *p = text; *p; p++) {
		if (!isalnum((unsigned char)*p))
			continue;
		char c = (char)tolower((unsigned char)*p);
		if (first && c != first)
			return false;
		first = c;
	}
	return true;
}

static bool says_nothing(const char *text)
{
	for (size_t i = 0; i < sizeof(empty_words) / sizeof(empty_words[0]); i++)
		if (strcasecmp(text, empty_words[i]) == 0)
			return true;
	return is_monotone(text);
}

static void lower(char *text)
{
	for (; *text; text++)
		*text = (char)tolower((unsigned char)*text);
}

static void look_at_firmware(const struct probe_env *env, struct json *attributes)
{
	char line[256];
	int64_t chassis;

	for (size_t i = 0; i < sizeof(firmware_texts) / sizeof(firmware_texts[0]); i++) {
		if (!subject_line(env, line, sizeof(line), DMI "%s", firmware_texts[i].file) ||
			says_nothing(line))
			continue;
		if (strcmp(firmware_texts[i].file, "product_uuid") == 0)
			lower(line);
		subject_text(attributes, firmware_texts[i].attribute, line);
	}
	/* A paravirtual guest of Xen has no firmware; what its host calls it by stands here. dom0 is 0. */
	if (!json_has(attributes, "him.host.uuid") &&
		subject_line(env, line, sizeof(line), "/sys/hypervisor/uuid") &&
		!says_nothing(line)) {
		lower(line);
		subject_text(attributes, "him.host.uuid", line);
	}
	if (subject_number(env, &chassis, DMI "chassis_type"))
		json_set_int(attributes, "him.chassis.type", chassis);
	if (!json_has(attributes, "him.host.model") &&
		subject_line(env, line, sizeof(line), "/proc/device-tree/model"))
		subject_text(attributes, "him.host.model", line);
	if (!json_has(attributes, "him.host.serial") &&
		subject_line(env, line, sizeof(line), "/proc/device-tree/serial-number") &&
		!says_nothing(line))
		subject_text(attributes, "him.host.serial", line);
}

static void find_name(const struct probe_env *env, char *out, size_t size)
{
	if (subject_line(env, out, size, "/proc/sys/kernel/hostname") && strcmp(out, "(none)") != 0)
		return;
	if (!subject_line(env, out, size, "/etc/hostname"))
		out[0] = 0;
}

/* 32 hex digits; "uninitialized", which an image may hold before its first boot, is none. */
static void find_machine_id(const struct probe_env *env, char out[33])
{
	static const char *const files[] = {"/etc/machine-id", "/var/lib/dbus/machine-id"};
	char line[64];
	uint8_t id[16];

	out[0] = 0;
	for (size_t i = 0; i < 2 && !out[0]; i++) {
		if (!subject_line(env, line, sizeof(line), "%s", files[i]) || strlen(line) != 32)
			continue;
		lower(line);
		if (text_unhex(line, id, sizeof(id)) == 0)
			memcpy(out, line, 33);
	}
}

int identity_look(const struct probe_env *env, struct subject_out *out, struct err *e)
{
	struct probe_identity who;

	find_name(env, who.name, sizeof(who.name));
	find_machine_id(env, who.machine_id);
	subject_text(out->attributes, "host.name", who.name);
	subject_text(out->attributes, "host.id", who.machine_id);
	subject_text(out->attributes, "him.os.machine_id", who.machine_id);
	look_at_firmware(env, out->attributes);
	return 0;
}

int probe_identity(const char *root, struct probe_identity *out, struct err *e)
{
	struct probe_env env = {root ? root : ""};

	find_name(&env, out->name, sizeof(out->name));
	find_machine_id(&env, out->machine_id);
	if (!out->name[0])
		return err_set(e, ERR_NOT_FOUND, "this machine has no host name");
	if (!text_utf8_valid(out->name, strlen(out->name)))
		return err_set(e, ERR_INVALID, "the host name of this machine is not UTF-8");
	return 0;
}
