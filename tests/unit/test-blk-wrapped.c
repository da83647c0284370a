/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-blk-wrapped.c - hardware-wrapped keys: what the simulated hardware makes, takes and refuses
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blk-test.h"
#include "blkcrypto/blk-crypto-profile.h"
#include "blkcrypto/blk-crypto-wrapped.h"
#include "blkcrypto/devices/sim-hw.h"
#include "blkcrypto/devices/sim.h"
#include "crypto/aes-gcm.h"
#include "crypto/kbkdf.h"
#include "util/hex.h"
#include "util/secret.h"

/* spec/fscrypt.md section 20, for the master key 00..1f. */
#define SW_SECRET "48b69fb100fda3d600b75d7f25e2b8f1cf95e5de1bd624b9273d537519270c65"
#define INLINE_KEY                                                           \
	"16317c8fe3133e7aef46bdede2b39f09a81e9fbe0c095f906c5c1341da6eaf17f1" \
	"51e2982f4f14a5495f78761066cafa5ebb995997d3fb5c8678bb394b6b57dc"

#define BLOB_MAX BLK_CRYPTO_MAX_HW_WRAPPED_KEY_SIZE
#define IO_SIZE	 32768

static char dir[] = "/tmp/test-blk-wrapped.XXXXXX";
static uint8_t master[32];

static void make_path(char *path, const char *name)
{
	snprintf(path, 256, "%s/%s", dir, name);
}

static void bytes_of(const char *hex, uint8_t *out, size_t len)
{
	assert_int_equal(hex_decode(hex, out, len), 0);
}

/* A sim on `mem` with the hardware key of file @name, and more @options. */
static struct blk_device *open_sim(const char *options, const char *name)
{
	char spec[512];

	snprintf(spec, sizeof(spec), "sim(%s,hwkey=%s/%s;mem)", options, dir, name);
	return open_device(spec, false);
}

static int setup(void **state)
{
	for (unsigned i = 0; i < sizeof(master); i++)
		master[i] = (uint8_t)i;
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	static const char *const names[] = { "a", "b", "wide", "short", "link" };
	char path[256];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		make_path(path, names[i]);
		unlink(path);
	}
	blk_crypto_fallback_destroy();
	/* Nothing else may have been left there. */
	return rmdir(dir);
}

/* ---- primitives --------------------------------------------------------------------------- */

/* NIST's GCM vectors (gcmEncryptExtIV256), one with 16 bytes of additional data. */
static void test_gcm(void **state)
{
	uint8_t key[32], nonce[12], ad[16], pt[16], want[16], want_tag[16], ct[16], tag[16],
		out[16];

	bytes_of("92e11dcdaa866f5ce790fd24501f92509aacf4cb8b1339d50c9c1240935dd08b", key, 32);
	bytes_of("ac93a1a6145299bde902f21a", nonce, 12);
	bytes_of("1e0889016f67601c8ebea4943bc23ad6", ad, 16);
	bytes_of("2d71bcfa914e4ac045b2aa60955fad24", pt, 16);
	bytes_of("8995ae2e6df3dbf96fac7b7137bae67f", want, 16);
	bytes_of("eca5aa77d51d4a0a14d9c51e1da474ab", want_tag, 16);
	assert_int_equal(aes256_gcm_seal(key, nonce, ad, 16, pt, 16, ct, tag), 0);
	assert_memory_equal(ct, want, 16);
	assert_memory_equal(tag, want_tag, 16);
	assert_int_equal(aes256_gcm_open(key, nonce, ad, 16, ct, 16, out, tag), 0);
	assert_memory_equal(out, pt, 16);
	ad[15] ^= 1;
	assert_int_equal(aes256_gcm_open(key, nonce, ad, 16, ct, 16, out, tag), -EBADMSG);
	/* What did not verify is not handed out. */
	for (size_t i = 0; i < sizeof(out); i++)
		assert_int_equal(out[i], 0);
}

