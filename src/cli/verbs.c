/* SPDX-License-Identifier: GPL-3.0-or-later */
/* verbs.c - the table of verbs: dispatch and help come from the same rows */
#include "cli/verbs.h"

#include <stdio.h>

#define POLICY_DETAILS                                                              \
	"  --contents=MODE         cipher of contents (AES-256-XTS)\n"              \
	"  --filenames=MODE        cipher of names (the one that goes with it)\n"   \
	"  --padding=N             names are padded to 4, 8, 16 or 32 bytes (32)\n" \
	"  --data-unit-size=N      bytes encrypted as one, 512 to 4096\n"           \
	"  --direct-key, --iv-ino-lblk-64, --iv-ino-lblk-32\n"                      \
	"                          other ways to make IVs\n"                        \
	"  --v1                    the old kind of policy\n"

#define SOURCE_DETAILS                                                                 \
	"  --key FILE              a raw key of 16 to 64 bytes; - is standard input\n" \
	"  --passfile FILE         the passphrase is the first line of FILE\n"         \
	"  --extpass CMD           the passphrase is the first line that CMD prints\n"

#define JSON_DETAILS "  --json                  print JSON, one object a line\n"

#define OUTPUT_DETAILS	 "  -o, --output FILE       write it there (a new file, mode 0600)\n"
#define KEY_FILE_DETAILS "  --key FILE              read the key there, not from standard input\n"
#define DEVICE_DETAILS	 "  --device SPEC           this device, when none is mounted\n"

const struct verb key_verbs[] = {
	{ "generate", cmd_key_generate, "[-o FILE]", "make a random raw key",
	  OUTPUT_DETAILS JSON_DETAILS, NULL, "key" },
	{ "add", cmd_key_add, "[--v1 | --hw-wrapped] [--key FILE] MNT <KEY", "add a key to a mount",
	  KEY_FILE_DETAILS "  --v1                    for policies of version 1\n"
			   "  --hw-wrapped            a key of prepare-wrapped\n" JSON_DETAILS,
	  NULL, "key" },
	{ "remove", cmd_key_remove, "[--all-users] ID MNT", "remove a key from a mount",
	  "  --all-users             also the claims of other users\n" JSON_DETAILS, NULL, "key" },
	{ "status", cmd_key_status, "ID MNT", "say whether a key is there", JSON_DETAILS, NULL,
	  "key" },
	{ "list", cmd_key_list, "MNT", "list the keys of a mount", JSON_DETAILS, NULL, "key" },
	{ "import-wrapped", cmd_key_import_wrapped,
	  "[--key FILE] [-o FILE] --device SPEC | PATH <KEY", "have a device wrap a raw key",
	  KEY_FILE_DETAILS OUTPUT_DETAILS DEVICE_DETAILS, NULL, "key" },
	{ "generate-wrapped", cmd_key_generate_wrapped, "[-o FILE] --device SPEC | PATH",
	  "have a device make a wrapped key", OUTPUT_DETAILS DEVICE_DETAILS, NULL, "key" },
	{ "prepare-wrapped", cmd_key_prepare_wrapped, "[--key FILE] [-o FILE] PATH <KEY",
	  "make a wrapped key ready to be added", KEY_FILE_DETAILS OUTPUT_DETAILS, NULL, "key" },
	{ NULL },
};

const struct verb policy_verbs[] = {
	{ "set", cmd_policy_set, "[POLICY] ID DIR", "encrypt an empty directory from now on",
	  POLICY_DETAILS, NULL, "policy" },
	{ "get", cmd_policy_get, "PATH", "show the policy of a file or directory", JSON_DETAILS,
	  NULL, "policy" },
	{ NULL },
};

#define NEW_PASSPHRASE_DETAILS                                                         \
	"  --passfile FILE         a passphrase: the first line of FILE\n"             \
	"  --extpass CMD           a passphrase: the first line that CMD prints\n"     \
	"                          (the old one is read first, then the new one)\n"    \
	"  --name=TEXT             name of the protector\n"                            \
	"  --kdf-time=MS           time that trying a passphrase should take (1000)\n" \
	"  --kdf-memory=KIB        memory that it should take\n" JSON_DETAILS

