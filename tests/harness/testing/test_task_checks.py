"""The conformance suite finds each kind of broken task, and passes good ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from conformance import failures

from optathlon.errors import UsageError
from optathlon.registry.plugins import load_plugin
from optathlon.registry.tasks import task_ids
from optathlon.testing.conformance import collection_checks, optimizer_checks, task_checks

TASKS = """
import itertools
import threading
from dataclasses import replace

from ConfigSpace import ConfigurationSpace

from optathlon import Budget, Collection, Fidelity, Objective, Problem, Result, Task, TaskType, as_task
from optathlon.facts import Evaluation, Facts

SPACE = {"x": (0.0, 1.0), "kind": ["a", "b"]}
numbers = itertools.count()


class Toy(Task):
    metadata = {"dimension": 2}
    objectives = (Objective("value", lower=0.0, upper=2.0),)
    fidelity = None

    def __init__(self, id):
        self.id = id
        self._problem = Problem(ConfigurationSpace(SPACE), self.objectives, self.fidelity, budget=Budget(10))

    @property
    def problem(self):
        return self._problem

    def evaluate(self, config, *, fidelity, seed):
        return Result((config["x"] + seed / 2**32,))


class Good(Toy):
    fidelity = Fidelity("epochs", 1, 9, "int")


class OtherId(Toy):
    def __init__(self, id):
        super().__init__(id + "-other")


class Metadata(Toy):
    metadata = {"lock": threading.Lock()}


class Raises(Toy):
    def evaluate(self, config, *, fidelity, seed):
        raise RuntimeError("never works")


class RaisesSometimes(Toy):
    def evaluate(self, config, *, fidelity, seed):
        return Result((1 / (config["kind"] == "a"),))


class NoResult(Toy):
    def evaluate(self, config, *, fidelity, seed):
        return config["x"]


class NaN(Toy):
    def evaluate(self, config, *, fidelity, seed):
        return Result((float("nan"),))


class WrongNumber(Toy):
    def evaluate(self, config, *, fidelity, seed):
        return Result((1.0, 2.0))


class OutsideItsBounds(Toy):
    def evaluate(self, config, *, fidelity, seed):
        return Result((config["x"] + 2,))


class Unrepeatable(Toy):
    def evaluate(self, config, *, fidelity, seed):
        return Result((config["x"] + next(numbers) / 1e6,))


class LowLevelsFail(Good):
    def evaluate(self, config, *, fidelity, seed):
        if fidelity < 2:
            raise ValueError("too low")
        return Result((config["x"],))


class Misnamed(Toy):
    def evaluate(self, config, *, fidelity, seed):
        return Result((config["x"],), metrics={"test/mistakes": 1.0})


class Named(Toy):
    objectives = (Objective("val_loss"),)

    def evaluate(self, config, *, fidelity, seed):
        return Result((config["x"],), metrics={"test/loss": 1.0, "test/length": 2.0})


class HolesBetweenLevels(Good):
    def evaluate(self, config, *, fidelity, seed):
        return Result(({1: 0.5, 2: 0.4, 9: 0.2}[fidelity],))


class DeclaredLevels(HolesBetweenLevels):
    fidelity = Fidelity("epochs", levels=(1, 2, 9))


class MissingLevel(HolesBetweenLevels):
    fidelity = Fidelity("epochs", levels=(1, 2, 4, 9))


class FickleFingerprint(Toy):
    def fingerprint(self):
        return str(next(numbers))


class RaisingFingerprint(Toy):
    def fingerprint(self):
        raise RuntimeError("no fingers")


class TextMetrics(Toy):
    def evaluate(self, config, *, fidelity, seed):
        return Result((config["x"],), metrics={"note": "good"})


class NeedsInactive(Toy):
    def evaluate(self, config, *, fidelity, seed):
        return Result((config["missing"],))


class NoProblem(Toy):
    @property
    def problem(self):
        raise RuntimeError("no problem")


class Together(Toy):
    def evaluate_many(self, configs, *, fidelity, seeds):
        return [self.evaluate(config, fidelity=fidelity, seed=seed) for config, seed in zip(configs, seeds)]


class OtherTogether(Toy):
    def evaluate_many(self, configs, *, fidelity, seeds):
        return [self.evaluate(config, fidelity=fidelity, seed=seeds[0]) for config in configs]


class TooFewTogether(Together):
    def evaluate_many(self, configs, *, fidelity, seeds):
        return super().evaluate_many(configs, fidelity=fidelity, seeds=seeds)[1:]


KINDS = {name: cls for name, cls in vars().items() if isinstance(cls, type) and issubclass(cls, Toy) and cls is not Toy}


