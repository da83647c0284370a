/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mount-opts.c - what a mount is to be like, from options and from -o */
#include "cli/mount-opts.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "cli/exitcode.h"
#include "util/compiler.h"

enum word_kind {
	WORD_IGNORE, /* accepted, means nothing here */
	WORD_FUSE,   /* handed on to libfuse as it is */
	WORD_TRUE,   /* sets the bool at offset */
	WORD_FALSE,
	WORD_NUMBER, /* NAME=N: sets the unsigned at offset, from 1 to `arg` */
	WORD_STRING, /* NAME=VALUE: sets the string at offset */
	WORD_KEY,    /* NAME=VALUE: a key source of kind `arg` */
	WORD_OTHER,  /* allow_other = arg */
	WORD_DUMMY,  /* test_dummy_encryption with policies of version `arg` */
	WORD_SECRET, /* a secret on the command line */
};

#define FIELD(name) offsetof(struct mount_opts, name)

/* A name ending in '=' takes a value; one ending in '*' stands for all words that begin so. */
static const struct word {
	const char *name;
	enum word_kind kind;
	size_t offset;
	int arg;
	unsigned long set, clear; /* of the flags of mount(2) */
} words[] = {
	/* of fstab and mount(8) */
	{ "defaults", WORD_IGNORE },
	{ "nofail", WORD_IGNORE },
	{ "auto", WORD_IGNORE },
	{ "noauto", WORD_IGNORE },
	{ "_netdev", WORD_IGNORE },
	{ "_rnetdev", WORD_IGNORE },
	{ "x-*", WORD_IGNORE },
	{ "X-*", WORD_IGNORE },
	{ "comment=", WORD_IGNORE },
	{ "user", WORD_IGNORE },
	{ "user=", WORD_IGNORE },
	{ "nouser", WORD_IGNORE },
	{ "users", WORD_IGNORE },
	{ "nousers", WORD_IGNORE },
	{ "owner", WORD_IGNORE },
	{ "noowner", WORD_IGNORE },
	{ "group", WORD_IGNORE },
	{ "nogroup", WORD_IGNORE },
	/* of any mount */
	{ "ro", WORD_TRUE, FIELD(read_only), .set = MS_RDONLY },
	{ "rw", WORD_FALSE, FIELD(read_only), .clear = MS_RDONLY },
	{ "dev", WORD_TRUE, FIELD(dev), .clear = MS_NODEV },
	{ "nodev", WORD_FALSE, FIELD(dev), .set = MS_NODEV },
	{ "suid", WORD_TRUE, FIELD(suid), .clear = MS_NOSUID },
	{ "nosuid", WORD_FALSE, FIELD(suid), .set = MS_NOSUID },
	{ "exec", WORD_FUSE, .clear = MS_NOEXEC },
	{ "noexec", WORD_FUSE, .set = MS_NOEXEC },
	{ "sync", WORD_FUSE, .set = MS_SYNCHRONOUS },
	{ "async", WORD_FUSE, .clear = MS_SYNCHRONOUS },
	{ "dirsync", WORD_FUSE, .set = MS_DIRSYNC },
	{ "atime", WORD_IGNORE, .clear = MS_NOATIME },
	{ "noatime", WORD_FUSE, .set = MS_NOATIME, .clear = MS_RELATIME | MS_STRICTATIME },
	/* Times of access are the backing filesystem's matter; these say how a kernel filesystem
	 * keeps them, or are always so here. The table of mounts shows them (remount.c). */
	{ "relatime", WORD_IGNORE, .set = MS_RELATIME, .clear = MS_NOATIME | MS_STRICTATIME },
	{ "norelatime", WORD_IGNORE, .clear = MS_RELATIME },
	{ "strictatime", WORD_IGNORE, .set = MS_STRICTATIME, .clear = MS_NOATIME | MS_RELATIME },
	{ "nostrictatime", WORD_IGNORE, .clear = MS_STRICTATIME },
	{ "lazytime", WORD_IGNORE, .set = MS_LAZYTIME },
	{ "nolazytime", WORD_IGNORE, .clear = MS_LAZYTIME },
	{ "diratime", WORD_IGNORE, .clear = MS_NODIRATIME },
	{ "nodiratime", WORD_IGNORE, .set = MS_NODIRATIME },
	{ "silent", WORD_IGNORE },
	{ "loud", WORD_IGNORE },
	{ "iversion", WORD_IGNORE },
	{ "noiversion", WORD_IGNORE },
	{ "acl", WORD_TRUE, FIELD(acl) },
	{ "noacl", WORD_FALSE, FIELD(acl) },
	{ "user_xattr", WORD_IGNORE },
	{ "remount", WORD_TRUE, FIELD(remount) },
	/* What the table of mounts says of one of FUSE: mount(8) hands it to a remount. */
	{ "rootmode=", WORD_IGNORE },
	{ "user_id=", WORD_IGNORE },
	{ "group_id=", WORD_IGNORE },
	{ "max_read=", WORD_IGNORE },
	{ "blksize=", WORD_IGNORE },
	{ "fd=", WORD_IGNORE },
	{ "test_dummy_encryption=v1", WORD_DUMMY, 0, 1 },
	{ "test_dummy_encryption=v2", WORD_DUMMY, 0, 2 },
	{ "test_dummy_encryption", WORD_DUMMY, 0, 2 },
	/* of FUSE */
	{ "allow_other", WORD_OTHER, 0, 1 },
	{ "allow_root", WORD_OTHER, 0, 2 },
	{ "noallow_other", WORD_OTHER, 0, 0 },
	{ "default_permissions", WORD_TRUE, FIELD(kernel_checks) },
	{ "fsname=", WORD_STRING, FIELD(fsname) },
	{ "subtype=", WORD_IGNORE }, /* always fuscrypt */
	{ "nonempty", WORD_TRUE, FIELD(nonempty) },
	/* ours */
	{ "inlinecrypt", WORD_TRUE, FIELD(inlinecrypt) },
	{ "no-fallback", WORD_TRUE, FIELD(no_fallback) },
	{ "shared", WORD_TRUE, FIELD(shared) },
	{ "locked", WORD_TRUE, FIELD(locked) },
	{ "writeback", WORD_TRUE, FIELD(writeback) },
	{ "nowriteback", WORD_FALSE, FIELD(writeback) },
	{ "uring", WORD_TRUE, FIELD(uring) },
	{ "nouring", WORD_FALSE, FIELD(uring) },
	{ "foreground", WORD_TRUE, FIELD(foreground) },
	{ "debug", WORD_TRUE, FIELD(debug) },
	{ "num_keyslots=", WORD_NUMBER, FIELD(fallback.num_keyslots),
	  BLK_CRYPTO_FALLBACK_MAX_KEYSLOTS },
	{ "num_prealloc_bounce_pg=", WORD_NUMBER, FIELD(fallback.num_prealloc_bounce_pg),
	  BLK_CRYPTO_FALLBACK_MAX_BOUNCE_PG },
	{ "num_prealloc_crypt_ctxs=", WORD_NUMBER, FIELD(fallback.num_prealloc_crypt_ctxs),
	  BLK_CRYPTO_FALLBACK_MAX_CTXS },
	{ "keyring=", WORD_STRING, FIELD(keyring) },
	{ "device=", WORD_STRING, FIELD(device) },
	{ "key=", WORD_KEY, 0, KEY_SOURCE_RAW },
	{ "passfile=", WORD_KEY, 0, KEY_SOURCE_PASSFILE },
	{ "extpass=", WORD_KEY, 0, KEY_SOURCE_EXTPASS },
	{ "passphrase=", WORD_SECRET },
	{ "password=", WORD_SECRET },
	{ "passwd=", WORD_SECRET },
	{ "pass=", WORD_SECRET },
};

