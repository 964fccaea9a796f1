"""Random search that begins with given configurations: the space's default one, or those of a portfolio."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optathlon.errors import InvalidConfiguration, UsageError
from optathlon.foreign_file import parse_json, read_text
from optathlon.optimizers.random import RandomSearch
from optathlon.paths import expanded
from optathlon.problem import Problem
from optathlon.space import active_checker, plain
from optathlon.trial import Trial, Value

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

_LARGEST_BYTES = 16 * 2**20
_HINT = "write one by `optathlon portfolio RESULTS --out FILE`"


class DefaultFirst(RandomSearch):
    """The default configuration of the search space, then random search.

    What anyone gets without tuning, and so the least to be beaten. From its second trial on it is `random` with the
    same seed.
    """

    reference = "The default of each hyperparameter, https://automl.github.io/ConfigSpace/latest/"

    def __init__(self, problem: Problem, seed: int) -> None:
        super().__init__(problem, seed)
        self._first = iter([_default(problem.space)])

    def ask(self) -> Trial:
        """Take the default configuration, then draw."""
        return _next(self._first) or super().ask()


class Portfolio(RandomSearch):
    """The configurations of a portfolio in their order, then random search (Feurer et al. 2022).

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    file:
        What `optathlon portfolio` wrote. `UsageError` where a configuration isn't one of the problem's space.
    """

    reference = "Feurer et al. 2022, https://jmlr.org/papers/v23/21-0992.html"

    def __init__(self, problem: Problem, seed: int, *, file: str) -> None:
        super().__init__(problem, seed)
        self._first = iter(_checked(_read(Path(file)), problem.space, file))

    def ask(self) -> Trial:
        """Take the next configuration of the portfolio, then draw."""
        return _next(self._first) or super().ask()


def _next(configurations: Iterator[dict[str, Value]]) -> Trial | None:
    config = next(configurations, None)
    return None if config is None else Trial(config)


def _default(space: ConfigurationSpace) -> dict[str, Value]:
    return {name: plain(value) for name, value in dict(space.get_default_configuration()).items()}


def _read(path: Path) -> list[Mapping[str, Any]]:
    """The configurations of a file; `UsageError` in one line where it is not a portfolio."""
    where = f"the portfolio {str(path)!r}"
    content = parse_json(read_text(expanded(path), "portfolio", most_bytes=_LARGEST_BYTES), where, hint=_HINT)
    found = content.get("configurations") if isinstance(content, dict) else None
    if not isinstance(found, list) or not found or not all(isinstance(one, dict) for one in found):
        raise UsageError(f"{where} lacks `configurations`, a list of objects with a value for each name: {_HINT}")
    return found


def _checked(configurations: list[Mapping[str, Any]], space: ConfigurationSpace, file: str) -> list[dict[str, Value]]:
    """The configurations with their active hyperparameters; `UsageError` where one is not of `space`."""
    check = active_checker(space)
    checked = []
    for number, config in enumerate(configurations, start=1):
        try:
            checked.append(check(config))
        except InvalidConfiguration as error:
            raise UsageError(
                f"the portfolio {file!r} is of another search space than the task: its configuration {number}: {error}"
            ) from None
    return checked
