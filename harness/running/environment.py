"""The environment that makes runs repeatable: a fixed hash seed, and one thread per worker.

SMAC iterates over a set of configurations, whose order depends on the hash seed; numerical libraries give slightly
different sums with different numbers of threads, and several threads per worker fight for the same cores. All of this
is read when a process or a library starts, hence the environment variables.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "LOKY_MAX_CPU_COUNT",  # what joblib's n_jobs=-1 comes to, as in SMAC's random forest
)


_DEFAULTS = dict.fromkeys(_THREADS, "1") | {
    "OMP_WAIT_POLICY": "passive",
    # SMAC's random forest takes and gives back tens of megabytes per tree; by default glibc maps and clears them
    # again each time, which is half of its CPU time.
    "MALLOC_MMAP_THRESHOLD_": str(2**28),
    "MALLOC_TRIM_THRESHOLD_": str(2**30),
}


def _wanted() -> dict[str, str]:
    """The variables to set; what the user has set stays as it is, but for the hash seed."""
    return {name: value for name, value in _DEFAULTS.items() if name not in os.environ} | {"PYTHONHASHSEED": "0"}


def is_pinned() -> bool:
    """Whether this process started in such an environment."""
    return os.environ.get("PYTHONHASHSEED") == "0" and os.environ.keys() >= _DEFAULTS.keys()


def pin() -> None:
    """Start this process's command again in such an environment, unless it runs in one."""
    if sys.platform != "win32" and not is_pinned():
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], dict(os.environ) | _wanted())


def pinning() -> dict[str, str]:
    """The variables of such an environment, for processes that another program starts."""
    return {name: os.environ.get(name, value) for name, value in _DEFAULTS.items()} | {"PYTHONHASHSEED": "0"}


def threads(number: int) -> dict[str, str]:
    """The variables that give a process so many numerical threads."""
    return dict.fromkeys(_THREADS, str(number))


@contextmanager
def pinned(variables: Mapping[str, str] = MappingProxyType({})) -> Iterator[None]:
    """Processes started within this block get such an environment, and `variables` beside."""
    before = dict(os.environ)
    os.environ.update(_wanted() | dict(variables))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
