"""Other code that draws from the global random generators."""

from __future__ import annotations

import random
import sys
from typing import Any

import numpy as np


def disturbed(optimizer: Any) -> Any:
    """Between any two asks other code draws from the global generators, a different number each time."""
    ask = optimizer.ask

    def disturbed_ask() -> Any:
        random.seed()
        np.random.seed()
        if "torch" in sys.modules:
            sys.modules["torch"].seed()
        return ask()

    optimizer.ask = disturbed_ask
    return optimizer
