/* SPDX-License-Identifier: GPL-3.0-or-later */
/* file-fixture.c - a file on a real engine, with the rest of the filesystem played around it */
#include "file-fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "blkcrypto/blk-crypto-fallback.h"
#include "fs/backing.h"
#include "fs/context.h"
#include "util/secret.h"

struct file_fixture t;
static const char *const dev_specs[NUM_DEVS] = { "file", "sim(slots=1)" };

static uint64_t rnd_state = 88172645463325252ULL;

uint64_t rnd(void)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return rnd_state >> 8;
}

void fill(uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)rnd();
}

/* ---- a device that fails when told to, and sees what passes ------------------------------------
 */

struct file_fault fault;

static void fault_submit(struct blk_device *dev, struct bio *bio)
{
	(void)dev;
	if (bio->bi_op == REQ_OP_WRITE) {
		__atomic_add_fetch(&fault.writes, 1, __ATOMIC_RELAXED);
		if (bio->bi_head != NULL)
			__atomic_add_fetch(&fault.heads, 1, __ATOMIC_RELAXED);
		if (fault.fail_after >= 0 && fault.fail_after-- == 0) {
			if (fault.tear) {
				off_t at =
					(off_t)(bio->bi_sector * SECTOR_SIZE - bio->bi_head_size);
				size_t n = bio->bi_iov[0].iov_len / 2;

				if (bio->bi_head != NULL) {
					assert_int_equal(pwrite(bio->bi_file->fd, bio->bi_head,
								bio->bi_head_size / 2, at),
							 bio->bi_head_size / 2);
				} else {
					assert_int_equal(pwrite(bio->bi_file->fd,
								bio->bi_iov[0].iov_base, n, at),
							 n);
				}
			}
			bio_end_errno(bio, fault.err);
			return;
		}
	}
	bio->bi_bdev = fault.child;
	blk_crypto_submit_bio(bio);
}

static int fault_open(struct blk_device *dev, const struct blk_device_opt *opts, char **ret_why)
{
	(void)dev;
	(void)opts;
	(void)ret_why;
	return 0;
}

static void fault_close(struct blk_device *dev)
{
	(void)dev;
}

static const struct blk_device_type fault_type = {
	.name = "fault",
	.help = "fails when told to",
	.open = fault_open,
	.close = fault_close,
	.submit_bio = fault_submit,
};

/* ---- what the data path calls of its neighbours ------------------------------------------------
 */

void fs_inode_ref(struct fs_inode *inode)
{
	__atomic_add_fetch(&inode->refs, 1, __ATOMIC_RELAXED);
}

void fs_inode_put(struct fs_inode *inode)
{
	assert_true(__atomic_fetch_sub(&inode->refs, 1, __ATOMIC_RELAXED) > 0);
}

struct fs_inode *fs_inode_parent(struct fs_inode *inode)
{
	assert_ptr_equal(inode, &t.inode);
	fs_inode_ref(&t.parent);
	return &t.parent;
}

int fs_inode_place(struct fs_inode *inode, struct fs_inode **ret_parent,
		   char ret_name[static NAME_MAX_LEN + 1])
{
	*ret_parent = fs_inode_parent(inode);
	ret_name[0] = '\0';
	return 0;
}

/* In place of the C library's. */
int fallocate(int fd, int mode, off_t off, off_t len)
{
	if (t.no_falloc) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return (int)syscall(SYS_fallocate, fd, mode, off, len);
}

int fs_inode_open(struct fs_inode *inode, int flags, struct statx *ret_stx)
{
	int fd;

	assert_ptr_equal(inode, &t.inode);
	assert_true((flags & ~O_NOATIME) == O_RDONLY || flags == O_RDWR);
	fd = open(t.path, flags | O_CLOEXEC);
	if (fd >= 0 && ret_stx)
		assert_int_equal(statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, ret_stx), 0);
	return fd < 0 ? -errno : fd;
}

void fs_context_header_block(const struct fs_inode *inode, uint8_t block[static 4096])
{
	struct store_header hdr = { .ctx = inode->use->ctx, .ctx_len = inode->use->ctx_len };

	assert_true(tinylock_is_held(&inode->crypt_lock));
	assert_false(inode->use->ctx_stored);
	t.stored++;
	memset(block, 0, STORE_HEADER_SIZE);
	store_header_encode(&hdr, block);
}

