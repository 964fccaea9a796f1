"""The site as a reader meets it: opened from files, wide and narrow, light and dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from browser import opened, until
from simulation import SimulatedOptimizer, SimulatedTask, simulate

from optathlon.archive.leaderboard import write_leaderboard
from optathlon.archive.together import together
from optathlon.results.frames import Results

pytestmark = pytest.mark.browser

WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
PAGES = ["index.html", "optimizers.html", "tasks.html", "optimizers/c.html", "tasks/toy-f1.html"]


@pytest.fixture(scope="module")
def site(plain: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_leaderboard(plain, tmp_path_factory.mktemp("site")).parent


@pytest.fixture(scope="module")
def ragged(plain: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With an optimizer that did too little to be ranked."""
    late = simulate([SimulatedOptimizer("late", 3.0)], [SimulatedTask("toy/f1", optimum=0.0)], seeds=5)
    return write_leaderboard(together([plain, late]), tmp_path_factory.mktemp("ragged")).parent


def names(page: Any) -> list[str]:
    """The optimizers of the first table, as they are shown."""
    rows = page.locator("table.sortable").first.locator("tbody tr:visible th")
    return [str(text) for text in rows.all_inner_texts()]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("name", PAGES)
def test_pages_fit_the_screen_and_complain_of_nothing(
    chromium: Any, site: Path, name: str, viewport: Any, scheme: Any
) -> None:
    with opened(chromium, site / name, site=site, viewport=viewport, color_scheme=scheme) as page:
        assert page.locator("h1").is_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 23, 26)"}[scheme]


def test_links_lead_from_the_board_to_an_optimizer_and_back(chromium: Any, site: Path) -> None:
    with opened(chromium, site / "index.html", site=site, viewport=WIDE) as page:
        page.get_by_role("link", name="c", exact=True).click()
        assert page.locator("h1").inner_text() == "c"
        page.get_by_role("link", name="toy/f1", exact=True).click()
        assert page.locator("h1").inner_text() == "toy/f1"
        page.get_by_role("link", name="Leaderboard", exact=True).click()
        assert page.locator("h1").inner_text() == "Leaderboard"


def test_a_table_is_sorted_by_a_heading_and_turned_around(chromium: Any, site: Path) -> None:
    with opened(chromium, site / "index.html", site=site, viewport=WIDE) as page:
        first = names(page)
        assert first == ["c", "b", "a", "random"], "best first"
        page.get_by_role("button", name="optimizer", exact=True).click()
        assert names(page) == ["a", "b", "c", "random"]
        page.get_by_role("button", name="optimizer", exact=True).click()
        assert names(page) == ["random", "c", "b", "a"]
        page.get_by_role("button", name="mean rank", exact=True).click()
        assert names(page) == first
        assert page.locator("th[aria-sort=ascending]").inner_text().startswith("mean rank")


def test_what_lacks_a_number_comes_last_either_way(chromium: Any, site: Path) -> None:
    """Of these only random search has a measured overhead."""
    with opened(chromium, site / "index.html", site=site, viewport=WIDE) as page:
        for _ in range(2):
            page.get_by_role("button", name="ms per trial", exact=True).click()
            assert names(page)[0] == "random"


def test_a_table_is_narrowed_by_words_and_by_numbers(chromium: Any, site: Path) -> None:
    with opened(chromium, site / "index.html", site=site, viewport=WIDE) as page:
        page.get_by_label("Filter optimizers").fill("RAND")
        assert names(page) == ["random"]
        page.get_by_label("Filter optimizers").fill("")
        assert len(names(page)) == 4
        page.get_by_label("ms per trial").select_option("10")
        assert names(page) == ["random"], "what was not measured is not known to be quick"


def test_letters_and_words_that_are_lacking_come_last_either_way(chromium: Any, ragged: Path) -> None:
    with opened(chromium, ragged / "index.html", site=ragged, viewport=WIDE) as page:
        for way in ("ascending", "descending"):
            page.get_by_role("button", name="group", exact=True).click()
            assert page.locator("th[aria-sort]").get_attribute("aria-sort") == way
            assert names(page)[-1] == "late", "which is not ranked"
    with opened(chromium, ragged / "optimizers.html", site=ragged, viewport=WIDE) as page:
        for _ in range(2):
            page.get_by_role("button", name="method", exact=True).click()
            assert names(page)[0] == "random", "the only one that is known here"


def test_what_a_filter_leaves_is_said(chromium: Any, site: Path) -> None:
    with opened(chromium, site / "index.html", site=site, viewport=WIDE) as page:
        said = page.get_by_role("status")
        assert said.inner_text() == ""
        for words, count in (("rand", "1 of 4 shown"), ("nobody", "none of 4 shown"), ("", "")):
            page.get_by_label("Filter optimizers").fill(words)
            assert said.inner_text() == count


@pytest.mark.parametrize("name", ["index.html", "optimizers.html", "optimizers/c.html"])
def test_a_narrow_table_shows_that_it_scrolls_and_can_be_scrolled_by_keys(chromium: Any, site: Path, name: str) -> None:
    with opened(chromium, site / name, site=site, viewport=NARROW) as page:
        until(page, "document.querySelector('.wide:has(table).scrolls') !== null")
        table = page.locator(".wide:has(table)").first
        table.focus()
        page.keyboard.press("ArrowRight")
        until(page, "document.activeElement.scrollLeft > 0")


def test_names_that_stay_in_sight_are_not_drawn_over(chromium: Any, site: Path) -> None:
    with opened(chromium, site / "index.html", site=site, viewport=NARROW) as page:
        on_top = page.evaluate(
            """() => {
              const wide = document.querySelector(".wide"), name = wide.querySelector("tbody th");
              const marks = [...name.parentElement.querySelectorAll(".interval")];
              return marks.map((mark) => {
                wide.scrollLeft += mark.getBoundingClientRect().left - name.getBoundingClientRect().left;
                const { left, top, height } = mark.getBoundingClientRect();
                return name.contains(document.elementFromPoint(left + 4, top + height / 2));
              });
            }"""
        )
        assert on_top and all(on_top)


@pytest.mark.parametrize(
    ("name", "lines"), [("optimizers/c.html", ["c", "median of the others", "random"]), ("tasks/toy-f1.html", None)]
)
def test_charts_are_drawn(chromium: Any, site: Path, name: str, lines: list[str] | None) -> None:
    with opened(chromium, site / name, site=site, viewport={"width": 1280, "height": 4000}) as page:
        until(page, "document.querySelector('figure[data-chart] svg .series .line') !== null")
        shown = page.locator("#legend .name").all_inner_texts()
        assert sorted(shown) == sorted(lines or ["random", "a", "b", "c"])
        series = page.locator("figure[data-chart] .series[data-optimizer]")
        drawn = {series.nth(place).get_attribute("data-optimizer") for place in range(series.count())}
        assert len(drawn) == len(shown)


def test_without_scripts_all_is_there_to_read(chromium: Any, site: Path) -> None:
    with opened(chromium, site / "index.html", site=site, viewport=WIDE, java_script_enabled=False) as page:
        assert len(names(page)) == 4


def test_it_can_be_printed(chromium: Any, site: Path) -> None:
    with opened(chromium, site / "index.html", site=site, viewport=WIDE) as page:
        page.emulate_media(media="print")
        assert not page.locator("nav.boards").is_visible() and not page.locator(".filters").first.is_visible()
        assert page.pdf(format="A4").startswith(b"%PDF")
