from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from browser import opened

from optathlon.analysis.report.page import make_page
from optathlon.results.frames import Results

pytestmark = pytest.mark.browser

WIDE: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}}


@pytest.fixture(scope="module")
def page_file(messy: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(make_page(messy).html("Report"), encoding="utf-8")
    return path


def drawn(page: Any, chart: str) -> Any:
    figure = page.locator(f'figure[data-chart="{chart}"]')
    figure.scroll_into_view_if_needed()
    figure.locator("svg").first.wait_for()
    return figure


@pytest.mark.smoke
def test_every_chart_of_a_whole_report_is_drawn(chromium: Any, page_file: Path) -> None:
    with opened(chromium, page_file, **WIDE) as page:
        charts = page.locator("figure[data-chart]").evaluate_all("all => all.map(one => one.dataset.chart)")
        assert {*charts} >= {
            "anytime",
            "aggregates",
            "profiles",
            "runtimes",
            "pairs",
            "trajectories",
            "finals",
            "fronts",
        }
        for chart in charts:
            if chart != "fronts":  # the first task has one objective
                drawn(page, chart)


def test_a_measure_changes_the_figure(chromium: Any, page_file: Path) -> None:
    with opened(chromium, page_file, **WIDE) as page:
        figure = drawn(page, "anytime")
        before = figure.locator("svg").first.inner_html()
        figure.locator("select").first.select_option(label="regret, best to worst")
        assert figure.locator("svg").first.inner_html() != before
        assert "0 is the best loss" in figure.locator("figcaption").inner_text()


def test_a_hidden_optimizer_is_hidden_in_tables_charts_and_diagrams(chromium: Any, page_file: Path) -> None:
    with opened(chromium, page_file, **WIDE) as page:
        drawn(page, "anytime")
        page.locator("#legend").get_by_role("button", name="random", exact=True).click()
        own = page.locator("tr", has=page.locator("th", has_text="random")).first.get_attribute("data-optimizer")
        everywhere = page.locator(f'main [data-optimizer="{own}"]:not(#legend *)')
        assert everywhere.count() > 10
        assert page.locator(f'svg [data-optimizer="{own}"]').count() > 0
        assert not any(everywhere.nth(index).is_visible() for index in range(everywhere.count()))


def test_a_task_can_be_chosen(chromium: Any, page_file: Path) -> None:
    with opened(chromium, page_file, address="#task=fronts/a", **WIDE) as page:
        drawn(page, "fronts")
        assert page.get_by_role("heading", name="fronts/a", exact=True).is_visible()
        assert not page.get_by_role("heading", name="toy/f0", exact=True).is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_scrolls_one_way_only(chromium: Any, page_file: Path, scheme: str) -> None:
    with opened(chromium, page_file, color_scheme=scheme, **PHONE) as page:
        drawn(page, "anytime")
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
