from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import browser, opened

from optathlon.analysis.report.assets import script, style
from optathlon.analysis.report.packing import is_wide, pack, pack_on_a_scale, short

pytestmark = pytest.mark.browser

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


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = json.dumps(REPORT, allow_nan=False).replace("<", "\\u003c")
    page = tmp_path_factory.mktemp("page") / "index.html"
    page.write_text(
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>charts</title>'
        f"<style>{style()}</style></head><body>{BODY}"
        f'<script type="application/json" id="report-data">{data}</script>'
        f'<script type="module">{script()}</script></body></html>',
        encoding="utf-8",
    )
    return page


@pytest.fixture
def page(chromium: Any, path: Path) -> Iterator[Any]:
    with opened(chromium, path, viewport={"width": 1280, "height": 3000}) as page:
        page.wait_for_selector("[data-chart=runs] svg")
        yield page


def source(*names: str) -> str:
    return "\n".join((ASSETS / f"{name}.js").read_text(encoding="utf-8") for name in names)


def number(label: str) -> float:
    """What a formatted number says."""
    power = re.fullmatch(r"(?:(−?[\d.]+) × )?10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", label)
    if power:
        return float((power[1] or "1").replace("−", "-")) * 10.0 ** int(power[2].translate(SUPERSCRIPTS))
    return float(label.replace("−", "-").removesuffix("\u202f%"))


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


NORMAL = np.random.default_rng(0).normal(size=1000)


@pytest.mark.parametrize(
    ("values", "digits"),
    [
        (np.where(np.arange(1000) % 7, NORMAL, np.nan), 1e-7),
        (np.array([-0.938721, -0.746107, 1e6, 0.0, -0.0, 1e-12, -1e12]), 1e-7),
        (np.array([1e-300, 0.1, -2.5, 1.7976931348623157e308, 0.0]), 1e-15),
        (np.zeros(3), 0.0),
        (np.full(3, np.nan), 0.0),
        (np.array([]), 0.0),
    ],
    ids=["normal", "an outlier", "double", "zeros", "missing", "none"],
)
def test_packed_numbers_are_precise_whatever_is_packed_with_them(page: Any, values: np.ndarray, digits: float) -> None:
    np.testing.assert_allclose(unpacked(page, pack(values)), values, rtol=digits, atol=0)


@pytest.mark.parametrize(
    "values",
    [np.where(np.arange(1000) % 7, NORMAL, np.nan), 10 ** (3 * NORMAL), np.append(0.0, NORMAL**2), np.full(3, np.nan)],
    ids=["linear", "logarithmic", "from zero", "missing"],
)
def test_numbers_on_a_scale_are_precise_to_its_steps(page: Any, values: np.ndarray) -> None:
    found = unpacked(page, pack_on_a_scale(values))
    np.testing.assert_array_equal(np.isnan(found), np.isnan(values))
    known = ~np.isnan(values)
    if is_wide(values):
        step = np.ptp(np.log(values)) / 65534
        np.testing.assert_allclose(found, values, rtol=step)
    elif known.any():
        np.testing.assert_allclose(found, values, atol=np.ptp(values[known]) / 65534)
        assert (found[values == 0] == 0).all()


def test_infinite_numbers_are_missing(page: Any) -> None:
    np.testing.assert_array_equal(unpacked(page, pack(np.array([1.5, np.inf, -np.inf]))), [1.5, np.nan, np.nan])
    np.testing.assert_array_equal(unpacked(page, [1.5, None]), [1.5, np.nan])


def test_short_numbers_stay_finite() -> None:
    largest = float(np.finfo(float).max)
    assert [short(largest, 5), short(-largest, 5), short(1 / 3, 3), short(math.inf)] == [largest, -largest, 0.333, None]


@pytest.mark.parametrize("values", [[0.1, 1e308], [5e-324, 1.0], [1e-300, 1e300]])
def test_a_logarithmic_scale_can_show_the_largest_numbers(page: Any, values: list[float]) -> None:
    call = f"(values) => {{ {source('numbers', 'scales')}; const [a, b] = extent('log', values, 0.02); "
    low, high, marks = page.evaluate(call + "return [a, b, ticks('log', a, b, 5).map(tick => tick.value)]; }", values)
    assert 0 < low <= values[0] and values[1] <= high < math.inf
    assert 2 <= len(marks) <= 9


