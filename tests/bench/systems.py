# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured: how each system is made, mounted and unmounted.

init / mount / umount are shell templates: {store} backing directory, {mnt} mount point, {key} key file
(64 hex characters, no newline), {state} scratch directory.  Further keys of a system:
    sub       directory under the mount that the workload runs in
    package   Debian's package and program; its version is noted, and without it the system is left out
    slow      gets the repeats of --slow-n
    optional  only when asked for with -s
    crypt     False: the store shows plain text
    uring     wants FUSE over io_uring, which the kernel must be told to offer
Passwords are hashed as little as a system allows: that is a matter of mounting, which no timed step does.
"""
import os, shutil, subprocess

ENV = os.environ.get
UMOUNT = "umount {mnt}"
URING = "/sys/module/fuse/parameters/enable_uring"
FSCRYPTCTL = ENV("FSCRYPTCTL", "fscryptctl")
FLOORS = ["fusefloor", "fusefloor-copy"]          # the better of the two is the floor
OTHER_FLOORS = ["fusefloor-nowb", "fusefloor-xattr"]
OURS = ["fuscrypt", "fuscrypt-uring"]
LEAN = "fuscrypt-lean"                            # over io_uring, without what the floor does not have
PEERS = ["gocryptfs", "securefs-lite", "securefs-full", "encfs", "cryfs"]
ORDER = ["plain"] + FLOORS + OTHER_FLOORS + OURS + [LEAN] + PEERS

SYSTEMS = {
    "plain": dict(init="", mount="mount --bind {store} {mnt}", umount=UMOUNT, crypt=False,
                  note="the backing directory itself"),
    "gocryptfs": dict(
        init="gocryptfs -init -q -scryptn 10 -passfile {key} {store}", package="gocryptfs",
        mount="gocryptfs -q -passfile {key} {store} {mnt}", umount=UMOUNT,
        note="AES-256-GCM contents, EME names (defaults)"),
    "gocryptfs-xchacha": dict(
        init="gocryptfs -init -xchacha -q -scryptn 10 -passfile {key} {store}", package="gocryptfs",
        mount="gocryptfs -q -passfile {key} {store} {mnt}", umount=UMOUNT, optional=True,
        note="XChaCha20-Poly1305"),
    "securefs-lite": dict(
        init="securefs create --format 4 --rounds 1 --keyfile {key} {store}", package="securefs",
        mount="securefs mount -b --log {state}/log --keyfile {key} {store} {mnt}", umount=UMOUNT,
        note="format 4 (default)"),
    "securefs-full": dict(
        init="securefs create --format 2 --rounds 1 --keyfile {key} {store}", package="securefs",
        mount="securefs mount -b --log {state}/log --keyfile {key} {store} {mnt}", umount=UMOUNT,
        note="format 2"),
    "encfs": dict(
        init="encfs --standard -S {store} {mnt} < {key} && umount {mnt}", package="encfs",
        mount="encfs -S {store} {mnt} < {key}", umount=UMOUNT,
        note="--standard: AES-192-CBC, per-file IV, no MAC"),
    "encfs-paranoia": dict(
        init="encfs --paranoia -S {store} {mnt} < {key} && umount {mnt}", package="encfs",
        mount="encfs -S {store} {mnt} < {key}", umount=UMOUNT, slow=True, optional=True,
        note="--paranoia: AES-256-CBC, IV chaining, block MAC"),
    "cryfs": dict(
        init="", umount="cryfs-unmount {mnt}", slow=True, package="cryfs",
        mount="CRYFS_FRONTEND=noninteractive CRYFS_NO_UPDATE_CHECK=true CRYFS_LOCAL_STATE_DIR={state} "
              "cryfs {store} {mnt} < {key}",
        note="XChaCha20-Poly1305, 16 KiB blocks (defaults)"),
    "kernel": dict(
        init="truncate -s 4g {store}/img && mkfs.ext4 -q -O encrypt {store}/img && mount -o loop {store}/img {mnt} "
             "&& mkdir {mnt}/enc && %s set_policy $(%s add_key {mnt} < {key}) {mnt}/enc && umount {mnt}"
             % (FSCRYPTCTL, FSCRYPTCTL),
        mount="mount -o loop {store}/img {mnt} && %s add_key {mnt} < {key} >/dev/null" % FSCRYPTCTL,
        umount=UMOUNT, sub="enc", slow=True, optional=True,
        note="kernel fscrypt v2, AES-256-XTS, ext4 on a loop device"),
}


def slots():
    """Systems given by environment: <NAME>_MOUNT, and optionally _INIT, _UMOUNT, _SUB, _NOTE."""
    names = [n.upper().replace("-", "_") for n in FLOORS + OTHER_FLOORS + OURS + [LEAN]]
    for n in filter(None, names + ENV("BENCH_SLOTS", "").split(",")):
        name = n.lower().replace("_", "-")
        if ENV(n + "_MOUNT"):
            yield name, dict(
                init=ENV(n + "_INIT", ""), mount=ENV(n + "_MOUNT"), umount=ENV(n + "_UMOUNT", UMOUNT),
                sub=ENV(n + "_SUB", ""), crypt=name in OURS + [LEAN] or ENV(n + "_CRYPT") == "1",
                uring=name in (OURS[1], LEAN), slow=name in OTHER_FLOORS,
                note=ENV(n + "_NOTE", "a slot of the environment"))


def all_systems():
    s = dict(SYSTEMS)
    s.update(slots())
    return {k: s[k] for k in sorted(s, key=rank)}


def rank(name):
    """To sort names by."""
    return (ORDER + sorted(SYSTEMS) + [name]).index(name)


def why_not(spec):
    """Why this system cannot be measured here, or None."""
    if spec.get("package") and not shutil.which(spec["package"]):
        return "not installed"
    if spec.get("uring") and not os.path.exists(URING):
        return "this kernel has no FUSE over io_uring"
    return None


class Uring:
    """FUSE over io_uring is offered to new mounts inside this context; afterwards as it was before."""

    def __init__(self, wanted):
        self.wanted, self.before = wanted, None

    def __enter__(self):
        if self.wanted:
            with open(URING) as f:
                self.before = f.read().strip()
            self.set("Y")

    def set(self, value):
        with open(URING, "w") as f:
            f.write(value)

    def __exit__(self, *_):
        if self.before is not None:
            self.set(self.before)


def version(spec):
    """Debian's version of the package, or an empty string."""
    if not spec.get("package") or not shutil.which("dpkg-query"):
        return ""
    p = subprocess.run(["dpkg-query", "-W", "-f=${Version}", spec["package"]], capture_output=True, text=True)
    return p.stdout.strip() if p.returncode == 0 else ""
