/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test-util.c - texts for bytes, bits, log lines */
#include "util/base64url.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <cmocka.h>

#include "util/bits.h"
#include "util/compiler.h"
#include "util/hex.h"
#include "util/io.h"
#include "util/log.h"
#include "util/mountinfo.h"
#include "util/secret.h"

#define BASE64URL_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

/* ---- hex ---- */

static void hex_both_ways(void **state)
{
	static const uint8_t bytes[] = { 0x00, 0x0f, 0xf0, 0x9a, 0xff };
	uint8_t out[256], all[256];
	char text[2 * 256 + 1];

	memset(text, 'x', sizeof(text));
	hex_encode(bytes, sizeof(bytes), text);
	assert_string_equal(text, "000ff09aff");
	for (unsigned i = 0; i < 256; i++)
		all[i] = (uint8_t)i;
	hex_encode(all, sizeof(all), text);
	assert_int_equal(hex_decode(text, out, sizeof(out)), 0);
	assert_memory_equal(out, all, sizeof(all));
	assert_int_equal(hex_decode("aBcDEf", out, 3), 0);
	assert_memory_equal(out, "\xab\xcd\xef", 3);
	hex_encode(bytes, 0, text);
	assert_string_equal(text, "");
	assert_int_equal(hex_decode("", out, 0), 0);
}

static void hex_refuses(void **state)
{
	static const char *const bad[] = { "",	     "aabb",	"aabbc",   "aabbccd", "aabbccdd",
					   "aabbcg", " aabbcc", "aabbcc ", "0xaabb",  "aabbc\xe1" };
	uint8_t out[3] = { 1, 2, 3 };
	char text[3] = "";

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(hex_decode(bad[i], out, sizeof(out)), -EINVAL);
		assert_memory_equal(out, "\1\2\3", 3);
	}
	/* Of all characters the 22 digits pass, and no other. */
	for (unsigned c = 1; c < 256; c++) {
		bool digit = strchr("0123456789abcdefABCDEF", (int)c) != NULL;

		text[0] = (char)c;
		text[1] = '0';
		assert_int_equal(hex_decode(text, out, 1), digit ? 0 : -EINVAL);
	}
}

/* ---- base64url ---- */

static void base64url_known(void **state)
{
	/* RFC 4648 section 10 without the padding; the last two are the letters of section 5. */
	static const char *const rows[][2] = {
		{ "", "" },
		{ "f", "Zg" },
		{ "fo", "Zm8" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg" },
		{ "fooba", "Zm9vYmE" },
		{ "foobar", "Zm9vYmFy" },
		{ "\xfb\xef\xbe", "----" },
		{ "\xff\xff\xff", "____" },
	};
	char text[16];
	uint8_t out[16];

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t n = strlen(rows[i][0]), t = strlen(rows[i][1]);

		assert_int_equal(base64url_encode((const uint8_t *)rows[i][0], n, text), t);
		assert_memory_equal(text, rows[i][1], t);
		assert_int_equal(base64url_decode(rows[i][1], t, out, sizeof(out)), n);
		assert_memory_equal(out, rows[i][0], n);
	}
}

static void base64url_all_lengths(void **state)
{
	uint8_t in[600], out[601];
	char text[BASE64URL_LEN(600) + 1];

	for (size_t n = 0; n <= sizeof(in); n++) {
		size_t len = BASE64URL_LEN(n);

		secret_random(in, n);
		text[len] = '!';
		assert_int_equal(base64url_encode(in, n, text), len);
		assert_int_equal(text[len], '!');
		for (size_t i = 0; i < len; i++)
			assert_non_null(memchr(BASE64URL_CHARS, text[i], 64));
		out[n] = 0x5a;
		assert_int_equal(base64url_decode(text, len, out, n), n);
		assert_memory_equal(out, in, n);
		assert_int_equal(out[n], 0x5a);
		if (n)
			assert_int_equal(base64url_decode(text, len, out, n - 1), -ENOSPC);
	}
}

/* Whatever is accepted is the one encoding of what comes out: tried on every short text. */
static void base64url_one_encoding(void **state)
{
	uint8_t out[4];
	char text[4], again[4];
	unsigned accepted[4] = { 0 };
	ssize_t n;

	for (unsigned v = 0; v < 1u << 16; v++) {
		text[0] = (char)v;
		text[1] = (char)(v >> 8);
		n = base64url_decode(text, 2, out, sizeof(out));
		if (n >= 0) {
			accepted[2]++;
			assert_int_equal(n, 1);
			assert_int_equal(base64url_encode(out, 1, again), 2);
			assert_memory_equal(again, text, 2);
		} else {
			assert_int_equal(n, -EINVAL);
		}
	}
	assert_int_equal(accepted[2], 256);
	for (unsigned v = 0; v < 1u << 18; v++) {
		for (unsigned i = 0; i < 3; i++)
			text[i] = BASE64URL_CHARS[v >> (6 * i) & 63];
		n = base64url_decode(text, 3, out, sizeof(out));
		if (n >= 0) {
			accepted[3]++;
			assert_int_equal(n, 2);
			assert_int_equal(base64url_encode(out, 2, again), 3);
			assert_memory_equal(again, text, 3);
		}
	}
	assert_int_equal(accepted[3], 65536);
}

