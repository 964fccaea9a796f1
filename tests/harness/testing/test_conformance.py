"""The conformance suite finds each kind of broken optimizer and task, and passes good ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from optathlon.errors import UsageError
from optathlon.registry.plugins import load_plugin, optimizer_names
from optathlon.registry.tasks import task_ids
from optathlon.testing import conformance
from optathlon.testing.conformance import Check, NonConformance, collection_checks, optimizer_checks, task_checks

OPTIMIZERS = '''
import random
from dataclasses import replace
from itertools import count

from optathlon import Capability, Optimizer, Trial
from optathlon.optimizer import Pending
from optathlon.optimizers.random import RandomSearch


class Good(RandomSearch):
    pass


class WaitsForResults(RandomSearch):
    """Synchronous: one trial at a time."""

    def __init__(self, problem, seed):
        super().__init__(problem, seed)
        self.pending = 0

    def ask(self):
        if self.pending:
            return None
        self.pending += 1
        return super().ask()

    def tell(self, trial, result):
        self.pending -= 1


class Waits(WaitsForResults):
    """Waits for each result."""

    pending = Pending.WAITS


class OneTrialAtATime(RandomSearch):
    """Is asked only while nothing is pending."""

    capabilities = RandomSearch.capabilities - {Capability.ASYNCHRONOUS}


class NeverWaits(RandomSearch):
    """Says that it waits."""

    pending = Pending.WAITS


class WithoutReference(RandomSearch):
    """A method."""

    reference = "Someone 2020"


class WithoutDocstring(RandomSearch):
    pass


class RaisesAtStart(RandomSearch):
    def __init__(self, problem, seed):
        raise RuntimeError("no start")


class OutOfBounds(RandomSearch):
    def ask(self):
        trial = super().ask()
        return replace(trial, config={k: v * 1000 + 1 if isinstance(v, float) else v for k, v in trial.config.items()})


class MissingValues(RandomSearch):
    def ask(self):
        return Trial(dict(list(super().ask().config.items())[1:]))


class IgnoresForbidden(RandomSearch):
    def ask(self):
        trial = super().ask()
        config = dict(trial.config)
        if "batch" in config:
            config |= {"kind": "adam", "batch": 16}
            config.pop("momentum", None)
        return replace(trial, config=config)


class NotATrial(RandomSearch):
    def ask(self):
        return super().ask().config


class StopsEarly(RandomSearch):
    def __init__(self, problem, seed):
        super().__init__(problem, seed)
        self.left = 5

    def ask(self):
        self.left -= 1
        return super().ask() if self.left >= 0 else None


class StopsWhenItLikes(RandomSearch):
    """The same trials each time, but not as many."""

    runs = count()

    def __init__(self, problem, seed):
        super().__init__(problem, seed)
        self.left = 5 + next(self.runs) % 2

    def ask(self):
        self.left -= 1
        return super().ask() if self.left >= 0 else None


class UsesGlobalRandomness(RandomSearch):
    def __init__(self, problem, seed):
        super().__init__(problem, random.randrange(2**31))


class RandomLevels(RandomSearch):
    """As many trials as its levels, which no seed drives, happen to cost."""

    capabilities = RandomSearch.capabilities | {Capability.MULTI_FIDELITY}
    requires = frozenset({Capability.MULTI_FIDELITY})

    def ask(self):
        return replace(super().ask(), fidelity=random.choice([1, 3, 9, 27]))


class LevelsOutOfRange(RandomSearch):
    requires = frozenset({Capability.MULTI_FIDELITY})

    def ask(self):
        return replace(super().ask(), fidelity=81)


class RemembersAcrossRuns(RandomSearch):
    runs = count()

    def __init__(self, problem, seed):
        super().__init__(problem, next(self.runs))


class NeedsValues(RandomSearch):
    def tell(self, trial, result):
        self.best = result.values[0]


class RaisesOnFailures(RandomSearch):
    def tell(self, trial, result):
        if not result.ok:
            raise RuntimeError("no failures, please")


class OneAtATime(RandomSearch):
    """Declares that it copes with pending trials, and does not."""

    def __init__(self, problem, seed):
        super().__init__(problem, seed)
        self.pending = False

    def ask(self):
        if self.pending:
            raise RuntimeError("tell me first")
        self.pending = True
        return super().ask()

    def tell(self, trial, result):
        self.pending = False


class NonsenseWhilePending(RandomSearch):
    def __init__(self, problem, seed):
        super().__init__(problem, seed)
        self.pending = 0

    def ask(self):
        self.pending += 1
        return super().ask() if self.pending == 1 else Trial({"nonsense": 1})

    def tell(self, trial, result):
        self.pending -= 1


class TellsInOrder(RandomSearch):
    """Takes it that the result is that of the trial asked last."""

    def ask(self):
        self.last = super().ask()
        return self.last

    def tell(self, trial, result):
        if dict(trial.config) != dict(self.last.config):
            raise RuntimeError("which trial is that?")


class ContinuesUnresumable(RandomSearch):
    capabilities = RandomSearch.capabilities | {Capability.MULTI_FIDELITY}
    requires = frozenset({Capability.MULTI_FIDELITY})

    def __init__(self, problem, seed):
        super().__init__(problem, seed)
        self.first = None

    def ask(self):
        if self.first:
            trial, self.first = self.first, None
            return Trial(trial.config, 27, parent=trial.id)
        return replace(super().ask(), fidelity=9)

    def tell(self, trial, result):
        self.first = trial if trial.parent is None else None


class FitsNothing(RandomSearch):
    requires = frozenset({Capability.MULTI_OBJECTIVE, Capability.CONSTRAINTS, Capability.RESUMABLE})


def hidden():
    class Local(RandomSearch):
        pass

    return Local


Local = hidden()


class Resuming(RandomSearch):
    """Continues every trial from a third of the levels, where it can."""

    capabilities = RandomSearch.capabilities | {Capability.MULTI_FIDELITY, Capability.RESUMABLE}
    requires = frozenset({Capability.RESUMABLE})

    def __init__(self, problem, seed):
        super().__init__(problem, seed)
        self.fidelity = problem.fidelity
        self.told = []

    def ask(self):
        if self.told:
            first = self.told.pop()
            return Trial(first.config, self.fidelity.upper, parent=first.id)
        return replace(super().ask(), fidelity=self.fidelity.lower)

    def tell(self, trial, result):
        if trial.parent is None and result.ok:
            self.told.append(trial)


class ResumesStrangers(Resuming):
    def ask(self):
        trial = super().ask()
        return trial if trial.parent is None else replace(trial, config=RandomSearch.ask(self).config)
'''

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
def plugins(own_plugins: None, tmp_path: Path) -> Path:
    (tmp_path / "own_tasks.py").write_text(TASKS)
    (tmp_path / "own_optimizers.py").write_text(OPTIMIZERS)
    for path in tmp_path.iterdir():
        load_plugin(path)
    return tmp_path


def failures(checks: list[Check]) -> dict[str, str]:
    found = {}
    for check in checks:
        try:
            check()
        except NonConformance as failure:
            found[str(check)] = str(failure)
    return found


@pytest.mark.parametrize("name", ["good", "waits-for-results", "resuming", "random", "sobol"])
def test_good_optimizers_pass(name: str) -> None:
    checks = optimizer_checks(name)
    assert len(checks) >= 5
    assert failures(checks) == {}


@pytest.mark.parametrize(
    ("name", "check", "message"),
    [
        ("raises-at-start", "legal trials", "no start"),
        ("out-of-bounds", "legal trials", "invalid"),
        ("missing-values", "legal trials", "no value for"),
        ("ignores-forbidden", "forbidden: proposes legal trials", "forbidden"),
        ("not-atrial", "legal trials", "crashed"),
        ("stops-early", "legal trials", "stalled"),
        ("stops-when-it-likes", "same seed", "trial 5 differs"),
        ("uses-global-randomness", "same seed", "trial 0 differs"),
        ("random-levels", "same seed", "differs"),
        ("levels-out-of-range", "multi-fidelity", "81"),
        ("remembers-across-runs", "same seed", "trial 0 differs"),
        ("needs-values", "after failed trials", "IndexError"),
        ("raises-on-failures", "after failed trials", "no failures, please"),
        ("one-at-atime", "pending", "tell me first"),
        ("nonsense-while-pending", "pending", "nonsense"),
        ("tells-in-order", "pending", "which trial is that?"),
        ("continues-unresumable", "multi-fidelity: proposes legal trials", "not resumable"),
        ("fits-nothing", "capabilities", "fit no task"),
        ("resumes-strangers", "legal trials", "another configuration"),
    ],
)
def test_broken_optimizers_are_found(name: str, check: str, message: str) -> None:
    found = failures(optimizer_checks(name))
    assert any(check in title and message in text for title, text in found.items()), found


@pytest.fixture
def registered(plugins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the plugins bring looks as if packages brought it."""
    names = {*optimizer_names()}
    monkeypatch.setattr(conformance, "declared", lambda group: names)


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("waits-for-results", "it waits for results: declare pending = Pending.WAITS"),
        ("one-trial-at-atime", "it is not asynchronous: declare pending = Pending.WAITS"),
        ("never-waits", "it waits for no result within 2000 trials"),
        ("without-reference", "its reference is 'Someone 2020': name authors and year, and a DOI"),
        ("without-docstring", "its docstring is empty"),
    ],
)
def test_what_a_registered_class_must_declare(name: str, message: str) -> None:
    found = failures(optimizer_checks(name))
    assert any(text.startswith(message) for text in found.values()), found


@pytest.mark.usefixtures("registered")
def test_a_registered_class_that_declares_it_passes() -> None:
    assert failures(optimizer_checks("waits")) == {}


def test_others_need_not_declare_it() -> None:
    assert failures(optimizer_checks("without-reference")) == {}


def test_a_class_that_workers_can_not_find_again_is_found(plugins: Path) -> None:
    found = failures(optimizer_checks(f"{plugins / 'own_optimizers.py'}:Local"))
    assert [title for title in found if "pickled" in title] == list(found)
    assert "top of a module" in found["the class can be pickled for worker processes"]


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
