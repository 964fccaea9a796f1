"""Writing the site: a board per choice of tasks, a page per optimizer and per task, and the files that they share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from optathlon.analysis.metrics.coverage import has_failed
from optathlon.analysis.metrics.objectives import objective_label, row_of
from optathlon.analysis.report import assets, cells
from optathlon.analysis.report.assets import script, style
from optathlon.analysis.report.packing import json_script
from optathlon.analysis.report.steps import Tell, silent, steps
from optathlon.archive.leaderboard import optimizer_page, task_page
from optathlon.archive.leaderboard.addresses import addresses
from optathlon.archive.leaderboard.boards import Board, boards
from optathlon.archive.leaderboard.facts import OBSERVATIONS, facts_of, overhead_of, overheads, versions
from optathlon.archive.leaderboard.regime import Regime, regimes
from optathlon.errors import UsageError
from optathlon.redaction import without_known_secrets
from optathlon.results.frames import Results

FACETS = {
    "all": "Overall",
    "type": "Type of task",
    "space": "Search space",
    "size": "Hyperparameters",
    "overhead": "Overhead",
}
"""The kinds of boards, as the site calls them."""

_MANIFEST = "files.txt"
"""The files of the last leaderboard in the folder, by name."""


def write_leaderboard(
    results: Results, out_dir: str | Path, *, title: str = "Leaderboard", seed: int = 0, tell: Tell = silent
) -> Path:
    """Write a static site that opens from a file: `index.html`, `boards/`, `optimizers/` and `tasks/`.

    Parameters
    ----------
    results:
        As `optathlon.load` returns them; of several folders as `together` does. Incumbents are enough.
    out_dir:
        The folder to write to; made if absent. What an earlier leaderboard left there is removed.
    title:
        The heading of the first page.
    seed:
        Seeds the bootstrap. The same results and seed give the same bytes.
    tell:
        Told how far it is.

    Returns
    -------
    The path of `index.html`. Raises `UsageError` where there are no runs, where no two optimizers ran the same task,
    and where the folder holds something else than a leaderboard.
    """
    if results.runs.empty:
        raise UsageError("these results hold no runs: there is nothing to rank; run an experiment first")
    out = Path(out_dir)
    earlier = _earlier(out)
    site = _Site(results, title, seed, tell)
    pages = {
        **site.boards(),
        **site.optimizers(),
        **site.tasks(),
        "style.css": str(style()) + "\n" + _asset("leaderboard.css"),
        "charts.js": str(script()) + "\n",
        "cues.js": (files(assets) / "cues.js").read_text(encoding="utf-8"),
        "tables.js": _asset("tables.js"),
    }
    for path in earlier:
        path.unlink(missing_ok=True)
    for name, text in pages.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(without_known_secrets(text), encoding="utf-8")
    (out / _MANIFEST).write_text("\n".join([*pages, _MANIFEST]) + "\n", encoding="utf-8")
    return out / "index.html"


class _Site:
    """All pages, as text by the name of their file."""

    def __init__(self, results: Results, title: str, seed: int, tell: Tell) -> None:
        self._tell = tell
        self._title = title
        self._regimes = regimes(results, seed)
        self._boards = {regime: [*boards(regime, _costs(regime))] for regime in self._regimes}
        if not any(self._boards.values()):
            raise UsageError("no two optimizers ran the same task: there is nothing to rank; run more of them")
        names = sorted({name for regime in self._regimes for name in regime.analysis.optimizers})
        tasks = {str(task) for regime in self._regimes for task in regime.analysis.final_losses.index.unique("task")}
        self._optimizers, self._tasks = addresses(names), addresses(tasks)
        self._facts = {name: facts_of(name) for name in names}
        self._versions: dict[str, str] = {}
        for regime in self._regimes:
            self._versions |= versions(regime.analysis.results.runs)
        self._environment = _environment()
        self._environment.globals.update(
            optimizer_address=self._optimizers,
            task_address=self._tasks,
            facts=self._facts,
            versions=self._versions,
            overhead_of=overhead_of,
            facets=FACETS,
            title=title,
            until=_until(results.runs),
            many_regimes=len(self._regimes) > 1,
        )

    def boards(self) -> dict[str, str]:
        """A page per board; the first one is the site's first page."""
        found = [(regime, board) for regime in self._regimes for board in self._boards[regime]]
        first = min(found, key=lambda pair: pair[1].facet != "all")
        links = {id(board): "index.html" if board is first[1] else _file(regime, board) for regime, board in found}
        pages = {}
        for regime, board in steps("boards", found, self._tell):
            pages[links[id(board)]] = self._page(
                "board.html",
                links[id(board)],
                board=board,
                regime=regime,
                choices=self._choices(regime, links),
                regimes=[(each.title, links[id(self._like(each, board))], each is regime) for each in self._regimes],
                rows=board.table.reset_index().to_dict("records"),
                scope=self._scope,
                is_first=board is first[1],
                current=links[id(board)],
            )
        return pages

    def optimizers(self) -> dict[str, str]:
        """A page per optimizer, and the list of all."""
        kinds = {regime: optimizer_page.Kinds(regime) for regime in self._regimes}
        pages = {
            f"optimizers/{address}.html": self._optimizer(name, address, kinds)
            for name, address in steps("optimizers", [*self._optimizers.items()], self._tell)
        }
        rows = [self._optimizer_row(name) for name in self._optimizers]
        return pages | {"optimizers.html": self._page("optimizers.html", "optimizers.html", rows=rows)}

    def tasks(self) -> dict[str, str]:
        """A page per task, and the list of all."""
        pages = {
            f"tasks/{address}.html": self._task(task, address)
            for task, address in steps("tasks", [*self._tasks.items()], self._tell)
        }
        rows = [self._task_row(task) for task in self._tasks]
        titles = [regime.title for regime in self._regimes]
        return pages | {"tasks.html": self._page("tasks.html", "tasks.html", rows=rows, regimes=titles)}

    @cached_property
    def _scope(self) -> list[tuple[str, str]]:
        runs = sum(len(regime.analysis.losses) for regime in self._regimes)
        able = {name for regime in self._regimes for name in regime.ran.columns}
        unable = len(self._optimizers) - len(able)
        return [
            (f"{len(able):,}", "optimizers"),
            *([(f"{unable:,}", "more can't do any of the tasks")] if unable else []),
            (f"{len(self._tasks):,}", "tasks"),
            (f"{runs:,}", "runs"),
            (" and ".join(regime.title for regime in self._regimes), "budget"),
        ]

    def _choices(self, regime: Regime, links: Mapping[int, str]) -> list[tuple[str, list[tuple[str, str]]]]:
        """By kind of board, the boards of a regime with their addresses."""
        found: dict[str, list[tuple[str, str]]] = {}
        for board in self._boards[regime]:
            found.setdefault(FACETS[board.facet], []).append((board.title, links[id(board)]))
        return [*found.items()]

    def _like(self, regime: Regime, board: Board) -> Board:
        """The same board of another regime, or its first one."""
        own = self._boards[regime]
        return next((each for each in own if (each.facet, each.title) == (board.facet, board.title)), own[0])

    def _optimizer(self, name: str, address: str, kinds: Mapping[Regime, optimizer_page.Kinds]) -> str:
        chart, shown = optimizer_page.course_chart(self._regimes, name)
        known = [kind for found in kinds.values() for kind in found.of(name)]
        return self._page(
            "optimizer.html",
            f"optimizers/{address}.html",
            name=name,
            milliseconds=[*zip(OBSERVATIONS, overheads().get(name.partition("[")[0], ()), strict=False)],
            places=[
                place for regime in self._regimes for place in optimizer_page.places(regime, self._boards[regime], name)
            ],
            kinds=known,
            extremes=optimizer_page.extremes([kind for kind in known if kind.regime == self._regimes[0].title]),
            tasks=[one for regime in self._regimes for one in optimizer_page.on_tasks(regime, name)],
            failures=optimizer_page.failures(self._regimes, name),
            data=json_script(optimizer_page.chart_data(chart, shown, "course")) if chart["views"] else "",
        )

    def _task(self, task: str, address: str) -> str:
        regime = next(each for each in self._regimes if task in each.analysis.results.tasks.index)
        row = row_of(regime.analysis.results.tasks, task)
        chart, shown = task_page.curve_chart(self._regimes, task)
        return self._page(
            "task.html",
            f"tasks/{address}.html",
            name=task,
            row=row,
            features=regime.analysis.features.loc[task],
            best=task_page.best_known(self._regimes, task),
            label=objective_label(row),
            rows=[one for each in self._regimes for one in task_page.results_on(each, task)],
            space=task_page.search_space(row),
            data=json_script(optimizer_page.chart_data(chart, shown, "curves")) if chart["views"] else "",
        )

    def _optimizer_row(self, name: str) -> dict[str, Any]:
        ran = [regime.ran[name] for regime in self._regimes if name in regime.ran]
        failed = [has_failed(_of(regime.analysis.results.runs, name)).sum() for regime in self._regimes]
        return {
            "name": name,
            "tasks": len({task for one in ran for task in one.index[one > 0]}),
            "runs": int(sum(one.sum() for one in ran)),
            "failed": int(sum(failed)),
        }

    def _task_row(self, task: str) -> dict[str, Any]:
        regime = next(each for each in self._regimes if task in each.analysis.results.tasks.index)
        finals = [each.curves.best_first(task) if task in each.curves.finals else [] for each in self._regimes]
        features = regime.analysis.features.loc[task]
        return {
            "name": task,
            "features": features,
            "best": [names[0] if names else "" for names in finals],
            "optimizers": max(map(len, finals)),
        }

    def _page(self, template: str, file: str, /, **known: Any) -> str:
        return self._environment.get_template(template).render(root="../" * file.count("/"), **known)