static void base64url_refuses(void **state)
{
	uint8_t out[16];
	char text[8];

	for (size_t len = 1; len <= 13; len += 4)
		assert_int_equal(base64url_decode("AAAAAAAAAAAAA", len, out, sizeof(out)), -EINVAL);
	/* Every foreign byte at every place of a group and of both kinds of rest. */
	for (unsigned c = 0; c < 256; c++) {
		if (memchr(BASE64URL_CHARS, (int)c, 64))
			continue;
		for (unsigned len = 2; len <= 7; len++) {
			for (unsigned i = 0; i < len && len != 5; i++) {
				memset(text, 'A', sizeof(text));
				text[i] = (char)c;
				assert_int_equal(base64url_decode(text, len, out, sizeof(out)),
						 -EINVAL);
			}
		}
	}
}

/* ---- bits ---- */

static void bits_numbers(void **state)
{
	uint8_t b[9];

	assert_false(is_power_of_2(0));
	assert_true(is_power_of_2(1));
	assert_true(is_power_of_2(1ull << 63));
	assert_false(is_power_of_2(3));
	assert_int_equal(fls64(0), 0);
	assert_int_equal(fls64(1), 1);
	assert_int_equal(fls64(UINT64_MAX), 64);
	assert_int_equal(ilog2(4096), 12);
	assert_int_equal(round_up(4097, 4096), 8192);
	assert_int_equal(round_up(4096, 4096), 4096);
	assert_int_equal(round_down(8191, 4096), 4096);
	/* Odd addresses on purpose. */
	put_le16(b + 1, 0x1234);
	assert_memory_equal(b + 1, "\x34\x12", 2);
	assert_int_equal(get_le16(b + 1), 0x1234);
	put_le32(b + 1, 0x12345678);
	assert_memory_equal(b + 1, "\x78\x56\x34\x12", 4);
	assert_int_equal(get_le32(b + 1), 0x12345678);
	put_le64(b + 1, 0x123456789abcdef0);
	assert_memory_equal(b + 1, "\xf0\xde\xbc\x9a\x78\x56\x34\x12", 8);
	assert_true(get_le64(b + 1) == 0x123456789abcdef0);
}

static void bits_zero(void **state)
{
	static uint8_t buf[4096 + 16];

	assert_true(mem_is_zero(buf, sizeof(buf)));
	for (size_t len = 0; len <= 80; len++) {
		for (size_t off = 0; off < 9; off++) {
			/* What surrounds the range must not count. */
			memset(buf, 0xff, sizeof(buf));
			memset(buf + off, 0, len);
			assert_true(mem_is_zero(buf + off, len));
			for (size_t i = 0; i < len; i++) {
				buf[off + i] = 1;
				assert_false(mem_is_zero(buf + off, len));
				buf[off + i] = 0;
			}
		}
	}
	memset(buf, 0, sizeof(buf));
	for (size_t i = 0; i < 4096; i++) {
		buf[3 + i] = 0x80;
		assert_false(mem_is_zero(buf + 3, 4096));
		buf[3 + i] = 0;
	}
}

/* ---- log ---- */

static int real_stderr, log_fd;

