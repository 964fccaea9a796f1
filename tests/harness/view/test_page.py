"""The page in a real browser, while a grid runs, is killed, and is resumed."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import browser
from grids import wait_for
from viewing import viewing

from optathlon.results.folder import ResultsFolder

pytest.importorskip("starlette", reason="the extra 'view' is not installed")
pytest.importorskip("uvicorn", reason="the extra 'view' is not installed")
pytestmark = [pytest.mark.browser, pytest.mark.processes]

Start = Callable[..., "subprocess.Popen[str]"]
Command = Callable[..., "subprocess.CompletedProcess[str]"]

WIDE: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}

PLUGIN = """
import os
import time

from optathlon import as_task

CALLS = []
HOSTILE = "<img src=x onerror=document.title='owned'>" + "very-long-" * 30


@as_task("mixed/good", space={"x": (0.0, 1.0)}, budget=3)
def good(config):
    # a process waits after 30 trials for the first gate, where there are gates, and after 90 for the second
    CALLS.append(1)
    for gate, after in zip(os.environ.get("GATES", "").split(), (30, 90)):
        while len(CALLS) > after and not os.path.exists(gate):
            time.sleep(0.05)
    time.sleep(0.02)
    return config["x"]


@as_task("mixed/bad", space={"x": (0.0, 1.0)}, budget=1)
def bad(config):
    raise RuntimeError(HOSTILE)
"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as found:
        yield found


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "mixed.py"
    path.write_text(PLUGIN)
    return path


class Watched:
    """A page that must not complain of anything."""

    def __init__(self, chromium: Any, address: str, **context: Any) -> None:
        self.trouble: list[str] = []
        self.page = chromium.new_context(**context).new_page()
        self.page.set_default_timeout(240_000)
        self.page.on("console", lambda message: self.trouble.append(message.text))
        self.page.on("pageerror", lambda error: self.trouble.append(str(error)))
        self.page.on("crash", lambda: self.trouble.append("the page crashed"))
        self.page.goto(address)
        self.page.locator("#numbers dd").first.wait_for()

    def number(self, name: str) -> int:
        """One of the large numbers, such as how many runs are done (`-1` where it isn't known)."""
        return self.numbers()[name]

    def numbers(self) -> dict[str, int]:
        """All of them, as they stand at one moment: the page may show others at the next."""
        texts = self.page.locator("[data-number]").evaluate_all(
            "all => Object.fromEntries(all.map(one => [one.dataset.number, one.innerText]))"
        )
        found = {name: re.match(r"[\d,]+", text) for name, text in texts.items()}
        return {name: int(digits[0].replace(",", "")) if digits else -1 for name, digits in found.items()}

    def wait(self, condition: Callable[[], object], what: str) -> None:
        def met() -> object:
            self.page.wait_for_timeout(200)
            assert self.trouble == []
            return condition()

        wait_for(met, what)


def stored_runs(out: Path) -> int:
    return ResultsFolder.open(out).finished().num_rows if (out / "optathlon.json").exists() else 0


def follow_a_grid_that_is_killed_and_resumed(
    chromium: Any, start_command: Start, grid: tuple[object, ...], out: Path, runs: int
) -> None:
    """The grid waits for the file `go`, where it knows of it, when the page is there."""
    go, never = out.with_name("go"), out.with_name("never")
    process = start_command("run", *grid, "--out", out, GATES=f"{go} {never}")
    wait_for(lambda: stored_runs(out) > 0, "the first stored run")
    with viewing(start_command, out) as view:
        watched = Watched(chromium, view.address, **WIDE)
        page = watched.page
        assert page.title() == f"{out.name}: Optathlon view"
        first = watched.number("done")
        go.touch()
        watched.wait(lambda: watched.number("done") > first, "progress")
        assert "runs go on" in page.locator("#state").inner_text()
        watched.wait(lambda: page.locator("#running li").count() >= 1, "a run that goes on")
        numbers = watched.numbers()
        assert numbers["done"] + numbers["left"] == runs

        process.kill()
        process.communicate()
        page.locator("#resume code").wait_for()
        assert "nothing runs, and runs are left" in page.locator("#state").inner_text()
        left = runs - stored_runs(out)
        watched.wait(lambda: watched.number("left") == left, "what is left")
        assert left > 0
        resume = page.locator("#resume code").inner_text().split()
        assert resume[:2] == ["optathlon", "resume"]

        driver = start_command(*resume[1:])
        watched.wait(lambda: watched.number("left") < left, "that it goes on")
        said, complaints = driver.communicate(timeout=1200)
        assert driver.returncode in (0, 1), complaints
        assert f"{runs} runs in" in said
        watched.wait(lambda: watched.number("left") == 0, "the end")
        assert watched.number("done") == runs
        page.locator("#resume").wait_for(state="hidden")
        assert "nothing runs" in page.locator("#state").inner_text()
        assert watched.trouble == []


