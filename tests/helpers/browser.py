"""A headless browser for the report page."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def browser() -> Iterator[Any]:
    """The Chromium of this machine; skips the test where there is none."""
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")
    with playwright.sync_playwright() as engine:
        chromium = engine.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@contextmanager
def opened(chromium: Any, path: Path, *, address: str = "", site: Path | None = None, **context: Any) -> Iterator[Any]:
    """A page opened from a file, that must neither ask for anything else, outside its `site`, nor complain."""
    trouble: list[str] = []
    requests: list[str] = []
    scope = chromium.new_context(**context)
    page = scope.new_page()
    page.on("console", lambda message: trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("request", lambda request: requests.append(request.url.split("#")[0]))
    page.goto(path.as_uri() + address)
    yield page
    scope.close()
    assert trouble == []
    assert path.as_uri() in requests
    assert all(url == path.as_uri() or (site and url.startswith(site.as_uri() + "/")) for url in requests)


def until(page: Any, holds: str | Callable[[], bool], *, seconds: float = 30.0) -> None:
    """Wait until an expression of JavaScript, or a function, is true.

    Playwright's own `wait_for_function` looks again by `eval`, which the policy of our pages forbids.
    """
    end = time.monotonic() + seconds
    while not (page.evaluate(holds) if isinstance(holds, str) else holds()):
        assert time.monotonic() < end, f"not within {seconds:g} seconds: {holds}"
        page.wait_for_timeout(20)
