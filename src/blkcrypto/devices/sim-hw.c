/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sim-hw.c - the simulated hardware that wraps keys: its secrets, wrapping and derivation */
#include "blkcrypto/devices/sim-hw.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blkcrypto/blk-device.h"
#include "crypto/aes-gcm.h"
#include "crypto/kbkdf.h"
#include "util/io.h"
#include "util/secret.h"

/* All of it is in secret_alloc() memory. */
struct sim_hw {
	uint8_t fuse_key[SIM_HW_KEY_SIZE];
	uint8_t boot_key[SIM_HW_KEY_SIZE];
	unsigned users;	     /* Protected by running.lock, as is next */
	struct sim_hw *next; /* in the list of those that are running */
};

static struct {
	pthread_mutex_t lock;
	struct sim_hw *list;
} running = { .lock = PTHREAD_MUTEX_INITIALIZER };

/*
 * A wrapped key. What wraps is AES-256-GCM under the key of the form, with all that stands before
 * the nonce authenticated too: a long-term key is not taken for an ephemeral one.
 */
enum form { FORM_LONG_TERM = 1, FORM_EPHEMERAL = 2 };

struct wrapped {
	uint8_t magic[4];
	uint8_t version;
	uint8_t form;
	uint8_t reserved[2];
	uint8_t nonce[AES_GCM_NONCE_SIZE];
	uint8_t key[SIM_HW_KEY_SIZE];
	uint8_t tag[AES_GCM_TAG_SIZE];
};
#define HEAD_SIZE offsetof(struct wrapped, nonce)

_Static_assert(sizeof(struct wrapped) == SIM_HW_WRAPPED_SIZE, "a wrapped key has no gaps");
_Static_assert(SIM_HW_WRAPPED_SIZE <= BLK_CRYPTO_MAX_HW_WRAPPED_KEY_SIZE, "it fits");

static const uint8_t magic[4] = "SHWK";

/* ---- the fuse key's file ------------------------------------------------------------------ */

static int check_file(int fd, const char *path, char **ret_why)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return blk_device_fail(ret_why, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size != SIM_HW_KEY_SIZE)
		return blk_device_fail(ret_why, -EINVAL,
				       "%s: no hardware key: that is a file of %d random bytes",
				       path, SIM_HW_KEY_SIZE);
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return blk_device_fail(ret_why, -EACCES,
				       "%s: others than its owner may use this hardware key: chmod "
				       "600",
				       path);
	return 0;
}

static int read_fuse_key(struct sim_hw *hw, const char *path, char **ret_why)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	ssize_t n;
	int err;

	if (fd < 0)
		return errno == ENOENT
			       ? -ENOENT
			       : blk_device_fail(ret_why, -errno, "%s: %s", path, strerror(errno));
	err = check_file(fd, path, ret_why);
	if (!err) {
		n = io_pread(fd, hw->fuse_key, sizeof(hw->fuse_key), 0);
		if (n != sizeof(hw->fuse_key))
			err = blk_device_fail(ret_why, n < 0 ? (int)n : -EIO, "%s: cannot be read",
					      path);
	}
	close(fd);
	return err;
}

/* What has just been linked in stays after a power cut: keys are going to be wrapped by it. */
static int sync_folder(const char *path)
{
	char *copy = strdup(path);
	int fd, err;

	if (!copy)
		return -ENOMEM;
	fd = open(dirname(copy), O_PATH | O_DIRECTORY | O_CLOEXEC);
	err = fd < 0 ? -errno : io_sync_dir(fd);
	if (fd >= 0)
		close(fd);
	free(copy);
	return err;
}

/* Link the file in when it is whole: who comes at the same time gets one or the other, never half.
 */
static int make_fuse_key(const char *path)
{
	uint8_t key[SIM_HW_KEY_SIZE];
	char *tmp;
	int fd, err;

	if (asprintf(&tmp, "%s.XXXXXX", path) < 0)
		return -ENOMEM;
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0) {
		err = -errno;
		free(tmp);
		return err;
	}
	secret_random(key, sizeof(key));
	err = io_write(fd, key, sizeof(key));
	if (!err && fsync(fd) < 0)
		err = -errno;
	if (close(fd) < 0 && !err)
		err = -errno;
	if (!err && link(tmp, path) < 0 && errno != EEXIST)
		err = -errno;
	unlink(tmp);
	if (!err)
		err = sync_folder(path);
	secret_wipe(key, sizeof(key));
	free(tmp);
	return err;
}

static int get_fuse_key(struct sim_hw *hw, const char *path, char **ret_why)
{
	int err = read_fuse_key(hw, path, ret_why);

	if (err != -ENOENT)
		return err;
	err = make_fuse_key(path);
	if (err)
		return blk_device_fail(ret_why, err, "%s: cannot be made: %s", path,
				       strerror(-err));
	return read_fuse_key(hw, path, ret_why);
}

/* Start @hw, or find that it is running already: then @hw is freed. Returns the one to use. */
static struct sim_hw *start(struct sim_hw *hw)
{
	struct sim_hw *found;

	pthread_mutex_lock(&running.lock);
	for (found = running.list; found; found = found->next)
		if (secret_equal(found->fuse_key, hw->fuse_key, sizeof(hw->fuse_key)))
			break;
	if (!found) {
		secret_random(hw->boot_key, sizeof(hw->boot_key));
		hw->next = running.list;
		running.list = found = hw;
	}
	found->users++;
	pthread_mutex_unlock(&running.lock);
	if (found != hw)
		secret_free(hw);
	return found;
}

