"""Charts of the page: they lie where the numbers say, on any screen."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import opened, until
from chart_page import (
    END_F1,
    HOSTILE,
    LINEAR,
    WON,
    X,
    drawn,
    expected,
    number,
    point_at,
    source,
    ticks,
    unpacked,
)

from optathlon.analysis.report.packing import as_read, is_wide, pack, pack_on_a_scale, short

pytestmark = pytest.mark.browser


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


def test_numbers_of_24_bits_have_almost_five_digits(page: Any) -> None:
    for values in (np.where(np.arange(1000) % 7, NORMAL, np.nan), np.array([0.0, -1e-37, 3.4e38, np.inf, 65535.0])):
        packed = pack(values, bits=24)
        found = unpacked(page, packed)
        known = np.isfinite(values)
        np.testing.assert_allclose(found[known], values[known], rtol=2**-16, atol=0)
        assert np.isnan(found[~known]).all()
        np.testing.assert_array_equal(found[known], as_read(values, 24)[known])
        assert packed["bits"] == 24
        assert len(packed["data"]) == 4 * len(values)


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


DISTANCES = np.array([100.0, 3.25, 1e-9, 0.0])


def on_scale(page: Any, view: dict[str, Any], scale: str) -> dict[str, Any]:
    numbers = "for (const part of ['mid', 'low', 'high']) found[part] = [...unpack(found[part])]; "
    call = f"([view, scale]) => {{ {source('packing', 'scaling')}; const found = onScale(view, scale); {numbers}"
    return dict(page.evaluate(call + "return found; }", [view, scale]))


@pytest.mark.parametrize(("sign", "optimum"), [(1.0, 79.48), (-1.0, -0.75)])
def test_values_and_distances_to_the_optimum_are_both_shown(page: Any, sign: float, optimum: float) -> None:
    view = {
        "y": {"label": "loss", "scale": "log", "best": "low" if sign > 0 else "high"},
        "from": {"optimum": optimum, "sign": sign},
        "mid": pack(DISTANCES),
        "low": pack(DISTANCES / 2),
        "high": pack(DISTANCES * 2),
    }
    for scale in ("auto", "optimum"):
        found = on_scale(page, view, scale)
        assert (found["y"]["scale"], found["y"]["best"]) == ("distance", "low")
        np.testing.assert_allclose(found["mid"], DISTANCES, rtol=1e-7)
    found = on_scale(page, view, "linear")
    axis: Any = view["y"]
    assert found["y"] == {**axis, "scale": "linear"}
    for part, factor in (("mid", 1.0), ("low", 0.5 if sign > 0 else 2.0), ("high", 2.0 if sign > 0 else 0.5)):
        np.testing.assert_allclose(found[part], optimum + sign * factor * DISTANCES, rtol=0, atol=1e-5)
    assert (np.array(found["low"]) <= found["high"]).all()


@pytest.mark.parametrize(
    ("known", "distances", "chosen", "scale", "words"),
    [
        (False, [2.0, 1.0], "auto", "linear", ""),
        (False, [2.0, 1.0], "log", "log", ""),
        (False, [2.0, 1.0], "optimum", "linear", "not known"),
        (False, [2.0, -1.0], "log", "linear", "not above 0"),
        (True, [2.0, -1.0], "auto", "linear", ""),
        (True, [2.0, -1.0], "optimum", "distance", "on the edge"),
        (True, [0.0, 0.0], "auto", "linear", ""),
        (True, [0.0, 0.0], "optimum", "linear", "all reached"),
        (True, [2.0, 1.0], "log", "linear", "not above 0"),
    ],
)
def test_a_scale_that_cannot_show_the_values_is_not_used(
    page: Any, known: bool, distances: list[float], chosen: str, scale: str, words: str
) -> None:
    view = {"y": {"label": "loss", "scale": "linear"}, "mid": distances, "low": distances, "high": distances}
    found = on_scale(page, view | ({"from": {"optimum": -5.0, "sign": 1.0}} if known else {}), chosen)
    assert found["y"]["scale"] == scale
    assert words in found["note"]


def test_on_a_scale_of_distances_what_is_reached_stands_on_the_edge(page: Any) -> None:
    call = f"(values) => {{ {source('numbers', 'scales')}; const range = extent('distance', values, 0.02); "
    ends = page.evaluate(call + "return values.map(makeScale('distance', range, [300, 0]).at); }", [0, -1, 1e-3, 10])
    assert ends[:2] == [300, 300]
    assert 300 > ends[2] > ends[3] > 0


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234567, "1.235 × 10⁶"), (-12345.6, "−12,350"), (999, "999"), (1000, "1,000"), (0.12345, "0.1235")],
)
def test_thousands_are_told_apart(page: Any, value: float, text: str) -> None:
    assert page.evaluate(f"(value) => {{ {source('numbers')}; return formatNumber(value); }}", value) == text


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


def test_a_task_named_like_a_property_of_objects_has_no_picture_of_another(page: Any) -> None:
    page.locator("[data-chart=end] select").first.select_option("constructor")
    assert page.locator("[data-chart=end] .drawing svg").count() == 0
    assert "no results for Task: constructor" in page.locator("[data-chart=end] .drawing").inner_text()


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
    until(page, "document.querySelector('[data-chart=end] .drawing > svg').width.baseVal.value < 800")
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
