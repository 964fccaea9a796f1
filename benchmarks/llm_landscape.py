"""The landscape of a table: `python benchmarks/llm_landscape.py sft-tiny docs/figures/llm-landscape.svg`."""

from __future__ import annotations

import sys
from importlib.resources import as_file, files
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import pandas as pd

VARIED = ["method", "batch_size", "optimizer", "schedule", "rank", "learning_rate"]
VIEWS = {"sft-tiny": ("method", "optimizer"), "sft-smol": ("batch_size", "schedule")}
"""Of each table: what the panels are for, and what the colours."""
STYLES = (("#0072b2", "o"), ("#d55e00", "s"))
NAMES = {
    **{"full": "full tuning", "lora": "LoRA tuning", "adamw": "AdamW", "sgd": "SGD"},
    **{"linear": "a falling rate", "constant": "a constant rate"},
}


def main(table: str, path: Path) -> None:
    """Exact match on the test prompts, over the learning rate and over what the judge says.

    There is a line for each setting of all but the rate, and a point for each configuration.
    """
    with as_file(files("optathlon.tasks.llm.table") / f"{table}.parquet") as stored:
        trials = pd.read_parquet(stored)
    trials = trials[trials["epochs"] == trials["epochs"].max()]
    trials = trials.assign(
        exact_match=1 - trials["test/1-exact_match"],
        win_rate=1 - trials["1-win_rate"],
        rank=trials["rank"].fillna(0),
    )
    by_panel, by_colour = VIEWS[table]
    panels = sorted(trials[by_panel].unique())
    plt.rcParams.update({"svg.hashsalt": "optathlon", "font.size": 9, "svg.fonttype": "none"})
    kinds = dict(zip(trials[by_colour].unique(), STYLES, strict=False))
    figure, axes = plt.subplots(1, len(panels) + 1, figsize=(10, 3.4), sharey=True, layout="constrained")
    for axis, panel in zip(axes, panels, strict=False):
        for kind, (colour, marker) in kinds.items():
            group = trials[(trials[by_panel] == panel) & (trials[by_colour] == kind)]
            means = group.groupby(VARIED)["exact_match"].mean()
            for _, line in means.groupby(level=VARIED[:-1]):
                axis.plot(line.index.get_level_values(-1), line.to_numpy(), color=colour, alpha=0.35, linewidth=0.9)
            best = means.groupby(level=-1).max()
            axis.plot(best.index, best, color=colour, linewidth=2.2, marker=marker, label=NAMES[kind])
        title = NAMES.get(panel, f"batches of {panel}")
        axis.set(xscale="log", xlabel="learning rate", title=title, ylim=(0, 1))
        axis.grid(alpha=0.25)
        axis.legend(frameon=False, title="best of all, with")
    for kind, (colour, marker) in kinds.items():
        points = trials[trials[by_colour] == kind].groupby(VARIED)[["win_rate", "exact_match"]].mean()
        axes[-1].plot(*points.to_numpy().T, marker, color=colour, alpha=0.5, markersize=4, linewidth=0)
    axes[-1].set(xlabel="win rate by the judge", title="verified and judged")
    axes[-1].grid(alpha=0.25)
    axes[0].set_ylabel("exact match, test prompts")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
