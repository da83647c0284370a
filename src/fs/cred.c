/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cred.c - making objects as the caller: this thread's fsuid, fsgid and umask */
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fs/super.h"

struct thread_cred {
	bool own_fs; /* the umask is this thread's own */
	mode_t umask;
	uid_t uid;
	gid_t gid;
};
/*
 * What a new thread acts as is not known: it comes from the thread that started it, which may have
 * been at work for a user.
 */
static _Thread_local struct thread_cred now = {
	.umask = (mode_t)-1,
	.uid = (uid_t)-1,
	.gid = (gid_t)-1,
};

void fs_cred_enter(const struct fs_super *sb, const struct fs_cred *cred)
{
	/*
	 * The umask, too, is the backing kernel's to apply: it knows whether a default ACL takes
	 * its place. Threads share a umask until they say otherwise.
	 */
	if (!now.own_fs && unshare(CLONE_FS) == 0)
		now.own_fs = true;
	if (now.own_fs && now.umask != cred->umask) {
		umask(cred->umask);
		now.umask = cred->umask;
	}
	if (!sb->privileged)
		return;
	/*
	 * Raw calls: they change the calling thread only. Capabilities stay
	 * (SECBIT_NO_SETUID_FIXUP, set when the daemon starts), for whether the caller may do this
	 * has been decided above us.
	 */
	if (now.gid != cred->gid) {
		syscall(SYS_setfsgid, cred->gid);
		now.gid = cred->gid;
	}
	if (now.uid != cred->uid) {
		syscall(SYS_setfsuid, cred->uid);
		now.uid = cred->uid;
	}
}
