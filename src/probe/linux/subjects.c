// SPDX-License-Identifier: Apache-2.0
/*
 * What is looked at on Linux, how often, and how much of it is believed to be real. A limit is far
 * above what machines have; what is over it is taken for an accident (a runaway container engine, a
 * broken file) and left out with a sentence, because a report has to stay small.
 */
#include "probe/guest.h"
#include "probe/linux/look.h"

const struct subject subjects[] = {
	{"identity", false, 0, SUBJECT_ALWAYS, {NULL}, identity_look},
	{"machine", false, 0, SUBJECT_ON_CHANGE,
		{"/etc/him/providers.conf", "/proc/sys/kernel/random/boot_id"}, machine_look},
	{"os", false, 0, SUBJECT_ON_CHANGE,
		{"/etc/os-release", "/usr/lib/os-release", "/etc/debian_version",
			"/proc/sys/kernel/random/boot_id"},
		os_look},
	{"cpu", false, 0, SUBJECT_ON_CHANGE, {"/sys/devices/system/cpu/online"}, cpu_look},
	{"memory", false, 0, SUBJECT_ALWAYS, {NULL}, memory_look},
	{"disk", true, 2048, SUBJECT_ON_CHANGE, {"/proc/partitions"}, disk_look},
	{"filesystem", true, 4096, SUBJECT_ALWAYS, {NULL}, filesystem_look},
	{"nic", true, 1024, SUBJECT_ALWAYS, {NULL}, nic_look},
	{"package", true, 20000, SUBJECT_ON_CHANGE, {"/var/lib/dpkg/status"}, package_look},
	{"user", true, 1024, SUBJECT_ON_CHANGE, {"/run/utmp", "/var/run/utmp"}, user_look},
	{"guests", true, GUESTS_MAX, SUBJECT_ALWAYS, {NULL}, guests_look},
	{"time", false, 0, SUBJECT_ON_CHANGE, {"/etc/localtime", "/etc/timezone"}, time_look},
};
const size_t subjects_count = sizeof(subjects) / sizeof(subjects[0]);
