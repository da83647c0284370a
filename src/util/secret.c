/* SPDX-License-Identifier: GPL-3.0-or-later */
/* secret.c - memory for keys: guarded pages for the few, slabs for the many */
#include "util/secret.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "util/bits.h"
#include "util/log.h"

#define CHUNK_SIZE 65536

/* What a free object of the slab holds; the rest of it is zero. */
struct free_object {
	struct free_object *next;
};

struct slab_class {
	size_t size;		  /* of an object */
	struct free_object *free; /* Protected by slab.mutex */
};

static struct {
	pthread_mutex_t mutex;
	struct slab_class small, large;
	bool lock_failed; /* Protected by mutex */
} slab = {
	.mutex = PTHREAD_MUTEX_INITIALIZER,
	.small = { .size = SECRET_SLAB_MAX },
	.large = { .size = SECRET_SLAB_LARGE },
};

_Static_assert(SECRET_SLAB_LARGE % SECRET_SLAB_MAX == 0, "all objects are aligned alike");

static void slab_before_fork(void)
{
	pthread_mutex_lock(&slab.mutex);
}

static void slab_after_fork_in_parent(void)
{
	pthread_mutex_unlock(&slab.mutex);
}

/* The chunks stay with the parent; a free list that points into them would be a trap. */
static void slab_after_fork_in_child(void)
{
	slab.small.free = slab.large.free = NULL;
	pthread_mutex_unlock(&slab.mutex);
}

int secret_init(void)
{
	static const struct rlimit no_core = { 0, 0 };
	static bool done;
	int err;

	if (sodium_init() < 0)
		return -EIO;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	if (setrlimit(RLIMIT_CORE, &no_core) < 0)
		return -errno;
	if (done)
		return 0;
	err = pthread_atfork(slab_before_fork, slab_after_fork_in_parent, slab_after_fork_in_child);
	if (err)
		return -err;
	done = true;
	return 0;
}

void *secret_alloc(size_t len)
{
	void *p;

	/* libsodium puts the object at the end of its pages: only even sizes are aligned. */
	if (len > SIZE_MAX - 16)
		return NULL;
	len = round_up(len ? len : 1, 16);
	p = sodium_malloc(len);
	if (p)
		memset(p, 0, len);
	return p;
}

void secret_free(void *p)
{
	sodium_free(p);
}

/*
 * Get a chunk and cut it up. Chunks are never given back: a free object can be anywhere in them,
 * so a count per chunk would have to be kept for the sake of memory that the next directory walk
 * wants again. What stays is the peak of live keys, wiped.
 */
static int slab_grow_locked(struct slab_class *class)
{
	struct free_object *obj;
	uint8_t *chunk;
	size_t off;

	chunk = mmap(NULL, CHUNK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (chunk == MAP_FAILED)
		return -ENOMEM;
	/*
	 * DONTFORK and not WIPEONFORK: a child that uses a key by mistake must crash, not encrypt
	 * with zeros.
	 */
	if (madvise(chunk, CHUNK_SIZE, MADV_DONTDUMP) < 0 ||
	    madvise(chunk, CHUNK_SIZE, MADV_DONTFORK) < 0) {
		munmap(chunk, CHUNK_SIZE);
		return -ENOMEM;
	}
	if (!slab.lock_failed && mlock(chunk, CHUNK_SIZE) < 0) {
		slab.lock_failed = true;
		log_info("cannot lock all key memory (RLIMIT_MEMLOCK): keys may reach swap");
	}
	for (off = CHUNK_SIZE - CHUNK_SIZE % class->size; off; off -= class->size) {
		obj = (struct free_object *)(chunk + off - class->size);
		obj->next = class->free;
		class->free = obj;
	}
	return 0;
}

static void *class_alloc(struct slab_class *class)
{
	struct free_object *obj = NULL;

	pthread_mutex_lock(&slab.mutex);
	if (class->free || slab_grow_locked(class) == 0) {
		obj = class->free;
		class->free = obj->next;
	}
	pthread_mutex_unlock(&slab.mutex);
	if (obj)
		obj->next = NULL;
	return obj;
}

static void class_free(struct slab_class *class, void *p)
{
	struct free_object *obj = p;

	if (!obj)
		return;
	/* Before the mutex: work that nobody needs to wait for. */
	secret_wipe(obj, class->size);
	pthread_mutex_lock(&slab.mutex);
	obj->next = class->free;
	class->free = obj;
	pthread_mutex_unlock(&slab.mutex);
}

void *secret_slab_alloc(void)
{
	return class_alloc(&slab.small);
}

void secret_slab_free(void *p)
{
	class_free(&slab.small, p);
}

void *secret_slab_alloc_large(void)
{
	return class_alloc(&slab.large);
}

void secret_slab_free_large(void *p)
{
	class_free(&slab.large, p);
}

void secret_wipe(void *p, size_t len)
{
	sodium_memzero(p, len);
}

bool secret_equal(const void *a, const void *b, size_t len)
{
	return sodium_memcmp(a, b, len) == 0;
}

void secret_random(void *p, size_t len)
{
	randombytes_buf(p, len);
}
