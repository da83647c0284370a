/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mount-status.h - what a mount says about itself, fetched whole, as figures, text and JSON */
#ifndef CLI_MOUNT_STATUS_H
#define CLI_MOUNT_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/output.h"
#include "fs/status.h"

struct status_profile {
	struct fuscrypt_status_profile p;
	struct fuscrypt_status_slot *slots; /* p.num_slots of them, as far as they came */
	uint32_t num_slots;
	uint32_t occupied, in_flight;
};

struct mount_status {
	uint64_t taken_ns; /* CLOCK_MONOTONIC */
	struct fuscrypt_status_mount mount;
	struct fuscrypt_status_device *devices;
	struct status_profile *profiles;
	struct fuscrypt_status_key *keys;
	uint32_t num_devices, num_profiles, num_keys;
};

/*
 * Ask the mount that @path is in. The descriptor is closed again, so that it neither keeps a tree
 * in use nor the mount from ending. An exit code, reported.
 */
int mount_status_fetch(const char *path, struct mount_status *ret);
/* The same in two steps: 0 or -errno, and the report of it (EXIT_FAILED). */
int mount_status_get(const char *path, struct mount_status *ret);
int mount_status_failed(const char *path, int err);
void mount_status_free(struct mount_status *st);

/* All of it as one object; NULL without memory. */
json_t *mount_status_record(const char *path, const struct mount_status *st);

/* "Present", "Incompletely removed", "Absent". */
const char *key_status_name(uint32_t status);

/* ---- short texts, all into @text of STATUS_TEXT bytes, which they return ---- */
#define STATUS_TEXT 64
/* "812", "1.5K", "20M": powers of 1024. */
char *status_text_bytes(double bytes, char *text);
/* "-", "950ns", "12us", "3.4ms", "2.1s". */
char *status_text_time(uint64_t ns, char *text);
/* "1:02:03", with days before it where it takes them. */
char *status_text_uptime(uint64_t ns, char *text);
/* Hex of a key's identifier or descriptor, @digits of them; "hidden". */
char *status_text_key(const struct fscrypt_key_specifier *spec, unsigned digits, char *text);
/* "inlinecrypt,writeback,...": how the mount works. @text has 128 bytes. */
#define STATUS_OPTIONS_TEXT 128
char *status_text_options(uint32_t flags, char *text);

#endif
