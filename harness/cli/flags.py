"""Flags that several commands have."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from optathlon.cli.candidates import optimizer_ids
from optathlon.cli.names import separated
from optathlon.errors import UsageError
from optathlon.paths import expanded

LAST_SEED = 2**32 - 1
"""The largest that every generator of random numbers takes."""


def path_argument(*, help: str, metavar: str | None = None) -> Any:
    """An argument that takes a path; also a quoted `~`, which the shell leaves, is the home folder."""
    return typer.Argument(help=help, metavar=metavar, parser=expanded)


def path_option(*names: str, help: str) -> Any:
    """An option that takes a path, as `path_argument`."""
    return typer.Option(*names, help=help, metavar="PATH", parser=expanded)


Plugins = Annotated[
    list[Path] | None,
    path_option("--plugin", help="Python file with optimizers and tasks, or a table descriptor. Repeatable."),
]
TrialTimeout = Annotated[str | None, typer.Option(help="End trials that take longer: 60s, 10min, 2h.", metavar="TIME")]
TrialMemory = Annotated[
    str | None, typer.Option(help="End trials that take more memory: 500MB, 4GiB.", metavar="MEMORY")
]
RunTimeout = Annotated[
    str | None, typer.Option(help="End runs that take longer; their trials are kept.", metavar="TIME")
]


def _whole(text: str) -> int:
    """A whole number as an experiment file takes it: `1_0`, which `int` reads as 10, is none."""
    from optathlon.plain_numbers import plain  # which loads pydantic

    try:
        return int(plain(text))
    except ValueError:
        raise typer.BadParameter(f"give a whole number such as 10, not {text[:40]!r}") from None


def whole_number(*names: str, help: str) -> Any:
    """An option that takes a whole number."""
    return typer.Option(*names, help=help, parser=_whole, metavar="INTEGER")


def _seconds(text: str) -> float:
    """Seconds of `60`, `60s` or `10min`; more than none."""
    from optathlon.budget import LONGEST_S, parse_duration
    from optathlon.errors import UsageError

    try:
        seconds = float(text) if text.replace(".", "", 1).isdecimal() else parse_duration(text)
    except UsageError as error:
        raise typer.BadParameter(str(error)) from None
    if not 0 < seconds <= LONGEST_S:
        raise typer.BadParameter(f"give a time such as 60s or 10min, up to ten years, not {text[:40]!r}")
    return seconds


def duration_option(*names: str, help: str) -> Any:
    """An option that takes a duration, in seconds where it has no unit."""
    return typer.Option(*names, help=help, parser=_seconds, metavar="TIME")


FailFast = Annotated[int | None, whole_number(help="End runs of which the first so many trials have all failed.")]
KeepOld = Annotated[
    bool | None, typer.Option("--keep-old", help="Keep results of the same optimizers that other code gave.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs, as docs/json.md describes it.")]
OPTIONAL_VALUES = {"--baselines": "--baselines=*"}
"""Flags that need no value, with the one that they have without."""

Baselines = Annotated[
    str | None,
    typer.Option(
        "--baselines",
        help="Beside the results that ship, of all optimizers or of NAME,NAME (patterns): --baselines=optuna-*,smac-*.",
        metavar="[=NAMES]",
    ),
]
Isolate = Annotated[bool | None, typer.Option("--isolate", help="Evaluate every task in processes of their own.")]
Executor = Annotated[
    str | None, typer.Option(help="Where runs are done: local, dask, ray, slurm, … Default: local.", metavar="KIND")
]
ExecutorOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--executor-option", "-x", help="Option of the executor, e.g. time=2h. Repeatable.", metavar="KEY=VALUE"
    ),
]
Shard = Annotated[str | None, typer.Option(help="Only the i-th of n parts of the runs: 2/5.", metavar="I/N")]
Fresh = Annotated[
    list[str] | None,
    typer.Option(
        help="Do this optimizer's runs again that other code did than it has now. Repeatable, or separated by commas.",
        metavar="PATTERN",
        callback=separated,
        autocompletion=optimizer_ids,
    ),
]


def executor_section(executor: str | None, options: Iterable[str] | None) -> dict[str, str]:
    """What flags say of the executor, as the section of an experiment file; empty where they say nothing."""
    section = {} if executor is None else {"kind": executor}
    for option in options or ():
        key, equals, value = option.partition("=")
        if not (key and equals):
            raise UsageError(f"can't read the executor's option {option!r}: write --executor-option key=value")
        if key == "kind":
            raise UsageError(f"the executor's kind is given by a flag of its own: write --executor {value}")
        section[key] = value
    return section