/* A shorter output is no prefix of a longer one: its length is authenticated with it. */
static void test_kdf_length(void **state)
{
	uint8_t a[64], b[32];

	assert_int_equal(kbkdf_aes256_cmac(master, "label", 5, "context", 7, a, sizeof(a)), 0);
	assert_int_equal(kbkdf_aes256_cmac(master, "label", 5, "context", 7, b, sizeof(b)), 0);
	assert_memory_not_equal(a, b, sizeof(b));
}

/* ---- the hardware ------------------------------------------------------------------------- */

static void test_known_answers_B36(void **state)
{
	uint8_t lt[BLOB_MAX], eph[BLOB_MAX], secret[32], inline_key[64], want_secret[32],
		want_inline[64];
	char path[256];
	struct sim_hw *hw;
	char *why;

	make_path(path, "a");
	bytes_of(SW_SECRET, want_secret, sizeof(want_secret));
	bytes_of(INLINE_KEY, want_inline, sizeof(want_inline));
	assert_int_equal(sim_hw_open(path, &hw, &why), 0);
	assert_int_equal(sim_hw_import(hw, master, 32, lt), SIM_HW_WRAPPED_SIZE);
	assert_int_equal(sim_hw_prepare(hw, lt, SIM_HW_WRAPPED_SIZE, eph), SIM_HW_WRAPPED_SIZE);
	assert_int_equal(sim_hw_sw_secret(hw, eph, SIM_HW_WRAPPED_SIZE, secret), 0);
	assert_memory_equal(secret, want_secret, sizeof(secret));
	assert_int_equal(sim_hw_inline_key(hw, eph, SIM_HW_WRAPPED_SIZE, inline_key, 64), 0);
	assert_memory_equal(inline_key, want_inline, sizeof(inline_key));
	/* Neither form shows what is in it, and no two are the same. */
	assert_null(memmem(lt, SIM_HW_WRAPPED_SIZE, master, 8));
	assert_null(memmem(eph, SIM_HW_WRAPPED_SIZE, master, 8));
	assert_int_equal(sim_hw_import(hw, master, 32, eph), SIM_HW_WRAPPED_SIZE);
	assert_memory_not_equal(lt + 8, eph + 8, SIM_HW_WRAPPED_SIZE - 8);
	sim_hw_close(hw);
}

/* Long-term keys outlive the hardware's switching off, ephemeral ones do not. */
static void test_persistence_B36(void **state)
{
	uint8_t lt[BLOB_MAX], eph[BLOB_MAX], again[BLOB_MAX], secret[32], other[32];
	struct blk_device *dev = open_sim("keytypes=wrapped", "a");
	char path[256];
	struct stat st;
	int size;

	make_path(path, "a");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_int_equal(st.st_size, 32);
	size = blk_crypto_generate_key(dev, lt);
	assert_int_equal(size, SIM_HW_WRAPPED_SIZE);
	assert_int_equal(blk_crypto_prepare_key(dev, lt, (size_t)size, eph), size);
	assert_int_equal(blk_crypto_derive_sw_secret(dev, eph, (size_t)size, secret), 0);
	blk_device_close(dev);

	dev = open_sim("keytypes=wrapped", "a");
	assert_int_equal(blk_crypto_derive_sw_secret(dev, eph, (size_t)size, other), -EBADMSG);
	assert_int_equal(blk_crypto_prepare_key(dev, lt, (size_t)size, again), size);
	assert_int_equal(blk_crypto_derive_sw_secret(dev, again, (size_t)size, other), 0);
	assert_memory_equal(other, secret, sizeof(secret));
	blk_device_close(dev);

	/* Another device can do nothing with either. */
	dev = open_sim("keytypes=wrapped", "b");
	assert_int_equal(blk_crypto_prepare_key(dev, lt, (size_t)size, again), -EBADMSG);
	assert_int_equal(blk_crypto_derive_sw_secret(dev, eph, (size_t)size, other), -EBADMSG);
	blk_device_close(dev);
}

