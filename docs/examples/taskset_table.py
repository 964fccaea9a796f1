"""Make a table of TaskSet's arrays: `python taskset_table.py FOLDER` writes `FOLDER/taskset.parquet`.

The folder holds the configurations, `configs_adam8p.csv`, and the losses, `taskset_adam8p_rnn12.npz`, of shape
(tasks, configurations, train / valid / test, checkpoints).
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd


def write_table(folder: Path, out: Path) -> None:
    """One row per task, configuration and checkpoint."""
    configs = pd.read_csv(folder / "configs_adam8p.csv")
    with np.load(folder / "taskset_adam8p_rnn12.npz") as arrays:
        tasks, loss = arrays["tasks"], arrays["loss"]
    count, checkpoints = len(configs), loss.shape[-1]
    rows = configs.loc[np.tile(np.repeat(np.arange(count), checkpoints), len(tasks))].reset_index(drop=True)
    rows["task"] = pd.Categorical(np.repeat(tasks, count * checkpoints))
    rows["checkpoint"] = np.tile(np.arange(1, checkpoints + 1), len(tasks) * count)
    for place, split in enumerate(("train", "valid", "test")):
        rows[f"{split}_loss"] = loss[:, :, place].ravel()
    rows.to_parquet(out)


if __name__ == "__main__":
    write_table(Path(sys.argv[1]), Path(sys.argv[1]) / "taskset.parquet")