void mount_opts_init(struct mount_opts *opts)
{
	memset(opts, 0, sizeof(*opts));
	opts->writeback = true;
	opts->uring = true;
	opts->acl = true;
	opts->allow_other = -1;
}

void mount_opts_free(struct mount_opts *opts)
{
	while (opts->num_fuse_opts > 0)
		free(opts->fuse_opts[--opts->num_fuse_opts]);
	while (opts->num_texts > 0)
		free(opts->texts[--opts->num_texts]);
}

int mount_opts_add_fuse(struct mount_opts *opts, const char *word)
{
	char *copy;

	if (opts->num_fuse_opts == MOUNT_FUSE_OPTS_MAX)
		return -E2BIG;
	copy = strdup(word);
	if (!copy)
		return -ENOMEM;
	opts->fuse_opts[opts->num_fuse_opts++] = copy;
	return 0;
}

/* The row of @text, and where its value begins. */
static const struct word *find_word(const char *text, const char **ret_value)
{
	size_t i, len;

	for (i = 0; i < ARRAY_SIZE(words); i++) {
		len = strlen(words[i].name);
		if (words[i].name[len - 1] == '*') {
			if (!strncmp(text, words[i].name, len - 1))
				return &words[i];
		} else if (words[i].name[len - 1] == '=') {
			if (!strncmp(text, words[i].name, len)) {
				*ret_value = text + len;
				return &words[i];
			}
		} else if (!strcmp(text, words[i].name)) {
			return &words[i];
		}
	}
	return NULL;
}