def test_numbers_keep_four_digits(page: Any) -> None:
    rng = np.random.default_rng(1)
    values = [*(rng.normal(size=300) * 10.0 ** rng.integers(-12, 12, 300)), 0.0, 1e6, -99999.9, 1e-4, 9.99999e5]
    labels = page.evaluate(f"(values) => {{ {source('numbers')}; return values.map(v => formatNumber(v)); }}", values)
    assert [number(label) for label in labels] == pytest.approx([float(f"{value:.4g}") for value in values], rel=1e-12)
    assert not any("-" in label or "e" in label for label in labels)


@pytest.mark.parametrize("kind", ["linear", "log", "percent"])
def test_ticks_say_where_they_are(page: Any, kind: str) -> None:
    rng = np.random.default_rng(2)
    widths = 10.0 ** rng.uniform(-3, 3 if kind != "log" else 1, 200)
    starts = rng.normal(size=200) * widths * 3
    domains = [[a, a + width] for a, width in zip(starts, widths, strict=True)]
    if kind == "log":
        domains = [[10 ** max(a, -200), 10 ** max(b, -199)] for a, b in domains]
    call = f"(all) => {{ {source('numbers', 'scales')}; return all.map(([a, b]) => ticks('{kind}', a, b, 5)); }}"
    scale = 100 if kind == "percent" else 1
    for (low, high), marks in zip(domains, page.evaluate(call, domains), strict=True):
        values = [mark["value"] for mark in marks]
        assert 1 <= len(values) <= 9
        assert values == sorted(set(values))
        slack = 1e-5 * (high - low) if kind != "log" else 0.01 * high
        assert low - slack <= values[0] <= values[-1] <= high + slack
        labels = [number(mark["label"]) / scale for mark in marks]
        assert labels == pytest.approx(values, rel=1e-3, abs=1e-6 * (high - low))
        assert len(set(labels)) == len(labels)


def test_lines_lie_where_the_numbers_say(page: Any) -> None:
    [line] = drawn(page, 0)
    xs, ys = np.transpose(line)
    np.testing.assert_allclose(ys, expected(LINEAR[0], ticks(page, "progress", "y")), atol=0.03)
    np.testing.assert_allclose(xs, expected(100 * np.array(X), ticks(page, "progress", "x")), atol=0.03)


def test_bands_go_from_low_to_high_and_back(page: Any) -> None:
    [band] = drawn(page, 1, ".band")
    outline = np.concatenate([1.1 * LINEAR[1], 0.9 * LINEAR[1][::-1]])
    np.testing.assert_allclose([y for _, y in band], expected(outline, ticks(page, "progress", "y")), atol=0.03)


def test_missing_values_break_a_line(page: Any) -> None:
    strokes = drawn(page, 2)
    assert [len(stroke) for stroke in strokes] == [1, 1]
    found = [stroke[0][1] for stroke in strokes]
    np.testing.assert_allclose(found, expected(np.array([9.0, 8.0]), ticks(page, "progress", "y")), atol=0.03)


def test_control_switches_to_steps_on_a_log_scale(page: Any) -> None:
    before = drawn(page, 0)
    page.get_by_role("button", name="Log", exact=True).click()
    [line] = drawn(page, 0)
    marks = [(math.log10(value), pixel) for value, pixel in ticks(page, "progress", "y")]
    steps = np.log10([1.0, 1.0, 0.1, 0.1, 0.01, 0.01, 1e-3])
    assert [line] != before
    np.testing.assert_allclose([y for _, y in line], expected(steps, marks), atol=0.05)
    assert page.locator("[data-chart=progress] figcaption").inner_text() == "A log scale."
    assert page.get_by_text("Single").count() == 0


def test_best_rank_can_be_on_top(page: Any, chromium: Any, path: Path, tmp_path: Path) -> None:
    flipped = tmp_path / "flipped.html"
    flipped.write_text(path.read_text().replace('"best": "low"}', '"best": "low", "top": "best"}'))
    with opened(chromium, flipped, viewport={"width": 1280, "height": 3000}) as other:
        other.wait_for_selector("[data-chart=progress] svg")
        assert [y for _, y in drawn(other, 1)[0]] == sorted((y for _, y in drawn(other, 1)[0]), reverse=True)
    assert [y for _, y in drawn(page, 1)[0]] == sorted(y for _, y in drawn(page, 1)[0])


