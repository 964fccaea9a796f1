"""`optathlon init`: a commented file to begin one's own optimizer or task with."""

from __future__ import annotations

import re
import shlex
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from optathlon.cli.flags import path_argument
from optathlon.cli.output import show
from optathlon.errors import UsageError


class Kind(StrEnum):
    """What can be begun."""

    optimizer = "optimizer"
    task = "task"


_FILES = {Kind.optimizer: "my_optimizer.py", Kind.task: "train.py"}
"""What the templates are called, and so what is written by default."""


def init(
    kind: Annotated[Kind, typer.Argument(help="What to begin.")],
    file: Annotated[
        Path | None, path_argument(help="The Python file to write. Default: my_optimizer.py or train.py.")
    ] = None,
) -> None:
    """Write a commented Python file that is a working optimizer or task, to be made one's own."""
    path = file or Path(_FILES[kind])
    name = _name(path, kind)
    template = files("optathlon.cli.templates").joinpath(f"{kind}.py").read_text("utf-8")
    text = template.replace(_FILES[kind], path.name).replace("MyOptimizer", name).replace("mine/train", f"mine/{name}")
    try:
        with path.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise UsageError(
            f"{str(path)!r} exists already: give another name, as `optathlon init {kind} FILE.py`"
        ) from None
    except OSError as error:
        raise UsageError(f"can't write {str(path)!r}: {error.strerror}: give another name") from None
    show(f"wrote {path}; next:")
    for command in _next(kind, shlex.quote(str(path)), name):
        show(f"  optathlon {command}")


def _name(path: Path, kind: Kind) -> str:
    """The class's name, or the last part of the task's id; `UsageError` where the file's name gives none."""
    from optathlon.registry.plugins import kebab, optimizer_names

    if path.suffix != ".py":
        raise UsageError(f"{str(path)!r} is not a Python file: give a name that ends with .py")
    words = re.findall(r"[^\W_]+", path.stem)
    if not "".join(words).isidentifier():
        raise UsageError(f"{path.name!r} makes no name: give one that begins with a letter, as {_FILES[kind]}")
    if kind is Kind.task:
        return "-".join(words).lower()
    name = "".join(word[0].upper() + word[1:] for word in words)
    if kebab(name) in optimizer_names():
        raise UsageError(
            f"there is an optimizer {kebab(name)!r} already: give the file another name than {path.name!r}"
        )
    return name


def _next(kind: Kind, path: str, name: str) -> list[str]:
    match kind:
        case Kind.optimizer:
            grid = f"run -o {path}:{name} -o random -t 'bbob/f1/d2/i*' --seeds 5 --out out"
            return [f"check {path}", grid, "report out"]
        case Kind.task:
            grid = f"run --plugin {path} -t mine/{name} -o random -o optuna-tpe --seeds 5 --out out"
            return [f"check {path}", f"tune {path}:train -o optuna-tpe", grid]
