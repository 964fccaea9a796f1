"""A page with one chart of each kind, and what is drawn there."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from optathlon.analysis.report.assets import script, style
from optathlon.analysis.report.packing import pack

ASSETS = files("optathlon.analysis.report.assets")
HOSTILE = "<script>window.hacked=1</script>"
NAMES = ["random", "tpe", HOSTILE, "smac"]
MARKERS = ["o", "s", "^", "D"]
X = [0.25, 0.5, 0.75, 1.0]
LINEAR = np.array([[4.0, 3.0, 2.5, 2.0], [3.0, 2.0, 1.5, 1.0], [np.nan, 9.0, np.nan, 8.0], [3.5, 3.5, 3.5, 3.5]])
LOG = np.array([[1.0, 0.1, 0.01, 1e-3], [2.0, 0.2, 0.02, 1e-4], [5.0, 5.0, 5.0, 5.0], [1.0, 0.5, 0.2, 0.1]])
END_F1 = [0.9, 0.4, 0.6, 0.1]
SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹−", "-0123456789-")


def lines(values: np.ndarray, *, scale: str, shape: str = "linear") -> dict[str, Any]:
    spread = {"low": pack(0.9 * values), "high": pack(1.1 * values)}
    return {
        "kind": "lines",
        "x": {"label": "Budget", "scale": "percent", "values": X},
        "y": {"label": "Loss", "scale": scale, "best": "low"},
        "optimizers": [0, 1, 2, 3],
        "mid": pack(values),
        **spread,
        "shape": shape,
        "reference": None,
        "note": f"A {scale} scale.",
    }


def intervals(middle: list[float]) -> dict[str, Any]:
    return {
        "kind": "intervals",
        "x": {"label": ""},
        "y": {"label": "Chance to win", "scale": "linear", "best": "high"},
        "optimizers": [0, 1, 2, 3],
        "mid": middle,
        "low": [value - 0.1 for value in middle],
        "high": [value + 0.1 for value in middle],
        "reference": 0.5,
        "referenceLabel": "chance",
        "note": "",
    }


POINTS = {
    "kind": "points",
    "x": {"label": ""},
    "y": {"label": "Loss", "scale": "linear", "best": "low"},
    "optimizers": [3, 1, 0],
    "mid": [0.2, 0.5, None],
    "low": None,
    "high": None,
    "points": [[0.1, 0.2, 0.3], [0.5, None, 0.6], [None, None, None]],
}
WON = np.array([[np.nan, -3, 3, 0], [3, np.nan, 1, -1], [-3, -1, np.nan, 3], [0, 1, -3, np.nan]])
PAIRS = {
    "kind": "matrix",
    "y": {"label": "Won", "scale": "linear"},
    "optimizers": [3, 2, 1, 0],
    "mid": pack(WON),
    "range": [-3, 0, 3],
}
ALIKE = {
    "kind": "matrix",
    "y": {"label": "Alike", "scale": "percent"},
    "labels": ["bbob/f1", HOSTILE],
    "mid": [1, 0.5, 0.5, 1],
    "range": [0, 0.5, 1],
}
REPORT = {
    "optimizers": [
        {"name": name, "color": "#0072b2", "marker": marker, "dashed": name == "tpe"}
        for name, marker in zip(NAMES, MARKERS, strict=True)
    ],
    "controls": {
        "task": {
            "label": "Task",
            "options": [
                *({"name": f"bbob/f{i}", "label": f"bbob/f{i}", "group": "bbob"} for i in (1, 2)),
                {"name": "constructor", "label": "constructor"},
            ],
        }
    },
    "charts": {
        "progress": {
            "controls": [
                {
                    "name": "scale",
                    "label": "Scale",
                    "options": [{"name": name, "label": name.title()} for name in ("linear", "log")],
                },
                {"name": "single", "label": "Single", "options": [{"name": "one", "label": "One"}]},
                "task",
            ],
            "views": {
                "linear|one|bbob/f1": lines(LINEAR, scale="linear"),
                "log|one|bbob/f1": lines(LOG, scale="log", shape="step"),
                "linear|one|bbob/f2": lines(LINEAR + 1, scale="linear"),
            },
        },
        "end": {
            "controls": ["task"],
            "views": {"bbob/f1": intervals(END_F1), "bbob/f2": intervals([0.5, 0.5, 0.5, 0.5])},
        },
        "runs": {"controls": [], "views": {"": POINTS}},
        "pairs": {"controls": [], "views": {"": PAIRS}},
        "alike": {"controls": [], "views": {"": ALIKE}},
    },
}
BODY = """<main><div id="legend"></div>
<figure data-chart="progress"></figure><figure data-chart="end"></figure><figure data-chart="runs"></figure>
<figure data-chart="pairs"></figure><figure data-chart="alike"></figure>
<div data-control="task" data-option="bbob/f1">first task</div>
<div data-control="task" data-option="bbob/f2">second</div>
<table><tbody><tr data-optimizer="2"><td>third</td></tr><tr data-optimizer="3"><td>fourth</td></tr></tbody></table>
</main>"""


def write_page(folder: Path) -> Path:
    data = json.dumps(REPORT, allow_nan=False).replace("<", "\\u003c")
    page = folder / "index.html"
    page.write_text(
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>charts</title>'
        f"<style>{style()}</style></head><body>{BODY}"
        f'<script type="application/json" id="report-data">{data}</script>'
        f'<script type="module">{script()}</script></body></html>',
        encoding="utf-8",
    )
    return page


def source(*names: str) -> str:
    return "\n".join((ASSETS / f"{name}.js").read_text(encoding="utf-8") for name in names)


def number(label: str) -> float:
    """What a formatted number says."""
    power = re.fullmatch(r"(?:(−?[\d.]+) × )?10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", label)
    if power:
        return float((power[1] or "1").replace("−", "-")) * 10.0 ** int(power[2].translate(SUPERSCRIPTS))
    return float(label.replace("−", "-").replace(",", "").removesuffix("\u202f%"))


def ticks(page: Any, chart: str, axis: str) -> list[tuple[float, float]]:
    """Values and pixels of an axis's ticks; `axis` is `x` or `y`."""
    groups = page.locator(f"[data-chart={chart}] .axis").evaluate_all(
        "(all, axis) => all.map(g => [...g.querySelectorAll('.tick')].map(t => [t.textContent, t.getAttribute(axis)]))",
        axis,
    )
    group = next(group for group in groups if len({pixel for _, pixel in group}) > 1)
    return [(number(label), float(pixel)) for label, pixel in group]


