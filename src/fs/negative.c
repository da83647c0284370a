/* SPDX-License-Identifier: GPL-3.0-or-later */
/* negative.c - names of a directory that the kernel was told do not exist */
#include "fs/negative.h"

#include <stdlib.h>
#include <string.h>

struct fs_negatives {
	unsigned num, next; /* a ring once it is full */
	bool lost;
	uint32_t hash[FS_NEGATIVES_MAX];
	char *name[FS_NEGATIVES_MAX];
};

static uint32_t hash_name(const char *name)
{
	uint32_t h = 0x811c9dc5;

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 0x01000193;
	return h;
}

void fs_negative_note(struct fs_inode *dir, const char *name)
{
	uint32_t hash = hash_name(name);
	struct fs_negatives *neg;
	char *copy;

	if (atomic_load(&dir->crypt) == FS_CRYPT_PLAIN)
		return;
	tinylock_lock(&dir->crypt_lock);
	if (!dir->use->dir.neg)
		dir->use->dir.neg = calloc(1, sizeof(*dir->use->dir.neg));
	neg = dir->use->dir.neg;
	if (!neg)
		goto out;
	/* Asked for again after its second was over: there already. */
	for (unsigned i = 0; i < neg->num; i++)
		if (neg->hash[i] == hash && strcmp(neg->name[i], name) == 0)
			goto out;
	copy = strdup(name);
	if (!copy) {
		neg->lost = true;
		goto out;
	}
	if (neg->num < FS_NEGATIVES_MAX) {
		neg->num++;
	} else {
		free(neg->name[neg->next]);
		neg->lost = true;
	}
	neg->hash[neg->next] = hash;
	neg->name[neg->next] = copy;
	neg->next = (neg->next + 1) % FS_NEGATIVES_MAX;
out:
	tinylock_unlock(&dir->crypt_lock);
}

struct fs_negatives *fs_negatives_take(struct fs_inode *dir, bool *ret_all)
{
	struct fs_negatives *neg;

	tinylock_lock(&dir->crypt_lock);
	neg = dir->use->dir.neg;
	dir->use->dir.neg = NULL;
	tinylock_unlock(&dir->crypt_lock);
	*ret_all = !neg || !neg->lost;
	return neg;
}

const char *fs_negatives_name(const struct fs_negatives *neg, unsigned i)
{
	return neg && i < neg->num ? neg->name[i] : NULL;
}

void fs_negatives_free(struct fs_negatives *neg)
{
	for (unsigned i = 0; neg && i < neg->num; i++)
		free(neg->name[i]);
	free(neg);
}