const struct verb protector_verbs[] = {
	{ "list", cmd_protector_list, "[--json] STORE|PATH", "list the passphrases of a store",
	  JSON_DETAILS, NULL, "protector" },
	{ "add", cmd_protector_add, "[--key FILE | --from ID] [PASSPHRASE...] STORE|PATH",
	  "give a key one more passphrase",
	  "  --key FILE              this raw key, not one that a passphrase opens\n"
	  "  --from ID               the old passphrase is that of this protector\n" NEW_PASSPHRASE_DETAILS,
	  NULL, "protector" },
	{ "change", cmd_protector_change, "[PASSPHRASE...] [ID] STORE|PATH", "change a passphrase",
	  NEW_PASSPHRASE_DETAILS, NULL, "protector" },
	{ "remove", cmd_protector_remove, "[--force] ID STORE|PATH", "remove a passphrase",
	  "  --force                 also the last one of a key\n" JSON_DETAILS, NULL,
	  "protector" },
	{ NULL },
};

const struct verb verbs[] = {
	{ "init", cmd_init, "[KEY] [POLICY | --no-policy] STORE", "make a store",
	  SOURCE_DETAILS POLICY_DETAILS
	  "  --no-policy             leave the root plain\n"
	  "  --name=TEXT             name of the passphrase's protector\n"
	  "  --kdf-time=MS           time that trying a passphrase should take (1000)\n"
	  "  --kdf-memory=KIB        memory that it should take\n"
	  "  --uuid=UUID             identity of the store (random)\n" JSON_DETAILS,
	  NULL, NULL },
	{ "mount", cmd_mount,
	  "[-f] [KEY | --locked] [--device SPEC] [--no-fallback] [-o OPTS] STORE MNT",
	  "mount a store",
	  SOURCE_DETAILS
	  "  --locked                do not ask for any key\n"
	  "  --device SPEC           stack of devices below, see fuscrypt-devices(7)\n"
	  "  --keyring ID            another of the kernel's keyrings to search for keys\n"
	  "  --no-fallback           encrypt in devices only, never in software\n"
	  "  --notifypid PID         send SIGUSR1 to PID when the mount is up\n"
	  "  -f, --foreground        stay in the foreground, log to standard error\n"
	  "  -d, --debug             log every request (with -f)\n"
	  "  -o OPTS                 mount options, see fuscrypt-mount(1)\n",
	  NULL, NULL },
	{ "umount", cmd_umount, "[--stale] MNT", "unmount and wait until the store is free",
	  "  --stale                 clean up a mount whose daemon is gone\n", NULL, NULL },
	{ "key", NULL, "generate | add | remove | status | list ...", "manage raw keys", NULL,
	  key_verbs, NULL },
	{ "lock", cmd_lock, "[--revoke | --panic] DIR",
	  "take the key of a directory away from the mount",
	  "  --revoke                also from files that are in use\n"
	  "  --panic                 also from data that is not stored yet: it is lost\n" JSON_DETAILS,
	  NULL, NULL },
	{ "unlock", cmd_unlock, "[KEY] DIR", "give the key of a directory to the mount",
	  SOURCE_DETAILS, NULL, NULL },
	{ "policy", NULL, "set | get ...", "manage encryption policies", NULL, policy_verbs, NULL },
	{ "protector", NULL, "list | add | change | remove ...", "manage passphrases", NULL,
	  protector_verbs, NULL },
	{ "status", cmd_status, "[--json] MNT",
	  "show what a mount is doing: keys, devices, keyslots", JSON_DETAILS, NULL, NULL },
	{ "top", cmd_top, "[-b] [-d SECONDS] [-n TIMES] MNT",
	  "watch keyslots and devices as they work",
	  "  -b, --batch             print lines instead of a screen\n"
	  "  -d, --delay SECONDS     between two looks (1)\n"
	  "  -n, --iterations TIMES  look so often, then end\n",
	  NULL, NULL },
	{ "inspect", cmd_inspect, "[--json] [-r] STORE[/PATH]",
	  "show a store without its key, offline",
	  "  -r, --recursive         and everything below\n" JSON_DETAILS, NULL, NULL },
	{ NULL },
};

void verbs_print_help(void)
{
	printf("usage: fuscrypt VERB ...\n"
	       "       fuscrypt STORE MNT [-o OPTS]\n"
	       "\n");
	verb_print_table(verbs);
	printf("\n"
	       "VERB --help shows its options, --version the version. See fuscrypt(1).\n");
}