static void test_tampering_B36(void **state)
{
	struct blk_device *dev = open_sim("keytypes=raw+wrapped", "a");
	uint8_t lt[BLOB_MAX] = { 0 }, eph[BLOB_MAX] = { 0 }, out[BLOB_MAX], secret[32];
	int size = blk_crypto_import_key(dev, master, 32, lt);

	assert_int_equal(blk_crypto_prepare_key(dev, lt, (size_t)size, eph), size);
	for (int i = 0; i < size; i++) {
		lt[i] ^= 1;
		eph[i] ^= 0x80;
		assert_int_equal(blk_crypto_prepare_key(dev, lt, (size_t)size, out), -EBADMSG);
		assert_int_equal(blk_crypto_derive_sw_secret(dev, eph, (size_t)size, secret),
				 -EBADMSG);
		lt[i] ^= 1;
		eph[i] ^= 0x80;
	}
	for (int len = 0; len <= BLOB_MAX; len++) {
		if (len == size)
			continue;
		assert_int_equal(blk_crypto_prepare_key(dev, lt, (size_t)len, out), -EBADMSG);
		assert_int_equal(blk_crypto_derive_sw_secret(dev, eph, (size_t)len, secret),
				 -EBADMSG);
	}
	/* The forms are not taken for each other. */
	assert_int_equal(blk_crypto_prepare_key(dev, eph, (size_t)size, out), -EBADMSG);
	assert_int_equal(blk_crypto_derive_sw_secret(dev, lt, (size_t)size, secret), -EBADMSG);
	/* The hardware takes keys of its own size. */
	assert_int_equal(blk_crypto_import_key(dev, master, 16, out), -EINVAL);
	assert_int_equal(blk_crypto_import_key(dev, master, 31, out), -EINVAL);
	blk_device_close(dev);
}

/* ---- the device's string ------------------------------------------------------------------ */

static void assert_refused(const char *spec, int err, const char *part)
{
	struct blk_device *dev;
	char *why = NULL;

	assert_int_equal(blk_device_open(spec, false, &dev, &why), err);
	if (!why || !strstr(why, part))
		fail_msg("%s: said \"%s\", not \"%s\"", spec, why ? why : "", part);
	free(why);
}

static void test_options_B36(void **state)
{
	char path[256], spec[512];
	int fd;

	assert_refused("sim(keytypes=wrapped)", -EINVAL, "belong together");
	assert_refused("sim(keytypes=raw,hwkey=/x)", -EINVAL, "belong together");
	assert_refused("sim(hwkey=/x)", -EINVAL, "belong together");
	assert_refused("sim(keytypes=wrap,hwkey=/x)", -EINVAL, "\"wrap\" is no key type");
	assert_refused("sim(keytypes=raw+raw,hwkey=/x)", -EINVAL, "given twice");
	assert_refused("sim(keytypes=raw+,hwkey=/x)", -EINVAL, "\"\" is no key type");
	assert_refused("sim(keytypes=wrapped,hwkey=x)", -EINVAL, "must begin with a slash");
	assert_refused("sim(keytypes=wrapped,hwkey=/no/such/place)", -ENOENT, "cannot be made");
	assert_refused("sim(keytypes=wrapped,hwkey=/tmp)", -EINVAL, "no hardware key");

	make_path(path, "wide");
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_int_equal(write(fd, master, 32), 32);
	assert_int_equal(fchmod(fd, 0640), 0);
	close(fd);
	snprintf(spec, sizeof(spec), "sim(keytypes=wrapped,hwkey=%s)", path);
	assert_refused(spec, -EACCES, "chmod 600");

	make_path(path, "short");
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_int_equal(write(fd, master, 31), 31);
	close(fd);
	snprintf(spec, sizeof(spec), "sim(keytypes=wrapped,hwkey=%s)", path);
	assert_refused(spec, -EINVAL, "no hardware key");

	make_path(path, "link");
	assert_int_equal(symlink("a", path), 0);
	snprintf(spec, sizeof(spec), "sim(keytypes=wrapped,hwkey=%s)", path);
	assert_refused(spec, -ELOOP, "link");
}

/* ---- I/O ---------------------------------------------------------------------------------- */