static void capture_start(void)
{
	fflush(stderr);
	real_stderr = dup(STDERR_FILENO);
	log_fd = memfd_create("log", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_true(real_stderr >= 0 && log_fd >= 0);
	/* Several threads write: each at the end as it is then, as to a terminal. */
	assert_int_equal(fcntl(log_fd, F_SETFL, O_APPEND), 0);
	assert_true(dup2(log_fd, STDERR_FILENO) >= 0);
}

static size_t capture_end(char *out, size_t cap)
{
	ssize_t n;

	assert_true(dup2(real_stderr, STDERR_FILENO) >= 0);
	close(real_stderr);
	n = io_pread(log_fd, out, cap - 1, 0);
	assert_true(n >= 0);
	out[n] = '\0';
	close(log_fd);
	return (size_t)n;
}

static void log_lines(void **state)
{
	char text[4096], big[3000];

	capture_start();
	log_init("prog", LOG_LVL_INFO, false);
	log_err("number %d", 5);
	log_warn("careful");
	log_info("hello");
	log_debug("hidden");
	log_info("a\nb\033[1m\tc\x7f \xc3\xa4");
	/* CSI of eight bits, as a character and as a byte; other characters have such bytes too. */
	log_info("\xc2\x9b[ \x9b[ \xe2\x82\x9b \xf0\x9f\x98\x80 \xc2\xa0");
	errno = ENOENT;
	log_info("%m");
	assert_int_equal(errno, ENOENT);
	capture_end(text, sizeof(text));
	assert_string_equal(text, "prog: error: number 5\nprog: warning: careful\nprog: hello\n"
				  "prog: a?b?[1m?c? \xc3\xa4\n"
				  "prog: ??[ ?[ \xe2\x82\x9b \xf0\x9f\x98\x80 \xc2\xa0\n"
				  "prog: No such file or directory\n");
	assert_true(log_enabled(LOG_LVL_ERR) && log_enabled(LOG_LVL_INFO));
	assert_false(log_enabled(LOG_LVL_DEBUG));

	/* Too long: cut, and said so, and still one line. */
	memset(big, 'z', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	capture_start();
	log_init("prog", LOG_LVL_DEBUG, false);
	log_debug("%s", big);
	assert_int_equal(capture_end(text, sizeof(text)), 1023);
	assert_memory_equal(text, "prog: debug: zzz", 16);
	assert_string_equal(text + 1023 - 8, "zzzz...\n");
}

static void *log_much(void *arg)
{
	for (unsigned i = 0; i < 200; i++)
		log_info("%s %s %s %s", (char *)arg, (char *)arg, (char *)arg, (char *)arg);
	return NULL;
}

static void log_threads(void **state)
{
	static char names[4][8] = { "aaaaaaa", "bbbbbbb", "ccccccc", "ddddddd" };
	static char text[1 << 16];
	pthread_t threads[4];
	unsigned lines = 0;
	char *line, *save, want[64];

	capture_start();
	log_init("p", LOG_LVL_INFO, false);
	for (unsigned i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, log_much, names[i]);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	capture_end(text, sizeof(text));
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *name = names[(line[3] - 'a') & 3];

		snprintf(want, sizeof(want), "p: %s %s %s %s", name, name, name, name);
		assert_string_equal(line, want);
		lines++;
	}
	assert_int_equal(lines, 800);
}

/* ---- mountinfo ---- */

static void mountinfo_lines(void **state)
{
	char good[] = "36 35 98:3 / /mnt/a\\040b ro,nosuid shared:1 master:2 - fuse.x "
		      "/src\\134n rw,allow_other\n";
	char no_tags[] = "1 1 0:1 / / rw - ext4 /dev/x rw";
	char *const bad[] = {
		(char[]){ "36 35 98:3 / /mnt rw" },
		(char[]){ "36 35 98:3 / - fuse.x src rw" },
		(char[]){ "36 35 983 / /mnt rw - fuse.x src rw" },
		(char[]){ "x 35 98:3 / /mnt rw - fuse.x src rw" },
		(char[]){ "36 35 98:3 / /mnt rw - fuse.x src" },
		(char[]){ "" },
	};
	struct mountinfo info;

	assert_true(mountinfo_parse(good, &info));
	assert_int_equal(info.id, 36);
	assert_int_equal(info.dev, makedev(98, 3));
	assert_string_equal(info.mountpoint, "/mnt/a b");
	assert_string_equal(info.options, "ro,nosuid");
	assert_string_equal(info.fstype, "fuse.x");
	assert_string_equal(info.source, "/src\\n");
	assert_string_equal(info.super_options, "rw,allow_other");
	assert_true(mountinfo_has(info.options, "ro"));
	assert_true(mountinfo_has(info.options, "nosuid"));
	assert_false(mountinfo_has(info.options, "r"));
	assert_false(mountinfo_has(info.options, "suid"));
	assert_false(mountinfo_has(info.super_options, "ro"));
	assert_true(mountinfo_parse(no_tags, &info));
	assert_string_equal(info.super_options, "rw");
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(mountinfo_parse(bad[i], &info));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hex_both_ways),
		cmocka_unit_test(hex_refuses),
		cmocka_unit_test(base64url_known),
		cmocka_unit_test(base64url_all_lengths),
		cmocka_unit_test(base64url_one_encoding),
		cmocka_unit_test(base64url_refuses),
		cmocka_unit_test(bits_numbers),
		cmocka_unit_test(bits_zero),
		cmocka_unit_test(log_lines),
		cmocka_unit_test(log_threads),
		cmocka_unit_test(mountinfo_lines),
	};

	if (secret_init())
		return 99;
	return cmocka_run_group_tests_name("util", tests, NULL, NULL);
}
