/* SPDX-License-Identifier: GPL-3.0-or-later */
/* supervise.c - the process that stays beside a server, without keys, and cleans up after it */
#include "cli/supervise.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>

#include "cli/exitcode.h"
#include "cli/mounts.h"
#include "util/log.h"

static bool is_our_mount(const char *mnt)
{
	struct mount_entry entry;
	bool ours;

	if (mounts_find(mnt, &entry) < 0)
		return false;
	ours = !strcmp(entry.fstype, FUSCRYPT_FSTYPE);
	mount_entry_free(&entry);
	return ours;
}

static void end_mount(pid_t server, const char *mnt, unsigned nth)
{
	if (nth == 1 && is_our_mount(mnt)) {
		if (mounts_unmount(mnt, false, true) == 0)
			return;
		if (mounts_unmount(mnt, true, true) == 0) {
			log_warn("%s: is busy: detached; the server ends with its last user", mnt);
			return;
		}
	}
	kill(server, SIGTERM);
}

int supervise(pid_t server, const char *mnt)
{
	unsigned signals = 0;
	int status, sig;
	sigset_t set, old;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, &old);
	/* Asked first each time: it may have ended before the signals were blocked. */
	while ((pid = waitpid(server, &status, WNOHANG)) == 0) {
		sig = sigwaitinfo(&set, NULL);
		if (sig > 0 && sig != SIGCHLD)
			end_mount(server, mnt, ++signals);
	}
	if (pid < 0)
		status = EXIT_FAILED << 8;
	if (WIFSIGNALED(status))
		log_err("%s: the serving process died of signal %d", mnt, WTERMSIG(status));
	if (mounts_is_dead(mnt) && is_our_mount(mnt) && mounts_unmount(mnt, true, true) < 0)
		log_err("%s: the dead mount cannot be removed: fuscrypt umount --stale %s", mnt,
			mnt);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED;
}
