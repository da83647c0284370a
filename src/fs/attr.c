/* SPDX-License-Identifier: GPL-3.0-or-later */
/* attr.c - attributes as users see them, and their changes */
#include "fs/attr.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fs/backing.h"
#include "fs/context.h"
#include "fs/file.h"
#include "fs/format.h"
#include "fs/ino.h"
#include "fs/symlink.h"

static struct timespec ts(const struct statx_timestamp *t)
{
	return (struct timespec){ .tv_sec = t->tv_sec, .tv_nsec = t->tv_nsec };
}

/* A regular file that is stored with a header, as far as its directory and name tell. */
static bool has_header(struct fs_inode *inode)
{
	struct fs_inode *parent;
	char name[NAME_MAX_LEN + 1];
	bool yes;

	switch ((enum fs_crypt_state)atomic_load(&inode->crypt)) {
	case FS_CRYPT_PLAIN:
		return false;
	case FS_CRYPT_UNKNOWN:
		break;
	default:
		return true;
	}
	if (fs_inode_place(inode, &parent, name) < 0)
		return false;
	yes = atomic_load(&parent->crypt) != FS_CRYPT_PLAIN ||
	      strncmp(name, STORE_ENC_PREFIX, strlen(STORE_ENC_PREFIX)) == 0;
	fs_inode_put(parent);
	return yes;
}

void fs_attr_from_statx(struct fs_inode *inode, const struct statx *stx, struct stat *ret_attr)
{
	uint64_t size = stx->stx_size;

	memset(ret_attr, 0, sizeof(*ret_attr));
	ret_attr->st_ino = fs_ino_shown(inode, stx->stx_ino);
	ret_attr->st_mode = stx->stx_mode;
	ret_attr->st_nlink = stx->stx_nlink;
	ret_attr->st_uid = stx->stx_uid;
	ret_attr->st_gid = stx->stx_gid;
	ret_attr->st_rdev = makedev(stx->stx_rdev_major, stx->stx_rdev_minor);
	ret_attr->st_blksize = (blksize_t)stx->stx_blksize;
	ret_attr->st_blocks = (blkcnt_t)stx->stx_blocks;
	ret_attr->st_atim = ts(&stx->stx_atime);
	ret_attr->st_mtim = ts(&stx->stx_mtime);
	ret_attr->st_ctim = ts(&stx->stx_ctime);
	if (S_ISREG(inode->type) && has_header(inode)) {
		/* Nothing that we made: nobody should take it for empty. */
		if (fs_file_size(inode, stx, &size) < 0)
			size = stx->stx_size;
		/* The header's block is ours, not the user's. */
		if (stx->stx_blocks >= STORE_HEADER_SIZE / 512)
			ret_attr->st_blocks -= STORE_HEADER_SIZE / 512;
	} else if (S_ISREG(inode->type)) {
		if (fs_file_size(inode, stx, &size) < 0)
			size = stx->stx_size;
	} else if (S_ISLNK(inode->type) && atomic_load(&inode->crypt) != FS_CRYPT_PLAIN) {
		if (fs_symlink_size(inode, &size) < 0)
			size = 0;
	}
	ret_attr->st_size = (off_t)size;
}

static int get_attr(struct fs_inode *inode, struct stat *ret_attr)
{
	struct statx stx;
	int err = fs_inode_statx(inode, &stx);

	if (err < 0)
		return err;
	fs_attr_from_statx(inode, &stx, ret_attr);
	return 0;
}

int fs_getattr(struct fs_inode *inode, struct stat *ret_attr)
{
	uint64_t size;
	int err = get_attr(inode, ret_attr);

	/* As in the kernel: found and removed, but a symlink with a damaged target has no length.
	 */
	if (err == 0 && S_ISLNK(inode->type) && ret_attr->st_size == 0 &&
	    atomic_load(&inode->crypt) == FS_CRYPT_ENCRYPTED)
		err = fs_symlink_size(inode, &size);
	return err;
}

static int set_size(struct fs_inode *inode, struct fs_file *file, uint64_t size)
{
	struct fs_file *use = file;
	int err;

	if (!S_ISREG(inode->type))
		return S_ISDIR(inode->type) ? -EISDIR : -EINVAL;
	if (!use || !use->writable) {
		err = fs_file_borrow(inode, true, &use);
		if (err < 0)
			return err;
	} else {
		use = file;
	}
	err = fs_file_truncate(use, size);
	if (use != file)
		fs_file_return(use);
	return err;
}

/*
 * Linux sends the times of a file once more after its last name has gone, mostly those that it has:
 * for each file that is removed. ret_attr is what it has.
 */
static bool is_removed_with(struct fs_inode *inode, const struct stat *attr, unsigned set,
			    struct stat *ret_attr)
{
	return set == FS_SET_MTIME && fs_inode_kept(inode) >= 0 && get_attr(inode, ret_attr) == 0 &&
	       ret_attr->st_mtim.tv_sec == attr->st_mtim.tv_sec &&
	       ret_attr->st_mtim.tv_nsec == attr->st_mtim.tv_nsec;
}

/* What attributes are set by: the descriptor of an open handle, or one that is only a path. */
struct setter {
	int fd;
	bool path_only;
	int own;		  /* to be closed, or -1 */
	struct fs_file *borrowed; /* to be returned, or NULL */
};

