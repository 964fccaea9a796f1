from __future__ import annotations

import inspect
import sys
from enum import StrEnum
from types import ModuleType
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optathlon import Optimizer, Problem, Result, Trial
from optathlon.errors import UsageError
from optathlon.options import Positive, Share, Weight
from optathlon.registry.options import canonical_options, checked_options, described_type, parse_options


class Colour(StrEnum):
    RED = "red"


class Adjustable(Optimizer):
    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        count: int = 1,
        rate: float = 0.5,
        restart: bool = False,
        method: Literal["ei", "ucb", "none"] = "ei",
        size: Literal[1, 2] = 1,
        limit: int | None = None,
        colour: Colour = Colour.RED,
        label: str = "",
    ) -> None: ...

    def ask(self) -> Trial:
        raise NotImplementedError

    def tell(self, trial: Trial, result: Result) -> None: ...


def checked(text: str) -> dict[str, Any]:
    return checked_options(Adjustable, parse_options(f"adjustable[{text}]")[1], "the optimizer 'adjustable'")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("count=3", 3),
        ("count=-3", -3),
        ("rate=1e-3", 0.001),
        ("rate=2", 2.0),
        ("restart=true", True),
        ("restart=no", False),
        ("method=ucb", "ucb"),
        ("method=none", "none"),
        ("size=2", 2),
        ("limit=none", None),
        ("limit=None", None),
        ("limit=7", 7),
        ("colour=red", Colour.RED),
        ("label=a=b", "a=b"),
        ("label=x/y.z", "x/y.z"),
        (" count = 3 ", 3),
    ],
)
def test_text_becomes_what_the_optimizer_declares(text: str, value: object) -> None:
    (found,) = checked(text).values()
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("count=many", "count=many"),
        ("count=1.5", "count=1.5"),
        ("count=none", "count=none"),
        ("rate=fast", "rate=fast"),
        ("restart=maybe", "restart=maybe"),
        ("method=pi", "'ei'"),
        ("colour=blue", "colour=blue"),
        ("cuont=3", "did you mean 'count'?"),
        ("problem=3", "unknown option 'problem'"),
        ("seed=3", "unknown option 'seed'"),
        ("self=3", "unknown option 'self'"),
        ("count", "write option=value"),
        ("=3", "unknown option ''"),
    ],
)
def test_what_it_does_not_declare_is_refused_in_one_line(text: str, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        checked(text)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("id", ["a[", "a]", "a[b=1", "a[b=1]c", "a[[b=1]]", "[b=1]", "", "a[b=1][c=2]"])
def test_misplaced_brackets_are_refused(id: str) -> None:
    with pytest.raises(UsageError, match="write NAME"):
        parse_options(id)


@pytest.mark.parametrize("id", ["a", "a[]", " a "])
def test_no_options(id: str) -> None:
    assert parse_options(id) == ("a", {})


def test_an_option_given_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="count"):
        checked("count=3,count=4")


options = st.fixed_dictionaries(
    {},
    optional={
        "count": st.integers(-1000, 1000),
        "rate": st.floats(allow_nan=False, allow_infinity=False),
        "restart": st.booleans(),
        "method": st.sampled_from(["ei", "ucb"]),
        "limit": st.none() | st.integers(0, 9),
        "label": st.text("abc-_./", min_size=1),
    },
)


@given(options)
def test_the_canonical_text_reads_back_and_knows_no_order(values: dict[str, Any]) -> None:
    text = canonical_options(values)
    assert checked(text[1:-1]) == values
    assert canonical_options(dict(reversed(values.items()))) == text
    assert canonical_options(checked(text[1:-1])) == text


def test_one_value_has_one_text() -> None:
    assert canonical_options(checked("count=03")) == canonical_options(checked("count=3")) == "[count=3]"
    assert canonical_options(checked("rate=1")) == canonical_options(checked("rate=1.0")) == "[rate=1.0]"
    assert canonical_options(checked("restart=yes")) == canonical_options(checked("restart=TRUE")) == "[restart=true]"
    assert canonical_options({}) == ""


def test_inherited_options_are_read_where_they_were_written(monkeypatch: pytest.MonkeyPatch) -> None:
    from optathlon.optimizers.smac import SmacBlackBox

    elsewhere = ModuleType("elsewhere")
    monkeypatch.setitem(sys.modules, "elsewhere", elsewhere)
    heir = type("Heir", (SmacBlackBox,), {"__module__": "elsewhere"})
    assert checked_options(heir, {"acquisition": "lcb"}, "heir") == {"acquisition": "lcb"}
    with pytest.raises(UsageError, match="'ei', 'pi' or 'lcb'"):
        checked_options(heir, {"acquisition": "best"}, "heir")


class Ranged:
    def __init__(
        self,
        problem: object,
        seed: int,
        *,
        trees: Positive = 1,
        share: Share | None = None,
        kind: Literal["a", "b"] = "a",
        step: float = 0.5,
        weight: Weight = 1.0,
    ) -> None: ...


def test_types_are_described_with_their_ranges() -> None:
    parameters = list(inspect.signature(Ranged).parameters.values())[2:]
    assert [described_type(Ranged, one) for one in parameters] == [
        "int >= 1",
        "float > 0 and <= 1 | None",
        "Literal['a', 'b']",
        "float",
        "float",
    ]


@pytest.mark.parametrize(("name", "value"), [("trees", "0"), ("share", "0"), ("share", "1.01"), ("weight", "inf")])
def test_values_out_of_range_are_refused(name: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"option {name}={value} of it: input should be "):
        checked_options(Ranged, {name: value}, "it")