def test_a_task_named_like_a_property_of_objects_has_no_picture_of_another(page: Any) -> None:
    page.locator("[data-chart=end] select").first.select_option("constructor")
    assert page.locator("[data-chart=end] .drawing svg").count() == 0
    assert "no results for Task: constructor" in page.locator("[data-chart=end] .drawing").inner_text()


def test_arrow_keys_reach_every_value(page: Any) -> None:
    drawing, tooltip = (page.locator(f"[data-chart=progress] {part}") for part in (".drawing", ".tooltip"))
    drawing.focus()
    assert not tooltip.is_visible()
    headings = set()
    for key in ["ArrowLeft"] * 60 + ["ArrowRight"] * 120:
        page.keyboard.press(key)
        headings.add(tooltip.locator("p").first.inner_text().replace("\u202f", " "))
    assert headings == {f"Budget: {share} %" for share in (25, 50, 75, 100)}
    page.keyboard.press("Escape")
    assert not tooltip.is_visible()


def test_a_name_that_turns_the_direction_of_text_turns_its_own_only(page: Any) -> None:
    """The right edge of what follows the name is where it is without the override."""
    script = """name => {
        const line = document.createElement('p');
        line.style.width = 'max-content';
        line.innerHTML = '<b></b> leads: <i>1.78</i> among 3';
        line.firstChild.textContent = name;
        document.body.append(line);
        const box = line.querySelector('i').getBoundingClientRect();
        const range = document.createRange();
        range.setStart(line.querySelector('i').firstChild, 0);
        range.setEnd(line.querySelector('i').firstChild, 1);
        return range.getBoundingClientRect().left - box.left;
    }"""
    assert page.evaluate(script, "ab") == page.evaluate(script, "a\u202eb") == 0


def test_tooltip_lists_values_from_the_best(page: Any) -> None:
    x, y = drawn(page, 0)[0][1]
    words = point_at(page, "progress", x + 5, y).split()
    text = " ".join(words)
    assert text.startswith("Budget: 50 %")
    assert [word for word in words if word in NAMES or word == HOSTILE] == ["tpe", "random", "smac", HOSTILE]
    assert "random 3 2.7 to 3.3" in text
    assert f"{HOSTILE} 9 8.1 to 9.9" in text
    assert page.locator(".tooltip .raised").all_inner_texts()[0].split()[0] == "random"
    page.mouse.move(5, 5)
    assert page.locator(".tooltip:visible").count() == 0


def test_pointing_raises_one_optimizer_and_dims_the_others(page: Any) -> None:
    opacity = "element => getComputedStyle(element).opacity"
    page.emulate_media(reduced_motion="reduce")
    page.locator("#legend .toggle").nth(1).hover()
    shown = [page.locator(f"[data-chart=end] [data-optimizer='{i}']").evaluate(opacity) for i in range(4)]
    assert [float(value) < 0.5 for value in shown] == [True, False, True, True]


def test_intervals_lie_where_the_numbers_say(page: Any) -> None:
    marks = ticks(page, "end", "x")
    for number_, middle in enumerate(END_F1):
        row = page.locator(f"[data-chart=end] [data-optimizer='{number_}']")
        low, _, high = re.findall(r"[\d.]+", row.locator(".bar").get_attribute("d"))
        ends = expected(np.array([middle - 0.1, middle + 0.1]), marks)
        np.testing.assert_allclose([float(low), float(high)], ends, atol=0.03)
        assert row.locator(".value").text_content() == f"{middle:g}"
    assert page.locator("[data-chart=end] .reference").text_content() == "chance"


def test_points_show_every_run_and_what_is_missing(page: Any) -> None:
    rows = page.locator("[data-chart=runs] .series")
    assert rows.evaluate_all("rows => rows.map(row => row.dataset.optimizer)") == ["3", "1", "0"]
    assert [row.locator(".dot").count() for row in rows.all()] == [3, 2, 0]
    assert rows.locator(".value").all_text_contents() == ["0.2", "0.5, 1 missing", "no result"]
    transforms = rows.first.locator(".dot").evaluate_all("dots => dots.map(dot => dot.getAttribute('transform'))")
    found = [float(transform.split("(")[1].split()[0]) for transform in transforms]
    np.testing.assert_allclose(found, expected(np.array([0.1, 0.2, 0.3]), ticks(page, "runs", "x")), atol=0.03)


