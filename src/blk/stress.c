/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stress.c - fuscrypt-blk stress: threads started, watched, their figures printed */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "blk/stress.h"
#include "cli/msg.h"
#include "util/secret.h"

enum {
	OPT_THREADS = OPT_OWN,
	OPT_KEYS,
	OPT_SECONDS,
	OPT_OPS,
	OPT_SIZE,
	OPT_READ_PERCENT,
	OPT_SEED,
	OPT_FAULTS,
	OPT_STALL,
};

#define LOOK_USECS     20000
#define STREAM_THREADS 100000
#define MAX_THREADS    256
#define MAX_KEYS       65536

static const struct option stress_options[] = {
	TARGET_OPTIONS,
	{ "threads", required_argument, NULL, OPT_THREADS },
	{ "keys", required_argument, NULL, OPT_KEYS },
	{ "seconds", required_argument, NULL, OPT_SECONDS },
	{ "ops", required_argument, NULL, OPT_OPS },
	{ "size", required_argument, NULL, OPT_SIZE },
	{ "read-percent", required_argument, NULL, OPT_READ_PERCENT },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "faults", required_argument, NULL, OPT_FAULTS },
	{ "stall", required_argument, NULL, OPT_STALL },
	{ NULL },
};

static const struct {
	int opt;
	size_t field;
	uint64_t min, max;
} numbers[] = {
	{ OPT_THREADS, offsetof(struct stress_opts, threads), 1, MAX_THREADS },
	{ OPT_KEYS, offsetof(struct stress_opts, keys), 1, MAX_KEYS },
	{ OPT_SECONDS, offsetof(struct stress_opts, seconds), 1, 1000000 },
	{ OPT_OPS, offsetof(struct stress_opts, ops), 1, UINT64_MAX },
	{ OPT_SIZE, offsetof(struct stress_opts, size), 1, INT64_MAX },
	{ OPT_READ_PERCENT, offsetof(struct stress_opts, read_percent), 0, 100 },
	{ OPT_SEED, offsetof(struct stress_opts, seed), 0, INT64_MAX },
	{ OPT_STALL, offsetof(struct stress_opts, stall), 1, 1000000 },
};

static int take(struct stress_opts *opts, struct target_opts *target_opts, const struct verb *verb,
		int c, const char *value)
{
	uint64_t n;

	if (c == OPT_FAULTS)
		return stress_faults_parse(verb, value, opts);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		if (numbers[i].opt != c)
			continue;
		if (blk_parse_number(value, &n) < 0 || n < numbers[i].min || n > numbers[i].max)
			return verb_usage(verb, "%s: no number from %" PRIu64 " to %" PRIu64, value,
					  numbers[i].min, numbers[i].max);
		memcpy((char *)opts + numbers[i].field, &n, sizeof(n));
		return 0;
	}
	return target_opts_take(target_opts, verb, c, value);
}

static int parse(struct stress_opts *opts, struct target_opts *target_opts, const struct verb *verb,
		 int argc, char **argv)
{
	bool first = true;
	int c, r;

	memset(opts, 0, sizeof(*opts));
	opts->threads = 4;
	opts->keys = 16;
	opts->seconds = 10;
	opts->size = UINT64_C(64) << 20;
	opts->read_percent = 50;
	opts->stall = 60;
	secret_random(&opts->seed, sizeof(uint32_t));
	target_opts_init(target_opts);
	target_opts->block_size = UINT64_C(128) << 10;
	while ((c = verb_getopt(verb, argc, argv, ":", stress_options, first)) != -1) {
		first = false;
		r = take(opts, target_opts, verb, c, optarg);
		if (r)
			return r;
	}
	if (argc - optind > 1)
		return verb_usage(verb, "too many words");
	target_opts->image = argv[optind];
	if (opts->size < target_opts->data_unit_size)
		return verb_usage(verb, "--size is less than a data unit");
	return 0;
}

/* ---- threads ---- */

static _Atomic bool interrupted;

static void on_signal(int sig)
{
	atomic_store(&interrupted, true);
}

struct run {
	struct stress *st;
	_Atomic unsigned working;
};

static struct run run;

static void *work(void *arg)
{
	stress_worker(arg);
	atomic_fetch_sub(&run.working, 1);
	return NULL;
}

/* A thread that stands still cannot be joined: say which and where, and end. */
static void hung(const struct stress *st, const struct worker *w)
{
	const struct extent *e = &st->extents[atomic_load(&w->extent)];

	msg_err("thread %u has stood still for %" PRIu64 " s: %s with key %u, data units %" PRIu64
		" to %" PRIu64 ": seed %" PRIu64,
		w->index, st->opts.stall, atomic_load(&w->writing) ? "writing" : "reading",
		atomic_load(&w->key), e->first_unit, e->first_unit + e->units - 1, st->opts.seed);
	_exit(BLK_EXIT_FAILED);
}

