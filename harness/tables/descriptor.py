"""What a table of trials means: which column is what. The keys of a descriptor file are the fields of these models."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from optathlon.budget import Budget
from optathlon.errors import UsageError, unknown
from optathlon.facts import Evaluation, Facts
from optathlon.plain_numbers import Real, Whole
from optathlon.problem import TaskType
from optathlon.yaml_file import read_yaml

_TYPES = {
    (False, False): TaskType.BLACKBOX,
    (True, False): TaskType.MULTI_FIDELITY,
    (False, True): TaskType.MULTI_OBJECTIVE,
    (True, True): TaskType.MULTI_FIDELITY_OBJECTIVE,
}
"""By whether there is a fidelity, and whether there are several objectives."""

_ID = re.compile(r"[\w.+=@-]+(/[\w.+=@-]+)+")


def _listed(value: object) -> object:
    """One value as a list of it, and all values as text."""
    match value:
        case list() | tuple():
            return [str(item) if isinstance(item, int | float) else item for item in value]
        case str() | int() | float():
            return [str(value)]
        case _:
            return value


Texts = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HyperparameterColumn(_Part):
    """A hyperparameter; its kind alone may stand for all of it.

    Attributes
    ----------
    kind:
        `"float"` and `"integer"` have a range, `"ordinal"` has ordered levels, `"categorical"` unordered ones.
        `"shares"` are n columns whose sum is 1: the floats `NAME_1` to `NAME_(n-1)` of `optathlon.shares`.
    column:
        By default the one of the hyperparameter's name. Several are one choice: each combination that there is.
    character:
        Only this character of the column's text counts, from 1 on: `"02012100"` holds eight choices.
    log:
        Whether the range is searched on a logarithmic scale.
    lower, upper:
        The range; by default that of the task's rows. Rows outside of it are left out.
    levels:
        All levels, in their order; by default those of the task's rows, numbers ascending.
    when:
        The hyperparameter is active only where these others have one of these values. Its cells count only there.
    """

    kind: Literal["float", "integer", "ordinal", "categorical", "shares"]
    column: Texts = ()
    character: Annotated[Whole, Field(ge=1)] | None = None
    log: bool = False
    lower: Real | None = None
    upper: Real | None = None
    levels: Texts = ()
    when: dict[str, Texts] = {}

    @model_validator(mode="before")
    @classmethod
    def _from_kind(cls, value: object) -> object:
        return {"kind": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.kind not in ("ordinal", "categorical") and (self.levels or self.character is not None):
            raise ValueError(
                f"of the kind {self.kind} it has no levels and no character: make it ordinal or categorical"
            )
        if self.kind not in ("categorical", "shares") and len(self.column) > 1:
            raise ValueError(f"of the kind {self.kind} it has one column: make it categorical")
        if self.kind == "shares" and len(self.column) < 2:
            raise ValueError("shares are of several columns: give them as column: [first, second]")
        if not self.has_range and (self.log or self.lower is not None or self.upper is not None):
            raise ValueError(f"of the kind {self.kind} it has no range: leave out log, lower and upper")
        if self.lower is not None and self.upper is not None and self.lower >= self.upper:
            raise ValueError(f"lower is {self.lower:g}, and upper {self.upper:g}: give a lower one below the upper one")
        if self.log and self.lower is not None and self.lower <= 0:
            raise ValueError(f"lower is {self.lower:g}, but a log scale begins above 0")
        if self.kind == "integer" and not all(
            bound is None or bound.is_integer() for bound in (self.lower, self.upper)
        ):
            raise ValueError("the bounds of an integer must be whole")
        if len(set(self.levels)) < len(self.levels):
            raise ValueError("a level stands twice in levels: leave one out")
        return self

    @property
    def has_range(self) -> bool:
        """Whether it is a number between bounds."""
        return self.kind in ("float", "integer")


class ObjectiveColumn(_Part):
    """An objective; its direction alone may stand for all of it.

    Attributes
    ----------
    direction:
        `"minimize"` or `"maximize"`.
    column:
        By default the one of the objective's name.
    test:
        The column of the same score on test data: the metric `test/NAME`, which no optimizer sees, is its mean over a
        configuration's repetitions.
    lower, upper, reference:
        As in `optathlon.Objective`; the reference is by default the worst value that the task's rows have.
    """

    direction: Literal["minimize", "maximize"]
    column: str = ""
    test: str = ""
    lower: Real | None = None
    upper: Real | None = None
    reference: Real | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_direction(cls, value: object) -> object:
        return {"direction": value} if isinstance(value, str) else value


class FidelityColumn(_Part):
    """The fidelity, whose levels are those of the task's rows; the column's name alone may stand for all of it.

    Attributes
    ----------
    column:
        Numbers above 0.
    log, resumable:
        As in `optathlon.Fidelity`.
    """

    column: str
    log: bool = False
    resumable: bool = False

    @model_validator(mode="before")
    @classmethod
    def _from_column(cls, value: object) -> object:
        return {"column": value} if isinstance(value, str) else value


class StatusColumn(_Part):
    """Where the table says which trials failed; the column's name alone may stand for all of it.

    Attributes
    ----------
    column:
        Text.
    ok:
        What stands there of a trial that didn't fail.
    """

    column: str
    ok: Texts = ("ok",)

    @model_validator(mode="before")
    @classmethod
    def _from_column(cls, value: object) -> object:
        return {"column": value} if isinstance(value, str) else value


class Descriptor(_Part):
    """What a table means, and the tasks that come of it.

    Attributes
    ----------
    id:
        Of the task, `"collection/name"`; with groups, the tasks' ids go on with the group's values.
    table:
        The file, `.csv` or `.parquet`; a relative path is below the descriptor's folder.
    hyperparameters, objectives:
        By name, at least one of each.
    fidelity:
        The column whose levels trade cost for accuracy.
    cost:
        The column of the seconds that the evaluation took from scratch.
    seed:
        The column that tells the repetitions of a configuration apart: a trial's seed picks one of them.
    metrics:
        Further columns of numbers, which no optimizer sees.
    status:
        The column that says which trials failed.
    group:
        The columns whose values make tasks of their own.
    where:
        Only rows that have one of these values in these columns count.
    answer:
        `"exact"` knows the table's own configurations only; `"nearest"` answers with the one that is nearest in the
        unit cube, and `"surrogate"` with a random forest that is fitted to all.
    missing:
        Whether what has no row or no value is a failed trial, `"failure"`, or a table is refused that has such gaps.
    duplicates:
        Whether rows of the same configuration, level and seed are `"repetitions"`, or refused.
    budget, version:
        As in `optathlon.as_task`; the budget is by default `Budget.for_dimension`.
    description, domain, licence, citation:
        As in `optathlon.facts.Facts`.
    """

    id: str
    table: str = Field(min_length=1)
    hyperparameters: dict[str, HyperparameterColumn] = Field(min_length=1)
    objectives: dict[str, ObjectiveColumn] = Field(min_length=1)
    fidelity: FidelityColumn | None = None
    cost: str | None = None
    seed: str | None = None
    metrics: Texts = ()
    status: StatusColumn | None = None
    group: Texts = ()
    where: dict[str, Texts] = {}
    answer: Literal["exact", "nearest", "surrogate"] = "exact"
    missing: Literal["failure", "refuse"] = "refuse"
    duplicates: Literal["repetitions", "refuse"] = "refuse"
    budget: str | None = None
    version: str = "1"
    description: str = ""
    domain: str = "unknown"
    licence: str = "unstated"
    citation: str = ""

    @field_validator("id")
    @classmethod
    def _id(cls, value: str) -> str:
        if not _ID.fullmatch(value):
            raise ValueError(f"give 'collection/name' of letters, digits and . _ - + = @, not {value!r}")
        return value

    @field_validator("budget", mode="before")
    @classmethod
    def _budget(cls, value: object) -> object:
        try:
            return str(Budget.parse(str(value)))
        except UsageError as error:
            raise ValueError(str(error)) from None

    @model_validator(mode="after")
    def _answerable(self) -> Self:
        floats = [name for name, one in self.hyperparameters.items() if one.kind in ("float", "shares")]
        if self.answer == "exact" and floats:
            raise ValueError(
                f"an exact look-up knows no values between those of the table, and {', '.join(floats)} would have "
                "some: make it ordinal, or say `answer: nearest` or `answer: surrogate`"
            )
        return self

    @property
    def searched(self) -> dict[str, HyperparameterColumn]:
        """The hyperparameters that optimizers get, by name: shares are several."""
        found: dict[str, HyperparameterColumn] = {}
        for name, one in self.hyperparameters.items():
            if one.kind == "shares":
                part = HyperparameterColumn(kind="float", lower=0, upper=1, when=one.when)
                found |= dict.fromkeys(share_names(name, one.column), part)
            else:
                found[name] = one
        return found

    def columns(self) -> list[str]:
        """Every column that is read, once."""
        return list(dict.fromkeys(filter(None, self._columns())))

    def _columns(self) -> Iterator[str]:
        for name, hyperparameter in self.hyperparameters.items():
            yield from hyperparameter.column or (name,)
        for name, objective in self.objectives.items():
            yield objective.column or name
            yield objective.test
        yield from (one.column for one in (self.fidelity, self.status) if one)
        yield from (self.cost or "", self.seed or "", *self.metrics, *self.group, *self.where)

    @property
    def evaluation(self) -> Evaluation:
        """What a trial of its tasks does."""
        return Evaluation.SURROGATE if self.answer == "surrogate" else Evaluation.TABLE

    def facts(self, **others: Any) -> Facts:
        """What is known of its tasks without reading the table, with `others` by name.

        A task has less where its rows have one value of a hyperparameter only.
        """
        kinds = Counter(one.kind for one in self.searched.values())
        known: dict[str, Any] = {
            "floats": kinds["float"],
            "integers": kinds["integer"],
            "ordinals": kinds["ordinal"],
            "categoricals": kinds["categorical"],
            "conditional": any(one.when for one in self.hyperparameters.values()),
            "log": any(one.log for one in self.hyperparameters.values()),
            "objectives": len(self.objectives),
            "noisy": self.answer != "surrogate" and (self.seed is not None or self.duplicates == "repetitions"),
            "fidelity": self.fidelity.column if self.fidelity else "",
            "resumable": bool(self.fidelity and self.fidelity.resumable),
            "optimum": self.answer != "surrogate",
            "licence": self.licence,
            "citation": self.citation,
        }
        return Facts(
            type=_TYPES[self.fidelity is not None, len(self.objectives) > 1],
            kind=self.evaluation,
            domain=self.domain,
            description=self.description,
            **{**known, **others},
        )

    def semantics(self) -> str:
        """What of it decides the tasks' values, as text."""
        return self.model_dump_json(exclude={"table", "budget", "description", "domain", "licence", "citation"})


