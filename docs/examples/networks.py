"""Make the table of past trials that docs/your-own-table.md reads: `python networks.py > networks.csv`, in a minute."""

import sys
import time
import warnings
from itertools import product
from typing import Any

import pandas as pd
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

WEIGHTS_PER_UNIT = 64 + 1 + 10


def trial(solver: str, momentum: float | None, rate: float, width: int, epochs: int, seed: int) -> dict[str, Any]:
    images, digits = load_digits(return_X_y=True)
    inputs, test_inputs, targets, test_targets = train_test_split(images / 16, digits, random_state=0)
    inputs, val_inputs, targets, val_targets = train_test_split(inputs, targets, random_state=0)
    began = time.process_time()
    model = MLPClassifier(
        (width,),
        solver=solver,
        momentum=0.9 if momentum is None else momentum,
        learning_rate_init=rate,
        max_iter=epochs,
        random_state=seed,
    )
    row: dict[str, Any] = {
        "solver": solver,
        "momentum": momentum,
        "rate": rate,
        "width": width,
        "epochs": epochs,
        "seed": seed,
    }
    try:
        model.fit(inputs, targets)
    except ValueError:  # weights that are not finite
        return row | {"seconds": round(time.process_time() - began, 4), "status": "diverged"}
    return row | {
        "val_error": round(1 - model.score(val_inputs, val_targets), 5),
        "test_error": round(1 - model.score(test_inputs, test_targets), 5),
        "weights": width * WEIGHTS_PER_UNIT + 10,
        "seconds": round(time.process_time() - began, 4),
        "status": "ok",
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    solvers = [("adam", None), ("sgd", 0.0), ("sgd", 0.9)]
    grid = product(solvers, (0.001, 0.01, 0.1, 1e9), (4, 16, 64), (1, 3, 9, 27), (0, 1))
    rows = [trial(*solver, rate, width, epochs, seed) for solver, rate, width, epochs, seed in grid]
    pd.DataFrame(rows).to_csv(sys.stdout, index=False)