static int setter_get(struct fs_inode *inode, struct fs_file *file, struct setter *ret)
{
	*ret = (struct setter){ .own = -1 };
	/* The kernel seldom says by which handle: tar sets three attributes of each open file. */
	if (!file)
		file = ret->borrowed = fs_file_borrow_open(inode, false);
	if (file) {
		ret->fd = file->backing.fd;
		return 0;
	}
	ret->path_only = true;
	ret->fd = fs_inode_kept(inode); /* the kernel sends times of files just removed, too */
	if (ret->fd < 0)
		ret->fd = ret->own = fs_inode_open_path(inode);
	return ret->fd < 0 ? ret->fd : 0;
}

static void setter_put(struct setter *by)
{
	if (by->own >= 0)
		close(by->own);
	if (by->borrowed)
		fs_file_return(by->borrowed);
}

static int set_mode(const struct setter *by, mode_t mode)
{
	struct fs_procpath proc;

	if (!by->path_only)
		return fchmod(by->fd, mode) < 0 ? -errno : 0;
	proc = fs_procpath(by->fd);
	return chmod(proc.s, mode) < 0 ? -errno : 0;
}

static int set_times(const struct setter *by, const struct stat *attr, unsigned set)
{
	struct timespec t[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_nsec = UTIME_OMIT } };
	struct fs_procpath proc;

	if (set & FS_SET_ATIME_NOW)
		t[0].tv_nsec = UTIME_NOW;
	else if (set & FS_SET_ATIME)
		t[0] = attr->st_atim;
	if (set & FS_SET_MTIME_NOW)
		t[1].tv_nsec = UTIME_NOW;
	else if (set & FS_SET_MTIME)
		t[1] = attr->st_mtim;
	if (!by->path_only)
		return futimens(by->fd, t) < 0 ? -errno : 0;
	if (utimensat(by->fd, "", t, AT_EMPTY_PATH) == 0)
		return 0;
	/* Kernels before 5.8 know no empty path here. */
	if (errno != EINVAL && errno != ENOENT)
		return -errno;
	proc = fs_procpath(by->fd);
	return utimensat(AT_FDCWD, proc.s, t, 0) < 0 ? -errno : 0;
}

int fs_access(struct fs_inode *inode, int mask)
{
	int fd = fs_inode_open_path(inode), r;

	if (fd < 0)
		return fd;
	/* The library's would work it out from a mode, without ACLs. */
	r = syscall(SYS_faccessat2, fd, "", mask, AT_EACCESS | AT_EMPTY_PATH) < 0 ? -errno : 0;
	/* Before Linux 5.8 nobody was asked here: the operation itself says. */
	if (r == -ENOSYS)
		r = 0;
	close(fd);
	return r;
}

int fs_setattr(struct fs_inode *inode, struct fs_file *file, const struct stat *attr, unsigned set,
	       struct stat *ret_attr)
{
	struct setter by;
	int err = 0;

	/* The kernel may bring times late that the file's next inode knows better. */
	if (fs_inode_revoked(inode))
		return -ENOKEY;
	if (set & FS_SET_SIZE) {
		err = set_size(inode, file, (uint64_t)attr->st_size);
		if (err < 0)
			return err;
		set &= ~FS_SET_SIZE;
	}
	if (!set)
		return get_attr(inode, ret_attr);
	if (is_removed_with(inode, attr, set, ret_attr))
		return 0;
	/* Writing the header later would clear these bits, were it not root who writes. */
	if ((set & FS_SET_MODE) && (attr->st_mode & (S_ISUID | S_ISGID)) && !inode->sb->privileged)
		err = fs_file_settle_header(inode);
	if (err < 0)
		return err;
	err = setter_get(inode, file, &by);
	if (err < 0)
		return err;
	/* The owner first: a chown clears set-id bits, which a chmod of the same request sets. */
	if (set & (FS_SET_UID | FS_SET_GID)) {
		uid_t uid = set & FS_SET_UID ? attr->st_uid : (uid_t)-1;
		gid_t gid = set & FS_SET_GID ? attr->st_gid : (gid_t)-1;

		if (fchownat(by.fd, "", uid, gid, AT_EMPTY_PATH) < 0)
			err = -errno;
	}
	if (err == 0 && (set & FS_SET_MODE))
		err = set_mode(&by, attr->st_mode & 07777);
	if (err == 0 && (set & (FS_SET_ATIME | FS_SET_MTIME | FS_SET_ATIME_NOW | FS_SET_MTIME_NOW)))
		err = set_times(&by, attr, set);
	setter_put(&by);
	return err < 0 ? err : get_attr(inode, ret_attr);
}

int fs_statfs(struct fs_super *sb, struct statvfs *ret_st)
{
	struct statvfs st;
	uint64_t frsize;

	if (fstatvfs(sb->store->root_fd, &st) < 0)
		return -errno;
	/* In blocks of ours, and never none: df skips a filesystem of 0 blocks. */
	frsize = st.f_frsize ? st.f_frsize : 4096;
	st.f_blocks = st.f_blocks * frsize / FSCRYPT_BLOCK_SIZE;
	st.f_bfree = st.f_bfree * frsize / FSCRYPT_BLOCK_SIZE;
	st.f_bavail = st.f_bavail * frsize / FSCRYPT_BLOCK_SIZE;
	if (st.f_blocks == 0)
		st.f_blocks = 1;
	st.f_bsize = st.f_frsize = FSCRYPT_BLOCK_SIZE;
	st.f_namemax = NAME_MAX_LEN;
	*ret_st = st;
	return 0;
}