def test_matrix_colours_and_says_every_pair(page: Any) -> None:
    cells = page.locator("[data-chart=pairs] .cell")
    known = WON[np.isfinite(WON)]
    fills = cells.evaluate_all("cells => cells.map(cell => cell.getAttribute('fill'))")
    strengths = cells.evaluate_all("cells => cells.map(cell => Number(cell.getAttribute('fill-opacity')))")
    assert [fill == "#0072b2" for fill in fills] == [value > 0 for value in known]
    np.testing.assert_allclose(strengths, 0.75 * np.abs(known) / 3, atol=1e-3)
    labels = page.locator("[data-chart=pairs] text.value").all_text_contents()
    np.testing.assert_allclose([number(label) for label in labels], known, atol=0.01)


def test_matrix_names_the_pair_that_is_pointed_at(page: Any) -> None:
    page.locator("[data-chart=pairs] .cell").first.hover(force=True)
    assert page.locator("[data-chart=pairs] .tooltip").inner_text() == f"smac against {HOSTILE}: −3"
    page.locator("[data-chart=alike] .cell").nth(1).hover(force=True)
    assert page.locator("[data-chart=alike] .tooltip").inner_text() == f"bbob/f1 and {HOSTILE}: 50\u202f%"


def test_hidden_optimizer_is_in_no_pair(page: Any) -> None:
    page.locator("#legend .toggle").nth(2).click()
    rest = np.delete(np.delete(WON, 1, 0), 1, 1)
    labels = page.locator("[data-chart=pairs] text.value").all_text_contents()
    np.testing.assert_allclose([number(label) for label in labels], rest[np.isfinite(rest)], atol=0.01)
    assert page.locator("[data-chart=alike] .cell").count() == 4


def test_hidden_optimizer_is_gone_everywhere_and_axes_follow(page: Any) -> None:
    before = max(value for value, _ in ticks(page, "progress", "y"))
    toggle = page.locator("#legend .toggle").nth(2)
    toggle.click()
    assert toggle.get_attribute("aria-pressed") == "false"
    assert page.locator("[data-optimizer='2']:visible").count() == 0
    assert page.locator("tr:visible").all_inner_texts() == ["fourth"]
    assert before >= 8 > 5 > max(value for value, _ in ticks(page, "progress", "y"))
    assert names_shown(page, "end") == ["random", "tpe", "smac"]
    page.get_by_role("button", name="show all").click()
    assert names_shown(page, "end") == NAMES
    assert page.locator("tr:visible").count() == 2


@pytest.mark.parametrize("action", ["double click", "shift", "only"])
def test_one_optimizer_alone(page: Any, action: str) -> None:
    entry = page.locator("#legend .entry").nth(1)
    match action:
        case "double click":
            entry.locator(".toggle").dblclick()
        case "shift":
            entry.locator(".toggle").click(modifiers=["Shift"])
        case "only":
            entry.locator(".toggle").focus()
            page.keyboard.press("Tab")
            page.keyboard.press("Enter")
    assert names_shown(page, "end") == ["tpe"]
    assert page.locator("#legend [aria-pressed=true]").all_inner_texts() == ["tpe"]


def test_nothing_left_to_show_is_said(page: Any) -> None:
    for toggle in page.locator("#legend .toggle").all():
        toggle.click()
    assert page.locator("[data-chart=end] .nothing").inner_text() == "All optimizers of this chart are hidden."


def test_missing_combination_is_said_in_words(page: Any) -> None:
    page.get_by_role("button", name="Log", exact=True).click()
    page.locator("[data-chart=progress] select").select_option("bbob/f2")
    words = page.locator("[data-chart=progress] .nothing").inner_text()
    assert words.startswith("There are no results")
    assert "Log" in words
    assert "bbob/f2" in words


