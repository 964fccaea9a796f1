"""The environment that makes runs repeatable: a fixed hash seed, and one thread per worker.

SMAC iterates over a set of configurations, whose order hangs on the hash seed; numerical libraries give slightly
different sums with different numbers of threads, and several threads per worker fight for the same cores. All of this
is read when a process or a library starts, hence the environment variables.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def _wanted() -> dict[str, str]:
    """The variables to set; threads that the user has set stay as they are."""
    threads = {name: "1" for name in _THREADS if name not in os.environ}
    passive = {} if "OMP_WAIT_POLICY" in os.environ else {"OMP_WAIT_POLICY": "passive"}
    return {"PYTHONHASHSEED": "0"} | threads | passive


def is_pinned() -> bool:
    """Whether this process started in such an environment."""
    return os.environ.get("PYTHONHASHSEED") == "0" and all(name in os.environ for name in _THREADS)


def pin() -> None:
    """Start this process's command anew in such an environment, unless it runs in one."""
    if sys.platform != "win32" and not is_pinned():
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], dict(os.environ) | _wanted())


@contextmanager
def pinned() -> Iterator[None]:
    """Processes started within this block get such an environment."""
    before = dict(os.environ)
    os.environ.update(_wanted())
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
