"""The landscape of `llm-table/sft-tiny`: `python benchmarks/llm_landscape.py docs/figures/llm-landscape.svg`."""

from __future__ import annotations

import sys
from importlib.resources import as_file, files
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import pandas as pd

COLOURS = {"adamw": "#0072b2", "sgd": "#d55e00"}
MARKERS = {"adamw": "o", "sgd": "s"}
NAMES = {"full": "full", "lora": "LoRA", "adamw": "AdamW", "sgd": "SGD"}


def main(path: Path) -> None:
    """Exact match on the test prompts over the learning rate, one line a batch size, rank and schedule."""
    with as_file(files("optathlon.tasks.llm.table") / "sft-tiny.parquet") as table:
        trials = pd.read_parquet(table)
    trials = trials[trials["epochs"] == trials["epochs"].max()]
    trials = trials.assign(exact_match=1 - trials["test/1-exact_match"], rank=trials["rank"].fillna(0))
    plt.rcParams.update({"svg.hashsalt": "optathlon", "font.size": 9, "svg.fonttype": "none"})
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.4), sharey=True, layout="constrained")
    for axis, method in zip(axes, ("full", "lora"), strict=True):
        for optimizer in ("adamw", "sgd"):
            group = trials[(trials["method"] == method) & (trials["optimizer"] == optimizer)]
            colour = COLOURS[optimizer]
            means = group.groupby(["batch_size", "schedule", "rank", "learning_rate"])["exact_match"].mean()
            for _, line in means.groupby(level=[0, 1, 2]):
                axis.plot(line.index.get_level_values(-1), line.to_numpy(), color=colour, alpha=0.35, linewidth=0.9)
            best = means.groupby(level=-1).max()
            axis.plot(best.index, best, color=colour, linewidth=2.2, marker=MARKERS[optimizer], label=NAMES[optimizer])
        axis.set(xscale="log", xlabel="learning rate", title=f"{NAMES[method]} tuning", ylim=(0, 1))
        axis.grid(alpha=0.25)
        axis.legend(frameon=False, title="best of all, with")
    axes[0].set_ylabel("exact match, test prompts")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
