# SPDX-License-Identifier: GPL-3.0-or-later
"""From samples to Markdown: the table of what is to be reached, and all figures."""
import json, statistics

from systems import FLOORS, LEAN, OURS, PEERS, rank

CHART = "performance-mount.svg"                   # in docs/
BEGIN, END = "<!-- bench.py docs: from here -->", "<!-- bench.py docs: to here -->"
ENOUGH = 5                                        # repeats; with fewer a result calls itself provisional
COMMAND = "tests/bench/run.sh --docs"

# step, label, unit, CPU unit (name, amount per)
STEPS = [
    ("seqwrite", "seq write 1M + fsync", "MiB/s", ("s/GiB", 1024)),
    ("seqread-1M", "seq read 1M cold", "MiB/s", ("s/GiB", 1024)),
    ("seqread-128K", "seq read 128K cold", "MiB/s", ("s/GiB", 1024)),
    ("randread-4K", "rand read 4K QD1 cold", "IOPS", ("us/op", 1e-6)),
    ("randread-4K-x4", "rand read 4K x4 procs cold", "IOPS", ("us/op", 1e-6)),
    ("randwrite-4K", "rand write 4K + fsync", "IOPS", ("us/op", 1e-6)),
    ("overwrite-4K-direct", "rand overwrite 4K O_DIRECT", "IOPS", ("us/op", 1e-6)),
    ("small-create", "create 4K files", "files/s", ("us/op", 1e-6)),
    ("small-stat", "stat files cold", "files/s", ("us/op", 1e-6)),
    ("small-read", "read files cold", "files/s", ("us/op", 1e-6)),
    ("small-delete", "delete files", "files/s", ("us/op", 1e-6)),
    ("tree-untar", "untar source tree", "files/s", ("us/op", 1e-6)),
    ("tree-ls-lR", "ls -lR cold", "files/s", ("us/op", 1e-6)),
    ("tree-grep", "grep -r cold", "files/s", ("us/op", 1e-6)),
    ("tree-rm", "rm -rf tree", "files/s", ("us/op", 1e-6)),
    ("par2-seqwrite", "2x seq write + fsync", "MiB/s", ("s/GiB", 1024)),
    ("par2-seqread", "2x seq read cold", "MiB/s", ("s/GiB", 1024)),
    ("par2-create", "2x create 4K files", "files/s", ("us/op", 1e-6)),
    ("list-create", "create empty files, 2 processes", "files/s", ("us/op", 1e-6)),
    ("list-ls", "ls -lR of them cold", "files/s", ("us/op", 1e-6)),
    ("list-rss", "daemon RSS then", "MiB", None),
    ("list-rss-dropped", "daemon RSS, dentries dropped", "MiB", None),
    ("mount-time", "mount, password hashing included (lower is better)", "ms", None),
    ("daemon-rss", "daemon RSS after run (lower is better)", "MiB", None),
    ("daemon-peak-rss", "daemon peak RSS (lower is better)", "MiB", None),
]
UNIT = {s[0]: s[2] for s in STEPS}
CPU = {s[0]: s[3] for s in STEPS}

# What is to be reached: step, label, x floor, x best peer, and how many times that with FUSE over io_uring.
REACH = [
    ("seqwrite", "sequential write + fsync", 0.85, 2.2, 1),
    ("seqread-1M", "sequential read, 1 MiB blocks, cold", 0.85, 1.5, 1),
    ("randread-4K", "random 4 KiB read cold, 1 process", 0.95, 1.1, 1),
    ("randread-4K-x4", "random 4 KiB read cold, 4 processes", 0.85, 1.5, 2),
    ("randwrite-4K", "random 4 KiB write + fsync", 0.85, 3.5, 1),
    ("small-create", "create 4 KiB files", 1.3, 1.15, 1.5),
    ("small-stat", "stat files cold", 1.1, 1.1, 1.5),
    ("small-read", "read small files cold", 1.05, 1.05, 1.5),
    ("small-delete", "delete files", 1.7, 1.1, 1.5),
    ("tree-untar", "untar a source tree", 1.0, 1.3, 1.5),
    ("tree-ls-lR", "`ls -lR` cold", 0.9, 1.3, 1.5),
    ("tree-grep", "`grep -r` cold", 0.95, 1.35, 1.5),
    ("tree-rm", "`rm -rf`", 1.2, 1.15, 1.5),
    ("par2-seqwrite", "2 × sequential write", 0.9, 1.6, 1),
    ("par2-seqread", "2 × sequential read", 0.8, 1.8, 1),
    ("par2-create", "2 × create", 1.1, 1.0, 1.5),
]
# Processor time of the daemon: at most so many seconds more than the floor's, and so much of the best peer's.
REACH_CPU = [
    ("seqread-1M", "daemon CPU per GiB read", 0.25, 0.6),
    ("seqwrite", "daemon CPU per GiB written", 0.25, 0.6),
]
REACH_RSS = 200                                   # MiB