class Kinds(Collection):
    name = "kinds"
    description = "All kinds of broken tasks."

    def ids(self):
        return (f"kinds/{name}" for name in KINDS)

    def make(self, id):
        return KINDS[id.partition("/")[2]](id)


FACTS = Facts(
    type=TaskType.BLACKBOX, kind=Evaluation.FUNCTION, domain="none", description="A toy.", floats=1, categoricals=1
)


class Known(Collection):
    name = "known"
    description = "Toys of which is known what they are."

    def ids(self):
        return (f"known/{number}" for number in range(3))

    def make(self, id):
        if id not in set(self.ids()):
            raise KeyError(id)
        return Toy(id)

    def facts(self):
        yield FACTS, ["known/0", "known/1"]
        yield replace(FACTS, floats=2), ["known/2"]


class Careless(Known):
    name = "careless"

    def make(self, id):
        return Toy(id)


class Unordered(Known):
    name = "unordered"

    def ids(self):
        return ("unordered/b", "unordered/a")

    def facts(self):
        yield FACTS, ["unordered/a", "unordered/b"]


class Doubled(Unordered):
    name = "doubled"

    def ids(self):
        return ["doubled/a"] * 2

    def facts(self):
        yield replace(FACTS, description=""), ["doubled/a"]


@as_task("plain/good", space=SPACE)
def good(config):
    return config["x"]
"""


@pytest.fixture(autouse=True)
def plugins(own_plugins: None, tmp_path: Path) -> None:
    (tmp_path / "own_tasks.py").write_text(TASKS)
    load_plugin(tmp_path / "own_tasks.py")


@pytest.mark.parametrize(
    "id",
    ["kinds/Good", "kinds/DeclaredLevels", "kinds/Named", "kinds/Together", "plain/good", "known/0", "mfh/3d/good"],
)
def test_good_tasks_pass(id: str) -> None:
    if id.startswith("mfh"):
        id = next(iter(task_ids("mfh")))
    checks = task_checks(id)
    assert len(checks) >= 5
    assert failures(checks) == {}


@pytest.mark.parametrize(
    ("kind", "check", "message"),
    [
        ("OtherId", "id", "kinds/OtherId-other"),
        ("Metadata", "metadata", "JSON"),
        ("Raises", "evaluated", "never works"),
        ("RaisesSometimes", "evaluated", "ZeroDivisionError"),
        ("NoResult", "evaluated", "not a Result"),
        ("NaN", "evaluated", "nan"),
        ("WrongNumber", "evaluated", "2 values for 1 objective"),
        ("OutsideItsBounds", "evaluated", "outside [0.0, 2.0]"),
        ("Unrepeatable", "same seed", "with the same seed"),
        ("LowLevelsFail", "level", "too low"),
        ("Misnamed", "test metrics", "test/mistakes would not be scored: call what tests the objective"),
        ("HolesBetweenLevels", "level", "level 3 is crashed (where not all levels exist, declare those that do"),
        ("MissingLevel", "level", "level 4 is crashed"),
        ("FickleFingerprint", "fingerprint", "and then"),
        ("RaisingFingerprint", "fingerprint", "no fingers"),
        ("TextMetrics", "evaluated", "note"),
        ("NeedsInactive", "evaluated", "KeyError"),
        ("NoProblem", "evaluated", "no problem"),
        ("OtherTogether", "several at once", "alone, and Result"),
        ("TooFewTogether", "several at once", "gave 11 results for 12"),
        ("known/2", "what is known", "the facts say that floats is 2, and the problem that it is 1"),
    ],
)
def test_broken_tasks_are_found(kind: str, check: str, message: str) -> None:
    found = failures(task_checks(kind if "/" in kind else f"kinds/{kind}"))
    assert any(check in title and message in text for title, text in found.items()), found


@pytest.mark.parametrize("name", ["known", "plain", "mfh", "pymoo", "llm", "llm-table"])
def test_good_collections_pass(name: str) -> None:
    assert failures(collection_checks(name)) == {}


@pytest.mark.parametrize(
    ("name", "check", "message"),
    [
        ("unordered", "facts", "'unordered/a' where the id 'unordered/b' is listed"),
        ("doubled", "once", "1 of 2 ids are listed again"),
        ("doubled", "facts", "there are 2 ids, and facts of 1"),
        ("careless", "refused", "'careless/' is made"),
        ("kinds", "facts", "no problem"),
    ],
)
def test_broken_collections_are_found(name: str, check: str, message: str) -> None:
    found = failures(collection_checks(name))
    assert any(check in title and message in text for title, text in found.items()), found


def test_unknown_ids_are_a_usage_error() -> None:
    with pytest.raises(UsageError, match="did you mean 'random'"):
        optimizer_checks("randon")
    with pytest.raises(UsageError, match="kinds/Good"):
        task_checks("kinds/God")