@pytest.mark.smoke
def test_the_page_follows_a_grid_that_is_killed_and_resumed(
    chromium: Any, start_command: Start, plugin: Path, tmp_path: Path
) -> None:
    grid = ("-o", "random", "-o", "sobol", "-t", "mixed/good", "--seeds", 30, "--plugin", plugin)
    follow_a_grid_that_is_killed_and_resumed(chromium, start_command, grid, tmp_path / "out", 60)


@pytest.mark.slow
def test_the_page_follows_ten_thousand_runs(chromium: Any, start_command: Start, tmp_path: Path) -> None:
    grid = ("-o", "random", "-o", "sobol", "-t", "bbob/f*/d2/i1", "--seeds", 210, "--budget", 5, "-j", 2)
    out = tmp_path / "out"
    follow_a_grid_that_is_killed_and_resumed(chromium, start_command, grid, out, 24 * 2 * 210)
    with viewing(start_command, out) as view:
        watched = Watched(chromium, view.address, **WIDE)
        watched.page.get_by_role("button", name="Build the report").click()
        link = watched.page.locator("#report a")
        link.wait_for()
        with watched.page.expect_popup() as popup:
            link.click()
        report = popup.value
        trouble: list[str] = []
        report.on("console", lambda message: trouble.append(message.text))
        report.on("pageerror", lambda error: trouble.append(str(error)))
        report.reload()
        report.locator("figure svg").first.wait_for()
        assert "random" in report.locator("main").inner_text()
        assert (trouble, watched.trouble) == ([], [])


def test_failures_are_shown_with_their_last_lines_and_as_text(
    chromium: Any, start_command: Start, command: Command, plugin: Path, tmp_path: Path
) -> None:
    out = tmp_path / "ünï & <b>out</b>"
    grid = ("-o", "random", "-t", "mixed/*", "--seeds", 3, "--plugin", plugin, "--out", out)
    assert command("run", *grid).returncode == 1
    with viewing(start_command, out) as view:
        for context in (WIDE, PHONE):
            watched = Watched(chromium, view.address, **context)
            page = watched.page
            assert page.locator("h1").inner_text() == out.name
            failure = page.locator("#failures details")
            assert failure.count() == 1
            assert not failure.locator("pre").is_visible()
            failure.locator("summary").click()
            assert failure.locator("pre").inner_text().splitlines()[-1].startswith("RuntimeError: <img src=x onerror=")
            page.wait_for_timeout(2500)
            assert failure.locator("pre").is_visible(), "it stays open"
            assert f"optathlon retry '{out}' --status crashed" in page.locator("#retry").inner_text()
            assert (watched.number("done"), watched.number("failed"), watched.number("left")) == (6, 3, 0)
            assert page.locator("img").count() == 0
            assert page.title() == f"{out.name}: Optathlon view"
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert watched.trouble == []
    with_ended = page.locator("#complaint")
    with_ended.wait_for()
    assert "`optathlon view` has ended" in with_ended.inner_text()


def test_a_folder_that_is_removed_is_told_on_the_page(
    chromium: Any, start_command: Start, plugin: Path, tmp_path: Path
) -> None:
    out, away = tmp_path / "out", tmp_path / "away"
    gate = tmp_path / "gate"
    grid = ("-o", "random", "-t", "mixed/good", "--seeds", 30, "--plugin", plugin, "--out", out)
    process = start_command("run", *grid, GATES=f"{gate} {gate}")
    wait_for(lambda: stored_runs(out) > 0, "the first stored run")
    with viewing(start_command, out) as view:
        watched = Watched(chromium, view.address, **WIDE)
        page = watched.page
        process.kill()
        process.communicate()
        page.locator("#resume code").wait_for()
        out.rename(away)
        page.locator("#complaint").wait_for()
        assert f"the results folder '{out}' is gone" in page.locator("#complaint").inner_text()
        assert "as it was at" in page.locator("#state").inner_text()
        assert not page.locator("#resume").is_visible(), "there is nothing to resume"
        assert page.get_by_role("button", name="Build the report").is_disabled()
        away.rename(out)
        page.locator("#complaint").wait_for(state="hidden")
        page.locator("#resume code").wait_for()
        out.rename(away)
        page.locator("#complaint").wait_for()
        assert watched.trouble == []
    assert view.said[-1] == f"the view has ended; '{out}' is gone"