def _of(runs: pd.DataFrame, name: str) -> pd.DataFrame:
    return runs[(runs["optimizer"] == name).to_numpy()]


def _costs(regime: Regime) -> dict[str, float]:
    """Milliseconds per trial of the regime's optimizers, where they were measured."""
    costs = {name: overhead_of(name) for name in regime.analysis.optimizers}
    return {name: cost for name, cost in costs.items() if pd.notna(cost)}


def _file(regime: Regime, board: Board) -> str:
    (words,) = addresses([f"{board.facet}-{board.title}"]).values()
    return f"boards/{regime.name}-{words}.html"


def _until(runs: pd.DataFrame) -> str:
    """The day of the last run; empty where it isn't stored."""
    started = pd.to_datetime(runs["started"], utc=True).dropna()
    return f"{started.max():%Y-%m-%d}" if len(started) else ""


def _asset(name: str) -> str:
    return (files(__package__) / "assets" / name).read_text(encoding="utf-8")


def _earlier(out: Path) -> list[Path]:
    """What an earlier leaderboard wrote; `UsageError` where the folder holds something else."""
    manifest = out / _MANIFEST
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return []
    if not manifest.is_file() or "optimizers.html" not in manifest.read_text(encoding="utf-8").splitlines():
        raise UsageError(f"{str(out)!r} is not a leaderboard: give a folder that is empty or not there yet")
    paths = (out / name for name in manifest.read_text(encoding="utf-8").splitlines())
    return [path for path in paths if path.resolve().is_relative_to(out.resolve())]


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("optathlon.archive.leaderboard", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    for function in (cells.number, cells.fixed, cells.whole, cells.percent, _share, _listed):
        environment.filters[function.__name__.lstrip("_")] = function
    return environment


def _share(value: float) -> str:
    """A share as whole percents; a dash where it is missing."""
    return cells.MISSING if pd.isna(value) else f"{100 * round(value, 9):.0f} %"


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words)


__all__ = ["FACETS", "write_leaderboard"]
