"""The figure of the architecture is what its script draws, and agrees with the rules on imports."""

from __future__ import annotations

import runpy
import tomllib
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "docs" / "figures" / "architecture.py"
FIGURE = runpy.run_path(str(SCRIPT))


def test_the_committed_figure_is_what_the_script_draws() -> None:
    assert SCRIPT.with_suffix(".svg").read_text("utf-8") == FIGURE["svg"]()


def test_rooms_stand_above_what_they_may_import() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["id"] == "rooms")
    row_of = {room.name: number for number, row in enumerate(FIGURE["ROWS"]) for room in row}
    rows = [
        [row_of[name] for part in layer.split("|") if (name := part.strip().removeprefix("optathlon.")) in row_of]
        for layer in layers
    ]
    drawn = [row for row in rows if row]
    assert len([room for row in drawn for room in row]) >= 7
    assert all(max(above) < min(below) for above, below in pairwise(drawn))
    assert row_of["report"] < row_of["subsets"] < row_of["analysis"] < row_of["results"]
