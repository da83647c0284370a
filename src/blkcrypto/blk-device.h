/* SPDX-License-Identifier: GPL-3.0-or-later */
/* blk-device.h - a device: an operations table that stores bytes, made from one string */
#ifndef BLKCRYPTO_BLK_DEVICE_H
#define BLKCRYPTO_BLK_DEVICE_H

#include <pthread.h>

#include "blkcrypto/bio.h"
#include "util/compiler.h"
#include "util/histogram.h"
#include "util/stats.h"

struct blk_crypto_profile;
struct blk_device;
struct blk_meta;

/* Options of one device in a string, "slots=4,modes=aes-256-xts:512+4096": a list in order. */
struct blk_device_opt {
	char *name;
	char *value; /* "" for a bare word */
	struct blk_device_opt *next;
};

/* What can be done to a device while it works, by whoever wants to see it go wrong. */
enum blk_device_control {
	BLK_CONTROL_RESET,	  /* the engine loses its keys and comes back */
	BLK_CONTROL_FAIL_PROGRAM, /* of 1000 programmings of a keyslot, @value fail; 0: none */
	BLK_CONTROL_SUSPEND,	  /* to sleep now; -EBUSY when it is in use */
	BLK_CONTROL_FAIL_IO,	  /* of 1000 bios that could fail, @value do; 0: none */
};

/* A device type is a row of devices/table.c, defined at the end of devices/NAME.c. */
struct blk_device_type {
	const char *name;
	const char *help;      /* one line */
	unsigned min_children; /* how many children the string must give; a missing child of a */
	unsigned max_children; /* one-child type is `file` */
	unsigned flags;
#define BLK_DEVICE_PASSES_CRYPTO 0x1 /* does not transform data: bios keep their contexts */
#define BLK_DEVICE_TARGET	 0x4 /* may be a target of dm, for a range of its sectors */
#define BLK_DEVICE_TABLE	 0x8 /* its children have ranges */
#define BLK_DEVICE_LOSES_DATA	 0x2 /* says that it wrote and did not: a mount warns */

	/*
	 * Required. Read @opts, set up dev->private and, for an engine, dev->crypto_profile.
	 * Children are open already. On error return -errno and a sentence in *ret_why (malloc'ed).
	 */
	int (*open)(struct blk_device *dev, const struct blk_device_opt *opts, char **ret_why);
	/* Required. No bio is in flight. */
	void (*close)(struct blk_device *dev);
	/*
	 * One of these two. submit_bio: for what hands bios on. Only called by
	 * blk_crypto_submit_bio(). Must complete @bio exactly once from any thread. A bio with a
	 * context has a configuration that dev->crypto_profile declares. It may hand @bio itself
	 * to a child, by setting bi_bdev and blk_crypto_submit_bio().
	 */
	void (*submit_bio)(struct blk_device *dev, struct bio *bio);
	/*
	 * For what serves them: @rq is one bio or several that were merged. Must come to
	 * blk_request_end() exactly once from any thread. With rq->crypt_ctx.bc_key, the profile
	 * declares its configuration, and rq->keyslot holds it if the profile has slots.
	 */
	void (*queue_rq)(struct blk_device *dev, struct blk_request *rq);
	/*
	 * Optional. 0 or -errno; -EOPNOTSUPP for what the type does not know. Context: bios may be
	 * in flight, and other threads may call it.
	 */
	int (*control)(struct blk_device *dev, enum blk_device_control what, unsigned value);
	/*
	 * Optional, both or none: around each change of the backing files that is no bio, and after
	 * it what it was and whether it worked (blk-meta.h). Between the two no other change and no
	 * bio of the device may run, so that what it records has one order.
	 */
	void (*meta_begin)(struct blk_device *dev);
	void (*meta_end)(struct blk_device *dev, const struct blk_meta *meta, int err);
};

/* Whose sectors the bios of a device address. */
enum blk_space {
	BLK_SPACE_NONE, /* nobody's: nothing is stored */
	BLK_SPACE_FILE, /* those of bi_file: under a mount. Layers route and do not relocate */
	BLK_SPACE_OWN,	/* the device's own: layers have their true geometry */
};

/*
 * What was handed to the device and what became of it; read by anybody at any time. What is in its
 * hands: reads + writes + flushes less what the histograms count.
 */
struct blk_device_stats {
	stat_counter reads, writes, flushes, read_bytes, write_bytes, errors; /* bios */
	stat_counter requests, merges;		/* of a device with queue_rq */
	struct histogram latency[REQ_OP_COUNT]; /* of enum bio_op; from submission to completion */
};

/* The sectors of its parent that a target of dm serves. 0 sectors: it is no target. */
struct blk_device_range {
	uint64_t start, sectors;
};

struct blk_device {
	const struct blk_device_type *type;
	struct blk_device **children;
	unsigned num_children;
	struct blk_device_range range;
	/* NULL where children stay as they are; else held shared by who goes to one of them. */
	pthread_rwlock_t *children_lock;
	struct blk_crypto_profile *crypto_profile; /* NULL: no inline encryption */
	bool fallback_disabled;			   /* --no-fallback, on every device of the stack */
	/* A bottom's open() sets it; others have it from their children. */
	enum blk_space space;
	bool integrity;	   /* keeps integrity data, or what is below does: no inline encryption */
	bool records_meta; /* it or a device below wants to know of changes that are no bios */
	bool wants_base;   /* and first, by BLK_META_BASE, of all that a store has: `log` */
	struct blk_crypto_profile *stacked_profile; /* private: blk-stack.c */
	void *private;
	struct blk_device_stats stats;
};

/*
 * Make the stack that @spec describes: `file`, `sim(slots=4,modes=aes-256-xts:512+4096,dun=8)`,
 * `flakey(up=5,down=1;sim(slots=4))`: name, then in parentheses options separated by commas, then
 * children after semicolons. Returns 0 or -errno with a sentence in *ret_why (free it).
 */
int blk_device_open(const char *spec, bool no_fallback, struct blk_device **ret_dev,
		    char **ret_why);
void blk_device_close(struct blk_device *dev); /* NULL is fine */

/*
 * Do it to every device of the stack that knows how. 0, the first error, or -EOPNOTSUPP when there
 * is none that does.
 */
int blk_device_control(struct blk_device *dev, enum blk_device_control what, unsigned value);

/*
 * Exchange what is below @dev, a `dm`, for what @spec describes, another `dm(...)`. Waits for bios
 * that are under way below; those that come meanwhile wait for it. Refused with -EINVAL and a
 * sentence, nothing changed: a table that is not one, or stores elsewhere; and one whose
 * capabilities are not at least those of the old one, for keys in use rely on them.
 * -EOPNOTSUPP: a device that cannot be reloaded. Context: no other reload of the same device.
 */
int blk_device_reload(struct blk_device *dev, const char *spec, char **ret_why);

/* For open functions: value of an option or NULL; an unknown name is refused by the core if @known
 * (NULL-terminated) does not list it. */
const char *blk_device_opt_get(const struct blk_device_opt *opts, const char *name);
int blk_device_opts_check(const struct blk_device_opt *opts, const char *const *known,
			  char **ret_why);

/* For open functions and the parser: put a sentence into *ret_why, if wanted; returns @err. */
int blk_device_fail(char **ret_why, int err, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Rows of devices/table.c. */
const struct blk_device_type *blk_device_type_find(const char *name);
const struct blk_device_type *blk_device_type_by_index(unsigned i);

#endif