int fs_context_store(struct fs_inode *inode, int fd)
{
	uint8_t block[STORE_HEADER_SIZE];
	int err = 0;

	tinylock_lock(&inode->crypt_lock);
	if (!inode->use->ctx_stored) {
		fs_context_header_block(inode, block);
		err = pwrite(fd, block, sizeof(block), 0) == sizeof(block) ? 0 : -errno;
		inode->use->ctx_stored = err == 0;
	}
	tinylock_unlock(&inode->crypt_lock);
	return err;
}

void fs_context_inherit(struct fs_inode *inode, struct fs_inode *parent)
{
	union fscrypt_policy policy;
	uint8_t nonce[FSCRYPT_FILE_NONCE_SIZE];

	assert_int_equal(
		fscrypt_policy_from_context(&parent->use->ctx, parent->use->ctx_len, &policy), 0);
	fill(nonce, sizeof(nonce));
	inode->use->ctx_len =
		(uint8_t)fscrypt_context_from_policy(&policy, nonce, &inode->use->ctx);
	inode->use->ctx_stored = false;
	inode->crypt = FS_CRYPT_ENCRYPTED;
}

int fs_context_load(struct fs_inode *inode, int fd)
{
	uint8_t block[STORE_HEADER_SIZE];
	struct store_header hdr;
	size_t used;
	ssize_t n;
	int err;

	if (inode->crypt != FS_CRYPT_UNKNOWN)
		return 0;
	assert_ptr_equal(inode, &t.inode);
	if (t.plain) {
		inode->crypt = FS_CRYPT_PLAIN;
		return 0;
	}
	assert_true(fd >= 0);
	n = pread(fd, block, sizeof(block), 0);
	assert_true(n >= 0);
	err = store_header_decode(block, (size_t)n, &hdr, &used);
	if (err == -ENODATA) {
		fs_context_inherit(inode, &t.parent);
		return 0;
	}
	if (err)
		return err;
	inode->use->ctx = hdr.ctx;
	inode->use->ctx_len = (uint8_t)hdr.ctx_len;
	inode->use->ctx_stored = true;
	inode->crypt = FS_CRYPT_ENCRYPTED;
	return 0;
}

int fs_context_require_key(struct fs_inode *inode)
{
	int err = 0;

	tinylock_lock(&inode->crypt_lock);
	if (inode->crypt == FS_CRYPT_ENCRYPTED && inode->use->info == NULL)
		err = fscrypt_setup_info(inode->sb->fsc, &inode->use->ctx, inode->use->ctx_len,
					 FSCRYPT_REG, 0, &inode->use->info);
	tinylock_unlock(&inode->crypt_lock);
	return err;
}

bool fs_context_permitted(const struct fs_inode *parent, const struct fs_inode *child)
{
	assert_ptr_equal(parent, &t.parent);
	assert_ptr_equal(child, &t.inode);
	return !t.forbid;
}

bool fs_inode_is_foreign(struct fs_inode *inode)
{
	assert_ptr_equal(inode, &t.inode);
	return false;
}

int fs_context_sync_chain(struct fs_inode *inode)
{
	assert_ptr_equal(inode, &t.inode);
	t.chain++;
	return 0;
}

/* ---- fixture -----------------------------------------------------------------------------------
 */

static void init_inode(struct fs_inode *inode, mode_t type)
{
	memset(inode, 0, sizeof(*inode));
	inode->sb = &t.sb;
	inode->type = type;
	inode->keep_fd = -1;
	inode->refs = 1;
	assert_non_null(fs_use_get(inode));
}

/* As when the kernel forgets the file: all that was known of it is gone. */
void forget_file(void)
{
	assert_int_equal(t.inode.refs, 1);
	assert_null(fs_opened(&t.inode));
	fs_use_free(&t.inode);
	init_inode(&t.inode, S_IFREG);
}

void use_device(unsigned which)
{
	t.sb.fsc = t.fsc[which];
	if (which == DEV_FILE) {
		t.sb.bdev = &fault.dev;
		fault.child = t.bdev[which];
	} else {
		t.sb.bdev = t.bdev[which];
	}
}