static void make_wrapped_key(struct blk_crypto_key *key, struct blk_device *dev, const uint8_t *raw,
			     unsigned flags)
{
	uint8_t lt[BLOB_MAX], eph[BLOB_MAX];
	int size = blk_crypto_import_key(dev, raw, 32, lt);

	assert_true(size > 0);
	size = blk_crypto_prepare_key(dev, lt, (size_t)size, eph);
	assert_true(size > 0);
	assert_int_equal(blk_crypto_init_key(key, eph, (unsigned)size,
					     BLK_CRYPTO_KEY_TYPE_HW_WRAPPED,
					     BLK_ENCRYPTION_MODE_AES_256_XTS, 8, 4096, flags),
			 0);
}

/* The raw key that the hardware derives from 00..1f, for the reference. */
static void make_inline_reference(struct blk_crypto_key *ref)
{
	uint8_t bytes[64];

	bytes_of(INLINE_KEY, bytes, sizeof(bytes));
	assert_int_equal(blk_crypto_init_key(ref, bytes, sizeof(bytes), BLK_CRYPTO_KEY_TYPE_RAW,
					     BLK_ENCRYPTION_MODE_AES_256_XTS, 8, 4096, 0),
			 0);
}

/* Write and read with @key; the store holds what @ref gives. */
static void assert_io(struct blk_device *dev, const struct blk_crypto_key *key,
		      const struct blk_crypto_key *ref, uint64_t sector)
{
	static uint8_t out[IO_SIZE], in[IO_SIZE], want[IO_SIZE];
	struct io io = { .dev = dev, .key = key, .dun = 5, .sector = sector, .seg = 4096 };
	const uint8_t *data;
	size_t size;

	fill_pattern(out, IO_SIZE, sector + 1);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, out, IO_SIZE), 0);
	reference_encrypt(ref, 5, out, want, IO_SIZE);
	data = stored(dev, &size);
	assert_memory_equal(data + sector * 512, want, IO_SIZE);
	assert_int_equal(do_io(&io, REQ_OP_READ, in, IO_SIZE), 0);
	assert_memory_equal(in, out, IO_SIZE);
}

static void test_io_B36(void **state)
{
	static const char *const options[] = { "slots=1,keytypes=raw+wrapped",
					       "slots=4,keytypes=raw+wrapped",
					       "slots=0,keytypes=raw+wrapped",
					       "slots=2,keytypes=wrapped" };
	struct blk_crypto_key wrapped, ref, raw;

	make_inline_reference(&ref);
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		struct blk_device *dev = open_sim(options[i], "a");

		make_wrapped_key(&wrapped, dev, master, BLK_CRYPTO_CFG_ALLOW_HW);
		make_key(&raw, 3, 4096, BLK_CRYPTO_CFG_ALLOW_HW);
		assert_int_equal(blk_crypto_start_using_key(dev, &wrapped), 0);
		/* Where the device takes none, the fallback does raw keys beside it. */
		assert_int_equal(blk_crypto_start_using_key(dev, &raw), 0);
		for (unsigned turn = 0; turn < 3; turn++) {
			assert_io(dev, &wrapped, &ref, 0);
			assert_io(dev, &raw, &raw, 1024);
		}
		/* After a reset the slots are programmed from the wrapped form. */
		blk_crypto_reprogram_all_keys(dev->crypto_profile);
		assert_io(dev, &wrapped, &ref, 0);
		blk_crypto_evict_key(dev, &wrapped);
		blk_crypto_evict_key(dev, &raw);
		blk_crypto_profile_for_each_slot(dev->crypto_profile, no_key, NULL);
		blk_device_close(dev);
	}
}