def test_task_control_drives_two_charts_and_a_block(page: Any) -> None:
    lines_before, bars_before = drawn(page, 0), page.locator("[data-chart=end] .bar").first.get_attribute("d")
    assert page.locator("[data-option]:visible").all_inner_texts() == ["first task"]
    page.locator("[data-chart=end]").get_by_role("button", name="Next task").click()
    assert drawn(page, 0) != lines_before
    assert page.locator("[data-chart=end] .bar").first.get_attribute("d") != bars_before
    assert [select.input_value() for select in page.locator("select").all()] == ["bbob/f2", "bbob/f2"]
    assert page.locator("[data-option]:visible").all_inner_texts() == ["second"]


def test_address_keeps_the_view(page: Any, chromium: Any, path: Path) -> None:
    page.locator("[data-chart=end] select").select_option("bbob/f2")
    page.locator("#legend .toggle").nth(0).click()
    page.locator("#legend .toggle").nth(3).click()
    address = "#" + page.url.split("#")[1]
    with opened(chromium, path, address=address, viewport={"width": 1280, "height": 3000}) as other:
        other.wait_for_selector("[data-chart=end] svg")
        assert names_shown(other, "end") == ["tpe", HOSTILE]
        assert other.locator("[data-chart=end] select").input_value() == "bbob/f2"
        other.evaluate("location.hash = '#section'")
        assert names_shown(other, "end") == ["tpe", HOSTILE]


@pytest.mark.parametrize("address", ["#task=nonsense&hidden=99,-1,x", "#%E0%A4%A", "#=&&==", "#__proto__=1&hidden="])
def test_garbage_address_is_ignored(chromium: Any, path: Path, address: str) -> None:
    with opened(chromium, path, address=address, viewport={"width": 1280, "height": 3000}) as page:
        page.wait_for_selector("[data-chart=end] svg")
        assert names_shown(page, "end") == NAMES
        assert page.locator("[data-chart=end] select").input_value() == "bbob/f1"


def test_hostile_name_is_shown_and_not_run(page: Any) -> None:
    assert HOSTILE in page.locator("#legend .toggle").all_inner_texts()
    assert page.evaluate("window.hacked") is None
    assert page.evaluate("document.querySelectorAll('main script').length") == 0


def test_nothing_leaks_to_the_window(page: Any) -> None:
    assert page.evaluate("['Choices', 'Chart', 'unpack', 'svg', 'optathlon'].filter(name => name in window)") == []


def test_nothing_overflows_a_phone(chromium: Any, path: Path) -> None:
    with opened(chromium, path, viewport={"width": 390, "height": 3000}, has_touch=True) as page:
        page.wait_for_selector("[data-chart=runs] svg")
        assert page.locator(".labels").count() == 0
        for chart in ("progress", "end", "runs", "pairs"):
            point_at(page, chart, 330, 120)
            assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
        edges = page.locator("svg text").evaluate_all("all => all.map(text => text.getBoundingClientRect().right)")
        assert max(edges) <= 390


def test_charts_follow_the_width_of_the_window(page: Any) -> None:
    page.set_viewport_size({"width": 800, "height": 3000})
    page.wait_for_function("document.querySelector('[data-chart=end] .drawing > svg').width.baseVal.value < 800")
    np.testing.assert_allclose(
        [y for _, y in drawn(page, 0)[0]], expected(LINEAR[0], ticks(page, "progress", "y")), atol=0.03
    )


def test_print_shows_every_chart_without_controls(chromium: Any, path: Path) -> None:
    with opened(chromium, path, viewport={"width": 1280, "height": 200}) as page:
        page.wait_for_selector("[data-chart=progress] svg")
        page.add_style_tag(content="figure { margin-top: 3000px !important; }")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        page.emulate_media(media="print")
        assert page.locator("figure .drawing > svg:visible").count() == 5
        assert page.locator("button.step:visible, select:visible, .buttons:visible").count() == 0
        assert page.locator("#legend .toggle:visible").count() == 4
        assert "Scale: Linear" in page.locator("[data-chart=progress] .chosen").inner_text()


def test_dark_scheme_changes_ink(page: Any) -> None:
    fill = "element => getComputedStyle(element).fill"
    label = page.locator("[data-chart=end] text.title")
    light = label.evaluate(fill)
    page.emulate_media(color_scheme="dark")
    assert label.evaluate(fill) != light