/* From now on a new file under a policy with data units of @du bytes; 0: plain. */
void start(unsigned du)
{
	uint8_t nonce[FSCRYPT_FILE_NONCE_SIZE] = { 1 };

	forget_file();
	unlink(t.path);
	t.plain = du == 0;
	t.forbid = t.no_falloc = false;
	t.stored = 0;
	t.sb.opts.shared = false;
	t.sb.max_handles = 1000;
	fault.fail_after = -1;
	fault.writes = fault.heads = 0;
	t.parent.crypt = t.plain ? FS_CRYPT_PLAIN : FS_CRYPT_ENCRYPTED;
	t.policy.v2.log2_data_unit_size = du ? (uint8_t)ilog2(du) : 0;
	t.parent.use->ctx_len =
		(uint8_t)fscrypt_context_from_policy(&t.policy, nonce, &t.parent.use->ctx);
	use_device(DEV_FILE);
}

struct fs_file *create_file(void)
{
	struct fs_file *file = NULL;
	int fd = open(t.path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	if (t.plain)
		t.inode.crypt = FS_CRYPT_PLAIN;
	else
		fs_context_inherit(&t.inode, &t.parent);
	assert_int_equal(fs_file_adopt(&t.inode, fd, &file), 0);
	return file;
}

struct fs_file *open_file(int flags)
{
	struct fs_file *file = NULL;

