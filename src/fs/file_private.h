/* SPDX-License-Identifier: GPL-3.0-or-later */
/* file_private.h - what the files of the data path share: units, locks, the end of a file */
#ifndef FS_FILE_PRIVATE_H
#define FS_FILE_PRIVATE_H

#include "fs/file.h"
#include "fs/format.h"

/* How the bytes of a file lie in its backing file. */
struct fs_file_map {
	const struct fscrypt_info *info; /* NULL: plain */
	unsigned du;   /* data unit; of a plain file the sector, which only starts I/O */
	uint64_t base; /* offset of byte 0 in the backing file */
};

#define FS_MAX_DATA_UNIT 4096u

/* ---- file-units.c ---- */

/*
 * Map of an open file, for something that @bar and all above it turn away. -ENOKEY then, and when
 * it is encrypted and its key is gone. size_lock is held, either way: as long as it is the key
 * stays.
 */
int fs_file_map(const struct fs_inode *inode, enum fs_bar bar, struct fs_file_map *ret_map);

/*
 * Read or write the @size bytes of @iov at @pos, a multiple of map->du. Lengths of an encrypted
 * file are multiples of it too. @head: a header block for in front of byte 0, or NULL. Holes read
 * as zeros. Context: the range is held exclusively as the operation needs it, or the size lock is.
 */
int fs_file_submit(struct fs_file *file, const struct fs_file_map *map, enum bio_op op,
		   uint64_t pos, const struct iovec *iov, unsigned vcnt, size_t size,
		   const void *head);

/* One whole unit at @pos. Of what is read, bytes from @size on (the file's) are made zero. */
int fs_file_read_unit(struct fs_file *file, const struct fs_file_map *map, uint64_t pos,
		      uint64_t size, uint8_t *buf);
int fs_file_write_unit(struct fs_file *file, const struct fs_file_map *map, uint64_t pos,
		       const uint8_t *buf);

/* Zero bytes in the store at @pos: holes, where a unit is concerned. Any length. */
int fs_file_write_zeros(struct fs_file *file, const struct fs_file_map *map, uint64_t pos,
			uint64_t len);

/* The header block, alone. crypt_lock and size_lock (exclusively) are held, ctx_stored is false. */
int fs_file_write_header(struct fs_file *file);

/* ---- file.c ---- */

/* fs_file_read() for those who hold size_lock. */
int fs_file_read_held(struct fs_file *file, uint64_t off, size_t len, void *buf, size_t cap,
		      const void **ret_data, size_t *ret_len);

/* ---- size.c ---- */

/*
 * Take size_lock exclusively. Returns true when crypt_lock was taken before it, because the header
 * is not stored yet: nobody else stores it then and the caller does before any data goes out.
 */
bool fs_file_lock_size(struct fs_inode *inode);
void fs_file_unlock_size(struct fs_inode *inode, bool header_pending);

/* The size again from the backing file, if others may have changed it. size_lock held exclusively.
 */
int fs_file_refresh_size(struct fs_file *file);
/* Shortcut for those who only want to read. No lock is held. */
int fs_file_refresh_shared(struct fs_file *file);

/* Size of the open file @fd as its st_size says, and the rest of its stat. crypt is known. */
int fs_file_size_of_fd(const struct fs_inode *inode, int fd, uint64_t *ret_size,
		       struct stat *ret_stat);

/* st_size of a file of @size bytes. */
uint64_t fs_file_st_size(const struct fs_inode *inode, const struct fs_file_map *map,
			 uint64_t size);
int fs_file_set_st_size(struct fs_file *file, uint64_t st_size);

/*
 * Before the file grows: zeros behind its last byte up to the end of the unit, and a hole as sparse
 * tail, whoever wrote what there. size_lock is held exclusively, the header is stored.
 */
int fs_file_clean_tail(struct fs_file *file, const struct fs_file_map *map);

/* Grow to @size, all of it holes. size_lock is held exclusively, the header is stored. */
int fs_file_grow(struct fs_file *file, const struct fs_file_map *map, uint64_t size);

#endif
