# SPDX-License-Identifier: GPL-3.0-or-later
"""shell.py - commands run by a shell that was started before any file was opened

Whoever is forked has the descriptors and closes them, and a close writes out what is dirty: a test
that wants it to stay dirty must not fork.
"""
import subprocess


class Shell:
    def __init__(self):
        self.proc = subprocess.Popen(["sh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
                                     cwd="/")

    def run(self, command):
        """The exit code; the command's output is dropped."""
        self.proc.stdin.write("{ %s; } >/dev/null 2>&1 </dev/null; echo $?\n" % command)
        self.proc.stdin.flush()
        return int(self.proc.stdout.readline())
