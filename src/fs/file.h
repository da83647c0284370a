/* SPDX-License-Identifier: GPL-3.0-or-later */
/* file.h - contents of regular files: handles, reads, writes, sizes, holes */
#ifndef FS_FILE_H
#define FS_FILE_H

#include "blkcrypto/bio.h"
#include "fs/inode.h"

/* An open handle. fi->fh is its address. */
struct fs_file {
	struct fs_inode *inode;	 /* referenced */
	struct blk_file backing; /* O_RDONLY or O_RDWR descriptor of its own */
	bool writable;
	bool uncached; /* the kernel was told to keep its cache out of this handle (ll-file.c) */
	bool first;    /* read its header: atime is that of before */
	struct timespec atime;
	unsigned refs; /* Protected by the inode's crypt_lock: the opener's, borrowers' */
	TAILQ_ENTRY(fs_file) link; /* inode->use->reg.opened->files */
};

/* ---- open.c ---- */

/*
 * Open an existing regular file: context loaded, key required (-ENOKEY), the context permitted in
 * the parent (-EPERM), size known. @flags are the caller's open flags; O_TRUNC truncates to 0.
 */
int fs_file_open(struct fs_inode *inode, int flags, struct fs_file **ret_file);

/* Wrap @fd (O_RDWR, of the file just made, which is empty) as a handle; takes the descriptor over,
 * also when it fails: it is closed then. */
int fs_file_adopt(struct fs_inode *inode, int fd, struct fs_file **ret_file);

/* A handle on the inode for the time of one request: an open one that can write, or a new one. */
int fs_file_borrow(struct fs_inode *inode, bool write, struct fs_file **ret_file);
/* One that is open already, to be returned; or NULL. */
struct fs_file *fs_file_borrow_open(struct fs_inode *inode, bool write);
void fs_file_return(struct fs_file *file);

/*
 * The file is going to be read, perhaps from the kernel's cache, of which the backing would not
 * know: let it move its atime by its own rules. True when that has changed.
 */
bool fs_file_accessed(struct fs_file *file);

/* close(2), with its errors: the header of a file without data is stored by a handle that can
 * write. */
int fs_file_flush(struct fs_file *file);

/* Store the header of a file that is open and has none yet, if it needs one. */
int fs_file_settle_header(struct fs_inode *inode);

/* Last close: stores the header of a new empty file; drops the key when its removal waits for it.
 */
int fs_file_release(struct fs_file *file);

/* fsync or fdatasync (@datasync) and all that the file needs to be read again after a power cut. */
int fs_file_fsync(struct fs_file *file, bool datasync);

/* ---- file-fill.c ---- */

/*
 * All that is in a small file, for a cache of the kernel's that has nothing of it: for a handle
 * that the kernel has not been told of yet, and that is the only one. @store is called with the
 * plaintext; until it returns nobody else gets a handle, the size stays, and a lock of the key
 * waits: what it puts into the cache is not older than what others do to the file. It may not wait
 * for requests. Nothing is done for a file that is plain, empty or larger than @most, that the
 * kernel may have some of, or whose atime goes with reading: the kernel knows of what it reads
 * itself. One that cannot be read is left to whoever reads it, who is told why.
 */
void fs_file_fill(struct fs_file *file, size_t most,
		  int (*store)(struct fs_inode *inode, const void *data, size_t len, void *arg),
		  void *arg);

/* Wait until whoever fills a cache from the file is done. crypt_lock may be held, or a handle is.
 */
void fs_file_wait_filled(struct fs_opened *opened);

/* ---- file.c, file-write.c ---- */

/*
 * Read up to @len bytes at @off; short only at the end of the file. *ret_data points into @buf (of
 * @cap bytes, may be NULL) where whole data units fit there, else into a buffer of this thread that
 * is valid until its next fs_file_read().
 */
int fs_file_read(struct fs_file *file, uint64_t off, size_t len, void *buf, size_t cap,
		 const void **ret_data, size_t *ret_len);

/* Write all of @len bytes, extending the file if need be, or nothing that counts: -errno. @buf is
 * not modified and may be unaligned. -EFBIG beyond FSCRYPT_MAX_FILE_SIZE. */
int fs_file_write(struct fs_file *file, uint64_t off, const void *buf, size_t len);

/* @len bytes from @in to @out through the plaintext; short at the end of @in. */
int fs_file_copy(struct fs_file *in, uint64_t off_in, struct fs_file *out, uint64_t off_out,
		 uint64_t len, uint64_t *ret_copied);

/* ---- size.c ---- */

/* Set the size, up or down, by the rules of DESIGN section 2. */
int fs_file_truncate(struct fs_file *file, uint64_t size);

/* The size from st_size of a file that nobody has open, or as kept in memory when it is open. */
int fs_file_size(struct fs_inode *inode, const struct statx *stx, uint64_t *ret_size);

/* ---- fallocate.c ---- */

/* Modes 0, KEEP_SIZE, PUNCH_HOLE|KEEP_SIZE, ZERO_RANGE[|KEEP_SIZE]; -EOPNOTSUPP for the others. */
int fs_file_fallocate(struct fs_file *file, int mode, uint64_t off, uint64_t len);

/* SEEK_DATA, SEEK_HOLE in plaintext offsets. -ENXIO past the end. */
int fs_file_seek(struct fs_file *file, uint64_t off, int whence, uint64_t *ret_off);

#endif
