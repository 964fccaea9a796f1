"""The language of `--where`."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optathlon import Capability, TaskType
from optathlon.errors import UsageError
from optathlon.facts import Evaluation, Facts
from optathlon.optimizers.random import RandomSearch
from optathlon.registry.conditions import Subject, parse_condition
from optathlon.registry.where import OPTIMIZERS, TASKS, of_optimizer, of_task

FACTS = Facts(
    type=TaskType.MULTI_FIDELITY,
    kind=Evaluation.TRAINING,
    domain="tabular data",
    description="A forest on Iris.",
    floats=2,
    categoricals=1,
    conditional=True,
    fidelity="epochs",
    licence="BSD-3-Clause",
)


class Searcher(RandomSearch):
    capabilities = frozenset({Capability.CONDITIONS, Capability.MULTI_FIDELITY, Capability.CONSTANT_SPACES})


def holds(where: str, facts: Facts = FACTS) -> bool:
    return parse_condition(where, TASKS)(of_task("mine", facts))


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("conditions", True),
        ("Conditions , multi-fidelity", True),
        ("multi_fidelity,constant-spaces", True),
        ("conditions,categoricals", False),
        ("categoricals or conditions", True),
        ("categoricals or constraints", False),
        ("categoricals or conditions,not asynchronous", True),
        ("not conditions", False),
        ("not conditions or constant spaces", True),
        ("NOT conditions or Constant  Spaces", True),
        ("constraints or not asynchronous", True),
        ("not (conditions and categoricals)", True),
        ("deterministic", True),
        ("conditions == true, asynchronous == false", True),
        ("conditions,", True),
    ],
)
def test_capabilities_of_optimizers(where: str, expected: bool) -> None:
    assert parse_condition(where, OPTIMIZERS)(of_optimizer(Searcher)) is expected


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ('dims<=10 and conditional and kind=="training"', True),
        ("dims <= 2", False),
        ("2 < dims <= 3", True),
        ("3 > dims", False),
        ("dims in (2, 3)", True),
        ("dims not in [3]", False),
        ("dims == 3.0 and floats != 3", True),
        ("floats > categoricals", True),
        ("-1 < dims", True),
        ("kind == training", True),
        ("kind == 'Training'", True),
        ("kind in (table, surrogate)", False),
        ("training == kind", True),
        ("kind != function", True),
        ("type == multi-fidelity", True),
        ("type == 'multi fidelity'", True),
        ("type == Multi-Fidelity-Objective", False),
        ("type in (multi-objective, multi-fidelity)", True),
        ("mixed, real, not noisy", True),
        ("constraints", False),
        ("fidelity", True),
        ("fidelity == 'Epochs'", True),
        ("fidelity == ''", False),
        ("'iris' in description", True),
        ("'wine' in description or 'forest' in description", True),
        ("'wine' not in description", True),
        ("licence == 'bsd-3-clause'", True),
        ("collection == 'mine'", True),
        ("not conditional == true", False),
        ("dims", True),
        ("seconds == none", True),
        ("seconds < 1", False),
        ("not seconds < 1", True),
    ],
)
def test_facts_of_tasks(where: str, expected: bool) -> None:
    assert holds(where) is expected


def test_what_nobody_measured_is_neither_more_nor_less() -> None:
    for where in ("seconds < 1", "seconds >= 1", "seconds"):
        assert not holds(where)
        assert holds(where, replace(FACTS, seconds=0.5)) is (where != "seconds >= 1")


def test_all_facts_can_be_asked_for() -> None:
    subject = of_task("mine", FACTS)
    assert subject.keys() == TASKS.kinds.keys()
    assert {one.name for one in fields(Facts)} | {"collection", "dims", "mixed", "real"} == TASKS.kinds.keys()
    for name, value in subject.items():
        kind = TASKS.kinds[name]
        assert value is None or isinstance(value, (int, float) if kind is float else kind)
        assert kind is not bool or value in (True, False)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("dim <= 3", "unknown fact 'dim' in --where: did you mean 'dims'?"),
        ("xyzzy", "known: categoricals, citation, collection"),
        ("kind == 'trainings'", "unknown choice 'trainings' in --where: did you mean 'training'?"),
        ("kind == forest", "unknown choice 'forest'"),
        ("type == multi-fidelty", "did you mean 'multi-fidelity'?"),
        ("dims == 'three'", "dims is a number and 'three' is a text"),
        ("conditional == 1", "conditional is yes or no and 1 is a number"),
        ("licence < 3", "licence is a text"),
        ("'a' in dims", "'in' looks for a text"),
        ("dims = 3", "can't read 'dims = 3'"),
        ("dims <=", "can't read"),
        ("dims && noisy", "can't read"),
        ("'conditional'", "can't read"),
        ("3", "can't read '3'"),
        ("dims + 1 > 3", "can't read 'dims + 1'"),
        ("dims is 3", "can't read"),
        ("9" * 3000, "3,000 characters"),
        ("9" * 1999, "can't read"),
        ("(" * 1000, "can't read"),
        ("dims.real", "can't read 'dims.real'"),
        ("dims()", "can't read"),
        ("__import__('os').abort()", "can't read"),
        ("(lambda: 1)()", "can't read"),
        ("[dims for dims in (1, 2)]", "can't read"),
        ("dims if noisy else floats", "can't read"),
        ("(dims := 3)", "can't read"),
        ("f'{dims}' in description", "can't read"),
        ("", "--where needs a condition"),
    ],
)
def test_what_is_no_condition_is_refused_in_one_line(where: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_condition(where, TASKS)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("condtions", "did you mean 'conditions'?"),
        ("not multifidelity", "unknown capability 'multifidelity' in --where: did you mean 'multi-fidelity'?"),
        ("not multi-fidelty", "unknown capability 'multi-fidelty' in --where: did you mean 'multi-fidelity'?"),
        ("conditional", "did you mean 'conditions'?"),
        ("or", "can't read 'or'"),
        ("conditions categoricals", "can't read"),
        (" ", "--where needs a condition: give one such as 'categoricals or conditions, not asynchronous'"),
    ],
)
def test_unknown_capabilities_are_named_with_what_there_is(where: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_condition(where, OPTIMIZERS)
    assert message in str(caught.value)


SIMPLE = st.sampled_from(["conditional", "noisy", "dims <= 2", "floats == 2", "kind == table"])


def combined(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("({} and {})".format, parts, parts),
        st.builds("({} or {})".format, parts, parts),
        st.builds("(not {})".format, parts),
    )


@given(st.recursive(SIMPLE, combined), st.booleans(), st.integers(0, 4))
def test_conditions_mean_what_python_means(where: str, conditional: bool, floats: int) -> None:
    facts = replace(FACTS, conditional=conditional, floats=floats)
    known: dict[str, Any] = {**of_task("mine", facts), "table": "table"}
    assert holds(where, facts) is bool(eval(where, {}, known))


@given(st.text(max_size=40))
def test_any_text_is_a_condition_or_refused(text: str) -> None:
    subject: Subject = of_task("mine", FACTS)
    try:
        condition = parse_condition(text, TASKS)
    except UsageError as error:
        assert str(error)
    else:
        assert condition(subject) in (True, False)