def drawn(page: Any, optimizer: int, part: str = ".line", chart: str = "progress") -> list[list[tuple[float, float]]]:
    """The points of a path, one list for each stroke."""
    d = page.locator(f"[data-chart={chart}] [data-optimizer='{optimizer}'] {part}").first.get_attribute("d")
    return [
        [(float(x), float(y)) for x, y in (point.split() for point in stroke.rstrip("Z").split("L"))]
        for stroke in d.split("M")[1:]
    ]


def expected(values: np.ndarray, marks: list[tuple[float, float]]) -> np.ndarray:
    """Pixels of values on the straight line through the outermost ticks."""
    (low, start), (high, end) = marks[0], marks[-1]
    return np.asarray(start + (values - low) / (high - low) * (end - start))


def names_shown(page: Any, chart: str) -> list[str]:
    found = page.locator(f"[data-chart={chart}] .series:visible > text:first-of-type").all_text_contents()
    return [str(name) for name in found]


def point_at(page: Any, chart: str, x: float, y: float) -> str:
    box = page.locator(f"[data-chart={chart}] .drawing > svg").bounding_box()
    page.mouse.move(box["x"] + x, box["y"] + y)
    return str(page.locator(f"[data-chart={chart}] .tooltip").inner_text())


def unpacked(page: Any, numbers: Any) -> np.ndarray:
    decoded = page.evaluate(f"(numbers) => {{ {source('packing')}; return [...unpack(numbers)]; }}", numbers)
    return np.array(decoded, dtype=float)
