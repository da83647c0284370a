#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 115-tmpfile - O_TMPFILE: an unnamed file is linked into place or vanishes
. "$(dirname "$0")/../lib/scenario.sh"
_begin quick auto user

_init_store
_mount
python3 - <<'PY'
import os
from ops import *
M = os.environ["M"]
try:
    fd = os.open(M, os.O_TMPFILE | os.O_RDWR, 0o600)
except OSError as e:
    # libfuse before 3.17 has no such operation: then programs fall back to a named file.
    print("O_TMPFILE:", err(e))
else:
    os.write(fd, b"unnamed")
    print("names:", os.listdir(M), os.fstat(fd).st_nlink)
    show("link", link_fd, fd, M + "/named")
    os.close(fd)
    print(get(M + "/named"))
PY
_done