/* Every way of not supporting a wrapped key is an error, and nothing gets to the store. */
static void test_unsupported_B36(void **state)
{
	struct blk_device *engine = open_sim("keytypes=raw+wrapped", "a");
	static const char *const specs[] = { "mem", "sim(;mem)", "sim(modes=adiantum;mem)" };
	static uint8_t buf[4096];
	struct blk_crypto_key key, soft;
	uint8_t blob[BLOB_MAX], secret[32];
	size_t size;

	make_wrapped_key(&key, engine, master, BLK_CRYPTO_CFG_ALLOW_HW);
	make_wrapped_key(&soft, engine, master, 0);
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		for (int no_fallback = 0; no_fallback < 2; no_fallback++) {
			struct blk_device *dev = open_device(specs[i], no_fallback);
			struct io io = { .dev = dev, .key = &key };

			assert_false(blk_crypto_config_supported(dev, &key.crypto_cfg));
			assert_int_equal(blk_crypto_start_using_key(dev, &key), -EOPNOTSUPP);
			assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, sizeof(buf)), -EOPNOTSUPP);
			assert_int_equal(do_io(&io, REQ_OP_READ, buf, sizeof(buf)), -EOPNOTSUPP);
			stored(dev, &size);
			assert_int_equal(size, 0);
			assert_int_equal(blk_crypto_import_key(dev, master, 32, blob), -EOPNOTSUPP);
			assert_int_equal(blk_crypto_generate_key(dev, blob), -EOPNOTSUPP);
			assert_int_equal(blk_crypto_prepare_key(dev, blob, 68, blob), -EOPNOTSUPP);
			assert_int_equal(blk_crypto_derive_sw_secret(dev, blob, 68, secret),
					 -EOPNOTSUPP);
			blk_device_close(dev);
		}
	}
	/* The device could, but the key was not made for devices (no -o inlinecrypt). */
	assert_false(blk_crypto_config_supported(engine, &soft.crypto_cfg));
	assert_int_equal(blk_crypto_start_using_key(engine, &soft), -EOPNOTSUPP);
	blk_device_close(engine);
}

/* The ciphers of slot 0 have no key at all. */
static void assert_no_cipher_key(struct blk_device *dev)
{
	uint64_t dun[BLK_CRYPTO_DUN_ARRAY_SIZE] = { 0 };
	struct sim *sim = dev->private;
	static uint8_t buf[4096];
	struct blk_crypto_key any;

	make_key(&any, 1, 4096, 0);
	assert_int_equal(blk_crypt_engine_crypt(&sim->engine, 0, &any, true, dun, buf, buf,
						sizeof(buf), false),
			 BLK_STS_AGAIN);
}

/* A key of before the last start: the slot it was to go into must not keep the one before. */
static void test_stale_key_B36(void **state)
{
	struct blk_device *dev = open_sim("keytypes=raw+wrapped", "a");
	static uint8_t buf[4096];
	struct blk_crypto_key stale, raw;
	struct io io = { .key = &stale };

	make_wrapped_key(&stale, dev, master, BLK_CRYPTO_CFG_ALLOW_HW);
	blk_device_close(dev);
	io.dev = dev = open_sim("slots=1,keytypes=raw+wrapped", "a");
	make_key(&raw, 3, 4096, BLK_CRYPTO_CFG_ALLOW_HW);
	assert_int_equal(blk_crypto_start_using_key(dev, &raw), 0);
	assert_int_equal(blk_crypto_start_using_key(dev, &stale), 0);
	assert_io(dev, &raw, &raw, 1024);
	assert_int_equal(do_io(&io, REQ_OP_WRITE, buf, sizeof(buf)), -EIO);
	blk_crypto_profile_for_each_slot(dev->crypto_profile, no_key, NULL);
	assert_no_cipher_key(dev);
	assert_io(dev, &raw, &raw, 1024);
	/* Nor does it after a failure of the programming itself. */
	blk_crypto_evict_key(dev, &stale);
	make_wrapped_key(&stale, dev, master, BLK_CRYPTO_CFG_ALLOW_HW);
	assert_int_equal(blk_crypto_start_using_key(dev, &stale), 0);
	assert_int_equal(blk_device_control(dev, BLK_CONTROL_FAIL_PROGRAM, 1000), 0);
	assert_int_equal(do_io(&io, REQ_OP_READ, buf, sizeof(buf)), -EIO);
	assert_no_cipher_key(dev);
	blk_crypto_evict_key(dev, &stale);
	blk_crypto_evict_key(dev, &raw);
	blk_device_close(dev);
}

