"""What a reader does to charts: choosing, pointing, hiding, and the address that keeps it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from browser import opened
from chart_page import (
    HOSTILE,
    NAMES,
    WON,
    drawn,
    expected,
    names_shown,
    number,
    point_at,
    ticks,
)

pytestmark = pytest.mark.browser


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


def test_a_picture_is_saved_as_it_is_shown_in_the_colours_of_paper(page: Any, tmp_path: Path) -> None:
    page.emulate_media(color_scheme="dark")
    page.locator("#legend .toggle").nth(2).click()
    with page.expect_download() as waiting:
        page.locator("[data-chart=progress]").get_by_role("button", name="Save as SVG").click()
    assert waiting.value.suggested_filename == "progress-linear-one-bbob-f1.svg"
    waiting.value.save_as(tmp_path / "saved.svg")
    picture = ElementTree.parse(tmp_path / "saved.svg").getroot()
    lines = picture.findall(".//{http://www.w3.org/2000/svg}path[@class='line']")
    title = picture.find(".//{http://www.w3.org/2000/svg}text[@class='title']")
    assert len(lines) == 3
    assert "stroke: rgb(0, 114, 178)" in lines[0].attrib["style"]
    assert title is not None
    assert "fill: rgb(29, 30, 32)" in title.attrib["style"]


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