/* Until all threads have ended. */
static void watch(struct stress *st)
{
	uint64_t begun = clock_ns(), *seen, *since;

	seen = calloc(st->opts.threads, sizeof(*seen));
	since = calloc(st->opts.threads, sizeof(*since));
	while (atomic_load(&run.working) > 0) {
		uint64_t now = clock_ns();

		if (atomic_load(&interrupted) ||
		    (!st->opts.ops && now - begun >= st->opts.seconds * 1000000000u))
			atomic_store(&st->stop, true);
		for (unsigned i = 0; seen && since && i < st->opts.threads; i++) {
			uint64_t progress = atomic_load(&st->workers[i].progress);

			if (progress != seen[i] || !since[i]) {
				seen[i] = progress;
				since[i] = now;
			} else if (now - since[i] > st->opts.stall * 1000000000u &&
				   !(st->opts.ops && progress == st->opts.ops)) {
				hung(st, &st->workers[i]);
			}
		}
		usleep(LOOK_USECS);
	}
	free(seen);
	free(since);
}

static int start_workers(struct stress *st)
{
	size_t room = st->target->opts->block_size + 64;

	st->workers = calloc(st->opts.threads, sizeof(*st->workers));
	if (!st->workers)
		return msg_fail(BLK_EXIT_FAILED, "no memory for threads");
	for (unsigned i = 0; i < st->opts.threads; i++) {
		struct worker *w = &st->workers[i];

		w->st = st;
		w->index = i;
		prng_seed(&w->rnd, st->opts.seed, STREAM_THREADS + i);
		w->memory = malloc(room);
		w->expect = malloc(st->target->unit);
		if (!w->memory || !w->expect)
			return msg_fail(BLK_EXIT_FAILED, "no memory for a block");
	}
	for (unsigned i = 0; i < st->opts.threads; i++) {
		atomic_fetch_add(&run.working, 1);
		if (pthread_create(&st->workers[i].thread, NULL, work, &st->workers[i]) != 0) {
			msg_err("thread %u cannot be started", i);
			_exit(BLK_EXIT_FAILED);
		}
	}
	return BLK_EXIT_DONE;
}

static int run_threads(struct stress *st)
{
	pthread_t faults;
	bool have_faults = false;
	int r;

	run.st = st;
	r = start_workers(st);
	if (r)
		return r;
	if (st->opts.faults)
		have_faults = pthread_create(&faults, NULL, stress_faults, st) == 0;
	watch(st);
	atomic_store(&st->stop, true);
	if (have_faults)
		pthread_join(faults, NULL);
	for (unsigned i = 0; i < st->opts.threads; i++)
		pthread_join(st->workers[i].thread, NULL);
	return BLK_EXIT_DONE;
}

/* ---- figures ---- */

static json_t *faults_record(struct stress *st)
{
	json_t *rec = json_object();

	for (unsigned i = 0; i < FAULT_COUNT; i++)
		if (st->opts.faults & 1u << i)
			json_object_set_new(rec, stress_fault_name(i),
					    json_integer((json_int_t)stat_read(&st->faults[i])));
	return rec;
}

static json_t *rates(struct stress *st, bool write, double seconds)
{
	json_t *rec = figures_latency(&st->latency[write]);

	json_object_set_new(rec, "iops",
			    json_real((double)histogram_count(&st->latency[write]) / seconds));
	json_object_set_new(rec, "mib_per_s",
			    json_real((double)stat_read(&st->bytes[write]) / 1048576.0 / seconds));
	return rec;
}

static json_t *figures(struct stress *st, double seconds)
{
	return json_pack(
		"{s:s, s:I, s:i, s:i, s:f, s:o, s:o, s:I, s:I, s:I, s:o, s:o, s:o}", "device",
		st->target->opts->device, "seed", (json_int_t)st->opts.seed, "threads",
		(int)st->opts.threads, "keys", (int)st->opts.keys, "seconds", seconds, "reads",
		rates(st, false, seconds), "writes", rates(st, true, seconds), "checked_units",
		(json_int_t)stat_read(&st->checked_units), "mismatches",
		(json_int_t)stat_read(&st->mismatches), "errors",
		(json_int_t)stat_read(&st->errors), "faults", faults_record(st), "profiles",
		figures_profiles(st->target), "devices", figures_devices(st->target));
}

static json_int_t member(const json_t *rec, const char *name)
{
	return json_integer_value(json_object_get(rec, name));
}

static void print_rates(const char *name, const json_t *rec)
{
	printf("%s: %.0f a second, %.1f MiB/s; half within %.1f us, 99 %% %.1f us, all %.1f us\n",
	       name, json_real_value(json_object_get(rec, "iops")),
	       json_real_value(json_object_get(rec, "mib_per_s")),
	       json_real_value(json_object_get(rec, "p50_us")),
	       json_real_value(json_object_get(rec, "p99_us")),
	       json_real_value(json_object_get(rec, "max_us")));
}

