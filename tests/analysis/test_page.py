from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from browser import opened, until

from optathlon.analysis.report import write_report
from optathlon.results.frames import Results

pytestmark = pytest.mark.browser

WIDE: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}}


@pytest.fixture(scope="module")
def page_file(messy: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(messy, tmp_path_factory.mktemp("page"))


def drawn(page: Any, chart: str) -> Any:
    figure = page.locator(f'figure[data-chart="{chart}"]')
    figure.scroll_into_view_if_needed()
    figure.locator("svg").first.wait_for()
    return figure


def redrawn(page: Any, chart: str, before: str) -> None:
    """Wait until a chart is another one than before."""
    until(page, lambda: drawn(page, chart).locator("svg").first.inner_html() != before)


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


def test_the_contents_lead_to_every_chapter_and_heading(chromium: Any, page_file: Path) -> None:
    with opened(chromium, page_file, **WIDE) as page:
        own = "all => all.map(one => one.firstChild.textContent)"
        listed = page.locator("#contents a").evaluate_all(own)
        assert listed == page.locator("main section > h2, main h3[id]").evaluate_all(own)
        ids = page.locator("main [id]").evaluate_all("all => all.map(one => one.id)")
        assert len({*ids}) == len(ids)
        links = page.locator("#contents a, a.anchor").evaluate_all("all => all.map(one => one.hash.slice(1))")
        assert {*links} <= {*ids}
        page.locator("#contents").get_by_role("link", name="Two by two").click()
        heading = page.get_by_role("heading", name="Two by two")
        heading.wait_for()
        below = page.locator("#bar").bounding_box()
        until(page, "document.querySelector('#contents a[aria-current]')?.hash === '#differences'")
        assert below["y"] + below["height"] <= heading.bounding_box()["y"] < WIDE["viewport"]["height"]
        assert page.url.endswith("#differences-two-by-two")


def test_the_choice_of_tasks_holds_for_all_charts_and_lists(chromium: Any, page_file: Path) -> None:
    with opened(chromium, page_file, **WIDE) as page:
        charts = ("anytime", "pairs", "aggregates", "profiles", "runtimes", "trajectories", "finals")
        before = {chart: drawn(page, chart).locator("svg").first.inner_html() for chart in charts}
        page.locator("#bar select").select_option("toy")
        for chart in charts:
            redrawn(page, chart, before[chart])
        tasks = page.locator("[data-chart=finals] option").evaluate_all("all => all.map(one => one.value)")
        assert tasks == ["toy/acc", "toy/box", *(f"toy/f{i}" for i in range(5))]
        page.evaluate("document.querySelectorAll('main details').forEach(one => { one.open = true; })")
        assert page.locator("table.tasks tbody tr:visible .task").all_inner_texts() == tasks
        assert page.get_by_text("Only the tasks that are chosen").is_visible()
        assert page.url.endswith("#group=toy")


@pytest.mark.parametrize(
    ("address", "group", "task"),
    [
        ("#task=fronts/a", "all tasks", "fronts/a"),
        ("#group=curves&task=fronts/a", "curves", "curves/higgs"),
        ("#standings&group=fronts&task=fronts/b", "fronts", "fronts/b"),
    ],
)
def test_an_address_keeps_section_and_choices(
    chromium: Any, page_file: Path, address: str, group: str, task: str
) -> None:
    with opened(chromium, page_file, address=address, **WIDE) as page:
        assert page.locator("#bar select").input_value() == group
        if "standings" in address:
            until(page, "document.getElementById('standings').getBoundingClientRect().top < innerHeight")
        drawn(page, "finals")
        assert page.locator("[data-chart=finals] select").input_value() == task


def test_values_of_a_task_are_shown_as_distances_or_as_they_are(chromium: Any, page_file: Path) -> None:
    with opened(chromium, page_file, address="#task=toy/f0", **WIDE) as page:
        figure = drawn(page, "trajectories")
        label = figure.locator("svg text.title").first
        assert label.inner_html().startswith("distance to the optimum")
        figure.get_by_role("button", name="linear", exact=True).click()
        until(page, lambda: label.inner_html().startswith("error"))
        assert "scale=linear" in page.url


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_scrolls_one_way_only(chromium: Any, page_file: Path, scheme: str) -> None:
    with opened(chromium, page_file, color_scheme=scheme, **PHONE) as page:
        drawn(page, "anytime")
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
        standings = page.locator("#standings .wide").first
        standings.scroll_into_view_if_needed()
        until(page, "document.querySelector('#standings .wide').matches('.scrolls.more-right')")
        standings.evaluate("one => { one.scrollLeft = one.scrollWidth; }")
        until(page, "document.querySelector('#standings .wide').matches(':not(.more-right)')")
        assert page.locator("#legend.more-right").is_visible()
        page.locator("#contents summary").click()
        page.locator("#contents").get_by_role("link", name="Provenance").click()
        until(page, "document.getElementById('provenance').getBoundingClientRect().top < innerHeight")
        assert not page.locator("#contents nav").is_visible()
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 390


def test_a_printed_page_is_all_there(chromium: Any, page_file: Path) -> None:
    with opened(chromium, page_file, **WIDE) as page:
        drawn(page, "anytime")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        page.emulate_media(media="print")
        assert (
            page.locator("#contents:visible, select:visible, .files:visible, .save:visible, a.anchor:visible").count()
            == 0
        )
        assert "Tasks: all tasks" in page.locator("[data-chart=anytime] .chosen").inner_text()
