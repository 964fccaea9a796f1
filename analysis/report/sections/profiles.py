"""The share of runs that are good enough, over what is good enough."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import pandas as pd

from optathlon.analysis.plots.curves import plot_curves
from optathlon.analysis.report.charts import GROUP, Chart, lines, rounded
from optathlon.analysis.report.figures import ReportFigure, suffix
from optathlon.analysis.report.groups import Group, once_per_block
from optathlon.analysis.report.section import Section
from optathlon.analysis.stats.profiles import performance_profiles

_THRESHOLDS = tuple((10.0 ** np.linspace(-3, 0, 31)).tolist())


class Profiles(Section):
    """Performance profiles."""

    heading = "Performance profiles"

    def figures(self) -> Iterator[ReportFigure]:
        """Of each main comparison."""
        for name in self.data.ranked:
            figure = plot_curves(
                self._profiles[name],
                self.data.looks,
                x_title="regret, best to worst",
                y_title="share of runs at or below",
                x_scale="log",
                y_scale="percent",
                best="high",
                shape="step",
            )
            yield ReportFigure(f"profiles{suffix(name)}", f"Performance profiles, {name}", figure, self._profiles[name])

    def charts(self) -> dict[str, Chart]:
        """Of each group of tasks."""
        views = {
            title: {
                "kind": "lines",
                "x": {
                    "label": "regret, best to worst",
                    "scale": "log",
                    "values": rounded(bands.index.unique("threshold")),
                },
                "y": {"label": "share of runs at or below", "scale": "percent", "best": "high"},
                "shape": "step",
                "note": "For each regret the share of runs that end at or below it, tasks weighing the same: the "
                "higher the curve, the better (Agarwal et al. 2021).",
                **lines(bands, "share", self.data.numbers),
            }
            for title, bands in self._profiles.items()
        }
        return {"profiles": {"controls": [GROUP], "views": views}}

    @cached_property
    def _profiles(self) -> dict[str, pd.DataFrame]:
        found = once_per_block(profiles)
        return {title: found(group) for title, group in self.data.groups.items()}


def profiles(group: Group) -> pd.DataFrame:
    """Index (`optimizer`, `threshold`): `share`, `low`, `high`."""
    return performance_profiles(group.regret, _THRESHOLDS, seed=group.analysis.seed)