static void print_text(const json_t *rec)
{
	const char *name;
	const json_t *value;
	size_t i;

	printf("Device: %s\n", json_string_value(json_object_get(rec, "device")));
	printf("Seed: %" JSON_INTEGER_FORMAT "\n", member(rec, "seed"));
	printf("Threads: %" JSON_INTEGER_FORMAT ", keys: %" JSON_INTEGER_FORMAT ", seconds: %.1f\n",
	       member(rec, "threads"), member(rec, "keys"),
	       json_real_value(json_object_get(rec, "seconds")));
	print_rates("Reads", json_object_get(rec, "reads"));
	print_rates("Writes", json_object_get(rec, "writes"));
	json_array_foreach (json_object_get(rec, "profiles"), i, value) {
		printf("Keyslots of %s: %" JSON_INTEGER_FORMAT ", hits %" JSON_INTEGER_FORMAT
		       ", programs %" JSON_INTEGER_FORMAT " (%" JSON_INTEGER_FORMAT
		       " failed), evictions %" JSON_INTEGER_FORMAT ", waits %" JSON_INTEGER_FORMAT
		       "\n",
		       json_string_value(json_object_get(value, "name")), member(value, "slots"),
		       member(value, "hits"), member(value, "programs"),
		       member(value, "program_errors"), member(value, "evictions"),
		       member(value, "waits"));
	}
	printf("Faults:");
	json_object_foreach (json_object_get(rec, "faults"), name, value) {
		printf(" %s %" JSON_INTEGER_FORMAT, name, json_integer_value(value));
	}
	printf("%s\n", json_object_size(json_object_get(rec, "faults")) ? "" : " none");
	printf("Failed requests: %" JSON_INTEGER_FORMAT "\n", member(rec, "errors"));
	printf("Data units checked: %" JSON_INTEGER_FORMAT ", wrong: %" JSON_INTEGER_FORMAT "\n",
	       member(rec, "checked_units"), member(rec, "mismatches"));
}

static int report(struct stress *st, json_t *rec)
{
	if (!rec)
		return msg_fail(BLK_EXIT_FAILED, "no memory for the figures");
	if (st->target->opts->json)
		return output_record(true, rec) < 0 ? BLK_EXIT_FAILED : output_finish();
	print_text(rec);
	json_decref(rec);
	return output_finish();
}

/* ---- the verb ---- */

/* A stack that ends in the files of its bios and no image: memory will do. */
static int borrow_memory(struct target *target)
{
	if (target->file.fd >= 0)
		return BLK_EXIT_DONE;
	target->file.fd = memfd_create("fuscrypt-blk stress", MFD_CLOEXEC);
	return target->file.fd >= 0
		       ? BLK_EXIT_DONE
		       : msg_fail(BLK_EXIT_FAILED, "no memory for an image: %s", strerror(errno));
}

static int stress(struct stress *st)
{
	uint64_t begun;
	json_t *rec = NULL;
	int r, checked;

	r = borrow_memory(st->target);
	if (r == BLK_EXIT_DONE)
		r = stress_faults_probe(st);
	if (r == BLK_EXIT_DONE)
		r = stress_model_create(st);
	begun = clock_ns();
	if (r == BLK_EXIT_DONE)
		r = run_threads(st);
	if (r == BLK_EXIT_DONE) {
		rec = figures(st, (double)(clock_ns() - begun) / 1e9);
		checked = stress_check_all(st);
		json_object_set_new(rec, "checked_units",
				    json_integer((json_int_t)stat_read(&st->checked_units)));
		json_object_set_new(rec, "mismatches",
				    json_integer((json_int_t)stat_read(&st->mismatches)));
		r = report(st, rec);
		if (checked)
			r = checked;
	}
	stress_model_destroy(st);
	for (unsigned i = 0; st->workers && i < st->opts.threads; i++) {
		free(st->workers[i].memory);
		free(st->workers[i].expect);
	}
	free(st->workers);
	if (r == BLK_EXIT_DONE && stat_read(&st->mismatches))
		r = BLK_EXIT_MISMATCH;
	else if (r == BLK_EXIT_DONE && stat_read(&st->errors) && !(st->opts.faults & FAULT_FAILS))
		r = BLK_EXIT_FAILED; /* and told */
	return r;
}

int cmd_stress(const struct verb *verb, int argc, char **argv)
{
	struct target_opts target_opts;
	struct stress *st = calloc(1, sizeof(*st));
	struct sigaction act = { .sa_handler = on_signal };
	struct target target;
	int r;

	if (!st)
		return msg_fail(BLK_EXIT_FAILED, "no memory");
	r = parse(&st->opts, &target_opts, verb, argc, argv);
	if (r == 0)
		r = target_open(&target, &target_opts, true);
	if (r) {
		free(st);
		return r;
	}
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	st->target = &target;
	r = stress(st);
	target_close(&target);
	free(st);
	return r;
}
