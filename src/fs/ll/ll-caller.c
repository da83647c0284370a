/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ll-caller.c - who calls, and what is in his memory */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fs/ll/ll.h"
#include "util/io.h"
#include "util/log.h"
#include "util/thread.h"

#define CAP_BIT_FOWNER	  3
#define CAP_BIT_SYS_ADMIN 21

/* How many threads may look into memory at once, in all and for one user. */
#define JOBS_MAX     32
#define JOBS_PER_UID 4

static bool same_user_ns(pid_t pid)
{
	char path[64], theirs[64], initial[64];
	ssize_t a, b;

	snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	a = readlink(path, theirs, sizeof(theirs));
	b = readlink("/proc/self/ns/user", initial, sizeof(initial));
	return a > 0 && a == b && memcmp(theirs, initial, (size_t)a) == 0;
}

/* Effective capabilities; none for a caller that cannot be seen or is in another user name space.
 */
static uint64_t caller_caps(pid_t pid)
{
	char path[64], buf[4096];
	const char *line;
	ssize_t n;
	int fd;

	if (pid <= 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = io_read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	buf[n] = '\0';
	line = strstr(buf, "\nCapEff:");
	return line && same_user_ns(pid) ? strtoull(line + 8, NULL, 16) : 0;
}

void ll_caller(fuse_req_t req, struct fs_caller *ret_who)
{
	struct fs_super *sb = ll_session_of(req)->sb;
	uint64_t caps;

	ret_who->cred = ll_cred(req);
	caps = caller_caps(ret_who->cred.pid);
	/*
	 * The owner of a mount is its administrator (DESIGN section 3). Not uid 0: what is root's
	 * is of those who have its capabilities, and root of a container may have none.
	 */
	ret_who->cap_sys_admin = (caps >> CAP_BIT_SYS_ADMIN & 1) ||
				 (sb->owner != 0 && ret_who->cred.uid == sb->owner);
	ret_who->cap_fowner = caps >> CAP_BIT_FOWNER & 1;
}

static int vm_error(ssize_t n, size_t len)
{
	if (n == (ssize_t)len)
		return 0;
	if (n >= 0 || errno == EFAULT)
		return -EFAULT;
	if (errno == EPERM) {
		log_warn("cannot reach a caller's memory (another user's process, or ptrace is "
			 "restricted): use the fuscrypt command instead");
		return -EOPNOTSUPP;
	}
	return -errno;
}

int ll_caller_read(pid_t pid, void *to, const void *from, size_t len)
{
	struct iovec local = { to, len }, remote = { (void *)(uintptr_t)from, len };

	if (pid <= 0)
		return -EOPNOTSUPP; /* in another pid name space */
	return vm_error(process_vm_readv(pid, &local, 1, &remote, 1, 0), len);
}

int ll_caller_write(pid_t pid, void *to, const void *from, size_t len)
{
	struct iovec local = { (void *)(uintptr_t)from, len }, remote = { to, len };

	if (pid <= 0)
		return -EOPNOTSUPP;
	return vm_error(process_vm_writev(pid, &local, 1, &remote, 1, 0), len);
}

/*
 * The memory may be a mapping of a filesystem that does not answer, even of this one: then the
 * access blocks and cannot be killed. So it never happens on a worker that others wait for; it has
 * a thread of its own, and one user can only block a few:
 * more of his wait for these.
 */
struct job {
	STAILQ_ENTRY(job) link;
	struct ll_session *s;
	uid_t uid;
	void (*fn)(void *arg);
	void *arg;
};

static pthread_mutex_t jobs_lock = PTHREAD_MUTEX_INITIALIZER;
static uid_t job_uids[JOBS_MAX]; /* Protected by jobs_lock, as all below */
static unsigned num_jobs;
static STAILQ_HEAD(, job) jobs_waiting = STAILQ_HEAD_INITIALIZER(jobs_waiting);

static bool job_enter(uid_t uid)
{
	unsigned mine = 0;

	for (unsigned i = 0; i < num_jobs; i++)
		mine += job_uids[i] == uid;
	if (num_jobs == JOBS_MAX || mine >= JOBS_PER_UID)
		return false;
	job_uids[num_jobs++] = uid;
	return true;
}

static void job_leave(uid_t uid)
{
	for (unsigned i = 0; i < num_jobs; i++)
		if (job_uids[i] == uid) {
			job_uids[i] = job_uids[--num_jobs];
			break;
		}
}

/* After a job of @uid: the first that waits and may go on now, or NULL. */
static struct job *next_job(uid_t uid)
{
	struct job *job;

	pthread_mutex_lock(&jobs_lock);
	job_leave(uid);
	STAILQ_FOREACH (job, &jobs_waiting, link)
		if (job_enter(job->uid))
			break;
	if (job)
		STAILQ_REMOVE(&jobs_waiting, job, job, link);
	pthread_mutex_unlock(&jobs_lock);
	return job;
}

static void *job_main(void *arg)
{
	struct job *job = arg;

	while (job) {
		struct ll_session *s = job->s;
		uid_t uid = job->uid;

		job->fn(job->arg);
		free(job);
		job = next_job(uid);
		atomic_fetch_sub(&s->jobs, 1);
	}
	return NULL;
}

int ll_job_start(struct ll_session *s, uid_t uid, void (*fn)(void *arg), void *arg)
{
	struct job *job = malloc(sizeof(*job));
	pthread_t thread;
	bool now;
	int err;

	if (!job)
		return -ENOMEM;
	*job = (struct job){ .s = s, .uid = uid, .fn = fn, .arg = arg };
	atomic_fetch_add(&s->jobs, 1);
	pthread_mutex_lock(&jobs_lock);
	now = job_enter(uid);
	if (!now)
		STAILQ_INSERT_TAIL(&jobs_waiting, job, link);
	pthread_mutex_unlock(&jobs_lock);
	if (!now)
		/* cppcheck-suppress memleak ; the queue has it */
		return 0;
	err = thread_create(&thread, job_main, job);
	if (err == 0) {
		pthread_detach(thread);
	} else {
		pthread_mutex_lock(&jobs_lock);
		job_leave(uid);
		pthread_mutex_unlock(&jobs_lock);
		atomic_fetch_sub(&s->jobs, 1);
		free(job);
	}
	return err;
}

void ll_jobs_wait(struct ll_session *s)
{
	/* One that is stuck for good must not keep the daemon: two seconds, then it is left behind.
	 */
	for (int i = 0; i < 200 && atomic_load(&s->jobs) > 0; i++)
		usleep(10000);
}