/* Devices with the same hardware key take each other's ephemeral keys, until the last one stops. */
static void test_one_chip_B36(void **state)
{
	struct blk_device *a = open_sim("keytypes=wrapped", "a");
	struct blk_device *b = open_sim("keytypes=raw+wrapped", "a");
	struct blk_device *other = open_sim("keytypes=wrapped", "b");
	struct blk_crypto_key key, ref;
	uint8_t secret[32];

	make_inline_reference(&ref);
	make_wrapped_key(&key, a, master, BLK_CRYPTO_CFG_ALLOW_HW);
	assert_int_equal(blk_crypto_derive_sw_secret(other, key.bytes, key.size, secret), -EBADMSG);
	blk_device_close(a);
	assert_int_equal(blk_crypto_start_using_key(b, &key), 0);
	assert_io(b, &key, &ref, 0);
	blk_crypto_evict_key(b, &key);
	a = open_sim("keytypes=wrapped", "a");
	assert_int_equal(blk_crypto_derive_sw_secret(a, key.bytes, key.size, secret), 0);
	blk_device_close(a);
	blk_device_close(b);
	a = open_sim("keytypes=wrapped", "a");
	assert_int_equal(blk_crypto_derive_sw_secret(a, key.bytes, key.size, secret), -EBADMSG);
	blk_device_close(a);
	blk_device_close(other);
}

/* What the engine loses in a reset or in its sleep comes back from the wrapped form. */
static void test_key_loss_B36(void **state)
{
	struct blk_device *dev = open_sim("slots=2,keytypes=raw+wrapped", "a");
	static uint8_t buf[4096];
	struct blk_crypto_key key, ref;
	struct io io = { .dev = dev, .key = &key };

	make_inline_reference(&ref);
	make_wrapped_key(&key, dev, master, BLK_CRYPTO_CFG_ALLOW_HW);
	assert_int_equal(blk_crypto_start_using_key(dev, &key), 0);
	assert_io(dev, &key, &ref, 0);
	assert_int_equal(blk_device_control(dev, BLK_CONTROL_RESET, 0), 0);
	assert_io(dev, &key, &ref, 0);
	assert_int_equal(blk_device_control(dev, BLK_CONTROL_SUSPEND, 0), 0);
	assert_io(dev, &key, &ref, 0);
	/* It does not come back: then I/O fails until it does. */
	assert_int_equal(blk_device_control(dev, BLK_CONTROL_FAIL_PROGRAM, 1000), 0);
	assert_int_equal(blk_device_control(dev, BLK_CONTROL_RESET, 0), 0);
	assert_int_equal(do_io(&io, REQ_OP_READ, buf, sizeof(buf)), -EIO);
	blk_crypto_profile_for_each_slot(dev->crypto_profile, no_key, NULL);
	assert_int_equal(blk_device_control(dev, BLK_CONTROL_FAIL_PROGRAM, 0), 0);
	assert_io(dev, &key, &ref, 0);
	blk_crypto_evict_key(dev, &key);
	blk_device_close(dev);
}

#define THREADS 4
#define ROUNDS	40

struct user {
	pthread_t thread;
	struct blk_device *dev;
	unsigned index;
	unsigned errors;
};