	assert_int_equal(fs_file_open(&t.inode, flags, &file), 0);
	return file;
}

struct fs_file *reopen(struct fs_file *file)
{
	assert_int_equal(fs_file_release(file), 0);
	forget_file();
	return open_file(O_RDWR);
}

uint64_t st_size(void)
{
	struct stat st;

	assert_int_equal(stat(t.path, &st), 0);
	return (uint64_t)st.st_size;
}

uint64_t size_by_stat(void)
{
	struct statx stx;
	uint64_t size = UINT64_MAX;

	assert_int_equal(statx(AT_FDCWD, t.path, 0, STATX_BASIC_STATS, &stx), 0);
	assert_int_equal(fs_file_size(&t.inode, &stx, &size), 0);
	return size;
}

void expect(struct fs_file *file, uint64_t off, const uint8_t *want, size_t len)
{
	const void *data;
	size_t n;

	assert_int_equal(fs_file_read(file, off, len, NULL, 0, &data, &n), 0);
	assert_int_equal(n, len);
	if (memcmp(data, want, len) != 0) {
		const uint8_t *got = data;
		size_t i = 0;

		while (got[i] == want[i])
			i++;
		fail_msg("byte %zu of %zu at %llu is %02x, not %02x", i, len,
			 (unsigned long long)off, got[i], want[i]);
	}
}

void expect_zeros(struct fs_file *file, uint64_t off, size_t len)
{
	const void *data;
	size_t n;

	assert_int_equal(fs_file_read(file, off, len, NULL, 0, &data, &n), 0);
	assert_int_equal(n, len);
	assert_true(mem_is_zero(data, len));
}

void write_ok(struct fs_file *file, uint64_t off, const void *buf, size_t len)
{
	assert_int_equal(fs_file_write(file, off, buf, len), 0);
}

int group_setup(void **state)
{
	static const char *tmp;
	uint8_t raw[FSCRYPT_MAX_RAW_KEY_SIZE];
	struct fscrypt_caller who = { .fsuid = getuid(), .cap_sys_admin = true };
	struct fscrypt_key_specifier spec;
	char *why = NULL;

	(void)state;
	tmp = getenv("TMPDIR");
	snprintf(t.path, sizeof(t.path), "%s/test-file.%d", tmp ? tmp : "/tmp", (int)getpid());
	assert_int_equal(secret_init(), 0);
	signal(SIGXFSZ, SIG_IGN);
	fill(raw, sizeof(raw));
	for (unsigned i = 0; i < NUM_DEVS; i++) {
		struct fscrypt_super_params params = { .inlinecrypt = i == DEV_SIM };

		if (blk_device_open(dev_specs[i], false, &t.bdev[i], &why)) {
			fprintf(stderr, "%s: %s\n", dev_specs[i], why);
			return -1;
		}
		fault.dev = (struct blk_device){ .type = &fault_type };
		params.bdev = i == DEV_FILE ? &fault.dev : t.bdev[i];
		assert_int_equal(fscrypt_super_create(&params, &t.fsc[i]), 0);
		spec = (struct fscrypt_key_specifier){ .type = FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER };
		assert_int_equal(fscrypt_add_key(t.fsc[i], &who, &spec, raw, sizeof(raw)), 0);
	}
	t.policy.v2.version = FSCRYPT_POLICY_V2;
	t.policy.v2.contents_encryption_mode = FSCRYPT_MODE_AES_256_XTS;
	t.policy.v2.filenames_encryption_mode = FSCRYPT_MODE_AES_256_CTS;
	memcpy(t.policy.v2.master_key_identifier, spec.u.identifier, FSCRYPT_KEY_IDENTIFIER_SIZE);
	init_inode(&t.parent, S_IFDIR);
	init_inode(&t.inode, S_IFREG);
	return 0;
}

int group_teardown(void **state)
{
	(void)state;
	forget_file();
	fs_use_free(&t.inode);
	fs_use_free(&t.parent);
	for (unsigned i = 0; i < NUM_DEVS; i++) {
		fscrypt_super_destroy(t.fsc[i]);
		blk_device_close(t.bdev[i]);
	}
	blk_crypto_fallback_destroy();
	unlink(t.path);
	return 0;
}

/* ---- the shadow ---------------------------------------------------------------------------------
 */

uint8_t shadow[EX_MAX + 4096];
uint64_t shadow_size;
uint8_t scratch[EX_MAX];

void shadow_resize(uint64_t size)
{
	if (size < shadow_size)
		memset(shadow + size, 0, shadow_size - size);
	shadow_size = size;
}

void check_sparse_tail(struct fs_file *file, unsigned du)
{
	uint64_t size = fs_opened(&t.inode)->size;
	uint8_t raw[FS_MAX_DATA_UNIT];

	assert_int_equal(
		pread(file->backing.fd, raw, sizeof(raw), (off_t)(4096 + round_up(size, du))),
		size % du);
	assert_true(mem_is_zero(raw, size % du));
}

/* What the store holds, by the rules of the format; the file is open with nothing cached. */
void check_store(struct fs_file *file, unsigned du)
{
	uint64_t size = fs_opened(&t.inode)->size, st = st_size(), units;
	uint8_t unit[FS_MAX_DATA_UNIT], raw[STORE_HEADER_SIZE];
	struct store_header hdr;
	struct fs_file_map map;
	struct iovec iov;
	size_t used;
	int fd;

	if (du == 0) {
		assert_int_equal(st, shadow_size);
		return;
	}
	units = (size + du - 1) / du;
	fd = file->backing.fd;
	assert_int_equal(st, 4096 + units * du + size % du);
	assert_int_equal(pread(fd, raw, sizeof(raw), 0), sizeof(raw));
	assert_int_equal(store_header_decode(raw, sizeof(raw), &hdr, &used), 0);
	check_sparse_tail(file, du);
	/* The padding. */
	if (size % du != 0) {
		assert_int_equal(fs_file_map(&t.inode, FS_BAR_READS, &map), 0);
		iov.iov_base = unit;
		iov.iov_len = du;
		assert_int_equal(fs_file_submit(file, &map, REQ_OP_READ, (units - 1) * du, &iov, 1,
						du, NULL),
				 0);
		assert_true(mem_is_zero(unit + size % du, du - size % du));
	}
	/* Nothing is stored in the clear: a unit is a hole, or differs from its plaintext. */
	for (uint64_t i = 0; i < units; i++) {
		assert_int_equal(pread(fd, raw, du, (off_t)(4096 + i * du)), du);
		if (mem_is_zero(raw, du))
			assert_true(mem_is_zero(shadow + i * du, du));
		else
			assert_memory_not_equal(raw, shadow + i * du, du);
	}
}

void check_all(struct fs_file *file)
{
	assert_int_equal(fs_opened(&t.inode)->size, shadow_size);
	assert_int_equal(size_by_stat(), shadow_size);
	if (shadow_size > 0)
		expect(file, 0, shadow, shadow_size);
}
