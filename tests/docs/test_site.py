"""The site is built without a warning, all of its links lead somewhere, and it works as files, without any network."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin, urlparse

import pytest
from browser import browser
from pages import undocumented

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    "index.html",
    "docs/optimizers.html",
    "docs/command-line.html",
    "docs/gallery.html",
    "python/optathlon.analysis.html",
)

pytestmark = [pytest.mark.slow, pytest.mark.browser]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, with the gallery's reports."""
    if importlib.util.find_spec("zensical") is None:
        pytest.skip("needs optathlon[docs]")
    out = tmp_path_factory.mktemp("docs")
    script = ROOT / "docs" / "site" / "build.py"
    done = subprocess.run(
        [sys.executable, script, "--out", out], capture_output=True, text=True, timeout=1500, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return out / "site"


class Anchors(HTMLParser):
    """What a page links to and loads, and what can be linked to in it."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.ids: set[str] = set()
        self.feed(page.read_text("utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attributes}
        self.ids |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag in ("script", "img", "iframe", "link"):
            self.loaded += [found[name] for name in ("src", "href") if name in found]


def test_every_link_leads_somewhere(site: Path) -> None:
    pages = {
        page: Anchors(page)
        for page in site.rglob("*.html")
        if "gallery" not in page.parts[:-1] and page.name != "404.html"
    }
    assert len(pages) > 40
    broken = [f"{page.relative_to(site)}: {link}" for page, found in pages.items() for link in lost(page, found, pages)]
    assert broken == []


def lost(page: Path, found: Anchors, pages: dict[Path, Anchors]) -> Iterator[str]:
    """The links of a page, to files, that lead nowhere."""
    for link in [*found.links, *found.loaded]:
        address, anchor = urldefrag(urljoin(page.as_uri(), link))
        if urlparse(address).scheme == "file":
            target = Path(unquote(urlparse(address).path))
            if not target.is_file() or (anchor and target in pages and unquote(anchor) not in pages[target].ids):
                yield link


def test_nothing_comes_from_other_servers(site: Path) -> None:
    loaded = {address for page in site.rglob("*.html") for address in Anchors(page).loaded}
    assert loaded and not [address for address in loaded if urlparse(address).scheme or address.startswith("//")]
    assert not [
        sheet for sheet in site.rglob("*.css") if re.search(r"url\(\s*['\"]?(https?:)?//", sheet.read_text("utf-8"))
    ]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as engine:
        yield engine


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_open_as_files(site: Path, chromium: Any, width: int, scheme: str) -> None:
    scope = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = scope.new_page()
    trouble: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    for name in PAGES:
        page.goto((site / name).as_uri())
        assert page.locator("h1").first.is_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        assert page.evaluate("document.body.dataset.mdColorScheme") == {"light": "default", "dark": "slate"}[scheme]
    scope.close()
    assert trouble == []
    assert {urlparse(request).scheme for request in requests} == {"file"}


def test_the_search_finds_pages_and_leads_to_them(site: Path, chromium: Any) -> None:
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.goto((site / "index.html").as_uri())
    page.keyboard.press("Control+k")
    page.keyboard.type("virtual clock charge overhead")
    page.get_by_role("option", name="Two clocks").click()
    page.wait_for_url(re.compile(r"/docs/execution\.html.*#two-clocks$"))
    page.close()


def test_the_gallery_has_reports(site: Path, chromium: Any) -> None:
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.goto((site / "docs" / "gallery.html").as_uri())
    reports = page.get_by_role("link", name="Open the report").evaluate_all("all => all.map(one => one.href)")
    assert len(reports) == 4
    for report in reports:
        page.goto(report)
        assert page.locator("figure svg").first.is_visible()
    page.close()


def test_the_gallery_has_the_leaderboard(site: Path, chromium: Any) -> None:
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.goto((site / "docs" / "gallery.html").as_uri())
    page.get_by_role("link", name="Open the leaderboard").click()
    assert page.get_by_role("heading", name="Leaderboard").is_visible()
    assert page.locator("table tbody tr").count() > 10
    page.close()


def test_the_tables_of_the_reports_are_documented(site: Path) -> None:
    folders = [*(site / "docs" / "gallery").glob("*/figures")]
    assert len(folders) == 4
    assert sorted({column for folder in folders for column in undocumented(folder)}) == []