class Results:
    """The samples of some files; a later file replaces the systems that it holds."""

    def __init__(self, files):
        docs = []
        for name in files:
            with open(name) as f:
                docs.append(json.load(f))
        samples = []
        for d in docs:
            new = {(s["backing"], s["system"]) for s in d["samples"]}
            samples = [s for s in samples if (s["backing"], s["system"]) not in new] + d["samples"]
        self.about, self.params = docs[0], docs[0]["params"]
        self.notes = {k: v for d in docs for k, v in d["notes"].items()}
        self.missing = {k: v for d in docs for k, v in d.get("missing", {}).items()}
        self.errors = [e for d in docs for e in d["errors"]]
        self.by = {}
        for s in samples:
            self.by.setdefault((s["backing"], s["step"], s["system"]), []).append(s)
        self.backings = sorted({s["backing"] for s in samples}, reverse=True)
        self.names = sorted(self.notes, key=rank)

    def med(self, backing, step, system):
        rows = self.by.get((backing, step, system))
        return statistics.median(x["rate"] for x in rows) if rows else None

    def cpu(self, backing, step, system, key="cpu"):
        """Seconds a GiB, or microseconds an operation."""
        rows = [x for x in self.by.get((backing, step, system), []) if x.get("amount")]
        if not rows or not CPU[step]:
            return None
        per = CPU[step][1]
        return statistics.median(x[key] / x["amount"] * (per if per > 1 else 1 / per) for x in rows)

    def spread(self, backing, step, system):
        r = [x["rate"] for x in self.by.get((backing, step, system), [])]
        return (max(r) - min(r)) / max(statistics.median(r), 1e-9) if len(r) > 1 else 0

    def repeats(self, backing):
        """{system: complete runs}"""
        return {n: len(self.by[backing, "mount-time", n]) for n in self.names if (backing, "mount-time", n) in self.by}

    def best(self, names, value, better=max):
        """(value, name) of the best of the systems that have one, or (None, None)."""
        have = [(value(n), n) for n in names if value(n) is not None]
        return better(have) if have else (None, None)

    def floor(self, backing, step):
        return self.best(FLOORS, lambda n: self.med(backing, step, n))

    def peer(self, backing, step):
        return self.best(PEERS, lambda n: self.med(backing, step, n))


# --------------------------------------------------------------------- figures ----
def num(v):
    """Three significant digits, no exponent."""
    if v is None:
        return "-"
    if v >= 100:
        return "{:,.0f}".format(round(v, 3 - len("%d" % v)))
    return "%.1f" % v if v >= 10 else "%.2f" % v


def ratio(v, ref):
    return None if v is None or not ref else v / ref


def short(v):
    return "%.4g" % round(v, 3)


def named(v, unit, name):
    return "-" if v is None else "%s %s (%s)" % (num(v), unit, name)


def variant(floor):
    return None if floor is None else "copy" if floor.endswith("copy") else "splice"


def verdict(*tests):
    """Each test is True, False or, without figures, None."""
    if any(t is None for t in tests):
        return "-"
    return "yes" if all(tests) else "**no**"


def at_least(v, want):
    return None if v is None else round(v, 2) >= round(want, 2)


def at_most(v, want):
    return None if v is None else round(v, 2) <= round(want, 2)


def lines(head, rows):
    right = "|".join("---" if i == 0 else "---:" for i in range(len(head)))
    return ["| " + " | ".join(head) + " |", "|" + right + "|"] + ["| " + " | ".join(r) + " |" for r in rows]


