/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store-of.h - the store that a path means, and the protectors in it */
#ifndef CLI_STORE_OF_H
#define CLI_STORE_OF_H

#include <jansson.h>

#include "cli/protector.h"
#include "fs/store.h"

/*
 * Open the store of @path: a store itself, or anything within a mount. An exit code, reported; with
 * EXIT_DONE *ret_store is the caller's to close.
 */
int store_of_path(const char *path, struct store **ret_store);

/* protector_load_all(), with a warning for files that cannot be used. An exit code, reported. */
int store_of_protectors(const struct store *store, struct protector **ret_list, size_t *ret_count,
			size_t *ret_bad);

/* Is it the key of the root directory? */
bool store_of_is_root_key(const struct store *store, const struct protector *p);

/* What is known of a protector, for output_record(). */
json_t *store_of_record(const struct store *store, const struct protector *p);

#endif
