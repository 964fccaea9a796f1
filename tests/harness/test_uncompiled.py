from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.torch

SCRIPT = """
import warnings
from torch.utils import cpp_extension
from optathlon.uncompiled import uncompiled
real = cpp_extension.load
with uncompiled(), warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import botorch.acquisition.multi_objective.logei as logei
    logei._try_load_fused_kernel()
assert logei._C is None, logei._C
assert cpp_extension.load is real
"""


def test_botorch_compiles_nothing() -> None:
    """Where it would compile for the first time, which needs a new process."""
    pytest.importorskip("botorch")
    subprocess.run([sys.executable, "-c", SCRIPT], check=True, timeout=300)