# ----------------------------------------------------------------- the targets ----
def reach_rows(r, b):
    """The table of what is to be reached, as lists of cells; ratios are fuscrypt's."""
    out = []
    for step, label, x_floor, x_peer, _ in REACH:
        floor, fname = r.floor(b, step)
        peer, pname = r.peer(b, step)
        ours, uring = (r.med(b, step, n) for n in OURS)
        rf, rp = ratio(ours, floor), ratio(ours, peer)
        if ours is not None or uring is not None:
            out.append([label, named(floor, UNIT[step], variant(fname)), named(peer, UNIT[step], pname), num(ours), num(uring),
                        num(rf), short(x_floor), num(rp), short(x_peer),
                        verdict(at_least(rf, x_floor), at_least(rp, x_peer))])
    for step, label, more, x_peer in REACH_CPU:
        of = lambda n: r.cpu(b, step, n)
        floor, fname = r.best(FLOORS, of, min)
        peer, pname = r.best(PEERS, of, min)
        ours, uring = (of(n) for n in OURS)
        plus = None if ours is None or floor is None else ours - floor
        rp = ratio(ours, peer)
        if ours is not None or uring is not None:
            out.append([label, named(floor, "s", variant(fname)), named(peer, "s", pname), num(ours), num(uring),
                        "-" if plus is None else "%+.2f s" % plus, "+%s s" % short(more), num(rp), short(x_peer),
                        verdict(at_most(plus, more), at_most(rp, x_peer))])
    out.extend(memory_rows(r, b))
    return out


def memory_rows(r, b):
    """Memory after a long listing, and when the kernel has dropped what it knew."""
    full, left = ([r.med(b, s, n) for n in OURS] for s in ("list-rss", "list-rss-dropped"))
    if not any(full):
        return []
    cell = lambda i: "-" if full[i] is None else "%s MiB, then %s" % (num(full[i]), num(left[i]))
    ours = None if full[0] is None else full[0] < REACH_RSS and left[0] < full[0]
    return [["memory after listing %s (empty) files, then without dentries" % num(r.params["list_files"]), "-", "-",
             cell(0), cell(1), "-", "under %d MiB, and it falls" % REACH_RSS, "-", "-", verdict(ours)]]


def uring_rows(r, b, name):
    out = []
    for step, label, x_floor, x_peer, times in REACH:
        v = r.med(b, step, name)
        rf, rp = ratio(v, r.floor(b, step)[0]), ratio(v, r.peer(b, step)[0])
        if v is not None:
            out.append([label, num(v), num(rf), short(x_floor * times), num(rp), short(x_peer),
                        num(ratio(v, r.med(b, step, OURS[0]))), verdict(at_least(rf, x_floor * times), at_least(rp, x_peer))])
    return out


def reach(r, b):
    rows = reach_rows(r, b)
    out = []
    if rows:
        out = lines(["workload", "floor", "best peer", "fuscrypt", "fuscrypt, `-o uring`", "× floor", "reach", "× best peer",
                     "reach", "reached"], rows)
        nowb = [(label, r.med(b, s, "fusefloor-nowb"), r.floor(b, s)[0]) for s, label, *_ in REACH]
        faster = ["%s %s (× %s)" % (lb, num(v), num(v / f)) for lb, v, f in nowb if v and f and v > 1.05 * f]
        if faster:
            out += ["", "Without the writeback cache the passthrough is faster than this floor in: %s." % "; ".join(faster)]
    for name, options, why in (
            (OURS[1], "-o uring", "FUSE over io_uring; the reach is 1.5 times the above for metadata, 2 times for four processes "
             "that read at random"),
            (LEAN, "-o uring,noatime,noacl", "no ACLs, as the floor and the peers have none, and reading leaves access times "
             "alone; the same reach")):
        rings = uring_rows(r, b, name)
        if rings:
            out += ["", "With `%s` (%s):" % (options, why), ""]
            out += lines(["workload", "`%s`" % options, "× floor", "reach", "× best peer", "reach", "× fuscrypt", "reached"],
                         rings)
    return out


# -------------------------------------------------------------------- all figures ----
def table(r, b, title, unit, cell, steps):
    """One column a system, one row a step that has figures."""
    here = [n for n in r.names if any((b, s[0], n) in r.by for s in steps)]
    rows = [[s[1], unit(s)] + [cell(s[0], n) for n in here] for s in steps if any((b, s[0], n) in r.by for n in here)]
    return ["", "#### " + title, ""] + lines(["", "unit"] + ["`%s`" % n for n in here], rows) if rows else []


def rates(r, b):
    return table(r, b, "Median rate, higher is better (~ marks a spread (max-min)/median over 20 %)", lambda s: s[2],
                 lambda s, n: num(r.med(b, s, n)) + ("~" if r.spread(b, s, n) > .2 else ""), STEPS)


def cpu_table(r, b, title, key):
    return table(r, b, title, lambda s: s[3][0], lambda s, n: num(r.cpu(b, s, n, key)), [s for s in STEPS if s[3]])