static int take_number(const char *text, unsigned max, unsigned *ret)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || *end || *text < '0' || *text > '9' || n < 1 || n > max)
		return -EINVAL;
	*ret = (unsigned)n;
	return 0;
}

static int take_word(struct mount_opts *opts, const char *text, char *why, size_t why_cap)
{
	const char *value = NULL;
	const struct word *word = find_word(text, &value);
	char *base = (char *)opts;
	int r = 0;

	if (!word) {
		if (opts->sloppy)
			return 0;
		snprintf(why, why_cap, "-o %s: no such option: see fuscrypt-mount(1)", text);
		return EXIT_USAGE;
	}
	opts->vfs_set = (opts->vfs_set & ~word->clear) | word->set;
	opts->vfs_clear = (opts->vfs_clear & ~word->set) | word->clear;
	switch (word->kind) {
	case WORD_IGNORE:
		break;
	case WORD_FUSE:
		r = mount_opts_add_fuse(opts, text);
		break;
	case WORD_TRUE:
	case WORD_FALSE:
		*(bool *)(base + word->offset) = word->kind == WORD_TRUE;
		break;
	case WORD_NUMBER:
		if (take_number(value, (unsigned)word->arg, (unsigned *)(base + word->offset)) == 0)
			break;
		snprintf(why, why_cap, "-o %s: not a number from 1 to %d", text, word->arg);
		return EXIT_USAGE;
	case WORD_STRING:
		*(const char **)(base + word->offset) = value;
		break;
	case WORD_KEY:
		r = key_sources_add(&opts->keys, (enum key_source_kind)word->arg, value);
		break;
	case WORD_OTHER:
		opts->allow_other = word->arg;
		break;
	case WORD_DUMMY:
		opts->dummy = (unsigned)word->arg;
		break;
	case WORD_SECRET:
		/* Not repeated in the message: logs keep messages. */
		snprintf(
			why, why_cap,
			"-o %.*s: passphrases are never given on the command line, where everybody "
			"can read them: use passfile=FILE or extpass=CMD",
			(int)(value - text), text);
		return EXIT_USAGE;
	}
	if (r < 0) {
		snprintf(why, why_cap, "-o %s: %s", text,
			 r == -E2BIG ? "too many options" : strerror(-r));
		return EXIT_USAGE;
	}
	return 0;
}

/* Cut the next word off *@rest, unescaping it in place; NULL at the end. */
static char *next_word(char **rest)
{
	char *start = *rest, *in = start, *out = start;
	int depth = 0;

	if (!start)
		return NULL;
	for (; *in && (*in != ',' || depth > 0); in++) {
		if (*in == '\\' && in[1])
			in++;
		else if (*in == '(')
			depth++;
		else if (*in == ')' && depth > 0)
			depth--;
		*out++ = *in;
	}
	*rest = *in ? in + 1 : NULL;
	*out = '\0';
	return start;
}

int mount_opts_take(struct mount_opts *opts, const char *text, char *why, size_t why_cap)
{
	char *copy = opts->num_texts < ARRAY_SIZE(opts->texts) ? strdup(text) : NULL;
	char *rest = copy, *word;
	int r;

	if (!copy) {
		snprintf(why, why_cap, "-o %s: too many options", text);
		return EXIT_USAGE;
	}
	/* Values are borrowed from the copy for as long as the options live. */
	opts->texts[opts->num_texts++] = copy;
	while ((word = next_word(&rest)) != NULL) {
		if (!*word)
			continue;
		r = take_word(opts, word, why, why_cap);
		if (r)
			return r;
	}
	return 0;
}

int mount_opts_finish(struct mount_opts *opts, bool as_root)
{
	const char *add[8];
	size_t n = 0, i;
	int r;

	if (opts->allow_other < 0)
		opts->allow_other = as_root;
	if (opts->allow_other)
		add[n++] = opts->allow_other == 2 ? "allow_root" : "allow_other";
	/*
	 * Who is alone on the mount is served by a process of his own, and what he may do is what
	 * the store's filesystem lets him: asking for modes and ACLs first would be two requests
	 * more for every file made.
	 */
	opts->kernel_checks |= opts->allow_other != 0;
	if (opts->kernel_checks)
		add[n++] = "default_permissions";
	add[n++] = opts->dev ? "dev" : "nodev";
	add[n++] = opts->suid ? "suid" : "nosuid";
	if (opts->read_only)
		add[n++] = "ro";
	for (i = 0; i < n; i++) {
		r = mount_opts_add_fuse(opts, add[i]);
		if (r < 0)
			return r;
	}
	return 0;
}
