"""Runs that other code did: an optimizer's source was edited since, or its libraries have other versions now.

Runs of different code are never mixed unless the user says so: `--fresh NAME` does those of the command again, and
`--keep-old` leaves them as they are.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
import pyarrow as pa

from optathlon.errors import UsageError, unknown
from optathlon.registry.code import Code
from optathlon.results.codes import StoredRuns, runs_by_code

Choices = Callable[[Sequence[str]], str]
"""What a user can do about results of other code of these optimizers, as an imperative."""


@dataclass(frozen=True)
class CodePolicy:
    """What to do with runs of other code.

    Attributes
    ----------
    fresh:
        Optimizers whose runs are done again: ids, names without options, or patterns with `*`.
    keep_old:
        Whether those of all others stay as they are; by default they are refused.
    """

    fresh: Sequence[str] = ()
    keep_old: bool = False

    def runs_to_repeat(self, stored: pa.Table, codes: Mapping[str, Code], where: str) -> dict[str, int]:
        """The attempts of those stored runs that are not to count as done, by run.

        They are those of optimizers that are to be fresh, of other or unknown code, and those that other code could not
        do (skipped): they hold no results, and this code may be able to.

        Parameters
        ----------
        stored:
            The finished runs: `run`, `attempt`, and the columns of `optathlon.results.codes.CODE_COLUMNS`.
        codes:
            Which code each optimizer is now, by id.
        where:
            The results folder, for messages.

        Raises `UsageError` where results of other code are neither to be repeated nor kept, and where `fresh` names
        none of the optimizers.
        """
        for pattern in self.fresh:
            if not any(_names(pattern, optimizer) for optimizer in codes):
                raise unknown("optimizer", pattern, codes, where="what is to be fresh")
        others = _of_other_code(stored, codes)
        repeated = [runs for runs in others if self._is_fresh(runs.optimizer)]
        kept = [runs for runs in others if not self._is_fresh(runs.optimizer)]
        self._refuse(kept, codes, where, _repeat_or_keep)
        undone = [runs.rows[runs.skipped] for runs in kept if runs.code]
        rows = np.concatenate([*(runs.rows for runs in repeated), *undone, []]).astype(int)
        found = stored.select(["run", "attempt"]).take(rows).to_pydict()
        return {run: attempt or 1 for run, attempt in zip(found["run"], found["attempt"], strict=True)}

    def refuse_staying(self, stored: pa.Table, codes: Mapping[str, Code], where: str) -> None:
        """Raise `UsageError` where results of other code stay beside those that this code is about to repeat."""
        self._refuse(_of_other_code(stored, codes), codes, where, _keep_or_run)

    def _is_fresh(self, optimizer: str) -> bool:
        return any(_names(pattern, optimizer) for pattern in self.fresh)

    def _refuse(self, others: Iterable[StoredRuns], codes: Mapping[str, Code], where: str, choices: Choices) -> None:
        found: dict[str, list[str]] = {}
        for runs in others:
            difference = runs.code.difference(codes[runs.optimizer])
            if runs.results and difference:
                line = f"{_counted(runs.results)} of {runs.optimizer!r}: {difference}"
                found.setdefault(runs.optimizer, []).append(line)
        if found and not self.keep_old:
            listed = "; ".join(line for lines in found.values() for line in lines)
            raise UsageError(f"{where!r} has results of other code than now ({listed}): {choices(list(found))}")


REFUSING = CodePolicy()
"""Results of other code are neither repeated nor kept."""


def _of_other_code(stored: pa.Table, codes: Mapping[str, Code]) -> list[StoredRuns]:
    return [runs for runs in runs_by_code(stored) if codes.get(runs.optimizer, runs.code) != runs.code]


def _repeat_or_keep(optimizers: Sequence[str]) -> str:
    fresh = " ".join(f"--fresh {shlex.quote(optimizer)}" for optimizer in optimizers)
    return (
        f"add {fresh} to do the runs of this command again, or --keep-old to keep the old ones beside new ones, or "
        "give another --out folder"
    )


def _keep_or_run(optimizers: Sequence[str]) -> str:
    fresh = " ".join(f"--fresh {shlex.quote(optimizer)}" for optimizer in optimizers)
    return f"do all again by `optathlon run … {fresh}`, or add --keep-old to keep the others beside the repeated ones"


def _names(pattern: str, optimizer: str) -> bool:
    """Whether a pattern, or a name without options, means the optimizer; its brackets mean themselves."""
    known = (optimizer, optimizer.partition("[")[0])
    return any(fnmatchcase(name, pattern.replace("[", "[[]")) for name in known)


def _counted(runs: int) -> str:
    return f"{runs} run{'s' if runs > 1 else ''}"
