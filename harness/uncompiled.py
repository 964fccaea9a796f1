"""For libraries that compile a part of themselves where they find a compiler: trials must not depend on that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn


@contextmanager
def uncompiled() -> Iterator[None]:
    """Refuse to build torch extensions, so that what is imported or used meanwhile falls back on its Python code.

    What was built and loaded before in the process stays. BoTorch 0.18 builds its `logei_fused` so, for a minute, where
    it is first used; the built one rounds otherwise than the Python code.
    """
    from torch.utils import cpp_extension

    load, cpp_extension.load = cpp_extension.load, _refuse
    try:
        yield
    finally:
        cpp_extension.load = load


def _refuse(*_: Any, **__: Any) -> NoReturn:
    raise RuntimeError("extensions are not built here, so that trials don't depend on whether there is a compiler")


__all__ = ["uncompiled"]