def heading(r):
    d, p = r.about, r.params
    text = ["%s, %d cores, %s GiB of memory, Linux %s, libfuse %s, %s; tree %s. AES-256-XTS alone (openssl, 4 KiB): %s GB/s "
            "a core." % (d["cpu"], d["cores"], d["memory_gib"], d["kernel"], d["libfuse"], d["when"], d["tree"] or "unknown",
                         num(d["openssl_xts_gbs"])),
            "Big file %(seq_mib)d MiB; %(small_files)d small files; tree of %(tree_entries)d entries, %(tree_mib).0f MiB. "
            "Medians of runs in turn, everything compared after a remount." % p]
    few = [n for b in r.backings for n, k in r.repeats(b).items() if n in FLOORS + OURS and k < ENOUGH]
    if few:
        text.insert(0, "**Provisional: fewer than %d repeats.**" % ENOUGH)
    return text


def remarks(r):
    out = ["- `%s`: %s" % (n, r.notes[n]) for n in r.names]
    out += ["- left out: `%s`: %s" % i for i in sorted(r.missing.items())]
    out += ["- FAILED: `%(system)s` on %(backing)s, repeat %(rep)d: %(error)s" % e for e in r.errors]
    return out


def backing_title(r, b):
    n = r.repeats(b)
    return "On %s (repeats: %s)" % ("tmpfs" if b == "tmpfs" else "the disk (%s)" % r.about["disk"],
                                    ", ".join("%s %d" % i for i in n.items()) or "none complete")


def full(r):
    """Everything, as one page of Markdown."""
    out = ["# Filesystems side by side", ""] + heading(r) + [""] + remarks(r)
    for b in r.backings:
        out += ["", "## " + backing_title(r, b), ""] + reach(r, b) + rates(r, b)
        out += table(r, b, "Ratio to fusefloor", lambda s: "x",
                     lambda s, n: num(ratio(r.med(b, s, n), r.med(b, s, "fusefloor"))), [s for s in STEPS if s[3]])
        out += cpu_table(r, b, "Daemon CPU (user + system), lower is better", "cpu")
        out += cpu_table(r, b, "Whole-machine CPU incl. the client and the kernel (others' noise included)", "machine_cpu")
    return "\n".join(out) + "\n"


def docs(r):
    """The generated part of docs/performance.md."""
    out = heading(r) + ["", "    " + COMMAND, "", "![Ratios to the floor](%s)" % CHART]
    for b in r.backings:
        out += ["", "### " + backing_title(r, b), ""] + reach(r, b)
    out += ["", "### All systems", ""] + remarks(r)
    for b in r.backings:
        out += ["", "<details><summary>%s</summary>" % backing_title(r, b)] + rates(r, b)
        out += cpu_table(r, b, "Daemon CPU (user + system), lower is better", "cpu") + ["", "</details>"]
    return "\n".join(out) + "\n"


def summary(r):
    """The generated part of README.md: ratios on the first backing."""
    b = r.backings[0]
    rows = []
    for step, label, *_ in REACH:
        ours, uring = (r.med(b, step, n) for n in OURS)
        floor, (peer, pname) = r.floor(b, step)[0], r.peer(b, step)
        if ours is not None:
            rows.append([label, "%s %s" % (num(ours), UNIT[step]), num(ratio(ours, floor)), num(ratio(ours, peer)),
                         num(ratio(uring, floor)), num(ratio(uring, peer)), pname or "-"])
    head = ["%s; %s cores of an %s, Linux %s, %s. More than 1 is faster." % (
        "On a tmpfs" if b == "tmpfs" else "On a disk", r.about["cores"], r.about["cpu"], r.about["kernel"], r.about["when"])]
    if heading(r)[0].startswith("**"):
        head.insert(0, heading(r)[0])
    return "\n".join(head + [""] + lines(["", "fuscrypt, `-o nouring`", "to the floor", "to the best peer",
                                          "`-o uring`, to the floor", "to the best peer", "which is"],
                                         rows)) + "\n"


def put_between(path, text):
    """Replaces what stands between the two marks of a file."""
    with open(path) as f:
        old = f.read()
    if old.count(BEGIN) != 1 or old.count(END) != 1 or old.index(BEGIN) > old.index(END):
        raise SystemExit("%s: wants one `%s` and one `%s` after it" % (path, BEGIN, END))
    with open(path, "w") as f:
        f.write(old[:old.index(BEGIN)] + BEGIN + "\n" + text + old[old.index(END):])
