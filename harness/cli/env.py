"""`optathlon env`: virtual environments of optimizers whose libraries can't be installed beside the others."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Annotated

import typer

from optathlon.cli.output import show
from optathlon.environment import Environment
from optathlon.errors import UsageError, unknown

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Make environments that optimizers need, without a question.")]
group = typer.Typer(help="Make, list and remove environments of optimizers whose libraries need one of their own.")


@group.command("create")
def create(name: Annotated[str, typer.Argument(help="Of the environment, as `optathlon env list` shows it.")]) -> None:
    """Make an environment: with uv where it is there, else with venv and pip. Their settings for indexes hold."""
    from optathlon.remote import environments

    known = _known()
    if name not in known:
        raise unknown("environment", name, known)
    made = environments.create(known[name], _say)
    show(f"{name} is ready: Python {made.python_version}, {len(made.packages)} packages in {made.folder}")


@group.command("list")
def list_environments() -> None:
    """List the environments that optimizers need, and which of them are there."""
    from optathlon.registry.optimizers import optimizer_class
    from optathlon.remote import environments

    users: dict[str, list[str]] = {}
    for id in _optimizers_with_one():
        environment = optimizer_class(id).environment
        if environment is not None:
            users.setdefault(environment.name, []).append(id)
    known = _known()
    for name, environment in sorted(known.items()):
        show(f"{name}  {environments.missing(environment) or 'ready'}  (for {', '.join(users[name])})")
    for made in environments.all_made():
        if made.name not in known:
            show(f"{made.name}  needed by nothing: optathlon env remove {made.name}")
    show(f"in {environments.environments_root()}")


@group.command("remove")
def remove(name: Annotated[str, typer.Argument(help="Of the environment.")]) -> None:
    """Remove an environment."""
    from optathlon.remote import environments

    show(f"removed {environments.remove(name)}")


def offer_environments(ids: Iterable[str], yes: bool) -> None:
    """Make the environments that these optimizers lack, after a question on a terminal, or with `yes`.

    Otherwise nothing happens: whoever needs one says so.
    """
    from optathlon.registry.optimizers import optimizer_class
    from optathlon.registry.options import parse_options
    from optathlon.remote import environments

    lacking: dict[str, Environment] = {}
    for id in ids:
        try:
            environment = optimizer_class(parse_options(id)[0].partition("=")[2] or parse_options(id)[0]).environment
        except UsageError:  # the plan says what is wrong with it
            continue
        if environment is not None and environments.missing(environment):
            lacking[environment.name] = environment
    for name, environment in lacking.items():
        if yes or (sys.stdin.isatty() and typer.confirm(f"Make the environment {name!r} (optathlon env create)?")):
            environments.create(environment, _say)


def _known() -> dict[str, Environment]:
    """The environments that registered optimizers declare, by name."""
    from optathlon.registry.optimizers import optimizer_class

    declared = (optimizer_class(id).environment for id in _optimizers_with_one())
    return {environment.name: environment for environment in declared if environment is not None}


def _optimizers_with_one() -> list[str]:
    from optathlon.registry.optimizers import optimizer_class
    from optathlon.registry.plugins import optimizer_names

    found = []
    for name in optimizer_names():
        try:
            if optimizer_class(name).environment is not None:
                found.append(name)
        except UsageError:  # a broken package has none
            continue
    return found


def _say(text: str) -> None:
    show(text, file=sys.stderr)
