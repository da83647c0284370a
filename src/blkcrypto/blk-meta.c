/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-meta.c - changes of the backing files that are no bios, told to devices that want to know */
#include "blkcrypto/blk-meta.h"

#include <string.h>

#include "blkcrypto/blk-device.h"

/* Children do not change where one of them records (blk_device_reload()). */
void blk_meta_begin(struct blk_device *dev)
{
	if (!dev->records_meta)
		return;
	for (unsigned i = 0; i < dev->num_children; i++)
		blk_meta_begin(dev->children[i]);
	if (dev->type->meta_begin)
		dev->type->meta_begin(dev);
}

void blk_meta_end(struct blk_device *dev, const struct blk_meta *meta, int err)
{
	if (!dev->records_meta)
		return;
	if (dev->type->meta_end)
		dev->type->meta_end(dev, meta, err);
	for (unsigned i = dev->num_children; i-- > 0;)
		blk_meta_end(dev->children[i], meta, err);
}

void blk_meta_mark(struct blk_device *dev, const char *text)
{
	struct blk_meta meta = {
		.op = BLK_META_MARK,
		.dirfd = -1,
		.dirfd2 = -1,
		.fd = -1,
		.data = text,
		.len = strlen(text),
	};

	blk_meta_begin(dev);
	blk_meta_end(dev, &meta, 0);
}
