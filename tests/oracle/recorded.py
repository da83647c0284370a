#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares answers of errnos.py's topic `recorded` with those that Linux gave: recorded.py FILE

FILE holds what errnos.py printed; the kernel's are tests/vectors/kernel-errnos.json. Prints how
many there are, the questions that only one of the two has, and the answers that differ."""
import json
import os
import re
import sys

VECTORS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "vectors")


def same_keys(answer):
    """The keys were others: an identifier is an identifier, whether alone or in a policy."""
    if re.fullmatch("[0-9a-f]{32}", answer):
        return "(identifier)"
    return re.sub("^(180{14}02[0-9a-f]{14})[0-9a-f]{32}", r"\1(identifier)", answer)


def main():
    with open(os.path.join(VECTORS, "kernel-errnos.json")) as f:
        # What the kernel that was asked lacks is said in other words there.
        linux = {o["what"].replace("(no such crypto here)", "(not in every kernel)"):
                 same_keys({"ENOTSUP": "EOPNOTSUPP"}.get(str(o["result"]), str(o["result"])))
                 for o in json.load(f)["observations"]}
    ours = {}
    with open(sys.argv[1]) as f:
        for line in f:
            what, answer = line.rstrip("\n").rsplit(": ", 1)
            ours[what] = same_keys(answer)
    print("recorded: %d" % len(linux))
    for what in sorted(set(linux) ^ set(ours)):
        print("only %s: %s" % ("recorded" if what in linux else "asked", what))
    for what in linux:
        if what in ours and linux[what] != ours[what]:
            print("%s: Linux %s, ours %s" % (what, linux[what], ours[what]))


if __name__ == "__main__":
    main()
