"""Compilation of numerical kernels where numba is installed; without it the same functions run interpreted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

Kernel = TypeVar("Kernel", bound=Callable[..., object])

try:
    import numba
except ImportError:
    COMPILED = False
else:
    COMPILED = True


def compiled(kernel: Kernel) -> Kernel:
    """Compile `kernel` on its first call; it releases the interpreter's lock while it runs.

    The result is kept on disk, beside the source or, where that can't be written, in the user's cache folder. numba
    compares the age of the kernel's own file only. So kernels that call each other belong in one file, with the
    constants and types of their own; touch the file where a constant or type that they import changes. Floating-point
    operations are neither reordered nor fused: a kernel returns the same numbers compiled and interpreted. Only NaN and
    the sign of zero are ignored, without which a maximum isn't vectorized.
    """
    if not COMPILED:
        return kernel
    try:
        return _compiled(kernel, cache=True)
    except RuntimeError:  # there is no folder to keep it in
        return _compiled(kernel, cache=False)


def _compiled(kernel: Kernel, *, cache: bool) -> Kernel:
    return cast(Kernel, numba.njit(cache=cache, nogil=True, error_model="numpy", fastmath={"nnan", "nsz"})(kernel))


def inlined(kernel: Kernel) -> Kernel:
    """Compile `kernel` into its callers: a call that takes arrays costs numba more than a few operations on them."""
    if not COMPILED:
        return kernel
    return cast(Kernel, numba.njit(inline="always", error_model="numpy", fastmath={"nnan", "nsz"})(kernel))