def share_names(name: str, columns: Sequence[str]) -> list[str]:
    """The names of the floats that stand for shares."""
    return [f"{name}_{place}" for place in range(1, len(columns))]


def read_descriptor(path: Path) -> dict[str, Any]:
    """The keys of a descriptor file; `UsageError` where it is none."""
    content = read_yaml(path, "table descriptor")
    if not isinstance(content, dict):
        raise UsageError(f"{str(path)!r} must be a mapping with keys such as id, table, hyperparameters and objectives")
    return content


def mistakes(error: ValidationError) -> list[str]:
    """All that is wrong with a descriptor's keys and values, a line each."""
    return list(dict.fromkeys(map(_mistake, error.errors())))


def _mistake(found: Any) -> str:
    place = ".".join(map(str, found["loc"]))
    match found["type"]:
        case "extra_forbidden":
            *above, key = found["loc"]
            return str(unknown("key", str(key), _fields(above), where=".".join(map(str, above))))
        case "missing":
            return f"{place} is missing: give it"
        case _:
            text = found["msg"].removeprefix("Value error, ")
            return f"{place}: {text[0].lower()}{text[1:]}"


def _fields(place: list[str | int]) -> list[str]:
    """The keys that there are at a place in a descriptor."""
    parts: dict[str, type[_Part]] = {
        "hyperparameters": HyperparameterColumn,
        "objectives": ObjectiveColumn,
        "fidelity": FidelityColumn,
        "status": StatusColumn,
    }
    return list((parts[str(place[0])] if place else Descriptor).model_fields)
