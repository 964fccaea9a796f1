"""No name makes the page wider than its window, or looks like another one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import opened
from simulation import SimulatedOptimizer, SimulatedTask, simulate

from optathlon.analysis.report import write_report

pytestmark = pytest.mark.browser

OPTIMIZERS = [
    *(f"{'a_prefix_of_sixty_' * 4}{i}{'the_same_end_' * 5}" for i in range(1, 12)),
    *(f"{'X' * 150}{i}{'Y' * 149}" for i in range(2)),
    *(f"אופטימיזציה_בייסיאנית_ארוכה_מאוד_מאוד_מאוד_{i}" for i in range(2)),
    *(f"贝叶斯优化算法与高斯过程代理模型及期望改进采集函数之组合{c}" for c in "甲乙"),
    "random",
    "random ",
]
TASKS = [f"{'collection' * 9}/{'T' * 120}{c}{'t' * 120}" for c in "甲xyz"]
SCREENS = [(1280, 900), (390, 844)]


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    optimizers = [SimulatedOptimizer(name, 1.0 + place % 3) for place, name in enumerate(OPTIMIZERS)]
    results = simulate(optimizers, [SimulatedTask(name, optimum=0.0) for name in TASKS], seeds=2)
    return write_report(results, tmp_path_factory.mktemp("page"))


@pytest.fixture(params=SCREENS, ids=["screen", "phone"])
def page(request: pytest.FixtureRequest, chromium: Any, page_file: Path) -> Iterator[Any]:
    width, height = request.param
    with opened(chromium, page_file, viewport={"width": width, "height": height}) as page:
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        for chart in page.locator("figure[data-chart]").all():
            chart.scroll_into_view_if_needed()
            chart.locator(".drawing > *").first.wait_for()
        yield page


@pytest.mark.smoke
def test_the_page_is_as_wide_as_its_window_and_no_two_labels_are_equal(page: Any) -> None:
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    legend = page.locator("#legend .name").all_text_contents()
    assert len(set(legend)) == len(OPTIMIZERS) == len(legend)
    options = page.locator("figure[data-chart=finals] option").all_text_contents()
    assert len(set(options)) == len(TASKS) == len(options)


def test_labels_of_charts_are_distinct_and_inside(page: Any) -> None:
    own = "text => text.firstChild.textContent"
    for chart, count in {"aggregates": len(OPTIMIZERS), "finals": len(OPTIMIZERS), "pairs": len(OPTIMIZERS)}.items():
        texts = page.locator(f"[data-chart={chart}] .series > text:first-of-type")
        names = texts.evaluate_all(f"all => all.map({own})")
        assert len(set(names)) == count == len(names), chart
        assert texts.evaluate_all("all => all.every(text => text.getBoundingClientRect().left >= 0)"), chart
    edges = page.locator("svg text").evaluate_all("all => all.map(text => text.getBoundingClientRect().right)")
    assert max(edges) <= page.viewport_size["width"]


def test_tables_name_optimizers_apart_and_in_full_under_the_pointer(page: Any) -> None:
    cells = page.locator("table.coverage .optimizer")
    assert len(set(cells.evaluate_all("all => all.map(cell => cell.lastChild.textContent)"))) == len(OPTIMIZERS)
    assert {*OPTIMIZERS} >= {cell.get_attribute("title") for cell in cells.all()} - {None}
    widths = cells.evaluate_all("all => all.map(one => one.getBoundingClientRect().width)")
    assert max(widths) < 0.5 * page.viewport_size["width"]
    assert page.locator("dl.names dd").all_text_contents().count(OPTIMIZERS[0]) == 1


def test_the_tooltip_stays_inside(page: Any) -> None:
    for chart in ("anytime", "finals", "pairs"):
        drawing = page.locator(f"[data-chart={chart}] .drawing > svg")
        drawing.scroll_into_view_if_needed()
        box = drawing.bounding_box()
        page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 0.6 * box["height"])
        assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth"), chart
