"""Kinds of tasks, as the page names them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optathlon.analysis.analysis import Analysis

_DURATIONS = (0.0, 1e-3, 1.0, 60.0, 3600.0, np.inf)
_DURATION_NAMES = ("below 1 ms", "1 ms to 1 s", "1 s to 1 min", "1 min to 1 h", "1 h and more")

_FEATURES = {
    "collection": "collection",
    "type": "type",
    "dimension": "hyperparameters",
    "hyperparameters": "kind of hyperparameters",
    "conditional": "conditions",
    "fidelity": "fidelity",
    "objectives": "objectives",
    "constraints": "constraints",
    "noisy": "noise",
    "cost": "an evaluation takes",
}


def kinds_of_tasks(analysis: Analysis) -> pd.DataFrame:
    """As `task_features`, the cost in a few classes."""
    features = analysis.features
    return features.assign(cost=pd.cut(features["cost"], _DURATIONS, labels=_DURATION_NAMES, right=False))


def kind_label(feature: str, level: str) -> str:
    """What a kind is called, e.g. `"hyperparameters: 2 to 5"`."""
    return f"{_FEATURES.get(feature, feature)}: {level}"