int sim_hw_open(const char *path, struct sim_hw **ret_hw, char **ret_why)
{
	struct sim_hw *hw;
	int err;

	/* A mount's working directory is not its caller's. */
	if (path[0] != '/')
		return blk_device_fail(ret_why, -EINVAL, "hwkey=%s: must begin with a slash", path);
	hw = secret_alloc(sizeof(*hw));
	if (!hw)
		return -ENOMEM;
	err = get_fuse_key(hw, path, ret_why);
	if (err) {
		secret_free(hw);
		return err;
	}
	*ret_hw = start(hw);
	return 0;
}

void sim_hw_close(struct sim_hw *hw)
{
	struct sim_hw **link;
	bool last;

	if (!hw)
		return;
	pthread_mutex_lock(&running.lock);
	last = --hw->users == 0;
	if (last) {
		for (link = &running.list; *link != hw; link = &(*link)->next)
			;
		*link = hw->next;
	}
	pthread_mutex_unlock(&running.lock);
	if (last)
		secret_free(hw);
}

/* ---- wrapping ----------------------------------------------------------------------------- */

static const uint8_t *wrapping_key(const struct sim_hw *hw, enum form form)
{
	return form == FORM_LONG_TERM ? hw->fuse_key : hw->boot_key;
}

static int wrap(const struct sim_hw *hw, enum form form, const uint8_t raw[static SIM_HW_KEY_SIZE],
		uint8_t *ret_blob)
{
	struct wrapped w = { .version = 1, .form = (uint8_t)form };
	int err;

	memcpy(w.magic, magic, sizeof(magic));
	secret_random(w.nonce, sizeof(w.nonce));
	err = aes256_gcm_seal(wrapping_key(hw, form), w.nonce, &w, HEAD_SIZE, raw, SIM_HW_KEY_SIZE,
			      w.key, w.tag);
	if (!err)
		memcpy(ret_blob, &w, sizeof(w));
	secret_wipe(&w, sizeof(w));
	return err ? err : (int)sizeof(w);
}

static int unwrap(const struct sim_hw *hw, enum form form, const uint8_t *blob, size_t size,
		  uint8_t ret_raw[static SIM_HW_KEY_SIZE])
{
	struct wrapped w;
	int err = -EBADMSG;

	if (size != sizeof(w))
		return err;
	memcpy(&w, blob, sizeof(w));
	if (memcmp(w.magic, magic, sizeof(magic)) == 0 && w.version == 1 && w.form == form)
		err = aes256_gcm_open(wrapping_key(hw, form), w.nonce, &w, HEAD_SIZE, w.key,
				      sizeof(w.key), ret_raw, w.tag);
	secret_wipe(&w, sizeof(w));
	return err;
}

int sim_hw_import(struct sim_hw *hw, const uint8_t *raw, size_t size, uint8_t *ret_lt_key)
{
	if (size != SIM_HW_KEY_SIZE)
		return -EINVAL;
	return wrap(hw, FORM_LONG_TERM, raw, ret_lt_key);
}

int sim_hw_generate(struct sim_hw *hw, uint8_t *ret_lt_key)
{
	uint8_t raw[SIM_HW_KEY_SIZE];
	int ret;

	secret_random(raw, sizeof(raw));
	ret = wrap(hw, FORM_LONG_TERM, raw, ret_lt_key);
	secret_wipe(raw, sizeof(raw));
	return ret;
}

int sim_hw_prepare(struct sim_hw *hw, const uint8_t *lt_key, size_t size, uint8_t *ret_eph_key)
{
	uint8_t raw[SIM_HW_KEY_SIZE];
	int ret = unwrap(hw, FORM_LONG_TERM, lt_key, size, raw);

	if (!ret)
		ret = wrap(hw, FORM_EPHEMERAL, raw, ret_eph_key);
	secret_wipe(raw, sizeof(raw));
	return ret;
}

/* ---- derivation --------------------------------------------------------------------------- */

/*
 * Label and contexts are those of the hardware that Linux runs on, where they say how the derived
 * key may be used: spec/fscrypt.md section 17.
 */
static const char label[] = "\0\0\x40\0\0\0\0\0\0\0\x20";
static const char inline_context[] = "inline encryption key\0\0\0\0\0\0"
				     "\x02\x43\0\x82\x50\0\0\0\0";
static const char secret_context[] = "raw secret\0\0\0\0\0\0\0\0\0"
				     "\x02\x17\0\x80\x50\0\0\0\0";
/* Without the NUL that C puts behind them. */
#define LEN(string) (sizeof(string) - 1)
_Static_assert(LEN(label) == 11 && LEN(inline_context) == 36 && LEN(secret_context) == 28, "KDF");

static int derive(const struct sim_hw *hw, const uint8_t *eph_key, size_t eph_key_size,
		  const char *context, size_t context_len, uint8_t *out, size_t outlen)
{
	uint8_t raw[SIM_HW_KEY_SIZE];
	int err = unwrap(hw, FORM_EPHEMERAL, eph_key, eph_key_size, raw);

	if (!err)
		err = kbkdf_aes256_cmac(raw, label, LEN(label), context, context_len, out, outlen);
	secret_wipe(raw, sizeof(raw));
	return err;
}

int sim_hw_sw_secret(struct sim_hw *hw, const uint8_t *eph_key, size_t eph_key_size,
		     uint8_t ret_secret[static BLK_CRYPTO_SW_SECRET_SIZE])
{
	return derive(hw, eph_key, eph_key_size, secret_context, LEN(secret_context), ret_secret,
		      BLK_CRYPTO_SW_SECRET_SIZE);
}

int sim_hw_inline_key(struct sim_hw *hw, const uint8_t *eph_key, size_t eph_key_size,
		      uint8_t *ret_key, size_t size)
{
	return derive(hw, eph_key, eph_key_size, inline_context, LEN(inline_context), ret_key,
		      size);
}
