/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ll-ops.c - the table of FUSE operations, nothing else */
#include "fs/ll/ll.h"

/*
 * Absent on purpose: getlk/setlk/flock (left to the kernel), bmap,
 * poll; flush: at close(2) the kernel writes its cache out and reports what failed by itself, and
 * what is left for us, a new empty file's header, is done at release. It would be a request a file.
 */
const struct fuse_lowlevel_ops ll_ops = {
	.init = ll_init,
	.lookup = ll_lookup,
	.forget = ll_forget,
	.forget_multi = ll_forget_multi,
	.getattr = ll_getattr,
	.setattr = ll_setattr,
	.access = ll_access,
	.readlink = ll_readlink,
	.mknod = ll_mknod,
	.mkdir = ll_mkdir,
	.unlink = ll_unlink,
	.rmdir = ll_rmdir,
	.symlink = ll_symlink,
	.rename = ll_rename,
	.link = ll_link,
	.open = ll_open,
	.read = ll_read,
	.write = ll_write,
	.release = ll_release,
	.fsync = ll_fsync,
	.opendir = ll_opendir,
	.readdir = ll_readdir,
	.releasedir = ll_releasedir,
	.fsyncdir = ll_fsyncdir,
	.statfs = ll_statfs,
	.setxattr = ll_setxattr,
	.getxattr = ll_getxattr,
	.listxattr = ll_listxattr,
	.removexattr = ll_removexattr,
	.create = ll_create,
	.ioctl = ll_ioctl,
	.fallocate = ll_fallocate,
	.readdirplus = ll_readdirplus,
	.copy_file_range = ll_copy_file_range,
	.lseek = ll_lseek,
};
