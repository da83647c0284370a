#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fills a directory (of any mounted filesystem) with the tree the vectors use.

  mktree.py [--salt TEXT] [--rich] [--brief] [--no-far] DIR
Run it once on the filesystem under test and once on a plain directory with the
same --salt, then compare the two with check_store.py.
"""
import argparse

from common import Tree, build


def main():
    p = argparse.ArgumentParser()
    p.add_argument("dir")
    p.add_argument("--salt", default="tree")
    p.add_argument("--rich", action="store_true")
    p.add_argument("--brief", action="store_true")
    p.add_argument("--no-far", action="store_true", help="no 16 TiB sparse file")
    a = p.parse_args()
    build(a.dir, Tree(a.salt, a.rich, a.brief, not a.no_far))


if __name__ == "__main__":
    main()
