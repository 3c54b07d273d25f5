/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The looks of the Linux subjects, one a file; subjects.c puts them into the table. Each has the
 * contract of `look` in probe/subject.h.
 */
#ifndef HIM_PROBE_LINUX_LOOK_H
#define HIM_PROBE_LINUX_LOOK_H

#include "probe/subject.h"

int identity_look(const struct probe_env *env, struct subject_out *out, struct err *e);
int machine_look(const struct probe_env *env, struct subject_out *out, struct err *e);
int os_look(const struct probe_env *env, struct subject_out *out, struct err *e);
int cpu_look(const struct probe_env *env, struct subject_out *out, struct err *e);
int memory_look(const struct probe_env *env, struct subject_out *out, struct err *e);
int disk_look(const struct probe_env *env, struct subject_out *out, struct err *e);
int filesystem_look(const struct probe_env *env, struct subject_out *out, struct err *e);
int nic_look(const struct probe_env *env, struct subject_out *out, struct err *e);
int package_look(const struct probe_env *env, struct subject_out *out, struct err *e);
int user_look(const struct probe_env *env, struct subject_out *out, struct err *e);
int guests_look(const struct probe_env *env, struct subject_out *out, struct err *e);
int time_look(const struct probe_env *env, struct subject_out *out, struct err *e);

#endif
