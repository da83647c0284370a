/* SPDX-License-Identifier: GPL-3.0-or-later */
/* verbs.h - the table of verbs: dispatch and help come from the same rows */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include "cli/verb.h"

extern const struct verb verbs[];
extern const struct verb key_verbs[];
extern const struct verb policy_verbs[];
extern const struct verb protector_verbs[];

void verbs_print_help(void);

/* ---- one function a cmd-*.c file ---- */
int cmd_init(const struct verb *verb, int argc, char **argv);
int cmd_mount(const struct verb *verb, int argc, char **argv);
int cmd_umount(const struct verb *verb, int argc, char **argv);
int cmd_status(const struct verb *verb, int argc, char **argv);
int cmd_top(const struct verb *verb, int argc, char **argv);
int cmd_inspect(const struct verb *verb, int argc, char **argv);
int cmd_key_generate(const struct verb *verb, int argc, char **argv);
int cmd_key_add(const struct verb *verb, int argc, char **argv);
int cmd_key_remove(const struct verb *verb, int argc, char **argv);
int cmd_key_status(const struct verb *verb, int argc, char **argv);
int cmd_key_list(const struct verb *verb, int argc, char **argv);
int cmd_key_import_wrapped(const struct verb *verb, int argc, char **argv);
int cmd_key_generate_wrapped(const struct verb *verb, int argc, char **argv);
int cmd_key_prepare_wrapped(const struct verb *verb, int argc, char **argv);
int cmd_lock(const struct verb *verb, int argc, char **argv);
int cmd_unlock(const struct verb *verb, int argc, char **argv);
int cmd_policy_set(const struct verb *verb, int argc, char **argv);
int cmd_policy_get(const struct verb *verb, int argc, char **argv);
int cmd_protector_list(const struct verb *verb, int argc, char **argv);
int cmd_protector_add(const struct verb *verb, int argc, char **argv);
int cmd_protector_change(const struct verb *verb, int argc, char **argv);
int cmd_protector_remove(const struct verb *verb, int argc, char **argv);

/* What mount(8) calls: `mount.fuscrypt STORE MNT [-sfnv] [-t TYPE] [-o OPTS]`. */
int cmd_mount_helper(int argc, char **argv);

#endif
