"""`optathlon best`: the best configurations of a results folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from optathlon.cli.flags import path_argument, whole_number
from optathlon.cli.json_documents import json_text
from optathlon.cli.output import show
from optathlon.cli.source import Optimizers, Tasks
from optathlon.errors import UsageError

if TYPE_CHECKING:
    from optathlon.results.best import BestConfiguration, BestOfTask
    from optathlon.results.frames import Results


_ACCURACY = "judge/accuracy"
"""The metric of how often a judge of answers preferred the right one of a right and a wrong one."""


class Form(StrEnum):
    """How configurations are printed."""

    table = "table"
    json = "json"
    python = "python"
    yaml = "yaml"


def best(
    results: Annotated[Path, path_argument(help="Results folder.")],
    top: Annotated[
        int | None, whole_number("--top", "-n", help="How many. Default: one, or the Pareto set of several objectives.")
    ] = None,
    optimizers: Optimizers = None,
    tasks: Tasks = None,
    form: Annotated[
        Form, typer.Option("--as", help="As a table, as JSON, or to paste into Python or YAML.")
    ] = Form.table,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --as json.")] = False,
) -> None:
    """Print the best configurations of each task: feasible ones, at the full level."""
    from optathlon.results.best import best_of_folder

    if top is not None and top < 1:
        raise UsageError(f"--top is {top}: give a number from 1 on")
    if as_json and form not in (Form.table, Form.json):
        raise UsageError(f"--json and --as {form} say different things: give one of them")
    found = best_of_folder(results, top, optimizers=optimizers, tasks=tasks)
    if not found:
        raise UsageError(f"{str(results)!r} has no runs yet: see `optathlon status {results}`")
    show("\n".join(_lines(found, Form.json if as_json else form)))


def print_best(results: Results) -> None:
    """Print a table of the best configurations of these results."""
    from optathlon.results.best import best_configurations

    show("\n".join(_lines(best_configurations(results), Form.table)))


def _lines(found: Sequence[BestOfTask], form: Form) -> Iterator[str]:
    match form:
        case Form.table:
            for place, one in enumerate(found):
                yield from [""] * (place > 0)
                yield from _table(one)
        case Form.json:
            yield json_text({"tasks": [asdict(one) for one in found]})
        case Form.python:
            yield from _python(found)
        case Form.yaml:
            yield from _yaml(found)


def _table(found: BestOfTask) -> Iterator[str]:
    """A heading, and a line per configuration with aligned columns; its hyperparameters come last."""
    yield f"{_named(found)}: {_objectives(found)}{_how_many(found)}"
    if found.note:
        yield f"  {found.note}"
    judged = any(_ACCURACY in one.metrics for one in found.best)
    head = ["", *found.directions, *["judge right"] * judged, "optimizer", "seed", "trial", "configuration"]
    rows = [head] if found.best else []
    for place, one in enumerate(found.best, start=1):
        config = ", ".join(f"{name}={value!r}" for name, value in one.config.items())
        numbers = [f"{value:.6g}" for value in one.values.values()]
        if judged:
            numbers.append(f"{one.metrics[_ACCURACY]:.0%}" if _ACCURACY in one.metrics else "unknown")
        repeated = f" (of {one.times})" if one.times > 1 else ""
        rows.append([str(place), *numbers, one.optimizer, str(one.seed), f"{one.trial}{repeated}", config])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def _how_many(found: BestOfTask) -> str:
    if len(found.directions) > 1 and found.best:
        shown = "" if len(found.best) == found.of else f", {len(found.best)} of them"
        return f"; the Pareto set of {found.of}{shown}"
    return ""


def _python(found: Sequence[BestOfTask]) -> Iterator[str]:
    """One configuration as `config`, several as lists by task."""
    if only := _only(found):
        yield f"# {_named(found[0])}: {_remark(only)}"
        yield from _assigned("config", _tupled(only.config))
        return
    yield "configs = {"
    for one in found:
        yield f"    {_named(one)!r}: [" + ("" if one.best else f"],  # {one.note}")
        for configuration in one.best:
            yield f"        {_tupled(configuration.config)!r},  # {_remark(configuration)}"
        yield from ["    ],"] * bool(one.best)
    yield "}"


def _assigned(name: str, config: dict[str, Any]) -> Iterator[str]:
    yield f"{name} = {{"
    for key, value in config.items():
        yield f"    {key!r}: {value!r},"
    yield "}"


def _yaml(found: Sequence[BestOfTask]) -> Iterator[str]:
    import yaml

    def dumped(config: dict[str, Any]) -> list[str]:
        text: str = yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=1_000_000)
        return text.splitlines()

    if only := _only(found):
        yield f"# {_named(found[0])}: {_remark(only)}"
        yield from dumped(only.config)
        return
    for one in found:
        yield f"{dumped({_named(one): None})[0].rpartition(':')[0]}:" + ("" if one.best else f" []  # {one.note}")
        for configuration in one.best:
            yield f"  # {_remark(configuration)}"
            yield from (
                f"  {'- ' if line == 0 else '  '}{text}" for line, text in enumerate(dumped(configuration.config))
            )


def _only(found: Sequence[BestOfTask]) -> BestConfiguration | None:
    """The configuration, where there is no other."""
    return found[0].best[0] if len(found) == 1 and len(found[0].best) == 1 else None


def _remark(one: BestConfiguration) -> str:
    values = ", ".join(f"{name} {value:.6g}" for name, value in one.values.items())
    return f"{values}; {one.optimizer}, seed {one.seed}, trial {one.trial}"


def _named(found: BestOfTask) -> str:
    return found.task if found.version == "1" else f"{found.task} (version {found.version})"


def _objectives(found: BestOfTask) -> str:
    return ", ".join(f"{direction} {name}" for name, direction in found.directions.items())


def _tupled(value: Any) -> Any:
    """The value with tuples for the lists that JSON has in their place, as choices are never lists."""
    if isinstance(value, dict):
        return {key: _tupled(one) for key, one in value.items()}
    return tuple(map(_tupled, value)) if isinstance(value, list) else value