/* I/O with a key of one's own, newly prepared now and then, while others take the slot away. */
static void *user_thread(void *arg)
{
	struct user *user = arg;
	static const size_t segs[] = { 4096, 0 };
	uint8_t raw[32], lt[BLOB_MAX], eph[BLOB_MAX], secret[32], first[32];
	uint8_t *out = malloc(2 * IO_SIZE), *in = out + IO_SIZE;
	struct blk_crypto_key key;
	int size;

	if (!out)
		abort();
	fill_pattern(raw, sizeof(raw), 50 + user->index);
	size = blk_crypto_import_key(user->dev, raw, sizeof(raw), lt);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct io io = { .dev = user->dev,
				 .key = &key,
				 .dun = i,
				 .sector = user->index * 1024,
				 .seg = segs[i % 2] };

		if (blk_crypto_prepare_key(user->dev, lt, (size_t)size, eph) != size ||
		    blk_crypto_derive_sw_secret(user->dev, eph, (size_t)size, secret) != 0 ||
		    blk_crypto_init_key(&key, eph, (unsigned)size, BLK_CRYPTO_KEY_TYPE_HW_WRAPPED,
					BLK_ENCRYPTION_MODE_AES_256_XTS, 8, 4096,
					BLK_CRYPTO_CFG_ALLOW_HW) != 0 ||
		    blk_crypto_start_using_key(user->dev, &key) != 0)
			abort();
		if (i == 0)
			memcpy(first, secret, sizeof(first));
		fill_pattern(out, IO_SIZE, i * THREADS + user->index);
		if (do_io(&io, REQ_OP_WRITE, out, IO_SIZE) != 0 ||
		    do_io(&io, REQ_OP_READ, in, IO_SIZE) != 0 || memcmp(in, out, IO_SIZE) != 0 ||
		    memcmp(secret, first, sizeof(first)) != 0)
			user->errors++;
		blk_crypto_evict_key(user->dev, &key);
	}
	free(out);
	return NULL;
}

static void test_threads_B36(void **state)
{
	static const char *const options[] = { "slots=1,keytypes=wrapped",
					       "slots=2,reset=7,keytypes=wrapped",
					       "slots=2,suspend=1ms,keytypes=wrapped",
					       "slots=0,keytypes=raw+wrapped" };
	struct user users[THREADS];

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		struct blk_device *dev = open_sim(options[i], "a");

		memset(users, 0, sizeof(users));
		for (unsigned t = 0; t < THREADS; t++) {
			users[t].dev = dev;
			users[t].index = t;
			assert_int_equal(
				pthread_create(&users[t].thread, NULL, user_thread, &users[t]), 0);
		}
		/* The engine loses its keys, and other controllers of the chip come and go. */
		for (unsigned n = 0; n < ROUNDS; n++) {
			assert_int_equal(blk_device_control(dev, BLK_CONTROL_RESET, 0), 0);
			blk_device_close(open_sim("keytypes=wrapped", n % 2 ? "a" : "b"));
		}
		for (unsigned t = 0; t < THREADS; t++) {
			pthread_join(users[t].thread, NULL);
			assert_int_equal(users[t].errors, 0);
		}
		blk_crypto_profile_for_each_slot(dev->crypto_profile, no_key, NULL);
		blk_device_close(dev);
	}
}

/* A profile that declares wrapped keys and cannot do the operations. */
static void test_missing_operations_B36(void **state)
{
	struct blk_crypto_profile profile;
	struct blk_device dev = { .crypto_profile = &profile };
	uint8_t blob[BLOB_MAX] = { 0 };

	assert_int_equal(blk_crypto_profile_init(&profile, 0), 0);
	profile.key_types_supported = BLK_CRYPTO_KEY_TYPE_HW_WRAPPED;
	assert_int_equal(blk_crypto_import_key(&dev, master, 32, blob), -EOPNOTSUPP);
	assert_int_equal(blk_crypto_generate_key(&dev, blob), -EOPNOTSUPP);
	assert_int_equal(blk_crypto_prepare_key(&dev, blob, 68, blob), -EOPNOTSUPP);
	assert_int_equal(blk_crypto_derive_sw_secret(&dev, blob, 68, blob), -EOPNOTSUPP);
	blk_crypto_profile_destroy(&profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gcm),
		cmocka_unit_test(test_kdf_length),
		cmocka_unit_test(test_known_answers_B36),
		cmocka_unit_test(test_persistence_B36),
		cmocka_unit_test(test_tampering_B36),
		cmocka_unit_test(test_options_B36),
		cmocka_unit_test(test_io_B36),
		cmocka_unit_test(test_unsupported_B36),
		cmocka_unit_test(test_stale_key_B36),
		cmocka_unit_test(test_one_chip_B36),
		cmocka_unit_test(test_key_loss_B36),
		cmocka_unit_test(test_threads_B36),
		cmocka_unit_test(test_missing_operations_B36),
	};

	if (secret_init() != 0)
		return 99;
	return cmocka_run_group_tests_name("blk-wrapped", tests, setup, teardown);
}
