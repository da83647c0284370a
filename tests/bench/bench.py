#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Side-by-side benchmark of encrypting filesystems over one backing directory.

Usage:  bench.py run  [-o OUT.json] [-a] [-n REPEATS] [-s SYS,SYS..] [-b tmpfs,disk] [-w STEP,STEP..]
        bench.py report IN.json [IN2.json ...] > OUT.md
        bench.py chart  IN.json [IN2.json ...] > OUT.svg
        bench.py docs   IN.json [IN2.json ...]        the tables of docs/performance.md and README.md, and the chart

See README.md for the systems, the workloads and the environment variables.
`run` needs root (mount, drop_caches).  Python standard library only.
"""
import argparse, json, os, platform, shutil, signal, subprocess, sys, tempfile, time

import chart, report
from one import Run
from pieces import ENV, LIST_FILES, MIB, NDIRS, PERDIR, RAND_OPS, RAND_SECS, SEQ_MIB, TREE, Lock, ismount, on_alarm
from systems import Uring, all_systems, version, why_not
from workloads import ALL, USUAL

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
TMPFS_SIZE = ENV("BENCH_TMPFS_SIZE", "6g")


def make_tar(scratch):
    out = os.path.join(scratch, "tree.tar")
    ref = os.path.join(scratch, "tree.ref")
    os.mkdir(ref)
    subprocess.run(["tar", "-cf", out, "--exclude-vcs", "-C", TREE, "."], check=True)
    subprocess.run(["tar", "-xpf", out, "-C", ref], check=True)
    return out, ref, sum(1 + len(f) for _, _, f in os.walk(ref))


# ---------------------------------------------------------------- the machine ----
def output(*cmd):
    """What a command says, or an empty string."""
    try:
        p = subprocess.run(cmd, capture_output=True, text=True)
    except OSError:
        return ""
    return p.stdout.strip() if p.returncode == 0 else ""


def openssl_speed():
    with Lock():
        p = output("openssl", "speed", "-mr", "-evp", "aes-256-xts", "-bytes", "4096", "-seconds", "2")
    for line in p.splitlines():
        if line.startswith("+F:"):
            return float(line.split(":")[-1]) / 1e9
    return None


def cpu_model():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def machine(scratch):
    return dict(when=time.strftime("%Y-%m-%d"), cpu=cpu_model(), cores=os.cpu_count(),
                memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
                kernel=".".join(os.uname().release.split(".")[:2]),
                disk=output("stat", "-f", "-c", "%T", scratch).replace("ext2/ext3", "ext4"),
                libfuse=output("pkg-config", "--modversion", "fuse3"),
                tree=output("git", "-C", TOP, "describe", "--always", "--dirty"), openssl_xts_gbs=openssl_speed())


# --------------------------------------------------------------------- driver ----
def chosen(a, systems):
    """The names of the systems to measure, and {name: why not} of those that cannot be."""
    names = a.systems.split(",") if a.systems else [n for n in systems if not systems[n].get("optional")]
    missing = {n: "not set: no %s_MOUNT" % n.upper().replace("-", "_") for n in names if n not in systems}
    missing.update({n: why_not(systems[n]) for n in names if n in systems and why_not(systems[n])})
    return [n for n in names if n not in missing], missing


def plan(a, names, systems):
    """(repeat, backing, system) in turn; each repeat begins with another system."""
    for rep in range(a.n):
        for backing in a.backings.split(","):
            k = rep % len(names)
            for n in names[k:] + names[:k]:
                if rep < a.slow_n or not systems[n].get("slow"):
                    yield rep, backing, n


def write_json(doc, path):
    with open(path + ".new", "w") as f:
        json.dump(doc, f, indent=0)
    os.rename(path + ".new", path)


def open_doc(a, scratch, tar):
    params = dict(seq_mib=SEQ_MIB, small_files=NDIRS * PERDIR, tree_entries=tar[2], list_files=LIST_FILES,
                  tree_mib=round(os.path.getsize(tar[0]) / MIB, 1), rand_secs=RAND_SECS, rand_ops=RAND_OPS)
    if a.append and os.path.exists(a.out):
        with open(a.out) as f:
            doc = json.load(f)
        if doc["params"] != params:
            sys.exit("%s was made with other parameters: %s" % (a.out, doc["params"]))
        return doc
    return dict(machine(scratch), params=params, notes={}, samples=[], errors=[], missing={})


def measure(a, doc, names, systems, places, tar):
    base = 1 + max([x["rep"] for x in doc["samples"] + doc["errors"]], default=-1)
    todo, begun, done = list(plan(a, names, systems)), time.monotonic(), 0
    workloads = a.workloads.split(",")
    for rep, backing, n in todo:
        area = tempfile.mkdtemp(prefix=n + ".", dir=places[backing])
        with Lock():                              # what one step leaves warm must stay warm for the next
            t = time.monotonic()
            res, err = Run(n, systems[n], area, tar, workloads).go()
        done += 1
        left = (time.monotonic() - begun) / done * (len(todo) - done) / 60
        print("%s [%d/%d, some %.0f min left] repeat %d %-5s %-14s %5.1f s %s" % (
            time.strftime("%H:%M:%S"), done, len(todo), left, base + rep, backing, n, time.monotonic() - t,
            "FAILED " + err if err else "ok"), flush=True)
        if err:
            doc["errors"].append(dict(rep=base + rep, backing=backing, system=n, error=err))
        for s, r in res.items():
            doc["samples"].append(dict(rep=base + rep, backing=backing, system=n, step=s,
                                       **{k: round(v, 4) for k, v in r.items()}))
        write_json(doc, a.out)


def cmd_run(a):
    signal.signal(signal.SIGALRM, on_alarm)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))     # unmount and clean up first
    systems = all_systems()
    names, missing = chosen(a, systems)
    for n, why in missing.items():
        print("left out: %s: %s" % (n, why), flush=True)
    if not names:
        sys.exit("nothing to measure")
    if set(a.workloads.split(",")) - set(ALL) or set(a.backings.split(",")) - {"tmpfs", "disk"}:
        sys.exit("workloads are %s; backings are tmpfs, disk" % ", ".join(ALL))
    scratch = tempfile.mkdtemp(prefix="fsbench.")
    tdir = os.path.join(scratch, "tmpfs")
    os.mkdir(tdir)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=" + TMPFS_SIZE, "tmpfs", tdir], check=True)
    try:
        tar = make_tar(tdir)
        doc = open_doc(a, scratch, tar)
        doc["notes"].update({n: ("%s %s; " % (systems[n]["package"], version(systems[n])) if version(systems[n]) else "")
                             + systems[n]["note"] for n in names})
        doc["missing"].update(missing)
        with Uring(any(systems[n].get("uring") for n in names)):
            measure(a, doc, names, systems, dict(tmpfs=tdir, disk=scratch), tar)
    finally:
        subprocess.run(["umount", tdir])
        if not ismount(tdir):
            shutil.rmtree(scratch, ignore_errors=True)
    print("wrote", a.out)


def cmd_report(a):
    print(report.full(report.Results(a.files)), end="")


def cmd_chart(a):
    print(chart.svg(report.Results(a.files)), end="")


def cmd_docs(a):
    r = report.Results(a.files)
    for path, text in ((os.path.join(TOP, "docs", "performance.md"), report.docs(r)),
                       (os.path.join(TOP, "README.md"), report.summary(r))):
        report.put_between(path, text)
        print("wrote", path)
    path = os.path.join(TOP, "docs", report.CHART)
    with open(path, "w") as f:
        f.write(chart.svg(r))
    print("wrote", path)


def main():
    ap = argparse.ArgumentParser()
    sp = ap.add_subparsers(dest="cmd", required=True)
    r = sp.add_parser("run")
    r.add_argument("-o", "--out", default="results.json")
    r.add_argument("-n", type=int, default=5, help="repeats, interleaved A B C B C A")
    r.add_argument("--slow-n", type=int, default=99, help="repeats of the systems marked slow")
    r.add_argument("-a", "--append", action="store_true", help="add to OUT.json instead of replacing it")
    r.add_argument("-s", "--systems")
    r.add_argument("-b", "--backings", default="tmpfs,disk")
    r.add_argument("-w", "--workloads", default=",".join(USUAL), help="of " + ",".join(ALL))
    r.set_defaults(fn=cmd_run)
    for name, fn in (("report", cmd_report), ("chart", cmd_chart), ("docs", cmd_docs)):
        r = sp.add_parser(name)
        r.add_argument("files", nargs="+")
        r.set_defaults(fn=fn)
    args = ap.parse_args()
    args.fn(args)


if __name__ == "__main__":
    main()
